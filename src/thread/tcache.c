#include "thread/tcache.h"

#include <string.h>

#include "arena/large.h"
#include "platform/assert.h"
#include "thread/idle.h"
#include "thread/internal_alloc.h"
#include "thread/quarantine.h"

void *const cache_bin_none[2] = {CACHE_BIN_FULL, NULL};

/* The most that one bin may hold: slots, and bytes. */
#define LIMIT_SLOTS 4094
#define LIMIT_SMALL_BYTES ((size_t)256 << 10)
#define LIMIT_LARGE_BYTES ((size_t)512 << 10)

/* The most that anyone may ask for. */
#define SLOTS_MAX 8191

/* What the caches of all threads together may hold, and one in any case. */
#define BYTES_OF_ALL ((size_t)64 << 20)
#define BYTES_SHARE_MIN ((size_t)32 << 10)

/*
 * Large blocks may take this part of what the arena has in use in each cache, or
 * LARGE_MIN if that is more.
 */
#define LG_LARGE_SHARE 3
#define LARGE_MIN ((size_t)512 << 10)

/* Large blocks of a length are kept once so many of them were asked for. */
#define LARGE_MISSES 2

/* A new array. */
#define FIRST_SLOTS 14
#define FIRST_BYTES ((size_t)16 << 10)

/* Up to here a bin grows whenever it is busy, so that batches are worth it. */
#define BATCH_SLOTS 62
#define BATCH_BYTES ((size_t)64 << 10)

/* Beyond, it takes so many swings between empty and full. */
#define SWINGS_TO_GROW 2

/*
 * A bin of small blocks that goes on being refilled only, or overflows only,
 * grows once more: a batch is what one look-up of slabs takes (arena.c).
 */
#define SAME_TO_GROW 8
#define ONE_WAY_SLOTS 126
#define ONE_WAY_BYTES ((size_t)8 << 10)

/*
 * A batch is half of a bin; where refills and overflows take turns it becomes
 * smaller each time, since the other half of the turn will undo it.
 */
#define LG_BATCH_MIN 1
#define LG_BATCH_MAX 4

/* Collections without use after which an array is halved. */
#define IDLE_TO_SHRINK 3

/* Contended locks after which a thread looks for another arena. */
#define CONTENDED_TO_REBIND 16

static unsigned
at_most(size_t bytes, size_t usize, unsigned slots)
{
	size_t n = bytes / usize;
	return n > slots ? slots : n == 0 ? 1 : (unsigned)n;
}

/* At its maximum, the limit lets blocks of more pages in as well. */
static bool
is_cached(size_t cache_max, unsigned cind)
{
	return cache_max >= TCACHE_MAX || cind_usize(cind) <= cache_max;
}

static bool
is_set(opt_id_t id)
{
	return opt_set_by[id] != OPT_SOURCE_DEFAULT;
}

/*
 * Sizes of bins are found out by use, up to `most`; settings that other
 * releases size their bins by are bounds to that.
 */
static unsigned
limit_by_options(unsigned cind, unsigned most)
{
	if (!cind_is_small(cind)) {
		return is_set(OPT_ID_tcache_nslots_large)
		    ? opt.tcache_nslots_large
		    : most;
	}
	unsigned min = (opt.tcache_nslots_small_min + 1) & ~1u;
	unsigned max = opt.tcache_nslots_small_max & ~1u;
	max = max < 2 ? 2 : max;
	if (is_set(OPT_ID_lg_tcache_nslots_mul)) {
		uint64_t n = bin_infos[cind - 1].nregs;
		n = opt.lg_tcache_nslots_mul >= 0
		    ? n << opt.lg_tcache_nslots_mul
		    : n >> -opt.lg_tcache_nslots_mul;
		n += n & 1;
		n = n < min ? min : n;
		return n < max ? (unsigned)n : max;
	}
	if (is_set(OPT_ID_tcache_nslots_small_min) && most < min) {
		most = min;
	}
	return is_set(OPT_ID_tcache_nslots_small_max) && most > max ? max
								    : most;
}

static unsigned
limit_of(const tsd_t *tsd, unsigned cind)
{
	size_t usize = cind_usize(cind);
	if (!is_cached(tsd->cache_max, cind)) {
		return 0;
	}
	uint32_t value;
	size_t below = cind == 1 ? 0 : cind_usize(cind - 1);
	if (opt_ranges_find(&opt.tcache_ncached_max, usize, below, &value)) {
		return value > SLOTS_MAX ? SLOTS_MAX : value;
	}
	return limit_by_options(cind,
	    at_most(cind_is_small(cind) ? LIMIT_SMALL_BYTES : LIMIT_LARGE_BYTES,
		usize, LIMIT_SLOTS));
}

