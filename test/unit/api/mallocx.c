#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "api/entry.h"
#include "arena/arenas.h"
#include "arena/large.h"

#define MIB ((size_t)1 << 20)
#define ERRNO_BEFORE 4711

#define LG_ALIGN(lg) (lg)
#define ZERO 0x40
#define TCACHE_NONE 0x100
#define ARENA(ind) ((int)(((unsigned)(ind) + 1) << 20))

static bool
is_byte(const unsigned char *p, size_t from, size_t to, unsigned char byte)
{
	for (size_t i = from; i < to; i++) {
		if (p[i] != byte) {
			return false;
		}
	}
	return true;
}

static unsigned
arena_of_block(void *p)
{
	return edata_arena_ind(pagemap_extent(p));
}

TEST(flags)
{
	for (size_t size = 1; size < 2 * MIB; size += size / 3 + 1) {
		for (int lg = 0; lg < 22; lg += 3) {
			int flags = LG_ALIGN(lg) | ZERO;
			errno = ERRNO_BEFORE;
			unsigned char *p = je_mallocx(size, flags);
			assert_non_null(p);
			assert_int_equal(errno, ERRNO_BEFORE);
			assert_int_equal((uintptr_t)p % ((size_t)1 << lg), 0);
			size_t usize = je_sallocx(p, flags);
			assert_int_equal(usize, je_nallocx(size, flags));
			assert_true(is_byte(p, 0, usize, 0));
			memset(p, 0xff, usize);
			je_sdallocx(p, size, flags);
		}
	}
}

/* Past the cache, from the arena that was asked for. */
TEST_CONF(arenas, "junk:false,debug_double_free_max_scan:0,narenas:4")
{
	for (size_t size = 1; size < 2 * MIB; size += size / 2 + 1) {
		for (unsigned ind = 0; ind < 4; ind++) {
			int flags = ARENA(ind) | TCACHE_NONE;
			void *p = je_mallocx(size, flags);
			assert_int_equal(arena_of_block(p), ind);
			p = je_rallocx(p, 3 * size, flags);
			assert_int_equal(arena_of_block(p), ind);
			/* A block can change arenas by growing. */
			p = je_rallocx(p, 9 * size, ARENA(0) | TCACHE_NONE);
			assert_non_null(p);
			je_dallocx(p, TCACHE_NONE);
		}
	}
	assert_true(arenas_verify());
}

TEST_CONF(no_such_arena, "narenas:4")
{
	errno = ERRNO_BEFORE;
	assert_null(je_mallocx(100, ARENA(3000)));
	assert_null(je_mallocx(100, ARENA(4094)));
	void *p = je_mallocx(100, 0);
	assert_null(je_rallocx(p, 1000, ARENA(3000)));
	assert_int_equal(errno, ERRNO_BEFORE);
	je_dallocx(p, 0);
}

TEST_CONF(uncached, "junk:false,debug_double_free_max_scan:0")
{
	tsd_t *tsd = tsd_get();
	unsigned cind = cind_of_usize(64);
	void *p = je_mallocx(64, TCACHE_NONE);
	unsigned count = cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
	je_dallocx(p, TCACHE_NONE);
	assert_int_equal(cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]),
	    count);
	p = je_mallocx(64, 0);
	count = cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
	je_dallocx(p, 0);
	assert_int_equal(cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]),
	    count + 1);
}

/* What is gained reads zero, what was there stays. */
TEST_CONF(rallocx_zeroes, "junk:false,debug_double_free_max_scan:0")
{
	for (size_t size = 1; size < 3 * MIB; size += size / 2 + 1) {
		for (unsigned round = 0; round < 3; round++) {
			unsigned char *p = je_mallocx(size, 0);
			size_t old = je_sallocx(p, 0);
			memset(p, 0x77, old);
			p = je_rallocx(p, 2 * size + 30, ZERO);
			size_t usize = je_sallocx(p, 0);
			assert_true(is_byte(p, 0, old, 0x77));
			assert_true(is_byte(p, old, usize, 0));
			memset(p, 0xff, usize);
			p = je_rallocx(p, size, ZERO);
			assert_true(is_byte(p, 0, size, 0xff));
			je_dallocx(p, 0);
		}
	}
}

