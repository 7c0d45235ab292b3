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
	mutex_lock(&sec.locks[3 % SEC_NLOCKS]);
	assert_null(sec_take(&sec, 3));
	assert_false(sec_put(&sec, extent(1, 3), 100));
	mutex_unlock(&sec.locks[3 % SEC_NLOCKS]);
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
	mutex_stats_t stats = sec_counts(&sec, 3 % SEC_NLOCKS, counts);
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
