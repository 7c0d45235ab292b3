/* The small extent cache: a few extents of each length, last in, first out. */
#include "page/sec.h"

#include <string.h>

#include "support/harness.h"

static sec_t sec;
static edata_t extents[2 * SEC_DEPTH];

static edata_t *
extent(unsigned i, size_t npages)
{
	edata_t *edata = &extents[i];
	edata->addr = (void *)((uintptr_t)(i + 1) << 24);
	edata->size = npages * PAGE;
	edata_set_owner(edata, 0, EXTENT_ACTIVE);
	return edata;
}

static void
setup(void)
{
	memset(&sec, 0, sizeof(sec));
	sec_init(&sec);
}

TEST(last_in_first_out_by_length)
{
	setup();
	assert_null(sec_take(&sec, 3));
	assert_true(sec_put(&sec, extent(0, 3), 100));
	assert_true(sec_put(&sec, extent(1, 3), 100));
	assert_true(sec_put(&sec, extent(2, 4), 100));
	assert_int_equal(sec_npages(&sec), 10);
	assert_null(sec_take(&sec, 5));
	assert_ptr_equal(sec_take(&sec, 3), &extents[1]);
	assert_ptr_equal(sec_take(&sec, 4), &extents[2]);
	assert_ptr_equal(sec_take(&sec, 3), &extents[0]);
	assert_null(sec_take(&sec, 3));
	assert_int_equal(sec_npages(&sec), 0);
}

/* Where nothing waits no lock is taken, and no page touched. */
TEST(empty_is_not_looked_into)
{
	setup();
	uint64_t before = sec.locks[3].stats.n_ops;
	assert_null(sec_take(&sec, 3));
	assert_int_equal(sec.locks[3].stats.n_ops, before);
	assert_true(sec_put(&sec, extent(0, 3), 100));
	assert_non_null(sec_take(&sec, 3));
	assert_int_equal(sec.locks[3].stats.n_ops, before + 2);
}

TEST(takes_a_bounded_number)
{
	setup();
	for (unsigned i = 0; i < SEC_DEPTH; i++) {
		assert_true(sec_put(&sec, extent(i, 2), 1000));
	}
	assert_false(sec_put(&sec, extent(SEC_DEPTH, 2), 1000));
	assert_int_equal(sec_npages(&sec), 2 * SEC_DEPTH);
}

TEST(takes_a_bounded_number_of_pages)
{
	setup();
	assert_true(sec_put(&sec, extent(0, 6), 10));
	assert_false(sec_put(&sec, extent(1, 5), 10));
	assert_true(sec_put(&sec, extent(2, 4), 10));
	assert_false(sec_put(&sec, extent(3, 1), 10));
}

TEST(long_ones_do_not_belong)
{
	setup();
	assert_false(sec_put(&sec, extent(0, SEC_NPAGES_MAX + 1), 1000));
	assert_null(sec_take(&sec, SEC_NPAGES_MAX + 1));
	assert_true(sec_put(&sec, extent(0, SEC_NPAGES_MAX), 1000));
}

TEST(nobody_waits)
{
	setup();
	assert_true(sec_put(&sec, extent(0, 3), 100));
	mutex_lock(&sec.locks[3 % SEC_LONG_LOCK]);
	assert_null(sec_take(&sec, 3));
	assert_false(sec_put(&sec, extent(1, 3), 100));
	mutex_unlock(&sec.locks[3 % SEC_LONG_LOCK]);
	assert_ptr_equal(sec_take(&sec, 3), &extents[0]);
}

TEST(collects_what_is_not_used)
{
	edata_t *out[SEC_DEPTH];
	setup();
	assert_true(sec_put(&sec, extent(0, 3), 100));
	assert_true(sec_put(&sec, extent(1, 3), 100));
	assert_non_null(sec_take(&sec, 3));
	/* Used since the last time: left alone, but only once. */
	assert_int_equal(sec_collect(&sec, 3, false, out), 0);
	assert_int_equal(sec_collect(&sec, 3, false, out), 1);
	assert_ptr_equal(out[0], &extents[0]);
	assert_int_equal(sec_npages(&sec), 0);
	assert_true(sec_put(&sec, extent(2, 3), 100));
	assert_non_null(sec_take(&sec, 3));
	assert_true(sec_put(&sec, extent(2, 3), 100));
	assert_int_equal(sec_collect(&sec, 3, true, out), 1);
}

