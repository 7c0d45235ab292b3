#include "page/pac.h"

#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"
#include "env_support.h"
#include "meta/options.h"

#define MIB ((size_t)1 << 20)
#define SECOND UINT64_C(1000000000)
#define START (UINT64_C(1000) * SECOND)
#define MS 10000
#define EPOCH (MS * UINT64_C(1000000) / DECAY_NEPOCHS)

static env_fixture_t fixture;
static fake_hooks_t *const fake = &fixture.fake;
static pac_t pac;

static void
setup(size_t npages, ssize_t dirty_ms, ssize_t muzzy_ms)
{
	env_setup(&fixture, npages);
	memset(&pac, 0, sizeof(pac));
	pac_init(&pac, &fixture.ehooks, &fixture.base0, ENV_ARENA, dirty_ms,
	    muzzy_ms, START);
}

static edata_t *
alloc(size_t npages)
{
	return pac_alloc(&pac, npages * PAGE, PAGE, PAC_REUSE);
}

static size_t
nactive(void)
{
	return atomic_load(&pac.nactive);
}

static size_t
mapped(void)
{
	return atomic_load(&pac.mapped);
}

/* Where every page is. */
static void
assert_pages(size_t active, size_t dirty, size_t muzzy)
{
	assert_int_equal(nactive(), active);
	assert_int_equal(ecache_npages(&pac.dirty), dirty);
	assert_int_equal(ecache_npages(&pac.muzzy), muzzy);
	assert_int_equal(mapped(), (active + dirty + muzzy) * PAGE);
	assert_int_equal(fake->npages_out,
	    active + dirty + muzzy + ecache_npages(&pac.retained));
	assert_true(pac_verify(&pac));
}

TEST(alloc_and_dalloc)
{
	setup(4096, -1, -1);
	edata_t *edata = alloc(10);
	assert_int_equal(edata->size, 10 * PAGE);
	assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
	assert_true(edata->committed);
	assert_true(edata->zeroed);
	assert_pages(10, 0, 0);
	memset(edata->addr, 1, edata->size);
	pac_dalloc(&pac, edata);
	assert_int_equal(edata_state(edata), EXTENT_DIRTY);
	assert_pages(0, 10, 0);
	edata = alloc(10);
	assert_false(edata->zeroed);
	assert_pages(10, 0, 0);
}

/* Free pages between pages in use, so that nothing merges. */
static edata_t *
alloc_apart(size_t npages)
{
	edata_t *edata = alloc(npages);
	assert_non_null(alloc(1));
	return edata;
}

/* Dirty, then muzzy, then retained, then new. */
TEST(order_of_reuse)
{
	setup(4096, -1, -1);
	fake->refuse[FAKE_DALLOC] = true;
	fake->refuse[FAKE_DECOMMIT] = true;
	edata_t *dirty = alloc_apart(4);
	edata_t *muzzy = alloc_apart(4);
	edata_t *retained = alloc_apart(4);
	void *order[] = {dirty->addr, muzzy->addr, retained->addr};
	pac_dalloc(&pac, retained);
	pac_purge_all(&pac);
	pac_dalloc(&pac, muzzy);
	/* A new time for decay forgets the old: all counts as decayed. */
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, MS, START),
	    ERR_NONE);
	pac_dalloc(&pac, dirty);
	assert_pages(3, 4, 4);
	for (unsigned i = 0; i < 3; i++) {
		edata_t *edata = alloc(4);
		assert_ptr_equal(edata->addr, order[i]);
		assert_true(edata->committed);
	}
	unsigned nallocs = fake->ncalls[FAKE_ALLOC];
	assert_non_null(alloc(600));
	assert_int_equal(fake->ncalls[FAKE_ALLOC], nallocs + 1);
}

/* Pages that are going to be replaced come from retained memory. */
TEST(untouched_pages_first)
{
	setup(512, -1, -1);
	edata_t *edata = alloc(100);
	void *addr = edata->addr;
	pac_dalloc(&pac, edata);
	edata = pac_alloc(&pac, 100 * PAGE, PAGE, PAC_UNTOUCHED);
	assert_non_null(edata);
	assert_ptr_not_equal(edata->addr, addr);
	assert_true(edata->zeroed);
	/* When there are none, dirty ones are better than nothing. */
	assert_non_null(alloc(312));
	edata = pac_alloc(&pac, 100 * PAGE, PAGE, PAC_UNTOUCHED);
	assert_ptr_equal(edata->addr, addr);
	assert_int_equal(nactive(), 512);
}

