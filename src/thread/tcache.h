/*
 * tcache: a thread's bins as a whole: filling, flushing, sizing, collecting.
 *
 * A bin gets its array at the first use of its class, small at first.  It
 * grows when it is refilled and overflows in turn, which a larger one would
 * not, and shrinks when collections find it idle.  All capacities together
 * stay below opt.tcache_bytes_max; to make room, other bins give theirs up.
 *
 * No locks: a cache belongs to its thread.
 */
#ifndef THREAD_TCACHE_H
#define THREAD_TCACHE_H

#include "arena/large.h"
#include "thread/tsd.h"

/* Take from a bin; NULL: it is empty, or seems so. */
static inline void *
tcache_pop(tsd_t *tsd, unsigned cind)
{
	void *ptr = cache_slot_pop(&tsd->slots[cind]);
	if (!cind_is_small(cind) && ptr != NULL) {
		large_note_uncached(ptr);
	}
	return ptr;
}

/* Give a fresh state empty bins. */
void tcache_init(tsd_t *tsd);

/*
 * The bin of the class was empty, or seemed so: a block all the same, from the
 * bin or from the arena.  `size` is the request.  NULL: no memory.
 */
void *tcache_alloc_slow(tsd_t *tsd, unsigned cind, size_t size);

/*
 * The bin of the class took no more: make room, or pass the block on.  A large
 * one is noted as cached already.
 */
void tcache_free_slow(tsd_t *tsd, unsigned cind, void *ptr);

/* Return everything to the arenas; the arrays stay. */
void tcache_flush(tsd_t *tsd);

/* Return everything and the arrays; the bins take nothing any more. */
void tcache_disable(tsd_t *tsd);
void tcache_enable(tsd_t *tsd);

/* One step of garbage collection: look at one bin. */
void tcache_gc_step(tsd_t *tsd);

/* Bytes of free blocks in the bins. */
size_t tcache_bytes(const tsd_t *tsd);

#endif
