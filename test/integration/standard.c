/*
 * standard: the C, POSIX and legacy entry points, each with its edge cases
 * and its rules for errno.
 */
#include "support.h"

#include <malloc.h>

/* One size of every kind: tiny, small, page, largest small, large, huge. */
static const size_t sizes[] = {1, 8, 9, 16, 17, 48, 100, 1000, 4096, 8192,
    14336, 14337, 20480, 100000, 1 << 20, 9 << 20};

static const size_t impossible[] = {LARGE_MAX, LARGE_MAX + 1,
    (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 1,
    SIZE_MAX};

TEST(malloc_zero_is_a_unique_small_object)
{
	void *a = hide(malloc(hide_size(0)));
	void *b = hide(malloc(hide_size(0)));
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_int_equal(malloc_usable_size(a), 8);
	memset(a, 1, 8);
	memset(b, 2, 8);
	assert_true(is_filled_with(a, 1, 8));
	free(a);
	free(b);
}

TEST(success_leaves_errno_alone)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		errno = 77;
		void *p = hide(malloc(sizes[i]));
		assert_non_null(p);
		assert_int_equal(errno, 77);
		p = hide(realloc(p, sizes[i] * 2));
		assert_non_null(p);
		assert_int_equal(errno, 77);
		free(p);
		assert_int_equal(errno, 77);
		p = hide(calloc(1, sizes[i]));
		assert_non_null(p);
		assert_int_equal(errno, 77);
		free(p);
		p = hide(aligned_alloc(64, sizes[i]));
		assert_non_null(p);
		assert_int_equal(errno, 77);
		free(p);
		assert_int_equal(posix_memalign(&p, 4096, sizes[i]), 0);
		assert_int_equal(errno, 77);
		free(p);
		assert_int_equal(errno, 77);
	}
}

TEST(malloc_too_large_is_enomem)
{
	for (size_t i = 0; i < COUNT(impossible); i++) {
		errno = 0;
		assert_null(hide(malloc(hide_size(impossible[i]))));
		assert_int_equal(errno, ENOMEM);
	}
	errno = 0;
	assert_null(hide(malloc(hide_size((size_t)1 << 62))));
	assert_int_equal(errno, ENOMEM);
	void *p = hide(malloc(1));
	assert_non_null(p);
	free(p);
}

TEST(calloc_zero_arguments)
{
	static const size_t args[][2] = {{0, 0}, {0, 7}, {7, 0}, {0, SIZE_MAX},
	    {SIZE_MAX, 0}};
	for (size_t i = 0; i < COUNT(args); i++) {
		char *p = hide(calloc(hide_size(args[i][0]), args[i][1]));
		assert_non_null(p);
		assert_int_equal(malloc_usable_size(p), 8);
		assert_true(is_filled_with(p, 0, 8));
		free(p);
	}
}

TEST(calloc_overflow_is_enomem)
{
	static const size_t args[][2] = {{SIZE_MAX / 2 + 1, 2},
	    {2, SIZE_MAX / 2 + 1}, {(size_t)1 << 32, (size_t)1 << 32},
	    {SIZE_MAX, SIZE_MAX}, {3, SIZE_MAX / 3 + 1}, {SIZE_MAX, 2},
	    {16, ((size_t)1 << 60) + 1}, {1, SIZE_MAX}, {LARGE_MAX, 1},
	    {(size_t)1 << 31, (size_t)1 << 31}};
	for (size_t i = 0; i < COUNT(args); i++) {
		errno = 0;
		assert_null(
		    hide(calloc(hide_size(args[i][0]), hide_size(args[i][1]))));
		assert_int_equal(errno, ENOMEM);
	}
}

TEST(realloc_of_null_is_malloc)
{
	void *p = hide(realloc(NULL, hide_size(0)));
	assert_non_null(p);
	assert_int_equal(malloc_usable_size(p), 8);
	free(p);
	p = hide(realloc(NULL, 100));
	assert_non_null(p);
	assert_int_equal(malloc_usable_size(p), 112);
	free(p);
	errno = 0;
	assert_null(hide(realloc(NULL, hide_size(SIZE_MAX))));
	assert_int_equal(errno, ENOMEM);
}

TEST(realloc_to_zero_frees)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = hide(malloc(sizes[i]));
		errno = 77;
		assert_null(hide(realloc(p, hide_size(0))));
		assert_int_equal(errno, 77);
	}
}