/* Long dirty extents are spared for long requests. */
TEST(long_extents_are_spared)
{
	setup(4096, -1, -1);
	opt.lg_extent_max_active_fit = 6;
	edata_t *edata = alloc(200);
	char *addr = edata->addr;
	pac_dalloc(&pac, edata);
	edata = alloc(3);
	assert_true((char *)edata->addr >= addr + 200 * PAGE);
	assert_ptr_equal(alloc(4)->addr, addr);
}

TEST(alignment)
{
	setup(8192, -1, -1);
	for (size_t alignment = PAGE; alignment <= 4 * MIB; alignment *= 2) {
		edata_t *edata = pac_alloc(&pac, 3 * PAGE, alignment,
		    PAC_REUSE);
		assert_int_equal(edata_base(edata) % alignment, 0);
		assert_int_equal(edata->size, 3 * PAGE);
	}
	assert_true(pac_verify(&pac));
	assert_null(pac_alloc(&pac, PAGE, (size_t)1 << 62, PAC_REUSE));
	assert_null(pac_alloc(&pac, SC_LARGE_MAX, 2 * MIB, PAC_REUSE));
}

/* Growth */

/* Use memory page by page until n times more was asked for; their sizes. */
static void
record_growth(size_t *sizes, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		unsigned ncalls = fake->ncalls[FAKE_ALLOC];
		assert_non_null(alloc(16));
		if (fake->ncalls[FAKE_ALLOC] != ncalls) {
			sizes[i++] = fake->last_size;
		}
	}
}

TEST(growth_series)
{
	setup(32768, -1, -1);
	size_t sizes[14];
	record_growth(sizes, 14);
	/* In half MiB. */
	static const size_t expected[] = {4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24,
	    28, 32, 40};
	for (unsigned i = 0; i < 14; i++) {
		assert_int_equal(sizes[i], expected[i] * MIB / 2);
	}
}

/* A step is as long as what is asked for demands. */
TEST(growth_by_need)
{
	setup(16384, -1, -1);
	assert_non_null(alloc(7 * MIB / PAGE));
	assert_int_equal(fake->last_size, 7 * MIB);
	assert_non_null(alloc(7 * MIB / PAGE - 1));
	assert_int_equal(fake->last_size, 7 * MIB);
}

TEST(growth_limit)
{
	setup(32768, -1, -1);
	assert_int_equal(pac_grow_limit(&pac), SC_LARGE_MAX);
	pac_set_grow_limit(&pac, 3 * MIB - 1);
	assert_int_equal(pac_grow_limit(&pac), 5 * MIB / 2);
	size_t sizes[5];
	record_growth(sizes, 5);
	assert_int_equal(sizes[0], 2 * MIB);
	for (unsigned i = 1; i < 5; i++) {
		assert_int_equal(sizes[i], 5 * MIB / 2);
	}
	assert_non_null(alloc(9 * MIB / PAGE + 1));
	assert_int_equal(fake->last_size, 9 * MIB + PAGE);
}

/* Steps stay in proportion after everything was given back. */
TEST(growth_starts_again)
{
	setup(32768, -1, -1);
	for (unsigned i = 0; i < 60; i++) {
		edata_t *edata = alloc(100);
		assert_true(fake->last_size <= 4 * MIB);
		pac_dalloc(&pac, edata);
		assert_true(pac_release_all(&pac));
		assert_int_equal(fake->npages_out, 0);
	}
}

/* Where there is no room for a step there may be for the request. */
TEST(growth_without_room)
{
	setup(300, -1, -1);
	assert_non_null(alloc(100));
	assert_int_equal(fake->last_size, 100 * PAGE);
	assert_non_null(alloc(200));
	assert_null(alloc(1));
	assert_pages(300, 0, 0);
}

