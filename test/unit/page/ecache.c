#include "page/ecache.h"

#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"
#include "env_support.h"
#include "meta/options.h"

#define POOL_NPAGES 2048
#define ANY_LENGTH 64

static env_fixture_t fixture;
static extent_env_t *const env = &fixture.env;
static fake_hooks_t *const fake = &fixture.fake;
static ecache_t ecache;
static eset_classes_t classes;

static void
setup(void)
{
	env_setup(&fixture, POOL_NPAGES);
	ecache_init(&ecache, &classes, EXTENT_DIRTY, "test", LOCK_ECACHE_DIRTY);
}

/* A new extent of npages, put in. */
static edata_t *
put_new(size_t npages)
{
	edata_t *edata = env_extent(&fixture, npages);
	ecache_put(env, &ecache, edata);
	return edata;
}

static edata_t *
take(size_t npages)
{
	return ecache_take(env, &ecache, npages * PAGE, PAGE, ANY_LENGTH);
}

static size_t
count_extents(void)
{
	size_t n = 0;
	for (list_node_t *node = list_first(&ecache.eset.lru); node != NULL;
	     node = list_next(&ecache.eset.lru, node)) {
		n++;
	}
	return n;
}

TEST(put_and_take)
{
	setup();
	assert_null(take(1));
	edata_t *edata = put_new(8);
	assert_int_equal(edata_state(edata), EXTENT_DIRTY);
	assert_int_equal(ecache_npages(&ecache), 8);
	assert_null(take(9));
	assert_ptr_equal(take(8), edata);
	assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
	assert_int_equal(ecache_npages(&ecache), 0);
	assert_true(ecache_verify(env, &ecache));
}

/* The front is taken, the rest goes back. */
TEST(take_cuts)
{
	setup();
	char *addr = put_new(8)->addr;
	edata_t *edata = take(3);
	assert_ptr_equal(edata->addr, addr);
	assert_int_equal(edata->size, 3 * PAGE);
	assert_int_equal(ecache_npages(&ecache), 5);
	assert_ptr_equal(take(5)->addr, addr + 3 * PAGE);
	assert_true(ecache_verify(env, &ecache));
}

TEST(take_aligned)
{
	setup();
	/* The pool begins at a huge page: this one ends up off by a page. */
	(void)env_extent(&fixture, 1);
	char *addr = put_new(40)->addr;
	assert_null(
	    ecache_take(env, &ecache, 40 * PAGE, 16 * PAGE, ANY_LENGTH));
	edata_t *edata = ecache_take(env, &ecache, 10 * PAGE, 16 * PAGE,
	    ANY_LENGTH);
	assert_ptr_equal(edata->addr, addr + 15 * PAGE);
	assert_int_equal(edata->size, 10 * PAGE);
	assert_int_equal(count_extents(), 2);
	assert_int_equal(ecache_npages(&ecache), 30);
	assert_true(ecache_verify(env, &ecache));
}

TEST(take_at)
{
	setup();
	edata_t *edata = put_new(8);
	char *addr = edata->addr;
	assert_null(ecache_take_at(env, &ecache, addr, 9 * PAGE));
	assert_null(ecache_take_at(env, &ecache, addr + PAGE, PAGE));
	assert_null(
	    ecache_take_at(env, &ecache, fake->pool + 100 * PAGE, PAGE));
	assert_null(ecache_take_at(env, &ecache, (void *)~(PAGE - 1), PAGE));
	assert_ptr_equal(ecache_take_at(env, &ecache, addr, 2 * PAGE)->addr,
	    addr);
	assert_int_equal(ecache_npages(&ecache), 6);
	/* What is not free, or free elsewhere, is not there. */
	assert_null(ecache_take_at(env, &ecache, addr, PAGE));
	ecache_t other;
	static ecache_t zeroed;
	other = zeroed;
	static eset_classes_t other_classes;
	ecache_init(&other, &other_classes, EXTENT_MUZZY, "other",
	    LOCK_ECACHE_MUZZY);
	ecache_put(env, &other, env_extent(&fixture, 20));
	assert_null(ecache_take_at(env, &other, addr + 2 * PAGE, PAGE));
	assert_true(ecache_verify(env, &ecache));
}