/* Each length is counted once, with the lock that it belongs to. */
TEST(counts)
{
	unsigned counts[SEC_NPAGES_MAX + 1] = {0};
	setup();
	assert_true(sec_put(&sec, extent(0, 3), 1000));
	assert_true(sec_put(&sec, extent(1, 3), 1000));
	assert_true(sec_put(&sec, extent(2, SEC_NPAGES_MAX), 1000));
	mutex_stats_t stats = sec_counts(&sec, 3 % SEC_LONG_LOCK, counts);
	assert_int_equal(stats.n_ops, 3);
	assert_int_equal(counts[3], 2);
	assert_int_equal(counts[SEC_NPAGES_MAX], 0);
	memset(counts, 0, sizeof(counts));
	for (unsigned i = 0; i < SEC_NLOCKS; i++) {
		(void)sec_counts(&sec, i, counts);
	}
	for (unsigned i = 0; i <= SEC_NPAGES_MAX; i++) {
		assert_int_equal(counts[i],
		    i == 3                    ? 2
			: i == SEC_NPAGES_MAX ? 1
					      : 0);
	}
}

#define LONG (SEC_NPAGES_MAX + 10)

static void
ask(size_t npages, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		assert_null(sec_take_long(&sec, npages));
		sec_note_asked(&sec, npages);
	}
}

/* Long extents are kept once their length was asked for again. */
TEST(long_ones_are_kept_when_wanted)
{
	setup();
	assert_false(sec_put_long(&sec, extent(0, LONG)));
	ask(LONG, 1);
	assert_false(sec_put_long(&sec, extent(0, LONG)));
	ask(LONG, 1);
	for (unsigned i = 0; i < SEC_LONG_DEPTH; i++) {
		assert_true(sec_put_long(&sec, extent(i, LONG)));
	}
	assert_false(sec_put_long(&sec, extent(SEC_LONG_DEPTH, LONG)));
	assert_int_equal(sec_npages(&sec), SEC_LONG_DEPTH * LONG);
	assert_int_equal(sec_npages_long(&sec), SEC_LONG_DEPTH * LONG);
	assert_null(sec_take_long(&sec, LONG + 1));
	for (unsigned i = SEC_LONG_DEPTH; i-- > 0;) {
		assert_ptr_equal(sec_take_long(&sec, LONG), &extents[i]);
	}
	assert_null(sec_take_long(&sec, LONG));
	assert_int_equal(sec_npages(&sec), 0);
}

TEST(lengths_of_long_ones)
{
	setup();
	ask(SEC_NPAGES_MAX, 2);
	assert_false(sec_put_long(&sec, extent(0, SEC_NPAGES_MAX)));
	ask(SEC_LONG_NPAGES_MAX + 1, 2);
	assert_false(sec_put_long(&sec, extent(0, SEC_LONG_NPAGES_MAX + 1)));
	ask(SEC_LONG_NPAGES_MAX, 2);
	assert_true(sec_put_long(&sec, extent(0, SEC_LONG_NPAGES_MAX)));
}

/* A slot is for another length as soon as it is empty. */
TEST(slots_change_hands)
{
	size_t other = LONG + 1;
	setup();
	while (sec_long_of(&sec, other) != sec_long_of(&sec, LONG)) {
		other++;
	}
	ask(LONG, 2);
	assert_true(sec_put_long(&sec, extent(0, LONG)));
	ask(other, 2);
	assert_false(sec_put_long(&sec, extent(1, other)));
	assert_ptr_equal(sec_take_long(&sec, LONG), &extents[0]);
	ask(other, 2);
	assert_true(sec_put_long(&sec, extent(1, other)));
	assert_false(sec_put_long(&sec, extent(0, LONG)));
}

