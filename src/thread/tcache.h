/*
 * tcache: a thread's bins as a whole: filling, flushing, sizing, collecting.
 *
 * A bin gets its array at the first use of its class, small at first.  It
 * grows when it is refilled and overflows in turn, which a larger one would
 * not, and shrinks when collections find it idle.  All capacities together
 * stay below opt.tcache_bytes_max; to make room, other bins give theirs up.
 *
 * No locks: a cache belongs to its thread, but for blocks that others take
 * while it is idle (thread/idle.h).
 */
#ifndef THREAD_TCACHE_H
#define THREAD_TCACHE_H

#include "arena/large.h"
#include "arena/misuse.h"
#include "thread/tsd.h"

/* Take from a bin; NULL: it is empty, or seems so. */
static inline void *
tcache_pop(tsd_t *tsd, unsigned cind)
{
	void *ptr = cache_slot_pop(&tsd->slots[cind]);
	if (!cind_is_small(cind) && ptr != NULL &&
	    unlikely(!large_note_uncached(ptr))) {
		misuse_report(ptr);
		return NULL;
	}
	return ptr;
}

/* Give a fresh state empty bins. */
void tcache_init(tsd_t *tsd);

/* Largest limit of a cache; at it, blocks of some more pages get in as well. */
#define TCACHE_MAX (8 * PAGE)

/*
 * The bin of the class was empty, or seemed so: a block all the same, from the
 * bin or from the arena (NULL: the thread's).  `size` is the request.  NULL:
 * no memory.
 */
void *tcache_alloc_slow(tsd_t *tsd, arena_t *arena, unsigned cind, size_t size);

/*
 * The bin of the class took no more: make room, or pass the block on.  A large
 * one is noted as cached already.
 */
void tcache_free_slow(tsd_t *tsd, unsigned cind, void *ptr);

/* Slow operations between two looks at the arena's clock. */
#define TCACHE_SLOW_PER_TICK 64

/* So many slow operations, or what counts as that many: time may have passed. */
void tcache_tick_due(tsd_t *tsd);

static inline void
tcache_note_slow(tsd_t *tsd, unsigned n)
{
	tsd->nslow += n;
	if (unlikely(tsd->nslow >= TCACHE_SLOW_PER_TICK)) {
		tcache_tick_due(tsd);
	}
}

/* Give blocks that left a bin back to their arenas; by any thread. */
void tcache_return(unsigned cind, void **ptrs, unsigned n);

/* The sum of all capacities follows that of one bin. */
static inline void
tcache_note_capacity(tsd_t *tsd, unsigned cind, unsigned from, unsigned to)
{
	size_t usize = cind_usize(cind);
	size_t change = to * usize - from * usize;
	tsd->cache_bytes += change;
	if (!cind_is_small(cind)) {
		tsd->cache_bytes_large += change;
	}
}

/* Return everything to the arenas; the arrays stay. */
void tcache_flush(tsd_t *tsd);

/* Return everything and the arrays; the bins take nothing any more. */
void tcache_disable(tsd_t *tsd);
void tcache_enable(tsd_t *tsd);

/* One step of garbage collection: look at one bin. */
void tcache_gc_step(tsd_t *tsd);

/* Bytes of free blocks in the bins. */
size_t tcache_bytes(const tsd_t *tsd);

/* The limit that a size stands for: a size class, TCACHE_MAX at most. */
static inline size_t
tcache_max_of(size_t size)
{
	return size >= TCACHE_MAX ? TCACHE_MAX
				  : szind_size(szind_compute(size));
}

/* Change the limit of a thread's cache. */
void tcache_set_max(tsd_t *tsd, size_t max);

/* Blocks that the bin of a size may hold; 0: it is not cached. */
unsigned tcache_ncached_max(const tsd_t *tsd, size_t size);

/* Set that for a range of sizes; bins that hold more are emptied. */
void tcache_set_ncached_max(tsd_t *tsd, opt_range_t range);

/* For any thread: about how much is cached, and the arena (not to be read). */
size_t tcache_bytes_seen(const tsd_t *tsd);
size_t tcache_small_bytes_seen(const tsd_t *tsd);
const arena_t *tcache_arena_seen(const tsd_t *tsd);

#endif
