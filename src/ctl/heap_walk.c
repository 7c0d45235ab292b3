#include "ctl/heap_walk.h"

#include "arena/bin_info.h"
#include "meta/pagemap.h"
#include "meta/size_class.h"

/* Others write meanwhile: each word is read once, and then judged. */
#define SEEN(lvalue) (*(const volatile __typeof__(lvalue) *)&(lvalue))

#define RACES __attribute__((no_sanitize("thread")))

RACES static bool
read_slab(const edata_t *edata, heap_range_t *range)
{
	unsigned cind = SEEN(edata->cind);
	if (cind == 0 || !cind_is_small(cind)) {
		return false;
	}
	const bin_info_t *info = &bin_infos[cind - 1];
	range->szind = cind - 1;
	range->nfree = SEEN(edata->nfree);
	range->purged = (size_t)bits_popcount64(SEEN(edata->holes.purged))
	    << info->lg_unit;
	for (unsigned i = 0; i < SLAB_MAP_WORDS; i++) {
		range->free_map[i] = SEEN(edata->free_map[i]);
	}
	return range->nfree <= info->nregs && range->size == info->slab_size;
}

RACES static heap_kind_t
read_active(const edata_t *edata, heap_range_t *range)
{
	if (edata->slab) {
		return read_slab(edata, range) ? HEAP_SLAB : HEAP_KEPT;
	}
	uintptr_t user = (uintptr_t)SEEN(edata->user);
	bool cached = (user & 1) != 0;
	range->usize = SEEN(edata->usize);
	range->user = (user & ~(uintptr_t)1) - range->start;
	if (user == 0 || range->user >= range->size) {
		return HEAP_KEPT;
	}
	return cached ? HEAP_CACHED : HEAP_LARGE;
}

/* The extent that starts at `addr`; false: none does. */
RACES static bool
read_extent(uintptr_t addr, heap_range_t *range)
{
	const edata_t *edata = pagemap_extent((void *)addr);
	if (edata == NULL || (uintptr_t)SEEN(edata->addr) != addr) {
		return false;
	}
	uint32_t owner = edata_owner(edata);
	range->start = addr;
	range->size = SEEN(edata->size);
	range->arena_ind = edata_word_arena_ind(owner);
	if (range->size < PAGE || !is_aligned(range->size, PAGE) ||
	    range->size > UINTPTR_MAX - addr) {
		return false;
	}
	switch (owner & 0xff) {
	case EXTENT_ACTIVE:
		range->kind = read_active(edata, range);
		return true;
	case EXTENT_DIRTY:
		range->kind = HEAP_DIRTY;
		return true;
	case EXTENT_MUZZY:
		range->kind = HEAP_MUZZY;
		return true;
	case EXTENT_RETAINED:
		range->kind = HEAP_RETAINED;
		return true;
	default:
		return false;
	}
}

/* Is the page, which belongs to no extent, beside one that is guarded? */
RACES static bool
is_guard(uintptr_t addr)
{
	const edata_t *next = pagemap_extent((void *)(addr + PAGE));
	const edata_t *before = pagemap_extent((void *)(addr - PAGE));
	return (next != NULL && next->guarded &&
		   (uintptr_t)SEEN(next->addr) == addr + PAGE) ||
	    (before != NULL && before->guarded &&
		(uintptr_t)SEEN(before->addr) + SEEN(before->size) == addr);
}

/* Is the address in a window of the page map where something else is? */
static bool
continues(uintptr_t addr, const heap_range_t *before)
{
	return addr % ((uintptr_t)1 << PAGEMAP_LG_WINDOW) != 0 &&
	    before->size != 0 && before->start + before->size == addr;
}

bool
heap_walk_next(uintptr_t *at, uintptr_t end, heap_range_t *range)
{
	uintptr_t addr = *at;
	bool known = continues(addr, range);
	for (; addr < end; addr += PAGE) {
		if (!known && (addr = pagemap_known(addr, end)) >= end) {
			break;
		}
		bool found = read_extent(addr, range);
		if (!found && is_guard(addr)) {
			*range = (heap_range_t){.start = addr,
			    .size = PAGE,
			    .kind = HEAP_GUARD};
			found = true;
		}
		if (found) {
			*at = addr + range->size;
			return true;
		}
		known = false;
	}
	*at = end;
	return false;
}
