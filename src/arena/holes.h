/*
 * holes: free pages of slabs in use go back to the system as time passes.
 *
 * Every half of the arena's dirty_decay_ms the bins from which enough was freed
 * are swept: what was free at the last sweep, in slabs from which nothing was
 * taken since, is purged.  So a page goes after it was free for half that time
 * at least, and twice that at most.  A sweep goes on in epochs (100 in that
 * half), each with a bound on the slabs that are looked at and on the pages
 * that are purged.  -1: never.  0: as 2,000, since purging at each free would
 * cost a system call for a few regions.
 *
 * Pages are purged by the arena's hooks: forced; or lazily, where muzzy pages
 * are kept for ever (muzzy_decay_ms -1).  After a refusal sweeps become rarer.
 *
 * Locking: `lock` is held by who sweeps, also while hooks run, and by who takes
 * slabs out of bins whatever is in them.  Bins are locked for a few slabs at a
 * time, never over a hook.
 *
 * A sweep also takes from its bins the empty slabs that they kept and did not
 * need since the last one.
 *
 * Not for: other empty slabs, which become free extents at once (arena.h, pac.h).
 */
#ifndef ARENA_HOLES_H
#define ARENA_HOLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/mutex.h"

typedef struct arena arena_t;

typedef struct {
	mutex_t lock;
	_Atomic bool wanted; /* since the last sweep was begun */
	_Atomic bool sweeping;
	bool in_bin GUARDED_BY(lock); /* the bin's sweep was begun */
	unsigned szind GUARDED_BY(lock); /* where the sweep is */
	unsigned shard GUARDED_BY(lock);
	unsigned nskip GUARDED_BY(lock); /* periods that are left out */
	uint64_t begun_ns GUARDED_BY(lock); /* the last sweep */
	uint64_t worked_ns GUARDED_BY(lock); /* its last epoch */
} holes_t;

void holes_init(holes_t *holes, uint64_t now_ns);

/* A bin wants a sweep.  Not below any lock. */
void holes_want(arena_t *arena) COLD;

/* Do what time says.  Returns at once when another thread is at it. */
void holes_tick(arena_t *arena, uint64_t now_ns);

/* After how many ns there is something to do; UINT64_MAX: nothing for now. */
uint64_t holes_ns_until(arena_t *arena, uint64_t now_ns);

/* Purge all free pages of slabs in use. */
void holes_purge_all(arena_t *arena);

#endif
