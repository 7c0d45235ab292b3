#include "page/ecache.h"

#include "platform/assert.h"

/* An evicted extent is cut only when at least this much can stay. */
#define EVICT_CUT_MIN_PAGES 16

void
ecache_init(ecache_t *ecache, eset_classes_t *classes, extent_state_t state,
    const char *name, lock_rank_t rank)
{
	mutex_init(&ecache->lock, name, rank);
	ecache->state = state;
	eset_init(&ecache->eset, classes);
}

static void
insert_locked(ecache_t *ecache, edata_t *edata)
{
	edata_set_state(edata, ecache->state);
	eset_insert(&ecache->eset, edata);
}

/* Cut `lead` bytes off the front; the rest is returned, NULL on failure. */
static edata_t *
cut_lead_locked(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    size_t lead)
{
	if (lead == 0) {
		return edata;
	}
	edata_t *rest = extent_split(env, edata, lead);
	if (rest != NULL) {
		insert_locked(ecache, edata);
	}
	return rest;
}

/*
 * Carve [start, start + size) out of an extent that was just removed.  The
 * remainders go back; on failure all of it does.
 */
static edata_t *
carve_locked(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    uintptr_t start, size_t size)
{
	edata_set_state(edata, EXTENT_ACTIVE);
	edata_t *body = cut_lead_locked(env, ecache, edata,
	    start - edata_base(edata));
	if (body == NULL) {
		insert_locked(ecache, edata);
		return NULL;
	}
	if (body->size > size) {
		edata_t *trail = extent_split(env, body, size);
		if (trail == NULL) {
			insert_locked(ecache, body);
			return NULL;
		}
		insert_locked(ecache, trail);
	}
	return body;
}

/* The first `size` bytes of a longer one, which stays. */
static edata_t *
take_front_locked(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    size_t size)
{
	edata_t *front = extent_front(env, edata, size);
	if (likely(front != NULL)) {
		eset_cut_front(&ecache->eset, edata, size);
		edata->head = false;
		pagemap_set_first(edata);
	}
	return front;
}

/* `size` bytes from `start` on of an extent of the cache. */
static edata_t *
take_locked(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    uintptr_t start, size_t size)
{
	if (start == edata_base(edata) && edata->size > size) {
		return take_front_locked(env, ecache, edata, size);
	}
	eset_remove(&ecache->eset, edata);
	return carve_locked(env, ecache, edata, start, size);
}

edata_t *
ecache_take(extent_env_t *env, ecache_t *ecache, size_t size, size_t alignment,
    unsigned lg_max_fit)
{
	if (eset_npages(&ecache->eset) < size >> LG_PAGE) {
		return NULL;
	}
	mutex_lock(&ecache->lock);
	edata_t *edata = eset_fit(&ecache->eset, size, alignment, lg_max_fit);
	if (edata != NULL) {
		edata = take_locked(env, ecache, edata,
		    align_up(edata_base(edata), alignment), size);
	}
	mutex_unlock(&ecache->lock);
	return edata;
}

edata_t *
ecache_take_at(extent_env_t *env, ecache_t *ecache, void *addr, size_t size)
{
	if (eset_npages(&ecache->eset) < size >> LG_PAGE) {
		return NULL;
	}
	mutex_lock(&ecache->lock);
	edata_t *edata = pagemap_extent(addr);
	if (edata != NULL &&
	    edata_owner(edata) ==
		edata_owner_word(env->arena_ind, ecache->state) &&
	    edata->addr == addr && edata->size >= size) {
		edata = take_locked(env, ecache, edata, (uintptr_t)addr, size);
	} else {
		edata = NULL;
	}
	mutex_unlock(&ecache->lock);
	return edata;
}

#define WINDOW ((uintptr_t)1 << PAGEMAP_LG_WINDOW)

