/*
 * list: an intrusive circular doubly linked list.
 *
 * A node is a field of the object it links; container_of finds the object.
 * The head is a node that is no object, so that no operation has a special
 * case.  A node that is in no list has NULL links.  A head must not move.
 */
#ifndef DS_LIST_H
#define DS_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct list_node {
	struct list_node *prev;
	struct list_node *next;
} list_node_t;

typedef struct {
	list_node_t head;
} list_t;

static inline void
list_init(list_t *list)
{
	list->head.prev = &list->head;
	list->head.next = &list->head;
}

static inline bool
list_is_empty(const list_t *list)
{
	return list->head.next == &list->head;
}

static inline bool
list_node_is_linked(const list_node_t *node)
{
	return node->next != NULL;
}

/* Make `node` follow `prev`, which is linked or a head. */
static inline void
list_insert_after(list_node_t *prev, list_node_t *node)
{
	node->prev = prev;
	node->next = prev->next;
	prev->next->prev = node;
	prev->next = node;
}

static inline void
list_push_front(list_t *list, list_node_t *node)
{
	list_insert_after(&list->head, node);
}

static inline void
list_push_back(list_t *list, list_node_t *node)
{
	list_insert_after(list->head.prev, node);
}

static inline void
list_remove(list_node_t *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = NULL;
	node->next = NULL;
}

/* NULL at the end. */
static inline list_node_t *
list_next(const list_t *list, const list_node_t *node)
{
	return node->next != &list->head ? node->next : NULL;
}

/* NULL at the beginning. */
static inline list_node_t *
list_prev(const list_t *list, const list_node_t *node)
{
	return node->prev != &list->head ? node->prev : NULL;
}

/* NULL when empty. */
static inline list_node_t *
list_first(const list_t *list)
{
	return list_next(list, &list->head);
}

static inline list_node_t *
list_last(const list_t *list)
{
	return list_prev(list, &list->head);
}

/* Take the first node out; NULL when empty. */
static inline list_node_t *
list_pop_front(list_t *list)
{
	list_node_t *node = list_first(list);
	if (node != NULL) {
		list_remove(node);
	}
	return node;
}

/* Append all of `src`, in order; it is empty afterwards. */
static inline void
list_splice_back(list_t *dst, list_t *src)
{
	if (list_is_empty(src)) {
		return;
	}
	src->head.next->prev = dst->head.prev;
	dst->head.prev->next = src->head.next;
	src->head.prev->next = &dst->head;
	dst->head.prev = src->head.prev;
	list_init(src);
}

#endif
