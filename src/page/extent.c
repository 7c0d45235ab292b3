#include "page/extent.h"

#include "meta/options.h"
#include "page/dss.h"
#include "page/hooks_default.h"
#include "platform/assert.h"

/* A descriptor for a part, if the hook allows that it is one. */
static edata_t *
part_new(extent_env_t *env, edata_t *edata, size_t size_a)
{
	assert(size_a > 0 && size_a < edata->size);
	assert(is_aligned(size_a, PAGE));
	edata_t *part = edata_cache_get(env->edata_cache);
	if (part == NULL) {
		return NULL;
	}
	if (ehooks_split(env->ehooks, edata->addr, edata->size, size_a,
		edata->committed) != ERR_NONE) {
		edata_cache_put(env->edata_cache, part);
		return NULL;
	}
	return part;
}

/* Describe `size` bytes of an extent, from `offset` on. */
static void
set_part(edata_t *part, const edata_t *edata, size_t offset, size_t size)
{
	part->addr = (char *)edata->addr + offset;
	part->size = size;
	part->cind = 0;
	part->slab = false;
	part->committed = edata->committed;
	part->zeroed = edata->zeroed;
	part->head = offset == 0 && edata->head;
	part->dss = edata->dss;
	part->guarded = false;
	part->huge = edata->huge;
	part->watched = false;
	part->serial = edata->serial;
	part->user = NULL;
	part->usize = 0;
	part->freed_usize = 0;
}

edata_t *
extent_split(extent_env_t *env, edata_t *edata, size_t size_a)
{
	edata_t *trail = part_new(env, edata, size_a);
	if (trail == NULL) {
		return NULL;
	}
	set_part(trail, edata, size_a, edata->size - size_a);
	edata_set_owner(trail, env->arena_ind, edata_state(edata));
	edata->size = size_a;
	pagemap_set_boundaries(edata);
	pagemap_set_boundaries(trail);
	return trail;
}

edata_t *
extent_front(extent_env_t *env, edata_t *edata, size_t size)
{
	edata_t *front = part_new(env, edata, size);
	if (front == NULL) {
		return NULL;
	}
	set_part(front, edata, 0, size);
	edata_set_owner(front, env->arena_ind, EXTENT_ACTIVE);
	pagemap_set_boundaries(front);
	return front;
}

bool
extent_mergeable(const extent_env_t *env, const edata_t *a, const edata_t *b)
{
	assert(edata_end(a) == edata_base(b));
	if (a->committed != b->committed || a->dss != b->dss || a->guarded ||
	    b->guarded) {
		return false;
	}
	/* Separate mappings of custom hooks are never offered for merging. */
	return !b->head || !opt.retain || ehooks_are_default(env->ehooks);
}

err_t
extent_merge(extent_env_t *env, edata_t *a, edata_t *b)
{
	err_t err = ehooks_merge(env->ehooks, a->addr, a->size, b->addr,
	    b->size, a->committed);
	if (err != ERR_NONE) {
		return err;
	}
	a->size += b->size;
	a->zeroed = a->zeroed && b->zeroed;
	a->huge = a->huge || b->huge;
	if (b->serial < a->serial) {
		a->serial = b->serial;
	}
	pagemap_set_boundaries(a);
	edata_cache_put(env->edata_cache, b);
	return ERR_NONE;
}

void
extent_shift(edata_t *a, edata_t *b, size_t size)
{
	a->size += size;
	a->zeroed = a->zeroed && b->zeroed;
	a->huge = a->huge || b->huge;
	if (b->serial < a->serial) {
		a->serial = b->serial;
	}
	b->head = false;
	assert(edata_end(a) == edata_base(b));
	pagemap_set_last(a);
	pagemap_set_first(b);
}

err_t
extent_commit(extent_env_t *env, edata_t *edata)
{
	if (edata->committed) {
		return ERR_NONE;
	}
	err_t err = ehooks_commit(env->ehooks, edata->addr, edata->size);
	if (err == ERR_NONE) {
		edata->committed = true;
		edata->zeroed = true;
	}
	return err;
}

err_t
extent_purge_forced(extent_env_t *env, edata_t *edata)
{
	err_t err = ehooks_purge_forced(env->ehooks, edata->addr, edata->size);
	if (err == ERR_NONE) {
		edata->zeroed = true;
	}
	return err;
}

edata_t *
extent_new(extent_env_t *env, void *new_addr, size_t size, size_t alignment,
    bool commit, uint64_t serial)
{
	edata_t *edata = edata_cache_get(env->edata_cache);
	if (edata == NULL) {
		return NULL;
	}
	bool zero = false;
	void *addr = ehooks_alloc(env->ehooks, new_addr, size, alignment, &zero,
	    &commit);
	if (addr == NULL) {
		goto undo_edata;
	}
	if (pagemap_reserve(env->base0, addr, size) != ERR_NONE) {
		goto undo_map;
	}
	edata->addr = addr;
	edata->size = size;
	edata->cind = 0;
	edata->slab = false;
	edata->committed = commit;
	edata->zeroed = zero;
	edata->head = true;
	edata->dss = ehooks_are_default(env->ehooks) && dss_contains(addr);
	edata->guarded = false;
	edata->huge = false;
	edata->watched = false;
	edata->serial = serial;
	edata->user = NULL;
	edata->usize = 0;
	edata->freed_usize = 0;
	edata_set_owner(edata, env->arena_ind, EXTENT_ACTIVE);
	pagemap_set_boundaries(edata);
	return edata;
undo_map:
	if (ehooks_are_default(env->ehooks)) {
		(void)!hooks_default_unmap(addr, size);
	} else {
		(void)!ehooks_dalloc(env->ehooks, addr, size, commit);
	}
undo_edata:
	edata_cache_put(env->edata_cache, edata);
	return NULL;
}

err_t
extent_unmap(extent_env_t *env, edata_t *edata)
{
	/* Forgotten first: once unmapped, the range may be someone else's. */
	pagemap_forget(edata);
	err_t err = ehooks_are_default(env->ehooks)
	    ? hooks_default_unmap(edata->addr, edata->size)
	    : ehooks_dalloc(env->ehooks, edata->addr, edata->size,
		  edata->committed);
	if (err != ERR_NONE) {
		pagemap_set_boundaries(edata);
		return err;
	}
	edata_cache_put(env->edata_cache, edata);
	return ERR_NONE;
}

void
extent_destroy(extent_env_t *env, edata_t *edata)
{
	pagemap_forget(edata);
	ehooks_destroy(env->ehooks, edata->addr, edata->size, edata->committed);
	edata_cache_put(env->edata_cache, edata);
}