/* The free extent of this cache that covers an address, if there is one. */
static edata_t *
neighbour_locked(extent_env_t *env, ecache_t *ecache, uintptr_t addr)
{
	if ((addr & (WINDOW - 1)) == 0 || ((addr + 1) & (WINDOW - 1)) == 0) {
		/* Do not touch a page of the map that nobody wrote to. */
		if (pagemap_known(addr, addr + 1) != addr) {
			return NULL;
		}
	}
	edata_t *edata = pagemap_extent((void *)addr);
	if (edata == NULL ||
	    edata_owner(edata) !=
		edata_owner_word(env->arena_ind, ecache->state) ||
	    !edata_covers(edata, (void *)addr)) {
		return NULL;
	}
	return edata;
}

bool
ecache_grow_into(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    size_t size, bool *zeroed)
{
	mutex_lock(&ecache->lock);
	edata_t *next = neighbour_locked(env, ecache, edata_end(edata));
	bool may = next != NULL && next->size > size &&
	    edata_base(next) == edata_end(edata) &&
	    extent_mergeable(env, edata, next);
	if (likely(may)) {
		*zeroed = next->zeroed;
		eset_cut_front(&ecache->eset, next, size);
		extent_shift(edata, next, size);
	}
	mutex_unlock(&ecache->lock);
	return may;
}

static edata_t *
coalesce_locked(extent_env_t *env, ecache_t *ecache, edata_t *edata)
{
	edata_t *next = neighbour_locked(env, ecache, edata_end(edata));
	if (next != NULL && extent_mergeable(env, edata, next)) {
		eset_remove(&ecache->eset, next);
		if (extent_merge(env, edata, next) != ERR_NONE) {
			eset_insert(&ecache->eset, next);
		}
	}
	edata_t *prev = neighbour_locked(env, ecache, edata_base(edata) - 1);
	if (prev != NULL && extent_mergeable(env, prev, edata)) {
		eset_remove(&ecache->eset, prev);
		if (extent_merge(env, prev, edata) != ERR_NONE) {
			eset_insert(&ecache->eset, prev);
		} else {
			edata = prev;
		}
	}
	return edata;
}

void
ecache_put(extent_env_t *env, ecache_t *ecache, edata_t *edata)
{
	assert(edata_state(edata) == EXTENT_ACTIVE);
	mutex_lock(&ecache->lock);
	insert_locked(ecache, coalesce_locked(env, ecache, edata));
	mutex_unlock(&ecache->lock);
}

edata_t *
ecache_evict(extent_env_t *env, ecache_t *ecache, size_t npages_limit)
{
	if (eset_npages(&ecache->eset) <= npages_limit) {
		return NULL;
	}
	mutex_lock(&ecache->lock);
	size_t npages = eset_npages(&ecache->eset);
	edata_t *edata = npages <= npages_limit ? NULL
						: eset_oldest(&ecache->eset);
	if (edata != NULL) {
		size_t excess = npages - npages_limit;
		eset_remove(&ecache->eset, edata);
		edata_set_state(edata, EXTENT_ACTIVE);
		if (edata_npages(edata) >= excess + EVICT_CUT_MIN_PAGES) {
			/* High addresses leave first. */
			edata_t *trail = extent_split(env, edata,
			    edata->size - (excess << LG_PAGE));
			if (trail != NULL) {
				insert_locked(ecache, edata);
				edata = trail;
			}
		}
	}
	mutex_unlock(&ecache->lock);
	return edata;
}

bool
ecache_verify(extent_env_t *env, ecache_t *ecache)
{
	mutex_lock(&ecache->lock);
	size_t npages = 0;
	bool good = true;
	for (list_node_t *node = list_first(&ecache->eset.lru);
	     node != NULL && good; node = list_next(&ecache->eset.lru, node)) {
		edata_t *edata = container_of(node, edata_t, lru);
		npages += edata_npages(edata);
		good = edata_owner(edata) ==
			edata_owner_word(env->arena_ind, ecache->state) &&
		    !edata->slab && edata->size > 0 &&
		    is_aligned(edata->size | edata_base(edata), PAGE) &&
		    pagemap_extent(edata->addr) == edata &&
		    pagemap_extent((char *)edata_end(edata) - 1) == edata &&
		    pagemap_code(edata->addr) == 0;
	}
	good = good && npages == eset_npages(&ecache->eset);
	mutex_unlock(&ecache->lock);
	return good;
}
