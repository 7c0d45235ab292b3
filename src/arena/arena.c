#include "arena/arena.h"

#include <string.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "arena/misuse.h"
#include "page/guard.h"
#include "page/huge.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "platform/pages.h"

/* Regions of one flush that are looked up at a time. */
#define FLUSH_CHUNK 64

void
arena_init(arena_t *arena, unsigned ind, base_t *base, base_t *base0,
    extent_hooks_t *table, bool automatic)
{
	uint64_t now = clock_ns();
	arena->ind = ind;
	arena->base = base;
	arena->created_ns = now;
	arena->automatic = automatic;
	ehooks_init(&arena->ehooks, table, ind);
	pac_init(&arena->pac, &arena->ehooks, base0, ind,
	    arenas_dirty_decay_ms(), arenas_muzzy_decay_ms(), now);
	atomic_store_explicit(&arena->oversize_threshold,
	    opt.oversize_threshold == 0 ? SC_LARGE_MAX + PAGE
					: opt.oversize_threshold,
	    memory_order_relaxed);
	holes_init(&arena->holes, now);
	mutex_init(&arena->large_lock, "large", LOCK_LARGE);
	list_init(&arena->large);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_init(&arena->bins[szind], !arena->automatic);
	}
	if (unlikely(opt.bin_shards.count != 0)) {
		arena_add_bins(arena);
	}
}

void
arena_add_bins(arena_t *arena)
{
	if (bin_infos_nmore == 0 || arena_more(arena) != NULL) {
		return;
	}
	bin_t *more = base_alloc(arena->base, bin_infos_nmore * sizeof(bin_t),
	    CACHELINE);
	for (unsigned i = 0; more != NULL && i < bin_infos_nmore; i++) {
		bin_init(&more[i], !arena->automatic);
	}
	atomic_store_explicit(&arena->more, more, memory_order_release);
}

unsigned
arena_take_shard(arena_t *arena)
{
	uint64_t used = atomic_load_explicit(&arena->shards,
	    memory_order_relaxed);
	while (~used != 0) {
		unsigned shard = (unsigned)bits_ctz64(~used);
		if (atomic_compare_exchange_weak_explicit(&arena->shards, &used,
			used | (uint64_t)1 << shard, memory_order_relaxed,
			memory_order_relaxed)) {
			return shard;
		}
	}
	/* As evenly as can be had for nothing. */
	return ARENA_SHARD_NONE +
	    atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
}

void
arena_give_shard(arena_t *arena, unsigned shard)
{
	if (shard < ARENA_SHARD_NONE) {
		atomic_fetch_and_explicit(&arena->shards,
		    ~((uint64_t)1 << shard), memory_order_relaxed);
	}
}

arena_t *
arena_of(const edata_t *edata)
{
	return arenas_get(edata_arena_ind(edata));
}

/* Slabs, all full, from which on a bin counts as growing densely. */
#define DENSE_SLABS 2

/* Pages for a slab; all its regions are free.  dense: all will be used. */
static edata_t *
slab_alloc(arena_t *arena, unsigned szind, unsigned shard, bool dense)
{
	edata_t *slab = NULL;
	if (unlikely(guard_due(GUARD_SLAB))) {
		slab = guard_alloc(&arena->pac, bin_infos[szind].slab_size);
	}
	if (likely(slab == NULL)) {
		slab = pac_alloc(&arena->pac, bin_infos[szind].slab_size, PAGE,
		    PAC_REUSE);
	}
	if (slab == NULL) {
		return NULL;
	}
	slab->slab = true;
	slab->cind = (uint8_t)cind_of_small(szind);
	if (unlikely(shard != 0)) {
		edata_set_shard(slab, shard);
	}
	pagemap_set_slab(slab, SC_CODE(cind_of_small(szind)));
	if (slab->zeroed) {
		huge_note_slab(&arena->pac, slab);
		if (unlikely(opt.populate) && dense) {
			(void)!pages_populate(slab->addr, slab->size);
		}
	}
	return slab;
}

