#include "arena/bin.h"

#include <string.h>

#include "platform/assert.h"

void
bin_init(bin_t *bin, bool tracks_full)
{
	if (config_debug) {
		mutex_init(&bin->lock, "bin", LOCK_BIN);
	}
	if (tracks_full) {
		list_init(&bin->full);
		bin->tracks_full = true;
	}
}

/* Where a slab is, as its counts say. */
typedef enum { AT_CURRENT, AT_NONFULL, AT_HOLLOW, AT_EMPTY, AT_FULL } place_t;

static bool
is_empty(const edata_t *slab)
{
	return slab_is_empty(slab, &bin_infos[slab->cind - 1]);
}

static place_t
place_of(const bin_t *bin, const edata_t *slab)
{
	if (slab == bin->current) {
		return AT_CURRENT;
	}
	if (slab_is_used_up(slab)) {
		return slab->nfree != 0 ? AT_HOLLOW : AT_FULL;
	}
	return is_empty(slab) ? AT_EMPTY : AT_NONFULL;
}

static ph_t *
heap_of(bin_t *bin, place_t place)
{
	return place == AT_NONFULL ? &bin->nonfull
	    : place == AT_HOLLOW   ? &bin->hollow
	    : place == AT_EMPTY    ? &bin->empty
				   : NULL;
}

static void
slab_enter(bin_t *bin, edata_t *slab, place_t place)
{
	ph_t *heap = heap_of(bin, place);
	if (heap != NULL) {
		ph_insert(heap, &slab->heap, edata_cmp_age);
		bin->stats.nonfull_slabs += place == AT_NONFULL;
		bin->nempty = (uint8_t)(bin->nempty + (place == AT_EMPTY));
	} else if (place == AT_FULL && bin->tracks_full) {
		list_push_back(&bin->full, &slab->full);
	}
}

static void
slab_leave(bin_t *bin, edata_t *slab, place_t place)
{
	ph_t *heap = heap_of(bin, place);
	if (place == AT_CURRENT) {
		bin->current = NULL;
	} else if (heap != NULL) {
		ph_walk_note_removal(&bin->sweep_walk, &slab->heap);
		ph_remove(heap, &slab->heap, edata_cmp_age);
		bin->stats.nonfull_slabs -= place == AT_NONFULL;
		bin->nempty = (uint8_t)(bin->nempty - (place == AT_EMPTY));
	} else if (bin->tracks_full) {
		list_remove(&slab->full);
	}
}

/* Its counts changed while it was at `from`. */
static void
slab_move(bin_t *bin, edata_t *slab, place_t from)
{
	place_t to = place_of(bin, slab);
	if (to != from) {
		slab_leave(bin, slab, from);
		slab_enter(bin, slab, to);
	}
}

static size_t
npages_purged(const edata_t *slab)
{
	return (size_t)bits_popcount64(slab->holes.purged)
	    << (bin_infos[slab->cind - 1].lg_unit - LG_PAGE);
}

/* A slab is the bin's no more. */
static void
slab_gone(bin_t *bin, edata_t *slab)
{
	bin->stats.npages_purged -= npages_purged(slab);
	memset(&slab->holes, 0, sizeof(slab->holes));
	bin->stats.curslabs--;
	bin->gave_up = true;
}

/* A heap's first one leaves it; NULL: there is none. */
static edata_t *
first_leaves(bin_t *bin, place_t place)
{
	ph_t *heap = heap_of(bin, place);
	if (ph_is_empty(heap)) {
		return NULL;
	}
	edata_t *slab = container_of(ph_first(heap), edata_t, heap);
	slab_leave(bin, slab, place);
	return slab;
}

/* The one that is needed next is no more among those that are kept. */
static edata_t *
kept_leaves(bin_t *bin)
{
	edata_t *slab = first_leaves(bin, AT_EMPTY);
	if (bin->nempty < bin->nempty_least) {
		bin->nempty_least = bin->nempty;
	}
	return slab;
}

/* The current slab is used up: choose another one; NULL when there is none. */
static edata_t *
next_current(bin_t *bin)
{
	edata_t *slab = bin->current;
	if (slab != NULL) {
		bin->current = NULL;
		slab_enter(bin, slab, place_of(bin, slab));
	}
	slab = first_leaves(bin, AT_NONFULL);
	if (slab == NULL) {
		slab = kept_leaves(bin);
	}
	bin->stats.nreslabs += slab != NULL;
	bin->current = slab;
	return slab;
}