TEST(growth_without_retaining)
{
	setup(4096, -1, -1);
	opt.retain = false;
	for (size_t npages = 1; npages < 20; npages++) {
		assert_non_null(alloc(npages));
		assert_int_equal(fake->last_size, npages * PAGE);
	}
	assert_int_equal(ecache_npages(&pac.retained), 0);
}

/* A mapping that must not be cut is made in the right length. */
TEST(growth_without_splitting)
{
	setup(4096, -1, -1);
	fake->refuse[FAKE_SPLIT] = true;
	edata_t *edata = alloc(10);
	assert_int_equal(edata->size, 10 * PAGE);
	assert_pages(10, 0, 0);
	pac_dalloc(&pac, edata);
	assert_ptr_equal(alloc(10), edata);
}

/* Memory that can not be committed is kept for later. */
TEST(commit_is_refused)
{
	setup(4096, -1, -1);
	fake->uncommitted = true;
	fake->refuse[FAKE_COMMIT] = true;
	assert_null(alloc(10));
	assert_int_equal(nactive(), 0);
	assert_int_equal(mapped(), 0);
	assert_true(pac_verify(&pac));
	fake_hooks_obey(fake);
	edata_t *edata = alloc(10);
	memset(edata->addr, 1, edata->size);
	assert_pages(10, 0, 0);
}

static unsigned nreclaims;

static bool
reclaim(void)
{
	nreclaims++;
	fake_hooks_obey(fake);
	return nreclaims < 3;
}

/* Others are asked to give memory back before none is had. */
TEST(reclaim_is_asked)
{
	setup(4096, -1, -1);
	pac_reclaim = reclaim;
	fake->refuse[FAKE_ALLOC] = true;
	assert_non_null(alloc(10));
	assert_int_equal(nreclaims, 1);
	nreclaims = 2;
	fake->refuse[FAKE_ALLOC] = true;
	assert_null(alloc(1000));
	pac_reclaim = NULL;
}

static unsigned nreleased;

static void
release_kept(unsigned arena_ind)
{
	assert_int_equal(arena_ind, pac.env.arena_ind);
	nreleased++;
	pac_keep_less(&pac, 1024 * PAGE);
}

/* What is kept elsewhere is asked for before new memory is. */
TEST(kept_memory_is_asked_for)
{
	setup(4096, MS, 0);
	pac_release_kept = release_kept;
	assert_false(pac_keep_more(&pac, PAGE));
	atomic_store(&pac.kept, 1024 * PAGE);
	assert_non_null(alloc(2000));
	assert_int_equal(nreleased, 0);
	assert_non_null(alloc(10));
	assert_int_equal(nreleased, 1);
	assert_non_null(alloc(10));
	assert_int_equal(nreleased, 1);
	assert_int_equal(atomic_load(&pac.kept), 0);
	pac_release_kept = NULL;
}

/* Nothing is kept where hooks or the user want it at once; and not too much. */
TEST(kept_memory_is_bounded)
{
	setup(4096, MS, 0);
	ehooks_init(&fixture.ehooks, NULL, ENV_ARENA);
	assert_false(pac_keep_more(&pac, 16 * MIB));
	while (pac_keep_more(&pac, PAGE)) {
	}
	assert_in_range(atomic_load(&pac.kept), PAGE, 2 * MIB);
	atomic_store(&pac.nactive, MIB);
	while (pac_keep_more(&pac, PAGE)) {
	}
	assert_in_range(atomic_load(&pac.kept), 2 * MIB, 16 * MIB);
	pac_keep_less(&pac, MIB);
	assert_true(pac_keep_more(&pac, MIB));
	pac_keep_less(&pac, MIB);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, 0, START),
	    ERR_NONE);
	assert_false(pac_keep_more(&pac, PAGE));
}

/* Decay */

/* Perlin's smootherstep, on its own terms. */
static double
smootherstep(double x)
{
	return x <= 0 ? 0 : x >= 1 ? 1 : x * x * x * (x * (x * 6 - 15) + 10);
}

