/*
 * mallctl_threads: the calling thread, and caches with and without one.
 */
#include "mallctl_support.h"

#include <pthread.h>

static void
run(void *(*fn)(void *))
{
	pthread_t thread;
	void *failed;
	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
}

TEST(counters)
{
	uint64_t *allocatedp, *deallocatedp;
	size_t length = sizeof(allocatedp);
	assert_int_equal(mallctl("thread.allocatedp", &allocatedp, &length,
			     NULL, 0),
	    0);
	assert_int_equal(mallctl("thread.deallocatedp", &deallocatedp, &length,
			     NULL, 0),
	    0);
	static const size_t sizes[] = {1, 100, 5000, 40000, 300000, 10 * MIB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t a = *allocatedp, d = *deallocatedp;
		void *p = hide(malloc(sizes[i]));
		size_t usize = malloc_usable_size(p);
		assert_int_equal(*allocatedp, a + usize);
		assert_int_equal(*allocatedp, ctl_u64("thread.allocated"));
		p = hide(realloc(p, sizes[i] * 2));
		size_t twice = malloc_usable_size(p);
		assert_int_equal(*allocatedp, a + usize + twice);
		assert_int_equal(*deallocatedp, d + usize);
		free(p);
		assert_int_equal(*deallocatedp, d + usize + twice);
		assert_int_equal(*deallocatedp, ctl_u64("thread.deallocated"));
	}
}

