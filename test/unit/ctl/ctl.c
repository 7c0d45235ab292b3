#include "ctl/ctl.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>

#include "arena/arenas.h"
#include "ctl_support.h"

/* By name and by mib is the same; errno is not used. */
TEST(name_and_mib)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	ctl_setup();
	errno = 4711;
	assert_int_equal(ctl_name_to_mib("arenas.bin.0.size", mib, &miblen), 0);
	for (size_t i = 0; i < SC_NBINS; i++) {
		size_t size = 0;
		size_t length = sizeof(size);
		mib[2] = i;
		assert_int_equal(ctl_by_mib(mib, miblen, &size, &length, NULL,
				     0),
		    0);
		assert_int_equal(size, szind_size((unsigned)i));
		assert_int_equal(size,
		    get_size(name_of("arenas.bin.<i>.size", i, 0)));
	}
	assert_int_equal(try_act("no.such.name"), ENOENT);
	assert_int_equal(ctl_name_to_mib("no.such.name", mib, &miblen), ENOENT);
	assert_int_equal(ctl_by_mib(mib, 0, NULL, NULL, NULL, 0), ENOENT);
	assert_int_equal(try_read("version", 3), EINVAL);
	assert_int_equal(errno, 4711);
}

static void *
read_all(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		uint64_t any = 1;
		size_t allocated;
		size_t length = sizeof(allocated);
		(void)try_write("epoch", &any, sizeof(any));
		if (ctl_by_name("stats.allocated", &allocated, &length, NULL,
			0) != 0 ||
		    try_act("arena.4096.purge") != 0) {
			return NULL;
		}
	}
	return arg;
}

/* The first use, and all others, may come from several threads. */
TEST(several_threads)
{
	if (!config_stats) {
		skip();
	}
	enum { NTHREADS = 4 };
	pthread_t threads[NTHREADS];
	ctl_setup();
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, read_all,
				     &threads),
		    0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
}

TEST(fork_handlers)
{
	ctl_setup();
	ctl_prefork();
	ctl_postfork_parent();
	new_epoch();
	ctl_prefork();
	ctl_postfork_child();
	new_epoch();
	assert_true(get_u64("epoch") >= 2);
}

TEST(no_name)
{
	size_t mib[CTL_DEPTH_MAX], miblen = CTL_DEPTH_MAX;
	unsigned value;
	size_t size = sizeof(value);
	ctl_setup();
	assert_int_equal(ctl_by_name(NULL, &value, &size, NULL, 0), EINVAL);
	assert_int_equal(ctl_name_to_mib(NULL, mib, &miblen), EINVAL);
	assert_int_equal(ctl_name_to_mib("arenas.narenas", NULL, &miblen),
	    EINVAL);
	assert_int_equal(ctl_name_to_mib("arenas.narenas", mib, NULL), EINVAL);
	assert_int_equal(ctl_by_mib(NULL, 1, &value, &size, NULL, 0), EINVAL);
}
