#include "meta/edata_cache.h"

void
edata_cache_init(edata_cache_t *cache, base_t *base)
{
	mutex_init(&cache->lock, "extent_avail", LOCK_EDATA_CACHE);
	cache->base = base;
	cache->parent = NULL;
	cache->unused = NULL;
	cache->nunused = 0;
	cache->ncreated = 0;
}

edata_t *
edata_cache_get(edata_cache_t *cache)
{
	mutex_lock(&cache->lock);
	edata_t *edata = cache->unused;
	if (edata != NULL) {
		cache->unused = edata->heap.next == NULL
		    ? NULL
		    : container_of(edata->heap.next, edata_t, heap);
		cache->nunused--;
	} else if (cache->parent == NULL) {
		edata = base_alloc(cache->base, sizeof(edata_t), CACHELINE);
		cache->ncreated += edata != NULL;
	}
	mutex_unlock(&cache->lock);
	return edata == NULL && cache->parent != NULL
	    ? edata_cache_get(cache->parent)
	    : edata;
}

void
edata_cache_put(edata_cache_t *cache, edata_t *edata)
{
	edata_set_owner(edata, edata_arena_ind(edata), EXTENT_UNUSED);
	mutex_lock(&cache->lock);
	edata->heap.next = cache->unused == NULL ? NULL : &cache->unused->heap;
	cache->unused = edata;
	cache->nunused++;
	mutex_unlock(&cache->lock);
}
