#include "thread/thread_event.h"

#include "support/harness.h"

#include "ds/prng.h"
#include "thread_support.h"

#define MIB ((uint64_t)1 << 20)

/* Counters count, and the next event is always ahead. */
TEST(counters)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_int_equal(tsd->allocated, 0);
	assert_int_equal(tsd->deallocated, 0);
	uint64_t prng = 1;
	uint64_t allocated = 0;
	for (unsigned i = 0; i < 20000; i++) {
		size_t usize = szind_size(
		    (unsigned)prng_below(&prng, SC_NBINS + 40));
		thread_count_alloc(tsd, usize);
		allocated += usize;
		assert_int_equal(tsd->allocated, allocated);
		assert_true(tsd->event_at > allocated);
		thread_count_free(tsd, usize);
		assert_int_equal(tsd->deallocated, allocated);
	}
}

/* Collection comes in proportion to what is allocated. */
TEST(collection)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	unsigned cind = cind_of_usize(64);
	void *blocks[20];
	for (unsigned i = 0; i < 20; i++) {
		blocks[i] = cached_alloc(tsd, cind);
	}
	for (unsigned i = 0; i < 20; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
	assert_true(tcache_bytes(tsd) > 0);
	/* Nothing of it is used for a long time. */
	for (unsigned i = 0; i < 4000; i++) {
		thread_count_alloc(tsd, MIB);
	}
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_int_equal(live_in_arenas(cind), 0);
}

/* Blocks that come and go say little of what the cache holds. */
TEST(collection_waits_for_long_blocks)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	tsd->allocated = tsd->event_at;
	uint64_t gc_at = tsd->gc_at;
	thread_event_run_again(tsd, MIB);
	assert_int_equal(tsd->gc_at, gc_at + 8 * MIB);
	assert_int_equal(tsd->event_at, tsd->gc_at);
	tsd->allocated = tsd->event_at;
	thread_event_run_again(tsd, 1000);
	assert_int_equal(tsd->gc_at, gc_at + 9 * MIB);
}

/* However large the interval is, nothing overflows. */
TEST(extreme_intervals)
{
	opt.tcache_gc_incr_bytes = SIZE_MAX;
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_true(tsd->event_at > 0);
	thread_count_alloc(tsd, (size_t)1 << 62);
	assert_true(tsd->event_at > tsd->allocated);
}

/* Peak */

TEST(peak)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	thread_count_alloc(tsd, 1000);
	thread_peak_reset(tsd);
	assert_int_equal(thread_peak_read(tsd), 0);
	thread_count_alloc(tsd, 5000);
	assert_int_equal(thread_peak_read(tsd), 5000);
	thread_count_free(tsd, 4000);
	assert_int_equal(thread_peak_read(tsd), 5000);
	thread_count_alloc(tsd, 3000);
	assert_int_equal(thread_peak_read(tsd), 5000);
	thread_peak_reset(tsd);
	thread_count_free(tsd, 4000);
	assert_int_equal(thread_peak_read(tsd), 0);
	/* Without being asked, it is noted every so often. */
	for (unsigned i = 0; i < 100; i++) {
		thread_count_alloc(tsd, MIB);
	}
	thread_count_free(tsd, 100 * MIB);
	assert_in_range(thread_peak_read(tsd), 98 * MIB, 100 * MIB);
}

/* Callbacks */

static unsigned ncalls[2];
static uint64_t last[2][2];

static void
note_call(bool is_alloc, uint64_t allocated, uint64_t deallocated)
{
	ncalls[is_alloc]++;
	last[is_alloc][0] = allocated;
	last[is_alloc][1] = deallocated;
	/* Foreign code: it has no cache. */
	assert_null(tsd_get());
}

