/*
 * heap_walk: a look at every extent that there is, in the order of addresses.
 *
 * Walks the page map (meta/pagemap.h) without a lock: descriptors are never
 * given back, so one that changes meanwhile can be read and is at worst wrong.
 * What makes no sense is passed over.  Extents that come and go while the walk
 * is under way may be missed or seen twice; where nothing moves, each page of
 * the heap is in one range.
 *
 * Not for: decisions.  Numbers that are shown to people only.
 */
#ifndef CTL_HEAP_WALK_H
#define CTL_HEAP_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meta/edata.h"

typedef enum {
	HEAP_SLAB,
	HEAP_LARGE, /* a block of the program */
	HEAP_CACHED, /* one that waits in a cache */
	HEAP_KEPT, /* free, waits uncut, or on its way between two owners */
	HEAP_DIRTY,
	HEAP_MUZZY,
	HEAP_RETAINED,
	HEAP_GUARD, /* an inaccessible page beside an extent */
	HEAP_NKINDS
} heap_kind_t;

typedef struct {
	uintptr_t start;
	size_t size; /* bytes, at least a page */
	heap_kind_t kind;
	unsigned arena_ind;
	/* A slab. */
	unsigned szind;
	unsigned nfree;
	size_t purged; /* bytes given back to the system */
	uint64_t free_map[SLAB_MAP_WORDS];
	/* A large block, cached or not. */
	size_t user; /* where in the extent it starts */
	size_t usize;
} heap_range_t;

/*
 * The first range that starts at or after *at and before `end`; *at moves
 * behind it.  False: there is none.  *range has the one before, or a size of 0.
 */
bool heap_walk_next(uintptr_t *at, uintptr_t end, heap_range_t *range);

#endif
