/*
 * slab: the regions and the pages of one slab, and which lie in which.
 *
 * The memory of a slab in use can go back to the system in part.  The parts
 * are units, mostly one page each (longer where the kernel's pages are, or
 * where a slab has more than SLAB_UNITS_MAX), at addresses that are multiples
 * of their length.  A unit is free when it lies inside the slab as a whole and
 * no region that touches it is in use.
 *
 * A free region that touches a purged unit is hidden: free like any other to
 * who looks at `free_map` and `nfree`, but taken only when nothing else is
 * left, because touching it costs a page fault.  `nhidden` counts them.
 *
 * While a unit is being purged, without a lock, its regions are reserved: not
 * free, so that nobody gets them, nor the slab.
 *
 * Locking: none; the caller has the lock of the slab's bin.
 *
 * Not for: which slab is used next (bin.h), when to purge (holes.h).
 */
#ifndef ARENA_SLAB_H
#define ARENA_SLAB_H

#include "arena/bin_info.h"

/* Bits for units, that of the lowest address first. */
typedef uint16_t slab_units_t;

/* All regions are free, none is hidden. */
void slab_init(edata_t *slab, const bin_info_t *info);

static inline bool
slab_is_empty(const edata_t *slab, const bin_info_t *info)
{
	return slab->nfree == info->nregs;
}

/* Nothing can be taken without touching what was purged. */
static inline bool
slab_is_used_up(const edata_t *slab)
{
	return slab->nfree == slab->holes.nhidden;
}

/*
 * Take up to n free regions that are not hidden, lowest address first; returns
 * how many there were.
 */
unsigned
slab_take(edata_t *slab, const bin_info_t *info, void **regs, unsigned n);

/*
 * The lowest hidden region, and others in the same units, are hidden no more:
 * they will be used.  There must be one.
 */
void slab_reveal(edata_t *slab, const bin_info_t *info);

/* Units that are free and not purged; none where the slab is used up. */
slab_units_t slab_free_units(const edata_t *slab, const bin_info_t *info);

/* The regions of free units are not free for now. */
void slab_reserve(edata_t *slab, const bin_info_t *info, slab_units_t units);

/*
 * They are free again, and hidden if the units were `purged`.  Returns one that
 * was already: somebody freed what was free.  NULL: none.
 */
void *slab_restore(edata_t *slab, const bin_info_t *info, slab_units_t units,
    bool purged);

/*
 * The first run of neighbours among `units`, which is taken out of the set: its
 * place in the slab.
 */
size_t slab_next_run(const edata_t *slab, const bin_info_t *info,
    slab_units_t *units, size_t *length);

/* Whether counts and maps fit together. */
bool slab_verify(const edata_t *slab, unsigned szind);

#endif
