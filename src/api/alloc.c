#include "api/alloc.h"

#include <string.h>

#include "api/checked.h"
#include "api/init.h"
#include "arena/large.h"
#include "arena/misuse.h"
#include "platform/assert.h"
#include "thread/tcache.h"
#include "thread/thread_event.h"

#define JUNK_ALLOC 0xa5
#define JUNK_FREE 0x5a

/* What alloc_perturb() set; 0: nothing. */
static _Atomic uint8_t perturb_byte;

/* Seed for large blocks of threads without a state. */
static _Atomic uint64_t shared_prng = 0x9e3779b97f4a7c15u;

static uint8_t
perturbed(void)
{
	return atomic_load_explicit(&perturb_byte, memory_order_relaxed);
}

/* Fill a fresh block as the options and the caller want it. */
static void
fill_new(void *ptr, size_t usize, bool zero, bool zeroed)
{
	if (zero || (config_fill && opt.zero)) {
		if (!zeroed) {
			memset(ptr, 0, usize);
		}
	} else if (config_fill && unlikely((opt.junk & OPT_JUNK_ALLOC) != 0)) {
		memset(ptr, JUNK_ALLOC, usize);
	} else if (config_fill && unlikely(perturbed() != 0)) {
		memset(ptr, (uint8_t)~perturbed(), usize);
	}
}

static void
fill_freed(void *ptr, size_t usize)
{
	if (config_fill && unlikely((opt.junk & OPT_JUNK_FREE) != 0)) {
		memset(ptr, JUNK_FREE, usize);
	} else if (config_fill && unlikely(perturbed() != 0)) {
		memset(ptr, perturbed(), usize);
	}
}

void
alloc_perturb(uint8_t byte)
{
	uint8_t before = atomic_exchange_explicit(&perturb_byte, byte,
	    memory_order_relaxed);
	if ((before != 0) != (byte != 0)) {
		tsd_watch(byte != 0);
		tsd_rewatch();
		thread_event_poke_all();
	}
}

/* Past any cache. */
static void *
alloc_from_arena(arena_t *arena, tsd_t *tsd, size_t size, size_t usize,
    const alloc_spec_t *spec)
{
	if (usize <= SC_SMALL_MAX) {
		void *ptr = NULL;
		bool contended;
		unsigned shard = tsd == NULL ? 0 : tsd->shard;
		if (arena_fill(arena, szind_of(usize), shard, &ptr, 1,
			&contended) != 0) {
			fill_new(ptr, usize, spec->zero, false);
		}
		return ptr;
	}
	uint64_t seed = atomic_fetch_add_explicit(&shared_prng, usize,
	    memory_order_relaxed);
	bool zero = spec->zero || (config_fill && opt.zero);
	void *ptr = large_alloc(arena, size, usize, spec->alignment, zero,
	    tsd != NULL ? &tsd->prng : &seed);
	if (ptr != NULL) {
		fill_new(ptr, usize, zero, true);
	}
	return ptr;
}

/* The cache to use; one that is not the thread's borrows its arena. */
static tsd_t *
cache_of(tsd_t *tsd, tsd_t *cache)
{
	if (likely(cache == NULL)) {
		return tsd;
	}
	if (cache != ALLOC_NO_CACHE) {
		cache->arena = tsd->arena;
		cache->shard = tsd->shard;
	}
	return cache;
}

static void *
alloc_with_state(tsd_t *tsd, size_t size, size_t usize,
    const alloc_spec_t *spec)
{
	unsigned cind = cind_of_usize(usize);
	tsd_t *cache = cache_of(tsd, spec->cache);
	bool cacheable = cind != 0 && spec->alignment <= PAGE &&
	    !spec->uncached && cache->cache_enabled;
	void *ptr;
	if (cacheable &&
	    (cind_is_small(cind) || spec->alignment <= CACHELINE)) {
		ptr = tcache_pop(cache, cind);
		if (ptr == NULL) {
			ptr = tcache_alloc_slow(cache, spec->arena, cind, size);
		}
		if (ptr != NULL) {
			fill_new(ptr, usize, spec->zero, false);
		}
	} else {
		arena_t *arena = spec->arena != NULL
		    ? spec->arena
		    : arenas_for_large(tsd->arena, usize);
		ptr = alloc_from_arena(arena, tsd, size, usize, spec);
		if (cind == 0 && ptr != NULL) {
			arena_tick(arena);
		}
	}
	if (ptr != NULL) {
		thread_count_alloc(tsd, usize);
	}
	return ptr;
}

void *
alloc_of_usize(size_t size, size_t usize, const alloc_spec_t *spec)
{
	tsd_t *tsd = tsd_get();
	if (unlikely(tsd == NULL)) {
		return alloc_from_arena(arenas_get(0), NULL, size, usize, spec);
	}
	return alloc_with_state(tsd, size, usize, spec);
}

/*
 * How many slow operations of the cache it stands for, with its free.  The long
 * ways look at the clock each time, which costs as much as all this.
 */
#define AGAIN_IS_SLOW 8

