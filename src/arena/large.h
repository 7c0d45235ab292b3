/*
 * large: blocks that have an extent of their own.
 *
 * The extent is the usable size and, with cache_oblivious, one pad page, so
 * that the block may start at a random multiple of a cache line in the first
 * page: large blocks would otherwise all compete for the same cache sets.
 * Short ones (below LARGE_COLOUR_MIN) move only as far as the request leaves
 * room in its last page, so that the pad page stays untouched.
 *
 * `user` of the descriptor is the block's address while it is live, that plus
 * one while it waits in a thread's cache, and NULL after: a block is never
 * mistaken for live once it was freed, and exchanging `user` decides between
 * two threads that free the same block.
 *
 * Locking: none of its own; the arena's list of large blocks below its lock.
 */
#ifndef ARENA_LARGE_H
#define ARENA_LARGE_H

#include "arena/arena.h"
#include "platform/assert.h"

/*
 * A block of `usize` bytes for a request of `size`.  alignment: a power of
 * two.  *prng is the thread's.  NULL: no memory.
 */
void *large_alloc(arena_t *arena, size_t size, size_t usize, size_t alignment,
    bool zero, uint64_t *prng);

/*
 * A block of up to a page that ends, rounded up to the quantum, where an
 * inaccessible page begins.  NULL: it can't be had.
 */
void *large_alloc_guarded(arena_t *arena, size_t size, bool zero);

/*
 * The live block that starts at ptr; NULL: there is none (and no report).
 * Only descriptors of live blocks have a `user`, so a stale one can't match.
 */
static inline edata_t *
large_find(const void *ptr)
{
	edata_t *edata = pagemap_extent(ptr);
	if (unlikely(edata == NULL ||
		__atomic_load_n(&edata->user, __ATOMIC_RELAXED) != ptr ||
		ptr == NULL)) {
		return NULL;
	}
	assert(!edata->slab && edata_covers(edata, ptr) &&
	    edata_state(edata) == EXTENT_ACTIVE);
	return edata;
}

/* A live block goes to a thread's cache. */
static inline void
large_note_cached(edata_t *edata, void *ptr)
{
	edata->user = (char *)ptr + 1;
}

/* It comes back; false: someone else had it too, it was freed twice. */
static inline bool
large_note_uncached(void *ptr)
{
	edata_t *edata = pagemap_extent(ptr);
	if (unlikely(edata == NULL || edata->user != (char *)ptr + 1)) {
		return false;
	}
	edata->user = ptr;
	return true;
}

/*
 * For a reset: free all blocks of a manual arena, cached ones too.  A block
 * that can not be freed, as its descriptor was overwritten or someone frees it
 * at the same time, is left to itself.
 */
void large_free_listed(arena_t *arena);

/* Give a block back to its arena; what is no live block is reported. */
void large_free(void *ptr);

/*
 * Change the size in place to the largest usable size that can be had in
 * [usize_min, usize_max]; true when the size is in that range then.  With
 * `zero` what is gained reads zero.
 */
bool
large_resize(edata_t *edata, size_t usize_min, size_t usize_max, bool zero);

/*
 * Move a block to a new place by moving its pages, not its bytes; the old one
 * is gone then.  NULL: not possible here, or not worth it; nothing changed.
 */
void *large_move(arena_t *arena, edata_t *edata, size_t usize, bool zero);

#endif
