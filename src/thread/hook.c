#include "thread/hook.h"

#include <string.h>

#include "meta/thr.h"
#include "thread/thread_event.h"
#include "thread/tsd.h"

#define NHOOKS 4

/* Odd version: installed. */
typedef struct {
	_Atomic unsigned version;
	_Atomic(void *) words[sizeof(hook_t) / sizeof(void *)];
} slot_t;

static slot_t slots[NHOOKS];
_Atomic unsigned hook_count;

/* Have this thread, and later the others, watched or not as is wanted now. */
static void
tell_threads(void)
{
	tsd_rewatch();
	thread_event_poke_all();
}

void *
hook_install(const hook_t *hook)
{
	void *words[sizeof(hook_t) / sizeof(void *)];
	memcpy(words, hook, sizeof(words));
	/* The list's lock keeps two installers apart. */
	(void)tsd_list_lock();
	slot_t *slot = slots;
	while (slot < slots + NHOOKS &&
	    (atomic_load_explicit(&slot->version, memory_order_relaxed) & 1) !=
		0) {
		slot++;
	}
	if (slot == slots + NHOOKS) {
		slot = NULL;
	} else {
		for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
			atomic_store_explicit(&slot->words[i], words[i],
			    memory_order_relaxed);
		}
		/* Pairs with the acquire in slot_read(). */
		atomic_fetch_add_explicit(&slot->version, 1,
		    memory_order_release);
		atomic_fetch_add_explicit(&hook_count, 1, memory_order_relaxed);
		tsd_watch(true);
	}
	tsd_list_unlock();
	if (slot != NULL) {
		tell_threads();
	}
	return slot;
}

void
hook_remove(void *handle)
{
	slot_t *slot = handle;
	if (slot < slots || slot >= slots + NHOOKS) {
		return;
	}
	(void)tsd_list_lock();
	if ((atomic_load_explicit(&slot->version, memory_order_relaxed) & 1) !=
	    0) {
		atomic_fetch_add_explicit(&slot->version, 1,
		    memory_order_relaxed);
		atomic_fetch_sub_explicit(&hook_count, 1, memory_order_relaxed);
		tsd_watch(false);
	}
	tsd_list_unlock();
	tell_threads();
}

/* False: nothing is installed there. */
static bool
slot_read(slot_t *slot, hook_t *hook)
{
	void *words[sizeof(hook_t) / sizeof(void *)];
	unsigned version = atomic_load_explicit(&slot->version,
	    memory_order_acquire);
	if ((version & 1) == 0) {
		return false;
	}
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		words[i] = atomic_load_explicit(&slot->words[i],
		    memory_order_relaxed);
	}
	memcpy(hook, words, sizeof(words));
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&slot->version, memory_order_relaxed) ==
	    version;
}

void
hook_run_alloc(hook_alloc_t type, void *result, uintptr_t raw,
    const uintptr_t args[3])
{
	if (tsd_tls == TSD_NESTED) {
		return;
	}
	void *saved = thr_enter_foreign();
	for (unsigned i = 0; i < NHOOKS; i++) {
		hook_t hook;
		if (slot_read(&slots[i], &hook) && hook.alloc != NULL) {
			uintptr_t copy[3] = {args[0], args[1], args[2]};
			hook.alloc(hook.extra, (int)type, result, raw, copy);
		}
	}
	thr_leave_foreign(saved);
}

void
hook_run_dalloc(hook_dalloc_t type, void *addr, const uintptr_t args[3])
{
	if (tsd_tls == TSD_NESTED) {
		return;
	}
	void *saved = thr_enter_foreign();
	for (unsigned i = 0; i < NHOOKS; i++) {
		hook_t hook;
		if (slot_read(&slots[i], &hook) && hook.dalloc != NULL) {
			uintptr_t copy[3] = {args[0], args[1], args[2]};
			hook.dalloc(hook.extra, (int)type, addr, copy);
		}
	}
	thr_leave_foreign(saved);
}

void
hook_run_expand(hook_expand_t type, void *addr, size_t old_usize,
    size_t new_usize, uintptr_t raw, const uintptr_t args[4])
{
	if (tsd_tls == TSD_NESTED) {
		return;
	}
	void *saved = thr_enter_foreign();
	for (unsigned i = 0; i < NHOOKS; i++) {
		hook_t hook;
		if (slot_read(&slots[i], &hook) && hook.expand != NULL) {
			uintptr_t copy[4] = {args[0], args[1], args[2],
			    args[3]};
			hook.expand(hook.extra, (int)type, addr, old_usize,
			    new_usize, raw, copy);
		}
	}
	thr_leave_foreign(saved);
}
