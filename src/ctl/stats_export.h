/*
 * stats_export: statistics for viewers, as time passes.
 *
 * With the option stats_export, a snapshot goes to a file or a socket every
 * stats_export_ms milliseconds: written by the thread that allocates next, or
 * by a background thread where there is one; every stats_interval bytes, if
 * that is set; and at exit.  It is the JSON of stats_print() in one line, with
 * the member `export` beside `jemalloc`: time, process, memory by the kernel,
 * and the totals of each arena; or, with the letter O, OpenMetrics text.
 *
 * Files are appended to and bounded, one line for each snapshot; OpenMetrics
 * replace the file.  A socket is one that a viewer listens at.  Nothing waits
 * for viewers, and none is needed.  The ledger of resident memory is in it only
 * where it costs little: in small processes, and in those with background
 * threads, which then take it as seldom as a hundredth of the time allows.
 *
 * A child that was forked writes only where %p in the path makes it a file of
 * its own.  One thread exports at a time, others pass by.  No lock is held
 * while writing, nothing is allocated, errno is preserved.  The first failure
 * is reported, and no other.
 */
#ifndef CTL_STATS_EXPORT_H
#define CTL_STATS_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Once there are threads' events: do as the options say. */
void stats_export_boot(void);

/* Is there somewhere to export to? */
bool stats_export_enabled(void);

/* Now, whenever the last one was. */
void stats_export_now(void);

/* For a background thread: if it is time to; nanoseconds until it will be.  UINT64_MAX: never. */
uint64_t stats_export_tick(void);

#endif
