#include "page/pac.h"

#include "meta/options.h"
#include "page/guard.h"
#include "page/hooks_default.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "platform/pages.h"

/* First growth step; later ones follow the page classes. */
#define GROW_FIRST ((size_t)2 << 20)

/* Most steps that are not taken after the split hook refused. */
#define GROW_SKIP_MAX ((unsigned)1 << 16)

/* Bounds of the pages that the small extent cache may hold. */
#define SEC_PAGES_MIN ((size_t)1 << (19 - LG_PAGE))
#define SEC_PAGES_MAX ((size_t)4 << (20 - LG_PAGE))

/* Bounds of the bytes that bins may keep, and their share of what is in use. */
#define KEPT_MIN ((size_t)1 << 20)
#define KEPT_MAX ((size_t)16 << 20)
#define KEPT_SHARE 4

/*
 * Extents of so many pages or more that get new memory make dirty pages go, down
 * to this part of those in use.
 */
#define GROWTH_MIN ((size_t)64)
#define LG_GROWTH_KEEPS 4

/* How much longer a free extent may be than what is asked for: any length. */
#define LG_FIT_ANY 64

/*
 * Where address space is limited, free memory of one arena may take this share
 * of it, and goes back to the system instead of being retained: the process
 * needs room for other mappings than ours, stacks of threads for instance.
 */
#define SPACE_SHARE 32

/* Where all that is mapped is locked in memory, it may take so much. */
#define SPACE_SHARE_LOCKED ((size_t)4 << 20)

/* The limit is first asked for when so much is mapped, then at each doubling. */
#define SPACE_FIRST_CHECK ((size_t)32 << 20)

bool (*pac_reclaim)(void);
void (*pac_release_kept)(unsigned arena_ind);
void (*pac_watcher)(unsigned arena_ind);
void (*pac_grown)(size_t total);
_Atomic int64_t pac_headroom = PAC_HEADROOM_NONE;
void (*pac_headroom_used)(size_t size);
_Atomic size_t pac_watch_npages_new = PAC_WATCH_NPAGES;

_Atomic size_t pac_space_share = SIZE_MAX;
static _Atomic size_t space_mapped;
static _Atomic size_t space_check_at = SPACE_FIRST_CHECK;

static void
space_check(void)
{
	size_t limit = pages_space_limit();
	size_t share = limit == SIZE_MAX ? SIZE_MAX : limit / SPACE_SHARE;
	if (share > SPACE_SHARE_LOCKED && pages_new_are_locked()) {
		share = SPACE_SHARE_LOCKED;
	}
	atomic_store_explicit(&pac_space_share, share, memory_order_relaxed);
}

static void
space_note_mapped(size_t size)
{
	size_t mapped = size +
	    atomic_fetch_add_explicit(&space_mapped, size,
		memory_order_relaxed);
	if (mapped >=
	    atomic_load_explicit(&space_check_at, memory_order_relaxed)) {
		atomic_store_explicit(&space_check_at, mapped * 2,
		    memory_order_relaxed);
		space_check();
		if (pac_grown != NULL) {
			pac_grown(mapped);
		}
	}
}

static void
decay_setup(pac_decay_t *pd, ssize_t ms, uint64_t now_ns, const char *name,
    lock_rank_t rank, uint64_t seed)
{
	mutex_init(&pd->lock, name, rank);
	decay_init(&pd->decay, ms, now_ns, seed);
	atomic_store_explicit(&pd->ms, ms, memory_order_relaxed);
}

void
pac_init(pac_t *pac, ehooks_t *ehooks, base_t *base0, unsigned arena_ind,
    ssize_t dirty_decay_ms, ssize_t muzzy_decay_ms, uint64_t now_ns)
{
	edata_cache_init(&pac->edata_cache, base0);
	pac->env.ehooks = ehooks;
	pac->env.edata_cache = &pac->edata_cache;
	pac->env.base0 = base0;
	pac->env.arena_ind = arena_ind;
	ecache_init(&pac->dirty, &pac->dirty_classes, EXTENT_DIRTY,
	    "extents_dirty", LOCK_ECACHE_DIRTY);
	ecache_init(&pac->muzzy, &pac->muzzy_classes, EXTENT_MUZZY,
	    "extents_muzzy", LOCK_ECACHE_MUZZY);
	ecache_init(&pac->retained, &pac->retained_classes, EXTENT_RETAINED,
	    "extents_retained", LOCK_ECACHE_RETAINED);
	decay_setup(&pac->dirty_decay, dirty_decay_ms, now_ns, "decay_dirty",
	    LOCK_DECAY_DIRTY, arena_ind);
	decay_setup(&pac->muzzy_decay, muzzy_decay_ms, now_ns, "decay_muzzy",
	    LOCK_DECAY_MUZZY, ~(uint64_t)arena_ind);
	pac_set_watch(pac,
	    atomic_load_explicit(&pac_watch_npages_new, memory_order_relaxed));
	sec_init(&pac->sec);
	mutex_init(&pac->grow_lock, "extents_grow", LOCK_ECACHE_GROW);
	pac->grow_next = pszind_ceil(GROW_FIRST);
	pac->grow_limit = SC_NPSIZES - 1;
}