TEST(rallocx_aligns)
{
	for (int lg = 3; lg < 22; lg++) {
		unsigned char *p = je_mallocx(5000, 0);
		memset(p, 0x77, 5000);
		p = je_rallocx(p, 5000, LG_ALIGN(lg));
		assert_int_equal((uintptr_t)p % ((size_t)1 << lg), 0);
		assert_true(is_byte(p, 0, 5000, 0x77));
		je_sdallocx(p, 5000, LG_ALIGN(lg));
	}
}

TEST(xallocx)
{
	errno = ERRNO_BEFORE;
	void *p = je_mallocx(100, 0);
	/* Small blocks keep their class. */
	assert_int_equal(je_xallocx(p, 50, 0, 0), 112);
	assert_int_equal(je_xallocx(p, 500, 0, 0), 112);
	assert_int_equal(je_xallocx(p, 100, MIB, 0), 112);
	je_dallocx(p, 0);
	unsigned char *q = je_mallocx(MIB, 0);
	memset(q, 0x77, MIB);
	size_t usize = je_xallocx(q, MIB, MIB, ZERO);
	assert_in_range(usize, MIB, 2 * MIB);
	assert_int_equal(je_sallocx(q, 0), usize);
	assert_true(is_byte(q, 0, MIB, 0x77));
	assert_true(is_byte(q, MIB, usize, 0));
	usize = je_xallocx(q, 50000, 0, 0);
	assert_int_equal(usize, 53248);
	assert_true(is_byte(q, 0, 50000, 0x77));
	/* Nothing below a large block, and nothing beyond reason. */
	assert_int_equal(je_xallocx(q, 100, 0, 0), 53248);
	assert_int_equal(je_xallocx(q, SC_LARGE_MAX, 0, 0), 53248);
	assert_int_equal(je_xallocx(q, SIZE_MAX, 0, 0), 53248);
	assert_true(je_xallocx(q, 53248, SIZE_MAX - 53248, 0) >= 53248);
	assert_int_equal(errno, ERRNO_BEFORE);
	je_dallocx(q, 0);
}

TEST(nallocx)
{
	assert_int_equal(je_nallocx(1, 0), 8);
	assert_int_equal(je_nallocx(0, 0), 8);
	assert_int_equal(je_nallocx(SC_LARGE_MAX, 0), SC_LARGE_MAX);
	assert_int_equal(je_nallocx(SC_LARGE_MAX + 1, 0), 0);
	assert_int_equal(je_nallocx(SIZE_MAX, 0), 0);
	assert_int_equal(je_nallocx(1, LG_ALIGN(62)), 16384);
	assert_int_equal(je_nallocx(1, LG_ALIGN(63)), 0);
	assert_int_equal(je_nallocx(100, LG_ALIGN(6)), 128);
}

TEST(impossible_sizes)
{
	static const size_t sizes[] = {SC_LARGE_MAX + 1, SIZE_MAX - 5000,
	    SIZE_MAX - 5, SIZE_MAX};
	void *p = je_mallocx(100, 0);
	errno = ERRNO_BEFORE;
	for (size_t i = 0; i < 4; i++) {
		for (int lg = 0; lg < 64; lg++) {
			assert_null(je_mallocx(sizes[i], LG_ALIGN(lg)));
			assert_null(je_rallocx(p, sizes[i], LG_ALIGN(lg)));
			assert_int_equal(je_nallocx(sizes[i], LG_ALIGN(lg)), 0);
		}
	}
	assert_int_equal(errno, ERRNO_BEFORE);
	je_dallocx(p, 0);
}

static void
free_with_wrong_size(void *p)
{
	je_sdallocx(p, 5000, TCACHE_NONE);
}

static void
free_with_wrong_alignment(void *p)
{
	je_sdallocx(p, 100, LG_ALIGN(12));
}

TEST(wrong_sizes)
{
	void *p = je_mallocx(100, 0);
	assert_dies(free_with_wrong_size, p, "size mismatch");
	assert_dies(free_with_wrong_alignment, p, "size mismatch");
}
