/*
 * extended: mallocx and its family with their flags, limits and failures.
 */
#include "support.h"

static const size_t sizes[] = {1, 8, 9, 48, 100, 1000, 4096, 14336, 14337,
    20480, 100000, 1 << 20, 9 << 20};

static const size_t impossible[] = {LARGE_MAX + 1, (size_t)PTRDIFF_MAX,
    SIZE_MAX - 4096, SIZE_MAX};

TEST(flag_macros)
{
	assert_int_equal(MALLOCX_LG_ALIGN(12), 12);
	assert_int_equal(MALLOCX_ALIGN(1), 0);
	assert_int_equal(MALLOCX_ALIGN(64), 6);
	assert_int_equal(MALLOCX_ALIGN((size_t)1 << 32), 32);
	assert_int_equal(MALLOCX_ALIGN((size_t)1 << 31), 31);
	assert_int_equal(MALLOCX_ZERO, 0x40);
	assert_int_equal(MALLOCX_TCACHE(0), 0x200);
	assert_int_equal(MALLOCX_TCACHE_NONE, 0x100);
	assert_int_equal(MALLOCX_ARENA(0), 0x100000);
}

TEST(failure_does_not_set_errno)
{
	for (size_t i = 0; i < COUNT(impossible); i++) {
		errno = 77;
		assert_null(hide(mallocx(hide_size(impossible[i]), 0)));
		assert_null(
		    hide(mallocx(hide_size(impossible[i]), MALLOCX_ALIGN(64))));
		assert_null(
		    hide(mallocx(hide_size(impossible[i]), MALLOCX_ZERO)));
		assert_int_equal(errno, 77);
		assert_int_equal(nallocx(hide_size(impossible[i]), 0), 0);
	}
}

TEST(rallocx_failure_keeps_the_object)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = hide(mallocx(sizes[i], 0));
		pattern_fill(p, sizes[i], 3);
		for (size_t j = 0; j < COUNT(impossible); j++) {
			errno = 77;
			assert_null(
			    hide(rallocx(p, hide_size(impossible[j]), 0)));
			assert_int_equal(errno, 77);
		}
		assert_null(hide(rallocx(p, hide_size((size_t)1 << 60), 0)));
		assert_true(pattern_holds(p, sizes[i], 3));
		dallocx(p, 0);
	}
}

TEST(all_flags_work_together)
{
	static const int extra[] = {0, MALLOCX_ZERO, MALLOCX_TCACHE_NONE,
	    MALLOCX_ARENA(0), MALLOCX_ZERO | MALLOCX_TCACHE_NONE,
	    MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE,
	    MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO};
	for (size_t f = 0; f < COUNT(extra); f++) {
		for (int lg = 0; lg <= 16; lg += 4) {
			for (size_t i = 0; i < COUNT(sizes); i++) {
				int flags = extra[f] | MALLOCX_LG_ALIGN(lg);
				char *p = hide(mallocx(sizes[i], flags));
				assert_non_null(p);
				assert_true(is_aligned_to(p, (size_t)1 << lg));
				size_t usize = sallocx(p, flags);
				assert_int_equal(usize,
				    nallocx(sizes[i], flags));
				if (flags & MALLOCX_ZERO) {
					assert_true(
					    is_filled_with(p, 0, usize));
				}
				memset(p, 0xee, usize);
				sdallocx(p, sizes[i], flags);
			}
		}
	}
}

/* A block may enter by one cache and leave past it, and the reverse. */
TEST(flags_of_the_release_are_free)
{
	static const int out[] = {0, MALLOCX_TCACHE_NONE, MALLOCX_ARENA(0),
	    MALLOCX_ZERO, MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE};
	for (size_t f = 0; f < COUNT(out); f++) {
		for (size_t g = 0; g < COUNT(out); g++) {
			for (size_t i = 0; i < COUNT(sizes); i++) {
				void *p = hide(mallocx(sizes[i], out[g]));
				assert_non_null(p);
				memset(p, 1, sizes[i]);
				dallocx(p, out[f]);
			}
		}
	}
}

TEST(rallocx_with_flags_keeps_contents)
{
	static const int flags[] = {0, MALLOCX_TCACHE_NONE, MALLOCX_ARENA(0),
	    MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE, MALLOCX_LG_ALIGN(12)};
	for (size_t f = 0; f < COUNT(flags); f++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			for (size_t j = 0; j < COUNT(sizes); j++) {
				size_t kept = sizes[i] < sizes[j] ? sizes[i]
								  : sizes[j];
				void *p = hide(mallocx(sizes[i], 0));
				pattern_fill(p, sizes[i], 5);
				p = hide(rallocx(p, sizes[j], flags[f]));
				assert_non_null(p);
				assert_true(pattern_holds(p, kept, 5));
				assert_true(
				    sallocx(p, 0) >= model_usize(sizes[j]));
				dallocx(p, flags[f]);
			}
		}
	}
}

TEST(rallocx_stays_where_the_class_stays)
{
	void *p = hide(mallocx(1000, 0));
	void *q = hide(rallocx(p, 900, 0));
	assert_ptr_equal(hide(p), q);
	q = hide(rallocx(q, 1024, 0));
	assert_ptr_equal(hide(p), q);
	dallocx(q, 0);
}

