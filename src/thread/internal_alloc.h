/*
 * internal_alloc: blocks for our own tables, a power of two bytes each.
 *
 * Cut from arena 0's base and recycled through one free list per size.  Whoever
 * takes many has lists of its own in front: short ones of small blocks are
 * taken from the common lists and given back as a whole.
 *
 * Locking: an own leaf-like lock above the base's, for the common lists.  Lists
 * of one's own have none: they are below whatever protects their owner.
 */
#ifndef THREAD_INTERNAL_ALLOC_H
#define THREAD_INTERNAL_ALLOC_H

#include <stddef.h>

#define INTERNAL_LG_MIN 6
#define INTERNAL_LG_MAX 17

/* Blocks of up to 1 << so many bytes are kept in lists of one's own. */
#define INTERNAL_LG_OWN_MAX 10

typedef struct internal_block internal_block_t;

typedef struct {
	internal_block_t *first, *last; /* last: undefined in an empty list */
	size_t n;
} internal_list_t;

/* Empty when zeroed. */
typedef struct {
	internal_list_t lists[INTERNAL_LG_OWN_MAX + 1 - INTERNAL_LG_MIN];
} internal_own_t;

/* A block of 1 << lg_size bytes with undefined contents; NULL: no memory. */
void *internal_alloc(internal_own_t *own, unsigned lg_size);
void internal_free(internal_own_t *own, void *block, unsigned lg_size);

/*
 * What is in lists of one's own is there for all again.  To be called now and
 * then, as memory that one user does not need is another's.
 */
void internal_give_back(internal_own_t *own);

/* Bytes of all blocks, in use or not. */
size_t internal_bytes(void);

void internal_prefork(void);
void internal_postfork_parent(void);
void internal_postfork_child(void);

#endif
