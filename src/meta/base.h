/*
 * base: memory for metadata, cut from blocks by moving a mark.
 *
 * Nothing is ever given back, except everything at once when an arena is
 * destroyed; users keep free lists of their own types.  Blocks come from the
 * arena's extent hooks.  A block is address space first: pages cost nothing
 * until metadata is written there.
 *
 * Locking: everything below `lock`, which is a leaf but for the hooks.
 */
#ifndef META_BASE_H
#define META_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meta/ehooks.h"
#include "platform/mutex.h"

typedef struct base_block base_block_t;

typedef struct base {
	mutex_t lock;
	ehooks_t ehooks;
	base_block_t *blocks; /* newest first */
	size_t allocated; /* bytes handed out */
	size_t mapped; /* bytes of all blocks */
	unsigned nblocks;
	bool huge; /* blocks are to be huge pages */
} base_t;

void base_init(base_t *base, extent_hooks_t *table, unsigned arena_ind);

/*
 * Zeroed memory; alignment is a power of two up to PAGE.  NULL: no memory,
 * nothing changed.
 */
void *
base_alloc(base_t *base, size_t size, size_t alignment) EXCLUDES(base->lock);

/* Huge pages that metadata has been written to (option metadata_thp). */
size_t base_nhuge(base_t *base) EXCLUDES(base->lock);

/*
 * The block with the lowest address of those that reach into [from, to);
 * false: none does.
 */
bool base_block_in(base_t *base, uintptr_t from, uintptr_t to, uintptr_t *start,
    size_t *size) EXCLUDES(base->lock);

/* Give all blocks back.  `base` itself must not live in one of them. */
void base_destroy(base_t *base);

#endif
