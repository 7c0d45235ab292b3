#include "ds/pairing_heap.h"

#include "support/harness.h"

#include <stdlib.h>
#include <string.h>

#include "ds/prng.h"
#include "platform/compiler.h"

#define NITEMS 200

typedef struct {
	ph_node_t node;
	unsigned key;
	bool is_in;
} item_t;

static item_t items[NITEMS];
static unsigned ncompared;

static item_t *
item_of(const ph_node_t *node)
{
	return container_of((ph_node_t *)node, item_t, node);
}

static int
compare(const ph_node_t *a, const ph_node_t *b)
{
	unsigned ka = item_of(a)->key;
	unsigned kb = item_of(b)->key;
	ncompared++;
	return (ka > kb) - (ka < kb);
}

/* The links and the order of a list and all below it; the number of nodes. */
static size_t
verify_list(const ph_node_t *owner, const ph_node_t *first, unsigned key_min)
{
	size_t count = 0;
	const ph_node_t *prev = owner;
	for (const ph_node_t *n = first; n != NULL; n = n->next) {
		assert_ptr_equal(n->prev, prev);
		assert_true(item_of(n)->is_in);
		assert_true(item_of(n)->key >= key_min);
		count += 1 + verify_list(n, n->child, item_of(n)->key);
		prev = n;
	}
	return count;
}

/* All invariants; the number of elements. */
static size_t
verify(const ph_t *heap)
{
	const ph_node_t *root = ph_first(heap);
	assert_int_equal(ph_is_empty(heap), root == NULL);
	if (root == NULL) {
		return 0;
	}
	assert_null(root->prev);
	assert_true(item_of(root)->is_in);
	return 1 + verify_list(root, root->next, item_of(root)->key) +
	    verify_list(root, root->child, item_of(root)->key);
}

static void
put(ph_t *heap, item_t *item)
{
	assert_false(item->is_in);
	memset(&item->node, 0xa5, sizeof(item->node));
	ph_insert(heap, &item->node, compare);
	item->is_in = true;
}

static void
assert_out(item_t *item)
{
	static const ph_node_t unlinked;
	assert_memory_equal(&item->node, &unlinked, sizeof(unlinked));
	item->is_in = false;
}

static item_t *
take_first(ph_t *heap)
{
	item_t *item = item_of(ph_remove_first(heap, compare));
	assert_out(item);
	return item;
}

TEST(empty)
{
	ph_t heap = {NULL};
	assert_null(ph_first(&heap));
	assert_null(ph_remove_first(&heap, compare));
	ph_init(&heap);
	assert_true(ph_is_empty(&heap));
}

/* All orders of six elements, two of them equal, come out sorted. */
TEST(sorts_permutations)
{
	enum { N = 6 };
	ph_t heap = {NULL};
	for (unsigned code = 0; code < 720; code++) {
		unsigned keys[N] = {1, 2, 3, 3, 4, 5};
		unsigned rest = code;
		for (unsigned i = 0; i < N; i++) {
			unsigned pick = i + rest % (N - i);
			rest /= N - i;
			items[i].key = keys[pick];
			keys[pick] = keys[i];
			put(&heap, &items[i]);
			assert_int_equal(verify(&heap), i + 1);
		}
		unsigned last = 0;
		for (unsigned i = 0; i < N; i++) {
			item_t *item = take_first(&heap);
			assert_true(item->key >= last);
			last = item->key;
			assert_int_equal(verify(&heap), N - 1 - i);
		}
	}
}

/* Against a search through all items. */
static unsigned
least_key(void)
{
	unsigned least = ~0U;
	for (size_t i = 0; i < NITEMS; i++) {
		if (items[i].is_in && items[i].key < least) {
			least = items[i].key;
		}
	}
	return least;
}

/* Random work: in, out at the root, out anywhere. */
TEST(random_work)
{
	ph_t heap = {NULL};
	uint64_t prng = 1;
	size_t count = 0;
	for (int round = 0; round < 20000; round++) {
		item_t *item = &items[prng_below(&prng, NITEMS)];
		/* Phases that grow, and phases that shrink. */
		bool grow = round / 1000 % 2 == 0 || prng_below(&prng, 3) == 0;
		if (!item->is_in && grow) {
			item->key = (unsigned)prng_below(&prng, 100);
			put(&heap, item);
			count++;
		} else if (item->is_in && prng_below(&prng, 2) == 0) {
			ph_remove(&heap, &item->node, compare);
			assert_out(item);
			count--;
		} else if (count > 0 && !grow) {
			unsigned least = least_key();
			assert_int_equal(take_first(&heap)->key, least);
			count--;
		}
		assert_int_equal(verify(&heap), count);
		if (count > 0) {
			assert_int_equal(item_of(ph_first(&heap))->key,
			    least_key());
		}
	}
}

