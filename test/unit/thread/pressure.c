/*
 * pressure: the limit is found, usage is read when it should be, and each
 * threshold has its effect.  All files are fake.
 */
#include "thread/pressure.h"

#include "thread_support.h"

#include "support/harness.h"

#include <string.h>

#include "platform/barrier.h"
#include "platform/cgroup.h"
#include "platform/clock.h"
#include "platform/io.h"
#include "support/fake_clock.h"
#include "thread/background.h"
#include "thread/thread_event.h"

#define MIB ((size_t)1 << 20)

static size_t limit, usage;
static unsigned nreads;

/* A group of version 2 with a limit; resident memory in pages. */
static ssize_t
read_fake(const char *path, char *buf, size_t size)
{
	nreads++;
	const char *file = strrchr(path, '/') + 1;
	if (strcmp(path, "/proc/self/cgroup") == 0) {
		return (ssize_t)io_snprintf(buf, size, "0::/");
	}
	if (strcmp(file, "memory.max") == 0 && limit != 0) {
		return (ssize_t)io_snprintf(buf, size, "%zu\n", limit);
	}
	if (strcmp(file, "memory.current") == 0) {
		return (ssize_t)io_snprintf(buf, size, "%zu\n", usage);
	}
	if (strcmp(file, "statm") == 0) {
		return (ssize_t)io_snprintf(buf, size, "99999 %zu 5 1 0\n",
		    usage >> LG_PAGE);
	}
	return -1;
}

static void
setup(void)
{
	cgroup_read_file = read_fake;
	fake_clock_set(1000 * NS_PER_SEC);
	thread_setup(2);
	background_boot();
}

/* As thread events do. */
static void
find(void)
{
	pac_grown(64 * MIB);
	assert_true(pressure_is_due());
	pressure_find_limit();
	assert_false(pressure_is_due());
}

static pac_t *
pac(void)
{
	return &arenas_get(0)->pac;
}

/* So many pages more become dirty, none of the others being reused. */
static void
add_dirty(size_t npages)
{
	edata_t *edata = pac_alloc(pac(), npages << LG_PAGE, PAGE,
	    PAC_UNTOUCHED);
	assert_non_null(edata);
	pac_dalloc(pac(), edata);
}

static void
second_passes(void)
{
	fake_clock_advance(NS_PER_SEC + 1);
	pressure_tick(clock_ns());
}

static pressure_stats_t
stats_now(void)
{
	pressure_stats_t stats;
	pressure_stats(&stats);
	return stats;
}

TEST(no_limit)
{
	setup();
	find();
	unsigned n = nreads;
	second_passes();
	add_dirty(5000);
	assert_int_equal(nreads, n);
	assert_int_equal(stats_now().limit, 0);
	assert_true(pac_headroom == PAC_HEADROOM_NONE);
	/* It is looked for once. */
	pac_grown(1000 * MIB);
	assert_false(pressure_is_due());
}

TEST(not_asked_for)
{
	opt.mem_limit = 0;
	setup();
	pac_grown(64 * MIB);
	assert_false(pressure_is_due());
	assert_int_equal(nreads, 0);
}

TEST(small_processes_do_not_look)
{
	setup();
	pac_grown(32 * MIB);
	assert_false(pressure_is_due());
	assert_int_equal(nreads, 0);
}

TEST(far_from_the_limit)
{
	limit = 512 * MIB;
	usage = 100 * MIB;
	setup();
	add_dirty(1000);
	find();
	assert_int_equal(stats_now().limit, limit);
	assert_int_equal(stats_now().usage, usage);
	assert_int_equal(stats_now().level, 0);
	second_passes();
	assert_int_equal(pac_ndirty(pac()), 1000);
	assert_int_equal(stats_now().npurges, 0);
	/* Once a second. */
	unsigned n = nreads;
	pressure_tick(clock_ns());
	arena_tick(arenas_get(0));
	assert_int_equal(nreads, n);
	fake_clock_advance(NS_PER_SEC + 1);
	arena_tick(arenas_get(0));
	assert_true(nreads > n);
}

TEST(half_each_second)
{
	limit = 512 * MIB;
	usage = limit / 100 * 85;
	setup();
	find();
	second_passes();
	add_dirty(1000);
	second_passes();
	assert_int_equal(stats_now().level, 1);
	assert_int_equal(pac_ndirty(pac()), 500);
	second_passes();
	assert_int_equal(pac_ndirty(pac()), 250);
}

