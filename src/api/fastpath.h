/*
 * fastpath: malloc and free as the CPU should see them.
 *
 * Budget, small sizes, on a hit: malloc 22 instructions with 6 loads and 3
 * branches, free 23 with 5 and 4; no atomic, no lock.  Guard: make bench-count.
 * Every condition that is not the usual one (no thread state, nothing cached,
 * an event due, no such class) shows up in one of the tests that a hit needs
 * anyway: see thread/cache_bin.h and thread/tsd.h.
 */
#ifndef API_FASTPATH_H
#define API_FASTPATH_H

#include "api/alloc.h"
#include "meta/pagemap.h"
#include "thread/tcache.h"

/* A block for a small request; NULL: take the slow path. */
static ALWAYS_INLINE void *
fastpath_alloc(size_t size, size_t *usize)
{
	if (unlikely(size > SC_LOOKUP_MAX)) {
		return NULL;
	}
	tsd_t *tsd = tsd_tls;
	cache_slot_t *slot = tsd_slot(tsd, size_class_code[(size + 7) >> 3]);
	uint64_t allocated = tsd->allocated + slot->usize;
	if (unlikely(allocated >= tsd->event_at)) {
		return NULL;
	}
	void *ptr = cache_slot_pop(slot);
	if (likely(ptr != NULL)) {
		tsd->allocated = allocated;
		*usize = slot->usize;
	}
	return ptr;
}

/* False: take the slow path. */
static ALWAYS_INLINE bool
fastpath_free_code(void *ptr, unsigned code)
{
	tsd_t *tsd = tsd_tls;
	cache_slot_t *slot = tsd_slot(tsd, code);
	if (unlikely(!cache_slot_push(slot, ptr))) {
		return false;
	}
	tsd->deallocated += slot->usize;
	return true;
}

/* *leaf is for the slower ways: where the page map has the address, or 0. */
static ALWAYS_INLINE bool
fastpath_free(void *ptr, uintptr_t *leaf)
{
	*leaf = pagemap_leaf_biased((uintptr_t)ptr);
	return likely(*leaf != 0) &&
	    fastpath_free_code(ptr, pagemap_leaf_code(*leaf, ptr));
}

/*
 * A large block that the thread has cached.  NULL: take the slow path; *twice
 * is what was popped and is not the thread's alone, or else as it was.
 */
static ALWAYS_INLINE void *
fastpath_alloc_large(size_t size, void **twice)
{
	if (unlikely(size > SC_CACHED_MAX || !opt.disable_large_size_classes)) {
		return NULL;
	}
	tsd_t *tsd = tsd_tls;
	cache_slot_t *slot = &tsd->slots[cind_of_large(size + PAGE - 1)];
	uint64_t allocated = tsd->allocated + slot->usize;
	if (unlikely(allocated >= tsd->event_at)) {
		return NULL;
	}
	void *ptr = cache_slot_pop(slot);
	if (unlikely(ptr == NULL)) {
		return NULL;
	}
	if (unlikely(!large_note_uncached(ptr))) {
		*twice = ptr;
		return NULL;
	}
	tsd->allocated = allocated;
	return ptr;
}

/*
 * The middle sizes: cached, but beyond the table.  NULL: take the slow path.
 * SC_LOOKUP_MAX < size; states without caches fail as above.
 */
static ALWAYS_INLINE void *
fastpath_alloc_middle(size_t size, void **twice)
{
	if (size > SC_SMALL_MAX) {
		return fastpath_alloc_large(size, twice);
	}
	tsd_t *tsd = tsd_tls;
	cache_slot_t *slot = &tsd->slots[cind_of_middle(size)];
	uint64_t allocated = tsd->allocated + slot->usize;
	if (unlikely(allocated >= tsd->event_at)) {
		return NULL;
	}
	void *ptr = cache_slot_pop(slot);
	if (likely(ptr != NULL)) {
		tsd->allocated = allocated;
	}
	return ptr;
}

/* A large block that the thread's cache has room for; false: it has not. */
static ALWAYS_INLINE bool
fastpath_free_large(edata_t *edata, void *ptr)
{
	tsd_t *tsd = tsd_tls;
	cache_slot_t *slot = &tsd->slots[edata->cind];
	/* Nothing is written to a block that others may be freeing as well. */
	if (unlikely(cache_slot_is_full(slot))) {
		return false;
	}
	/* What is in a cache is noted as such, at any time. */
	large_note_cached(edata, ptr);
	cache_slot_push_more(slot, ptr);
	tsd->deallocated += slot->usize;
	return true;
}

#endif
