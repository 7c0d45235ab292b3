#include "ctl/inspect.h"

#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "ctl_support.h"

static char *
region(size_t size)
{
	void *reg;
	bool contended;
	assert_int_equal(arena_fill(arenas_get(0), szind_of(size), 0, &reg, 1,
			     &contended),
	    1);
	return reg;
}

TEST(small_blocks)
{
	ctl_setup();
	char *p = region(100);
	const bin_info_t *info = &bin_infos[szind_of(100)];
	for (size_t offset = 0; offset < 112; offset += 37) {
		inspect_usage_t usage = inspect_usage(p + offset);
		assert_ptr_equal(usage.slabcur, pagemap_extent(p)->addr);
		assert_int_equal(usage.size, info->slab_size);
		assert_int_equal(usage.nregs, info->nregs);
		assert_int_equal(usage.nfree, info->nregs - 1);
		assert_int_equal(usage.bin_nregs, info->nregs);
		assert_int_equal(usage.bin_nfree, info->nregs - 1);
	}
}

TEST(large_blocks)
{
	uint64_t prng = 1;
	ctl_setup();
	char *p = large_alloc(arenas_get(0), 1 << 20, 1 << 20, 1, false, &prng);
	inspect_usage_t usage = inspect_usage(p);
	assert_int_equal(usage.nregs, 1);
	assert_int_equal(usage.nfree, 0);
	assert_true(usage.size >= 1 << 20);
	assert_null(usage.slabcur);
}

TEST(memory_of_others)
{
	static const inspect_usage_t none;
	int local;
	unsigned ind;
	ctl_setup();
	(void)region(100);
	const void *const others[] = {NULL, &local, &none, (void *)1,
	    (void *)UINTPTR_MAX, (void *)((uintptr_t)1 << 63)};
	for (unsigned i = 0; i < 6; i++) {
		inspect_usage_t usage = inspect_usage(others[i]);
		assert_memory_equal(&usage, &none, sizeof(none));
		assert_false(inspect_arena(others[i], &ind));
	}
}

TEST(arena_of_an_address)
{
	unsigned ind = 99;
	ctl_setup();
	char *p = region(100);
	assert_true(inspect_arena(p, &ind));
	assert_int_equal(ind, 0);
	void *ptr = p;
	size_t length = sizeof(ind);
	ind = 99;
	assert_int_equal(ctl_by_name("arenas.lookup", &ind, &length, &ptr,
			     sizeof(ptr)),
	    0);
	assert_int_equal(ind, 0);
	ptr = &ptr;
	assert_int_equal(ctl_by_name("arenas.lookup", &ind, &length, &ptr,
			     sizeof(ptr)),
	    EINVAL);
}

TEST(by_name)
{
	ctl_setup();
	void *ptrs[2] = {region(100), &ptrs};
	inspect_usage_t usage;
	size_t length = sizeof(usage);
	assert_int_equal(ctl_by_name("experimental.utilization.query", &usage,
			     &length, &ptrs[0], sizeof(void *)),
	    0);
	inspect_usage_t direct = inspect_usage(ptrs[0]);
	assert_memory_equal(&usage, &direct, sizeof(usage));
	size_t out[6];
	length = sizeof(out);
	assert_int_equal(ctl_by_name("experimental.utilization.batch_query",
			     out, &length, ptrs, sizeof(ptrs)),
	    0);
	assert_int_equal(out[0], usage.nfree);
	assert_int_equal(out[1], usage.nregs);
	assert_int_equal(out[2], usage.size);
	assert_int_equal(out[3] + out[4] + out[5], 0);
	length = 7;
	assert_int_equal(ctl_by_name("experimental.utilization.batch_query",
			     out, &length, ptrs, sizeof(ptrs)),
	    EINVAL);
}