void
tcache_init(tsd_t *tsd)
{
	for (unsigned cind = 0; cind < SC_NCIND; cind++) {
		tsd->slots[cind].head = cache_bin_none_head();
		tsd->bins[cind] = (cache_bin_t){0};
		if (cind != 0) {
			tsd->slots[cind].usize = cind_usize(cind);
		}
	}
	memset(tsd->active_bins, 0, sizeof(tsd->active_bins));
	tsd->cache_bytes = 0;
	tsd->cache_bytes_large = 0;
	tsd->gc_next = 0;
	tsd->gc_round_at = opt.tcache_gc_delay_bytes;
	tsd->cache_enabled = false;
	tsd->cache_max = tcache_max_of(opt.tcache_max);
}

void
tcache_enable(tsd_t *tsd)
{
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		tsd->bins[cind].limit = (uint16_t)limit_of(tsd, cind);
	}
	tsd->cache_enabled = true;
}

/* An array of n slots needs two words more. */
static unsigned
array_lg(unsigned nslots)
{
	unsigned lg = bits_lg_ceil((nslots + 2) * sizeof(void *));
	return lg < INTERNAL_LG_MIN ? INTERNAL_LG_MIN : lg;
}

static void
array_drop(tsd_t *tsd, unsigned cind)
{
	cache_bin_t *bin = &tsd->bins[cind];
	assert(cache_bin_count(bin, &tsd->slots[cind]) == 0);
	tsd->slots[cind].head = cache_bin_none_head();
	tcache_note_capacity(tsd, cind, bin->capacity, 0);
	tsd->active_bins[cind / 64] &= ~((uint64_t)1 << cind % 64);
	internal_free(&tsd->arrays, bin->first, bin->lg_array);
	bin->first = NULL;
	/* One in doubt: it has been popped. */
	bin->mark = NULL;
	bin->capacity = 0;
	bin->swings = 0;
}

/* Give blocks that are noted as cached back to their arenas. */
static void
large_free_cached(void *ptr)
{
	if (large_note_uncached(ptr)) {
		large_free(ptr);
	} else {
		misuse_report(ptr);
	}
}

