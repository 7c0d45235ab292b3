#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "arena/arenas.h"
#include "ctl_support.h"
#include "thread/tcache.h"
#include "thread/thread_event.h"

TEST(arena)
{
	unsigned ind = 2;
	unsigned old = 99;
	size_t length = sizeof(old);
	ctl_setup();
	assert_int_equal(get_unsigned("thread.arena"), 0);
	assert_int_equal(ctl_by_name("thread.arena", &old, &length, &ind,
			     sizeof(ind)),
	    0);
	assert_int_equal(old, 0);
	assert_int_equal(get_unsigned("thread.arena"), 2);
	assert_ptr_equal(tsd_get()->arena, arenas_get(2));
	assert_int_equal(atomic_load(&arenas_get(2)->nthreads), 1);
	assert_int_equal(atomic_load(&arenas_get(0)->nthreads), 0);
	ind = 1000;
	assert_int_equal(try_write("thread.arena", &ind, sizeof(ind)), EFAULT);
	assert_int_equal(try_write("thread.arena", &ind, 1), EINVAL);
	assert_int_equal(get_unsigned("thread.arena"), 2);
}

TEST(counters)
{
	ctl_setup();
	tsd_t *tsd = tsd_get();
	thread_count_alloc(tsd, 1000);
	thread_count_free(tsd, 300);
	assert_int_equal(get_u64("thread.allocated"), 1000);
	assert_int_equal(get_u64("thread.deallocated"), 300);
	uint64_t *p = NULL;
	size_t length = sizeof(p);
	assert_int_equal(ctl_by_name("thread.allocatedp", &p, &length, NULL, 0),
	    0);
	assert_ptr_equal(p, &tsd->allocated);
	assert_int_equal(ctl_by_name("thread.deallocatedp", &p, &length, NULL,
			     0),
	    0);
	assert_ptr_equal(p, &tsd->deallocated);
}

static void *
one_block(size_t size)
{
	return tcache_alloc_slow(tsd_get(), NULL, cind_of_usize(size), size);
}

TEST(tcache_enabled)
{
	bool yes = true;
	bool no = false;
	ctl_setup();
	assert_true(get_bool("thread.tcache.enabled"));
	assert_non_null(one_block(64));
	assert_true(tcache_bytes(tsd_get()) > 0);
	assert_int_equal(try_write("thread.tcache.enabled", &no, 1), 0);
	assert_false(get_bool("thread.tcache.enabled"));
	assert_int_equal(tcache_bytes(tsd_get()), 0);
	assert_int_equal(try_act("thread.tcache.flush"), EFAULT);
	assert_int_equal(try_write("thread.tcache.enabled", &yes, 1), 0);
	assert_int_equal(try_write("thread.tcache.enabled", &yes, 4), EINVAL);
	assert_true(get_bool("thread.tcache.enabled"));
}

TEST(tcache_flush_and_idle)
{
	ctl_setup();
	assert_non_null(one_block(64));
	assert_true(tcache_bytes(tsd_get()) > 0);
	assert_int_equal(try_act("thread.tcache.flush"), 0);
	assert_int_equal(tcache_bytes(tsd_get()), 0);
	assert_int_equal(try_read("thread.tcache.flush", 8), EPERM);
	assert_non_null(one_block(64));
	assert_int_equal(try_act("thread.idle"), 0);
	assert_int_equal(tcache_bytes(tsd_get()), 0);
}

TEST(tcache_max)
{
	size_t max = 1000;
	ctl_setup();
	assert_int_equal(get_size("thread.tcache.max"),
	    get_size("arenas.tcache_max"));
	assert_int_equal(try_write("thread.tcache.max", &max, sizeof(max)), 0);
	assert_int_equal(get_size("thread.tcache.max"), 1024);
	max = SIZE_MAX;
	assert_int_equal(try_write("thread.tcache.max", &max, sizeof(max)), 0);
	assert_int_equal(get_size("thread.tcache.max"), 32768);
	max = 0;
	assert_int_equal(try_write("thread.tcache.max", &max, sizeof(max)), 0);
	assert_int_equal(get_size("thread.tcache.max"), 8);
}

static size_t
ncached_max(size_t size)
{
	size_t n = 0;
	size_t length = sizeof(n);
	assert_int_equal(ctl_by_name("thread.tcache.ncached_max.read_sizeclass",
			     &n, &length, &size, sizeof(size)),
	    0);
	return n;
}

static int
set_ncached_max(const char *text)
{
	return try_write("thread.tcache.ncached_max.write", &text,
	    sizeof(text));
}

TEST(ncached_max)
{
	ctl_setup();
	assert_true(ncached_max(64) > 0);
	assert_int_equal(set_ncached_max("64-64:33"), 0);
	assert_int_equal(ncached_max(64), 33);
	assert_int_equal(ncached_max(50), 33);
	assert_int_equal(set_ncached_max("64-128:5|1024-1024:0"), 0);
	assert_int_equal(ncached_max(96), 5);
	assert_int_equal(ncached_max(1024), 0);
	/* A mistake anywhere, and nothing is changed. */
	assert_int_equal(set_ncached_max("64-64:9|x"), EINVAL);
	assert_int_equal(set_ncached_max("64-64"), EINVAL);
	assert_int_equal(set_ncached_max(NULL), EINVAL);
	assert_int_equal(ncached_max(64), 5);
	size_t size = 100000;
	assert_int_equal(try_write("thread.tcache.ncached_max.read_sizeclass",
			     &size, sizeof(size)),
	    EINVAL);
}

TEST(peak)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	assert_int_equal(try_act("thread.peak.reset"), 0);
	thread_count_alloc(tsd_get(), 5000);
	thread_count_free(tsd_get(), 4000);
	assert_true(get_u64("thread.peak.read") <= 5000);
	assert_int_equal(try_act("thread.peak.reset"), 0);
	assert_int_equal(get_u64("thread.peak.read"), 0);
}

TEST(explicit_caches)
{
	ctl_setup();
	unsigned ind = get_unsigned("tcache.create");
	unsigned other = get_unsigned("tcache.create");
	assert_int_not_equal(ind, other);
	assert_int_equal(try_write("tcache.flush", &ind, sizeof(ind)), 0);
	assert_int_equal(try_write("tcache.destroy", &ind, sizeof(ind)), 0);
	assert_int_equal(try_write("tcache.destroy", &ind, sizeof(ind)),
	    EINVAL);
	assert_int_equal(try_write("tcache.flush", &ind, sizeof(ind)), EINVAL);
	ind = 4093;
	assert_int_equal(try_write("tcache.flush", &ind, sizeof(ind)), EINVAL);
	ind = UINT32_MAX;
	assert_int_equal(try_write("tcache.flush", &ind, sizeof(ind)), EINVAL);
	assert_int_equal(try_act("tcache.create"), EINVAL);
}
