/*
 * witness: the order in which locks may be taken, and the check of it.
 *
 * Every lock has a rank.  A thread that holds a lock may take another only if
 * that one's rank is higher, which excludes deadlocks.  Locks of one rank may
 * be held together only where the rank says so, and then in the order of
 * their addresses.  Rank 0 is exempt.
 *
 * The check is on in debug builds: a list of the held locks per thread.  In
 * other builds every function here does nothing.
 */
#ifndef PLATFORM_WITNESS_H
#define PLATFORM_WITNESS_H

#include <stdbool.h>

#include "platform/compiler.h"

/* Outermost first.  Each line says what the lock protects. */
typedef enum {
	LOCK_UNRANKED = 0, /* leaf locks of tests; zeroed memory */
	LOCK_INIT, /* start-up: one thread at a time */
	LOCK_CTL, /* mallctl tree and statistics snapshot */
	LOCK_TCACHES, /* table of explicit thread caches */
	LOCK_ARENAS, /* table of arenas, creation and destruction */
	LOCK_BACKGROUND, /* starting and stopping background threads */
	LOCK_BACKGROUND_THD, /* one background thread's state */
	LOCK_PROF_DUMP, /* one heap dump at a time */
	LOCK_PROF_BT2GCTX, /* table of backtraces */
	LOCK_PROF_TDATAS, /* list of profiled threads */
	LOCK_PROF_TDATA, /* one thread's profile */
	LOCK_PROF_LOG, /* allocation log */
	LOCK_PROF_GCTX, /* one backtrace's counters */
	LOCK_PROF_RECENT, /* list of recent allocations */
	LOCK_IDLE, /* taking from caches of idle threads */
	LOCK_TSD, /* list of threads */
	LOCK_INTERNAL, /* free lists of our own tables */
	LOCK_TCACHE_LIST, /* an arena's list of thread caches */
	LOCK_HOLES, /* purging free pages of an arena's slabs in use */
	LOCK_DECAY_DIRTY, /* an arena's dirty decay and its purging */
	LOCK_DECAY_MUZZY, /* its muzzy decay */
	LOCK_HPA_CENTRAL, /* source of huge pages */
	LOCK_HPA_SHARD_GROW, /* growing a huge-page shard */
	LOCK_HPA_SHARD, /* a huge-page shard */
	LOCK_SEC_SHARD, /* small extent cache */
	LOCK_ECACHE_GROW, /* an arena's growth of retained mappings */
	LOCK_ECACHE_DIRTY, /* an arena's dirty extents */
	LOCK_ECACHE_MUZZY, /* its muzzy extents */
	LOCK_ECACHE_RETAINED, /* its retained extents */
	LOCK_BIN, /* one bin */
	LOCK_LARGE, /* an arena's list of large allocations */
	LOCK_EDATA_CACHE, /* unused extent descriptors */
	LOCK_PAGEMAP, /* growing the page map */
	LOCK_BASE, /* a metadata allocator */
	LOCK_DSS, /* the data-segment break */
	LOCK_PROF_STATS, /* counters per size class */
	LOCK_LEAF, /* nothing is taken under it */
	LOCK_NRANKS
} lock_rank_t;

typedef struct witness {
	const char *name;
	lock_rank_t rank;
} witness_t;

/* Before blocking: dies if taking `witness` now breaks the order. */
void witness_check(const witness_t *witness);

/* After the lock was taken, and before it is given back. */
void witness_lock(const witness_t *witness);
void witness_unlock(const witness_t *witness);

/*
 * Foreign code is called, whatever locks are held, and may come back to us: it
 * works in arena 0, whose locks nobody holds who calls foreign code.  The order
 * starts anew inside; only a lock that is held already may not be taken again.
 */
void witness_foreign_enter(void);
void witness_foreign_leave(void);

/*
 * fork takes every lock there is, in rank order; these are not put in the
 * list, only the order is checked.
 */
void witness_prefork(const witness_t *witness);
void witness_postfork(const witness_t *witness);

bool witness_is_held(const witness_t *witness);

/* Dies if this thread holds a ranked lock. */
void witness_assert_lockless(void);

/* Dies if this thread holds a lock of `rank` or a higher one. */
void witness_assert_below(lock_rank_t rank);

#endif