TEST(back_to_the_aim)
{
	limit = 256 * MIB;
	usage = limit / 100 * 91;
	setup();
	add_dirty(MIB * 40 >> LG_PAGE);
	find();
	/* 6 % are too many: 15 MiB; half of the dirty memory is more. */
	assert_in_range(pac_ndirty(pac()) << LG_PAGE, 19 * MIB, 21 * MIB);
	second_passes();
	/* Now they are more than half. */
	assert_in_range(pac_ndirty(pac()) << LG_PAGE, 4 * MIB, 5 * MIB);
}

/* All but 3 % of the limit are used, and this thread has something cached. */
static tsd_t *
setup_with_cache(void)
{
	limit = 512 * MIB;
	usage = limit / 100 * 97;
	setup();
	tsd_t *tsd = tsd_get();
	assert_non_null(tsd);
	void *blocks[20];
	for (size_t i = 0; i < 20; i++) {
		blocks[i] = cached_alloc(tsd, 1);
	}
	for (size_t i = 0; i < 20; i++) {
		cached_free(tsd, 1, blocks[i]);
	}
	return tsd;
}

TEST(everything)
{
	tsd_t *tsd = setup_with_cache();
	add_dirty(1000);
	assert_true(tcache_bytes(tsd) > 0);
	find();
	assert_int_equal(pac_ndirty(pac()), 0);
	second_passes();
	assert_int_equal(stats_now().level, 3);
	assert_int_equal(stats_now().nflushes, 1);
	/* Caches go when their thread reaches an event: at once. */
	assert_int_equal(tsd->event_at, 0);
	assert_true(tcache_bytes(tsd) > 0);
	thread_event_run(tsd, 8);
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_true(arenas_verify());
}

/* Whoever never comes to an event has its cache taken. */
TEST(caches_of_idle_threads)
{
	tsd_t *tsd = setup_with_cache();
	size_t before = tcache_bytes(tsd);
	find();
	second_passes();
	assert_int_equal(tcache_bytes(tsd), before);
	second_passes();
	assert_int_equal(stats_now().level, 3);
	assert_int_equal(tcache_bytes(tsd), barrier_ready() ? 0 : before);
}

TEST(looks_when_memory_is_taken)
{
	limit = 512 * MIB;
	usage = 300 * MIB;
	setup();
	find();
	uint64_t n = stats_now().nlooks;
	/* Half of what is left to 90 %: about 80 MiB. */
	add_dirty(MIB * 40 >> LG_PAGE);
	assert_int_equal(stats_now().nlooks, n);
	add_dirty(MIB * 50 >> LG_PAGE);
	assert_int_equal(stats_now().nlooks, n + 1);
	/* Before it is used, it counts. */
	assert_int_equal(stats_now().usage, 350 * MIB);
	add_dirty(MIB * 300 >> LG_PAGE);
	assert_int_equal(stats_now().level, 3);
	assert_true(arenas_verify());
}

TEST(limit_of_the_option)
{
	opt.mem_limit = 100 * MIB;
	usage = 90 * MIB;
	setup();
	add_dirty(1000);
	assert_int_equal(nreads, 0);
	second_passes();
	assert_int_equal(stats_now().level, 2);
	assert_in_range(pac_ndirty(pac()), 0, 500);
	assert_int_equal(stats_now().limit, 100 * MIB);
	/* The group's does not matter. */
	limit = 10 * MIB;
	pac_grown(64 * MIB);
	assert_false(pressure_is_due());
}

/* The limit may be lifted, and come back. */
TEST(limit_changes)
{
	limit = 512 * MIB;
	usage = 500 * MIB;
	setup();
	find();
	assert_int_equal(stats_now().level, 3);
	limit = 0;
	second_passes();
	assert_int_equal(stats_now().level, 0);
	limit = 510 * MIB;
	second_passes();
	assert_int_equal(stats_now().level, 3);
}

TEST(unreadable_files)
{
	opt.mem_limit = 100 * MIB;
	setup();
	usage = 0;
	second_passes();
	assert_int_equal(stats_now().level, 0);
}
