/*
 * internal_alloc: blocks for our own tables, a power of two bytes each.
 *
 * Cut from arena 0's base and recycled through one free list per size.
 * Locking: an own leaf-like lock above the base's.
 */
#ifndef THREAD_INTERNAL_ALLOC_H
#define THREAD_INTERNAL_ALLOC_H

#include <stddef.h>

#define INTERNAL_LG_MIN 6
#define INTERNAL_LG_MAX 17

/* A block of 1 << lg_size bytes with undefined contents; NULL: no memory. */
void *internal_alloc(unsigned lg_size);
void internal_free(void *block, unsigned lg_size);

/* Bytes of all blocks, in use or not. */
size_t internal_bytes(void);

void internal_prefork(void);
void internal_postfork_parent(void);
void internal_postfork_child(void);

#endif