void
tcache_return(unsigned cind, void **ptrs, unsigned n)
{
	if (cind_is_small(cind)) {
		arena_flush(cind - 1, ptrs, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		large_free_cached(ptrs[i]);
	}
}

/* Return the n oldest blocks of a bin to their arenas. */
static void
flush_oldest(tsd_t *tsd, unsigned cind, unsigned n)
{
	cache_bin_t *bin = &tsd->bins[cind];
	cache_slot_t *slot = &tsd->slots[cind];
	cache_bin_unmark(bin, slot);
	void **oldest = cache_bin_end(bin) - n;
	assert(oldest >= slot->head);
	tcache_return(cind, oldest, n);
	size_t kept = (size_t)(oldest - slot->head);
	memmove(slot->head + n, slot->head, kept * sizeof(void *));
	slot->head += n;
}

static void
flush_all(tsd_t *tsd, unsigned cind)
{
	unsigned n = cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
	if (n != 0) {
		flush_oldest(tsd, cind, n);
	}
}

/*
 * Exchange the array of a bin for one of nslots, which holds what is cached.
 * False: no memory, nothing changed.
 */
static bool
array_resize(tsd_t *tsd, unsigned cind, unsigned nslots)
{
	cache_bin_t *bin = &tsd->bins[cind];
	cache_slot_t *slot = &tsd->slots[cind];
	unsigned lg = array_lg(nslots);
	void **first = internal_alloc(&tsd->arrays, lg);
	if (first == NULL) {
		return false;
	}
	cache_bin_unmark(bin, slot);
	unsigned count = cache_bin_count(bin, slot);
	assert(count <= nslots);
	void **end = first + 1 + nslots;
	first[0] = CACHE_BIN_FULL;
	*end = NULL;
	/* Stale words must not look like the FULL word. */
	memset(first + 1, 0, (nslots - count) * sizeof(void *));
	if (bin->first != NULL) {
		memcpy(end - count, slot->head, count * sizeof(void *));
		internal_free(&tsd->arrays, bin->first, bin->lg_array);
	}
	tcache_note_capacity(tsd, cind, bin->capacity, nslots);
	tsd->active_bins[cind / 64] |= (uint64_t)1 << cind % 64;
	bin->first = first;
	bin->lg_array = (uint8_t)lg;
	bin->capacity = (uint16_t)nslots;
	slot->head = end - count;
	return true;
}

/* The first active bin at or after `cind`, going round; 0: none. */
static unsigned
next_active(const tsd_t *tsd, unsigned cind)
{
	const unsigned nwords = ARRAY_LEN(tsd->active_bins);
	for (unsigned i = 0; i <= nwords; i++) {
		unsigned word = (cind / 64 + i) % nwords;
		uint64_t bits = tsd->active_bins[word];
		if (i == 0) {
			bits &= ~(uint64_t)0 << cind % 64;
		}
		if (bits != 0) {
			return word * 64 + bits_ctz64(bits);
		}
	}
	return 0;
}

static unsigned
gc_advance(tsd_t *tsd)
{
	unsigned cind = next_active(tsd, tsd->gc_next);
	tsd->gc_next = (uint16_t)((cind + 1) % SC_NCIND);
	return cind;
}

/*
 * The budget of one thread.  Many threads share what a few would have each:
 * most of them are idle, and what an idle one holds helps nobody.
 */
static size_t
bytes_max(void)
{
	size_t share = BYTES_OF_ALL / (tsd_count() + 1);
	share = share < BYTES_SHARE_MIN ? BYTES_SHARE_MIN : share;
	return share < opt.tcache_bytes_max ? share : opt.tcache_bytes_max;
}

/*
 * The part of it that large blocks may have: half, and no more than an eighth of
 * what the arena has in use, so that small processes stay small.
 */
static size_t
large_max(const tsd_t *tsd, size_t max)
{
	const arena_t *arena = tsd->arena;
	size_t share = arena == NULL
	    ? 0
	    : atomic_load_explicit(&arena->pac.nactive, memory_order_relaxed)
		<< (LG_PAGE - LG_LARGE_SHARE);
	share = share < LARGE_MIN ? LARGE_MIN : share;
	return share < max / 2 ? share : max / 2;
}

/*
 * Make sure that `bytes` more of capacity fit the budget, of which large blocks
 * may have a part: other bins give up theirs, those of large blocks only.  False:
 * they would not fit.
 */
static bool
make_room(tsd_t *tsd, unsigned for_cind, size_t bytes)
{
	size_t max = bytes_max();
	bool small = cind_is_small(for_cind);
	size_t bytes_small = tsd->cache_bytes - tsd->cache_bytes_large +
	    (small ? bytes : 0);
	size_t bytes_large = small ? 0 : bytes;
	if (bytes_small > max) {
		return false;
	}
	size_t left = max - bytes_small;
	size_t most_large = large_max(tsd, max);
	most_large = left < most_large ? left : most_large;
	size_t own = small
	    ? 0
	    : tsd->bins[for_cind].capacity * cind_usize(for_cind);
	if (own + bytes_large > most_large) {
		return false;
	}
	while (tsd->cache_bytes_large + bytes_large > most_large) {
		unsigned cind = gc_advance(tsd);
		if (cind != for_cind && cind != 0 && !cind_is_small(cind)) {
			flush_all(tsd, cind);
			array_drop(tsd, cind);
		}
	}
	return true;
}

/* Give a bin an array, or a larger one; false: it stays as it is. */
static bool
grow(tsd_t *tsd, unsigned cind)
{
	cache_bin_t *bin = &tsd->bins[cind];
	size_t usize = cind_usize(cind);
	unsigned nslots = bin->first == NULL
	    ? at_most(FIRST_BYTES, usize, FIRST_SLOTS)
	    : bin->capacity * 2u + 2;
	if (nslots > bin->limit) {
		nslots = bin->limit;
	}
	if (nslots <= bin->capacity) {
		return false;
	}
	return make_room(tsd, cind, (nslots - bin->capacity) * usize) &&
	    array_resize(tsd, cind, nslots);
}

/* Something happened to a bin: does it deserve a larger array? */
static void
note_event(tsd_t *tsd, unsigned cind, cache_event_t event)
{
	cache_bin_t *bin = &tsd->bins[cind];
	bool swung = bin->last_event != CACHE_NO_EVENT &&
	    bin->last_event != event;
	bin->last_event = event & 3;
	bin->idle = 0;
	if (!swung && bin->lg_batch > LG_BATCH_MIN) {
		bin->lg_batch--;
	} else if (swung && bin->lg_batch < LG_BATCH_MAX) {
		bin->lg_batch++;
	}
	bin->swings = (uint8_t)(bin->swings + (swung && bin->swings < 255));
	bin->nsame = (uint8_t)(swung ? 0 : bin->nsame + (bin->nsame < 255));
	bool batch = bin->capacity < BATCH_SLOTS &&
	    bin->capacity * cind_usize(cind) < BATCH_BYTES;
	bool one_way = bin->nsame >= SAME_TO_GROW &&
	    bin->capacity < ONE_WAY_SLOTS &&
	    bin->capacity * cind_usize(cind) < ONE_WAY_BYTES / 2;
	if (batch || one_way || bin->swings >= SWINGS_TO_GROW) {
		bin->swings = 0;
		bin->nsame = 0;
		(void)grow(tsd, cind);
	}
}

void
tcache_tick_due(tsd_t *tsd)
{
	tsd->nslow = 0;
	arena_tick(tsd->arena);
	if (tsd->ncontended >= CONTENDED_TO_REBIND && !tsd->arena_chosen) {
		tsd->arena = arenas_rebind(tsd->arena, &tsd->shard);
	}
	tsd->ncontended = 0;
}

static void
slow_tick(tsd_t *tsd)
{
	tsd_follow_cpu(tsd);
	idle_note_work();
	tcache_note_slow(tsd, 1);
}

/* Pointers to take into or out of a bin at once. */
static unsigned
batch_of(const cache_bin_t *bin)
{
	unsigned lg = bin->lg_batch < LG_BATCH_MIN ? LG_BATCH_MIN
						   : bin->lg_batch;
	unsigned n = (bin->capacity + 1u) >> lg;
	return n == 0 ? 1 : n;
}

/* Take a batch of regions into an empty bin. */
static void
fill(tsd_t *tsd, arena_t *arena, unsigned cind)
{
	cache_bin_t *bin = &tsd->bins[cind];
	void **end = cache_bin_end(bin);
	unsigned want = batch_of(bin);
	bool contended = false;
	unsigned got = arena_fill(arena, cind - 1, tsd->shard, end - want, want,
	    &contended);
	tsd->ncontended += contended;
	if (got < want) {
		memmove(end - got, end - want, got * sizeof(void *));
	}
	tsd->slots[cind].head = end - got;
}

/* One region, past the cache. */
static void *
alloc_uncached(tsd_t *tsd, arena_t *arena, unsigned cind)
{
	void *ptr = NULL;
	bool contended = false;
	(void)arena_fill(arena, cind - 1, tsd->shard, &ptr, 1, &contended);
	return ptr;
}

static void *
alloc_slow(tsd_t *tsd, arena_t *arena, unsigned cind, size_t size)
{
	cache_bin_t *bin = &tsd->bins[cind];
	cache_slot_t *slot = &tsd->slots[cind];
	if (bin->mark != NULL) {
		cache_bin_unmark(bin, slot);
		void *ptr = tcache_pop(tsd, cind);
		if (ptr != NULL) {
			return ptr;
		}
	}
	slow_tick(tsd);
	if (arena == NULL) {
		arena = tsd->arena;
	}
	if (!cind_is_small(cind)) {
		if (bin->first != NULL) {
			note_event(tsd, cind, CACHE_MISS);
		} else if (bin->swings < LARGE_MISSES) {
			bin->swings++;
		}
		return large_alloc(arena, size, cind_usize(cind), 1, false,
		    &tsd->prng);
	}
	if (bin->limit != 0) {
		note_event(tsd, cind, CACHE_MISS);
	}
	if (bin->capacity == 0) {
		return alloc_uncached(tsd, arena, cind);
	}
	fill(tsd, arena, cind);
	return cache_slot_pop(slot);
}

void *
tcache_alloc_slow(tsd_t *tsd, arena_t *arena, unsigned cind, size_t size)
{
	idle_owner_enter(tsd);
	void *ptr = alloc_slow(tsd, arena, cind, size);
	idle_owner_leave(tsd);
	return ptr;
}

/* Blocks that leave a full bin: a batch, or what the options say. */
static unsigned
overflow_of(const cache_bin_t *bin, unsigned cind)
{
	bool small = cind_is_small(cind);
	if (likely(!is_set(small ? OPT_ID_lg_tcache_flush_small_div
				 : OPT_ID_lg_tcache_flush_large_div))) {
		return batch_of(bin);
	}
	unsigned lg_div = small ? opt.lg_tcache_flush_small_div
				: opt.lg_tcache_flush_large_div;
	return bin->capacity - (unsigned)(bin->capacity >> lg_div);
}

static void
free_slow(tsd_t *tsd, unsigned cind, void *ptr)
{
	cache_bin_t *bin = &tsd->bins[cind];
	cache_slot_t *slot = &tsd->slots[cind];
	slow_tick(tsd);
	bool wanted = bin->limit != 0 &&
	    (cind_is_small(cind) || bin->first != NULL ||
		bin->swings >= LARGE_MISSES);
	if (wanted) {
		note_event(tsd, cind, CACHE_OVERFLOW);
	}
	if (bin->capacity == 0) {
		tcache_return(cind, &ptr, 1);
		return;
	}
	if (!cache_slot_push(slot, ptr)) {
		flush_oldest(tsd, cind, overflow_of(bin, cind));
		(void)cache_slot_push(slot, ptr);
	}
}

void
tcache_free_slow(tsd_t *tsd, unsigned cind, void *ptr)
{
	idle_owner_enter(tsd);
	free_slow(tsd, cind, ptr);
	idle_owner_leave(tsd);
}

void
tcache_flush(tsd_t *tsd)
{
	idle_owner_enter(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		flush_all(tsd, cind);
	}
	idle_owner_leave(tsd);
	if (config_uaf_detection && opt.lg_san_uaf_align >= 0) {
		quarantine_flush(false);
	}
}

void
tcache_disable(tsd_t *tsd)
{
	idle_owner_enter(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		flush_all(tsd, cind);
		if (tsd->bins[cind].first != NULL) {
			array_drop(tsd, cind);
		}
		tsd->bins[cind].limit = 0;
	}
	internal_give_back(&tsd->arrays);
	tsd->cache_enabled = false;
	idle_owner_leave(tsd);
}

/* The lower half of the bin was not needed since the last collection. */
static void
gc_idle(tsd_t *tsd, unsigned cind)
{
	cache_bin_t *bin = &tsd->bins[cind];
	flush_oldest(tsd, cind, (unsigned)(cache_bin_end(bin) - bin->mark));
	if (!opt.experimental_tcache_gc || ++bin->idle < IDLE_TO_SHRINK) {
		return;
	}
	bin->idle = 0;
	unsigned count = cache_bin_count(bin, &tsd->slots[cind]);
	unsigned first = at_most(FIRST_BYTES, cind_usize(cind), FIRST_SLOTS);
	if (count == 0) {
		array_drop(tsd, cind);
	} else if (bin->capacity / 2 >= first && count <= bin->capacity / 2u) {
		(void)array_resize(tsd, cind, bin->capacity / 2u);
	}
}

/* The bin is empty: has a pointer been pushed since the last collection? */
static void
gc_empty(tsd_t *tsd, unsigned cind)
{
	cache_bin_t *bin = &tsd->bins[cind];
	void **first_used = cache_bin_end(bin) - 1;
	if (*first_used != NULL) {
		*first_used = NULL;
		bin->idle = 0;
	} else if (++bin->idle >= IDLE_TO_SHRINK) {
		bin->idle = 0;
		array_drop(tsd, cind);
	}
}

/* By low-water marks alone: rounds through the bins may have to wait. */
static bool
gc_waits(tsd_t *tsd)
{
	if (opt.experimental_tcache_gc || opt.tcache_gc_delay_bytes == 0) {
		return false;
	}
	if (tsd->allocated < tsd->gc_round_at) {
		return true;
	}
	if (next_active(tsd, tsd->gc_next) < tsd->gc_next) {
		tsd->gc_round_at = tsd->allocated + opt.tcache_gc_delay_bytes;
	}
	return false;
}

static void
gc_step(tsd_t *tsd)
{
	unsigned cind = gc_waits(tsd) ? 0 : gc_advance(tsd);
	internal_give_back(&tsd->arrays);
	if (cind == 0) {
		return;
	}
	cache_bin_t *bin = &tsd->bins[cind];
	unsigned count = cache_bin_count(bin, &tsd->slots[cind]);
	if (bin->capacity == 0) {
		/* All of it was taken. */
		array_drop(tsd, cind);
		return;
	}
	bin->swings = 0;
	if (cache_bin_is_marked(bin, &tsd->slots[cind])) {
		gc_idle(tsd, cind);
		count = cache_bin_count(bin, &tsd->slots[cind]);
	} else if (count != 0) {
		bin->idle = 0;
	} else if (opt.experimental_tcache_gc) {
		gc_empty(tsd, cind);
	}
	if (count != 0) {
		bin->mark = tsd->slots[cind].head + count / 2;
		bin->marked = *bin->mark;
		bin->mark_in_doubt = false;
		*bin->mark = NULL;
	}
}

void
tcache_gc_step(tsd_t *tsd)
{
	idle_owner_enter(tsd);
	gc_step(tsd);
	idle_owner_leave(tsd);
}

size_t
tcache_bytes(const tsd_t *tsd)
{
	size_t bytes = 0;
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		bytes += cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]) *
		    cind_usize(cind);
	}
	return bytes;
}