/* Dirty pages leave along the curve; all are gone when the time is over. */
TEST(dirty_pages_decay)
{
	const size_t n = 2000;
	setup(8192, MS, -1);
	edata_t *edata = alloc(n);
	pac_dalloc(&pac, edata);
	size_t last = n;
	for (uint64_t i = 1; i <= DECAY_NEPOCHS + 3; i++) {
		pac_decay_tick(&pac, START + i * EPOCH);
		size_t left = ecache_npages(&pac.dirty);
		assert_true(left <= last);
		/* The first epoch ends up to one late; cuts leave >= 16. */
		double least = n * smootherstep(1 - (double)i / 200);
		double most = n * smootherstep(1 - ((double)i - 3) / 200);
		assert_true((double)left >= least - 17);
		assert_true((double)left <= most + 1);
		assert_pages(0, left, n - left);
		last = left;
	}
	assert_int_equal(last, 0);
	assert_true(atomic_load(&pac.dirty_decay.stats.npurge) > 50);
	assert_int_equal(atomic_load(&pac.dirty_decay.stats.purged), n);
}

/* Muzzy pages do the same, later. */
TEST(muzzy_pages_decay)
{
	setup(8192, MS, MS);
	pac_dalloc(&pac, alloc(2000));
	uint64_t now = START;
	for (unsigned i = 0; i < DECAY_NEPOCHS + 3; i++) {
		pac_decay_tick(&pac, now += EPOCH);
	}
	assert_int_equal(ecache_npages(&pac.dirty), 0);
	size_t muzzy = ecache_npages(&pac.muzzy);
	assert_true(muzzy > 0 && muzzy < 2000);
	assert_true(fake->ncalls[FAKE_PURGE_LAZY] > 0);
	for (unsigned i = 0; i < DECAY_NEPOCHS + 3; i++) {
		pac_decay_tick(&pac, now += EPOCH);
	}
	assert_pages(0, 0, 0);
	assert_int_equal(atomic_load(&pac.muzzy_decay.stats.purged), 2000);
}

/* No muzzy state without a time for it, or where hooks do not purge so. */
TEST(no_muzzy_pages)
{
	setup(8192, MS, 0);
	pac_dalloc(&pac, alloc(2000));
	pac_decay_tick(&pac, START + 3 * MS * UINT64_C(1000000));
	pac_decay_tick(&pac, START + 6 * MS * UINT64_C(1000000));
	assert_pages(0, 0, 0);
	assert_int_equal(fake->ncalls[FAKE_PURGE_LAZY], 0);
	setup(8192, MS, MS);
	fake->refuse[FAKE_PURGE_LAZY] = true;
	pac_dalloc(&pac, alloc(2000));
	pac_decay_tick(&pac, START + 3 * MS * UINT64_C(1000000));
	pac_decay_tick(&pac, START + 6 * MS * UINT64_C(1000000));
	assert_pages(0, 0, 0);
}

TEST(decay_never)
{
	setup(8192, -1, -1);
	pac_dalloc(&pac, alloc(2000));
	pac_decay_tick(&pac, UINT64_MAX / 2);
	assert_pages(0, 2000, 0);
}

/* Pages go as they come, and never become muzzy. */
TEST(decay_at_once)
{
	setup(8192, 0, MS);
	pac_dalloc(&pac, alloc(2000));
	assert_pages(0, 0, 0);
	assert_int_equal(fake->ncalls[FAKE_PURGE_LAZY], 0);
	assert_int_equal(fake->ncalls[FAKE_DALLOC], 1);
}

/* A pause does not make pages old that are freed after it. */
TEST(fresh_pages_are_kept_after_a_pause)
{
	setup(8192, MS, -1);
	edata_t *edata = alloc(2000);
	pac_dalloc(&pac, edata);
	uint64_t now = START;
	for (unsigned i = 0; i < 4; i++) {
		pac_decay_tick(&pac, now += EPOCH);
	}
	/* All in use for a long time. */
	assert_non_null(alloc(ecache_npages(&pac.dirty)));
	for (unsigned i = 0; i < 3 * DECAY_NEPOCHS; i++) {
		pac_decay_tick(&pac, now += EPOCH);
	}
	assert_int_equal(ecache_npages(&pac.dirty), 0);
	pac_dalloc(&pac, edata);
	size_t freed = ecache_npages(&pac.dirty);
	assert_true(freed > 1900);
	pac_decay_tick(&pac, now += EPOCH);
	pac_decay_tick(&pac, now += EPOCH);
	assert_true(ecache_npages(&pac.dirty) > freed / 10 * 9);
}

