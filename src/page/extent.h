/*
 * extent: what can be done to one or two extents, hooks and page map included.
 *
 * The caller owns the extents, which means: they are ACTIVE, or they are in a
 * cache whose lock it holds.  Nothing here locks; split and merge may run
 * below the lock of a cache, the others never do.
 */
#ifndef PAGE_EXTENT_H
#define PAGE_EXTENT_H

#include "meta/edata_cache.h"
#include "meta/ehooks.h"
#include "meta/pagemap.h"

/* What extents of one arena have in common. */
typedef struct {
	ehooks_t *ehooks;
	edata_cache_t *edata_cache;
	base_t *base0; /* for leaves of the page map */
	unsigned arena_ind;
} extent_env_t;

/*
 * Cut an extent; `edata` keeps the first size_a bytes, the rest is returned
 * with the same owner.  NULL: refused or no descriptor, nothing has changed.
 */
edata_t *extent_split(extent_env_t *env, edata_t *edata, size_t size_a);

/*
 * A descriptor, ACTIVE, of the first `size` bytes of an extent that is longer
 * and is about to lose them: what is left has to be noted by the caller.  NULL:
 * refused or no descriptor, nothing has changed.
 */
edata_t *extent_front(extent_env_t *env, edata_t *edata, size_t size);

/* Append b, which begins where a ends; b's descriptor is gone then. */
MUST_CHECK err_t extent_merge(extent_env_t *env, edata_t *a, edata_t *b);

/* Whether the two are of one kind, so that merging may be asked for. */
bool
extent_mergeable(const extent_env_t *env, const edata_t *a, const edata_t *b);

/*
 * Let a, in use, have the first `size` bytes of b, which begins where a ends and
 * is longer; b is at its new place already.  Only where the two are mergeable
 * and the hooks are the default ones, which need not be asked.
 */
void extent_shift(edata_t *a, edata_t *b, size_t size);

/* Make the memory usable. */
MUST_CHECK err_t extent_commit(extent_env_t *env, edata_t *edata);

/* Make the memory read zero by giving pages up; ERR_REFUSED: it can't be. */
MUST_CHECK err_t extent_purge_forced(extent_env_t *env, edata_t *edata);

/*
 * A new extent of state ACTIVE around fresh memory of the hooks.  NULL: no
 * memory, nothing is lost.
 */
edata_t *extent_new(extent_env_t *env, void *new_addr, size_t size,
    size_t alignment, bool commit, uint64_t serial);

/*
 * Give the memory back for good, whatever `retain` says, if default hooks
 * are in force, else by the dalloc hook.  The descriptor is gone on ERR_NONE.
 */
MUST_CHECK err_t extent_unmap(extent_env_t *env, edata_t *edata);

/* Arena destruction: release unconditionally. */
void extent_destroy(extent_env_t *env, edata_t *edata);

#endif
