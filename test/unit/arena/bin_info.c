#include "arena/bin_info.h"

#include "support/harness.h"

#include "meta/options.h"

static void
boot(void)
{
	size_class_boot();
	bin_info_boot();
}

/* Slabs are whole pages with room for the regions that the map can hold. */
TEST(geometry)
{
	boot();
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		const bin_info_t *info = &bin_infos[szind];
		assert_int_equal(info->reg_size, szind_size(szind));
		assert_true(info->slab_size > 0);
		assert_int_equal(info->slab_size % PAGE, 0);
		assert_in_range(info->nregs, 1, SLAB_REGS_MAX);
		/* Nothing is left over. */
		assert_int_equal(info->nregs * info->reg_size, info->slab_size);
	}
}

/* Every offset, in and between regions. */
TEST(region_of_an_offset)
{
	boot();
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		const bin_info_t *info = &bin_infos[szind];
		for (size_t offset = 0; offset < info->slab_size; offset++) {
			unsigned region = bin_info_region(info, offset);
			if (offset % info->reg_size == 0) {
				assert_int_equal(region,
				    offset / info->reg_size);
			} else {
				assert_true(region >= info->nregs);
			}
		}
	}
}

static void
set_slab_pages(uint32_t lo, uint32_t hi, uint32_t npages)
{
	opt.slab_sizes.count = 0;
	assert_true(
	    opt_ranges_add(&opt.slab_sizes, (opt_range_t){lo, hi, npages}));
	boot();
}

/* The option sets pages; what is left over at the end is not used. */
/* Short where a slab is often free as a whole, long where it never is. */
TEST(slab_sizes)
{
	static const size_t sizes[][2] = {{8, 1}, {64, 8}, {256, 8}, {320, 5},
	    {384, 3}, {1024, 2}, {2048, 2}, {3072, 3}, {4096, 2}, {5120, 5},
	    {6144, 6}, {8192, 4}, {14336, 7}};
	size_class_boot();
	bin_info_boot();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(bin_infos[szind_of(sizes[i][0])].slab_size,
		    sizes[i][1] * PAGE);
	}
}

TEST(slab_sizes_option)
{
	set_slab_pages(48, 96, 2);
	assert_int_equal(bin_infos[3].slab_size, 2 * PAGE);
	assert_int_equal(bin_infos[3].nregs, 170);
	assert_int_equal(bin_infos[6].slab_size, 2 * PAGE);
	assert_int_equal(bin_infos[6].nregs, 85);
	assert_int_equal(bin_info_region(&bin_infos[3], 169 * 48), 169);
	assert_true(bin_info_region(&bin_infos[3], 170 * 48) >= 170);
	/* Neighbours are as they were. */
	assert_int_equal(bin_infos[2].slab_size,
	    bin_infos[2].nregs * bin_infos[2].reg_size);
	uint32_t slab_size = bin_infos[7].slab_size;
	set_slab_pages(48, 48, 2);
	assert_int_equal(bin_infos[7].slab_size, slab_size);
}

/* At least one region, at most what the map can hold. */
TEST(slab_sizes_are_clamped)
{
	set_slab_pages(1, 14336, 0);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		assert_int_equal(bin_infos[szind].slab_size,
		    align_up(szind_size(szind), PAGE));
		assert_true(bin_infos[szind].nregs >= 1);
	}
	set_slab_pages(1, 14336, 100000);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		assert_in_range(bin_infos[szind].nregs, 1, SLAB_REGS_MAX);
	}
	assert_int_equal(bin_infos[0].slab_size, PAGE);
}
