/*
 * openmetrics: the statistics as OpenMetrics text, which Prometheus and its
 * relatives collect.
 *
 * What is shown of a record (ctl/snapshot.h) is in tables, one row for each
 * kind of sample.  All samples of a metric stand together, as the format
 * demands, so arenas are read once for each metric: what is needed of them is
 * copied below ctl_lock, which is not held while the output is handed on.
 *
 * Names begin with `jemalloc_` for the process, `jemalloc_arenas_` for the sum
 * of arenas, `jemalloc_destroyed_arenas_` for what destroyed ones have counted
 * and `jemalloc_arena_` for single ones, so that no sum over a metric counts
 * anything twice.  Units are bytes and seconds; counters never go back.
 * Size classes that were never used are left out.
 *
 * Of what the format has, only gauges and counters are used, so that readers of
 * the older text format of Prometheus take it as well.
 *
 * Nothing here allocates.
 */
#ifndef CTL_OPENMETRICS_H
#define CTL_OPENMETRICS_H

#include "ctl/emitter.h"
#include "ctl/snapshot.h"
#include "ctl/stats_arena.h"

/*
 * Print into an emitter of text.  global: NULL where there are no statistics.
 * room: for copies, its content is lost.
 */
void openmetrics_print(emitter_t *emitter, const stats_parts_t *parts,
    const snapshot_t *global, snap_arena_t *room) EXCLUDES(ctl_lock);

#endif