static void
count(_Atomic size_t *counter, size_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/*
 * The step to grow by for `need` bytes; the series advances when it is used.
 * It stays in proportion to what the arena has, some of which may have been
 * given back since the series got there.
 */
static size_t
grow_step_locked(pac_t *pac, size_t need, unsigned *pszind)
{
	size_t half = atomic_load_explicit(&pac->mapped, memory_order_relaxed) /
		2 +
	    (ecache_npages(&pac->retained) << (LG_PAGE - 1));
	unsigned most = pszind_floor(align_down(half, PAGE) + GROW_FIRST);
	if (pac->grow_next > most) {
		pac->grow_next = most;
	}
	*pszind = pac->grow_next;
	while (pszind_size(*pszind) < need && *pszind < SC_NPSIZES - 1) {
		(*pszind)++;
	}
	return pszind_size(*pszind);
}

/* Map a growth step, or if that fails just what is needed. */
static edata_t *
grow_map_locked(pac_t *pac, size_t size, size_t alignment)
{
	unsigned pszind;
	size_t need = size + alignment - PAGE;
	if (need < size || need > SC_LARGE_MAX) {
		return NULL;
	}
	if (opt.retain && pac->grow_skip != 0) {
		pac->grow_skip--;
	} else if (opt.retain) {
		size_t step = grow_step_locked(pac, need, &pszind);
		if (pszind <= pac->grow_limit &&
		    step <= pac_space_share_now()) {
			edata_t *edata = extent_new(&pac->env, NULL, step, PAGE,
			    false, pac->serial_next);
			if (edata != NULL) {
				space_note_mapped(step);
				pac->serial_next++;
				pac->grow_next = pszind < pac->grow_limit
				    ? pszind + 1
				    : pac->grow_limit;
				return edata;
			}
		}
	}
	edata_t *edata = extent_new(&pac->env, NULL, size, alignment, true,
	    pac->serial_next);
	if (edata != NULL) {
		space_note_mapped(size);
		pac->serial_next++;
	} else {
		space_check();
	}
	return edata;
}

/* Put the parts that are not needed into the retained cache. */
static edata_t *
grow_carve(pac_t *pac, edata_t *edata, size_t size, size_t alignment)
{
	size_t lead = align_up(edata_base(edata), alignment) -
	    edata_base(edata);
	if (lead == 0 && edata->size == size) {
		return edata;
	}
	/* Through the cache: it carves, and merges with what is there. */
	uintptr_t start = edata_base(edata) + lead;
	ecache_put(&pac->env, &pac->retained, edata);
	edata = lead == 0
	    ? ecache_take_at(&pac->env, &pac->retained, (void *)start, size)
	    : NULL;
	if (edata == NULL) {
		edata = ecache_take(&pac->env, &pac->retained, size, alignment,
		    LG_FIT_ANY);
	}
	return edata;
}

/*
 * Steps are of no use while the split hook refuses: the more often it does,
 * the longer none is tried.
 */
static void
grow_note_carved_locked(pac_t *pac, bool carved)
{
	if (carved) {
		pac->grow_skip_next = 0;
		return;
	}
	pac->grow_skip_next = pac->grow_skip_next * 2 + 1;
	if (pac->grow_skip_next > GROW_SKIP_MAX) {
		pac->grow_skip_next = GROW_SKIP_MAX;
	}
	pac->grow_skip = pac->grow_skip_next;
}

static edata_t *
grow(pac_t *pac, size_t size, size_t alignment)
{
	mutex_lock(&pac->grow_lock);
	/* Someone may have grown while we waited. */
	edata_t *edata = ecache_take(&pac->env, &pac->retained, size, alignment,
	    LG_FIT_ANY);
	if (edata == NULL) {
		edata = grow_map_locked(pac, size, alignment);
		if (edata != NULL) {
			bool whole = edata->size == size;
			edata = grow_carve(pac, edata, size, alignment);
			if (!whole) {
				grow_note_carved_locked(pac, edata != NULL);
			}
		}
	}
	if (edata == NULL) {
		/* Uncarvable memory (a split was refused): exactly that much. */
		edata = extent_new(&pac->env, NULL, size, alignment, true,
		    pac->serial_next);
		pac->serial_next += edata != NULL;
	}
	mutex_unlock(&pac->grow_lock);
	return edata;
}

static edata_t *
take_dirty(pac_t *pac, size_t size, size_t alignment)
{
	edata_t *edata = ecache_take(&pac->env, &pac->dirty, size, alignment,
	    (unsigned)opt.lg_extent_max_active_fit);
	if (edata == NULL && ecache_npages(&pac->muzzy) != 0) {
		edata = ecache_take(&pac->env, &pac->muzzy, size, alignment,
		    LG_FIT_ANY);
	}
	return edata;
}

/* Memory comes into use that was not. */
static void
count_mapped(pac_t *pac, size_t size)
{
	count(&pac->mapped, size);
	if (unlikely(atomic_load_explicit(&pac_headroom,
			 memory_order_relaxed) != PAC_HEADROOM_NONE)) {
		int64_t left = atomic_fetch_sub_explicit(&pac_headroom,
		    (int64_t)size, memory_order_relaxed);
		if (left < (int64_t)size) {
			pac_headroom_used(size);
		}
	}
}

/* Retained or new memory, committed. */
static edata_t *
take_unmapped(pac_t *pac, size_t size, size_t alignment)
{
	edata_t *edata = ecache_take(&pac->env, &pac->retained, size, alignment,
	    LG_FIT_ANY);
	if (edata == NULL) {
		edata = grow(pac, size, alignment);
	}
	if (edata == NULL) {
		return NULL;
	}
	if (extent_commit(&pac->env, edata) != ERR_NONE) {
		ecache_put(&pac->env, &pac->retained, edata);
		return NULL;
	}
	count_mapped(pac, size);
	return edata;
}

bool
pac_keep_more(pac_t *pac, size_t size)
{
	size_t most = KEPT_MIN +
	    (atomic_load_explicit(&pac->nactive, memory_order_relaxed)
		<< LG_PAGE) /
		KEPT_SHARE;
	most = most < KEPT_MAX ? most : KEPT_MAX;
	if (!pac_keeps(pac) || pac_space_share_now() != SIZE_MAX ||
	    atomic_load_explicit(&pac->kept, memory_order_relaxed) + size >
		most) {
		return false;
	}
	count(&pac->kept, size);
	return true;
}

void
pac_keep_less(pac_t *pac, size_t size)
{
	atomic_fetch_sub_explicit(&pac->kept, size, memory_order_relaxed);
}

/* Pages that may wait in the small extent cache. */
static size_t
sec_limit(const pac_t *pac)
{
	size_t limit = SEC_PAGES_MIN +
	    atomic_load_explicit(&pac->nactive, memory_order_relaxed) / 16;
	return limit < SEC_PAGES_MAX ? limit : SEC_PAGES_MAX;
}

static void
put_dirty(pac_t *pac, edata_t **extents, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ecache_put(&pac->env, &pac->dirty, extents[i]);
	}
}

