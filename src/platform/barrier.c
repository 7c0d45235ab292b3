#include "platform/barrier.h"

#include <errno.h>
#include <stdatomic.h>

#include "platform/os_calls.h"

typedef enum { UNKNOWN, READY, NONE } barrier_state_t;

static _Atomic barrier_state_t state = UNKNOWN;

bool
barrier_ready(void)
{
	barrier_state_t now = atomic_load_explicit(&state,
	    memory_order_relaxed);
	if (now == UNKNOWN) {
		int saved_errno = errno;
		now = os_membarrier(OS_MEMBARRIER_REGISTER) == 0 ? READY : NONE;
		errno = saved_errno;
		atomic_store_explicit(&state, now, memory_order_relaxed);
	}
	return now == READY;
}

bool
barrier_all(void)
{
	int saved_errno = errno;
	bool done = os_membarrier(OS_MEMBARRIER_ALL) == 0;
	if (!done && errno == EPERM) {
		/* Where a child of fork does not inherit it. */
		done = os_membarrier(OS_MEMBARRIER_REGISTER) == 0 &&
		    os_membarrier(OS_MEMBARRIER_ALL) == 0;
	}
	errno = saved_errno;
	return done;
}

void
barrier_forget(void)
{
	atomic_store_explicit(&state, UNKNOWN, memory_order_relaxed);
}
