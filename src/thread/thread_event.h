/*
 * thread_event: what happens every so many bytes of a thread's allocation.
 *
 * The fast path compares the thread's counter of allocated bytes with one
 * value, the nearest of all events; this module keeps that value and runs what
 * is due.  No locks: counters belong to their thread.
 */
#ifndef THREAD_THREAD_EVENT_H
#define THREAD_THREAD_EVENT_H

#include "thread/tsd.h"

/* Set the first events of a fresh state. */
void thread_event_init(tsd_t *tsd);

/* The counter passed `event_at`: run what is due and set the next one. */
void thread_event_run(tsd_t *tsd);

/* Count an allocation or a deallocation of the slow paths. */
static inline void
thread_count_alloc(tsd_t *tsd, size_t usize)
{
	tsd->allocated += usize;
	if (unlikely(tsd->allocated >= tsd->event_at)) {
		thread_event_run(tsd);
	}
}

static inline void
thread_count_free(tsd_t *tsd, size_t usize)
{
	tsd->deallocated += usize;
}

#endif
