/*
 * ctl_thread: actions on the calling thread and on caches.
 */
#include "ctl/ctl_actions.h"
#include "ctl/snapshot.h"
#include "platform/os_thread.h"
#include "thread/tcache.h"
#include "thread/tcaches.h"
#include "thread/thread_event.h"

/* Longest text of thread.tcache.ncached_max.write. */
#define NCACHED_TEXT_MAX 1000

/* An arena by its index, made if it is automatic; an errno value if not. */
static int
arena_to_bind(unsigned ind, arena_t **arena)
{
	if (ind >= arenas_count()) {
		return EFAULT;
	}
	*arena = arenas_get_auto(ind);
	if (*arena == NULL) {
		/* Destroyed, or no memory. */
		return arenas_is_auto(ind) ? EAGAIN : EFAULT;
	}
	return 0;
}

int
ctl_thread_arena(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	if (tsd == NULL) {
		return EAGAIN;
	}
	tsd_follow_cpu(tsd);
	unsigned old = tsd->arena->ind, ind = old;
	if (call->newp != NULL && CTL_WRITE(call, ind) != 0) {
		return EINVAL;
	}
	if (call->newp != NULL && ind < arenas_npercpu()) {
		return EPERM;
	}
	int error = CTL_READ(call, old);
	if (error != 0 || call->newp == NULL) {
		return error;
	}
	/* The arena must not be destroyed before we are bound. */
	mutex_lock(&ctl_lock);
	arena_t *arena = tsd->arena;
	error = ind == old ? 0 : arena_to_bind(ind, &arena);
	if (error == 0 && arena != tsd->arena) {
		arenas_unbind(tsd->arena, tsd->shard);
		tsd->arena = arenas_bind_to(arena, &tsd->shard);
	}
	tsd->arena_chosen |= error == 0;
	mutex_unlock(&ctl_lock);
	return error;
}

static int
read_counter(ctl_call_t *call, bool deallocated, bool address)
{
	tsd_t *tsd = tsd_get();
	if (tsd == NULL) {
		return EAGAIN;
	}
	uint64_t *counter = deallocated ? &tsd->deallocated : &tsd->allocated;
	uint64_t value = *counter;
	return address ? CTL_READ(call, counter) : CTL_READ(call, value);
}

int
ctl_thread_allocated(ctl_call_t *call)
{
	return read_counter(call, false, false);
}

int
ctl_thread_allocatedp(ctl_call_t *call)
{
	return read_counter(call, false, true);
}

int
ctl_thread_deallocated(ctl_call_t *call)
{
	return read_counter(call, true, false);
}

int
ctl_thread_deallocatedp(ctl_call_t *call)
{
	return read_counter(call, true, true);
}

int
ctl_tcache_enabled(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	bool old = tsd != NULL && tsd->cache_enabled, enable;
	if (call->newp != NULL) {
		if (CTL_WRITE(call, enable) != 0) {
			return EINVAL;
		}
		if (tsd == NULL) {
			return EAGAIN;
		}
		if (enable && !old) {
			tcache_enable(tsd);
		} else if (!enable && old) {
			tcache_disable(tsd);
		}
	}
	return CTL_READ(call, old);
}

int
ctl_tcache_max(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	size_t max = tsd == NULL ? tcache_max_of(opt.tcache_max)
				 : tsd->cache_max;
	int error = CTL_READ(call, max);
	if (error != 0 || call->newp == NULL) {
		return error;
	}
	error = CTL_WRITE(call, max);
	if (error == 0 && tsd != NULL) {
		tcache_set_max(tsd, tcache_max_of(max));
	}
	return error;
}

int
ctl_tcache_flush(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	if (tsd == NULL || !tsd->cache_enabled) {
		return EFAULT;
	}
	if (ctl_refuse_new(call) != 0 || ctl_refuse_old(call) != 0) {
		return EPERM;
	}
	tcache_flush(tsd);
	return 0;
}

int
ctl_ncached_max_read(ctl_call_t *call)
{
	size_t size;
	if (call->newp == NULL || CTL_WRITE(call, size) != 0 ||
	    size > TCACHE_MAX) {
		return EINVAL;
	}
	tsd_t *tsd = tsd_get();
	size_t n = tsd == NULL ? 0 : tcache_ncached_max(tsd, size);
	return CTL_READ(call, n);
}

/* Read the next segment of a text and apply it, or only look at it. */
static bool
ncached_segment(const char **text, const char *end, tsd_t *tsd, bool apply)
{
	opt_range_t range;
	if (!opt_range_parse(text, end, &range)) {
		return false;
	}
	if (apply && range.lo <= range.hi && range.lo <= TCACHE_MAX) {
		tcache_set_ncached_max(tsd, range);
	}
	return true;
}

/* All of it or nothing. */
static bool
ncached_text(const char *text, const char *end, tsd_t *tsd)
{
	const char *p = text;
	while (p < end) {
		if (!ncached_segment(&p, end, tsd, false)) {
			return false;
		}
	}
	p = text;
	while (p < end && ncached_segment(&p, end, tsd, true)) {
	}
	return true;
}

int
ctl_ncached_max_write(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	if (tsd == NULL || !tsd->cache_enabled) {
		return ENOENT;
	}
	if (ctl_refuse_old(call) != 0) {
		return EPERM;
	}
	if (call->newp == NULL) {
		return 0;
	}
	const char *text = NULL;
	if (CTL_WRITE(call, text) != 0 || text == NULL) {
		return EINVAL;
	}
	size_t length = strnlen(text, NCACHED_TEXT_MAX);
	return length < NCACHED_TEXT_MAX &&
		ncached_text(text, text + length, tsd)
	    ? 0
	    : EINVAL;
}

int
ctl_peak_read(ctl_call_t *call)
{
	tsd_t *tsd = tsd_get();
	if (tsd == NULL) {
		return EAGAIN;
	}
	uint64_t peak = thread_peak_read(tsd);
	return CTL_READ(call, peak);
}

int
ctl_peak_reset(ctl_call_t *call)
{
	(void)call;
	tsd_t *tsd = tsd_get();
	if (tsd == NULL) {
		return EAGAIN;
	}
	thread_peak_reset(tsd);
	return 0;
}

int
ctl_thread_idle(ctl_call_t *call)
{
	(void)call;
	tsd_t *tsd = tsd_get();
	if (tsd == NULL) {
		return 0;
	}
	if (tsd->cache_enabled) {
		tcache_flush(tsd);
	}
	/* With fewer arenas, others are likely to use this one. */
	if (arenas_nauto() > 2 * os_ncpus()) {
		arena_purge(tsd->arena);
	}
	return 0;
}

int
ctl_tcache_create(ctl_call_t *call)
{
	unsigned ind;
	if (ctl_refuse_new(call) != 0) {
		return EPERM;
	}
	int error = ctl_demand_old(call, sizeof(ind));
	if (error != 0) {
		return error;
	}
	return tcaches_create(&ind) != ERR_NONE ? EFAULT : CTL_READ(call, ind);
}

static int
flush_by_number(ctl_call_t *call, bool destroy)
{
	unsigned ind;
	if (call->newp == NULL || CTL_WRITE(call, ind) != 0) {
		return EINVAL;
	}
	return tcaches_flush(ind, destroy) != ERR_NONE ? EINVAL : 0;
}

int
ctl_tcaches_flush(ctl_call_t *call)
{
	return flush_by_number(call, false);
}

int
ctl_tcaches_destroy(ctl_call_t *call)
{
	return flush_by_number(call, true);
}
