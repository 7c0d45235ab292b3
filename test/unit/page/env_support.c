#include "env_support.h"

#include "support/harness.h"

#include "page/hooks_default.h"

#define META_NPAGES 2048

void
env_setup(env_fixture_t *fixture, size_t npages)
{
	hooks_default_boot();
	size_class_boot();
	fake_hooks_init(&fixture->fake, npages);
	fake_hooks_init(&fixture->meta, META_NPAGES);
	ehooks_init(&fixture->ehooks, &fixture->fake.table, ENV_ARENA);
	base_init(&fixture->base0, &fixture->meta.table, 0);
	edata_cache_init(&fixture->edata_cache, &fixture->base0);
	fixture->env = (extent_env_t){
	    .ehooks = &fixture->ehooks,
	    .edata_cache = &fixture->edata_cache,
	    .base0 = &fixture->base0,
	    .arena_ind = ENV_ARENA,
	};
}

edata_t *
env_exhaust_descriptors(env_fixture_t *fixture)
{
	edata_t *last = edata_cache_get(&fixture->edata_cache);
	fixture->meta.refuse[FAKE_ALLOC] = true;
	edata_t *edata;
	while ((edata = edata_cache_get(&fixture->edata_cache)) != NULL) {
		last = edata;
	}
	return last;
}

edata_t *
env_extent(env_fixture_t *fixture, size_t npages)
{
	static uint64_t serial;
	edata_t *edata = extent_new(&fixture->env, NULL, npages * PAGE, PAGE,
	    true, serial++);
	assert_non_null(edata);
	return edata;
}

bool
env_has_boundaries(edata_t *edata)
{
	return pagemap_extent(edata->addr) == edata &&
	    pagemap_extent((char *)edata_end(edata) - 1) == edata;
}
