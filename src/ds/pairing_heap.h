/*
 * pairing_heap: an intrusive priority queue, least element first.
 *
 * M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The Pairing Heap: A New
 * Form of Self-Adjusting Heap" (1986), with the auxiliary area of J. Stasko
 * and J. Vitter, "Pairing Heaps: Experiments and Analysis" (1987).
 *
 * The root is always the least element.  Its `child` is the first of its
 * children, its `next` the first of the auxiliary list: trees that were put
 * in and have not been compared with each other yet.  Insertion costs one
 * comparison; the work waits for the next removal of the root and is then
 * often smaller, since what was put in may be gone again.
 *
 * The first node of a list has its parent (for the auxiliary list: the root)
 * as `prev`; it is recognized by the parent's `child`.  Zeroed memory is an
 * empty heap and an unlinked node.
 *
 * A walk visits all nodes, a step at a time, while others change the heap
 * between steps.  Whoever removes a node tells the walk before.  Such a walk may
 * come to a node twice or miss it, but never leaves the heap.
 *
 * Comparators return <0, 0, >0; give one that is constant at the call, and
 * the compiler drops the indirection.
 */
#ifndef DS_PAIRING_HEAP_H
#define DS_PAIRING_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ph_node {
	struct ph_node *prev;
	struct ph_node *next;
	struct ph_node *child;
} ph_node_t;

typedef struct {
	ph_node_t *root;
} ph_t;

_Static_assert(sizeof(ph_t) == sizeof(void *), "arrays of heaps are common");

typedef int ph_cmp_t(const ph_node_t *, const ph_node_t *);

static inline void
ph_init(ph_t *heap)
{
	heap->root = NULL;
}

static inline bool
ph_is_empty(const ph_t *heap)
{
	return heap->root == NULL;
}

/* The least element; NULL when empty. */
static inline ph_node_t *
ph_first(const ph_t *heap)
{
	return heap->root;
}

/* Make `node` the first of `*list`, whose owner is `owner`. */
static inline void
ph_list_push(ph_node_t *owner, ph_node_t **list, ph_node_t *node)
{
	node->prev = owner;
	node->next = *list;
	if (*list != NULL) {
		(*list)->prev = node;
	}
	*list = node;
}

/* One tree of two; sets nothing of the result's siblings. */
static inline ph_node_t *
ph_meld(ph_node_t *a, ph_node_t *b, ph_cmp_t *cmp)
{
	if (cmp(b, a) < 0) {
		ph_node_t *tmp = a;
		a = b;
		b = tmp;
	}
	ph_list_push(a, &a->child, b);
	return a;
}

/*
 * One tree of a list linked through `next`, in two passes: from left to right
 * in pairs, then the results from right to left.  The pairs are stacked
 * through `next`, which reverses them as the second pass wants.
 */
static inline ph_node_t *
ph_merge_two_pass(ph_node_t *list, ph_cmp_t *cmp)
{
	ph_node_t *stack = NULL;
	while (list != NULL) {
		ph_node_t *a = list;
		ph_node_t *b = a->next;
		list = b != NULL ? b->next : NULL;
		if (b != NULL) {
			a = ph_meld(a, b, cmp);
		}
		a->next = stack;
		stack = a;
	}
	ph_node_t *tree = stack;
	stack = stack != NULL ? stack->next : NULL;
	while (stack != NULL) {
		ph_node_t *next = stack->next;
		tree = ph_meld(tree, stack, cmp);
		stack = next;
	}
	return tree;
}

/*
 * One tree of a list linked through `next`, in many passes: the list is a
 * queue, two leave its head and their tree joins its tail, until one is left.
 */
static inline ph_node_t *
ph_merge_multi_pass(ph_node_t *list, ph_cmp_t *cmp)
{
	if (list == NULL) {
		return NULL;
	}
	ph_node_t *tail = list;
	while (tail->next != NULL) {
		tail = tail->next;
	}
	while (list != tail) {
		ph_node_t *a = list;
		ph_node_t *b = a->next;
		ph_node_t *rest = b->next;
		a = ph_meld(a, b, cmp);
		a->next = NULL;
		if (rest == NULL) {
			return a;
		}
		list = rest;
		tail->next = a;
		tail = a;
	}
	return list;
}