void
arena_slab_dalloc(edata_t *slab)
{
	arena_t *arena = arena_of(slab);
	pagemap_clear_slab(slab);
	slab->slab = false;
	slab->cind = 0;
	slab->usize = 0;
	slab->freed_usize = 0;
	if (unlikely(edata_shard(slab) != 0)) {
		edata_set_shard(slab, 0);
	}
	pac_dalloc(&arena->pac, slab);
}

/* What is left to do once the lock is dropped. */
typedef struct {
	bool wants_sweep;
	unsigned nempty, nbad;
	edata_t *empty[FLUSH_CHUNK]; /* slabs to give back */
	void *bad[FLUSH_CHUNK]; /* pointers that are no live regions */
} aftermath_t;

_Static_assert(FLUSH_CHUNK <= BIN_HANDOFF_MAX, "a chunk can be left");

static bool
is_slab_of(const edata_t *edata, unsigned szind, const void *ptr)
{
	return edata != NULL && edata->slab &&
	    edata->cind == cind_of_small(szind) && edata_covers(edata, ptr);
}

/*
 * Return those regions that are the bin's (whose slabs have the word `mine`);
 * the others are moved to the front.  Returns how many are left.  One look-up
 * serves neighbours.
 */
static unsigned NO_THREAD_SAFETY
return_locked(bin_t *bin, uint32_t mine, unsigned szind, void **regs,
    edata_t **edatas, unsigned n, aftermath_t *after)
{
	const bin_info_t info = bin_infos[szind];
	bin_returns_t to = {0};
	edata_t *empty;
	uintptr_t base = 0;
	size_t size = 0;
	unsigned left = 0;
	for (unsigned i = 0; i < n; i++) {
		void *ptr = regs[i];
		if ((uintptr_t)ptr - base >= size) {
			edata_t *edata = edatas[i];
			if (unlikely(!is_slab_of(edata, szind, ptr))) {
				after->bad[after->nbad++] = ptr;
				continue;
			}
			if (unlikely(edata_owner(edata) != mine)) {
				edatas[left] = edata;
				regs[left++] = ptr;
				continue;
			}
			to = bin_returns_begin_locked(bin, edata, info.nregs);
			base = edata_base(edata);
			size = edata->size;
		}
		unsigned region = bin_info_region(&info, (uintptr_t)ptr - base);
		bin_return_t result = unlikely(region >= info.nregs)
		    ? BIN_DOUBLE_FREE
		    : bin_return_locked(bin, &to, info.nregs, region, &empty);
		if (likely(result == BIN_RETURNED)) {
			continue;
		}
		if (result == BIN_DOUBLE_FREE) {
			after->bad[after->nbad++] = ptr;
			continue;
		}
		empty->slab = false;
		after->empty[after->nempty++] = empty;
		size = 0;
	}
	bin->stats.ndalloc += n - left - after->nbad;
	bin->stats.nflushes++;
	after->wants_sweep = bin_wants_sweep_locked(bin, szind) ||
	    bin_wants_aging_locked(bin);
	return left;
}

/*
 * As return_locked(), below the lock that is held; drops it.  Faults and pages
 * are dealt with without it.
 */
static unsigned NO_THREAD_SAFETY
return_and_unlock(bin_t *bin, uint32_t mine, unsigned szind, void **regs,
    edata_t **edatas, unsigned n)
{
	aftermath_t after;
	after.nempty = after.nbad = 0;
	unsigned left = return_locked(bin, mine, szind, regs, edatas, n,
	    &after);
	mutex_unlock(&bin->lock);
	for (unsigned i = 0; i < after.nempty; i++) {
		arena_slab_dalloc(after.empty[i]);
	}
	for (unsigned i = 0; i < after.nbad; i++) {
		misuse_report(after.bad[i]);
	}
	if (unlikely(after.wants_sweep)) {
		holes_want(arenas_get(edata_word_arena_ind(mine)));
	}
	return left;
}

/*
 * The arena that a region seems to be of, and the number of its bin there.
 * NULL: reported, it is no region.
 */