static void
sec_pass_on_long(pac_t *pac, bool all)
{
	edata_t *extents[SEC_LONG_DEPTH];
	for (unsigned i = 0; i < SEC_NLONG; i++) {
		put_dirty(pac, extents,
		    sec_collect_long(&pac->sec, i, all, extents));
	}
}

/* Pass on what waits in the small extent cache, all or what is not used. */
static void
sec_pass_on(pac_t *pac, bool all)
{
	edata_t *extents[SEC_DEPTH];
	if (sec_npages(&pac->sec) == 0) {
		return;
	}
	for (size_t npages = 1; npages <= SEC_NPAGES_MAX; npages++) {
		put_dirty(pac, extents,
		    sec_collect(&pac->sec, npages, all, extents));
	}
	sec_pass_on_long(pac, all);
}

/* An extent that waits as it was freed, of exactly that length. */
static edata_t *
take_uncut(pac_t *pac, size_t npages)
{
	if (npages <= SEC_NPAGES_MAX) {
		return sec_take(&pac->sec, npages);
	}
	edata_t *edata = sec_take_long(&pac->sec, npages);
	if (edata == NULL) {
		sec_note_asked(&pac->sec, npages);
	}
	return edata;
}

static void
purge_to_limit(pac_t *pac, extent_state_t state, size_t npages_limit, bool all);

