#include "arena/slab.h"

#include <string.h>

#include "platform/assert.h"

_Static_assert(sizeof(slab_units_t) * 8 == SLAB_UNITS_MAX, "a bit for each");
_Static_assert(sizeof(slab_holes_t) == 8, "no more than the pointer's room");

typedef struct {
	uint64_t words[SLAB_MAP_WORDS];
} region_map_t;

/* First address of unit `i`, below the slab's first one perhaps. */
static uintptr_t
unit_start(const edata_t *slab, const bin_info_t *info, unsigned i)
{
	return align_down(edata_base(slab), (size_t)1 << info->lg_unit) +
	    ((uintptr_t)i << info->lg_unit);
}

/* Set the bits of all regions that touch [start, end) of the slab. */
static void
map_add(region_map_t *map, const bin_info_t *info, size_t start, size_t end)
{
	unsigned first = (unsigned)(start / info->reg_size);
	unsigned last = (unsigned)((end - 1) / info->reg_size);
	last = last < info->nregs ? last : info->nregs - 1;
	for (unsigned i = first; i <= last;) {
		unsigned n = 64 - i % 64;
		n = n <= last - i ? n : last - i + 1;
		map->words[i / 64] |= ~(uint64_t)0 >> (64 - n) << i % 64;
		i += n;
	}
}

/* All regions that touch a unit of the set. */
static void
map_of_units(region_map_t *map, const edata_t *slab, const bin_info_t *info,
    slab_units_t units)
{
	memset(map, 0, sizeof(*map));
	while (units != 0) {
		size_t length;
		size_t start = slab_next_run(slab, info, &units, &length);
		map_add(map, info, start, start + length);
	}
}

static void
count_hidden(edata_t *slab, const bin_info_t *info)
{
	region_map_t map;
	unsigned n = 0;
	map_of_units(&map, slab, info, slab->holes.purged);
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		n += bits_popcount64(map.words[word] & slab->free_map[word]);
	}
	slab_holes_set(&slab->holes.nhidden, n);
}

void
slab_init(edata_t *slab, const bin_info_t *info)
{
	memset(slab->free_map, 0, sizeof(slab->free_map));
	for (unsigned word = 0; word < info->nregs / 64; word++) {
		slab->free_map[word] = ~(uint64_t)0;
	}
	if (info->nregs % 64 != 0) {
		slab->free_map[info->nregs / 64] = ((uint64_t)1
						       << info->nregs % 64) -
		    1;
	}
	slab->nfree = (uint16_t)info->nregs;
	memset(&slab->holes, 0, sizeof(slab->holes));
}

/*
 * Regions by the bits of a word, lowest first, up to `end`; returns behind the
 * last one.  What was taken is taken out of *word.
 */
static inline void **
take_word(uint64_t *word, uintptr_t start, size_t reg_size, void **regs,
    void **end)
{
	uint64_t bits = *word;
	unsigned first = bits_ctz64(bits);
	uintptr_t reg = start + first * reg_size;
	if (bits + (bits & -bits) == 0) {
		/* All from the first one on. */
		size_t n = 64 - first;
		n = n < (size_t)(end - regs) ? n : (size_t)(end - regs);
		for (end = regs + n; regs != end; reg += reg_size) {
			*regs++ = (void *)reg;
		}
		size_t next = first + n;
		*word = next == 64 ? 0 : bits >> next << next;
		return regs;
	}
	do {
		*regs++ = (void *)(start + bits_ctz64(bits) * reg_size);
		bits &= bits - 1;
	} while (bits != 0 && regs != end);
	*word = bits;
	return regs;
}

/* Reserve up to n free regions of a slab in its map, whole words at a time. */
static unsigned
take_any(edata_t *slab, const bin_info_t *info, void **regs, unsigned n)
{
	size_t reg_size = info->reg_size;
	uintptr_t start = edata_base(slab);
	void **to = regs, **end = regs + n;
	unsigned nwords = (info->nregs + 63) / 64;
	for (unsigned word = 0; word < nwords && to != end; word++) {
		if (slab->free_map[word] != 0) {
			to = take_word(&slab->free_map[word], start, reg_size,
			    to, end);
		}
		start += 64 * reg_size;
	}
	unsigned taken = (unsigned)(to - regs);
	slab->nfree = (uint16_t)(slab->nfree - taken);
	return taken;
}

static NOINLINE unsigned
take_around_hidden(edata_t *slab, const bin_info_t *info, void **regs,
    unsigned n)
{
	region_map_t hidden;
	map_of_units(&hidden, slab, info, slab->holes.purged);
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		hidden.words[word] &= slab->free_map[word];
		slab->free_map[word] ^= hidden.words[word];
	}
	unsigned taken = take_any(slab, info, regs, n);
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		slab->free_map[word] |= hidden.words[word];
	}
	return taken;
}