/* Also where the map's pages for two neighbours differ. */
TEST(merges_across_windows)
{
	setup();
	const size_t window = (size_t)1 << (PAGEMAP_LG_WINDOW - LG_PAGE);
	edata_t *first = env_extent(&fixture, 3 * window);
	assert_int_equal(edata_base(first) % (window * PAGE), 0);
	edata_t *second = extent_split(env, first, window * PAGE);
	edata_t *third = extent_split(env, second, window * PAGE);
	ecache_put(env, &ecache, first);
	ecache_put(env, &ecache, third);
	assert_int_equal(count_extents(), 2);
	ecache_put(env, &ecache, second);
	assert_int_equal(count_extents(), 1);
	assert_int_equal(ecache_npages(&ecache), 3 * window);
	assert_true(ecache_verify(env, &ecache));
}

/* A neighbour on either side, and on both. */
/* What is free behind an extent gives up its beginning. */
TEST(grow_into)
{
	bool zeroed = false;
	setup();
	edata_t *free = put_new(20);
	char *addr = free->addr;
	edata_t *edata = take(4);
	assert_ptr_equal(edata->addr, addr);
	assert_true(edata->head && !free->head);
	assert_false(ecache_grow_into(env, &ecache, edata, 16 * PAGE, &zeroed));
	assert_true(ecache_grow_into(env, &ecache, edata, 3 * PAGE, &zeroed));
	assert_true(zeroed);
	assert_int_equal(edata->size, 7 * PAGE);
	assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
	assert_true(env_has_boundaries(edata));
	assert_ptr_equal(free->addr, addr + 7 * PAGE);
	assert_int_equal(free->size, 13 * PAGE);
	assert_true(env_has_boundaries(free));
	assert_int_equal(ecache_npages(&ecache), 13);
	assert_true(ecache_verify(env, &ecache));
	/* Not of what is of another kind, nor in use. */
	free->committed = false;
	assert_false(ecache_grow_into(env, &ecache, edata, PAGE, &zeroed));
	free->committed = true;
	assert_ptr_equal(ecache_take_at(env, &ecache, addr + 7 * PAGE,
			     13 * PAGE),
	    free);
	assert_false(ecache_grow_into(env, &ecache, edata, PAGE, &zeroed));
	assert_int_equal(edata->size, 7 * PAGE);
	ecache_put(env, &ecache, free);
	ecache_put(env, &ecache, edata);
	assert_int_equal(count_extents(), 1);
	assert_int_equal(ecache_npages(&ecache), 20);
}

TEST(put_merges)
{
	setup();
	edata_t *whole = env_extent(&fixture, 12);
	char *addr = whole->addr;
	edata_t *second = extent_split(env, whole, 4 * PAGE);
	edata_t *third = extent_split(env, second, 4 * PAGE);
	ecache_put(env, &ecache, whole);
	ecache_put(env, &ecache, third);
	assert_int_equal(count_extents(), 2);
	ecache_put(env, &ecache, second);
	assert_int_equal(count_extents(), 1);
	edata_t *merged = take(12);
	assert_ptr_equal(merged->addr, addr);
	assert_true(ecache_verify(env, &ecache));
}

/* Neighbours in use, in another state or of another arena stay apart. */
TEST(put_leaves_others_alone)
{
	setup();
	edata_t *a = env_extent(&fixture, 12);
	edata_t *b = extent_split(env, a, 4 * PAGE);
	edata_t *c = extent_split(env, b, 4 * PAGE);
	edata_set_owner(a, ENV_ARENA, EXTENT_MUZZY);
	edata_set_owner(c, ENV_ARENA + 1, EXTENT_DIRTY);
	ecache_put(env, &ecache, b);
	assert_int_equal(b->size, 4 * PAGE);
	assert_int_equal(fake->ncalls[FAKE_MERGE], 0);
	assert_true(ecache_verify(env, &ecache));
}

TEST(put_without_merging)
{
	setup();
	edata_t *a = env_extent(&fixture, 12);
	edata_t *b = extent_split(env, a, 4 * PAGE);
	edata_t *c = extent_split(env, b, 4 * PAGE);
	fake->refuse[FAKE_MERGE] = true;
	ecache_put(env, &ecache, a);
	ecache_put(env, &ecache, c);
	ecache_put(env, &ecache, b);
	assert_int_equal(fake->ncalls[FAKE_MERGE], 2);
	assert_int_equal(count_extents(), 3);
	assert_int_equal(ecache_npages(&ecache), 12);
	assert_true(ecache_verify(env, &ecache));
}

