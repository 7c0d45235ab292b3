#include "arena/large.h"

#include <string.h>

#include "arena/arenas.h"
#include "arena/misuse.h"
#include "ds/prng.h"
#include "page/guard.h"
#include "platform/assert.h"
#include "platform/pages.h"

/* From this size on blocks are coloured over the whole first page. */
#define LARGE_COLOUR_MIN ((size_t)64 << 10)

/*
 * Below this size copying is cheaper than moving pages, all in all: each move
 * leaves mappings behind that do not merge, and a block that lies across two
 * can not be moved (at 512 KiB, 1,200 of 1,250 moves of growing vectors failed).
 */
#define LARGE_MOVE_MIN ((size_t)2 << 20)

static size_t
pad_size(void)
{
	return opt.cache_oblivious ? PAGE : 0;
}

/* Where in the first page the block starts. */
static size_t
colour(size_t size, size_t usize, size_t alignment, uint64_t *prng)
{
	if (!opt.cache_oblivious || alignment >= PAGE) {
		return 0;
	}
	size_t step = alignment < CACHELINE ? CACHELINE : alignment;
	size_t room = usize >= LARGE_COLOUR_MIN ? PAGE - step
						: (usize - size) & (PAGE - 1);
	return prng_below(prng, room / step + 1) * step;
}

static void
list_add(arena_t *arena, edata_t *edata)
{
	if (!arena->automatic) {
		mutex_lock(&arena->large_lock);
		list_push_back(&arena->large, &edata->lru);
		mutex_unlock(&arena->large_lock);
	}
}

static void
list_drop(arena_t *arena, edata_t *edata)
{
	if (!arena->automatic) {
		mutex_lock(&arena->large_lock);
		if (likely(list_node_is_linked(&edata->lru))) {
			list_remove(&edata->lru);
		} /* else a reset came first */
		mutex_unlock(&arena->large_lock);
	}
}

/* Make [ptr, ptr + size) of an extent read zero. */
static void
zero_range(arena_t *arena, void *ptr, size_t size)
{
	if (size >= opt.calloc_madvise_threshold) {
		/* Whole pages by the hook, the edges by hand. */
		uintptr_t start = align_up((uintptr_t)ptr, PAGE);
		uintptr_t end = align_down((uintptr_t)ptr + size, PAGE);
		if (start < end &&
		    ehooks_purge_forced(&arena->ehooks, (void *)start,
			end - start) == ERR_NONE) {
			memset(ptr, 0, start - (uintptr_t)ptr);
			memset((void *)end, 0, (uintptr_t)ptr + size - end);
			return;
		}
	}
	memset(ptr, 0, size);
}

/* An extent becomes the block at ptr. */
static void *
set_up(arena_t *arena, edata_t *edata, char *ptr, size_t usize, bool zero)
{
	edata->slab = false;
	edata->user = ptr;
	large_set_usize(edata, usize);
	list_add(arena, edata);
	large_stats_alloc(arena, usize);
	if (zero && !edata->zeroed) {
		size_t room = edata_end(edata) - (uintptr_t)ptr;
		zero_range(arena, ptr, usize < room ? usize : room);
	}
	edata->zeroed = false;
	return ptr;
}

void *
large_alloc(arena_t *arena, size_t size, size_t usize, size_t alignment,
    bool zero, uint64_t *prng)
{
	edata_t *edata = NULL;
	if (unlikely(alignment <= PAGE && guard_due(GUARD_LARGE))) {
		edata = guard_alloc(&arena->pac, usize + pad_size());
	}
	if (likely(edata == NULL)) {
		edata = pac_alloc(&arena->pac, usize + pad_size(),
		    alignment < PAGE ? PAGE : alignment, PAC_REUSE);
	}
	if (edata == NULL) {
		return NULL;
	}
	if (unlikely(usize >= HUGE_LARGE_MIN) && edata->zeroed) {
		huge_note_large(&arena->pac, edata);
	}
	return set_up(arena, edata,
	    (char *)edata->addr + colour(size, usize, alignment, prng), usize,
	    zero);
}

void *
large_alloc_guarded(arena_t *arena, size_t size, bool zero)
{
	assert(size <= PAGE);
	edata_t *edata = guard_alloc(&arena->pac, SC_LARGE_MIN);
	if (edata == NULL) {
		return NULL;
	}
	return set_up(arena, edata,
	    (char *)edata_end(edata) - align_up(size, QUANTUM), SC_LARGE_MIN,
	    zero);
}
void
large_free(void *ptr)
{
	edata_t *edata = large_find(ptr);
	if (unlikely(edata == NULL || !large_take_from_user(edata, ptr))) {
		misuse_report(ptr);
		return;
	}
	arena_t *arena = arena_of(edata);
	list_drop(arena, edata);
	large_stats_dalloc(arena, edata->usize);
	large_set_freed(edata, edata->usize);
	if (unlikely(edata->watched)) {
		huge_note_large_freed(&arena->pac, edata);
	}
	pac_dalloc(&arena->pac, edata);
}

