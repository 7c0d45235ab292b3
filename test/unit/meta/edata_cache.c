#include "meta/edata_cache.h"

#include "support/harness.h"

#include "platform/build.h"
#include "support/fake_hooks.h"

static fake_hooks_t fake;
static base_t base;
static edata_cache_t cache;

static void
setup(void)
{
	fake_hooks_init(&fake, 1024);
	base_init(&base, &fake.table, 0);
	edata_cache_init(&cache, &base);
}

TEST(get_makes_new_ones)
{
	setup();
	edata_t *a = edata_cache_get(&cache);
	edata_t *b = edata_cache_get(&cache);
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_int_equal((uintptr_t)a % CACHELINE, 0);
	assert_int_equal((uintptr_t)b % CACHELINE, 0);
	assert_int_equal(edata_state(a), EXTENT_UNUSED);
	assert_int_equal(cache.ncreated, 2);
	assert_int_equal(cache.nunused, 0);
	assert_int_equal(base.allocated, 2 * sizeof(edata_t));
}

/* The last one put in is the first one out; its state says unused. */
TEST(recycling)
{
	enum { N = 100 };
	edata_t *edatas[N];
	setup();
	for (unsigned i = 0; i < N; i++) {
		edatas[i] = edata_cache_get(&cache);
		edata_set_owner(edatas[i], 5, EXTENT_ACTIVE);
	}
	for (unsigned i = 0; i < N; i++) {
		edata_cache_put(&cache, edatas[i]);
		assert_int_equal(edata_state(edatas[i]), EXTENT_UNUSED);
		assert_int_equal(cache.nunused, i + 1);
	}
	for (unsigned i = N; i-- > 0;) {
		assert_ptr_equal(edata_cache_get(&cache), edatas[i]);
	}
	assert_int_equal(cache.nunused, 0);
	assert_int_equal(cache.ncreated, N);
}

/* Below a parent, descriptors come from there and stay. */
TEST(parent)
{
	static edata_cache_t child;
	setup();
	edata_cache_init(&child, &base);
	child.parent = &cache;
	edata_t *spare = edata_cache_get(&cache);
	edata_cache_put(&cache, spare);
	edata_t *edata = edata_cache_get(&child);
	assert_ptr_equal(edata, spare);
	assert_int_equal(cache.nunused, 0);
	assert_non_null(edata_cache_get(&child));
	assert_int_equal(child.ncreated, 0);
	assert_int_equal(cache.ncreated, 2);
	edata_cache_put(&child, edata);
	assert_int_equal(child.nunused, 1);
	assert_ptr_equal(edata_cache_get(&child), edata);
}

TEST(no_memory)
{
	setup();
	fake.refuse[FAKE_ALLOC] = true;
	assert_null(edata_cache_get(&cache));
	assert_int_equal(cache.ncreated, 0);
	fake_hooks_obey(&fake);
	edata_t *edata = edata_cache_get(&cache);
	assert_non_null(edata);
	edata_cache_put(&cache, edata);
	fake.refuse[FAKE_ALLOC] = true;
	assert_ptr_equal(edata_cache_get(&cache), edata);
}