static arena_t *
owner_of(unsigned szind, const void *ptr, edata_t *edata, unsigned *shard)
{
	arena_t *arena = is_slab_of(edata, szind, ptr) ? arena_of(edata) : NULL;
	*shard = 0;
	if (arena != NULL && unlikely(arena->more != NULL)) {
		*shard = edata_shard(edata) % arena_nshards(arena, szind);
	}
	if (unlikely(arena == NULL)) {
		misuse_report(ptr);
	}
	return arena;
}

/*
 * Whether a batch may be left at a busy bin of the arena, the first of its
 * class: all of it has to be the bin's own, so that resetting another arena leaves nothing behind, and
 * arenas made by hand take nothing in later.
 */
static bool
may_leave(const arena_t *arena, unsigned szind, void **regs, edata_t **edatas,
    unsigned n)
{
	uint32_t mine = edata_owner_word(arena->ind, EXTENT_ACTIVE);
	for (unsigned i = 0; i < n; i++) {
		if (!is_slab_of(edatas[i], szind, regs[i]) ||
		    edata_owner(edatas[i]) != mine) {
			return false;
		}
	}
	return arena->automatic;
}

/*
 * The extents of a chunk, before the lock: cache misses of different regions
 * overlap, and nobody waits for them.  Neighbours in a page are looked up once.
 */
static void
look_up(void **regs, edata_t **edatas, unsigned n)
{
	uintptr_t page = 0;
	edata_t *edata = NULL;
	for (unsigned i = 0; i < n; i++) {
		if ((uintptr_t)regs[i] >> LG_PAGE != page) {
			page = (uintptr_t)regs[i] >> LG_PAGE;
			edata = pagemap_extent(regs[i]);
			__builtin_prefetch(edata, 1);
			__builtin_prefetch((char *)edata + CACHELINE, 1);
		}
		edatas[i] = edata;
	}
}

/* Return up to a chunk of regions; `wait`: do not leave them at a busy bin. */
static void NO_THREAD_SAFETY
return_chunk(unsigned szind, void **regs, unsigned n, bool wait)
{
	edata_t *all[FLUSH_CHUNK], **edatas = all;
	look_up(regs, edatas, n);
	while (n > 0) {
		unsigned shard;
		arena_t *arena = owner_of(szind, regs[0], edatas[0], &shard);
		if (unlikely(arena == NULL)) {
			regs++;
			edatas++;
			n--;
			continue;
		}
		bin_t *bin = arena_bin(arena, szind, shard);
		if (unlikely(!mutex_trylock(&bin->lock))) {
			if (!wait && shard == 0 &&
			    may_leave(arena, szind, regs, edatas, n) &&
			    bin_handoff_leave(bin, arena->handoff[szind], regs,
				n)) {
				return;
			}
			mutex_lock(&bin->lock);
		}
		unsigned left = return_and_unlock(bin,
		    edata_slab_word(arena->ind, shard), szind, regs, edatas, n);
		if (unlikely(left == n)) {
			/* The owner changed under us: this was no live region. */
			misuse_report(regs[0]);
			regs++;
			edatas++;
			left--;
		}
		n = left;
	}
}

/* Take in the batch that another thread left at a bin. */
static NOINLINE void
take_handoff(arena_t *arena, unsigned szind)
{
	bin_t *bin = &arena->bins[szind];
	void *regs[BIN_HANDOFF_MAX];
	if (!mutex_trylock(&bin->lock)) {
		/* The holder's business, or the next comer's. */
		return;
	}
	unsigned n = bin_handoff_take_locked(bin, arena->handoff[szind], regs);
	mutex_unlock(&bin->lock);
	return_chunk(szind, regs, n, true);
}

/* The bin is about to fetch a slab: had it better kept one? */
static void
note_fetch_locked(arena_t *arena, bin_t *bin, unsigned szind)
    REQUIRES(bin->lock)
{
	unsigned n = bin_should_keep_locked(bin, szind);
	if (n != 0 &&
	    pac_keep_more(&arena->pac,
		n * (size_t)bin_infos[szind].slab_size)) {
		bin_keep_more_locked(bin, n);
	}
}