TEST(set_decay_ms)
{
	setup(8192, -1, -1);
	assert_int_equal(pac_dirty_decay_ms(&pac), -1);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, -2, START),
	    ERR_INVALID);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_MUZZY, DECAY_MS_MAX + 1,
			     START),
	    ERR_INVALID);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, 123, START),
	    ERR_NONE);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_MUZZY, 456, START),
	    ERR_NONE);
	assert_int_equal(pac_dirty_decay_ms(&pac), 123);
	assert_int_equal(pac_muzzy_decay_ms(&pac), 456);
	/* Pages from before count as decayed, unless none do. */
	setup(8192, -1, -1);
	pac_dalloc(&pac, alloc(100));
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, -1, START),
	    ERR_NONE);
	assert_pages(0, 100, 0);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, MS, START),
	    ERR_NONE);
	assert_pages(0, 0, 100);
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_MUZZY, 0, START),
	    ERR_NONE);
	assert_pages(0, 0, 0);
}

/* Without any time passing, dirty pages stay below those in use. */
TEST(dirty_pages_are_capped)
{
	enum { NBLOCKS = 40 };
	const size_t npages = 1000;
	const size_t floor = 64 * MIB / PAGE;
	setup(65536, MS, -1);
	edata_t *blocks[NBLOCKS];
	for (unsigned i = 0; i < NBLOCKS; i++) {
		blocks[i] = alloc(npages);
	}
	for (unsigned i = 0; i < NBLOCKS; i++) {
		pac_dalloc(&pac, blocks[i]);
		size_t active = (NBLOCKS - i - 1) * npages;
		size_t cap = active > floor ? active : floor;
		assert_true(ecache_npages(&pac.dirty) <= cap);
	}
	assert_true(ecache_npages(&pac.dirty) >= floor / 2);
	assert_true(pac_verify(&pac));
	/* Who asks for no purging at all gets none. */
	setup(65536, -1, -1);
	for (unsigned i = 0; i < NBLOCKS; i++) {
		blocks[i] = alloc(npages);
	}
	for (unsigned i = 0; i < NBLOCKS; i++) {
		pac_dalloc(&pac, blocks[i]);
	}
	assert_pages(0, NBLOCKS * npages, 0);
}

/*
 * Dirty extents of 200, 202 .. 214 pages, freed in this order, none beside
 * another; and then one more is asked for.
 */
static size_t
dirty_after_growth(ssize_t dirty_ms, bool by_hooks, size_t npages)
{
	enum { N = 8, EACH = 200 };
	edata_t *blocks[2 * N];
	setup(16384, dirty_ms, 0);
	if (!by_hooks) {
		ehooks_init(&fixture.ehooks, NULL, ENV_ARENA);
	}
	for (unsigned i = 0; i < 2 * N; i++) {
		blocks[i] = alloc(EACH + i);
	}
	for (unsigned i = 0; i < 2 * N; i += 2) {
		pac_dalloc(&pac, blocks[i]);
	}
	assert_int_equal(ecache_npages(&pac.dirty), 1656);
	assert_non_null(alloc(npages));
	assert_true(pac_verify(&pac));
	return ecache_npages(&pac.dirty);
}

/* What can not be used goes when new memory is taken, as much as that is. */
TEST(growth_makes_dirty_pages_go)
{
	assert_int_equal(dirty_after_growth(MS, false, 214), 1656 - 214);
	assert_int_equal(dirty_after_growth(MS, false, 215), 1656 - 215);
	assert_int_equal(dirty_after_growth(MS, false, 2000), 1664 / 16);
	/* Not where nothing is to be purged by itself, nor by hooks. */
	assert_int_equal(dirty_after_growth(-1, false, 215), 1656);
	assert_int_equal(dirty_after_growth(MS, true, 215), 1656);
	opt.lg_extent_max_active_fit = 6;
	assert_int_equal(dirty_after_growth(MS, false, 215), 1656);
}

