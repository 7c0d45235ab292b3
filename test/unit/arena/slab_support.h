/*
 * slab_support: slabs of four pages for classes that divide a page, so that
 * what tests say of pages and regions does not depend on how long slabs are.
 * A test that has set lengths of its own gets those.
 */
#ifndef TEST_UNIT_ARENA_SLAB_SUPPORT_H
#define TEST_UNIT_ARENA_SLAB_SUPPORT_H

#include "arena/bin_info.h"
#include "meta/options.h"

static inline void
slab_boot(void)
{
	if (opt.slab_sizes.count == 0) {
		opt.slab_sizes = (opt_ranges_t){.count = 4,
		    .range = {{512, 512, 4}, {1024, 1024, 4}, {2048, 2048, 4},
			{4096, 4096, 4}}};
	}
	bin_info_boot();
}

#endif /* TEST_UNIT_ARENA_SLAB_SUPPORT_H */
