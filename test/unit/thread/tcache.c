#include "thread/tcache.h"

#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"
#include "support/os_calls_fault.h"
#include "thread_support.h"

#define KIB ((size_t)1 << 10)
#define NBLOCKS 3000

static tsd_t *tsd;
static void *blocks[NBLOCKS];

static void
setup(void)
{
	thread_setup(1);
	tsd = tsd_get();
	assert_non_null(tsd);
}

static void
alloc_many(unsigned cind, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		blocks[i] = cached_alloc(tsd, cind);
		assert_non_null(blocks[i]);
	}
}

static void
free_many(unsigned cind, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
}

static unsigned
capacity(unsigned cind)
{
	return tsd->bins[cind].capacity;
}

static unsigned
count(unsigned cind)
{
	return cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
}

static uint64_t
nfills(unsigned cind)
{
	return tsd->arena->bins[cind - 1].stats.nfills;
}

/* Bins begin without an array, and get a small one. */
TEST(first_use)
{
	setup();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(capacity(cind), 0);
		void *ptr = cached_alloc(tsd, cind);
		assert_non_null(ptr);
		cached_free(tsd, cind, ptr);
		if (!cind_is_small(cind)) {
			/* The first of its length may be the last. */
			assert_int_equal(capacity(cind), 0);
			ptr = cached_alloc(tsd, cind);
			cached_free(tsd, cind, ptr);
		}
		if (tsd->bins[cind].limit != 0) {
			assert_true(capacity(cind) >= 1);
			assert_true(capacity(cind) <= 32);
			assert_true(count(cind) >= 1);
		}
		/* The one that came last goes first. */
		assert_ptr_equal(cached_alloc(tsd, cind), ptr);
		cached_free(tsd, cind, ptr);
	}
	tcache_flush(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(count(cind), 0);
		assert_int_equal(live_in_arenas(cind), 0);
	}
}

/* Swings between empty and full that a larger bin would take make it grow. */
TEST(swings_make_a_bin_grow)
{
	unsigned cind = cind_of_small(4);
	setup();
	for (unsigned i = 0; i < 100; i++) {
		alloc_many(cind, 400);
		free_many(cind, 400);
	}
	assert_true(capacity(cind) >= 400);
	uint64_t before = nfills(cind);
	for (unsigned i = 0; i < 10; i++) {
		alloc_many(cind, 400);
		free_many(cind, 400);
	}
	assert_int_equal(nfills(cind), before);
}

/* Blocks left when a bin runs full that swings between empty and full. */
static unsigned
left_of_swinging_bin(unsigned cind)
{
	tsd->bins[cind].limit = 40;
	for (unsigned i = 0; i < 20; i++) {
		alloc_many(cind, 100);
		free_many(cind, 100);
	}
	assert_int_equal(capacity(cind), 40);
	alloc_many(cind, 100);
	tcache_flush(tsd);
	free_many(cind, 41);
	return count(cind);
}

/* So much that the share of large blocks is as large as it gets. */
static void
use_much(void)
{
	assert_non_null(large_alloc(tsd->arena, 32 << 20, 32 << 20, 1, false,
	    &(uint64_t){0}));
}

/* Swing bins of large blocks, and say what they have room for then. */
static size_t
room_for_large_blocks(void)
{
	for (size_t usize = 16384; usize <= 131072; usize += 16384) {
		unsigned cind = cind_of_large(usize);
		for (unsigned i = 0; i < 40; i++) {
			alloc_many(cind, 20);
			free_many(cind, 20);
		}
		tcache_flush(tsd);
		arena_purge(tsd->arena);
	}
	return tsd->cache_bytes_large;
}

/* An eighth of what is in use, half a megabyte or half of the budget. */
TEST(large_blocks_have_a_share)
{
	setup();
	/* No more than 20 blocks of 128 KiB are in use at a time. */
	assert_in_range(room_for_large_blocks(), 256 << 10, 512 << 10);
	use_much();
	assert_in_range(room_for_large_blocks(), 1 << 20,
	    opt.tcache_bytes_max / 2);
}