/* What can not be cut is not taken, and nothing changes. */
TEST(take_without_splitting)
{
	setup();
	edata_t *edata = put_new(8);
	fake->refuse[FAKE_SPLIT] = true;
	assert_null(take(3));
	assert_null(ecache_take_at(env, &ecache, edata->addr, PAGE));
	assert_int_equal(ecache_npages(&ecache), 8);
	assert_int_equal(edata->size, 8 * PAGE);
	assert_true(ecache_verify(env, &ecache));
	assert_ptr_equal(take(8), edata);
}

/* The first of two cuts succeeds: both parts are free afterwards. */
TEST(take_with_half_a_cut)
{
	setup();
	(void)env_extent(&fixture, 1);
	(void)put_new(40);
	edata_t *last = env_exhaust_descriptors(&fixture);
	edata_cache_put(&fixture.edata_cache, last);
	assert_null(
	    ecache_take(env, &ecache, 10 * PAGE, 16 * PAGE, ANY_LENGTH));
	assert_int_equal(ecache_npages(&ecache), 40);
	assert_true(ecache_verify(env, &ecache));
}

/* Down to the limit, the oldest first, the last one cut. */
TEST(evict)
{
	setup();
	edata_t *first = put_new(100);
	edata_t *second = put_new(100);
	char *second_addr = second->addr;
	assert_null(ecache_evict(env, &ecache, 200));
	assert_ptr_equal(ecache_evict(env, &ecache, 90), first);
	assert_int_equal(edata_state(first), EXTENT_ACTIVE);
	edata_t *part = ecache_evict(env, &ecache, 90);
	assert_int_equal(part->size, 10 * PAGE);
	assert_ptr_equal(part->addr, second_addr + 90 * PAGE);
	assert_null(ecache_evict(env, &ecache, 90));
	assert_true(ecache_verify(env, &ecache));
	assert_ptr_equal(ecache_evict(env, &ecache, 0), second);
	assert_int_equal(ecache_npages(&ecache), 0);
}

/* Cutting is no condition for evicting. */
TEST(evict_without_splitting)
{
	setup();
	edata_t *edata = put_new(100);
	fake->refuse[FAKE_SPLIT] = true;
	assert_ptr_equal(ecache_evict(env, &ecache, 90), edata);
	assert_int_equal(edata->size, 100 * PAGE);
	assert_int_equal(ecache_npages(&ecache), 0);
}

/* Verification finds what it is there to find. */
TEST(verify_sees_damage)
{
	setup();
	edata_t *edata = put_new(8);
	assert_true(ecache_verify(env, &ecache));
	edata->size += PAGE;
	assert_false(ecache_verify(env, &ecache));
	edata->size -= PAGE;
	edata_set_state(edata, EXTENT_MUZZY);
	assert_false(ecache_verify(env, &ecache));
	edata_set_state(edata, EXTENT_DIRTY);
	pagemap_set_code(edata->addr, 2);
	assert_false(ecache_verify(env, &ecache));
	pagemap_set_code(edata->addr, 0);
	pagemap_forget(edata);
	assert_false(ecache_verify(env, &ecache));
	pagemap_set_boundaries(edata);
	assert_true(ecache_verify(env, &ecache));
}

/* Random operations */

#define NHELD 64

typedef struct {
	edata_t *held[NHELD];
	unsigned nheld;
	uint64_t prng;
	size_t npages; /* in all */
} walk_t;

/* Every page is in one extent, and no two that could be one touch. */
static void
check_cover(const walk_t *walk, bool all_merged)
{
	static bool covered[POOL_NPAGES];
	memset(covered, 0, sizeof(covered));
	size_t npages = 0;
	for (list_node_t *node = list_first(&ecache.eset.lru); node != NULL;
	     node = list_next(&ecache.eset.lru, node)) {
		edata_t *edata = container_of(node, edata_t, lru);
		size_t first = (edata_base(edata) - (uintptr_t)fake->pool) /
		    PAGE;
		for (size_t i = 0; i < edata_npages(edata); i++) {
			assert_false(covered[first + i]);
			covered[first + i] = true;
		}
		npages += edata_npages(edata);
		edata_t *next = pagemap_extent((void *)edata_end(edata));
		if (all_merged && next != NULL &&
		    edata_covers(next, (void *)edata_end(edata))) {
			assert_true(next->head ||
			    edata_owner(next) != edata_owner(edata));
		}
	}
	for (unsigned i = 0; i < walk->nheld; i++) {
		edata_t *edata = walk->held[i];
		assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
		assert_true(env_has_boundaries(edata));
		size_t first = (edata_base(edata) - (uintptr_t)fake->pool) /
		    PAGE;
		for (size_t j = 0; j < edata_npages(edata); j++) {
			assert_false(covered[first + j]);
			covered[first + j] = true;
		}
		npages += edata_npages(edata);
	}
	assert_int_equal(npages, walk->npages);
}