/*
 * New memory for a long extent although dirty pages are there, too short or too
 * cut up: as many of these go, oldest first, but for a small part.  So what is
 * resident does not grow by what could not be used.  Not where an option spares
 * longer extents: those are to stay.
 */
static void
make_up_for(pac_t *pac, size_t npages)
{
	size_t ndirty = ecache_npages(&pac->dirty);
	size_t keep = atomic_load_explicit(&pac->nactive,
			  memory_order_relaxed) >>
	    LG_GROWTH_KEEPS;
	if (npages < GROWTH_MIN || ndirty <= keep || !pac_keeps(pac) ||
	    pac_dirty_decay_ms(pac) < 0 ||
	    opt.lg_extent_max_active_fit < LG_FIT_ANY) {
		return;
	}
	size_t limit = ndirty - keep > npages ? ndirty - npages : keep;
	if (mutex_trylock(&pac->dirty_decay.lock)) {
		purge_to_limit(pac, EXTENT_DIRTY, limit, false);
		mutex_unlock(&pac->dirty_decay.lock);
	}
}

edata_t *
pac_alloc(pac_t *pac, size_t size, size_t alignment, pac_source_t source)
{
	assert(is_aligned(size, PAGE) && alignment >= PAGE);
	edata_t *edata = NULL;
	if (source == PAC_REUSE) {
		if (alignment == PAGE) {
			edata = take_uncut(pac, size >> LG_PAGE);
		}
		if (edata == NULL) {
			edata = take_dirty(pac, size, alignment);
		}
		if (edata == NULL && sec_npages(&pac->sec) >= size >> LG_PAGE) {
			/* Merged, what waits uncut may do. */
			sec_pass_on(pac, true);
			edata = take_dirty(pac, size, alignment);
		}
		if (edata == NULL &&
		    unlikely(atomic_load_explicit(&pac->kept,
				 memory_order_relaxed) >= size)) {
			pac_release_kept(pac->env.arena_ind);
			sec_pass_on(pac, true);
			edata = take_dirty(pac, size, alignment);
		}
		if (edata == NULL) {
			make_up_for(pac, size >> LG_PAGE);
		}
	}
	if (edata == NULL) {
		edata = take_unmapped(pac, size, alignment);
	}
	if (edata == NULL && source == PAC_UNTOUCHED) {
		edata = take_dirty(pac, size, alignment);
	}
	/* What no address space has room for is no reason to give up caches. */
	if (edata == NULL && size >> (LG_VADDR - 1) == 0 &&
	    pac_reclaim != NULL && pac_reclaim()) {
		edata = take_unmapped(pac, size, alignment);
	}
	if (edata != NULL) {
		count(&pac->nactive, size >> LG_PAGE);
	}
	return edata;
}

/* An extent whose pages are gone keeps its address space. */
static void
put_retained(pac_t *pac, edata_t *edata)
{
	if (unlikely(edata->huge)) {
		huge_unmark(edata);
	}
	ecache_put(&pac->env, &pac->retained, edata);
}

/* An extent that left dirty or muzzy for good: retained, or given back. */
static void
retire(pac_t *pac, edata_t *edata, bool was_muzzy)
{
	size_t size = edata->size;
	atomic_fetch_sub_explicit(&pac->mapped, size, memory_order_relaxed);
	bool keep = opt.retain && ehooks_are_default(pac->env.ehooks) &&
	    pac_space_share_now() == SIZE_MAX;
	if (!keep && extent_unmap(&pac->env, edata) == ERR_NONE) {
		return;
	}
	if (ehooks_decommit(pac->env.ehooks, edata->addr, size) == ERR_NONE) {
		edata->committed = false;
		edata->zeroed = false;
	} else if (extent_purge_forced(&pac->env, edata) != ERR_NONE) {
		edata->zeroed = false;
		if (!was_muzzy) {
			(void)!ehooks_purge_lazy(pac->env.ehooks, edata->addr,
			    size);
		}
	}
	put_retained(pac, edata);
}

/* Purge one evicted dirty extent: to muzzy, or out. */
static void
purge_dirty_extent(pac_t *pac, edata_t *edata, bool all)
{
	if (!all && pac_muzzy_decay_ms(pac) != 0 &&
	    ehooks_purge_lazy(pac->env.ehooks, edata->addr, edata->size) ==
		ERR_NONE) {
		edata->zeroed = false;
		ecache_put(&pac->env, &pac->muzzy, edata);
		return;
	}
	retire(pac, edata, false);
}

/* Extents that are to be purged by one call (process_madvise_max_batch). */
#define BATCH_MAX 128

