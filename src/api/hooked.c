#include "api/hooked.h"

#include <string.h>

const hooked_resize_t hooked_realloc = {HOOK_REALLOC, HOOK_FREE_BY_REALLOC,
    HOOK_EXPAND_BY_REALLOC};
const hooked_resize_t hooked_rallocx = {HOOK_RALLOCX, HOOK_FREE_BY_RALLOCX,
    HOOK_EXPAND_BY_RALLOCX};

/* Where it is: is the block as large as it has to be now? */
static bool
resize_in_place(void *ptr, size_t size, const alloc_spec_t *spec)
{
	size_t usize = spec->alignment <= 1
	    ? size_class_usize(size)
	    : size_class_aligned_usize(size, spec->alignment);
	return usize != 0 && is_aligned((uintptr_t)ptr, spec->alignment) &&
	    alloc_resize_in_place(ptr, size, 0, spec->alignment, spec->zero) ==
	    usize;
}

void *
hooked_resize(void *ptr, size_t size, const alloc_spec_t *spec,
    const hooked_resize_t *types, const uintptr_t args[4])
{
	size_t old_usize = alloc_usable_size(ptr);
	if (ptr != NULL && resize_in_place(ptr, size, spec)) {
		hook_run_expand(types->expand, ptr, old_usize,
		    alloc_usable_size(ptr), (uintptr_t)ptr, args);
		return ptr;
	}
	void *fresh = alloc_general(size, spec);
	hook_run_alloc(types->alloc, fresh, (uintptr_t)fresh, args);
	if (fresh == NULL || ptr == NULL) {
		return fresh;
	}
	size_t usize = alloc_usable_size(fresh);
	memcpy(fresh, ptr, old_usize < usize ? old_usize : usize);
	hook_run_dalloc(types->dalloc, ptr, args);
	alloc_free_into(ptr, spec->uncached ? ALLOC_NO_CACHE : spec->cache);
	return fresh;
}
