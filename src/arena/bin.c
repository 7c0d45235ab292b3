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

static void
nonfull_insert(bin_t *bin, edata_t *slab)
{
	ph_insert(&bin->nonfull, &slab->heap, edata_cmp_age);
	bin->stats.nonfull_slabs++;
}

static void
nonfull_remove(bin_t *bin, edata_t *slab)
{
	ph_remove(&bin->nonfull, &slab->heap, edata_cmp_age);
	bin->stats.nonfull_slabs--;
}

/* Reserve up to n free regions of a slab in its map, whole words at a time. */
static unsigned
slab_take(edata_t *slab, const bin_info_t *info, void **regs, unsigned n)
{
	unsigned taken = 0;
	unsigned nwords = (info->nregs + 63) / 64;
	for (unsigned word = 0; word < nwords && taken < n; word++) {
		uint64_t bits = slab->free_map[word];
		char *start = (char *)slab->addr +
		    (size_t)word * 64 * info->reg_size;
		while (bits != 0 && taken < n) {
			regs[taken++] = start +
			    (size_t)bits_ctz64(bits) * info->reg_size;
			bits &= bits - 1;
		}
		slab->free_map[word] = bits;
	}
	slab->nfree = (uint16_t)(slab->nfree - taken);
	return taken;
}

/* The current slab is full: choose another one; NULL when there is none. */
static edata_t *
next_current(bin_t *bin)
{
	if (bin->current != NULL && bin->tracks_full) {
		list_push_back(&bin->full, &bin->current->full);
	}
	bin->current = NULL;
	if (!ph_is_empty(&bin->nonfull)) {
		edata_t *slab = container_of(ph_first(&bin->nonfull), edata_t,
		    heap);
		nonfull_remove(bin, slab);
		bin->stats.nreslabs++;
		bin->current = slab;
	}
	return bin->current;
}

unsigned
bin_take_locked(bin_t *bin, unsigned szind, void **regs, unsigned n)
{
	const bin_info_t *info = &bin_infos[szind];
	unsigned taken = 0;
	while (taken < n) {
		edata_t *slab = bin->current;
		if ((slab == NULL || slab->nfree == 0) &&
		    (slab = next_current(bin)) == NULL) {
			break;
		}
		taken += slab_take(slab, info, regs + taken, n - taken);
	}
	bin->stats.nmalloc += taken;
	return taken;
}

void
bin_add_slab_locked(bin_t *bin, unsigned szind, edata_t *slab)
{
	const bin_info_t *info = &bin_infos[szind];
	memset(slab->free_map, 0, sizeof(slab->free_map));
	for (unsigned word = 0; word < info->nregs / 64; word++) {
		slab->free_map[word] = ~(uint64_t)0;
	}
	if (info->nregs % 64 != 0) {
		slab->free_map[info->nregs / 64] = ((uint64_t)1
						       << info->nregs % 64) -
		    1;
	}
	slab->nfree = (uint16_t)info->nregs;
	nonfull_insert(bin, slab);
	bin->stats.nslabs++;
	bin->stats.curslabs++;
}

static bool
slab_is_empty(const edata_t *slab)
{
	return slab->nfree == bin_infos[slab->cind - 1].nregs;
}

/*
 * A full slab has a free region again: it is current, or in the heap.  Returns
 * an empty slab that lost its place as the current one, NULL mostly.
 */
static edata_t *
slab_became_nonfull(bin_t *bin, edata_t *slab)
{
	edata_t *current = bin->current;
	if (slab == current) {
		return NULL;
	}
	if (bin->tracks_full) {
		list_remove(&slab->full);
	}
	if (current == NULL || edata_cmp_age(&slab->heap, &current->heap) > 0) {
		nonfull_insert(bin, slab);
		return NULL;
	}
	/* The older one is used up first. */
	bin->current = slab;
	if (slab_is_empty(current)) {
		return current;
	}
	if (current->nfree != 0) {
		nonfull_insert(bin, current);
	} else if (bin->tracks_full) {
		list_push_back(&bin->full, &current->full);
	}
	return NULL;
}

/* A slab has no live region any more: does it leave the bin? */
static edata_t *
slab_became_empty(bin_t *bin, edata_t *slab)
{
	if (slab != bin->current) {
		nonfull_remove(bin, slab);
		return slab;
	}
	if (ph_is_empty(&bin->nonfull)) {
		/* The last one stays: it will be needed next. */
		return NULL;
	}
	bin->current = NULL;
	return slab;
}

bin_return_t
bin_slab_changed_locked(bin_t *bin, edata_t *slab, edata_t **empty)
{
	*empty = slab->nfree == 1 ? slab_became_nonfull(bin, slab) : NULL;
	if (*empty == NULL && slab_is_empty(slab)) {
		*empty = slab_became_empty(bin, slab);
	}
	if (*empty == NULL) {
		return BIN_RETURNED;
	}
	bin->stats.curslabs--;
	return BIN_SLAB_EMPTY;
}

edata_t *
bin_remove_empty_locked(bin_t *bin)
{
	edata_t *slab = bin->current;
	if (slab == NULL || !slab_is_empty(slab)) {
		return NULL;
	}
	bin->current = NULL;
	bin->stats.curslabs--;
	return slab;
}

edata_t *
bin_remove_any_locked(bin_t *bin)
{
	edata_t *slab = bin->current;
	if (slab != NULL) {
		bin->current = NULL;
	} else if (!ph_is_empty(&bin->nonfull)) {
		slab = container_of(ph_first(&bin->nonfull), edata_t, heap);
		nonfull_remove(bin, slab);
	} else {
		list_node_t *node = list_pop_front(&bin->full);
		if (node == NULL) {
			return NULL;
		}
		slab = container_of(node, edata_t, full);
	}
	bin->stats.nreset += bin_infos[slab->cind - 1].nregs - slab->nfree;
	bin->stats.curslabs--;
	return slab;
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

static bool
slab_verify(const edata_t *slab, unsigned szind)
{
	unsigned nfree = 0;
	for (unsigned word = 0; word < SLAB_MAP_WORDS; word++) {
		nfree += bits_popcount64(slab->free_map[word]);
	}
	return nfree == slab->nfree && slab->slab &&
	    slab->cind == cind_of_small(szind) &&
	    slab->size == bin_infos[szind].slab_size &&
	    edata_state(slab) == EXTENT_ACTIVE;
}

bool
bin_verify(bin_t *bin, unsigned szind)
{
	mutex_lock(&bin->lock);
	bool good = bin->current == NULL || slab_verify(bin->current, szind);
	if (good && !ph_is_empty(&bin->nonfull)) {
		edata_t *slab = container_of(ph_first(&bin->nonfull), edata_t,
		    heap);
		good = slab_verify(slab, szind) && slab->nfree > 0;
	}
	good = good && bin->stats.nmalloc >= bin->stats.ndalloc;
	mutex_unlock(&bin->lock);
	return good;
}