typedef struct {
	unsigned n, max; /* max 0: one by one */
	edata_t *extents[BATCH_MAX];
} batch_t;

/* Only memory that is retained, and not offered to the system lazily. */
static unsigned
batch_max(const pac_t *pac, bool to_muzzy)
{
	return to_muzzy || !opt.retain ||
		!ehooks_are_default(pac->env.ehooks) ||
		pac_space_share_now() != SIZE_MAX
	    ? 0
	    : (unsigned)opt.process_madvise_max_batch;
}

/* As retire(), for all of the batch; returns the calls that it took. */
static unsigned
batch_retire(pac_t *pac, batch_t *batch)
{
	struct iovec ranges[BATCH_MAX];
	unsigned n = batch->n;
	for (unsigned i = 0; i < n; i++) {
		ranges[i].iov_base = batch->extents[i]->addr;
		ranges[i].iov_len = batch->extents[i]->size;
	}
	batch->n = 0;
	if (n == 0 || pages_purge_forced_all(ranges, n) != ERR_NONE) {
		batch->max = 0;
		for (unsigned i = 0; i < n; i++) {
			retire(pac, batch->extents[i], false);
		}
		return n;
	}
	for (unsigned i = 0; i < n; i++) {
		edata_t *edata = batch->extents[i];
		atomic_fetch_sub_explicit(&pac->mapped, edata->size,
		    memory_order_relaxed);
		edata->zeroed = true;
		put_retained(pac, edata);
	}
	return 1;
}

static void
purge_to_limit(pac_t *pac, extent_state_t state, size_t npages_limit, bool all)
{
	bool dirty = state == EXTENT_DIRTY;
	ecache_t *ecache = dirty ? &pac->dirty : &pac->muzzy;
	pac_decay_stats_t *stats = dirty ? &pac->dirty_decay.stats
					 : &pac->muzzy_decay.stats;
	/* What comes in meanwhile is not for this sweep. */
	size_t left = ecache_npages(ecache);
	uint64_t nmadvise = 0, purged = 0;
	batch_t batch;
	batch.n = 0;
	batch.max = batch_max(pac,
	    dirty && !all && pac_muzzy_decay_ms(pac) != 0);
	while (left > npages_limit) {
		edata_t *edata = ecache_evict(&pac->env, ecache, npages_limit);
		if (edata == NULL) {
			break;
		}
		size_t npages = edata_npages(edata);
		purged += npages;
		left -= npages < left ? npages : left;
		if (unlikely(batch.max != 0)) {
			batch.extents[batch.n++] = edata;
			nmadvise += batch.n == batch.max
			    ? batch_retire(pac, &batch)
			    : 0;
			continue;
		}
		nmadvise++;
		if (dirty) {
			purge_dirty_extent(pac, edata, all);
		} else {
			retire(pac, edata, true);
		}
	}
	nmadvise += batch.n != 0 ? batch_retire(pac, &batch) : 0;
	if (nmadvise != 0) {
		atomic_fetch_add_explicit(&stats->npurge, 1,
		    memory_order_relaxed);
		atomic_fetch_add_explicit(&stats->nmadvise, nmadvise,
		    memory_order_relaxed);
		atomic_fetch_add_explicit(&stats->purged, purged,
		    memory_order_relaxed);
	}
}

void
pac_tell_watcher(pac_t *pac)
{
	if (atomic_exchange_explicit(&pac->watch_npages, PAC_WATCH_NONE,
		memory_order_relaxed) != PAC_WATCH_NONE &&
	    pac_watcher != NULL) {
		pac_watcher(pac->env.arena_ind);
	}
}

/* Dirty pages that the cap is for. */
static size_t
capped(const pac_t *pac)
{
	return ecache_npages(&pac->dirty) + sec_npages_long(&pac->sec);
}

/* After pages became dirty: the immediate and the capped cases. */
static void
dirty_added(pac_t *pac)
{
	ssize_t ms = pac_dirty_decay_ms(pac);
	size_t limit;
	pac_watch(pac, ecache_npages(&pac->dirty));
	if (ms == 0) {
		limit = 0;
	} else if (ms > 0 && capped(pac) > pac_dirty_cap(pac)) {
		/* A bit below, so that not every free has to purge. */
		limit = pac_dirty_cap(pac) / 4 * 3;
	} else {
		return;
	}
	if (mutex_trylock(&pac->dirty_decay.lock)) {
		sec_pass_on_long(pac, true);
		purge_to_limit(pac, EXTENT_DIRTY, limit, ms == 0);
		mutex_unlock(&pac->dirty_decay.lock);
	}
}