TEST(streaks)
{
	setup();
	ask(LONG, SEC_STREAK_MIN - 1);
	assert_false(sec_is_streak(&sec, LONG));
	ask(LONG, 1);
	assert_true(sec_is_streak(&sec, LONG));
	assert_false(sec_is_streak(&sec, LONG + 1));
	ask(LONG + 1, 1);
	assert_false(sec_is_streak(&sec, LONG));
	ask(LONG, 1);
	assert_false(sec_is_streak(&sec, LONG));
}

static unsigned
collect_long(bool all)
{
	edata_t *out[SEC_LONG_DEPTH];
	unsigned n = 0;
	for (unsigned i = 0; i < SEC_NLONG; i++) {
		n += sec_collect_long(&sec, i, all, out);
	}
	return n;
}

TEST(long_ones_are_collected)
{
	setup();
	ask(LONG, 2);
	assert_true(sec_put_long(&sec, extent(0, LONG)));
	assert_non_null(sec_take_long(&sec, LONG));
	assert_true(sec_put_long(&sec, extent(0, LONG)));
	/* Used since the last time: left alone, but only once. */
	assert_int_equal(collect_long(false), 0);
	assert_int_equal(collect_long(false), 1);
	assert_int_equal(sec_npages(&sec), 0);
	/* And wanted no more. */
	assert_false(sec_put_long(&sec, extent(0, LONG)));
	ask(LONG, 2);
	assert_true(sec_put_long(&sec, extent(0, LONG)));
	assert_int_equal(collect_long(true), 1);
	assert_int_equal(sec_npages(&sec), 0);
}

TEST(long_ones_are_counted)
{
	size_t npages, sum = 0;
	setup();
	ask(LONG, 2);
	assert_true(sec_put_long(&sec, extent(0, LONG)));
	assert_true(sec_put_long(&sec, extent(1, LONG)));
	for (unsigned i = 0; i < SEC_NLONG; i++) {
		unsigned n = sec_count_long(&sec, i, &npages);
		assert_true(n == 0 || npages == LONG);
		sum += n;
	}
	assert_int_equal(sum, 2);
	mutex_lock(&sec.locks[SEC_LONG_LOCK]);
	assert_null(sec_take_long(&sec, LONG));
	assert_false(sec_put_long(&sec, extent(2, LONG)));
	mutex_unlock(&sec.locks[SEC_LONG_LOCK]);
}

/* One that waits can be had by its address. */
TEST(taken_by_address)
{
	setup();
	ask(LONG, 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(sec_put(&sec, extent(i, 3), 100));
		assert_true(sec_put_long(&sec, extent(3 + i, LONG)));
	}
	for (unsigned i = 0; i < 6; i += 3) {
		edata_t *edata = &extents[i + 1];
		assert_false(
		    sec_take_at(&sec, edata, (char *)edata->addr + PAGE));
		assert_true(sec_take_at(&sec, edata, edata->addr));
		assert_false(sec_take_at(&sec, edata, edata->addr));
	}
	assert_int_equal(sec_npages(&sec), 2 * 3 + 2 * LONG);
	assert_int_equal(sec_npages_long(&sec), 2 * LONG);
	assert_ptr_equal(sec_take(&sec, 3), &extents[2]);
	assert_ptr_equal(sec_take(&sec, 3), &extents[0]);
	assert_ptr_equal(sec_take_long(&sec, LONG), &extents[5]);
	assert_ptr_equal(sec_take_long(&sec, LONG), &extents[3]);
}

TEST(usable_on_both_sides_of_a_fork)
{
	setup();
	sec_prefork(&sec);
	assert_null(sec_take(&sec, 3));
	sec_postfork_parent(&sec);
	assert_true(sec_put(&sec, extent(0, 3), 100));
	sec_prefork(&sec);
	sec_postfork_child(&sec);
	assert_non_null(sec_take(&sec, 3));
}
