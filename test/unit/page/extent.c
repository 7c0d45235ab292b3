#include "page/extent.h"

#include "support/harness.h"

#include <string.h>

#include "env_support.h"
#include "meta/options.h"

static env_fixture_t fixture;
static extent_env_t *const env = &fixture.env;
static fake_hooks_t *const fake = &fixture.fake;

TEST(new_describes_what_it_got)
{
	env_setup(&fixture, 256);
	edata_t *edata = extent_new(env, NULL, 8 * PAGE, 4 * PAGE, true, 42);
	assert_non_null(edata);
	assert_ptr_equal(edata->addr, fake->last_addr);
	assert_int_equal(edata->size, 8 * PAGE);
	assert_int_equal(fake->last_alignment, 4 * PAGE);
	assert_int_equal(fake->last_arena_ind, ENV_ARENA);
	assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
	assert_int_equal(edata_arena_ind(edata), ENV_ARENA);
	assert_int_equal(edata->serial, 42);
	assert_true(edata->committed);
	assert_true(edata->zeroed);
	assert_true(edata->head);
	assert_false(edata->slab);
	assert_false(edata->dss);
	assert_false(edata->guarded);
	assert_null(edata->user);
	assert_int_equal(edata->cind, 0);
	assert_true(env_has_boundaries(edata));
	assert_int_equal(pagemap_code(edata->addr), 0);
}

/* The hook may commit later and leave stale contents: both are noted. */
TEST(new_uncommitted_or_stale)
{
	env_setup(&fixture, 256);
	fake->uncommitted = true;
	edata_t *edata = extent_new(env, NULL, 4 * PAGE, PAGE, false, 1);
	assert_false(edata->committed);
	fake->stale = true;
	edata = extent_new(env, NULL, 4 * PAGE, PAGE, true, 2);
	assert_true(edata->committed);
	assert_false(edata->zeroed);
}

TEST(new_at_an_address)
{
	env_setup(&fixture, 256);
	edata_t *edata = env_extent(&fixture, 4);
	char *behind = (char *)edata_end(edata);
	assert_null(extent_new(env, edata->addr, PAGE, PAGE, true, 1));
	edata_t *next = extent_new(env, behind, 2 * PAGE, PAGE, true, 1);
	assert_non_null(next);
	assert_ptr_equal(next->addr, behind);
}

/* Whatever is missing, nothing is lost. */
TEST(new_fails)
{
	env_setup(&fixture, 256);
	fake->refuse[FAKE_ALLOC] = true;
	assert_null(extent_new(env, NULL, PAGE, PAGE, true, 1));
	assert_int_equal(fixture.edata_cache.nunused, 1);
	fake_hooks_obey(fake);
	(void)env_exhaust_descriptors(&fixture);
	unsigned ncalls = fake_hooks_ncalls(fake);
	assert_null(extent_new(env, NULL, PAGE, PAGE, true, 1));
	assert_int_equal(fake_hooks_ncalls(fake), ncalls);
	assert_int_equal(fake->npages_out, 0);
}

/* There is a descriptor but no room for the page map. */
TEST(new_without_page_map)
{
	env_setup(&fixture, 256);
	edata_cache_put(&fixture.edata_cache,
	    env_exhaust_descriptors(&fixture));
	assert_null(extent_new(env, NULL, PAGE, PAGE, true, 1));
	assert_int_equal(fake->ncalls[FAKE_DALLOC], 1);
	assert_int_equal(fake->npages_out, 0);
	assert_int_equal(fixture.edata_cache.nunused, 1);
	fake_hooks_obey(&fixture.meta);
	assert_non_null(extent_new(env, NULL, PAGE, PAGE, true, 1));
}