TEST(bind_to_an_arena)
{
	unsigned old = ctl_unsigned("thread.arena"), a = ctl_arena_new(NULL);
	unsigned got, narenas = ctl_unsigned("arenas.narenas");
	size_t length = sizeof(got);
	ctl_epoch();
	unsigned before = ctl_unsigned("stats.arenas.%u.nthreads", old);
	assert_int_equal(mallctl("thread.arena", &got, &length, &a, 4), 0);
	assert_int_equal(got, old);
	assert_int_equal(ctl_unsigned("thread.arena"), a);
	ctl_epoch();
	assert_int_equal(ctl_unsigned("stats.arenas.%u.nthreads", old),
	    before - 1);
	assert_int_equal(ctl_unsigned("stats.arenas.%u.nthreads", a), 1);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	assert_int_equal(ctl_arena_of(hide(malloc(100))), a);
	assert_int_equal(ctl_arena_of(hide(malloc(100000))), a);
	assert_int_equal(CTL_PUT(narenas, "thread.arena"), EFAULT);
	assert_int_equal(ctl_unsigned("thread.arena"), a);
	/* One that was not there yet, and the one of oversize blocks. */
	unsigned last = ctl_unsigned("opt.narenas") - 1;
	assert_int_equal(CTL_PUT(last, "thread.arena"), 0);
	assert_int_equal(ctl_unsigned("thread.arena"), last);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	last++;
	assert_int_equal(CTL_PUT(last, "thread.arena"), 0);
	assert_int_equal(ctl_unsigned("thread.arena"), last);
	assert_int_equal(CTL_PUT(old, "thread.arena"), 0);
	/* One that is gone. */
	assert_int_equal(ctl_act("arena.%u.reset", a), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	assert_int_equal(CTL_PUT(a, "thread.arena"), EFAULT);
}

static void *
leave_an_arena(void *ind)
{
	if (mallctl("thread.arena", NULL, NULL, ind, 4) != 0) {
		return "bind";
	}
	free(hide(malloc(1000)));
	return NULL;
}

TEST(threads_leave_their_arena)
{
	unsigned a = ctl_arena_new(NULL);
	for (int i = 0; i < 10; i++) {
		pthread_t thread;
		void *failed;
		assert_int_equal(pthread_create(&thread, NULL, leave_an_arena,
				     &a),
		    0);
		pthread_join(thread, &failed);
		assert_null(failed);
	}
	ctl_epoch();
	assert_int_equal(ctl_unsigned("stats.arenas.%u.nthreads", a), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}

TEST(cache_on_and_off)
{
	bool on = true, off = false;
	assert_true(ctl_bool("thread.tcache.enabled"));
	void *p = hide(malloc(100));
	free(p);
	assert_ptr_equal(hide(malloc(100)), p);
	free(p);
	assert_int_equal(CTL_PUT(off, "thread.tcache.enabled"), 0);
	assert_false(ctl_bool("thread.tcache.enabled"));
	assert_int_equal(ctl_act("thread.tcache.flush"), EFAULT);
	for (size_t size = 1; size < MIB; size = size * 3 / 2 + 1) {
		free(hide(malloc(size)));
	}
	ctl_epoch();
	if (ctl_bool("config.stats")) {
		assert_int_equal(ctl_size("stats.arenas.0.tcache_bytes"), 0);
	}
	assert_int_equal(CTL_PUT(on, "thread.tcache.enabled"), 0);
	assert_true(ctl_bool("thread.tcache.enabled"));
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	free(hide(malloc(100)));
}

TEST_CONF(cache_off_by_option, "tcache:false")
{
	bool on = true;
	assert_false(ctl_bool("thread.tcache.enabled"));
	assert_int_equal(ctl_size("thread.tcache.max"),
	    ctl_size("arenas.tcache_max"));
	size_t max = 1000;
	assert_int_equal(CTL_PUT(max, "thread.tcache.max"), 0);
	assert_int_equal(CTL_PUT(on, "thread.tcache.enabled"), 0);
	assert_int_equal(ctl_size("thread.tcache.max"), 1024);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
}

static size_t
ncached_max(size_t size)
{
	size_t n = 0, length = sizeof(n);
	assert_int_equal(mallctl("thread.tcache.ncached_max.read_sizeclass", &n,
			     &length, &size, sizeof(size)),
	    0);
	return n;
}

TEST(largest_cached_size)
{
	static const struct {
		size_t set, got;
	} rows[] = {{0, 8}, {1, 8}, {9, 16}, {1000, 1024}, {14337, 16384},
	    {32767, 32768}, {32768, 32768}, {32769, 32768}, {SIZE_MAX, 32768}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t max = rows[i].set;
		for (size_t size = 8; size < 64 * KIB; size += size / 4 + 8) {
			free(hide(malloc(size)));
		}
		assert_int_equal(CTL_PUT(max, "thread.tcache.max"), 0);
		assert_int_equal(ctl_size("thread.tcache.max"), rows[i].got);
		assert_true(ncached_max(rows[i].got) > 0);
		if (rows[i].got < 32768) {
			assert_int_equal(ncached_max(rows[i].got + 1), 0);
		}
	}
}

static int
set_ncached(const char *text)
{
	return CTL_PUT(text, "thread.tcache.ncached_max.write");
}

TEST(cache_sizes_are_set)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {{"", 0}, {"8-128:1", 0}, {"8-128:1|", 0},
	    {"8-128:1|160-160:11|170-320:22|224-8388609:0", 0},
	    {"1024-1024:65535", 0}, {"8-128", EINVAL}, {"8", EINVAL},
	    {"8-128:", EINVAL}, {"8-:1", EINVAL}, {"8-128:1||", EINVAL},
	    {"|", EINVAL}, {"8-128:1 ", EINVAL}, {"8-128:1,", EINVAL},
	    {"8-128:1x", EINVAL}, {"128-8:7", 0}, {"40000-50000:7", 0},
	    {" 8-+16: 3", 0}, {"-1-8:5", 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (set_ncached(rows[i].text) != rows[i].error) {
			fail_msg("%s", rows[i].text);
		}
	}
	assert_int_equal(set_ncached("8-128:1|160-160:11|170-320:22"
				     "|224-8388609:0"),
	    0);
	assert_int_equal(ncached_max(1), 1);
	assert_int_equal(ncached_max(128), 1);
	assert_int_equal(ncached_max(160), 11);
	assert_int_equal(ncached_max(192), 22);
	assert_int_equal(ncached_max(224), 0);
	assert_int_equal(ncached_max(32768), 0);
	assert_int_equal(set_ncached("64-64:9000"), 0);
	assert_int_equal(ncached_max(64), 8191);
	/* All or nothing. */
	assert_int_equal(set_ncached("64-64:7|x"), EINVAL);
	assert_int_equal(ncached_max(64), 8191);
	char longer[1100];
	memset(longer, '1', sizeof(longer));
	longer[1099] = '\0';
	assert_int_equal(set_ncached(longer), EINVAL);
	assert_int_equal(set_ncached(NULL), EINVAL);
	assert_int_equal(mallctl("thread.tcache.ncached_max.write", NULL, NULL,
			     NULL, 0),
	    0);
	size_t n, length = 8, size = 32769;
	assert_int_equal(mallctl("thread.tcache.ncached_max.read_sizeclass", &n,
			     &length, &size, 8),
	    EINVAL);
	assert_int_equal(mallctl("thread.tcache.ncached_max.read_sizeclass", &n,
			     &length, NULL, 0),
	    EINVAL);
}

/* A bin holds no more than was set, and as much. */
TEST(cache_sizes_are_kept)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	static void *p[3000];
	static const size_t limits[] = {2, 10, 2000};
	for (size_t i = 0; i < COUNT(limits); i++) {
		char text[64];
		snprintf(text, sizeof(text), "320-320:%zu", limits[i]);
		assert_int_equal(set_ncached(text), 0);
		for (int round = 0; round < 20; round++) {
			for (size_t j = 0; j < COUNT(p); j++) {
				p[j] = hide(malloc(300));
			}
			for (size_t j = 0; j < COUNT(p); j++) {
				free(p[j]);
			}
		}
		bool off = false, on = true;
		ctl_epoch();
		size_t bytes = ctl_size("stats.arenas.0.tcache_bytes");
		assert_true(bytes / 320 <= limits[i] + 300);
		assert_int_equal(CTL_PUT(off, "thread.tcache.enabled"), 0);
		assert_int_equal(CTL_PUT(on, "thread.tcache.enabled"), 0);
	}
}

TEST(peak)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	assert_int_equal(ctl_act("thread.peak.reset"), 0);
	assert_true(ctl_u64("thread.peak.read") < 1000);
	void *p = hide(malloc(10 * MIB));
	assert_true(ctl_u64("thread.peak.read") >= 10 * MIB);
	free(p);
	assert_true(ctl_u64("thread.peak.read") >= 10 * MIB);
	assert_int_equal(ctl_act("thread.peak.reset"), 0);
	assert_true(ctl_u64("thread.peak.read") < 1000);
	/* Found without being asked at the right moment. */
	void *q[100];
	for (int i = 0; i < 100; i++) {
		q[i] = hide(malloc(50000));
	}
	for (int i = 0; i < 100; i++) {
		free(q[i]);
	}
	assert_in_range(ctl_u64("thread.peak.read"), 5000000 - 300000, 5400000);
}

