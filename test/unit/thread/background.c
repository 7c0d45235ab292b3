/*
 * background: modes and their limits, what threads and watches do, and fork.
 *
 * Time is fake and passes only where a test waits for something, so that it
 * does not matter how long a thread was kept from running.
 */
#include "thread/background.h"

#include "thread_support.h"

#include "support/harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "arena/large.h"
#include "platform/clock.h"
#include "support/fake_clock.h"

/* How often the first of the threads has begun to purge. */
static _Atomic unsigned npasses;

static uint64_t
count_pass(void)
{
	npasses++;
	return UINT64_MAX;
}

static void
setup(void)
{
	fake_clock_set(1000 * NS_PER_SEC);
	thread_setup(4);
	background_boot();
	background_set_tick(count_pass);
}

static size_t
nthreads(void)
{
	background_stats_t stats;
	background_stats(&stats);
	return stats.num_threads;
}

static void
sleep_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
	(void)nanosleep(&ts, NULL);
}

/* Time passes, on the clock of the library too, for a minute or more. */
static bool
comes(bool (*holds)(void))
{
	for (int i = 0; i < 6000 && !holds(); i++) {
		sleep_ms(10);
		fake_clock_advance(10 * NS_PER_MS);
	}
	return holds();
}

static bool
has_begun(void)
{
	return npasses != 0;
}

TEST(starts_and_stops)
{
	setup();
	assert_false(background_enabled());
	assert_true(arena_ticks_purge);
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_true(background_enabled());
	assert_false(arena_ticks_purge);
	assert_int_equal(nthreads(), 1);
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_int_equal(background_enable(false), ERR_NONE);
	assert_false(background_enabled());
	assert_true(arena_ticks_purge);
	assert_int_equal(nthreads(), 0);
}

static bool
are_two(void)
{
	return nthreads() == 2;
}

TEST(limit)
{
	setup();
	assert_int_equal(background_max(), 4);
	assert_int_equal(background_set_max(0), ERR_INVALID);
	assert_int_equal(background_set_max(5), ERR_INVALID);
	assert_int_equal(background_set_max(2), ERR_NONE);
	assert_int_equal(background_max(), 2);
	assert_int_equal(nthreads(), 0);
	assert_non_null(arenas_get_auto(1));
	assert_non_null(arenas_get_auto(2));
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_true(comes(are_two));
	assert_int_equal(background_set_max(1), ERR_NONE);
	assert_int_equal(nthreads(), 1);
	assert_int_equal(background_enable(false), ERR_NONE);
}

static bool
nothing_is_dirty(void)
{
	return pac_ndirty(&arenas_get(0)->pac) == 0;
}

static void
free_pages(size_t npages)
{
	pac_t *pac = &arenas_get(0)->pac;
	edata_t *edata = pac_alloc(pac, npages << LG_PAGE, PAGE, PAC_REUSE);
	assert_non_null(edata);
	pac_dalloc(pac, edata);
}

TEST(purges_what_becomes_dirty)
{
	opt.dirty_decay_ms = 100;
	setup();
	assert_int_equal(background_enable(true), ERR_NONE);
	/* It sleeps without end, or is about to. */
	assert_true(comes(has_begun));
	free_pages(100);
	assert_true(comes(nothing_is_dirty));
	free_pages(5000);
	assert_true(comes(nothing_is_dirty));
	background_stats_t stats;
	background_stats(&stats);
	assert_true(stats.num_runs >= 2);
	assert_true(stats.run_interval > 0);
	assert_int_equal(background_enable(false), ERR_NONE);
}

static void
set_decay_ms(ssize_t ms)
{
	assert_int_equal(pac_set_decay_ms(&arenas_get(0)->pac, EXTENT_DIRTY, ms,
			     clock_ns()),
	    ERR_NONE);
}

/* Pages that stay for good wake nobody, until that is changed. */
TEST(what_does_not_decay)
{
	opt.dirty_decay_ms = -1;
	setup();
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_true(comes(has_begun));
	unsigned before = npasses;
	free_pages(5000);
	for (int i = 0; i < 50; i++) {
		sleep_ms(10);
		fake_clock_advance(10 * NS_PER_MS);
	}
	/* Once, if they came before it knew. */
	assert_in_range(npasses, before, before + 1);
	assert_int_equal(pac_ndirty(&arenas_get(0)->pac), 5000);
	set_decay_ms(100);
	free_pages(5000);
	assert_true(comes(nothing_is_dirty));
	assert_int_equal(background_enable(false), ERR_NONE);
}

TEST(helper_needs_two_threads)
{
	setup();
	background_start_helper();
	assert_int_equal(nthreads(), 0);
	assert_non_null(tsd_get());
	assert_int_equal(tsd_count(), 1);
	pac_grown((size_t)32 << 20);
	assert_true(background_is_due());
	background_start_helper();
	assert_int_equal(nthreads(), 0);
	assert_true(background_is_due());
}

