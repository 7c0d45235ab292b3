#include "platform/wakeup.h"

#include <errno.h>
#include <time.h>

#include "platform/clock.h"
#include "platform/compiler.h"

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { NOTHING, SIGNALLED, ASLEEP };

static struct timespec
as_timespec(uint64_t ns)
{
	struct timespec ts;
	ts.tv_sec = (time_t)(ns / NS_PER_SEC);
	ts.tv_nsec = (long)(ns % NS_PER_SEC);
	return ts;
}

#if defined(__linux__) && defined(SYS_futex)

static void
sleep_on(_Atomic(uint32_t) *word, uint64_t ns)
{
	struct timespec ts = as_timespec(ns);
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, ASLEEP,
	    ns == WAKEUP_FOREVER ? NULL : &ts, NULL, 0);
}

static void
wake(_Atomic(uint32_t) *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

#define SLICE_NS (100 * NS_PER_MS)

/* No way to sleep on a word: look at it from time to time. */
static void
sleep_on(_Atomic(uint32_t) *word, uint64_t ns)
{
	while (ns > 0 &&
	    atomic_load_explicit(word, memory_order_relaxed) == ASLEEP) {
		uint64_t slice = ns < SLICE_NS ? ns : SLICE_NS;
		struct timespec ts = as_timespec(slice);
		(void)nanosleep(&ts, NULL);
		ns -= ns == WAKEUP_FOREVER ? 0 : slice;
	}
}

static void
wake(_Atomic(uint32_t) *word)
{
	(void)word;
}

#endif

bool
wakeup_wait(wakeup_t *wakeup, uint64_t ns)
{
	int saved_errno = errno;
	uint32_t expected = NOTHING;
	if (atomic_compare_exchange_strong_explicit(&wakeup->state, &expected,
		ASLEEP, memory_order_acquire, memory_order_acquire)) {
		sleep_on(&wakeup->state, ns);
	}
	errno = saved_errno;
	return atomic_exchange_explicit(&wakeup->state, NOTHING,
		   memory_order_acquire) == SIGNALLED;
}

void
wakeup_signal(wakeup_t *wakeup)
{
	if (atomic_exchange_explicit(&wakeup->state, SIGNALLED,
		memory_order_release) == ASLEEP) {
		int saved_errno = errno;
		wake(&wakeup->state);
		errno = saved_errno;
	}
}

void
wakeup_reset(wakeup_t *wakeup)
{
	atomic_store_explicit(&wakeup->state, NOTHING, memory_order_relaxed);
}
