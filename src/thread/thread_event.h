/*
 * thread_event: what happens every so many bytes of a thread's allocation.
 *
 * The fast path compares the thread's counter of allocated bytes with one
 * value, the nearest of all events; this module keeps that value and runs what
 * is due: a step of garbage collection in the cache, a look at the peak of
 * allocated memory, callbacks of the program, and an estimate of requests:
 * those that the cache serves are not counted, but the class of the allocation
 * that reaches an event stands for all bytes since the last one.
 *
 * With the option stats_interval, threads also add up what they allocate, in
 * batches, and the one that completes an interval prints.  Whoever exports
 * statistics as time passes has a tick.
 *
 * Deallocation moves no event of its own: callbacks that watch it run when the
 * thread allocates.
 *
 * Locking: counters belong to their thread.  Callbacks are added below
 * the lock of the list of threads and never removed; another thread sees a new one at its next event, which is
 * brought forward.
 */
#ifndef THREAD_THREAD_EVENT_H
#define THREAD_THREAD_EVENT_H

#include "thread/tsd.h"

/* What the program registers (mallctl experimental.hooks.thread_event). */
typedef struct {
	void (
	    *callback)(bool is_alloc, uint64_t allocated, uint64_t deallocated);
	uint64_t interval;
	bool is_alloc_only;
} thread_callback_t;

/* Set the first events of a fresh state. */
void thread_event_init(tsd_t *tsd);

/*
 * The counter passed `event_at` by an allocation of `usize` bytes: run what is
 * due and set the next one.
 */
void thread_event_run(tsd_t *tsd, size_t usize) COLD;

/*
 * The same for a block that came back as it was freed: that says nothing of
 * what the cache holds, so collections become rarer.
 */
void thread_event_run_again(tsd_t *tsd, size_t usize) COLD;

/* ERR_AGAIN: the table is full.  A second registration is the first one. */
MUST_CHECK err_t thread_event_add(const thread_callback_t *callback);

/*
 * What is called for each opt.stats_interval bytes that all threads together
 * have allocated, about; before there are threads.
 */
void thread_event_set_interval(void (*print)(void));

/* What is called every THREAD_TICK_BYTES or more often; likewise. */
#define THREAD_TICK_BYTES ((uint64_t)64 << 10)
void thread_event_set_tick(void (*tick)(void));

/* Have all threads look for news at their next allocation. */
void thread_event_poke_all(void);

/* The most bytes in use since the last reset; watched closely from now on. */
uint64_t thread_peak_read(tsd_t *tsd);
void thread_peak_reset(tsd_t *tsd);

/* Count an allocation or a deallocation of the slow paths. */
static inline void
thread_count_alloc(tsd_t *tsd, size_t usize)
{
	tsd->allocated += usize;
	if (unlikely(tsd->allocated >= tsd->event_at)) {
		thread_event_run(tsd, usize);
	}
}

static inline void
thread_count_free(tsd_t *tsd, size_t usize)
{
	tsd->deallocated += usize;
}

#endif