TEST(idle)
{
	for (int i = 0; i < 1000; i++) {
		free(hide(malloc((size_t)i * 30)));
	}
	assert_int_equal(ctl_act("thread.idle"), 0);
	if (ctl_bool("config.stats")) {
		ctl_epoch();
		assert_int_equal(ctl_size("stats.arenas.0.tcache_bytes"), 0);
	}
	bool off = false;
	assert_int_equal(CTL_PUT(off, "thread.tcache.enabled"), 0);
	assert_int_equal(ctl_act("thread.idle"), 0);
}

static unsigned
cache_new(void)
{
	unsigned id;
	size_t length = sizeof(id);
	assert_int_equal(mallctl("tcache.create", &id, &length, NULL, 0), 0);
	return id;
}

TEST(explicit_caches)
{
	unsigned id = cache_new();
	assert_int_equal(id, 0);
	assert_int_equal(cache_new(), 1);
	static const size_t sizes[] = {1, 100, 3000, 14000, 20000, 32768,
	    200000, MIB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int flags = MALLOCX_TCACHE(id);
		void *p[200];
		for (int round = 0; round < 3; round++) {
			for (size_t j = 0; j < COUNT(p); j++) {
				p[j] = hide(mallocx(sizes[i], flags));
				assert_non_null(p[j]);
				memset(p[j], (int)j, 1);
			}
			p[0] = hide(rallocx(p[0], sizes[i] * 2, flags));
			for (size_t j = 0; j < COUNT(p); j++) {
				assert_int_equal(*(unsigned char *)p[j],
				    j & 0xff);
				if (j % 2 == 0) {
					dallocx(p[j], flags);
				} else {
					sdallocx(p[j], sizes[i], flags);
				}
			}
		}
	}
	/* Separate from the thread's own. */
	void *p = hide(mallocx(64, MALLOCX_TCACHE(id)));
	dallocx(p, MALLOCX_TCACHE(id));
	assert_ptr_equal(hide(mallocx(64, MALLOCX_TCACHE(id))), p);
	dallocx(p, MALLOCX_TCACHE(id));
	assert_ptr_not_equal(hide(mallocx(64, MALLOCX_TCACHE(1))), p);
	assert_ptr_not_equal(hide(malloc(64)), p);
	assert_int_equal(CTL_PUT(id, "tcache.flush"), 0);
	assert_int_equal(CTL_PUT(id, "tcache.flush"), 0);
	free(hide(mallocx(64, MALLOCX_TCACHE(id))));
	assert_int_equal(CTL_PUT(id, "tcache.destroy"), 0);
	assert_int_equal(mallctl("tcache.flush", NULL, NULL, NULL, 0), EINVAL);
	assert_int_equal(mallctl("tcache.destroy", NULL, NULL, NULL, 0),
	    EINVAL);
}

