#include "thread/thread_event.h"

#include "thread/tcache.h"

void
thread_event_init(tsd_t *tsd)
{
	tsd->allocated = 0;
	tsd->deallocated = 0;
	tsd->event_at = opt.tcache_gc_incr_bytes;
}

void
thread_event_run(tsd_t *tsd)
{
	tsd->event_at = tsd->allocated + opt.tcache_gc_incr_bytes;
	tcache_gc_step(tsd);
}
