#include "page/decay.h"

#include "support/harness.h"

#include <string.h>

#define MS 10000
#define SECOND UINT64_C(1000000000)
#define INTERVAL (MS * UINT64_C(1000000) / DECAY_NEPOCHS)
#define START (UINT64_C(123) * SECOND)

/* Relative error of the fixed-point curve that is tolerated. */
#define ERROR_MAX 2e-6

/* Perlin's smootherstep, on its own terms. */
static double
smootherstep(double x)
{
	return x <= 0 ? 0 : x >= 1 ? 1 : x * x * x * (x * (x * 6 - 15) + 10);
}

/* Pages that may be kept of n that became unused `age` epochs ago. */
static double
kept(double n, double age)
{
	return n * smootherstep(1 - age / DECAY_NEPOCHS);
}

static void
assert_close(size_t actual, double expected, double n)
{
	double error = (double)actual - expected;
	if ((error < 0 ? -error : error) > n * ERROR_MAX + 1) {
		fail_msg("%zu instead of %f", actual, expected);
	}
}

/* Advance step by step until an epoch is seen to end. */
static uint64_t
run_to_next_epoch(decay_t *decay, uint64_t now, size_t npages)
{
	for (unsigned i = 0; i < 100; i++) {
		now += INTERVAL / 40;
		if (decay_advance(decay, now, npages)) {
			return now;
		}
	}
	fail_msg("no epoch ended");
	return now;
}

/* The forecast follows the curve at every epoch. */
TEST(forecast_is_the_curve)
{
	static const size_t counts[] = {1, 7, 1000, 1234567, 1 << 30};
	decay_t decay = {0};
	decay_init(&decay, MS, START, 1);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t n = counts[i];
		for (uint64_t age = 0; age <= DECAY_NEPOCHS; age++) {
			assert_close(decay_npages_kept_after(&decay, n,
					 age * INTERVAL),
			    kept((double)n, (double)age), (double)n);
		}
		assert_int_equal(decay_npages_kept_after(&decay, n,
				     MS * UINT64_C(1000000)),
		    0);
		assert_int_equal(decay_npages_kept_after(&decay, n, UINT64_MAX),
		    0);
	}
}

/*
 * Pages that become unused at once: the limit follows the whole curve, never
 * rises, and is zero once decay_ms have passed.
 */
static void
check_one_batch(bool purging, uint64_t seed)
{
	const size_t n = 1000000;
	decay_t decay = {0};
	decay_init(&decay, MS, START, seed);
	assert_false(decay_advance(&decay, START, n));
	uint64_t now = run_to_next_epoch(&decay, START, n);
	assert_in_range(now - START, INTERVAL, 2 * INTERVAL + INTERVAL / 40);
	assert_in_range(decay.npages_limit, n - 1, n);
	uint64_t first = (now - START) / INTERVAL;
	size_t limit = n;
	uint64_t age = 0;
	while (age < DECAY_NEPOCHS) {
		if (purging) {
			decay_note_purged(&decay, limit);
		}
		now = run_to_next_epoch(&decay, now, purging ? limit : n);
		age = (now - START) / INTERVAL - first;
		assert_close(decay.npages_limit, kept((double)n, (double)age),
		    (double)n);
		assert_true(decay.npages_limit <= limit);
		limit = decay.npages_limit;
	}
	assert_int_equal(limit, 0);
	assert_true(now <= START + MS * UINT64_C(1000000) + 4 * INTERVAL);
}

TEST(one_batch_follows_the_curve)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		check_one_batch(false, seed);
		check_one_batch(true, seed);
	}
}

/* Batches of different ages decay independently. */
TEST(batches_add_up)
{
	enum { NBATCHES = 50 };
	double size[NBATCHES];
	uint64_t epoch[NBATCHES];
	decay_t decay = {0};
	decay_init(&decay, MS, START, 7);
	uint64_t now = START;
	size_t total = 0;
	for (unsigned i = 0; i < NBATCHES + 250; i++) {
		size_t fresh = i < NBATCHES ? 1000 + i * 7919 % 5000 : 0;
		total += fresh;
		now = run_to_next_epoch(&decay, now, total);
		uint64_t epoch_now = (now - START) / INTERVAL;
		if (i < NBATCHES) {
			size[i] = (double)fresh;
			epoch[i] = epoch_now;
		}
		double expected = 0;
		for (unsigned j = 0; j < NBATCHES && j <= i; j++) {
			expected += kept(size[j],
			    (double)(epoch_now - epoch[j]));
		}
		assert_close(decay.npages_limit, expected, (double)total);
	}
	assert_int_equal(decay.npages_limit, 0);
}

/* However long nothing looked, the result is that of the time passed. */
TEST(long_gaps)
{
	for (uint64_t gap = 1; gap < 2 * DECAY_NEPOCHS; gap += 13) {
		decay_t decay = {0};
		decay_init(&decay, MS, START, gap);
		uint64_t now = run_to_next_epoch(&decay, START, 100000);
		uint64_t before = (now - START) / INTERVAL;
		now += (gap + 1) * INTERVAL;
		assert_true(decay_advance(&decay, now, 100000));
		double age = (double)((now - START) / INTERVAL - before);
		assert_close(decay.npages_limit, kept(100000, age), 100000);
	}
}