/* There is no other room: use some of what was purged.  NULL: none. */
static edata_t *
reveal_current(bin_t *bin)
{
	edata_t *slab = first_leaves(bin, AT_HOLLOW);
	if (slab == NULL) {
		return NULL;
	}
	bin->stats.npages_purged -= npages_purged(slab);
	slab_reveal(slab, &bin_infos[slab->cind - 1]);
	bin->stats.npages_purged += npages_purged(slab);
	bin->current = slab;
	return slab;
}

unsigned
bin_take_locked(bin_t *bin, unsigned szind, void **regs, unsigned n)
{
	const bin_info_t *info = &bin_infos[szind];
	unsigned taken = 0;
	while (taken < n) {
		edata_t *slab = bin->current;
		if (slab == NULL || slab_is_used_up(slab)) {
			slab = next_current(bin);
			if (slab == NULL && taken == 0) {
				slab = reveal_current(bin);
			}
			if (slab == NULL) {
				break;
			}
		}
		taken += slab_take(slab, info, regs + taken, n - taken);
	}
	bin->stats.nmalloc += taken;
	return taken;
}

void
bin_add_slab_locked(bin_t *bin, unsigned szind, edata_t *slab)
{
	slab_init(slab, &bin_infos[szind]);
	slab_enter(bin, slab, AT_EMPTY);
	bin->stats.nslabs++;
	bin->stats.curslabs++;
}

/*
 * An empty slab that is nowhere: is it kept?  Not one whose pages were given
 * back in part, nor one with guards, which are to be set anew.
 */
static edata_t *
keep_or_give_up(bin_t *bin, edata_t *slab)
{
	if (bin->nempty >= bin->nempty_max || slab->holes.purged != 0 ||
	    slab->guarded) {
		return slab;
	}
	slab_enter(bin, slab, AT_EMPTY);
	if (bin->aging == AGING_NOT) {
		bin->aging = AGING_WANTED;
	}
	return NULL;
}

/*
 * A slab that was used up has a region again: it is current, or in the heap.
 * Returns an empty slab that lost its place as the current one and is not kept,
 * NULL mostly.
 */
static edata_t *
slab_became_nonfull(bin_t *bin, edata_t *slab)
{
	edata_t *current = bin->current;
	if (slab == current) {
		return NULL;
	}
	slab_leave(bin, slab, slab->holes.nhidden != 0 ? AT_HOLLOW : AT_FULL);
	if (current == NULL || edata_cmp_age(&slab->heap, &current->heap) > 0) {
		slab_enter(bin, slab, AT_NONFULL);
		return NULL;
	}
	/* The older one is used up first. */
	bin->current = slab;
	if (is_empty(current)) {
		return keep_or_give_up(bin, current);
	}
	slab_enter(bin, current, place_of(bin, current));
	return NULL;
}

/* A slab has no live region any more: does it leave the bin? */
static edata_t *
slab_became_empty(bin_t *bin, edata_t *slab)
{
	if (slab == bin->current && ph_is_empty(&bin->nonfull)) {
		/* The last one stays: it will be needed next. */
		return NULL;
	}
	slab_leave(bin, slab, slab == bin->current ? AT_CURRENT : AT_NONFULL);
	return keep_or_give_up(bin, slab);
}

bin_return_t
bin_slab_changed_locked(bin_t *bin, edata_t *slab, edata_t **empty)
{
	*empty = slab->nfree == slab->holes.nhidden + 1u
	    ? slab_became_nonfull(bin, slab)
	    : NULL;
	if (*empty == NULL && is_empty(slab)) {
		*empty = slab_became_empty(bin, slab);
	}
	if (*empty == NULL) {
		return BIN_RETURNED;
	}
	slab_gone(bin, *empty);
	return BIN_SLAB_EMPTY;
}

edata_t *
bin_remove_empty_locked(bin_t *bin)
{
	edata_t *slab = bin->current;
	if (slab != NULL && is_empty(slab)) {
		bin->current = NULL;
	} else {
		slab = kept_leaves(bin);
	}
	if (slab != NULL) {
		slab_gone(bin, slab);
	}
	return slab;
}

unsigned
bin_should_keep_locked(const bin_t *bin, unsigned szind)
{
	unsigned most = BIN_EMPTY_BYTES / bin_infos[szind].slab_size;
	unsigned n = bin->nempty_max == 0 ? 1 : bin->nempty_max;
	most = most < BIN_EMPTY_MAX ? most : BIN_EMPTY_MAX;
	most = most > bin->nempty_max ? most - bin->nempty_max : 0;
	return !bin->gave_up ? 0 : n < most ? n : most;
}

void
bin_keep_more_locked(bin_t *bin, unsigned n)
{
	bin->nempty_max = (uint8_t)(bin->nempty_max + n);
	bin->gave_up = false;
}

unsigned
bin_keep_none_locked(bin_t *bin)
{
	unsigned n = bin->nempty_max;
	bin->nempty_max = 0;
	return n;
}

