/*
 * background: threads that purge unused memory as time passes.
 *
 * There are two ways to have them, and one loop for both:
 *
 *   threads  asked for by option or mallctl: up to a maximum N, thread i serves
 *            the arenas i, i + N, ...; the program's threads leave purging to
 *            them.  Thread 0 starts the others when their arenas exist.
 *   helper   one thread that a process with several threads gets unasked, once
 *            it has mapped 32 MiB.  The program's threads purge as they go; the
 *            helper does it for those that went idle.  A process with one
 *            thread never gets one, and the last but one to end takes the
 *            helper with it, unless there is much to purge still.  Setting
 *            background_thread to false keeps it away.
 *
 * A thread sleeps until at least 1,024 pages will have to go (100 ms at least),
 * or without end where nothing is dirty; it is woken when so many pages become
 * dirty that it would be late (pac.h: watch).
 *
 * Locking: starting and stopping below `lock`; the threads themselves only try
 * for it.  Each has a lock of its own for its counters.  A thread counts as
 * nested: it allocates from arena 0, without a cache.
 */
#ifndef THREAD_BACKGROUND_H
#define THREAD_BACKGROUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/compiler.h"
#include "platform/err.h"
#include "platform/mutex.h"

/* Of the threads that there are; their locks count on. */
typedef struct {
	size_t num_threads;
	uint64_t num_runs;
	uint64_t run_interval; /* average sleep, ns */
	mutex_stats_t mutex_max; /* the greatest of the threads' locks */
} background_stats_t;

/* Held while threads are started and stopped. */
extern mutex_t background_lock;

/* Once there are arenas: starts nothing, makes no system call. */
void background_boot(void);
/* When threads can be made: those that the option asks for. */
void background_boot_threads(void);

/* Do background threads that were asked for run? */
bool background_enabled(void);
/* Start them, or stop all (a helper too) and wait.  ERR_AGAIN: no thread. */
MUST_CHECK err_t background_enable(bool enable) EXCLUDES(background_lock);

size_t background_max(void);
/* ERR_INVALID: not from 1 to the option's value.  ERR_AGAIN: as above. */
MUST_CHECK err_t background_set_max(size_t max) EXCLUDES(background_lock);

/*
 * What a thread calls without a lock when it wakes up; returns the nanoseconds
 * after which it wants to be called again, UINT64_MAX for never.  Before there
 * are threads.
 */
void background_set_tick(uint64_t (*tick)(void));

void background_stats(background_stats_t *stats);
/* Forget what their locks counted. */
void background_reset_mutexes(void) EXCLUDES(background_lock);

/* Have the thread that purges an arena look at it soon. */
void background_wake(unsigned arena_ind);

/* Should someone start the helper? */
extern _Atomic bool background_due;
static inline bool
background_is_due(void)
{
	return atomic_load_explicit(&background_due, memory_order_relaxed);
}
/* Do so if there is more than one thread.  Not below any lock. */
void background_start_helper(void) COLD;

/* A thread of the program has ended. */
void background_note_thread_end(void);

void background_prefork(void);
void background_postfork_parent(void);
void background_postfork_child(void);

#endif
