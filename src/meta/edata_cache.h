/*
 * edata_cache: unused extent descriptors of one arena, recycled.
 *
 * Last in, first out: a descriptor that was just used is still in the CPU's
 * caches.  A cache that will not live as long as its descriptors has a parent,
 * which provides them and gets them back.
 *
 * Locking: the list is below `lock`; memory comes from the arena's base.
 */
#ifndef META_EDATA_CACHE_H
#define META_EDATA_CACHE_H

#include "meta/base.h"
#include "meta/edata.h"

typedef struct edata_cache {
	mutex_t lock;
	base_t *base;
	struct edata_cache *parent; /* where to ask first; NULL: nowhere */
	edata_t *unused; /* singly linked through heap.next */
	size_t nunused;
	size_t ncreated;
} edata_cache_t;

void edata_cache_init(edata_cache_t *cache, base_t *base);

/* A descriptor of state UNUSED, otherwise undefined; NULL: no memory. */
edata_t *edata_cache_get(edata_cache_t *cache) EXCLUDES(cache->lock);
void
edata_cache_put(edata_cache_t *cache, edata_t *edata) EXCLUDES(cache->lock);

#endif