/* Into the dirty extents, merged with its neighbours. */
static void
dalloc_merged(pac_t *pac, edata_t *edata)
{
	edata->zeroed = false;
	ecache_put(&pac->env, &pac->dirty, edata);
	dirty_added(pac);
}

/* An extent that was in use has become inaccessible. */
static void
give_up(pac_t *pac, edata_t *edata)
{
	size_t size = edata->size;
	atomic_fetch_sub_explicit(&pac->nactive, size >> LG_PAGE,
	    memory_order_relaxed);
	atomic_fetch_sub_explicit(&pac->mapped, size, memory_order_relaxed);
	if (extent_unmap(&pac->env, edata) != ERR_NONE) {
		pagemap_forget(edata);
		edata_cache_put(&pac->edata_cache, edata);
		count(&pac->abandoned, size);
	}
}

void
pac_dalloc(pac_t *pac, edata_t *edata)
{
	if (unlikely(edata->guarded) && guard_remove(edata) != ERR_NONE) {
		give_up(pac, edata);
		return;
	}
	if (edata->size > SEC_NPAGES_MAX << LG_PAGE) {
		if (pac_dalloc_again(pac, edata)) {
			return;
		}
	} else if (pac_keeps(pac)) {
		edata->zeroed = false;
		size_t npages = edata_npages(edata);
		if (sec_put(&pac->sec, edata, sec_limit(pac))) {
			pac_note_uncut(pac, npages);
			return;
		}
	}
	atomic_fetch_sub_explicit(&pac->nactive, edata_npages(edata),
	    memory_order_relaxed);
	dalloc_merged(pac, edata);
}

void
pac_dalloc_untouched(pac_t *pac, edata_t *edata)
{
	atomic_fetch_sub_explicit(&pac->nactive, edata_npages(edata),
	    memory_order_relaxed);
	atomic_fetch_sub_explicit(&pac->mapped, edata->size,
	    memory_order_relaxed);
	put_retained(pac, edata);
}

/* What waits uncut at an address goes where it can be cut; false: nothing. */
static bool
sec_pass_on_at(pac_t *pac, void *addr)
{
	edata_t *edata = pagemap_extent(addr);
	if (edata == NULL || !sec_take_at(&pac->sec, edata, addr)) {
		return false;
	}
	ecache_put(&pac->env, &pac->dirty, edata);
	return true;
}

/* The `size` bytes behind an extent, from wherever they are free. */
static edata_t *
take_behind(pac_t *pac, void *addr, size_t size)
{
	edata_t *more = ecache_take_at(&pac->env, &pac->dirty, addr, size);
	if (more == NULL && sec_npages(&pac->sec) != 0 &&
	    sec_pass_on_at(pac, addr)) {
		more = ecache_take_at(&pac->env, &pac->dirty, addr, size);
	}
	if (more == NULL) {
		more = ecache_take_at(&pac->env, &pac->muzzy, addr, size);
	}
	if (more != NULL) {
		return more;
	}
	more = ecache_take_at(&pac->env, &pac->retained, addr, size);
	if (more == NULL && !opt.retain) {
		mutex_lock(&pac->grow_lock);
		more = extent_new(&pac->env, addr, size, PAGE, true,
		    pac->serial_next);
		pac->serial_next += more != NULL;
		mutex_unlock(&pac->grow_lock);
	}
	if (more == NULL) {
		return NULL;
	}
	if (extent_commit(&pac->env, more) != ERR_NONE) {
		ecache_put(&pac->env, &pac->retained, more);
		return NULL;
	}
	count_mapped(pac, size);
	return more;
}

/* The cache that seems to have what is at an address; NULL: none. */
static ecache_t *
cache_at(pac_t *pac, uintptr_t addr)
{
	edata_t *edata = pagemap_extent((void *)addr);
	uint32_t owner = edata == NULL ? 0 : edata_owner(edata);
	if (edata_word_arena_ind(owner) != pac->env.arena_ind) {
		return NULL;
	}
	switch (owner & 0xff) {
	case EXTENT_DIRTY:
		return &pac->dirty;
	case EXTENT_MUZZY:
		return &pac->muzzy;
	case EXTENT_RETAINED:
		return &pac->retained;
	default:
		return NULL;
	}
}

/* By moving the end of what is free behind, which is longer. */
static bool
expand_into(pac_t *pac, edata_t *edata, size_t more_size, bool *zeroed)
{
	if (!ehooks_are_default(pac->env.ehooks)) {
		return false;
	}
	ecache_t *ecache = cache_at(pac, edata_end(edata));
	if (ecache == NULL ||
	    !ecache_grow_into(&pac->env, ecache, edata, more_size, zeroed)) {
		return false;
	}
	if (ecache == &pac->retained) {
		count_mapped(pac, more_size);
	}
	count(&pac->nactive, more_size >> LG_PAGE);
	return true;
}