unsigned
arena_fill(arena_t *arena, unsigned szind, unsigned shard, void **regs,
    unsigned n, bool *contended)
{
	shard = likely(arena_more(arena) == NULL)
	    ? 0
	    : shard % bin_infos[szind].nshards;
	bin_t *bin = arena_bin(arena, szind, shard);
	if (unlikely(bin_handoff_waits(bin))) {
		take_handoff(arena, szind);
	}
	if (unlikely(!mutex_trylock(&bin->lock))) {
		*contended = true;
		mutex_lock(&bin->lock);
	}
	unsigned got = bin_take_locked(bin, szind, regs, n);
	edata_t *slab = NULL;
	if (got == 0) {
		bool dense = bin->stats.curslabs >= DENSE_SLABS;
		note_fetch_locked(arena, bin, szind);
		mutex_unlock(&bin->lock);
		slab = slab_alloc(arena, szind, shard, dense);
		mutex_lock(&bin->lock);
		/* Others may have returned regions meanwhile. */
		got = bin_take_locked(bin, szind, regs, n);
		if (got == 0 && slab != NULL) {
			bin_add_slab_locked(bin, szind, slab);
			slab = NULL;
			got = bin_take_locked(bin, szind, regs, n);
		}
	}
	bin->stats.nfills += got != 0;
	mutex_unlock(&bin->lock);
	if (unlikely(slab != NULL)) {
		arena_slab_dalloc(slab);
	}
	return got;
}

void
arena_flush(unsigned szind, void **regs, unsigned n)
{
	while (n > 0) {
		unsigned chunk = n < FLUSH_CHUNK ? n : FLUSH_CHUNK;
		return_chunk(szind, regs, chunk, false);
		regs += chunk;
		n -= chunk;
	}
}

_Atomic bool arena_ticks_purge = true;
_Atomic bool arena_ticks_watched;
void (*arena_tick_watcher)(uint64_t now_ns);

void
arena_decay(arena_t *arena, uint64_t now_ns)
{
	pac_decay_tick(&arena->pac, now_ns);
	holes_tick(arena, now_ns);
}

void
arena_tick(arena_t *arena)
{
	if (likely(atomic_load_explicit(&arena_ticks_purge,
		memory_order_relaxed))) {
		arena_decay(arena, clock_ns());
	}
	if (unlikely(atomic_load_explicit(&arena_ticks_watched,
		memory_order_relaxed))) {
		arena_tick_watcher(clock_ns());
	}
}

static void
release_empty_slabs(arena_t *arena, unsigned szind, bin_t *bin)
{
	edata_t *slab;
	do {
		mutex_lock(&bin->lock);
		unsigned less = bin_keep_none_locked(bin);
		if (less != 0) {
			pac_keep_less(&arena->pac,
			    less * (size_t)bin_infos[szind].slab_size);
		}
		slab = bin_remove_empty_locked(bin);
		if (slab != NULL) {
			slab->slab = false;
		}
		mutex_unlock(&bin->lock);
		if (slab != NULL) {
			arena_slab_dalloc(slab);
		}
	} while (slab != NULL);
}

void
arena_release_empty_slabs(arena_t *arena)
{
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		if (bin_handoff_waits(&arena->bins[szind])) {
			take_handoff(arena, szind);
		}
		for (unsigned i = 0; i < arena_nshards(arena, szind); i++) {
			release_empty_slabs(arena, szind,
			    arena_bin(arena, szind, i));
		}
	}
}

void
arena_purge(arena_t *arena)
{
	arena_release_empty_slabs(arena);
	holes_purge_all(arena);
	pac_purge_all(&arena->pac);
}

