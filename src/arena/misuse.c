#include "arena/misuse.h"

#include "arena/bin_info.h"
#include "meta/pagemap.h"
#include "platform/fatal.h"

/* How far to look back for the extent around an address, in pages. */
#define LOOK_BACK_PAGES ((size_t)1 << 18)

/* The extent around any address, NULL when it is not in our memory. */
static edata_t *
extent_around(const void *ptr)
{
	uintptr_t addr = align_down((uintptr_t)ptr, PAGE);
	for (size_t i = 0; i < LOOK_BACK_PAGES && addr != 0; i++) {
		edata_t *edata = pagemap_extent((void *)addr);
		addr -= PAGE;
		if (edata == NULL || edata_state(edata) == EXTENT_UNUSED) {
			/* Inside of something, or a trace of the past. */
			continue;
		}
		if (edata_covers(edata, ptr)) {
			return edata;
		}
		if (edata_covers(edata, (void *)(addr + PAGE))) {
			/* The extent before ptr ends before ptr. */
			return NULL;
		}
	}
	return NULL;
}

static void
report_in_slab(const void *ptr, const edata_t *slab)
{
	const bin_info_t *info = &bin_infos[slab->cind - 1];
	size_t offset = (uintptr_t)ptr - edata_base(slab);
	size_t region = offset / info->reg_size;
	if (region * info->reg_size != offset) {
		fault("invalid pointer %p: %zu bytes into an object of %u "
		      "bytes at %p (arena %u)",
		    ptr, offset - region * info->reg_size, info->reg_size,
		    (void *)(edata_base(slab) + region * info->reg_size),
		    edata_arena_ind(slab));
		return;
	}
	misuse_report_double_free(ptr, info->reg_size, edata_arena_ind(slab));
}

void
misuse_report(const void *ptr)
{
	edata_t *edata = extent_around(ptr);
	if (edata == NULL) {
		fault("invalid pointer %p: not memory of this allocator", ptr);
		return;
	}
	if (edata_state(edata) != EXTENT_ACTIVE) {
		fault("double free or invalid pointer %p: it is in free "
		      "memory (arena %u)",
		    ptr, edata_arena_ind(edata));
		return;
	}
	if (edata->slab && edata->cind != 0) {
		report_in_slab(ptr, edata);
		return;
	}
	if (edata->user == ptr) {
		fault("invalid pointer %p: a large block in an unexpected "
		      "state (arena %u)",
		    ptr, edata_arena_ind(edata));
		return;
	}
	if (edata->user == NULL || edata->user == (const char *)ptr + 1) {
		misuse_report_double_free(ptr,
		    edata->usize != 0 ? edata->usize : edata->freed_usize,
		    edata_arena_ind(edata));
		return;
	}
	fault("invalid pointer %p: inside the block of %zu bytes at %p "
	      "(arena %u)",
	    ptr, edata->usize, (void *)((uintptr_t)edata->user & ~(uintptr_t)1),
	    edata_arena_ind(edata));
}

void
misuse_report_double_free(const void *ptr, size_t usize, unsigned arena_ind)
{
	fault("double free of pointer %p (size class %zu, arena %u)", ptr,
	    usize, arena_ind);
}

void
misuse_report_size(const void *ptr, size_t usize, size_t claimed_usize)
{
	fault("size mismatch detected (true size %zu vs input size %zu) when "
	      "freeing pointer %p, likely caused by application sized "
	      "deallocation bugs",
	    usize, claimed_usize, ptr);
}
