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