static void
reset_bin(arena_t *arena, unsigned szind, unsigned shard)
{
	bin_t *bin = arena_bin(arena, szind, shard);
	void *left[BIN_HANDOFF_MAX];
	for (;;) {
		mutex_lock(&bin->lock);
		(void)bin_handoff_take_locked(bin, arena->handoff[szind], left);
		edata_t *slab = bin_remove_any_locked(bin);
		if (slab != NULL) {
			slab->slab = false;
		}
		mutex_unlock(&bin->lock);
		if (slab == NULL) {
			return;
		}
		arena_slab_dalloc(slab);
	}
}

void
arena_reset(arena_t *arena)
{
	assert(!arena->automatic);
	/* Nobody may be purging parts of what goes as a whole. */
	mutex_lock(&arena->holes.lock);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		for (unsigned i = 0; i < arena_nshards(arena, szind); i++) {
			reset_bin(arena, szind, i);
		}
	}
	mutex_unlock(&arena->holes.lock);
	large_free_listed(arena);
}

bool
arena_verify(arena_t *arena)
{
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		for (unsigned i = 0; i < arena_nshards(arena, szind); i++) {
			if (!bin_verify(arena_bin(arena, szind, i), szind)) {
				return false;
			}
		}
	}
	return pac_verify(&arena->pac);
}

static unsigned
nmore(const arena_t *arena)
{
	return arena_more(arena) == NULL ? 0 : bin_infos_nmore;
}

/*
 * Stages in rank order: who purges slabs in use; the page allocator's, with the
 * bins and the list of large blocks before its last one (the descriptors); and
 * the base at the end.
 */
#define STAGE_HOLES 0
#define STAGE_PAC 1
#define STAGE_BINS (STAGE_PAC + PAC_PREFORK_STAGES - 1)
#define STAGE_LARGE (STAGE_BINS + 1)
#define STAGE_DESCRIPTORS (STAGE_BINS + 2)
#define STAGE_BASE (STAGE_BINS + 3)
_Static_assert(STAGE_BASE + 1 == ARENA_PREFORK_STAGES, "all of them");

void NO_THREAD_SAFETY
arena_prefork(arena_t *arena, int stage)
{
	if (stage == STAGE_HOLES) {
		mutex_prefork(&arena->holes.lock);
	} else if (stage < STAGE_BINS) {
		pac_prefork(&arena->pac, stage - STAGE_PAC);
	} else if (stage == STAGE_BINS) {
		for (unsigned i = 0; i < SC_NBINS; i++) {
			mutex_prefork(&arena->bins[i].lock);
		}
		for (unsigned i = 0; i < nmore(arena); i++) {
			mutex_prefork(&arena_more(arena)[i].lock);
		}
	} else if (stage == STAGE_LARGE) {
		mutex_prefork(&arena->large_lock);
	} else if (stage == STAGE_DESCRIPTORS) {
		pac_prefork(&arena->pac, PAC_PREFORK_STAGES - 1);
	} else if (arena->base->ehooks.arena_ind == arena->ind) {
		mutex_prefork(&arena->base->lock);
	}
}

static void
postfork(arena_t *arena, void (*release)(mutex_t *))
{
	if (arena->base->ehooks.arena_ind == arena->ind) {
		release(&arena->base->lock);
	}
	release(&arena->large_lock);
	for (unsigned i = nmore(arena); i-- > 0;) {
		release(&arena_more(arena)[i].lock);
	}
	for (unsigned i = SC_NBINS; i-- > 0;) {
		release(&arena->bins[i].lock);
	}
}

void NO_THREAD_SAFETY
arena_postfork_parent(arena_t *arena)
{
	postfork(arena, mutex_postfork_parent);
	pac_postfork_parent(&arena->pac);
	mutex_postfork_parent(&arena->holes.lock);
}

void NO_THREAD_SAFETY
arena_postfork_child(arena_t *arena)
{
	postfork(arena, mutex_postfork_child);
	for (unsigned i = 0; i < SC_NBINS; i++) {
		bin_handoff_postfork_child(&arena->bins[i]);
	}
	pac_postfork_child(&arena->pac);
	mutex_postfork_child(&arena->holes.lock);
}
