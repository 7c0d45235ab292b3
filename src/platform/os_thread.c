#include "platform/os_thread.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

_Atomic(bool) os_threaded;

#if HAVE_SCHED_GETAFFINITY

/* Room for 65,536 processors; the kernel of today stops at 8,192. */
#define MASK_WORDS_MAX (65536 / (8 * sizeof(unsigned long)))
#define MASK_WORDS_FIRST (1024 / (8 * sizeof(unsigned long)))

static unsigned
mask_count(const unsigned long *mask, size_t nwords)
{
	unsigned count = 0;
	for (size_t i = 0; i < nwords; i++) {
		count += (unsigned)__builtin_popcountl(mask[i]);
	}
	return count;
}

/*
 * The system refuses a mask shorter than its own, so ask again with a longer
 * one.
 */
static NOINLINE unsigned
ncpus_with_mask(unsigned long *mask, size_t nwords, size_t nwords_max)
{
	for (; nwords <= nwords_max; nwords *= 2) {
		size_t size = nwords * sizeof(*mask);
		if (sched_getaffinity(0, size, (cpu_set_t *)mask) == 0) {
			return mask_count(mask, nwords);
		}
		if (errno != EINVAL) {
			return 0;
		}
	}
	return 0;
}

/* A function of its own: only unusual machines pay for the big frame. */
static NOINLINE unsigned
ncpus_many(void)
{
	unsigned long mask[MASK_WORDS_MAX] = {0};
	return ncpus_with_mask(mask, 2 * MASK_WORDS_FIRST, MASK_WORDS_MAX);
}

unsigned
os_ncpus(void)
{
	int saved_errno = errno;
	unsigned long mask[MASK_WORDS_FIRST] = {0};
	unsigned count = ncpus_with_mask(mask, MASK_WORDS_FIRST,
	    MASK_WORDS_FIRST);
	if (count == 0) {
		count = ncpus_many();
	}
	errno = saved_errno;
	return count > 0 ? count : 1;
}

#else

unsigned
os_ncpus(void)
{
	int saved_errno = errno;
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	errno = saved_errno;
	return count > 0 ? (unsigned)count : 1;
}

#endif

int
os_cpu_current(void)
{
#if HAVE_SCHED_GETCPU
	int saved_errno = errno;
	int cpu = sched_getcpu();
	errno = saved_errno;
	return cpu;
#else
	return -1;
#endif
}

void
os_yield(void)
{
	int saved_errno = errno;
	(void)sched_yield();
	errno = saved_errno;
}

void
os_thread_set_name(const char *name)
{
#ifdef __linux__
	int saved_errno = errno;
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	errno = saved_errno;
#else
	(void)name;
#endif
}

void
os_thread_unpin(void)
{
#if HAVE_SCHED_GETAFFINITY
	int saved_errno = errno;
	cpu_set_t set;
	if (sched_getaffinity(getpid(), sizeof(set), &set) == 0) {
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	errno = saved_errno;
#endif
}

void
os_thread_pin(unsigned cpu)
{
#if HAVE_SCHED_GETAFFINITY
	int saved_errno = errno;
	cpu_set_t set;
	if (cpu < CPU_SETSIZE) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	errno = saved_errno;
#else
	(void)cpu;
#endif
}
