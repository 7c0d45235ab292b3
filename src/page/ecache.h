/*
 * ecache: the free extents of one arena in one state.
 *
 * An extent is here exactly when its owner word says (arena, state).
 * Neighbours that are both here and mergeable are merged when one comes in, so
 * no two mergeable extents of a cache ever touch.
 *
 * Locking: everything below `lock`.  Split and merge hooks run below it.
 */
#ifndef PAGE_ECACHE_H
#define PAGE_ECACHE_H

#include "page/eset.h"
#include "page/extent.h"
#include "platform/mutex.h"

typedef struct {
	mutex_t lock;
	extent_state_t state;
	eset_t eset;
} ecache_t;

/* `classes` in zeroed memory, as for eset_init(). */
void ecache_init(ecache_t *ecache, eset_classes_t *classes,
    extent_state_t state, const char *name, lock_rank_t rank);

/*
 * Take an extent of exactly `size` bytes at `alignment` out of the cache; what
 * is cut off goes back.  It is ACTIVE then.  NULL: none, or it could not be
 * cut; nothing has changed.
 */
edata_t *ecache_take(extent_env_t *env, ecache_t *ecache, size_t size,
    size_t alignment, unsigned lg_max_fit) EXCLUDES(ecache->lock);

/* Take the `size` bytes that start at `addr`, if a free extent does too. */
edata_t *ecache_take_at(extent_env_t *env, ecache_t *ecache, void *addr,
    size_t size) EXCLUDES(ecache->lock);

/*
 * Make an ACTIVE extent longer by the first `size` bytes of a longer free one
 * behind it.  *zeroed says whether they read zero.  No hook is asked.  False:
 * there is none that may be merged with it; nothing has changed.
 */
bool ecache_grow_into(extent_env_t *env, ecache_t *ecache, edata_t *edata,
    size_t size, bool *zeroed) EXCLUDES(ecache->lock);

/* Put an ACTIVE extent in, merged with its neighbours. */
void ecache_put(extent_env_t *env, ecache_t *ecache, edata_t *edata)
    EXCLUDES(ecache->lock);

/*
 * Take the oldest extent while more than npages_limit pages are here, cut to
 * what is above the limit.  NULL: the limit is kept.
 */
edata_t *ecache_evict(extent_env_t *env, ecache_t *ecache, size_t npages_limit)
    EXCLUDES(ecache->lock);

static inline size_t
ecache_npages(const ecache_t *ecache)
{
	return eset_npages(&ecache->eset);
}

/* Walk everything; false: an invariant is broken. */
bool ecache_verify(extent_env_t *env, ecache_t *ecache);

#endif