err_t
pac_expand(pac_t *pac, edata_t *edata, size_t new_size, bool *zeroed)
{
	size_t more_size = new_size - edata->size;
	if (likely(expand_into(pac, edata, more_size, zeroed))) {
		return ERR_NONE;
	}
	edata_t *more = take_behind(pac, (void *)edata_end(edata), more_size);
	if (more == NULL) {
		return ERR_NOMEM;
	}
	bool more_zeroed = more->zeroed;
	if (!extent_mergeable(&pac->env, edata, more) ||
	    extent_merge(&pac->env, edata, more) != ERR_NONE) {
		retire(pac, more, false);
		return ERR_REFUSED;
	}
	*zeroed = more_zeroed;
	count(&pac->nactive, more_size >> LG_PAGE);
	return ERR_NONE;
}

err_t
pac_shrink(pac_t *pac, edata_t *edata, size_t new_size)
{
	edata_t *trail = extent_split(&pac->env, edata, new_size);
	if (trail == NULL) {
		return ERR_REFUSED;
	}
	atomic_fetch_sub_explicit(&pac->nactive, edata_npages(trail),
	    memory_order_relaxed);
	/* Not uncut: the block may want it back. */
	dalloc_merged(pac, trail);
	return ERR_NONE;
}

static void
decay_tick_one(pac_t *pac, pac_decay_t *pd, ecache_t *ecache, uint64_t now_ns)
{
	if (!mutex_trylock(&pd->lock)) {
		return;
	}
	if (decay_advance(&pd->decay, now_ns, ecache_npages(ecache))) {
		if (ecache == &pac->dirty) {
			sec_pass_on(pac, false);
		}
		purge_to_limit(pac, ecache->state, pd->decay.npages_limit,
		    false);
		decay_note_purged(&pd->decay, ecache_npages(ecache));
	}
	mutex_unlock(&pd->lock);
}

void
pac_decay_tick(pac_t *pac, uint64_t now_ns)
{
	/* Also without dirty pages: that there are none has to be noted. */
	decay_tick_one(pac, &pac->dirty_decay, &pac->dirty, now_ns);
	if (pac_muzzy_decay_ms(pac) > 0 || ecache_npages(&pac->muzzy) != 0) {
		decay_tick_one(pac, &pac->muzzy_decay, &pac->muzzy, now_ns);
	}
}

static uint64_t
ns_until(pac_decay_t *pd, size_t npages, size_t nwanted)
{
	mutex_lock(&pd->lock);
	uint64_t ns = decay_ns_until(&pd->decay, npages, nwanted);
	mutex_unlock(&pd->lock);
	return ns;
}

uint64_t
pac_ns_until_purge(pac_t *pac, size_t npages)
{
	uint64_t dirty = ns_until(&pac->dirty_decay, pac_ndirty(pac), npages);
	uint64_t muzzy = ns_until(&pac->muzzy_decay, ecache_npages(&pac->muzzy),
	    npages);
	return dirty < muzzy ? dirty : muzzy;
}

size_t
pac_npages_due_within(pac_t *pac, size_t npages, uint64_t ns)
{
	const size_t unit = (size_t)1 << 16;
	mutex_lock(&pac->dirty_decay.lock);
	size_t kept = decay_npages_kept_after(&pac->dirty_decay.decay, unit,
	    ns);
	mutex_unlock(&pac->dirty_decay.lock);
	return kept == unit ? PAC_WATCH_NONE : npages * unit / (unit - kept);
}

void
pac_purge_all(pac_t *pac)
{
	mutex_lock(&pac->dirty_decay.lock);
	sec_pass_on(pac, true);
	purge_to_limit(pac, EXTENT_DIRTY, 0, true);
	mutex_unlock(&pac->dirty_decay.lock);
	mutex_lock(&pac->muzzy_decay.lock);
	purge_to_limit(pac, EXTENT_MUZZY, 0, true);
	mutex_unlock(&pac->muzzy_decay.lock);
}

void
pac_purge_down_to(pac_t *pac, size_t npages)
{
	mutex_lock(&pac->dirty_decay.lock);
	sec_pass_on(pac, npages == 0);
	purge_to_limit(pac, EXTENT_DIRTY, npages, true);
	mutex_unlock(&pac->dirty_decay.lock);
}