TEST(callbacks)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	thread_callback_t callback = {note_call, 10000, false};
	assert_int_equal(thread_event_add(&callback), ERR_NONE);
	assert_int_equal(thread_event_add(&callback), ERR_NONE);
	for (unsigned i = 0; i < 1000; i++) {
		thread_count_alloc(tsd, 1024);
		thread_count_free(tsd, 1024);
		assert_true(tsd->event_at > tsd->allocated);
	}
	assert_in_range(ncalls[true], 90, 103);
	assert_in_range(ncalls[false], 80, 103);
	assert_true(last[true][0] <= tsd->allocated);
	assert_true(last[false][1] <= tsd->deallocated);
}

TEST(callbacks_on_allocation_only)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	thread_callback_t callback = {note_call, 1, true};
	assert_int_equal(thread_event_add(&callback), ERR_NONE);
	for (unsigned i = 0; i < 10; i++) {
		thread_count_alloc(tsd, 16);
		thread_count_free(tsd, 16);
	}
	assert_in_range(ncalls[true], 9, 10);
	assert_int_equal(ncalls[false], 0);
}

TEST(callbacks_are_limited)
{
	thread_setup(1);
	(void)tsd_get();
	for (uint64_t i = 0; i < THREAD_CALLBACKS_MAX; i++) {
		thread_callback_t callback = {note_call, i + 1, true};
		assert_int_equal(thread_event_add(&callback), ERR_NONE);
	}
	thread_callback_t more = {note_call, 1000, true};
	assert_int_equal(thread_event_add(&more), ERR_AGAIN);
	thread_callback_t known = {note_call, 1, true};
	assert_int_equal(thread_event_add(&known), ERR_NONE);
}

static void *
allocate_later(void *tsd)
{
	(void)tsd_get();
	thread_count_alloc(tsd_get(), 5 * MIB);
	thread_count_alloc(tsd_get(), 5 * MIB);
	return tsd;
}

/* Threads that come later call them as well. */
TEST(callbacks_in_other_threads)
{
	thread_setup(1);
	thread_callback_t callback = {note_call, MIB, true};
	assert_int_equal(thread_event_add(&callback), ERR_NONE);
	in_thread(allocate_later, NULL);
	assert_in_range(ncalls[true], 1, 2);
}

static void *
allocate_little(void *arg)
{
	for (unsigned i = 0; i < 100; i++) {
		thread_count_alloc(tsd_get(), 1000);
	}
	return arg;
}

/* From their first interval on. */
TEST(callbacks_in_new_threads)
{
	thread_setup(1);
	thread_callback_t callback = {note_call, 10000, true};
	assert_int_equal(thread_event_add(&callback), ERR_NONE);
	in_thread(allocate_little, NULL);
	assert_in_range(ncalls[true], 9, 10);
}

static unsigned nprints;

static void
note_print(void)
{
	nprints++;
}

/*
 * One print for each interval, whichever thread completes it, and none without
 * the option.
 */
TEST(intervals)
{
	opt.stats_interval = 64000;
	thread_event_set_interval(note_print);
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	for (unsigned i = 0; i < 640; i++) {
		thread_count_alloc(tsd, 1000);
		assert_in_range(nprints, i / 64, (i + 1) / 64);
	}
	assert_int_equal(nprints, 10);
	/* Far more than an interval at once is one print. */
	thread_count_alloc(tsd, 6400000);
	assert_int_equal(nprints, 11);
	opt.stats_interval = -1;
	thread_count_alloc(tsd, 64000000);
	assert_int_equal(nprints, 11);
	thread_event_set_interval(NULL);
}

static unsigned nticks;

static void
count_tick(void)
{
	nticks++;
}

/* A tick comes at least so often, and not before it is set. */
TEST(ticks)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	thread_count_alloc(tsd, 10 * THREAD_TICK_BYTES);
	assert_int_equal(nticks, 0);
	thread_event_set_tick(count_tick);
	thread_event_init(tsd);
	for (unsigned i = 0; i < 100; i++) {
		thread_count_alloc(tsd, THREAD_TICK_BYTES / 10);
	}
	assert_in_range(nticks, 8, 10);
	nticks = 0;
	thread_count_alloc(tsd, 100 * MIB);
	assert_int_equal(nticks, 1);
}