void *
alloc_again(size_t size)
{
	tsd_t *tsd = tsd_tls;
	/* States that are none have no event to wait for. */
	if (unlikely(tsd->event_at == 0 || size > LARGE_AGAIN_MAX ||
		!opt.disable_large_size_classes)) {
		return NULL;
	}
	size_t usize = align_up(size, PAGE);
	arena_t *arena = arenas_for_large(tsd->arena, usize);
	void *ptr = large_alloc_again(arena, usize, &tsd->prng);
	if (likely(ptr != NULL)) {
		tcache_note_slow(tsd, AGAIN_IS_SLOW);
		tsd->allocated += usize;
		if (unlikely(tsd->allocated >= tsd->event_at)) {
			thread_event_run_again(tsd, usize);
		}
	}
	return ptr;
}

bool
alloc_free_again(edata_t *edata, void *ptr)
{
	tsd_t *tsd = tsd_tls;
	size_t usize = edata->usize;
	if (unlikely(tsd->event_at == 0)) {
		return false;
	}
	arena_t *arena = tsd->arena->ind == edata_arena_ind(edata)
	    ? tsd->arena
	    : arena_of(edata);
	if (!large_free_again(arena, edata, ptr)) {
		return false;
	}
	thread_count_free(tsd, usize);
	return true;
}

void *
alloc_general(size_t size, const alloc_spec_t *spec)
{
	if (unlikely(!init_done())) {
		return NULL;
	}
	size_t usize = alloc_usize_of(size, spec->alignment);
	if (unlikely(usize == 0)) {
		return NULL;
	}
	return unlikely(check_on()) ? checked_alloc(size, usize, spec)
				    : alloc_of_usize(size, usize, spec);
}

size_t
alloc_usable_size(const void *ptr)
{
	if (check_on() && ptr != NULL) {
		return check_grant((void *)ptr);
	}
	unsigned code = pagemap_code(ptr);
	if (likely(code != 0)) {
		return cind_usize(code / 2);
	}
	if (ptr == NULL) {
		return 0;
	}
	edata_t *edata = large_find(ptr);
	if (unlikely(edata == NULL)) {
		misuse_report(ptr);
		return 0;
	}
	return edata->usize;
}

static void
free_to_arena(unsigned cind, void *ptr)
{
	if (cind != 0 && cind_is_small(cind)) {
		arena_flush(cind - 1, &ptr, 1);
	} else {
		large_free(ptr);
	}
}

static void
free_small(unsigned cind, void *ptr, tsd_t *cache)
{
	size_t usize = cind_usize(cind);
	tsd_t *tsd = tsd_get_for_free();
	if (unlikely(checked_is_double(tsd, cind, ptr) ||
		checked_stash(tsd, ptr, usize))) {
		return;
	}
	fill_freed(ptr, usize);
	if (unlikely(tsd == NULL)) {
		free_to_arena(cind, ptr);
		return;
	}
	thread_count_free(tsd, usize);
	cache = cache_of(tsd, cache);
	if (!cache->cache_enabled) {
		free_to_arena(cind, ptr);
	} else if (!cache_slot_push(&cache->slots[cind], ptr)) {
		tcache_free_slow(cache, cind, ptr);
	}
}

static void
free_large(void *ptr, tsd_t *cache)
{
	edata_t *edata = large_find(ptr);
	if (unlikely(edata == NULL)) {
		misuse_report(ptr);
		return;
	}
	size_t usize = edata->usize;
	unsigned cind = edata->cind;
	tsd_t *tsd = tsd_get_for_free();
	if (unlikely(checked_stash(tsd, ptr, usize))) {
		return;
	}
	fill_freed(ptr, usize);
	if (tsd != NULL) {
		thread_count_free(tsd, usize);
		cache = cache_of(tsd, cache);
		if (cind != 0 && cache->cache_enabled) {
			large_note_cached(edata, ptr);
			if (!cache_slot_push(&cache->slots[cind], ptr)) {
				tcache_free_slow(cache, cind, ptr);
			}
			return;
		}
	}
	arena_t *arena = arena_of(edata);
	large_free(ptr);
	arena_tick(arena);
}

void
alloc_free_into(void *ptr, tsd_t *cache)
{
	if (unlikely(check_on())) {
		checked_free(ptr);
		return;
	}
	unsigned cind = pagemap_code(ptr) / 2;
	if (likely(cind != 0)) {
		free_small(cind, ptr, cache);
	} else if (ptr != NULL) {
		free_large(ptr, cache);
	}
}

void
alloc_free(void *ptr, bool uncached)
{
	alloc_free_into(ptr, uncached ? ALLOC_NO_CACHE : NULL);
}

void
alloc_free_sized(void *ptr, size_t usize, bool uncached)
{
	alloc_free_sized_into(ptr, usize, uncached ? ALLOC_NO_CACHE : NULL);
}