/* Pages that are used again do not make others leave earlier or later. */
TEST(reuse_leaves_the_limit_alone)
{
	decay_t decay = {0};
	decay_init(&decay, MS, START, 3);
	uint64_t now = run_to_next_epoch(&decay, START, 10000);
	uint64_t first = (now - START) / INTERVAL;
	for (unsigned i = 0; i < 100; i++) {
		now = run_to_next_epoch(&decay, now, 10000 - 50 * i);
	}
	double age = (double)((now - START) / INTERVAL - first);
	assert_close(decay.npages_limit, kept(10000, age), 10000);
}

TEST(never_and_at_once)
{
	decay_t decay = {0};
	decay_init(&decay, -1, START, 1);
	assert_false(decay_advance(&decay, UINT64_MAX, 1000));
	assert_int_equal(decay_npages_kept_after(&decay, 1000, UINT64_MAX),
	    1000);
	decay_init(&decay, 0, START, 1);
	assert_false(decay_advance(&decay, UINT64_MAX, 1000));
	assert_int_equal(decay.npages_limit, 0);
	assert_int_equal(decay_npages_kept_after(&decay, 1000, 0), 0);
}

TEST(valid_times)
{
	assert_true(decay_ms_valid(-1));
	assert_true(decay_ms_valid(0));
	assert_true(decay_ms_valid(1));
	assert_true(decay_ms_valid(DECAY_MS_MAX));
	assert_false(decay_ms_valid(-2));
	assert_false(decay_ms_valid(DECAY_MS_MAX + 1));
	assert_false(decay_ms_valid(INT64_MAX));
	assert_false(decay_ms_valid(INT64_MIN));
}

/* The shortest and the longest time are no special cases. */
TEST(extreme_times)
{
	decay_t decay = {0};
	decay_init(&decay, 1, START, 1);
	assert_false(decay_advance(&decay, START, 100));
	assert_true(decay_advance(&decay, START + 10001, 100));
	assert_in_range(decay.npages_limit, 99, 100);
	assert_true(decay_advance(&decay, START + 1100000, 100));
	assert_int_equal(decay.npages_limit, 0);
	decay_init(&decay, DECAY_MS_MAX, 0, 1);
	assert_false(decay_advance(&decay, SECOND, 100));
	uint64_t interval = (uint64_t)DECAY_MS_MAX * 1000000 / DECAY_NEPOCHS;
	assert_true(decay_advance(&decay, 2 * interval, 100));
	assert_true(decay_advance(&decay, 102 * interval + 2, 100));
	assert_close(decay.npages_limit, 50, 100);
}

/* A clock that goes back starts the epoch anew and does no other harm. */
TEST(clock_goes_back)
{
	decay_t decay = {0};
	decay_init(&decay, MS, START, 5);
	uint64_t now = run_to_next_epoch(&decay, START, 1000);
	assert_false(decay_advance(&decay, now - 100 * SECOND, 1000));
	uint64_t back = now - 100 * SECOND;
	now = run_to_next_epoch(&decay, back, 1000);
	assert_true(now <= back + 3 * INTERVAL);
	assert_in_range(decay.npages_limit, 990, 1000);
}

/* Deadlines spread over an epoch, so that arenas do not purge in step. */
TEST(deadlines_are_jittered)
{
	uint64_t lowest = UINT64_MAX;
	uint64_t highest = 0;
	for (uint64_t seed = 0; seed < 100; seed++) {
		decay_t decay = {0};
		decay_init(&decay, MS, START, seed);
		assert_in_range(decay.deadline_ns, START + INTERVAL,
		    START + 2 * INTERVAL);
		if (decay.deadline_ns < lowest) {
			lowest = decay.deadline_ns;
		}
		if (decay.deadline_ns > highest) {
			highest = decay.deadline_ns;
		}
	}
	assert_true(highest - lowest > INTERVAL / 2);
}

/* The time until so many pages have to go is the time when they do. */
TEST(time_until_purge)
{
	decay_t decay = {0};
	decay_init(&decay, -1, START, 1);
	assert_true(decay_ns_until(&decay, 1000, 10) == UINT64_MAX);
	decay_init(&decay, MS, START, 1);
	assert_true(decay_ns_until(&decay, 0, 10) == UINT64_MAX);
	uint64_t now = run_to_next_epoch(&decay, START, 1000);
	/* Half of them at half-time, all at the end. */
	uint64_t half = decay_ns_until(&decay, 1000, 500);
	uint64_t all = decay_ns_until(&decay, 1000, 5000);
	uint64_t end = DECAY_NEPOCHS * INTERVAL;
	assert_in_range(half, end / 2 - INTERVAL, end / 2 + 3 * INTERVAL);
	/* The last page goes when less than one may stay. */
	assert_in_range(all, end - 12 * INTERVAL, end + 3 * INTERVAL);
	/* Pages that no epoch has seen yet count as new. */
	uint64_t more = decay_ns_until(&decay, 2000, 1000);
	assert_true(more >= half && more <= all);
	assert_true(decay_advance(&decay, now + half + INTERVAL, 1000));
	assert_true(decay.npages_limit <= 500);
}

/* Starting anew forgets what was there, whatever it was. */
TEST(started_anew)
{
	decay_t decay = {0};
	decay_init(&decay, MS, START, 1);
	uint64_t now = run_to_next_epoch(&decay, START, 1000);
	assert_int_equal(decay.backlog[DECAY_NEPOCHS - 1], 1000);
	assert_true(decay.npages_limit > 0);
	decay_init(&decay, MS, now, 1);
	for (unsigned i = 0; i < DECAY_NEPOCHS; i++) {
		assert_int_equal(decay.backlog[i], 0);
	}
	assert_int_equal(decay.npages_limit, 0);
	assert_int_equal(decay.npages_seen, 0);
}
