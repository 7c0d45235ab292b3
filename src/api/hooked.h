/*
 * hooked: entry points' calls told to the program's hooks (thread/hook.h).
 *
 * While hooks are installed every call comes through a slow path, which says
 * here what it did or is about to do.  Without hooks that is one test.
 */
#ifndef API_HOOKED_H
#define API_HOOKED_H

#include "api/alloc.h"
#include "thread/hook.h"

#define HOOK_ARGS(...) ((const uintptr_t[4]){__VA_ARGS__})

/* A block was allocated (or not: NULL). */
static inline void
hooked_alloc(hook_alloc_t type, void *ptr, const uintptr_t args[3])
{
	if (hook_any()) {
		hook_run_alloc(type, ptr, (uintptr_t)ptr, args);
	}
}

/* A block is about to be freed. */
static inline void
hooked_free(hook_dalloc_t type, void *ptr, const uintptr_t args[3])
{
	if (hook_any() && ptr != NULL) {
		hook_run_dalloc(type, ptr, args);
	}
}

/* What a resizing is called in each family. */
typedef struct {
	hook_alloc_t alloc;
	hook_dalloc_t dalloc;
	hook_expand_t expand;
} hooked_resize_t;

extern const hooked_resize_t hooked_realloc, hooked_rallocx;

/* alloc_resize(), in steps that are told; ptr may be NULL for realloc(). */
void *hooked_resize(void *ptr, size_t size, const alloc_spec_t *spec,
    const hooked_resize_t *types, const uintptr_t args[4]) COLD;

#endif