/* Turns make what leaves a full bin less, where nobody says how much. */
TEST(what_leaves_a_full_bin)
{
	setup();
	assert_true(left_of_swinging_bin(cind_of_small(4)) > 40 / 2 + 1);
	opt_set_by[OPT_ID_lg_tcache_flush_small_div] = OPT_SOURCE_ENV;
	assert_int_equal(left_of_swinging_bin(cind_of_small(5)), 40 / 2 + 1);
	opt.lg_tcache_flush_small_div = 3;
	assert_int_equal(left_of_swinging_bin(cind_of_small(6)), 40 / 8 + 1);
	use_much();
	assert_true(left_of_swinging_bin(cind_of_large(20480)) > 40 / 2 + 1);
	opt_set_by[OPT_ID_lg_tcache_flush_large_div] = OPT_SOURCE_ENV;
	opt.lg_tcache_flush_large_div = 2;
	assert_int_equal(left_of_swinging_bin(cind_of_large(24576)),
	    40 / 4 + 1);
}

/* A phase of mere growth, or of mere release, does not. */
TEST(one_direction_does_not)
{
	unsigned cind = cind_of_small(4);
	setup();
	alloc_many(cind, NBLOCKS);
	assert_true(capacity(cind) <= 128);
	free_many(cind, NBLOCKS);
	assert_true(capacity(cind) <= 256);
}

/* But where it goes on and blocks are small, batches become a bit larger. */
TEST(one_direction_for_long)
{
	setup();
	for (unsigned small = 0; small < 2; small++) {
		unsigned cind = cind_of_small(small ? 4 : 16);
		unsigned n = 0;
		for (unsigned i = 0; i < 100; i++) {
			/* What is left goes elsewhere: no free is ever seen. */
			alloc_many(cind, 100);
			n = n < capacity(cind) ? capacity(cind) : n;
			arena_flush(cind - 1, (void **)blocks, 100);
		}
		assert_int_equal(n, small ? 126 : 62);
	}
}

static size_t
capacity_bytes(void)
{
	size_t sum = 0;
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		sum += capacity(cind) * cind_usize(cind);
	}
	return sum;
}

/* All bins together stay below the budget. */
TEST(budget)
{
	uint64_t prng = 1;
	opt.tcache_bytes_max = 256 * KIB;
	setup();
	for (unsigned i = 0; i < 2000; i++) {
		unsigned cind = 1 + (unsigned)prng_below(&prng, SC_NCIND - 1);
		unsigned n = 1 + (unsigned)prng_below(&prng, 40);
		alloc_many(cind, n);
		free_many(cind, n);
		assert_int_equal(tsd->cache_bytes, capacity_bytes());
		assert_true(tsd->cache_bytes <= opt.tcache_bytes_max);
		assert_true(tcache_bytes(tsd) <= tsd->cache_bytes);
	}
	tcache_flush(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(live_in_arenas(cind), 0);
	}
}

static bool
is_free_region(void *ptr)
{
	edata_t *slab = pagemap_extent(ptr);
	unsigned region = bin_info_region(&bin_infos[slab->cind - 1],
	    (uintptr_t)ptr - edata_base(slab));
	return (slab->free_map[region / 64] >> region % 64 & 1) != 0;
}

/* A full bin gives up its oldest blocks, and keeps the newest. */
TEST(oldest_go_first)
{
	unsigned cind = cind_of_small(4);
	setup();
	alloc_many(cind, 300);
	tcache_flush(tsd);
	unsigned n = 0;
	while (count(cind) < capacity(cind)) {
		cached_free(tsd, cind, blocks[n++]);
	}
	/* No growth now: only room can be made. */
	tsd->bins[cind].limit = tsd->bins[cind].capacity;
	cached_free(tsd, cind, blocks[n++]);
	unsigned left = count(cind);
	assert_true(left < n && left > 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(is_free_region(blocks[i]), i < n - left);
	}
	for (unsigned i = n; i-- > n - left;) {
		assert_ptr_equal(cached_alloc(tsd, cind), blocks[i]);
	}
}

