#include "meta/size_class.h"

#include "support/harness.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const size_t small[] = {8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192,
    224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
    2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336};

#define NSMALL (sizeof(small) / sizeof(small[0]))

/* The whole series, by the rule that defines it: four steps per doubling. */
static void
for_each_class(void (*check)(unsigned szind, size_t size))
{
	unsigned szind = 0;
	check(szind++, 8);
	for (size_t size = 16; size <= 64; size += 16) {
		check(szind++, size);
	}
	for (unsigned lg = 6; lg < 63; lg++) {
		for (size_t n = 1; n <= (lg == 62 ? 3 : 4); n++) {
			check(szind++,
			    ((size_t)1 << lg) + n * ((size_t)1 << (lg - 2)));
		}
	}
	assert_int_equal(szind, SC_NSIZES);
}

TEST(constants)
{
	assert_int_equal(SC_NSIZES, 232);
	assert_int_equal(SC_NBINS, 36);
	assert_int_equal(SC_NPSIZES, 199);
	assert_int_equal(SC_SMALL_MAX, 14336);
	assert_int_equal(SC_LARGE_MIN, 16384);
	assert_int_equal(SC_LARGE_MAX, 8070450532247928832);
	assert_int_equal(SC_LOOKUP_MAX, 4096);
	assert_int_equal(QUANTUM, 16);
}

TEST(small_classes)
{
	assert_int_equal(NSMALL, SC_NBINS);
	for (unsigned szind = 0; szind < NSMALL; szind++) {
		assert_int_equal(szind_size(szind), small[szind]);
	}
}

static void
check_class(unsigned szind, size_t size)
{
	size_t below = szind == 0 ? 0 : szind_size(szind - 1);
	assert_int_equal(szind_size(szind), size);
	assert_int_equal(szind_compute(size), szind);
	assert_int_equal(szind_compute(below + 1), szind);
	assert_int_equal(szind_compute(below + (size - below) / 2 + 1), szind);
	assert_int_equal(szind_of(size), szind);
	assert_int_equal(szind_of(below + 1), szind);
}

TEST(all_classes)
{
	size_class_boot();
	for_each_class(check_class);
	assert_int_equal(szind_size(SC_NSIZES - 1), SC_LARGE_MAX);
}

/* Every small size, by the table and by arithmetic. */
TEST(every_small_size)
{
	size_class_boot();
	unsigned szind = 0;
	for (size_t size = 0; size <= SC_SMALL_MAX; size++) {
		if (size > small[szind]) {
			szind++;
		}
		assert_int_equal(szind_of(size), szind);
		assert_int_equal(szind_compute(size), szind);
		assert_int_equal(size_class_usize(size), small[szind]);
		if (size <= SC_LOOKUP_MAX) {
			assert_int_equal(size_class_code[(size + 7) / 8],
			    2 * (szind + 1));
		}
	}
}

/* Large blocks are whole pages. */
TEST(large_usable_sizes)
{
	static const size_t sizes[][2] = {{14337, 16384}, {16384, 16384},
	    {16385, 20480}, {32768, 32768}, {32769, 36864}, {65537, 69632},
	    {1000000, 1003520}, {12345678, 12349440},
	    {SC_LARGE_MAX - 1, SC_LARGE_MAX}, {SC_LARGE_MAX, SC_LARGE_MAX},
	    {SC_LARGE_MAX + 1, 0}, {SIZE_MAX / 2, 0}, {SIZE_MAX / 2 + 1, 0},
	    {SIZE_MAX - PAGE, 0}, {SIZE_MAX, 0}};
	size_class_boot();
	opt.disable_large_size_classes = true;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(size_class_usize(sizes[i][0]), sizes[i][1]);
	}
}

/* Or members of the series, as it was once and still can be. */
TEST(large_usable_sizes_by_class)
{
	static const size_t sizes[][2] = {{14337, 16384}, {16385, 20480},
	    {32769, 40960}, {65537, 81920}, {1000000, 1048576},
	    {8388609, 10485760}, {12345678, 12582912},
	    {SC_LARGE_MAX, SC_LARGE_MAX}, {SC_LARGE_MAX + 1, 0}, {SIZE_MAX, 0}};
	size_class_boot();
	opt.disable_large_size_classes = false;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(size_class_usize(sizes[i][0]), sizes[i][1]);
	}
}

