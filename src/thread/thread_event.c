#include "thread/thread_event.h"

#include "thread/tcache.h"

/*
 * Collection looks at one bin each time, and the others wait: at the interval
 * of a collector that looks at all, large blocks would do little else.
 */
static uint64_t
gc_interval(void)
{
	return (uint64_t)opt.tcache_gc_incr_bytes * 16;
}

void
thread_event_init(tsd_t *tsd)
{
	tsd->allocated = 0;
	tsd->deallocated = 0;
	tsd->event_at = gc_interval();
}

void
thread_event_run(tsd_t *tsd)
{
	tsd->event_at = tsd->allocated + gc_interval();
	tcache_gc_step(tsd);
}