unsigned
bin_age_locked(bin_t *bin, edata_t **empty, unsigned *less)
{
	unsigned n = bin->nempty_least;
	/*
	 * One that kept none meanwhile, or needed none, need not keep any.  Who
	 * is giving them all up may have come as far as to keep none.
	 */
	*less = bin->aging == AGING_NOT || (n != 0 && n == bin->nempty) ||
		n > bin->nempty_max
	    ? bin->nempty_max
	    : n;
	for (unsigned i = 0; i < n; i++) {
		empty[i] = first_leaves(bin, AT_EMPTY);
		slab_gone(bin, empty[i]);
	}
	bin->nempty_max = (uint8_t)(bin->nempty_max - *less);
	bin->nempty_least = bin->nempty;
	bin->aging = bin->nempty != 0 ? AGING_TOLD : AGING_NOT;
	bin->gave_up = false;
	return n;
}

edata_t *
bin_remove_any_locked(bin_t *bin)
{
	static const place_t places[] = {AT_NONFULL, AT_HOLLOW};
	edata_t *slab = bin->current;
	bin->current = NULL;
	for (unsigned i = 0; slab == NULL && i < ARRAY_LEN(places); i++) {
		slab = first_leaves(bin, places[i]);
	}
	if (slab == NULL) {
		slab = kept_leaves(bin);
	}
	if (slab == NULL && bin->tracks_full && !list_is_empty(&bin->full)) {
		slab = container_of(list_first(&bin->full), edata_t, full);
		slab_leave(bin, slab, AT_FULL);
	}
	if (slab == NULL) {
		return NULL;
	}
	bin->stats.nreset += bin_infos[slab->cind - 1].nregs - slab->nfree;
	slab_gone(bin, slab);
	return slab;
}

/*
 * Bytes that are freed between two sweeps, at least: 36 classes that stay just
 * below it keep a few megabytes from being looked at.
 */
#define SWEEP_BYTES ((size_t)256 << 10)

/* sweep_at of a bin that wants to be swept. */
#define SWEEP_WANTED UINT64_MAX

/* Steps of a walk that others keep changing: ended, rather than without end. */
#define SWEEP_STEPS_PER_SLAB 8

static void
sweep_later(bin_t *bin, unsigned szind)
{
	bin->sweep_at = bin->stats.ndalloc +
	    SWEEP_BYTES / bin_infos[szind].reg_size;
}

bool
bin_wants_sweep_slow_locked(bin_t *bin, unsigned szind)
{
	if (bin->sweep_at == 0) {
		sweep_later(bin, szind);
		return false;
	}
	bin->sweep_at = SWEEP_WANTED;
	return true;
}

bool
bin_sweep_begin_locked(bin_t *bin, bool all)
{
	if (!all && bin->sweep_at != SWEEP_WANTED) {
		return false;
	}
	bin->sweep_round = (uint16_t)((bin->sweep_round + 1) | HOLES_ROUND_BIT);
	bin->sweep_found = false;
	bin->sweep_nslabs = 0;
	bin->sweep_left = 64 + bin->stats.nonfull_slabs * SWEEP_STEPS_PER_SLAB;
	ph_walk_begin(&bin->sweep_walk, &bin->nonfull);
	return true;
}

/* Returns whether there is something to do. */
static bool
look_at(bin_t *bin, edata_t *slab, bool all, bin_hole_t *hole)
{
	const bin_info_t *info = &bin_infos[slab->cind - 1];
	slab_holes_t *holes = &slab->holes;
	if (holes->round == bin->sweep_round) {
		return false;
	}
	slab_holes_set(&holes->round, bin->sweep_round);
	bin->sweep_nslabs += slab != bin->current;
	slab_units_t units = slab_free_units(slab, info);
	slab_units_t now = all ? units : units & holes->seen;
	slab_holes_set(&holes->seen, units & ~now);
	bin->sweep_found |= holes->seen != 0;
	if (now == 0) {
		return false;
	}
	place_t from = place_of(bin, slab);
	*hole = (bin_hole_t){.slab = slab, .units = now};
	if (slab_is_empty(slab, info)) {
		hole->units = 0;
		slab_leave(bin, slab, from);
		slab_gone(bin, slab);
		return true;
	}
	slab_reserve(slab, info, now);
	slab_move(bin, slab, from);
	return true;
}

