/*
 * frag: how full slabs are, by class and arena.
 *
 * Counted by a walk over the heap (heap_walk.h) when someone asks for the first
 * time in an epoch.  The walk goes on in steps, below `ctl_lock` each, so that
 * it can be as long as the heap needs; no lock that an allocation takes is
 * involved.  Records are made when an arena is first found to have slabs.
 *
 * Locking: everything below `ctl_lock`.
 */
#ifndef CTL_FRAG_H
#define CTL_FRAG_H

#include "ctl/snapshot.h"

#define FRAG_NUTIL 10

/* slabs = full + partial + empty; partial = the sum of util. */
typedef struct {
	size_t slabs, full, partial, empty;
	size_t pinned; /* bytes of free regions in partly used slabs */
	size_t purged; /* bytes of slabs that were given back to the system */
	size_t util[FRAG_NUTIL]; /* of those, by tenths of regions in use */
} frag_count_t;

typedef struct {
	frag_count_t all;
	frag_count_t bins[SC_NBINS];
} frag_t;

/*
 * Lock `ctl_lock` at a moment when all is counted, by a walk that began in
 * this epoch.
 */
void frag_lock(void) ACQUIRE(ctl_lock);

/*
 * What was counted for an arena, or for all (SNAP_ARENAS_ALL or the number of
 * arenas).  Zeros for an arena without slabs.
 */
const frag_t *frag_of(size_t ind) REQUIRES(ctl_lock);

#endif
