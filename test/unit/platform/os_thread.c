#include "platform/os_thread.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

TEST(ncpus_follows_affinity)
{
	cpu_set_t all;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	errno = ERANGE;
	assert_int_equal(os_ncpus(), CPU_COUNT(&all));
	assert_int_equal(errno, ERANGE);
	int cpu = os_cpu_current();
	assert_true(cpu >= 0 && CPU_ISSET(cpu, &all));

	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(os_ncpus(), 1);
	assert_int_equal(os_cpu_current(), cpu);
}

TEST(yield_keeps_errno)
{
	errno = ERANGE;
	os_yield();
	assert_int_equal(errno, ERANGE);
}

static void *
self_of_thread(void *arg)
{
	(void)arg;
	return os_thread_self();
}

TEST(self_differs)
{
	pthread_t thread;
	void *self;
	assert_int_equal(pthread_create(&thread, NULL, self_of_thread, NULL),
	    0);
	assert_int_equal(pthread_join(thread, &self), 0);
	assert_non_null(self);
	assert_ptr_not_equal(self, os_thread_self());
	assert_ptr_equal(os_thread_self(), os_thread_self());
}

static void *
is_single_threaded(void *arg)
{
	(void)arg;
	return os_is_single_threaded() ? os_thread_self() : NULL;
}

TEST(two_threads_are_no_single_one)
{
	pthread_t thread;
	void *single;
	/* The runtime of a sanitizer may have a thread of its own. */
	assert_true(UNDER_SANITIZER ||
	    os_is_single_threaded() == OS_KNOWS_SINGLE_THREADED);
	assert_int_equal(pthread_create(&thread, NULL, is_single_threaded,
			     NULL),
	    0);
	assert_int_equal(pthread_join(thread, &single), 0);
	assert_null(single);
}