TEST(xallocx_never_changes_a_small_class)
{
	for (size_t size = 1; size <= SMALL_MAX; size += size / 4 + 1) {
		void *p = hide(mallocx(size, 0));
		size_t usize = sallocx(p, 0);
		assert_int_equal(xallocx(p, usize, 0, 0), usize);
		assert_int_equal(xallocx(p, usize + 1, 0, 0), usize);
		assert_int_equal(xallocx(p, 1, 0, 0), usize);
		assert_int_equal(xallocx(p, 1, 3, 0), usize);
		assert_int_equal(xallocx(p, usize, 100000, 0), usize);
		assert_int_equal(xallocx(p, MIB, 0, 0), usize);
		assert_int_equal(xallocx(p, SIZE_MAX, 0, 0), usize);
		assert_int_equal(xallocx(p, LARGE_MAX, SIZE_MAX - LARGE_MAX, 0),
		    usize);
		assert_int_equal(sallocx(p, 0), usize);
		dallocx(p, 0);
	}
}

TEST(xallocx_shrinks_large_objects_to_the_maximum)
{
	static const struct {
		size_t old, size, extra, want;
	} rows[] = {{102400, 100, 19900, 20480}, {102400, 100, 0, 102400},
	    {102400, 50000, 0, 53248}, {102400, 16384, 0, 16384},
	    {102400, 14337, 0, 16384}, {102400, 14336, 0, 102400},
	    {102400, 50000, 60000, 0}, {102400, 102400, 0, 102400},
	    {102400, 98305, 0, 102400}, {102400, LARGE_MAX + 1, 0, 102400},
	    {102400, SIZE_MAX, 0, 102400}, {10 * 1048576, 1048576, 0, 1048576}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		void *p = hide(mallocx(rows[i].old, 0));
		pattern_fill(p, LARGE_MIN, 9);
		size_t got = xallocx(p, rows[i].size, rows[i].extra, 0);
		if (rows[i].want != 0) {
			assert_int_equal(got, rows[i].want);
		} else {
			assert_in_range(got, rows[i].old, 110592);
		}
		assert_int_equal(sallocx(p, 0), got);
		assert_true(pattern_holds(p, LARGE_MIN, 9));
		dallocx(p, 0);
	}
}

TEST(xallocx_clamps_the_extra)
{
	void *p = hide(mallocx(100000, 0));
	size_t old = sallocx(p, 0);
	size_t got = xallocx(p, 100000, SIZE_MAX - 100000, 0);
	assert_true(got >= old);
	assert_int_equal(sallocx(p, 0), got);
	got = xallocx(p, LARGE_MAX, 1, 0);
	assert_int_equal(sallocx(p, 0), got);
	dallocx(p, 0);
}

TEST(xallocx_refuses_what_is_not_aligned_enough)
{
	void *p = NULL;
	for (int i = 0; i < 100; i++) {
		p = hide(mallocx(100000, 0));
		if (!is_aligned_to(p, MIB)) {
			break;
		}
	}
	assert_false(is_aligned_to(p, MIB));
	size_t old = sallocx(p, 0);
	assert_int_equal(xallocx(p, 50000, 0, MALLOCX_ALIGN(MIB)), old);
	assert_int_equal(xallocx(p, 200000, 0, MALLOCX_ALIGN(MIB)), old);
	dallocx(p, 0);
}

TEST(sallocx_ignores_flags)
{
	void *p = hide(mallocx(100, 0));
	assert_int_equal(sallocx(p, MALLOCX_ALIGN(4096)), 112);
	assert_int_equal(sallocx(p, MALLOCX_TCACHE_NONE), 112);
	dallocx(p, 0);
}

TEST(sdallocx_takes_requested_to_usable_size)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t usize = nallocx(sizes[i], 0);
		sdallocx(hide(mallocx(sizes[i], 0)), sizes[i], 0);
		sdallocx(hide(mallocx(sizes[i], 0)), usize, 0);
		sdallocx(hide(mallocx(sizes[i], 0)), (sizes[i] + usize) / 2, 0);
	}
}

/* Standard and extended calls share their objects. */
TEST(the_two_families_mix)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = hide(mallocx(sizes[i], MALLOCX_ZERO));
		p = hide(realloc(p, sizes[i] + 1));
		p = hide(rallocx(p, sizes[i], 0));
		free(p);
		dallocx(hide(malloc(sizes[i])), MALLOCX_TCACHE_NONE);
		free(hide(mallocx(sizes[i], MALLOCX_TCACHE_NONE)));
		free_sized(hide(mallocx(sizes[i], 0)), sizes[i]);
		free(hide(mallocx(sizes[i], MALLOCX_ALIGN(256))));
		dallocx(hide(aligned_alloc(256, sizes[i])), 0);
	}
}

TEST(release_leaves_errno_alone)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		errno = 77;
		dallocx(hide(mallocx(sizes[i], 0)), MALLOCX_TCACHE_NONE);
		sdallocx(hide(mallocx(sizes[i], 0)), sizes[i], 0);
		assert_int_equal(errno, 77);
	}
}
