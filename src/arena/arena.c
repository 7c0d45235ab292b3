#include "arena/arena.h"

#include <string.h>

#include "arena/arenas.h"
#include "arena/misuse.h"
#include "platform/assert.h"
#include "platform/clock.h"

/* Regions of one flush that are looked up at a time. */
#define FLUSH_CHUNK	64

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
	    opt.oversize_threshold == 0 ? SC_LARGE_MAX + PAGE :
	    opt.oversize_threshold, memory_order_relaxed);
	mutex_init(&arena->large_lock, "large", LOCK_LARGE);
	list_init(&arena->large);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_init(&arena->bins[szind], !arena->automatic);
	}
}

arena_t *
arena_of(const edata_t *edata)
{
	return arenas_get(edata_arena_ind(edata));
}

/* Pages for a slab; all its regions are free. */
static edata_t *
slab_alloc(arena_t *arena, unsigned szind)
{
	edata_t *slab = pac_alloc(&arena->pac, bin_infos[szind].slab_size,
	    PAGE, PAC_REUSE);
	if (slab == NULL) {
		return NULL;
	}
	slab->slab = true;
	slab->cind = (uint8_t)cind_of_small(szind);
	pagemap_set_slab(slab, SC_CODE(cind_of_small(szind)));
	return slab;
}

static void
slab_dalloc(edata_t *slab)
{
	arena_t *arena = arena_of(slab);
	pagemap_clear_slab(slab);
	slab->slab = false;
	slab->cind = 0;
	slab->usize = 0;
	slab->freed_usize = 0;
	pac_dalloc(&arena->pac, slab);
}

/* A region on its way back. */
typedef struct {
	void *ptr;
	edata_t *slab;
	unsigned region;
} returning_t;

/* What is left to do once the lock is dropped. */
typedef struct {
	unsigned nempty, ntwice;
	edata_t *empty[FLUSH_CHUNK];
	void *twice[FLUSH_CHUNK];
} aftermath_t;

_Static_assert(FLUSH_CHUNK <= BIN_HANDOFF_MAX, "a chunk can be left");

/* Look regions up; what is none is reported and dropped. */
static unsigned
resolve(unsigned szind, void **regs, unsigned n, returning_t *out)
{
	unsigned nout = 0;
	for (unsigned i = 0; i < n; i++) {
		void *ptr = regs[i];
		edata_t *slab = pagemap_extent(ptr);
		if (unlikely(slab == NULL || !slab->slab ||
		    slab->cind != cind_of_small(szind) ||
		    !edata_covers(slab, ptr) ||
		    edata_state(slab) != EXTENT_ACTIVE)) {
			misuse_report(ptr);
			continue;
		}
		unsigned region = bin_info_region(&bin_infos[szind],
		    (uintptr_t)ptr - edata_base(slab));
		if (unlikely(region >= bin_infos[szind].nregs)) {
			misuse_report(ptr);
			continue;
		}
		out[nout++] = (returning_t){ ptr, slab, region };
	}
	return nout;
}

static void
return_locked(bin_t *bin, const returning_t *item, aftermath_t *after)
{
	if (unlikely(!item->slab->slab)) {
		/* An earlier one of this batch emptied the slab. */
		after->twice[after->ntwice++] = item->ptr;
		return;
	}
	edata_t *empty;
	switch (bin_return_locked(bin, item->slab, item->region, &empty)) {
	case BIN_SLAB_EMPTY:
		empty->slab = false;
		after->empty[after->nempty++] = empty;
		break;
	case BIN_DOUBLE_FREE:
		after->twice[after->ntwice++] = item->ptr;
		break;
	case BIN_RETURNED:
		break;
	}
}

static void
after_return(arena_t *arena, unsigned szind, const aftermath_t *after)
{
	for (unsigned i = 0; i < after->nempty; i++) {
		slab_dalloc(after->empty[i]);
	}
	for (unsigned i = 0; i < after->ntwice; i++) {
		misuse_report_double_free(after->twice[i],
		    bin_infos[szind].reg_size, arena->ind);
	}
}

/* Return n items, all of one arena, below the lock that is held. */
static void
return_and_unlock(arena_t *arena, unsigned szind, const returning_t *items,
    unsigned n) RELEASE(arena->bins[szind].lock)
{
	bin_t *bin = &arena->bins[szind];
	aftermath_t after;
	after.nempty = after.ntwice = 0;
	for (unsigned i = 0; i < n; i++) {
		return_locked(bin, &items[i], &after);
	}
	bin->stats.nflushes++;
	mutex_unlock(&bin->lock);
	after_return(arena, szind, &after);
}

/* Take in the batch that another thread left at a bin. */
static NOINLINE void
take_handoff(arena_t *arena, unsigned szind)
{
	bin_t *bin = &arena->bins[szind];
	void *regs[BIN_HANDOFF_MAX];
	returning_t items[BIN_HANDOFF_MAX];
	if (!mutex_trylock(&bin->lock)) {
		/* The holder's business, or the next comer's. */
		return;
	}
	unsigned n = bin_handoff_take_locked(bin, regs);
	mutex_unlock(&bin->lock);
	n = resolve(szind, regs, n, items);
	if (n != 0) {
		mutex_lock(&bin->lock);
		return_and_unlock(arena, szind, items, n);
	}
}