/* The last number given up comes back first. */
TEST(cache_numbers_are_used_again)
{
	unsigned ids[10];
	for (unsigned i = 0; i < 10; i++) {
		ids[i] = cache_new();
		assert_int_equal(ids[i], i);
		free(hide(mallocx(100, MALLOCX_TCACHE(i))));
	}
	assert_int_equal(CTL_PUT(ids[3], "tcache.destroy"), 0);
	assert_int_equal(CTL_PUT(ids[7], "tcache.destroy"), 0);
	assert_int_equal(cache_new(), 7);
	assert_int_equal(cache_new(), 3);
	assert_int_equal(cache_new(), 10);
}

TEST(cache_numbers_run_out)
{
	unsigned id = 0;
	size_t length = sizeof(id);
	for (unsigned i = 0; i < 4094; i++) {
		assert_int_equal(cache_new(), i);
	}
	assert_int_equal(mallctl("tcache.create", &id, &length, NULL, 0),
	    EFAULT);
	id = 4093;
	void *p = hide(mallocx(100, MALLOCX_TCACHE(id)));
	dallocx(p, MALLOCX_TCACHE(id));
	assert_int_equal(CTL_PUT(id, "tcache.destroy"), 0);
	assert_int_equal(cache_new(), 4093);
}

static void
use_destroyed_cache(void *arg)
{
	unsigned id = 2;
	(void)arg;
	cache_new();
	cache_new();
	cache_new();
	CTL_PUT(id, "tcache.destroy");
	hide(mallocx(100, MALLOCX_TCACHE(2)));
}

TEST(destroyed_caches_are_named)
{
	assert_dies(use_destroyed_cache, NULL,
	    "<jemalloc>: invalid tcache id (2).");
}

static void *
use_handed_over(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++) {
		void *p = hide(mallocx((size_t)i * 13 + 1, MALLOCX_TCACHE(0)));
		dallocx(p, MALLOCX_TCACHE(0));
	}
	return NULL;
}

TEST(caches_go_from_thread_to_thread)
{
	assert_int_equal(cache_new(), 0);
	for (int i = 0; i < 5; i++) {
		run(use_handed_over);
		use_handed_over(NULL);
	}
	unsigned id = 0;
	assert_int_equal(CTL_PUT(id, "tcache.destroy"), 0);
}

/* An arena of one's own with a cache of one's own. */
TEST(arena_with_explicit_cache)
{
	unsigned id = cache_new(), a = ctl_arena_new(NULL);
	int flags = (int)MALLOCX_ARENA(a) | MALLOCX_TCACHE(id);
	for (int round = 0; round < 3; round++) {
		void *p[500];
		for (size_t i = 0; i < COUNT(p); i++) {
			p[i] = hide(mallocx(i * 50 + 1, flags));
			assert_int_equal(ctl_arena_of(p[i]), a);
		}
		for (size_t i = 0; i < COUNT(p); i++) {
			dallocx(p[i], MALLOCX_TCACHE(id));
		}
		assert_int_equal(CTL_PUT(id, "tcache.flush"), 0);
		assert_int_equal(ctl_act("arena.%u.reset", a), 0);
	}
	assert_int_equal(CTL_PUT(id, "tcache.destroy"), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}
