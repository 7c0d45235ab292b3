/*
 * size_table: the usable size of every request, against a model that is
 * written from the series of classes.
 */
#include "support.h"

enum { TABLE_END = 70000 };

TEST(every_size_up_to_70000)
{
	for (size_t size = 1; size <= TABLE_END; size++) {
		assert_int_equal(nallocx(size, 0), model_usize(size));
	}
}

TEST(every_class_boundary_up_to_the_largest)
{
	for (unsigned lg = 12; lg < 63; lg++) {
		for (size_t quarter = 4; quarter < 8; quarter++) {
			size_t size = ((size_t)1 << lg) / 4 * quarter;
			if (size >= LARGE_MAX) {
				continue;
			}
			assert_int_equal(nallocx(size - 1, 0),
			    model_usize(size - 1));
			assert_int_equal(nallocx(size, 0), model_usize(size));
			assert_int_equal(nallocx(size + 1, 0),
			    model_usize(size + 1));
		}
	}
}

TEST(large_sizes_are_whole_pages)
{
	static const size_t pairs[][2] = {{14336, 14336}, {14337, 16384},
	    {16384, 16384}, {16385, 20480}, {32768, 32768}, {32769, 36864},
	    {65537, 69632}, {1000000, 1003520}, {8388609, 8392704},
	    {12345678, 12349440}};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		assert_int_equal(nallocx(pairs[i][0], 0), pairs[i][1]);
		void *p = hide(malloc(pairs[i][0]));
		assert_non_null(p);
		assert_int_equal(malloc_usable_size(p), pairs[i][1]);
		free(p);
	}
}

TEST_CONF(large_sizes_by_class, "disable_large_size_classes:false")
{
	static const size_t pairs[][2] = {{14337, 16384}, {16385, 20480},
	    {32769, 40960}, {65537, 81920}, {1000000, 1048576},
	    {8388609, 10485760}, {12345678, 12582912}};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		assert_int_equal(nallocx(pairs[i][0], 0), pairs[i][1]);
		void *p = hide(malloc(pairs[i][0]));
		assert_non_null(p);
		assert_int_equal(malloc_usable_size(p), pairs[i][1]);
		free(p);
	}
}

TEST(largest_size)
{
	assert_int_equal(nallocx(LARGE_MAX, 0), LARGE_MAX);
	assert_int_equal(nallocx(LARGE_MAX - 1, 0), LARGE_MAX);
	assert_int_equal(nallocx(LARGE_MAX - TEST_PAGE, 0),
	    LARGE_MAX - TEST_PAGE);
	assert_int_equal(nallocx(LARGE_MAX + 1, 0), 0);
	assert_int_equal(nallocx(PTRDIFF_MAX, 0), 0);
	assert_int_equal(nallocx(SIZE_MAX, 0), 0);
}

/* Each tells the same: the question, the object, the C library's name. */
TEST(all_ways_to_ask_agree)
{
	for (size_t size = 1; size <= TABLE_END; size += size / 16 + 1) {
		void *p = hide(malloc(size));
		assert_non_null(p);
		assert_int_equal(sallocx(p, 0), model_usize(size));
		assert_int_equal(malloc_usable_size(p), model_usize(size));
		dallocx(p, 0);
		p = hide(mallocx(size, 0));
		assert_non_null(p);
		assert_int_equal(sallocx(p, MALLOCX_ZERO), model_usize(size));
		sdallocx(p, size, 0);
		p = hide(calloc(size, 1));
		assert_int_equal(sallocx(p, 0), model_usize(size));
		sdallocx(p, model_usize(size), 0);
	}
}

TEST(aligned_sizes_of_the_document)
{
	static const size_t rows[][3] = {{1, 16, 16}, {4097, 4096, 8192},
	    {1, 64, 64}, {8193, 4096, 12288}, {33, 32, 64},
	    {12289, 4096, 16384}, {96, 32, 96}, {10240, 4096, 12288},
	    {100, 64, 128}, {14336, 2048, 14336}, {144, 64, 192},
	    {14336, 4096, 16384}, {200, 128, 256}, {1, 8192, 16384},
	    {1000, 512, 1024}, {1, 2 << 20, 16384}, {1, 4096, 4096},
	    {20481, 65536, 24576}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int flags = MALLOCX_ALIGN(rows[i][1]);
		assert_int_equal(nallocx(rows[i][0], flags), rows[i][2]);
		void *p = hide(mallocx(rows[i][0], flags));
		assert_non_null(p);
		assert_true(is_aligned_to(p, rows[i][1]));
		assert_int_equal(sallocx(p, 0), rows[i][2]);
		sdallocx(p, rows[i][0], flags);
	}
}

TEST(aligned_sizes_follow_the_model)
{
	for (int lg = 0; lg <= 16; lg++) {
		size_t align = (size_t)1 << lg;
		for (size_t size = 1; size <= TABLE_END;
		     size += size / 32 + 1) {
			size_t want = lg == 0
			    ? model_usize(size)
			    : model_usize_aligned(size, align);
			assert_int_equal(nallocx(size, MALLOCX_LG_ALIGN(lg)),
			    want);
		}
	}
}

TEST(largest_alignments)
{
	assert_int_equal(nallocx(1, MALLOCX_LG_ALIGN(62)), 16384);
	assert_int_equal(nallocx(1, MALLOCX_LG_ALIGN(63)), 0);
	assert_int_equal(nallocx(LARGE_MAX + 1, MALLOCX_LG_ALIGN(6)), 0);
	assert_int_equal(nallocx(LARGE_MAX, MALLOCX_LG_ALIGN(62)), LARGE_MAX);
	assert_int_equal(nallocx(LARGE_MAX, MALLOCX_LG_ALIGN(12)), LARGE_MAX);
	assert_null(mallocx(1, MALLOCX_LG_ALIGN(63)));
	assert_null(mallocx(1, MALLOCX_LG_ALIGN(62)));
	assert_null(mallocx(LARGE_MAX, MALLOCX_LG_ALIGN(12)));
}

TEST(a_size_of_zero)
{
	assert_int_equal(nallocx(0, 0), 8);
	void *p = hide(mallocx(hide_size(0), 0));
	assert_non_null(p);
	assert_int_equal(sallocx(p, 0), 8);
	dallocx(p, 0);
}