TEST(purge_all_and_release_all)
{
	setup(8192, -1, -1);
	pac_dalloc(&pac, alloc(1000));
	assert_true(ecache_npages(&pac.dirty) == 1000);
	pac_purge_all(&pac);
	assert_pages(0, 0, 0);
	pac_dalloc(&pac, alloc(2000));
	assert_true(pac_release_all(&pac));
	assert_int_equal(fake->npages_out, 0);
	assert_false(pac_release_all(&pac));
	/* What the hooks do not take stays ours, and usable. */
	pac_dalloc(&pac, alloc(2000));
	fake->refuse[FAKE_DALLOC] = true;
	assert_true(pac_release_all(&pac));
	assert_false(pac_release_all(&pac));
	assert_true(ecache_npages(&pac.retained) >= 2000);
	fake->refuse[FAKE_ALLOC] = true;
	assert_non_null(alloc(2000));
	assert_true(pac_verify(&pac));
}

TEST(destroy)
{
	setup(8192, -1, -1);
	fake->refuse[FAKE_DALLOC] = true;
	edata_t *a = alloc(10);
	edata_t *b = alloc(600);
	pac_dalloc(&pac, a);
	pac_dalloc(&pac, b);
	/* Descriptors go to where arenas ask first. */
	static edata_cache_t parent;
	edata_cache_init(&parent, &fixture.base0);
	pac.edata_cache.parent = &parent;
	size_t ncreated = pac.edata_cache.ncreated;
	pac_destroy(&pac);
	assert_int_equal(pac.edata_cache.nunused, 0);
	assert_int_equal(parent.nunused, ncreated);
	assert_int_equal(fake->npages_out, 0);
	assert_true(fake->ncalls[FAKE_DESTROY] > 0);
}

TEST(dalloc_untouched)
{
	setup(4096, -1, -1);
	edata_t *edata = alloc(100);
	edata->zeroed = true;
	pac_dalloc_untouched(&pac, edata);
	assert_pages(0, 0, 0);
	edata = alloc(100);
	assert_true(edata->zeroed);
}

/* In place */

TEST(expand)
{
	setup(4096, -1, -1);
	bool zeroed = false;
	edata_t *edata = alloc(10);
	char *addr = edata->addr;
	/* From retained memory. */
	assert_int_equal(pac_expand(&pac, edata, 20 * PAGE, &zeroed), ERR_NONE);
	assert_true(zeroed);
	assert_ptr_equal(edata->addr, addr);
	assert_int_equal(edata->size, 20 * PAGE);
	assert_true(env_has_boundaries(edata));
	assert_pages(20, 0, 0);
	/* From dirty memory. */
	edata_t *next = alloc(30);
	assert_ptr_equal(next->addr, addr + 20 * PAGE);
	memset(next->addr, 1, next->size);
	pac_dalloc(&pac, next);
	assert_int_equal(pac_expand(&pac, edata, 25 * PAGE, &zeroed), ERR_NONE);
	assert_false(zeroed);
	assert_pages(25, 25, 0);
	/* From muzzy memory. */
	assert_int_equal(pac_set_decay_ms(&pac, EXTENT_DIRTY, MS, START),
	    ERR_NONE);
	assert_pages(25, 0, 25);
	assert_int_equal(pac_expand(&pac, edata, 50 * PAGE, &zeroed), ERR_NONE);
	assert_false(zeroed);
	assert_pages(50, 0, 0);
}

/* In the way: a block in use, the end of the pool, too little. */
TEST(expand_fails)
{
	setup(512, -1, -1);
	bool zeroed;
	edata_t *a = alloc(10);
	edata_t *b = alloc(10);
	assert_int_not_equal(pac_expand(&pac, a, 11 * PAGE, &zeroed), ERR_NONE);
	assert_int_not_equal(pac_expand(&pac, b, 1000 * PAGE, &zeroed),
	    ERR_NONE);
	pac_dalloc(&pac, b);
	assert_int_not_equal(pac_expand(&pac, a, 21 * PAGE, &zeroed), ERR_NONE);
	assert_int_equal(a->size, 10 * PAGE);
	assert_pages(10, 10, 0);
}

TEST(expand_without_merging)
{
	setup(4096, -1, -1);
	bool zeroed;
	edata_t *edata = alloc(10);
	fake->refuse[FAKE_MERGE] = true;
	assert_int_not_equal(pac_expand(&pac, edata, 20 * PAGE, &zeroed),
	    ERR_NONE);
	assert_int_equal(edata->size, 10 * PAGE);
	assert_true(env_has_boundaries(edata));
	assert_pages(10, 0, 0);
}