TEST(aligned_usable_sizes)
{
	static const size_t sizes[][3] = {{1, 16, 16}, {4097, 4096, 8192},
	    {1, 64, 64}, {8193, 4096, 12288}, {33, 32, 64},
	    {12289, 4096, 16384}, {96, 32, 96}, {10240, 4096, 12288},
	    {100, 64, 128}, {14336, 2048, 14336}, {144, 64, 192},
	    {14336, 4096, 16384}, {200, 128, 256}, {1, 8192, 16384},
	    {1000, 512, 1024}, {1, 2 * MIB, 16384}, {1, 4096, 4096},
	    {20481, 65536, 24576}, {1, 1, 8}, {8, 8, 8}, {0, 1, 8}, {9, 8, 16},
	    {1, 1 * KIB, 1 * KIB}, {16385, 16, 20480},
	    {1, (size_t)1 << 62, 16384}, {1, (size_t)1 << 63, 0},
	    {SC_LARGE_MAX, 1, SC_LARGE_MAX}, {SC_LARGE_MAX + 1, 16, 0},
	    {SIZE_MAX, 16, 0}};
	size_class_boot();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t usize = size_class_aligned_usize(sizes[i][0],
		    sizes[i][1]);
		if (usize != sizes[i][2]) {
			fail_msg("size %zu alignment %zu: %zu, not %zu",
			    sizes[i][0], sizes[i][1], usize, sizes[i][2]);
		}
	}
}

/*
 * What is chosen for a small request is a class whose regions are all aligned:
 * slabs begin at a page, so the lowest set bit of the class decides.
 */
TEST(aligned_classes_are_aligned)
{
	size_class_boot();
	for (size_t alignment = 1; alignment <= PAGE; alignment *= 2) {
		for (size_t size = 1; size <= SC_SMALL_MAX; size += 7) {
			size_t usize = size_class_aligned_usize(size,
			    alignment);
			assert_true(usize >= size);
			if (usize <= SC_SMALL_MAX) {
				assert_int_equal(usize % alignment, 0);
				assert_int_equal(size_class_usize(usize),
				    usize);
			}
		}
	}
}

/* The sum of everything that such a block needs must be representable. */
TEST(aligned_overflow)
{
	size_class_boot();
	assert_int_equal(size_class_aligned_usize(SC_LARGE_MAX,
			     (size_t)1 << 62),
	    SC_LARGE_MAX);
	assert_int_equal(size_class_aligned_usize(SC_LARGE_MIN,
			     (size_t)1 << 62),
	    SC_LARGE_MIN);
}

/* Cache indices: slab classes, then one for each count of pages. */
TEST(cache_indices)
{
	size_class_boot();
	unsigned cind = 0;
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		assert_int_equal(cind_of_small(szind), ++cind);
		assert_int_equal(cind_usize(cind), small[szind]);
		assert_int_equal(cind_of_usize(small[szind]), cind);
		assert_true(cind_is_small(cind));
		assert_int_equal(SC_CODE(cind), 2 * cind);
	}
	for (size_t usize = SC_LARGE_MIN; usize <= SC_CACHED_MAX;
	     usize += PAGE) {
		assert_int_equal(cind_of_large(usize), ++cind);
		assert_int_equal(cind_usize(cind), usize);
		assert_int_equal(cind_of_usize(usize), cind);
		assert_false(cind_is_small(cind));
	}
	assert_int_equal(cind, SC_NCIND - 1);
	assert_int_equal(cind_of_usize(SC_CACHED_MAX + PAGE), 0);
	assert_int_equal(cind_of_usize(SC_LARGE_MAX), 0);
}

/* The table of the sizes that size_class_code does not reach. */
TEST(middle_sizes)
{
	size_class_boot();
	for (size_t size = SC_LOOKUP_MAX + 1; size <= SC_SMALL_MAX; size++) {
		assert_int_equal(cind_of_middle(size),
		    cind_of_small(szind_compute(size)));
	}
}

/* Page classes: those members of the series that are page multiples. */
static unsigned npsizes;

static void
check_page_class(unsigned szind, size_t size)
{
	if (size % PAGE != 0) {
		return;
	}
	unsigned pszind = npsizes++;
	assert_int_equal(pszind_size(pszind), size);
	assert_int_equal(pszind_ceil(size), pszind);
	assert_int_equal(pszind_floor(size), pszind);
	if (size + PAGE < SC_LARGE_MAX &&
	    (pszind + 1 == SC_NPSIZES || size + PAGE < szind_size(szind + 1))) {
		assert_int_equal(pszind_ceil(size + PAGE), pszind + 1);
		assert_int_equal(pszind_floor(size + PAGE), pszind);
	}
}

TEST(page_classes)
{
	static const size_t in_pages[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14,
	    16, 20, 24, 28, 32, 40};
	size_class_boot();
	for (unsigned i = 0; i < sizeof(in_pages) / sizeof(in_pages[0]); i++) {
		assert_int_equal(pszind_size(i), in_pages[i] * PAGE);
	}
	for_each_class(check_page_class);
	assert_int_equal(npsizes, SC_NPSIZES);
	assert_int_equal(pszind_floor(SC_LARGE_MAX + PAGE), SC_NPSIZES - 1);
}
