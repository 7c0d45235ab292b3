/*
 * bin_info: the geometry of slabs, one constant record per slab class.
 *
 * A slab is a multiple of lcm(PAGE, class) close to a target: so long
 * that its descriptor is a small part of it, so short that it has a chance to
 * become empty.  Its pages are touched one at a time, lowest first, so that a
 * long slab costs address space, not memory.  Filled once at boot, constant
 * afterwards but for bin_info_shard(); the option slab_sizes overrides lengths.
 */
#ifndef ARENA_BIN_INFO_H
#define ARENA_BIN_INFO_H

#include "meta/edata.h"
#include "meta/size_class.h"

typedef struct {
	uint32_t reg_size;
	uint32_t nregs;
	uint32_t slab_size;
	uint32_t reciprocal; /* 2^32 / reg_size, rounded up */
	uint32_t nshards; /* bins of the class in arenas that have more */
	uint32_t lg_unit; /* see slab.h */
	uint32_t more; /* the second of them, in arena_t's `more` */
} bin_info_t;

extern bin_info_t bin_infos[SC_NBINS];
/* Bins beyond the first of their class, of all classes. */
extern unsigned bin_infos_nmore;

/*
 * Largest class whose regions are so short that neighbours, if other threads
 * write them, make these threads fight for lines.
 */
#define BIN_INFO_SHARED_MAX 128

void bin_info_boot(void);

/*
 * n bins for each class up to BIN_INFO_SHARED_MAX, before any arena has more
 * than one of a class (and only where the option bin_shards says nothing).
 */
void bin_info_shard(unsigned n);

/*
 * Number of the region that starts `offset` bytes into a slab of the class;
 * nregs or more when none starts there.
 */
static inline unsigned
bin_info_region(const bin_info_t *info, size_t offset)
{
	/* Exact for multiples of reg_size, as offset < 2^32 / reg_size * nregs. */
	unsigned region = (unsigned)((uint64_t)offset * info->reciprocal >> 32);
	return likely((size_t)region * info->reg_size == offset) ? region
								 : UINT32_MAX;
}

#endif
