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
large_find_below(uintptr_t leaf, const void *ptr)
{
	edata_t *edata = unlikely(leaf == 0) ? NULL
					     : pagemap_leaf_extent(leaf, ptr);
	/* No page map has anything at NULL, which dead ones have for user. */
	if (unlikely(edata == NULL ||
		__atomic_load_n(&edata->user, __ATOMIC_RELAXED) != ptr)) {
		return NULL;
	}
	assert(!edata->slab && edata_covers(edata, ptr) &&
	    edata_state(edata) == EXTENT_ACTIVE);
	return edata;
}

static inline edata_t *
large_find(const void *ptr)
{
	return large_find_below(pagemap_leaf_biased((uintptr_t)ptr), ptr);
}

static inline lextent_stats_t *
large_stats(arena_t *arena, size_t usize)
{
	assert(usize > SC_SMALL_MAX);
	if (usize <= SC_SMALL_MAX) {
		__builtin_unreachable();
	}
	return &arena->lextents[szind_compute(usize) - SC_NBINS];
}

static inline void
large_stats_alloc(arena_t *arena, size_t usize)
{
	atomic_fetch_add_explicit(&large_stats(arena, usize)->nmalloc, 1,
	    memory_order_relaxed);
	atomic_fetch_add_explicit(&arena->large_allocated, usize,
	    memory_order_relaxed);
}

static inline void
large_stats_dalloc(arena_t *arena, size_t usize)
{
	atomic_fetch_add_explicit(&large_stats(arena, usize)->ndalloc, 1,
	    memory_order_relaxed);
	atomic_fetch_sub_explicit(&arena->large_allocated, usize,
	    memory_order_relaxed);
}

/* The size is new: note it, and the cache that takes blocks of it. */
static inline void
large_set_usize(edata_t *edata, size_t usize)
{
	edata->usize = usize;
	edata->cind = usize <= SC_CACHED_MAX ? (uint8_t)cind_of_large(usize)
					     : 0;
}

/* Of several who free a block, one gets it. */
static inline bool
large_take_from_user(edata_t *edata, void *ptr)
{
	return __atomic_compare_exchange_n(&edata->user, &ptr, NULL, false,
	    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* What remains of a block that is none any more. */
static inline void
large_set_freed(edata_t *edata, size_t usize)
{
	edata->freed_usize = usize;
	edata->usize = 0;
	edata->cind = 0;
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
	/* It was found when it was cached, and leaves stay. */
	edata_t *edata = pagemap_leaf_extent(pagemap_leaf_known(ptr), ptr);
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

/* Blocks of more than SC_CACHED_MAX up to here may come and go like this: */
#define LARGE_AGAIN_MAX ((size_t)8 << 20)

/*
 * As large_alloc() and large_free(), for a block of a page multiple that was
 * freed not long ago and is as it was, and of the block at ptr that edata was
 * found for.  No system call is made.  NULL, false: the long way; nothing has
 * changed.
 */
static inline void *
large_alloc_again(arena_t *arena, size_t usize, uint64_t *prng)
{
	size_t pad = opt.cache_oblivious ? PAGE : 0;
	if (unlikely(!arena->automatic || opt.san_guard_large != 0)) {
		return NULL;
	}
	edata_t *edata = pac_alloc_again(&arena->pac, usize + pad);
	if (edata == NULL) {
		return NULL;
	}
	/* A multiple of a cache line in the first page. */
	*prng += UINT64_C(0x9e3779b97f4a7c15);
	size_t colour = *prng >> (64 - LG_PAGE) &
	    (pad - pad / (PAGE / CACHELINE));
	char *ptr = (char *)edata->addr + colour;
	edata->slab = false;
	edata->user = ptr;
	edata->usize = usize;
	large_stats_alloc(arena, usize);
	return ptr;
}

static inline bool
large_free_again(arena_t *arena, edata_t *edata, void *ptr)
{
	if (unlikely(!arena->automatic || edata->watched) ||
	    !large_take_from_user(edata, ptr)) {
		return false;
	}
	/* Not before: someone else may have had it for a moment. */
	size_t usize = edata->usize;
	large_set_freed(edata, usize);
	if (unlikely(!pac_dalloc_again(&arena->pac, edata))) {
		edata->usize = usize;
		__atomic_store_n(&edata->user, ptr, __ATOMIC_RELEASE);
		return false;
	}
	/* It may be someone else's by now. */
	large_stats_dalloc(arena, usize);
	return true;
}

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
