/*
 * alignment: what plain requests get for nothing, and every power of two up
 * to 64 MiB when it is asked for.
 */
#include "support.h"

enum { LG_ALIGN_MAX = 26, LIVE = 8 };

static const size_t sizes[] = {1, 7, 8, 9, 33, 100, 1000, 4095, 4096, 4097,
    8192, 14336, 14337, 16384, 50000, 300000, 5000000};

/* Lowest set bit of the class, a page at most. */
static size_t
natural_alignment(size_t usize)
{
	size_t low = usize & (~usize + 1);
	return low < TEST_PAGE ? low : TEST_PAGE;
}

TEST(plain_objects_have_the_alignment_of_their_class)
{
	for (size_t size = 1; size <= SMALL_MAX; size += size / 64 + 1) {
		void *live[LIVE];
		for (int i = 0; i < LIVE; i++) {
			live[i] = hide(malloc(size));
			assert_non_null(live[i]);
			assert_true(is_aligned_to(live[i],
			    natural_alignment(model_usize(size))));
		}
		for (int i = 0; i < LIVE; i++) {
			free(live[i]);
		}
	}
}

TEST(plain_objects_of_more_than_8_bytes_are_16_byte_aligned)
{
	for (size_t size = 9; size < 3 * MIB; size += size / 8 + 1) {
		void *p = hide(malloc(size));
		assert_true(is_aligned_to(p, 16));
		p = hide(realloc(p, size * 2));
		assert_true(is_aligned_to(p, 16));
		free(p);
	}
}

TEST(plain_large_objects_are_64_byte_aligned)
{
	for (size_t size = LARGE_MIN; size < 3 * MIB; size += size / 3) {
		void *live[LIVE];
		for (int i = 0; i < LIVE; i++) {
			live[i] = hide(malloc(size));
			assert_true(is_aligned_to(live[i], 64));
		}
		for (int i = 0; i < LIVE; i++) {
			free(live[i]);
		}
	}
}

TEST_CONF(large_objects_are_page_aligned_when_not_spread,
    "cache_oblivious:false")
{
	for (size_t size = LARGE_MIN; size < 3 * MIB; size += size / 3) {
		void *p = hide(malloc(size));
		assert_true(is_aligned_to(p, TEST_PAGE));
		free(p);
	}
}

static void
check_aligned(size_t size, size_t align)
{
	void *live[LIVE];
	for (int i = 0; i < LIVE; i++) {
		live[i] = hide(aligned_alloc(align, size));
		assert_non_null(live[i]);
		assert_true(is_aligned_to(live[i], align));
		size_t usable = malloc_usable_size(live[i]);
		assert_int_equal(usable, model_usize_aligned(size, align));
		memset(live[i], i + 1, size);
	}
	for (int i = 0; i < LIVE; i++) {
		assert_true(is_filled_with(live[i], i + 1, size));
		free(live[i]);
	}
}

TEST(every_power_of_two_up_to_64_mib)
{
	for (unsigned lg = 0; lg <= LG_ALIGN_MAX; lg++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			if (sizes[i] > MIB && lg % 4 != 0) {
				continue;
			}
			check_aligned(sizes[i], (size_t)1 << lg);
		}
	}
}

TEST(every_way_to_ask_for_an_alignment)
{
	for (unsigned lg = 3; lg <= LG_ALIGN_MAX; lg++) {
		size_t align = (size_t)1 << lg;
		void *p = NULL;
		assert_int_equal(posix_memalign(&p, align, 100), 0);
		assert_true(is_aligned_to(p, align));
		free(p);
		p = hide(memalign(align, 100));
		assert_true(is_aligned_to(p, align));
		free(p);
		p = hide(mallocx(100, MALLOCX_ALIGN(align)));
		assert_true(is_aligned_to(p, align));
		sdallocx(p, 100, MALLOCX_ALIGN(align));
		p = hide(mallocx(100, MALLOCX_LG_ALIGN((int)lg)));
		assert_true(is_aligned_to(p, align));
		dallocx(p, MALLOCX_ALIGN(align));
	}
}

/* Objects that lie beside each other must not overlap. */
TEST(mixed_alignments_do_not_overlap)
{
	enum { N = 400 };
	static unsigned char *live[N];
	static size_t bytes[N];
	for (unsigned i = 0; i < N; i++) {
		size_t align = (size_t)1 << (i * 7 % 15);
		bytes[i] = 1 + i * 7919 % 30000;
		live[i] = hide(mallocx(bytes[i], MALLOCX_ALIGN(align)));
		assert_non_null(live[i]);
		assert_true(is_aligned_to(live[i], align));
		pattern_fill(live[i], bytes[i], i);
	}
	for (unsigned i = 0; i < N; i++) {
		assert_true(pattern_holds(live[i], bytes[i], i));
		free(live[i]);
	}
}

TEST(rallocx_keeps_or_raises_the_alignment)
{
	for (unsigned lg = 4; lg <= 21; lg++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			size_t size = sizes[i];
			void *p = hide(mallocx(size, 0));
			pattern_fill(p, size, lg);
			p = hide(rallocx(p, size, MALLOCX_LG_ALIGN((int)lg)));
			assert_non_null(p);
			assert_true(is_aligned_to(p, (size_t)1 << lg));
			assert_true(pattern_holds(p, size, lg));
			dallocx(p, 0);
		}
	}
}
