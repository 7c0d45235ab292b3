/*
 * stats_arena: the statistics of one arena, or of a sum of arenas, as text and
 * as JSON; and the table of locks, which the whole process has as well.
 *
 * What is shown of a record (ctl/snapshot.h) is in tables: one of members for
 * JSON, one of columns for text.  Takes no lock and reads nothing but the
 * record, which belongs to the caller.
 */
#ifndef CTL_STATS_ARENA_H
#define CTL_STATS_ARENA_H

#include "ctl/emitter.h"
#include "ctl/snapshot.h"

/* What is to be shown: letters of stats_print() leave parts out. */
typedef struct {
	bool general, merged, destroyed, unmerged;
	bool mutexes, bins, large, extents, hpa;
	bool rss, frag; /* stats_memory.h */
} stats_parts_t;

/* What the locks are called. */
extern const char stats_global_mutex_names[SNAP_NMUTEXES][20];
extern const char stats_arena_mutex_names[SNAP_ARENA_NMUTEXES][20];

/*
 * Inside of an object or below a heading of the caller's.  name: NULL for a
 * sum.  prof: with the columns of sampled allocations.
 */
void stats_arena_print(emitter_t *emitter, const snap_arena_t *arena,
    const char *name, const stats_parts_t *parts, bool prof);

/* The locks of the process, as the member and table `mutexes`. */
void stats_global_mutexes_print(emitter_t *emitter,
    const mutex_stats_t mutexes[SNAP_NMUTEXES], uint64_t uptime);

#endif