/* What is put in and taken out again costs one comparison. */
TEST(insertion_is_cheap)
{
	ph_t heap = {NULL};
	for (unsigned i = 0; i < NITEMS; i++) {
		items[i].key = i;
		put(&heap, &items[i]);
	}
	assert_int_equal(ncompared, NITEMS - 1);
	for (unsigned i = NITEMS - 1; i > 0; i--) {
		ph_remove(&heap, &items[i].node, compare);
		assert_out(&items[i]);
	}
	assert_int_equal(ncompared, NITEMS - 1);
	assert_int_equal(verify(&heap), 1);
}

static unsigned nvisits[NITEMS];

/* Up to nsteps steps; returns how many nodes were come to. */
static unsigned
walk_on(ph_walk_t *walk, unsigned nsteps)
{
	unsigned n = 0;
	for (; walk->node != NULL && nsteps > 0; nsteps--) {
		ph_node_t *node = ph_walk_next(walk);
		if (node != NULL) {
			assert_true(item_of(node)->is_in);
			nvisits[item_of(node) - items]++;
			n++;
		}
	}
	return n;
}

/* A heap that stays as it is: every node once, in three steps a node. */
TEST(walk_visits_all)
{
	ph_t heap = {NULL};
	ph_walk_t walk;
	uint64_t prng = 5;
	ph_walk_begin(&walk, &heap);
	assert_null(walk.node);
	for (unsigned n = 1; n <= NITEMS; n++) {
		items[n - 1].key = (unsigned)prng_below(&prng, 100);
		put(&heap, &items[n - 1]);
		if (n % 3 == 0) {
			item_t *first = take_first(&heap);
			put(&heap, first);
		}
		memset(nvisits, 0, sizeof(nvisits));
		ph_walk_begin(&walk, &heap);
		assert_int_equal(walk_on(&walk, 3 * n), n);
		assert_null(walk.node);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(nvisits[i], 1);
		}
	}
}

/* What a walk comes to may be removed at once, and nothing is missed. */
TEST(walk_that_removes)
{
	ph_t heap = {NULL};
	ph_walk_t walk;
	uint64_t prng = 6;
	size_t count = NITEMS;
	for (unsigned i = 0; i < NITEMS; i++) {
		items[i].key = (unsigned)prng_below(&prng, 100);
		put(&heap, &items[i]);
	}
	take_first(&heap);
	count--;
	while (count > 0) {
		memset(nvisits, 0, sizeof(nvisits));
		/* Shuffled by who takes the first one, or as it is. */
		if (prng_below(&prng, 2) == 0) {
			put(&heap, take_first(&heap));
		}
		ph_walk_begin(&walk, &heap);
		while (walk.node != NULL) {
			ph_node_t *node = ph_walk_next(&walk);
			if (node == NULL) {
				continue;
			}
			nvisits[item_of(node) - items]++;
			if (prng_below(&prng, 4) == 0) {
				ph_walk_note_removal(&walk, node);
				ph_remove(&heap, node, compare);
				assert_out(item_of(node));
				count--;
			}
		}
		for (unsigned i = 0; i < NITEMS; i++) {
			assert_true(nvisits[i] > 0 || !items[i].is_in);
		}
		assert_int_equal(verify(&heap), count);
	}
}

/* Others change the heap meanwhile: no step leads out of it. */
TEST(walk_among_changes)
{
	ph_t heap = {NULL};
	ph_walk_t walk = {NULL, PH_WALK_ENTER};
	uint64_t prng = 7;
	unsigned ended = 0;
	for (unsigned round = 0; round < 50000; round++) {
		item_t *item = &items[prng_below(&prng, NITEMS)];
		if (walk.node == NULL) {
			ended++;
			ph_walk_begin(&walk, &heap);
		}
		(void)walk_on(&walk, (unsigned)prng_below(&prng, 8));
		if (!item->is_in) {
			item->key = (unsigned)prng_below(&prng, 100);
			put(&heap, item);
		} else if (prng_below(&prng, 2) == 0) {
			ph_walk_note_removal(&walk, &item->node);
			ph_remove(&heap, &item->node, compare);
			assert_out(item);
		} else {
			ph_walk_note_removal(&walk, ph_first(&heap));
			(void)take_first(&heap);
		}
		if (walk.node != NULL) {
			assert_true(item_of(walk.node)->is_in);
		}
	}
	assert_true(ended > 100);
}
