#include "page/dss.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

#include "ds/bits.h"
#include "platform/mutex.h"
#include "platform/os_calls.h"

#define NARENAS_MAX 4096

static mutex_t dss_lock = MUTEX_INITIALIZER("dss", LOCK_DSS);
static _Atomic(uintptr_t) region_start, region_end;
static bool exhausted;

/*
 * 0: not set, else precedence + 1; the last slot is the default's.  Pages that
 * nobody else touches: not looked at unless one is set.
 */
static LARGE_BSS _Atomic uint8_t precs[NARENAS_MAX + 1];

static _Atomic bool any_prec;

static dss_prec_t
prec_at(unsigned slot, dss_prec_t otherwise)
{
	if (likely(!atomic_load_explicit(&any_prec, memory_order_acquire))) {
		return otherwise;
	}
	uint8_t prec = atomic_load_explicit(&precs[slot], memory_order_relaxed);
	return prec == 0 ? otherwise : (dss_prec_t)(prec - 1);
}

dss_prec_t
dss_prec_default(void)
{
	return prec_at(NARENAS_MAX, (dss_prec_t)opt.dss);
}

void
dss_prec_set_default(dss_prec_t prec)
{
	dss_prec_set(NARENAS_MAX, prec);
}

dss_prec_t
dss_prec_of(unsigned arena_ind)
{
	return config_dss ? prec_at(arena_ind, dss_prec_default())
			  : DSS_PREC_DISABLED;
}

void
dss_prec_set(unsigned arena_ind, dss_prec_t prec)
{
	atomic_store_explicit(&precs[arena_ind], (uint8_t)((int)prec + 1),
	    memory_order_relaxed);
	/* Pairs with the load in prec_at(). */
	atomic_store_explicit(&any_prec, true, memory_order_release);
}

/*
 * A filter of system calls may answer brk(2) with an error, which the kernel
 * never does: then libc takes the error's number for the break, reports
 * success, and there is no memory.
 */
static bool
is_break(const void *brk)
{
	return (uintptr_t)brk < -(uintptr_t)4096;
}

static void *
extend(void *new_addr, size_t size, size_t alignment)
{
	void *brk = os_sbrk(0);
	if (!is_break(brk)) {
		return NULL;
	}
	uintptr_t start = align_up((uintptr_t)brk, alignment);
	uintptr_t end = start + size;
	if (start < (uintptr_t)brk || end < start ||
	    end - (uintptr_t)brk > INTPTR_MAX ||
	    (new_addr != NULL && start != (uintptr_t)new_addr)) {
		return NULL;
	}
	intptr_t incr = (intptr_t)(end - (uintptr_t)brk);
	void *prev = os_sbrk(incr);
	if (!is_break(prev) || !is_break(os_sbrk(0))) {
		exhausted = true;
		return NULL;
	}
	if (prev != brk) {
		/* Someone else moved the break in between: undo if we can. */
		if (os_sbrk(0) == (char *)prev + incr) {
			(void)!os_sbrk(-incr);
		}
		return NULL;
	}
	if (atomic_load_explicit(&region_start, memory_order_relaxed) == 0) {
		atomic_store_explicit(&region_start, start,
		    memory_order_relaxed);
	}
	atomic_store_explicit(&region_end, end, memory_order_relaxed);
	return (void *)start;
}

void *
dss_alloc(void *new_addr, size_t size, size_t alignment)
{
	int saved = errno;
	mutex_lock(&dss_lock);
	void *addr = NULL;
	for (int tries = 0; addr == NULL && !exhausted && tries < 3; tries++) {
		addr = extend(new_addr, size, alignment);
	}
	mutex_unlock(&dss_lock);
	errno = saved;
	return addr;
}

bool
dss_contains(const void *addr)
{
	uintptr_t start = atomic_load_explicit(&region_start,
	    memory_order_relaxed);
	return start != 0 && (uintptr_t)addr >= start &&
	    (uintptr_t)addr <
	    atomic_load_explicit(&region_end, memory_order_relaxed);
}

void NO_THREAD_SAFETY
dss_prefork(void)
{
	mutex_prefork(&dss_lock);
}

void NO_THREAD_SAFETY
dss_postfork_parent(void)
{
	mutex_postfork_parent(&dss_lock);
}

void NO_THREAD_SAFETY
dss_postfork_child(void)
{
	mutex_postfork_child(&dss_lock);
}
