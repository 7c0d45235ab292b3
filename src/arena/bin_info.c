#include "arena/bin_info.h"

#include "platform/pages.h"

/*
 * Lengths to come close to.  Of the smallest objects some always survive, so
 * that their slabs may as well be long; of those of a part of a page a short
 * slab is often free as a whole, and then serves other sizes.  Beyond a page it
 * would hold one or two and come and go with them.
 */
#define SLAB_TARGET_TINY ((size_t)32 << 10)
#define SLAB_TARGET_MIDDLE ((size_t)8 << 10)
#define SLAB_TARGET ((size_t)16 << 10)
#define SLAB_TINY_MAX 256
#define SLAB_MIDDLE_MAX PAGE

bin_info_t bin_infos[SC_NBINS];
unsigned bin_infos_nmore;

/* Shortest length that the class divides: lcm(PAGE, size). */
static size_t
slab_unit(size_t size)
{
	unsigned lg_size = bits_ctz64(size);
	return lg_size >= LG_PAGE ? size : size << (LG_PAGE - lg_size);
}

static size_t
slab_size_default(size_t size)
{
	size_t unit = slab_unit(size);
	size_t target = size <= SLAB_TINY_MAX ? SLAB_TARGET_TINY
	    : size <= SLAB_MIDDLE_MAX         ? SLAB_TARGET_MIDDLE
					      : SLAB_TARGET;
	size_t slab = unit;
	while (slab < target && (slab + unit) / size <= SLAB_REGS_MAX) {
		slab += unit;
	}
	return slab;
}

static size_t
slab_size_of(size_t size, size_t below)
{
	uint32_t value;
	if (!opt_ranges_find(&opt.slab_sizes, size, below, &value)) {
		return slab_size_default(size);
	}
	size_t npages = value;
	size_t min = align_up(size, PAGE) >> LG_PAGE;
	size_t max = (SLAB_REGS_MAX * size) >> LG_PAGE;
	npages = npages < min ? min : npages > max ? max : npages;
	return npages << LG_PAGE;
}

/*
 * Whole kernel pages, and so few of them that a mask has a bit for each.  Those
 * that are longer than a page need not begin where the slab does.
 */
BOOT static unsigned
lg_unit_of(size_t slab)
{
	unsigned lg = (unsigned)bits_ctz64(os_page_size);
	while ((slab >> lg) + (lg == LG_PAGE ? 0 : 2) > SLAB_UNITS_MAX) {
		lg++;
	}
	return lg;
}

static void
set_nshards(bin_info_t *info, uint32_t nshards)
{
	info->nshards = nshards;
	info->more = bin_infos_nmore;
	bin_infos_nmore += nshards - 1;
}

void
bin_info_shard(unsigned n)
{
	bin_infos_nmore = 0;
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_info_t *info = &bin_infos[szind];
		set_nshards(info,
		    info->reg_size <= BIN_INFO_SHARED_MAX ? n : 1);
	}
}

BOOT void
bin_info_boot(void)
{
	size_t below = 0;
	bin_infos_nmore = 0;
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_info_t *info = &bin_infos[szind];
		size_t size = szind_size(szind);
		size_t slab = slab_size_of(size, below);
		uint32_t nshards = 1;
		(void)!opt_ranges_find(&opt.bin_shards, size, below, &nshards);
		set_nshards(info, nshards);
		below = size;
		info->reg_size = (uint32_t)size;
		info->slab_size = (uint32_t)slab;
		info->nregs = (uint32_t)(slab / size);
		info->lg_unit = lg_unit_of(slab);
		info->reciprocal = (uint32_t)((((uint64_t)1 << 32) + size - 1) /
		    size);
	}
}