unsigned
slab_take(edata_t *slab, const bin_info_t *info, void **regs, unsigned n)
{
	if (unlikely(slab->holes.seen != 0)) {
		slab_holes_set(&slab->holes.seen, 0);
	}
	if (unlikely(slab->holes.purged != 0)) {
		return take_around_hidden(slab, info, regs, n);
	}
	return take_any(slab, info, regs, n);
}

/* The units that a region touches. */
static slab_units_t
units_of_region(const edata_t *slab, const bin_info_t *info, unsigned region)
{
	uintptr_t origin = unit_start(slab, info, 0);
	uintptr_t start = edata_base(slab) + (size_t)region * info->reg_size;
	unsigned first = (unsigned)((start - origin) >> info->lg_unit);
	unsigned last = (unsigned)((start + info->reg_size - 1 - origin) >>
	    info->lg_unit);
	return (slab_units_t)(((uint32_t)2 << last) - ((uint32_t)1 << first));
}

void
slab_reveal(edata_t *slab, const bin_info_t *info)
{
	region_map_t hidden;
	assert(slab->holes.nhidden != 0);
	map_of_units(&hidden, slab, info, slab->holes.purged);
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		uint64_t bits = hidden.words[word] & slab->free_map[word];
		if (bits != 0) {
			unsigned region = word * 64 + bits_ctz64(bits);
			slab_holes_set(&slab->holes.purged,
			    slab->holes.purged &
				~units_of_region(slab, info, region));
			break;
		}
	}
	count_hidden(slab, info);
}

static bool
map_includes(const uint64_t *outer, const region_map_t *inner)
{
	uint64_t missing = 0;
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		missing |= inner->words[word] & ~outer[word];
	}
	return missing == 0;
}

slab_units_t
slab_free_units(const edata_t *slab, const bin_info_t *info)
{
	slab_units_t units = 0;
	size_t length = (size_t)1 << info->lg_unit;
	size_t used_size = (size_t)info->nregs * info->reg_size;
	uintptr_t base = edata_base(slab);
	if (slab_is_used_up(slab)) {
		return 0;
	}
	for (unsigned i = 0; i < SLAB_UNITS_MAX; i++) {
		uintptr_t start = unit_start(slab, info, i);
		region_map_t map = {{0}};
		if (start < base || (slab->holes.purged & 1u << i) != 0) {
			continue;
		}
		/* What is behind the last region was never touched. */
		if (start + length > base + slab->size ||
		    start >= base + used_size) {
			break;
		}
		map_add(&map, info, start - base, start - base + length);
		if (map_includes(slab->free_map, &map)) {
			units |= (slab_units_t)(1u << i);
		}
	}
	return units;
}

void
slab_reserve(edata_t *slab, const bin_info_t *info, slab_units_t units)
{
	region_map_t map;
	unsigned n = 0;
	map_of_units(&map, slab, info, units);
	assert(map_includes(slab->free_map, &map));
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		n += bits_popcount64(map.words[word]);
		slab->free_map[word] &= ~map.words[word];
	}
	slab->nfree = (uint16_t)(slab->nfree - n);
	count_hidden(slab, info);
}

void *
slab_restore(edata_t *slab, const bin_info_t *info, slab_units_t units,
    bool purged)
{
	region_map_t map;
	void *twice = NULL;
	unsigned n = 0;
	map_of_units(&map, slab, info, units);
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		uint64_t bits = map.words[word] & ~slab->free_map[word];
		uint64_t already = map.words[word] & slab->free_map[word];
		if (unlikely(already != 0)) {
			twice = (char *)slab->addr +
			    (size_t)(word * 64 + bits_ctz64(already)) *
				info->reg_size;
		}
		n += bits_popcount64(bits);
		slab->free_map[word] |= bits;
	}
	slab->nfree = (uint16_t)(slab->nfree + n);
	if (purged) {
		slab_holes_set(&slab->holes.purged, slab->holes.purged | units);
	}
	count_hidden(slab, info);
	return twice;
}

size_t
slab_next_run(const edata_t *slab, const bin_info_t *info, slab_units_t *units,
    size_t *length)
{
	uint64_t bits = *units;
	assert(bits != 0);
	unsigned first = bits_ctz64(bits);
	unsigned n = bits_ctz64(~(bits >> first));
	*units = (slab_units_t)(bits & ~((((uint64_t)1 << n) - 1) << first));
	*length = (size_t)n << info->lg_unit;
	return unit_start(slab, info, first) - edata_base(slab);
}

bool
slab_verify(const edata_t *slab, unsigned szind)
{
	const bin_info_t *info = &bin_infos[szind];
	edata_t copy = *slab;
	unsigned nfree = 0;
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		nfree += bits_popcount64(slab->free_map[word]);
	}
	if (nfree != slab->nfree || !slab->slab ||
	    slab->cind != cind_of_small(szind) ||
	    slab->size != info->slab_size ||
	    edata_state(slab) != EXTENT_ACTIVE) {
		return false;
	}
	count_hidden(&copy, info);
	return copy.holes.nhidden == slab->holes.nhidden &&
	    (slab->holes.seen & slab->holes.purged) == 0;
}