/* A block that was first on the list and is still there will never be freed. */
static void
list_drop_stuck(arena_t *arena, edata_t *edata)
{
	mutex_lock(&arena->large_lock);
	if (unlikely(list_first(&arena->large) == &edata->lru)) {
		list_remove(&edata->lru);
	}
	mutex_unlock(&arena->large_lock);
}

void
large_free_listed(arena_t *arena)
{
	for (;;) {
		mutex_lock(&arena->large_lock);
		list_node_t *node = list_first(&arena->large);
		mutex_unlock(&arena->large_lock);
		if (node == NULL) {
			return;
		}
		edata_t *edata = container_of(node, edata_t, lru);
		/* A block that waits in a cache is marked by one. */
		void *ptr = (void *)align_down((uintptr_t)edata->user, 2);
		if (ptr != NULL) {
			(void)large_note_uncached(ptr);
			large_free(ptr);
		}
		list_drop_stuck(arena, edata);
	}
}

static void
resized(arena_t *arena, edata_t *edata, size_t usize_old, size_t usize)
{
	large_set_usize(edata, usize);
	large_stats_dalloc(arena, usize_old);
	large_stats_alloc(arena, usize);
}

static bool
expand(arena_t *arena, edata_t *edata, size_t usize, bool zero)
{
	size_t usize_old = edata->usize;
	bool zeroed = false;
	size_t size_old = edata->size;
	if (pac_expand(&arena->pac, edata, usize + pad_size(), &zeroed) !=
	    ERR_NONE) {
		return false;
	}
	if (zero) {
		/* The old pad page holds stale bytes too. */
		char *from = (char *)edata->user + usize_old;
		char *fresh = (char *)edata->addr + size_old;
		char *to = (char *)edata->user + usize;
		if (zeroed && from < fresh) {
			memset(from, 0,
			    (size_t)((fresh < to ? fresh : to) - from));
		} else if (!zeroed) {
			zero_range(arena, from, usize - usize_old);
		}
	}
	edata->zeroed = false;
	resized(arena, edata, usize_old, usize);
	return true;
}

static bool
shrink(arena_t *arena, edata_t *edata, size_t usize)
{
	size_t usize_old = edata->usize;
	if (pac_shrink(&arena->pac, edata, usize + pad_size()) != ERR_NONE) {
		return false;
	}
	resized(arena, edata, usize_old, usize);
	return true;
}

bool
large_resize(edata_t *edata, size_t usize_min, size_t usize_max, bool zero)
{
	arena_t *arena = arena_of(edata);
	size_t usize = edata->usize;
	if (unlikely(edata->guarded)) {
		return usize >= usize_min && usize <= usize_max;
	}
	if (usize_max > usize) {
		if (expand(arena, edata, usize_max, zero)) {
			return true;
		}
		if (usize_min > usize && usize_min < usize_max &&
		    expand(arena, edata, usize_min, zero)) {
			return true;
		}
	}
	if (usize >= usize_min && usize <= usize_max) {
		return true;
	}
	return usize > usize_max && shrink(arena, edata, usize_max);
}

void *
large_move(arena_t *arena, edata_t *old, size_t usize, bool zero)
{
	if (old->usize < LARGE_MOVE_MIN || usize < old->usize ||
	    !ehooks_are_default(&arena->ehooks) || old->dss || old->guarded) {
		return NULL;
	}
	arena_t *old_arena = arena_of(old);
	if (!ehooks_are_default(&old_arena->ehooks)) {
		return NULL;
	}
	edata_t *edata = pac_alloc(&arena->pac, usize + pad_size(), PAGE,
	    PAC_UNTOUCHED);
	if (edata == NULL) {
		return NULL;
	}
	size_t usize_old = old->usize;
	if (edata->dss ||
	    pages_move(old->addr, edata->addr, old->size, edata->size) !=
		ERR_NONE) {
		pac_dalloc(&arena->pac, edata);
		return NULL;
	}
	char *ptr = (char *)edata->addr +
	    ((char *)old->user - (char *)old->addr);
	list_drop(old_arena, old);
	large_stats_dalloc(old_arena, usize_old);
	large_set_freed(old, usize_old);
	old->user = NULL;
	old->zeroed = true;
	/* What was marked is there now. */
	edata->huge = edata->huge || old->huge;
	old->watched = false;
	edata->slab = false;
	edata->user = ptr;
	large_set_usize(edata, usize);
	list_add(arena, edata);
	large_stats_alloc(arena, usize);
	if (zero) {
		zero_range(arena, ptr + usize_old, usize - usize_old);
	}
	edata->zeroed = false;
	pac_dalloc_untouched(&old_arena->pac, old);
	return ptr;
}