/* Whatever a bin does, it hands out each block once. */
TEST(no_block_twice)
{
	enum { NLIVE = 500 };
	static struct {
		unsigned *ptr;
		unsigned cind;
	} live[NLIVE];
	uint64_t prng = 2;
	opt.tcache_bytes_max = 512 * KIB;
	setup();
	for (unsigned step = 0; step < 60000; step++) {
		unsigned i = (unsigned)prng_below(&prng, NLIVE);
		if (live[i].ptr != NULL) {
			/* Nobody else wrote there. */
			assert_int_equal(*live[i].ptr, i);
			cached_free(tsd, live[i].cind, live[i].ptr);
			live[i].ptr = NULL;
		} else {
			live[i].cind = 2 +
			    (unsigned)prng_below(&prng, SC_NCIND - 2);
			live[i].ptr = cached_alloc(tsd, live[i].cind);
			assert_non_null(live[i].ptr);
			*live[i].ptr = i;
		}
		if (step % 16 == 0) {
			tcache_gc_step(tsd);
		}
	}
	for (unsigned i = 0; i < NLIVE; i++) {
		if (live[i].ptr != NULL) {
			assert_int_equal(*live[i].ptr, i);
			cached_free(tsd, live[i].cind, live[i].ptr);
		}
	}
	tcache_flush(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(live_in_arenas(cind), 0);
	}
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_true(arenas_verify());
}

/* Collection */

/* Blocks that nobody wants go, and in the end the array as well. */
TEST(idle_bin_is_emptied)
{
	unsigned cind = cind_of_small(4);
	setup();
	alloc_many(cind, 40);
	free_many(cind, 40);
	unsigned before = count(cind);
	assert_true(before > 10);
	for (unsigned i = 0; i < 3; i++) {
		tcache_gc_step(tsd);
	}
	assert_true(count(cind) < before);
	for (unsigned i = 0; i < 100; i++) {
		tcache_gc_step(tsd);
	}
	assert_int_equal(count(cind), 0);
	assert_int_equal(capacity(cind), 0);
	assert_int_equal(tsd->cache_bytes, 0);
	assert_int_equal(live_in_arenas(cind), 0);
	/* And starts anew. */
	alloc_many(cind, 10);
	free_many(cind, 10);
	assert_true(capacity(cind) > 0);
}

/* A bin that is used down to its bottom between collections keeps all. */
TEST(busy_bin_is_left_alone)
{
	unsigned cind = cind_of_small(4);
	setup();
	for (unsigned i = 0; i < 20; i++) {
		alloc_many(cind, 300);
		free_many(cind, 300);
	}
	unsigned before = capacity(cind);
	uint64_t fills = nfills(cind);
	for (unsigned i = 0; i < 50; i++) {
		tcache_gc_step(tsd);
		alloc_many(cind, 300);
		free_many(cind, 300);
	}
	assert_true(capacity(cind) >= before);
	assert_true(nfills(cind) - fills < 60);
}

/* Found empty each time, but used in between: its array stays. */
TEST(used_bin_that_is_empty_stays)
{
	unsigned cind = cind_of_large(SC_LARGE_MIN);
	setup();
	void *ptr = NULL;
	for (unsigned i = 0; i < 4; i++) {
		cached_free(tsd, cind, cached_alloc(tsd, cind));
	}
	assert_true(capacity(cind) > 0);
	for (unsigned i = 0; i < 20; i++) {
		ptr = cached_alloc(tsd, cind);
		assert_int_equal(count(cind), 0);
		tcache_gc_step(tsd);
		assert_true(capacity(cind) > 0);
		cached_free(tsd, cind, ptr);
	}
	ptr = cached_alloc(tsd, cind);
	for (unsigned i = 0; i < 5; i++) {
		tcache_gc_step(tsd);
	}
	assert_int_equal(capacity(cind), 0);
	cached_free(tsd, cind, ptr);
}