TEST_CONF(realloc_to_zero_allocates, "zero_realloc:alloc")
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = hide(malloc(sizes[i]));
		p = hide(realloc(p, hide_size(0)));
		assert_non_null(p);
		assert_int_equal(malloc_usable_size(p), 8);
		free(p);
	}
}

static void
realloc_to_zero(void *arg)
{
	(void)arg;
	void *p = hide(malloc(100));
	p = hide(realloc(p, hide_size(0)));
	(void)p;
}

TEST_CONF(realloc_to_zero_aborts, "zero_realloc:abort")
{
	assert_dies(realloc_to_zero, NULL,
	    "Called realloc(non-null-ptr, 0) with zero_realloc:abort set");
}

TEST(realloc_out_of_memory_keeps_the_object)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *p = hide(malloc(sizes[i]));
		pattern_fill(p, sizes[i], 1);
		for (size_t j = 0; j < COUNT(impossible); j++) {
			errno = 0;
			assert_null(hide(realloc(p, hide_size(impossible[j]))));
			assert_int_equal(errno, ENOMEM);
		}
		assert_true(pattern_holds(p, sizes[i], 1));
		free(p);
	}
}

TEST(free_of_null_does_nothing)
{
	errno = 77;
	free(hide(NULL));
	assert_int_equal(errno, 77);
}

TEST(posix_memalign_refuses_bad_alignments)
{
	static const size_t bad[] = {0, 1, 2, 3, 4, 5, 7, 9, 12, 24, 100, 4095,
	    4097, SIZE_MAX, SIZE_MAX - 7, ((size_t)1 << 63) + 8};
	for (size_t i = 0; i < COUNT(bad); i++) {
		void *p = &p;
		errno = 77;
		assert_int_equal(posix_memalign(&p, hide_size(bad[i]), 100),
		    EINVAL);
		assert_ptr_equal(p, &p);
		assert_int_equal(errno, 77);
	}
}

TEST(posix_memalign_out_of_memory_keeps_the_pointer)
{
	static const size_t aligns[] = {8, 16, 4096, 1 << 21};
	for (size_t i = 0; i < COUNT(impossible); i++) {
		for (size_t j = 0; j < COUNT(aligns); j++) {
			void *p = &p;
			assert_int_equal(posix_memalign(&p, aligns[j],
					     hide_size(impossible[i])),
			    ENOMEM);
			assert_ptr_equal(p, &p);
		}
	}
	void *p = &p;
	assert_int_equal(posix_memalign(&p, hide_size((size_t)1 << 63), 1),
	    ENOMEM);
	assert_ptr_equal(p, &p);
	assert_int_equal(posix_memalign(&p, hide_size((size_t)1 << 62), 1),
	    ENOMEM);
	assert_ptr_equal(p, &p);
}

TEST(posix_memalign_zero_is_one_byte)
{
	for (size_t align = 8; align <= 64; align *= 2) {
		void *p = NULL;
		assert_int_equal(posix_memalign(&p, align, hide_size(0)), 0);
		assert_non_null(p);
		assert_true(is_aligned_to(p, align));
		assert_int_equal(malloc_usable_size(p), align);
		free(p);
	}
}

TEST(aligned_alloc_takes_any_power_of_two)
{
	for (size_t align = 1; align <= 64; align *= 2) {
		for (size_t size = 0; size < 200; size += 7) {
			void *p = hide(aligned_alloc(hide_size(align), size));
			assert_non_null(p);
			assert_true(is_aligned_to(p, align));
			assert_int_equal(malloc_usable_size(p),
			    model_usize_aligned(size ? size : 1, align));
			free(p);
		}
	}
}

TEST(aligned_alloc_refuses_the_rest)
{
	static const size_t bad[] = {0, 3, 5, 24, 4095, SIZE_MAX};
	for (size_t i = 0; i < COUNT(bad); i++) {
		errno = 0;
		assert_null(hide(aligned_alloc(hide_size(bad[i]), 96)));
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_null(hide(memalign(hide_size(bad[i]), 96)));
		assert_true(errno == 0 || errno == EINVAL);
	}
	for (size_t i = 0; i < COUNT(impossible); i++) {
		errno = 0;
		assert_null(hide(aligned_alloc(64, hide_size(impossible[i]))));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(hide(memalign(64, hide_size(impossible[i]))));
		assert_true(errno == 0 || errno == ENOMEM);
	}
}

