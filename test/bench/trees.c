/*
 * trees: many small nodes, built and torn down recursively.
 *
 *	trees ROUNDS DEPTH
 *
 * One long-lived binary tree of DEPTH levels; each round builds a short-lived
 * one of DEPTH / 2 and replaces a random subtree of the long-lived one.
 */
#include "bench.h"

typedef struct node {
	struct node *left, *right;
	uint64_t value;
} node_t;

static node_t *
tree_new(unsigned depth, uint64_t *rng, tally_t *tally)
{
	size_t size = sizeof(node_t) + (rng_next(rng) & 3) * 8;
	node_t *node = must(malloc(size));

	node->value = rng_next(rng);
	node->left = depth == 0 ? NULL : tree_new(depth - 1, rng, tally);
	node->right = depth == 0 ? NULL : tree_new(depth - 1, rng, tally);
	tally->made += node->value;
	tally->ops++;
	return node;
}

static void
tree_end(node_t *node, tally_t *tally)
{
	if (node == NULL) {
		return;
	}
	tree_end(node->right, tally);
	tree_end(node->left, tally);
	tally->gone += node->value;
	free(node);
}

/* Replace the subtree of `levels` levels at the end of a random path. */
static void
tree_graft(node_t *tree, unsigned depth, unsigned levels, uint64_t *rng,
    tally_t *tally)
{
	node_t **place;

	while (true) {
		place = (rng_next(rng) & 1) != 0 ? &tree->left : &tree->right;
		if (--depth <= levels) {
			break;
		}
		tree = *place;
	}
	tree_end(*place, tally);
	*place = tree_new(depth, rng, tally);
}

int
main(int argc, char **argv)
{
	size_t rounds = arg_at(argc, argv, 1, 100);
	unsigned depth = (unsigned)arg_at(argc, argv, 2, 16);
	tally_t tally = {0, 0, 0};
	uint64_t rng = 14;
	node_t *tree = tree_new(depth, &rng, &tally);
	size_t i;

	for (i = 0; i < rounds; i++) {
		node_t *brief = tree_new(depth / 2, &rng, &tally);

		tree_graft(tree, depth, depth / 2, &rng, &tally);
		tree_end(brief, &tally);
	}
	tree_end(tree, &tally);
	return bench_end(&tally);
}