TEST(split)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_set_state(a, EXTENT_DIRTY);
	uint64_t serial = a->serial;
	char *addr = a->addr;
	edata_t *b = extent_split(env, a, 3 * PAGE);
	assert_non_null(b);
	assert_ptr_equal(fake->last_addr, addr);
	assert_int_equal(fake->last_size, 10 * PAGE);
	assert_int_equal(fake->last_size_a, 3 * PAGE);
	assert_true(fake->last_committed);
	assert_ptr_equal(a->addr, addr);
	assert_int_equal(a->size, 3 * PAGE);
	assert_ptr_equal(b->addr, addr + 3 * PAGE);
	assert_int_equal(b->size, 7 * PAGE);
	assert_int_equal(edata_owner(a), edata_owner(b));
	assert_int_equal(edata_state(b), EXTENT_DIRTY);
	assert_int_equal(b->serial, serial);
	assert_true(b->committed && b->zeroed);
	assert_true(a->head && !b->head);
	assert_true(env_has_boundaries(a));
	assert_true(env_has_boundaries(b));
}

/* The front gets the new descriptor; what is left is the caller's to note. */
TEST(front)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_set_state(a, EXTENT_DIRTY);
	char *addr = a->addr;
	edata_t *front = extent_front(env, a, 3 * PAGE);
	assert_non_null(front);
	assert_int_equal(fake->last_size_a, 3 * PAGE);
	assert_ptr_equal(front->addr, addr);
	assert_int_equal(front->size, 3 * PAGE);
	assert_int_equal(edata_state(front), EXTENT_ACTIVE);
	assert_true(front->head && front->committed && front->zeroed);
	assert_int_equal(front->serial, a->serial);
	assert_true(env_has_boundaries(front));
	assert_ptr_equal(a->addr, addr);
	assert_int_equal(a->size, 10 * PAGE);
	fake->refuse[FAKE_SPLIT] = true;
	assert_null(extent_front(env, a, 3 * PAGE));
}

TEST(shift)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_t *b = extent_split(env, a, 3 * PAGE);
	b->head = true;
	b->serial = 0;
	b->zeroed = false;
	b->huge = true;
	char *addr = b->addr;
	b->addr = addr + 2 * PAGE;
	b->size -= 2 * PAGE;
	extent_shift(a, b, 2 * PAGE);
	assert_int_equal(a->size, 5 * PAGE);
	assert_int_equal(a->serial, 0);
	assert_true(a->huge && !a->zeroed && a->head && !b->head);
	assert_true(env_has_boundaries(a));
	assert_true(env_has_boundaries(b));
}

TEST(split_is_refused)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_t before = *a;
	fake->refuse[FAKE_SPLIT] = true;
	size_t nunused = fixture.edata_cache.nunused;
	assert_null(extent_split(env, a, PAGE));
	assert_memory_equal(a, &before, sizeof(before));
	assert_true(env_has_boundaries(a));
	assert_int_equal(fixture.edata_cache.nunused, nunused + 1);
	fake->table.split = NULL;
	assert_null(extent_split(env, a, PAGE));
	assert_memory_equal(a, &before, sizeof(before));
}

/* The hook is not even asked. */
TEST(split_without_descriptor)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	(void)env_exhaust_descriptors(&fixture);
	edata_t before = *a;
	assert_null(extent_split(env, a, PAGE));
	assert_int_equal(fake->ncalls[FAKE_SPLIT], 0);
	assert_memory_equal(a, &before, sizeof(before));
}

TEST(merge)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_t *b = extent_split(env, a, 4 * PAGE);
	a->serial = 9;
	b->serial = 5;
	b->zeroed = false;
	assert_true(extent_mergeable(env, a, b));
	assert_int_equal(extent_merge(env, a, b), ERR_NONE);
	assert_int_equal(fake->last_size_a, 4 * PAGE);
	assert_int_equal(a->size, 10 * PAGE);
	assert_int_equal(a->serial, 5);
	assert_false(a->zeroed);
	assert_true(a->head);
	assert_true(env_has_boundaries(a));
	assert_int_equal(edata_state(b), EXTENT_UNUSED);
	assert_int_equal(fixture.edata_cache.nunused, 1);
}

TEST(merge_is_refused)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_t *b = extent_split(env, a, 4 * PAGE);
	fake->refuse[FAKE_MERGE] = true;
	assert_int_equal(extent_merge(env, a, b), ERR_REFUSED);
	fake->table.merge = NULL;
	assert_int_equal(extent_merge(env, a, b), ERR_REFUSED);
	assert_int_equal(a->size, 4 * PAGE);
	assert_int_equal(b->size, 6 * PAGE);
	assert_true(env_has_boundaries(a));
	assert_true(env_has_boundaries(b));
}