/* Without retained memory the hooks are asked for the pages behind. */
TEST(expand_by_mapping)
{
	setup(4096, -1, -1);
	opt.retain = false;
	bool zeroed = false;
	edata_t *edata = alloc(10);
	assert_int_equal(pac_expand(&pac, edata, 30 * PAGE, &zeroed), ERR_NONE);
	assert_ptr_equal(fake->last_addr, edata->addr);
	assert_int_equal(fake->ncalls[FAKE_ALLOC], 2);
	assert_true(zeroed);
	assert_pages(30, 0, 0);
}

TEST(shrink)
{
	setup(4096, -1, -1);
	edata_t *edata = alloc(10);
	assert_int_equal(pac_shrink(&pac, edata, 4 * PAGE), ERR_NONE);
	assert_int_equal(edata->size, 4 * PAGE);
	assert_pages(4, 6, 0);
	fake->refuse[FAKE_SPLIT] = true;
	assert_int_not_equal(pac_shrink(&pac, edata, PAGE), ERR_NONE);
	assert_int_equal(edata->size, 4 * PAGE);
	assert_pages(4, 6, 0);
}

/* Random operations */

#define NHELD 60

typedef struct {
	edata_t *held[NHELD];
	unsigned nheld;
	uint64_t prng;
	uint64_t now;
} walk_t;

static unsigned char
mark_of(const edata_t *edata)
{
	return (unsigned char)((edata_base(edata) >> LG_PAGE) | 1);
}

static void
write_marks(edata_t *edata, size_t from)
{
	for (size_t i = from; i < edata->size; i += PAGE) {
		((unsigned char *)edata->addr)[i] = mark_of(edata);
	}
}

static void
check_marks(const edata_t *edata, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE) {
		assert_int_equal(((unsigned char *)edata->addr)[i],
		    mark_of(edata));
	}
}

static void
check_zero(const edata_t *edata, size_t from)
{
	for (size_t i = from; i < edata->size; i += PAGE) {
		assert_int_equal(((unsigned char *)edata->addr)[i], 0);
	}
}

static edata_t *
pick(walk_t *walk)
{
	unsigned i = (unsigned)prng_below(&walk->prng, walk->nheld);
	edata_t *edata = walk->held[i];
	check_marks(edata, edata->size);
	walk->held[i] = walk->held[--walk->nheld];
	return edata;
}

static size_t
random_size(walk_t *walk)
{
	return (1 +
		   prng_below(&walk->prng,
		       (uint64_t)1 << prng_below(&walk->prng, 9))) *
	    PAGE;
}

static void
random_alloc(walk_t *walk)
{
	size_t size = random_size(walk);
	size_t alignment = PAGE
	    << (prng_below(&walk->prng, 4) == 0 ? prng_below(&walk->prng, 10)
						: 0);
	edata_t *edata = pac_alloc(&pac, size, alignment,
	    prng_below(&walk->prng, 4) == 0 ? PAC_UNTOUCHED : PAC_REUSE);
	if (edata == NULL) {
		return;
	}
	assert_int_equal(edata->size, size);
	assert_int_equal(edata_base(edata) % alignment, 0);
	if (edata->zeroed) {
		check_zero(edata, 0);
	}
	edata->zeroed = false;
	write_marks(edata, 0);
	walk->held[walk->nheld++] = edata;
}

static void
random_resize(walk_t *walk)
{
	edata_t *edata = pick(walk);
	size_t size = edata->size;
	size_t new_size = random_size(walk);
	bool zeroed = false;
	err_t err = ERR_NONE;
	if (new_size > size) {
		err = pac_expand(&pac, edata, new_size, &zeroed);
	} else if (new_size < size) {
		err = pac_shrink(&pac, edata, new_size);
	}
	assert_int_equal(edata->size, err == ERR_NONE ? new_size : size);
	check_marks(edata, size < edata->size ? size : edata->size);
	if (zeroed && err == ERR_NONE) {
		check_zero(edata, size);
	}
	edata->zeroed = false;
	write_marks(edata, 0);
	walk->held[walk->nheld++] = edata;
}