static void
hold(walk_t *walk, edata_t *edata)
{
	if (edata != NULL) {
		walk->held[walk->nheld++] = edata;
	}
}

static edata_t *
pick(walk_t *walk)
{
	unsigned i = (unsigned)prng_below(&walk->prng, walk->nheld);
	edata_t *edata = walk->held[i];
	walk->held[i] = walk->held[--walk->nheld];
	return edata;
}

static void
random_take(walk_t *walk)
{
	size_t size = (1 + prng_below(&walk->prng, 60)) * PAGE;
	size_t alignment = PAGE << prng_below(&walk->prng, 5);
	edata_t *edata = ecache_take(env, &ecache, size, alignment,
	    prng_below(&walk->prng, 2) != 0 ? ANY_LENGTH : 4);
	if (edata != NULL) {
		assert_int_equal(edata->size, size);
		assert_int_equal(edata_base(edata) % alignment, 0);
	}
	hold(walk, edata);
}

static void
random_take_at(walk_t *walk)
{
	void *addr = fake->pool + prng_below(&walk->prng, POOL_NPAGES) * PAGE;
	if (walk->nheld != 0 && prng_below(&walk->prng, 2) != 0) {
		addr = (void *)edata_end(walk->held[0]);
	}
	size_t size = (1 + prng_below(&walk->prng, 4)) * PAGE;
	edata_t *edata = ecache_take_at(env, &ecache, addr, size);
	assert_true(
	    edata == NULL || (edata->addr == addr && edata->size == size));
	hold(walk, edata);
}

static void
random_growth(walk_t *walk)
{
	if (walk->nheld != 0) {
		bool zeroed;
		edata_t *edata =
		    walk->held[prng_below(&walk->prng, walk->nheld)];
		size_t size = edata->size;
		size_t more = (1 + prng_below(&walk->prng, 9)) * PAGE;
		bool grown = ecache_grow_into(env, &ecache, edata, more,
		    &zeroed);
		assert_int_equal(edata->size, grown ? size + more : size);
	}
}

static void
random_step(walk_t *walk)
{
	switch (walk->nheld >= NHELD - 1 ? 3 : prng_below(&walk->prng, 7)) {
	case 6:
		random_growth(walk);
		break;
	case 0:
		random_take_at(walk);
		break;
	case 1:
		hold(walk,
		    ecache_evict(env, &ecache,
			prng_below(&walk->prng, walk->npages)));
		break;
	case 2:
		random_take(walk);
		break;
	default:
		if (walk->nheld != 0) {
			ecache_put(env, &ecache, pick(walk));
		}
	}
}

static void
random_walk(unsigned nsteps, bool refusing, uint64_t seed)
{
	walk_t walk = {.prng = seed};
	setup();
	opt.retain = true;
	/* Several mappings, so that some neighbours may not be merged. */
	for (size_t i = 0; i < POOL_NPAGES / 256; i++) {
		(void)put_new(256);
	}
	walk.npages = POOL_NPAGES;
	fake->refuse_one_in[FAKE_SPLIT] = refusing ? 3 : 0;
	fake->refuse_one_in[FAKE_MERGE] = refusing ? 3 : 0;
	for (unsigned i = 0; i < nsteps; i++) {
		random_step(&walk);
		assert_true(ecache_verify(env, &ecache));
		check_cover(&walk, !refusing);
	}
	fake_hooks_obey(fake);
	while (walk.nheld != 0) {
		ecache_put(env, &ecache, pick(&walk));
	}
	check_cover(&walk, false);
	if (!refusing) {
		assert_int_equal(count_extents(), POOL_NPAGES / 256);
		/* Descriptors that are not in use are in the cache. */
		assert_int_equal(fixture.edata_cache.ncreated -
			fixture.edata_cache.nunused,
		    POOL_NPAGES / 256);
	}
}

TEST(random_operations)
{
	random_walk(4000, false, 1);
	memset(&ecache, 0, sizeof(ecache));
	random_walk(4000, false, 2);
}

TEST(random_operations_with_refusals)
{
	random_walk(4000, true, 3);
	memset(&ecache, 0, sizeof(ecache));
	random_walk(4000, true, 4);
}