static void *
starts_helper(void *arg)
{
	assert_non_null(tsd_get());
	background_start_helper();
	assert_int_equal(nthreads(), 1);
	assert_false(background_enabled());
	assert_true(arena_ticks_purge);
	assert_false(background_is_due());
	assert_true(comes(has_begun));
	free_pages(5000);
	assert_true(comes(nothing_is_dirty));
	background_stats_t stats;
	background_stats(&stats);
	assert_true(stats.num_runs > 0);
	assert_true(stats.mutex_max.n_ops > 0);
	return arg;
}

static void *
starts_helper_and_ends(void *arg)
{
	assert_non_null(tsd_get());
	background_start_helper();
	assert_int_equal(nthreads(), 1);
	return arg;
}

static void *
asks_in_vain(void *arg)
{
	assert_non_null(tsd_get());
	assert_true(background_is_due());
	background_start_helper();
	assert_int_equal(nthreads(), 0);
	return arg;
}

/* It goes with that thread; it may be at that itself, at the moment. */
static void
wait_until_gone(void)
{
	while (nthreads() != 0) {
		sleep_ms(1);
	}
}

TEST(helper)
{
	opt.dirty_decay_ms = 100;
	setup();
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_non_null(tsd_get());
	pac_grown((size_t)32 << 20);
	in_thread(starts_helper_and_ends, NULL);
	wait_until_gone();
	/* Another one would be too soon. */
	background_stats_t stats;
	background_stats(&stats);
	assert_int_equal(stats.num_runs, 0);
	in_thread(asks_in_vain, NULL);
	fake_clock_advance(1100 * NS_PER_MS);
	npasses = 0;
	in_thread(starts_helper, NULL);
	wait_until_gone();
	/* Threads that are asked for take its place. */
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_int_equal(nthreads(), 1);
	assert_int_equal(background_enable(false), ERR_NONE);
	assert_int_equal(nthreads(), 0);
	/* Who said no means it. */
	assert_false(background_is_due());
}

static _Atomic bool has_started, may_end;

static void *
starts_helper_and_waits(void *arg)
{
	assert_non_null(tsd_get());
	background_start_helper();
	assert_int_equal(nthreads(), 1);
	has_started = true;
	while (!may_end) {
		sleep_ms(1);
	}
	return arg;
}

static bool
is_gone(void)
{
	return nthreads() == 0;
}

/* Its lock may be taken at that moment, as by a fork or by statistics. */
TEST(helper_ends_although_the_lock_is_taken)
{
	pthread_t thread;
	opt.dirty_decay_ms = 100;
	setup();
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_non_null(tsd_get());
	pac_grown((size_t)32 << 20);
	assert_int_equal(pthread_create(&thread, NULL, starts_helper_and_waits,
			     NULL),
	    0);
	while (!has_started) {
		sleep_ms(1);
	}
	mutex_lock(&background_lock);
	may_end = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	sleep_ms(50);
	mutex_unlock(&background_lock);
	assert_true(comes(is_gone));
	/* There can be another. */
	assert_true(background_is_due());
}

TEST(no_helper_where_nothing_decays)
{
	opt.dirty_decay_ms = -1;
	setup();
	assert_non_null(tsd_get());
	pac_grown((size_t)32 << 20);
	background_start_helper();
	assert_int_equal(nthreads(), 0);
}

TEST(child_starts_anew)
{
	setup();
	assert_int_equal(background_enable(true), ERR_NONE);
	pac_grown((size_t)32 << 20);
	background_prefork();
	background_postfork_child();
	/* The thread of this process is orphaned, as if of the parent. */
	assert_false(background_enabled());
	assert_int_equal(nthreads(), 0);
	assert_true(background_is_due());
	background_prefork();
	background_postfork_parent();
}

TEST(watch_calls_once)
{
	setup();
	pac_t *pac = &arenas_get(0)->pac;
	pac_set_watch(pac, 50);
	free_pages(70);
	assert_true(pac->watch_npages == PAC_WATCH_NONE);
	pac_set_watch(pac, 5000);
	free_pages(70);
	assert_true(pac->watch_npages == 5000);
}

TEST(option_starts_threads)
{
	opt.background_thread = true;
	setup();
	background_boot_threads();
	assert_true(background_enabled());
	assert_int_equal(background_enable(false), ERR_NONE);
}

static _Atomic unsigned nticks;

static uint64_t
count_tick(void)
{
	return ++nticks < 3 ? 10 * NS_PER_MS : UINT64_MAX;
}

static bool
are_three_ticks(void)
{
	return nticks == 3;
}

/* A thread that would sleep without end calls as often as it is asked to. */
TEST(ticks)
{
	setup();
	background_set_tick(count_tick);
	assert_int_equal(background_enable(true), ERR_NONE);
	assert_true(comes(are_three_ticks));
	assert_int_equal(background_enable(false), ERR_NONE);
	assert_true(are_three_ticks());
}