static void
random_upkeep(walk_t *walk)
{
	static const ssize_t times[] = {-1, 0, MS};
	switch (prng_below(&walk->prng, 20)) {
	case 0:
		pac_purge_all(&pac);
		break;
	case 1:
		(void)pac_release_all(&pac);
		break;
	case 2:
		assert_int_equal(pac_set_decay_ms(&pac,
				     prng_below(&walk->prng, 2) != 0
					 ? EXTENT_DIRTY
					 : EXTENT_MUZZY,
				     times[prng_below(&walk->prng, 3)],
				     walk->now),
		    ERR_NONE);
		break;
	default:
		walk->now += prng_below(&walk->prng, 20 * EPOCH);
		pac_decay_tick(&pac, walk->now);
	}
}

static void
random_step(walk_t *walk)
{
	unsigned choice = (unsigned)prng_below(&walk->prng, 10);
	if (walk->nheld == 0 || (choice < 4 && walk->nheld < NHELD)) {
		random_alloc(walk);
	} else if (choice < 7) {
		pac_dalloc(&pac, pick(walk));
	} else if (choice < 9) {
		random_resize(walk);
	} else {
		random_upkeep(walk);
	}
}

/* Every page is accounted for: nothing is lost and nothing double. */
static void
check_walk(const walk_t *walk)
{
	size_t held = 0;
	for (unsigned i = 0; i < walk->nheld; i++) {
		held += edata_npages(walk->held[i]);
		assert_int_equal(edata_state(walk->held[i]), EXTENT_ACTIVE);
		assert_true(env_has_boundaries(walk->held[i]));
	}
	assert_pages(held, ecache_npages(&pac.dirty),
	    ecache_npages(&pac.muzzy));
}

static void
random_walk(uint64_t seed, bool retain)
{
	walk_t walk = {.prng = seed, .now = START};
	opt.retain = retain;
	for (unsigned i = 0; i < 3000; i++) {
		random_step(&walk);
		check_walk(&walk);
	}
	fake_hooks_obey(fake);
	while (walk.nheld != 0) {
		pac_dalloc(&pac, pick(&walk));
	}
	(void)pac_release_all(&pac);
	assert_pages(0, 0, 0);
	assert_int_equal(fake->npages_out, 0);
	assert_int_equal(pac.edata_cache.nunused, pac.edata_cache.ncreated);
}

TEST(random_operations)
{
	setup(16384, MS, MS);
	random_walk(1, true);
}

TEST(random_operations_without_retaining)
{
	setup(16384, MS, MS);
	random_walk(2, false);
}

/* Memory is scarce, uncommitted and stale. */
TEST(random_operations_in_a_small_pool)
{
	setup(2000, MS, MS);
	fake->uncommitted = true;
	fake->stale = true;
	random_walk(3, true);
}

static void
refuse_at_random(void)
{
	for (unsigned hook = 0; hook < FAKE_NHOOKS; hook++) {
		fake->refuse_one_in[hook] = 3;
	}
}

TEST(random_operations_with_refusals)
{
	setup(16384, MS, MS);
	fake->uncommitted = true;
	refuse_at_random();
	random_walk(4, true);
}

TEST(random_operations_with_refusals_without_retaining)
{
	setup(16384, MS, MS);
	fake->stale = true;
	refuse_at_random();
	random_walk(5, false);
}

/* Only alloc is there, all other hooks are missing. */
TEST(random_operations_with_alloc_only)
{
	setup(16384, MS, MS);
	fake->table = (extent_hooks_t){.alloc = fake->table.alloc};
	walk_t walk = {.prng = 6, .now = START};
	for (unsigned i = 0; i < 2000; i++) {
		random_step(&walk);
		check_walk(&walk);
	}
}

TEST(fork_handlers)
{
	setup(4096, MS, MS);
	for (int stage = 0; stage < PAC_PREFORK_STAGES; stage++) {
		pac_prefork(&pac, stage);
	}
	pac_postfork_parent(&pac);
	assert_non_null(alloc(1));
	for (int stage = 0; stage < PAC_PREFORK_STAGES; stage++) {
		pac_prefork(&pac, stage);
	}
	pac_postfork_child(&pac);
	assert_non_null(alloc(1));
	pac_purge_all(&pac);
}