unsigned
bin_sweep_locked(bin_t *bin, bool all, unsigned *nsteps, bin_hole_t *holes)
{
	ph_walk_t *walk = &bin->sweep_walk;
	unsigned n = 0;
	if (bin->current != NULL) {
		n += look_at(bin, bin->current, all, &holes[n]);
	}
	while (walk->node != NULL && *nsteps > 0 && n < BIN_HOLES_MAX) {
		ph_node_t *node = ph_walk_next(walk);
		--*nsteps;
		if (--bin->sweep_left == 0) {
			walk->node = NULL;
		}
		if (node != NULL) {
			edata_t *slab = container_of(node, edata_t, heap);
			n += look_at(bin, slab, all, &holes[n]);
		}
	}
	return n;
}

bool
bin_sweep_restore_locked(bin_t *bin, bin_hole_t *hole)
{
	edata_t *slab = hole->slab;
	const bin_info_t *info = &bin_infos[slab->cind - 1];
	place_t from = place_of(bin, slab);
	bin->stats.npages_purged -= npages_purged(slab);
	hole->twice = slab_restore(slab, info, hole->units, hole->purged);
	bin->stats.npages_purged += npages_purged(slab);
	if (!slab_is_empty(slab, info)) {
		slab_move(bin, slab, from);
		return false;
	}
	slab_leave(bin, slab, from);
	slab_gone(bin, slab);
	return true;
}

bool
bin_sweep_end_locked(bin_t *bin, unsigned szind)
{
	bin->sweep_walk.node = NULL;
	/* Others moved some out of the way: to be seen the next time. */
	bin->sweep_found |= bin->sweep_nslabs < bin->stats.nonfull_slabs;
	if (bin->sweep_found) {
		bin->sweep_at = SWEEP_WANTED;
	} else {
		sweep_later(bin, szind);
	}
	return bin->sweep_found;
}

bool
bin_handoff_leave(bin_t *bin, void **slots, void **regs, unsigned n)
{
	bin_handoff_t *handoff = &bin->handoff;
	uint32_t expected = HANDOFF_EMPTY;
	assert(n <= BIN_HANDOFF_MAX);
	if (!atomic_compare_exchange_strong_explicit(&handoff->state, &expected,
		HANDOFF_WRITING, memory_order_acquire, memory_order_relaxed)) {
		return false;
	}
	memcpy(slots, regs, n * sizeof(void *));
	handoff->n = n;
	/* Pairs with the acquire in bin_handoff_take_locked(). */
	atomic_store_explicit(&handoff->state, HANDOFF_FULL,
	    memory_order_release);
	return true;
}

unsigned
bin_handoff_take_locked(bin_t *bin, void **slots, void **regs)
{
	bin_handoff_t *handoff = &bin->handoff;
	if (atomic_load_explicit(&handoff->state, memory_order_acquire) !=
	    HANDOFF_FULL) {
		return 0;
	}
	unsigned n = handoff->n;
	memcpy(regs, slots, n * sizeof(void *));
	atomic_store_explicit(&handoff->state, HANDOFF_EMPTY,
	    memory_order_release);
	return n;
}

__attribute__((no_sanitize("thread"))) unsigned
bin_handoff_seen(const bin_t *bin)
{
	unsigned n = *(const volatile uint32_t *)&bin->handoff.n;
	bool full = atomic_load_explicit(&bin->handoff.state,
			memory_order_relaxed) == HANDOFF_FULL;
	return full && n <= BIN_HANDOFF_MAX ? n : 0;
}

void
bin_handoff_postfork_child(bin_t *bin)
{
	uint32_t expected = HANDOFF_WRITING;
	atomic_compare_exchange_strong_explicit(&bin->handoff.state, &expected,
	    HANDOFF_EMPTY, memory_order_relaxed, memory_order_relaxed);
}

/* Every slab of a heap is where it belongs. */
static bool
heap_verify(const bin_t *bin, const ph_t *heap, unsigned szind, place_t place)
{
	ph_walk_t walk;
	ph_walk_begin(&walk, heap);
	while (walk.node != NULL) {
		ph_node_t *node = ph_walk_next(&walk);
		if (node == NULL) {
			continue;
		}
		const edata_t *slab = container_of(node, edata_t, heap);
		if (!slab_verify(slab, szind) || place_of(bin, slab) != place) {
			return false;
		}
	}
	return true;
}

bool
bin_verify(bin_t *bin, unsigned szind)
{
	mutex_lock(&bin->lock);
	bool good = (bin->current == NULL ||
			slab_verify(bin->current, szind)) &&
	    heap_verify(bin, &bin->nonfull, szind, AT_NONFULL) &&
	    heap_verify(bin, &bin->hollow, szind, AT_HOLLOW) &&
	    heap_verify(bin, &bin->empty, szind, AT_EMPTY) &&
	    bin->nempty_least <= bin->nempty &&
	    bin->stats.nmalloc >= bin->stats.ndalloc;
	mutex_unlock(&bin->lock);
	return good;
}