/* The mark of a collection hides blocks only for a moment. */
TEST(marked_blocks_are_not_lost)
{
	unsigned cind = cind_of_small(4);
	for (unsigned n = 1; n < 30; n++) {
		setup();
		alloc_many(cind, 40);
		free_many(cind, n);
		unsigned before = count(cind);
		tcache_gc_step(tsd);
		assert_int_equal(count(cind), before);
		size_t live = live_in_arenas(cind);
		void *again[64];
		for (unsigned i = 0; i < before; i++) {
			again[i] = cached_alloc(tsd, cind);
			for (unsigned j = 0; j < i; j++) {
				assert_ptr_not_equal(again[i], again[j]);
			}
		}
		assert_int_equal(live_in_arenas(cind), live);
	}
}

TEST(collection_goes_round)
{
	setup();
	for (unsigned cind = 1; cind <= SC_NBINS; cind++) {
		alloc_many(cind, 4);
		free_many(cind, 4);
	}
	for (unsigned i = 0; i < 40 * SC_NBINS; i++) {
		tcache_gc_step(tsd);
	}
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_int_equal(tsd->cache_bytes, 0);
	tcache_gc_step(tsd);
}

/* On and off */

TEST(disable_and_enable)
{
	setup();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		alloc_many(cind, 5);
		free_many(cind, 5);
	}
	void *kept = cached_alloc(tsd, 5);
	tcache_disable(tsd);
	assert_false(tsd->cache_enabled);
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_int_equal(tsd->cache_bytes, 0);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(live_in_arenas(cind), cind == 5);
		assert_int_equal(capacity(cind), 0);
	}
	/* Blocks go straight to and fro. */
	void *ptr = cached_alloc(tsd, 7);
	assert_int_equal(live_in_arenas(7), 1);
	cached_free(tsd, 7, ptr);
	cached_free(tsd, 5, kept);
	assert_int_equal(live_in_arenas(7), 0);
	assert_int_equal(live_in_arenas(5), 0);
	tcache_enable(tsd);
	ptr = cached_alloc(tsd, 7);
	cached_free(tsd, 7, ptr);
	assert_int_equal(live_in_arenas(7) != 0, true);
	assert_ptr_equal(cached_alloc(tsd, 7), ptr);
}

TEST(bytes)
{
	setup();
	assert_int_equal(tcache_bytes(tsd), 0);
	alloc_many(SC_NBINS + 1, 1);
	free_many(SC_NBINS + 1, 1);
	size_t large_bytes = count(SC_NBINS + 1) * cind_usize(SC_NBINS + 1);
	assert_int_equal(tcache_bytes(tsd), large_bytes);
	alloc_many(3, 1);
	assert_int_equal(tcache_bytes(tsd),
	    large_bytes + count(3) * cind_usize(3));
	tcache_flush(tsd);
	assert_int_equal(tcache_bytes(tsd), 0);
}

/* Limits */

TEST(tcache_max_option)
{
	opt.tcache_max = 1024;
	setup();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		alloc_many(cind, 3);
		free_many(cind, 3);
		if (cind_usize(cind) <= 1024) {
			assert_true(capacity(cind) > 0);
		} else {
			assert_int_equal(capacity(cind), 0);
			assert_int_equal(live_in_arenas(cind), 0);
		}
	}
}

TEST(ncached_max_option)
{
	assert_true(
	    opt_ranges_add(&opt.tcache_ncached_max, (opt_range_t){64, 64, 7}));
	assert_true(
	    opt_ranges_add(&opt.tcache_ncached_max, (opt_range_t){96, 128, 0}));
	setup();
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned szind = 4; szind < 10; szind++) {
			alloc_many(cind_of_small(szind), 50);
			free_many(cind_of_small(szind), 50);
		}
	}
	assert_int_equal(capacity(cind_of_usize(64)), 7);
	assert_true(capacity(cind_of_usize(80)) > 7);
	for (size_t usize = 96; usize <= 128; usize += 16) {
		assert_int_equal(capacity(cind_of_usize(usize)), 0);
		assert_int_equal(live_in_arenas(cind_of_usize(usize)), 0);
	}
	assert_true(capacity(cind_of_usize(160)) > 0);
}