/* Give up what a bin holds, and its array. */
static void
bin_empty(tsd_t *tsd, unsigned cind)
{
	flush_all(tsd, cind);
	if (tsd->bins[cind].first != NULL) {
		array_drop(tsd, cind);
	}
}

void
tcache_set_max(tsd_t *tsd, size_t max)
{
	size_t before = tsd->cache_max;
	tsd->cache_max = max;
	idle_owner_enter(tsd);
	for (unsigned cind = 1; tsd->cache_enabled && cind < SC_NCIND; cind++) {
		if (!is_cached(max, cind)) {
			bin_empty(tsd, cind);
			tsd->bins[cind].limit = 0;
		} else if (!is_cached(before, cind)) {
			tsd->bins[cind].limit = (uint16_t)limit_of(tsd, cind);
		}
	}
	idle_owner_leave(tsd);
}

unsigned
tcache_ncached_max(const tsd_t *tsd, size_t size)
{
	unsigned cind = cind_of_usize(size_class_usize(size));
	return cind == 0 || !tsd->cache_enabled ? 0 : tsd->bins[cind].limit;
}

void
tcache_set_ncached_max(tsd_t *tsd, opt_range_t range)
{
	unsigned n = range.value > SLOTS_MAX ? SLOTS_MAX : range.value;
	size_t hi = range.hi > TCACHE_MAX ? TCACHE_MAX : range.hi;
	idle_owner_enter(tsd);
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		size_t below = cind == 1 ? 0 : cind_usize(cind - 1);
		if (range.lo > cind_usize(cind) || below >= hi ||
		    !is_cached(tsd->cache_max, cind)) {
			continue;
		}
		if (n < tsd->bins[cind].capacity || n == 0) {
			bin_empty(tsd, cind);
		}
		tsd->bins[cind].limit = (uint16_t)n;
	}
	idle_owner_leave(tsd);
}