static void
free_told(void *ptr, size_t usize, tsd_t *cache, bool or_more)
{
	if (ptr == NULL) {
		return;
	}
	if (unlikely(check_on())) {
		checked_free_sized(ptr, usize);
		return;
	}
	unsigned code = pagemap_code(ptr);
	size_t actual;
	if (code != 0) {
		actual = cind_usize(code / 2);
	} else {
		edata_t *edata = large_find(ptr);
		if (edata == NULL) {
			misuse_report(ptr);
			return;
		}
		actual = edata->usize;
	}
	if (unlikely(actual != usize) && (!or_more || actual < usize)) {
		misuse_report_size(ptr, actual, usize);
		return;
	}
	alloc_free_into(ptr, cache);
}

void
alloc_free_sized_into(void *ptr, size_t usize, tsd_t *cache)
{
	free_told(ptr, usize, cache, false);
}

void
alloc_free_at_least(void *ptr, size_t usize)
{
	/* Size 0 is the size of what cannot be had. */
	free_told(ptr, usize, NULL, !config_opt_size_checks && usize != 0);
}

/* New block, copy, free the old one. */
static void *
resize_by_copy(void *ptr, size_t old_usize, size_t size, size_t usize,
    const alloc_spec_t *spec)
{
	void *fresh = alloc_general(size, spec);
	if (fresh == NULL) {
		return NULL;
	}
	memcpy(fresh, ptr, old_usize < usize ? old_usize : usize);
	alloc_free_into(ptr, spec->uncached ? ALLOC_NO_CACHE : spec->cache);
	return fresh;
}

static void
count_resize(size_t old_usize, size_t usize)
{
	tsd_t *tsd = tsd_own();
	if (tsd != NULL) {
		thread_count_free(tsd, old_usize);
		thread_count_alloc(tsd, usize);
	}
}

/* In place, or by moving pages; NULL: copy. */
static void *
resize_large(edata_t *edata, void *ptr, size_t usize, const alloc_spec_t *spec)
{
	size_t old_usize = edata->usize;
	if (usize <= SC_SMALL_MAX ||
	    !is_aligned((uintptr_t)ptr, spec->alignment)) {
		return NULL;
	}
	if (!large_resize(edata, usize, usize, spec->zero)) {
		tsd_t *tsd = tsd_own();
		if (tsd == NULL || spec->alignment > CACHELINE) {
			return NULL;
		}
		ptr = large_move(spec->arena != NULL
			? spec->arena
			: arenas_for_large(tsd->arena, usize),
		    edata, usize, spec->zero);
	}
	if (ptr != NULL) {
		count_resize(old_usize, usize);
		if (usize > old_usize && !spec->zero) {
			fill_new((char *)ptr + old_usize, usize - old_usize,
			    false, false);
		}
	}
	return ptr;
}

void *
alloc_resize(void *ptr, size_t size, const alloc_spec_t *spec)
{
	if (unlikely(!init_done())) {
		return NULL;
	}
	size_t usize = alloc_usize_of(size, spec->alignment);
	if (unlikely(usize == 0)) {
		return NULL;
	}
	if (unlikely(check_on())) {
		return checked_resize(ptr, size, spec);
	}
	size_t old_usize;
	edata_t *edata = NULL;
	unsigned cind = pagemap_code(ptr) / 2;
	if (cind != 0) {
		old_usize = cind_usize(cind);
		if (usize == old_usize &&
		    is_aligned((uintptr_t)ptr, spec->alignment)) {
			count_resize(old_usize, usize);
			return ptr;
		}
	} else {
		edata = large_find(ptr);
		if (unlikely(edata == NULL)) {
			misuse_report(ptr);
			return NULL;
		}
		old_usize = edata->usize;
		void *same = resize_large(edata, ptr, usize, spec);
		if (same != NULL) {
			return same;
		}
	}
	return resize_by_copy(ptr, old_usize, size, usize, spec);
}

size_t
alloc_resize_in_place(void *ptr, size_t size, size_t extra, size_t alignment,
    bool zero)
{
	if (unlikely(check_on())) {
		return check_grant(ptr);
	}
	unsigned cind = pagemap_code(ptr) / 2;
	if (cind != 0) {
		return cind_usize(cind);
	}
	edata_t *edata = large_find(ptr);
	if (unlikely(edata == NULL)) {
		misuse_report(ptr);
		return 0;
	}
	size_t old_usize = edata->usize;
	if (size > SC_LARGE_MAX || !is_aligned((uintptr_t)ptr, alignment)) {
		return old_usize;
	}
	if (extra > SC_LARGE_MAX - size) {
		extra = SC_LARGE_MAX - size;
	}
	size_t usize_max = alignment <= 1
	    ? size_class_usize(size + extra)
	    : size_class_aligned_usize(size + extra, alignment);
	size_t usize_min = alignment <= 1
	    ? size_class_usize(size)
	    : size_class_aligned_usize(size, alignment);
	if (usize_max < SC_LARGE_MIN || usize_max == 0) {
		return old_usize;
	}
	(void)large_resize(edata, usize_min, usize_max, zero);
	size_t usize = edata->usize;
	if (usize != old_usize) {
		count_resize(old_usize, usize);
		if (usize > old_usize && !zero) {
			fill_new((char *)ptr + old_usize, usize - old_usize,
			    false, false);
		}
	}
	return usize;
}