TEST(set_max)
{
	setup();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		alloc_many(cind, 3);
		free_many(cind, 3);
	}
	tcache_set_max(tsd, tcache_max_of(1000));
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		if (cind_usize(cind) > 1024) {
			assert_int_equal(live_in_arenas(cind), 0);
			alloc_many(cind, 3);
			free_many(cind, 3);
			assert_int_equal(live_in_arenas(cind), 0);
		} else {
			assert_true(count(cind) > 0);
		}
	}
	tcache_set_max(tsd, TCACHE_MAX);
	alloc_many(cind_of_usize(8192), 3);
	free_many(cind_of_usize(8192), 3);
	assert_true(count(cind_of_usize(8192)) > 0);
	assert_int_equal(tcache_max_of(1), 8);
	assert_int_equal(tcache_max_of(1025), 1280);
	assert_int_equal(tcache_max_of(SIZE_MAX), TCACHE_MAX);
}

/* Bins that hold more than they may are emptied, others left alone. */
TEST(set_ncached_max)
{
	setup();
	unsigned cind = cind_of_usize(64);
	for (unsigned i = 0; i < 50; i++) {
		alloc_many(cind, 200);
		free_many(cind, 200);
		alloc_many(cind + 1, 200);
		free_many(cind + 1, 200);
	}
	assert_true(capacity(cind) >= 100);
	unsigned other = capacity(cind + 1);
	tcache_set_ncached_max(tsd, (opt_range_t){64, 64, 20});
	assert_int_equal(tcache_ncached_max(tsd, 50), 20);
	assert_int_equal(live_in_arenas(cind), 0);
	assert_int_equal(capacity(cind + 1), other);
	for (unsigned i = 0; i < 50; i++) {
		alloc_many(cind, 200);
		free_many(cind, 200);
		assert_true(capacity(cind) <= 20);
	}
	tcache_set_ncached_max(tsd, (opt_range_t){64, 64, 0});
	alloc_many(cind, 10);
	free_many(cind, 10);
	assert_int_equal(live_in_arenas(cind), 0);
	assert_int_equal(tcache_ncached_max(tsd, 64), 0);
	assert_int_equal(tcache_ncached_max(tsd, (size_t)1 << 30), 0);
	tcache_disable(tsd);
	assert_int_equal(tcache_ncached_max(tsd, 80), 0);
}

/* What another thread sees is what is there, when nothing moves. */
TEST(bytes_seen)
{
	setup();
	for (unsigned cind = 1; cind < SC_NCIND; cind += 3) {
		alloc_many(cind, 5);
		free_many(cind, 3);
		assert_int_equal(tcache_bytes_seen(tsd), tcache_bytes(tsd));
		if (cind_is_small(cind)) {
			assert_int_equal(tcache_small_bytes_seen(tsd),
			    tcache_bytes(tsd));
		} else {
			assert_true(
			    tcache_small_bytes_seen(tsd) < tcache_bytes(tsd));
		}
	}
	assert_ptr_equal(tcache_arena_seen(tsd), tsd->arena);
}

/* Failures */

/* Without memory for arrays, blocks come and go one at a time. */
TEST(no_memory_for_arrays)
{
	unsigned cind = cind_of_small(4);
	setup();
	tcache_disable(tsd);
	void *kept = cached_alloc(tsd, cind);
	tcache_enable(tsd);
	exhaust_metadata();
	alloc_many(cind, 20);
	free_many(cind, 20);
	unsigned had = capacity(cind);
	size_t live = live_in_arenas(cind);
	(void)os_fault_disarm();
	assert_int_equal(had, 0);
	assert_int_equal(live, 1);
	alloc_many(cind, 20);
	free_many(cind, 20);
	assert_true(capacity(cind) > 0);
	cached_free(tsd, cind, kept);
}

TEST(no_memory_at_all)
{
	setup();
	alloc_many(5, 1);
	exhaust_metadata();
	void *small = NULL;
	unsigned n = 0;
	while ((small = cached_alloc(tsd, 6)) != NULL && n < NBLOCKS) {
		blocks[n++] = small;
	}
	void *large = cached_alloc(tsd, SC_NCIND - 1);
	(void)os_fault_disarm();
	(void)large;
	free_many(6, n);
	alloc_many(6, 10);
	assert_true(arenas_verify());
}