/* `node` must be unlinked (its contents do not matter). */
static inline void
ph_insert(ph_t *heap, ph_node_t *node, ph_cmp_t *cmp)
{
	ph_node_t *root = heap->root;
	node->prev = NULL;
	node->next = NULL;
	node->child = NULL;
	if (root == NULL) {
		heap->root = node;
	} else if (cmp(node, root) < 0) {
		node->next = root->next;
		if (node->next != NULL) {
			node->next->prev = node;
		}
		root->next = NULL;
		root->prev = node;
		node->child = root;
		heap->root = node;
	} else {
		ph_list_push(root, &root->next, node);
	}
}

/* Take the least element out; NULL when empty. */
static inline ph_node_t *
ph_remove_first(ph_t *heap, ph_cmp_t *cmp)
{
	ph_node_t *first = heap->root;
	if (first == NULL) {
		return NULL;
	}
	ph_node_t *inserted = ph_merge_multi_pass(first->next, cmp);
	ph_node_t *root = ph_merge_two_pass(first->child, cmp);
	if (root == NULL) {
		root = inserted;
	} else if (inserted != NULL) {
		root = ph_meld(root, inserted, cmp);
	}
	if (root != NULL) {
		root->prev = NULL;
		root->next = NULL;
	}
	heap->root = root;
	first->next = NULL;
	first->child = NULL;
	return first;
}

/* Take `node`, which is in `heap`, out. */
static inline void
ph_remove(ph_t *heap, ph_node_t *node, ph_cmp_t *cmp)
{
	if (node == heap->root) {
		(void)ph_remove_first(heap, cmp);
		return;
	}
	if (node->prev->child == node) {
		node->prev->child = node->next;
	} else {
		node->prev->next = node->next;
	}
	if (node->next != NULL) {
		node->next->prev = node->prev;
	}
	ph_node_t *orphans = ph_merge_two_pass(node->child, cmp);
	if (orphans != NULL) {
		ph_list_push(heap->root, &heap->root->next, orphans);
	}
	node->prev = NULL;
	node->next = NULL;
	node->child = NULL;
}

/* Where a walk is: what to do at `node` next. */
typedef enum {
	PH_WALK_ENTER, /* go to its children */
	PH_WALK_LEAVE, /* those are done; go to the next of its list */
	PH_WALK_BACK /* the list is done; go back to its beginning */
} ph_walk_step_t;

typedef struct {
	ph_node_t *node; /* NULL: the walk is over */
	ph_walk_step_t step;
} ph_walk_t;

static inline void
ph_walk_begin(ph_walk_t *walk, const ph_t *heap)
{
	walk->node = heap->root;
	walk->step = PH_WALK_ENTER;
}

/*
 * Do one step, in constant time, of a walk that is not over.  Returns the node
 * that it has done with, children first and the root last: if that one is
 * removed now, the walk misses nothing.  NULL: none by this step.
 */
static inline ph_node_t *
ph_walk_next(ph_walk_t *walk)
{
	ph_node_t *node = walk->node;
	ph_node_t *prev = node->prev;
	bool done = walk->step != PH_WALK_BACK;
	if (walk->step == PH_WALK_ENTER && node->child != NULL) {
		walk->node = node->child;
		return NULL;
	}
	if (walk->step != PH_WALK_BACK && node->next != NULL) {
		walk->node = node->next;
		walk->step = PH_WALK_ENTER;
		return prev != NULL ? node : NULL;
	}
	walk->node = prev;
	walk->step = prev != NULL && prev->child == node ? PH_WALK_LEAVE
							 : PH_WALK_BACK;
	return done || prev == NULL ? node : NULL;
}

/* `node` is about to be removed from the heap. */
static inline void
ph_walk_note_removal(ph_walk_t *walk, const ph_node_t *node)
{
	if (walk->node == node) {
		(void)ph_walk_next(walk);
	}
}

#endif