/*
 * Another thread may be changing the bins: every word is read once, and what
 * makes no sense counts as nothing.
 */
__attribute__((no_sanitize("thread"))) static size_t
bytes_seen(const tsd_t *tsd, unsigned cind, unsigned end)
{
	size_t bytes = 0;
	for (; cind < end; cind++) {
		const cache_bin_t *bin = &tsd->bins[cind];
		void **first = *(void **const volatile *)&bin->first;
		void **head = *(void **const volatile *)&tsd->slots[cind].head;
		unsigned capacity = *(const volatile uint16_t *)&bin->capacity;
		uintptr_t past = (uintptr_t)(first + 1 + capacity);
		size_t n = (past - (uintptr_t)head) / sizeof(void *);
		if (first != NULL && n <= capacity) {
			bytes += n * cind_usize(cind);
		}
	}
	return bytes;
}

size_t
tcache_bytes_seen(const tsd_t *tsd)
{
	return bytes_seen(tsd, 1, SC_NCIND);
}

size_t
tcache_small_bytes_seen(const tsd_t *tsd)
{
	return bytes_seen(tsd, 1, SC_NBINS + 1);
}

__attribute__((no_sanitize("thread"))) const arena_t *
tcache_arena_seen(const tsd_t *tsd)
{
	return *(arena_t *const volatile *)&tsd->arena;
}
