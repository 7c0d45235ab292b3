/*
 * zeroing: calloc and MALLOCX_ZERO over memory that was dirty before, and
 * the fill options.
 */
#include "support.h"

static const size_t sizes[] = {1, 8, 9, 24, 48, 100, 700, 1000, 4096, 5000,
    10240, 14336, 14337, 20480, 32768, 100000, 262144, 300000, 1 << 20, 5 << 20,
    8 << 20, (8 << 20) + 1, 20 << 20};

/* Leave memory of this size behind that is anything but zero. */
static void
make_dirty(size_t size, int flags)
{
	enum { N = 24 };
	void *live[N];
	int count = size > MIB ? 2 : N;
	for (int i = 0; i < count; i++) {
		live[i] = hide(mallocx(size, flags));
		assert_non_null(live[i]);
		memset(live[i], 0xdd, sallocx(live[i], 0));
	}
	for (int i = 0; i < count; i++) {
		dallocx(live[i], flags);
	}
}

static void
check_zero(void *ptr)
{
	assert_non_null(ptr);
	size_t usize = sallocx(ptr, 0);
	assert_true(is_filled_with(ptr, 0, usize));
	memset(ptr, 0xdd, usize);
	dallocx(ptr, 0);
}

static void
check_all_zeroing(void)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		for (int round = 0; round < 2; round++) {
			make_dirty(size, 0);
			check_zero(hide(calloc(1, size)));
			check_zero(hide(calloc(size, 1)));
			check_zero(hide(mallocx(size, MALLOCX_ZERO)));
			make_dirty(size, MALLOCX_TCACHE_NONE);
			check_zero(hide(
			    mallocx(size, MALLOCX_ZERO | MALLOCX_TCACHE_NONE)));
			check_zero(hide(
			    mallocx(size, MALLOCX_ZERO | MALLOCX_ALIGN(1024))));
			check_zero(hide(mallocx(size,
			    MALLOCX_ZERO | MALLOCX_ALIGN(65536))));
		}
	}
}

TEST(zeroed_memory_is_zero)
{
	check_all_zeroing();
}

TEST_CONF(zeroed_memory_is_zero_when_purged_at_once,
    "dirty_decay_ms:0,muzzy_decay_ms:0")
{
	check_all_zeroing();
}

TEST_CONF(zeroed_memory_is_zero_after_lazy_purging,
    "dirty_decay_ms:1,muzzy_decay_ms:10000")
{
	check_all_zeroing();
}

TEST_CONF(zeroed_memory_is_zero_without_caches, "tcache:false")
{
	check_all_zeroing();
}

TEST_CONF(zeroed_memory_is_zero_without_retaining, "retain:false")
{
	check_all_zeroing();
}

TEST_CONF(zeroed_memory_is_zero_from_the_data_segment, "dss:primary")
{
	check_all_zeroing();
}

/* Only bytes past the old usable size become zero. */
TEST(rallocx_zeroes_the_grown_part_only)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t j = i; j < COUNT(sizes); j++) {
			make_dirty(sizes[j], 0);
			char *p = hide(mallocx(sizes[i], 0));
			size_t old = sallocx(p, 0);
			pattern_fill(p, old, 6);
			p = hide(rallocx(p, sizes[j], MALLOCX_ZERO));
			assert_non_null(p);
			size_t now = sallocx(p, 0);
			assert_true(now >= old);
			assert_true(pattern_holds(p, old, 6));
			assert_true(is_filled_with(p + old, 0, now - old));
			dallocx(p, 0);
		}
	}
}

TEST(rallocx_in_the_same_class_keeps_the_slack)
{
	char *p = hide(mallocx(1000, 0));
	memset(p, 0xdd, 1024);
	p = hide(rallocx(p, 900, MALLOCX_ZERO));
	assert_true(is_filled_with(p, 0xdd, 1024));
	dallocx(p, 0);
}

TEST(xallocx_zeroes_the_grown_part)
{
	for (int round = 0; round < 8; round++) {
		char *p = hide(mallocx(MIB, 0));
		memset(p, 0xdd, MIB);
		size_t less = xallocx(p, 100000, 0, 0);
		assert_int_equal(less, 102400);
		size_t now = xallocx(p, MIB, 0, MALLOCX_ZERO);
		assert_int_equal(sallocx(p, 0), now);
		assert_true(is_filled_with(p, 0xdd, less));
		assert_true(is_filled_with(p + less, 0, now - less));
		memset(p, 0xdd, now);
		dallocx(p, 0);
	}
}

TEST_CONF(junk_fills_new_memory, "junk:alloc")
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = hide(malloc(sizes[i]));
		assert_true(is_filled_with(p, 0xa5, malloc_usable_size(p)));
		free(p);
		p = hide(calloc(1, sizes[i]));
		assert_true(is_filled_with(p, 0, malloc_usable_size(p)));
		free(p);
	}
}

TEST_CONF(junk_fills_the_grown_part, "junk:true")
{
	for (size_t i = 0; i + 1 < COUNT(sizes); i++) {
		char *p = hide(malloc(sizes[i]));
		size_t old = malloc_usable_size(p);
		memset(p, 1, old);
		p = hide(realloc(p, sizes[i + 1]));
		size_t now = malloc_usable_size(p);
		assert_true(is_filled_with(p, 1, sizes[i]));
		assert_true(is_filled_with(p + old, 0xa5, now - old));
		free(p);
	}
}

TEST_CONF(zero_option_zeroes_everything, "zero:true")
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		make_dirty(sizes[i], 0);
		check_zero(hide(malloc(sizes[i])));
		check_zero(hide(aligned_alloc(64, sizes[i])));
	}
}
