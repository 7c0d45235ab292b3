/*
 * env_support: an arena's environment for tests of extents, on fake hooks.
 *
 * Extents come from one pool, descriptors and page map from another, so that
 * either can run out.
 */
#ifndef TEST_UNIT_PAGE_ENV_SUPPORT_H
#define TEST_UNIT_PAGE_ENV_SUPPORT_H

#include "meta/size_class.h"
#include "page/extent.h"
#include "support/fake_hooks.h"

#define ENV_ARENA 7

typedef struct {
	fake_hooks_t fake; /* of extents */
	fake_hooks_t meta; /* of descriptors and page map */
	ehooks_t ehooks;
	base_t base0;
	edata_cache_t edata_cache;
	extent_env_t env;
} env_fixture_t;

/* npages: of the pool of extents. */
void env_setup(env_fixture_t *fixture, size_t npages);

/* Use up all descriptors; returns the last one for a second life. */
edata_t *env_exhaust_descriptors(env_fixture_t *fixture);

/* A new ACTIVE extent, committed. */
edata_t *env_extent(env_fixture_t *fixture, size_t npages);

/* First and last page of an extent point to it. */
bool env_has_boundaries(edata_t *edata);

#endif /* TEST_UNIT_PAGE_ENV_SUPPORT_H */
