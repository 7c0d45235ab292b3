#include "ctl/ctl_tree.h"

#include "support/harness.h"

#include <stdio.h>
#include <string.h>

#include "arena/arenas.h"
#include "ctl_support.h"

static void
setup(void)
{
	ctl_setup();
	ctl_tree_boot();
}

/* Behind gates that are closed, indices may be invalid. */
static bool
may_be_missing(const ctl_leaf_t *leaf)
{
	return leaf->row != NULL && leaf->row->gate == CTL_GATE_PROF_ON;
}

static unsigned nleaves;

/* A name leads to its own row, by whatever way. */
static void
check_leaf(const char *name, const ctl_leaf_t *leaf)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	ctl_target_t target;
	nleaves++;
	if (!ctl_tree_mib(name, mib, &miblen)) {
		if (!may_be_missing(leaf)) {
			fail_msg("%s is not found", name);
		}
		return;
	}
	if (!ctl_tree_target(mib, miblen, &target)) {
		fail_msg("%s leads to nothing", name);
	}
	assert_ptr_equal(target.row, leaf->row);
	assert_ptr_equal(target.field, leaf->field);
	assert_ptr_equal(target.option, leaf->option);
	/* All components, and not one of them more or less. */
	size_t ndots = 0;
	for (const char *p = name; *p != '\0'; p++) {
		ndots += *p == '.';
	}
	assert_int_equal(miblen, ndots + 1);
	assert_false(ctl_tree_target(mib, miblen - 1, &target) &&
	    target.row == leaf->row && target.option == leaf->option);
}

TEST(every_name)
{
	setup();
	for_each_leaf(check_leaf);
	assert_true(nleaves > 300);
	assert_int_equal(nleaves, ctl_tree_nleaves());
	assert_true(ctl_tree_nnodes() > nleaves);
}

static void
check_cut_name(const char *name, const ctl_leaf_t *leaf)
{
	char cut[NAME_MAX_LENGTH];
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	if (may_be_missing(leaf)) {
		return;
	}
	/* With something behind it. */
	snprintf(cut, sizeof(cut), "%s.x", name);
	assert_false(ctl_tree_mib(cut, mib, &miblen));
	snprintf(cut, sizeof(cut), "%s.", name);
	assert_false(ctl_tree_mib(cut, mib, &miblen));
	snprintf(cut, sizeof(cut), ".%s", name);
	assert_false(ctl_tree_mib(cut, mib, &miblen));
	assert_int_equal(miblen, CTL_DEPTH_MAX);
	/* Every cut is another name, or none, but never a crash. */
	size_t length = strlen(name);
	for (size_t i = 0; i < length; i++) {
		memcpy(cut, name, length + 1);
		cut[i] = '\0';
		miblen = CTL_DEPTH_MAX;
		(void)!ctl_tree_mib(cut, mib, &miblen);
		memcpy(cut, name, length + 1);
		cut[i] = cut[i] == 'x' ? 'y' : 'x';
		miblen = CTL_DEPTH_MAX;
		(void)!ctl_tree_mib(cut, mib, &miblen);
	}
}

TEST(names_that_are_none)
{
	setup();
	for_each_leaf(check_cut_name);
	static const char *const names[] = {"", ".", "..", "x", "arena.",
	    "arena.x.purge", "arena..purge", "arena.-1.purge",
	    "arena.99999999999999999999.purge", "arena.5.purge",
	    "arena.4098.purge", "arenas.bin.36.size", "arenas.lextent.196.size",
	    "stats.arenas.5.pactive", "stats.arenas.0.bins.36.nmalloc", "opt",
	    "opt.", "opt.nothing", "stats.arenas.0.extents.199.ndirty",
	    "version.x"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t mib[CTL_DEPTH_MAX];
		size_t miblen = CTL_DEPTH_MAX;
		ctl_target_t target;
		if (ctl_tree_mib(names[i], mib, &miblen) &&
		    ctl_tree_target(mib, miblen, &target)) {
			fail_msg("%s is found", names[i]);
		}
	}
}

/* The beginning of a name has a mib, too, whose numbers can be exchanged. */
TEST(partial_names)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t whole[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	ctl_target_t target;
	setup();
	assert_true(ctl_tree_mib("arenas.bin.0.size", whole, &miblen));
	assert_int_equal(miblen, 4);
	for (size_t n = 1; n < 4; n++) {
		miblen = n;
		assert_true(ctl_tree_mib("arenas.bin.0.size", mib, &miblen));
		assert_int_equal(miblen, n);
		assert_memory_equal(mib, whole, n * sizeof(size_t));
		assert_false(ctl_tree_target(mib, n, &target));
	}
	miblen = CTL_DEPTH_MAX;
	assert_true(ctl_tree_mib("arenas.bin", mib, &miblen));
	assert_int_equal(miblen, 2);
	whole[2] = 17;
	assert_true(ctl_tree_target(whole, 4, &target));
	assert_int_equal(target.index[0], 17);
	whole[2] = SC_NBINS;
	assert_false(ctl_tree_target(whole, 4, &target));
}

TEST(two_indices)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	ctl_target_t target;
	setup();
	assert_true(
	    ctl_tree_mib("stats.arenas.0.bins.35.nmalloc", mib, &miblen));
	assert_true(ctl_tree_target(mib, miblen, &target));
	assert_int_equal(target.index[0], 0);
	assert_int_equal(target.index[1], 35);
	assert_int_equal(target.row->source, CTL_SOURCE_BIN);
}

/* Numbers that lead nowhere. */
TEST(wild_mibs)
{
	static const size_t numbers[] = {0, 1, 2, 5, 30, 1000, 4096, 4097,
	    65536, (size_t)1 << 31, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX};
	enum { N = sizeof(numbers) / sizeof(numbers[0]) };
	size_t mib[CTL_DEPTH_MAX + 1];
	ctl_target_t target;
	setup();
	assert_false(ctl_tree_target(mib, 0, &target));
	for (size_t a = 0; a < N; a++) {
		for (size_t b = 0; b < N; b++) {
			for (size_t c = 0; c < N; c++) {
				for (size_t n = 1; n <= CTL_DEPTH_MAX; n++) {
					mib[n - 1] =
					    numbers[(a * n + b * n * n + c) %
						N];
					(void)!ctl_tree_target(mib, n, &target);
				}
			}
		}
	}
}

/* Special indices of arenas. */
TEST(sums)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	setup();
	assert_true(ctl_tree_mib("stats.arenas.4096.pactive", mib, &miblen));
	assert_true(ctl_tree_mib("arena.4096.purge", mib, &miblen));
	assert_true(ctl_tree_mib("arena.4097.initialized", mib, &miblen));
	/* Nothing was destroyed yet. */
	assert_false(ctl_tree_mib("stats.arenas.4097.pactive", mib, &miblen));
}