/* Unlike neighbours stay apart. */
TEST(mergeable)
{
	env_setup(&fixture, 256);
	edata_t *a = env_extent(&fixture, 10);
	edata_t *b = extent_split(env, a, 4 * PAGE);
	assert_true(extent_mergeable(env, a, b));
	b->committed = false;
	assert_false(extent_mergeable(env, a, b));
	b->committed = true;
	b->dss = true;
	assert_false(extent_mergeable(env, a, b));
	b->dss = false;
	b->guarded = true;
	assert_false(extent_mergeable(env, a, b));
	b->guarded = false;
	a->guarded = true;
	assert_false(extent_mergeable(env, a, b));
	a->guarded = false;
	/* Two mappings of custom hooks, of which some are kept. */
	opt.retain = true;
	b->head = true;
	assert_false(extent_mergeable(env, a, b));
	opt.retain = false;
	assert_true(extent_mergeable(env, a, b));
}

TEST(commit)
{
	env_setup(&fixture, 256);
	edata_t *edata = env_extent(&fixture, 2);
	assert_int_equal(extent_commit(env, edata), ERR_NONE);
	assert_int_equal(fake->ncalls[FAKE_COMMIT], 0);
	fake->uncommitted = true;
	edata = extent_new(env, NULL, 2 * PAGE, PAGE, false, 1);
	fake->refuse[FAKE_COMMIT] = true;
	assert_int_equal(extent_commit(env, edata), ERR_REFUSED);
	assert_false(edata->committed);
	fake_hooks_obey(fake);
	assert_int_equal(extent_commit(env, edata), ERR_NONE);
	assert_true(edata->committed);
	memset(edata->addr, 1, edata->size);
}

TEST(purge_forced)
{
	env_setup(&fixture, 256);
	edata_t *edata = env_extent(&fixture, 2);
	char *addr = edata->addr;
	memset(addr, 1, edata->size);
	edata->zeroed = false;
	fake->refuse[FAKE_PURGE_FORCED] = true;
	assert_int_equal(extent_purge_forced(env, edata), ERR_REFUSED);
	assert_false(edata->zeroed);
	assert_int_equal(addr[0], 1);
	fake_hooks_obey(fake);
	assert_int_equal(extent_purge_forced(env, edata), ERR_NONE);
	assert_true(edata->zeroed);
	assert_int_equal(addr[0], 0);
}

TEST(unmap)
{
	env_setup(&fixture, 256);
	edata_t *edata = env_extent(&fixture, 6);
	char *addr = edata->addr;
	fake->refuse[FAKE_DALLOC] = true;
	assert_int_equal(extent_unmap(env, edata), ERR_REFUSED);
	assert_true(env_has_boundaries(edata));
	assert_int_equal(edata_state(edata), EXTENT_ACTIVE);
	fake_hooks_obey(fake);
	assert_int_equal(extent_unmap(env, edata), ERR_NONE);
	assert_int_equal(fake->npages_out, 0);
	assert_null(pagemap_extent(addr));
	assert_null(pagemap_extent(addr + 5 * PAGE));
	assert_int_equal(fixture.edata_cache.nunused, 1);
}

TEST(destroy)
{
	env_setup(&fixture, 256);
	edata_t *edata = env_extent(&fixture, 6);
	char *addr = edata->addr;
	extent_destroy(env, edata);
	assert_int_equal(fake->ncalls[FAKE_DESTROY], 1);
	assert_int_equal(fake->ncalls[FAKE_DALLOC], 0);
	assert_null(pagemap_extent(addr));
	/* Without the hook the memory is the application's. */
	edata = env_extent(&fixture, 6);
	fake->table.destroy = NULL;
	extent_destroy(env, edata);
	assert_int_equal(fake->npages_out, 6);
	assert_int_equal(fixture.edata_cache.nunused, 1);
}
