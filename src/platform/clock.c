#include "platform/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#define COARSE_TICK_MAX_NS (5 * NS_PER_MS)

static uint64_t
clock_read(clockid_t id)
{
	int saved_errno = errno;
	struct timespec ts = {0, 0};
	(void)clock_gettime(id, &ts);
	errno = saved_errno;
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

#ifdef CLOCK_MONOTONIC_COARSE
static clockid_t
monotonic_choose(void)
{
	int saved_errno = errno;
	struct timespec tick;
	clockid_t id = CLOCK_MONOTONIC;
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 &&
	    tick.tv_sec == 0 && (uint64_t)tick.tv_nsec <= COARSE_TICK_MAX_NS) {
		id = CLOCK_MONOTONIC_COARSE;
	}
	errno = saved_errno;
	return id;
}

/* Chosen once; racing threads choose the same. */
static clockid_t
monotonic_id(void)
{
	static _Atomic(int) id_plus_one;
	int known = atomic_load_explicit(&id_plus_one, memory_order_relaxed);
	if (known == 0) {
		known = (int)monotonic_choose() + 1;
		atomic_store_explicit(&id_plus_one, known,
		    memory_order_relaxed);
	}
	return (clockid_t)(known - 1);
}
#else
static clockid_t
monotonic_id(void)
{
	return CLOCK_MONOTONIC;
}
#endif

uint64_t
clock_ns(void)
{
	return clock_read(monotonic_id());
}

uint64_t
clock_precise_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t
clock_realtime_ns(void)
{
	return clock_read(CLOCK_REALTIME);
}
