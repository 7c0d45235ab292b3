/*
 * hook: functions of the program that see every allocation, deallocation and
 * resizing (mallctl experimental.hooks.install).
 *
 * While any are installed, all threads are watched (thread/tsd.h), so that
 * every call comes through the slow paths, which ask hook_any().  A thread that
 * runs when the first ones are installed notices it at its next slow operation.
 *
 * Hooks run as foreign code: what they allocate is not seen by hooks.
 *
 * Locking: slots are taken and given up by atomic versions; a hook may still
 * run in another thread when it has been removed.
 */
#ifndef THREAD_HOOK_H
#define THREAD_HOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/compiler.h"

typedef enum {
	HOOK_MALLOC,
	HOOK_POSIX_MEMALIGN,
	HOOK_ALIGNED_ALLOC,
	HOOK_CALLOC,
	HOOK_MEMALIGN,
	HOOK_VALLOC,
	HOOK_PVALLOC,
	HOOK_MALLOCX,
	HOOK_REALLOC,
	HOOK_RALLOCX
} hook_alloc_t;

typedef enum {
	HOOK_FREE,
	HOOK_DALLOCX,
	HOOK_SDALLOCX,
	HOOK_FREE_BY_REALLOC,
	HOOK_FREE_BY_RALLOCX
} hook_dalloc_t;

typedef enum {
	HOOK_EXPAND_BY_REALLOC,
	HOOK_EXPAND_BY_RALLOCX,
	HOOK_EXPAND_BY_XALLOCX
} hook_expand_t;

/* What the program hands over; any function may be NULL. */
typedef struct {
	void (*alloc)(void *extra, int type, void *result, uintptr_t raw,
	    uintptr_t args[3]);
	void (*dalloc)(void *extra, int type, void *addr, uintptr_t args[3]);
	void (*expand)(void *extra, int type, void *addr, size_t old_usize,
	    size_t new_usize, uintptr_t raw, uintptr_t args[4]);
	void *extra;
} hook_t;

/* A handle; NULL: all places are taken. */
void *hook_install(const hook_t *hook);
void hook_remove(void *handle);

extern _Atomic unsigned hook_count;

static inline bool
hook_any(void)
{
	return unlikely(
	    atomic_load_explicit(&hook_count, memory_order_relaxed) != 0);
}

/* Call the hooks; args: those of the call, in its order. */
void hook_run_alloc(hook_alloc_t type, void *result, uintptr_t raw,
    const uintptr_t args[3]) COLD;
void
hook_run_dalloc(hook_dalloc_t type, void *addr, const uintptr_t args[3]) COLD;
void hook_run_expand(hook_expand_t type, void *addr, size_t old_usize,
    size_t new_usize, uintptr_t raw, const uintptr_t args[4]) COLD;

#endif