unsigned
arena_fill(arena_t *arena, unsigned szind, void **regs, unsigned n,
    bool *contended)
{
	bin_t *bin = &arena->bins[szind];
	if (unlikely(bin_handoff_waits(bin))) {
		take_handoff(arena, szind);
	}
	if (unlikely(!mutex_trylock(&bin->lock))) {
		*contended = true;
		mutex_lock(&bin->lock);
	}
	unsigned got = bin_take_locked(bin, szind, regs, n);
	while (got == 0) {
		mutex_unlock(&bin->lock);
		edata_t *slab = slab_alloc(arena, szind);
		mutex_lock(&bin->lock);
		if (slab != NULL) {
			bin_add_slab_locked(bin, szind, slab);
		}
		/* Others may have returned regions meanwhile. */
		got = bin_take_locked(bin, szind, regs, n);
		if (slab == NULL) {
			break;
		}
	}
	bin->stats.nfills += got != 0;
	mutex_unlock(&bin->lock);
	return got;
}

/* Move the items of one arena behind the others; returns where they start. */
static unsigned
partition(returning_t *items, unsigned n, unsigned arena_ind)
{
	unsigned left = 0, mine = n;
	while (left < mine) {
		if (edata_arena_ind(items[left].slab) != arena_ind) {
			left++;
			continue;
		}
		returning_t item = items[left];
		items[left] = items[--mine];
		items[mine] = item;
	}
	return mine;
}

/* The bin is busy: leave the items with its holder; false: no room. */
static bool
leave(bin_t *bin, const returning_t *items, unsigned n)
{
	void *regs[BIN_HANDOFF_MAX];
	for (unsigned i = 0; i < n; i++) {
		regs[i] = items[i].ptr;
	}
	return bin_handoff_leave(bin, regs, n);
}

/* Return n items, all of one arena. */
static void
return_items(arena_t *arena, unsigned szind, const returning_t *items,
    unsigned n)
{
	bin_t *bin = &arena->bins[szind];
	if (unlikely(!mutex_trylock(&bin->lock))) {
		if (leave(bin, items, n)) {
			return;
		}
		mutex_lock(&bin->lock);
	}
	return_and_unlock(arena, szind, items, n);
	if (unlikely(bin_handoff_waits(bin))) {
		take_handoff(arena, szind);
	}
}

void
arena_flush(unsigned szind, void **regs, unsigned n)
{
	returning_t items[FLUSH_CHUNK];
	while (n > 0) {
		unsigned chunk = n < FLUSH_CHUNK ? n : FLUSH_CHUNK;
		unsigned left = resolve(szind, regs, chunk, items);
		while (left > 0) {
			arena_t *arena = arena_of(items[0].slab);
			unsigned others = partition(items, left, arena->ind);
			return_items(arena, szind, items + others,
			    left - others);
			left = others;
		}
		regs += chunk;
		n -= chunk;
	}
}

void
arena_tick(arena_t *arena)
{
	pac_decay_tick(&arena->pac, clock_ns());
}

void
arena_release_empty_slabs(arena_t *arena)
{
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_t *bin = &arena->bins[szind];
		take_handoff(arena, szind);
		mutex_lock(&bin->lock);
		edata_t *slab = bin_remove_empty_locked(bin);
		if (slab != NULL) {
			slab->slab = false;
		}
		mutex_unlock(&bin->lock);
		if (slab != NULL) {
			slab_dalloc(slab);
		}
	}
}

void
arena_purge(arena_t *arena)
{
	arena_release_empty_slabs(arena);
	pac_purge_all(&arena->pac);
}

bool
arena_verify(arena_t *arena)
{
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		if (!bin_verify(&arena->bins[szind], szind)) {
			return false;
		}
	}
	return pac_verify(&arena->pac);
}

/*
 * Stages in rank order: the page allocator's, with the bins and the list of
 * large blocks before the descriptors, and the base last.
 */
#define STAGE_BINS	(PAC_PREFORK_STAGES - 1)
#define STAGE_BASE	(PAC_PREFORK_STAGES + 1)

void
arena_prefork(arena_t *arena, int stage)
{
	if (stage < STAGE_BINS) {
		pac_prefork(&arena->pac, stage);
	} else if (stage == STAGE_BINS) {
		for (unsigned i = 0; i < SC_NBINS; i++) {
			mutex_prefork(&arena->bins[i].lock);
		}
		mutex_prefork(&arena->large_lock);
	} else if (stage < STAGE_BASE) {
		pac_prefork(&arena->pac, stage - 1);
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
	for (unsigned i = SC_NBINS; i-- > 0;) {
		release(&arena->bins[i].lock);
	}
}

void
arena_postfork_parent(arena_t *arena)
{
	postfork(arena, mutex_postfork_parent);
	pac_postfork_parent(&arena->pac);
}

void
arena_postfork_child(arena_t *arena)
{
	postfork(arena, mutex_postfork_child);
	for (unsigned i = 0; i < SC_NBINS; i++) {
		bin_handoff_postfork_child(&arena->bins[i]);
	}
	pac_postfork_child(&arena->pac);
}
