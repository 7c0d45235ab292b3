/*
 * fake_clock: the seam between platform/clock and everything above it.
 */
#include "support/fake_clock.h"

#include <stdatomic.h>
#include <stdbool.h>

static _Atomic uint64_t fake_ns;
static atomic_bool is_fake;

void
fake_clock_set(uint64_t ns)
{
	atomic_store(&fake_ns, ns);
	atomic_store(&is_fake, true);
}

void
fake_clock_advance(uint64_t ns)
{
	atomic_fetch_add(&fake_ns, ns);
}

void
fake_clock_stop(void)
{
	atomic_store(&is_fake, false);
}

uint64_t __real_clock_ns(void);
uint64_t __wrap_clock_ns(void);
uint64_t
__wrap_clock_ns(void)
{
	return atomic_load(&is_fake) ? atomic_load(&fake_ns)
				     : __real_clock_ns();
}

uint64_t __real_clock_precise_ns(void);
uint64_t __wrap_clock_precise_ns(void);
uint64_t
__wrap_clock_precise_ns(void)
{
	return atomic_load(&is_fake) ? atomic_load(&fake_ns)
				     : __real_clock_precise_ns();
}

uint64_t __real_clock_realtime_ns(void);
uint64_t __wrap_clock_realtime_ns(void);
uint64_t
__wrap_clock_realtime_ns(void)
{
	return atomic_load(&is_fake) ? atomic_load(&fake_ns)
				     : __real_clock_realtime_ns();
}