TEST(memalign_aligns)
{
	for (size_t align = 1; align <= MIB; align *= 2) {
		void *p = hide(memalign(hide_size(align), 100));
		assert_non_null(p);
		assert_true(is_aligned_to(p, align));
		assert_int_equal(malloc_usable_size(p),
		    model_usize_aligned(100, align));
		free(p);
	}
	void *p = hide(memalign(64, hide_size(0)));
	assert_non_null(p);
	assert_int_equal(malloc_usable_size(p), 64);
	free(p);
}

TEST(valloc_is_page_aligned)
{
	static const size_t requests[] = {0, 1, 100, 4096, 4097, 14336, 100000};
	for (size_t i = 0; i < COUNT(requests); i++) {
		size_t size = requests[i];
		void *p = hide(valloc(hide_size(size)));
		assert_non_null(p);
		assert_true(is_aligned_to(p, TEST_PAGE));
		assert_int_equal(malloc_usable_size(p),
		    model_usize_aligned(size ? size : 1, TEST_PAGE));
		free(p);
	}
	assert_null(hide(valloc(hide_size(SIZE_MAX))));
}

TEST(pvalloc_takes_whole_pages)
{
	static const size_t requests[] = {0, 1, 100, 4096, 4097, 14336, 100000};
	for (size_t i = 0; i < COUNT(requests); i++) {
		size_t size = requests[i] ? requests[i] : 1;
		size_t rounded = (size + TEST_PAGE - 1) & ~(TEST_PAGE - 1);
		void *p = hide(pvalloc(hide_size(requests[i])));
		assert_non_null(p);
		assert_true(is_aligned_to(p, TEST_PAGE));
		assert_true(malloc_usable_size(p) >= rounded);
		memset(p, 1, rounded);
		free(p);
	}
	for (size_t i = 0; i < COUNT(impossible); i++) {
		errno = 0;
		assert_null(hide(pvalloc(hide_size(impossible[i]))));
		assert_int_equal(errno, ENOMEM);
	}
}

TEST(usable_size_may_be_written)
{
	assert_int_equal(malloc_usable_size(hide(NULL)), 0);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *a = hide(malloc(sizes[i]));
		void *b = hide(malloc(sizes[i]));
		size_t usable = malloc_usable_size(a);
		assert_int_equal(usable, model_usize(sizes[i]));
		pattern_fill(hide(a), usable, 1);
		pattern_fill(hide(b), usable, 2);
		assert_true(pattern_holds(a, usable, 1));
		free(a);
		assert_true(pattern_holds(b, usable, 2));
		free(b);
	}
}

TEST(free_sized_takes_requested_and_usable_size)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		errno = 77;
		free_sized(hide(malloc(sizes[i])), sizes[i]);
		free_sized(hide(calloc(1, sizes[i])), model_usize(sizes[i]));
		free_sized(hide(realloc(NULL, sizes[i])), sizes[i]);
		assert_int_equal(errno, 77);
	}
}

TEST(free_sized_of_null_does_nothing)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		free_sized(hide(NULL), sizes[i]);
		free_aligned_sized(hide(NULL), 64, sizes[i]);
		sdallocx(hide(NULL), sizes[i], 0);
		dallocx(hide(NULL), 0);
		void *p = hide(malloc(sizes[i]));
		assert_non_null(p);
		free(p);
	}
	free_sized(hide(NULL), 0);
}

TEST(free_aligned_sized_takes_the_pair)
{
	for (size_t align = 1; align <= MIB; align *= 4) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			void *p = hide(aligned_alloc(align, sizes[i]));
			assert_non_null(p);
			free_aligned_sized(p, align, sizes[i]);
		}
	}
}

/* The C library allocates on our behalf through the same entry points. */
TEST(pointers_of_the_c_library_are_ours)
{
	if (HARNESS_PREFIX[0] != '\0') {
		print_message("they are not, with a prefix\n");
		skip();
	}
	char *text = strdup("some words that are copied");
	assert_non_null(text);
	assert_int_equal(malloc_usable_size(text),
	    model_usize(strlen(text) + 1));
	free(text);
	assert_true(asprintf(&text, "%0500d", 7) == 500);
	assert_true(malloc_usable_size(text) >= 501);
	text = hide(realloc(text, 100000));
	assert_int_equal(malloc_usable_size(text), model_usize(100000));
	free(text);
	void *array = hide(reallocarray(NULL, 100, 10));
	assert_int_equal(malloc_usable_size(array), 1024);
	errno = 0;
	void *same = hide(array);
	assert_null(hide(reallocarray(array, hide_size(SIZE_MAX / 2), 3)));
	assert_int_equal(errno, ENOMEM);
	free(same);
}