bool
pac_release_all(pac_t *pac)
{
	bool released = pac_ndirty(pac) != 0 || ecache_npages(&pac->muzzy) != 0;
	pac_purge_all(pac);
	size_t left = ecache_npages(&pac->retained);
	while (left > 0) {
		edata_t *edata = ecache_evict(&pac->env, &pac->retained, 0);
		if (edata == NULL) {
			break;
		}
		size_t npages = edata_npages(edata);
		left -= npages < left ? npages : left;
		if (extent_unmap(&pac->env, edata) == ERR_NONE) {
			released = true;
		} else {
			ecache_put(&pac->env, &pac->retained, edata);
		}
	}
	return released;
}

err_t
pac_set_decay_ms(pac_t *pac, extent_state_t state, ssize_t ms, uint64_t now_ns)
{
	if (!decay_ms_valid(ms)) {
		return ERR_INVALID;
	}
	bool dirty = state == EXTENT_DIRTY;
	pac_decay_t *pd = dirty ? &pac->dirty_decay : &pac->muzzy_decay;
	mutex_lock(&pd->lock);
	decay_init(&pd->decay, ms, now_ns, pd->decay.prng);
	atomic_store_explicit(&pd->ms, ms, memory_order_relaxed);
	if (ms >= 0) {
		/* The backlog is gone: earlier pages count as decayed. */
		if (dirty) {
			sec_pass_on(pac, true);
		}
		purge_to_limit(pac, state, 0, false);
	}
	pac_set_watch(pac,
	    atomic_load_explicit(&pac_watch_npages_new, memory_order_relaxed));
	mutex_unlock(&pd->lock);
	return ERR_NONE;
}

size_t
pac_grow_limit(pac_t *pac)
{
	mutex_lock(&pac->grow_lock);
	size_t limit = pszind_size(pac->grow_limit);
	mutex_unlock(&pac->grow_lock);
	return limit;
}

void
pac_set_grow_limit(pac_t *pac, size_t limit)
{
	assert(limit >= PAGE);
	mutex_lock(&pac->grow_lock);
	pac->grow_limit = limit >= SC_LARGE_MAX
	    ? SC_NPSIZES - 1
	    : pszind_floor(align_down(limit, PAGE));
	if (pac->grow_next > pac->grow_limit) {
		pac->grow_next = pac->grow_limit;
	}
	mutex_unlock(&pac->grow_lock);
}

void
pac_destroy(pac_t *pac)
{
	pac_purge_all(pac);
	edata_t *edata;
	while ((edata = ecache_evict(&pac->env, &pac->retained, 0)) != NULL) {
		extent_destroy(&pac->env, edata);
	}
	while (pac->edata_cache.nunused != 0) {
		edata = edata_cache_get(&pac->edata_cache);
		edata_cache_put(pac->edata_cache.parent, edata);
	}
}

bool
pac_verify(pac_t *pac)
{
	return ecache_verify(&pac->env, &pac->dirty) &&
	    ecache_verify(&pac->env, &pac->muzzy) &&
	    ecache_verify(&pac->env, &pac->retained);
}

/* All locks in rank order, a stage for each so that arenas interleave. */
#define STAGE_SEC 2

static mutex_t *
fork_lock(pac_t *pac, int stage)
{
	mutex_t *locks[PAC_PREFORK_STAGES] = {
	    &pac->dirty_decay.lock,
	    &pac->muzzy_decay.lock,
	    NULL, /* STAGE_SEC */
	    &pac->grow_lock,
	    &pac->dirty.lock,
	    &pac->muzzy.lock,
	    &pac->retained.lock,
	    &pac->edata_cache.lock,
	};
	return locks[stage];
}

void NO_THREAD_SAFETY
pac_prefork(pac_t *pac, int stage)
{
	if (stage == STAGE_SEC) {
		sec_prefork(&pac->sec);
	} else {
		mutex_prefork(fork_lock(pac, stage));
	}
}

static void
postfork(pac_t *pac, void (*release)(mutex_t *), void (*release_sec)(sec_t *))
{
	for (int stage = PAC_PREFORK_STAGES - 1; stage >= 0; stage--) {
		if (stage == STAGE_SEC) {
			release_sec(&pac->sec);
		} else {
			release(fork_lock(pac, stage));
		}
	}
}

void
pac_postfork_parent(pac_t *pac)
{
	postfork(pac, mutex_postfork_parent, sec_postfork_parent);
}

void
pac_postfork_child(pac_t *pac)
{
	postfork(pac, mutex_postfork_child, sec_postfork_child);
}
