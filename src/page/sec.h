/*
 * sec: small extent cache, a short-cut in front of the dirty extents.
 *
 * Slabs and small large blocks come and go; cutting each from a free extent
 * and merging it back costs several times what a stack costs.  So a few
 * extents of each length wait here as they were, last in, first out.  They
 * are dirty pages by nature and are counted as such; those that nobody took
 * for an epoch of decay go where dirty extents go.
 *
 * Nobody waits here: a thread that finds the lock of a length taken goes to
 * the dirty extents directly.
 *
 * Locking: SEC_NLOCKS locks, each for every SEC_NLOCKS'th length.
 */
#ifndef PAGE_SEC_H
#define PAGE_SEC_H

#include <stdatomic.h>

#include "meta/edata.h"
#include "platform/mutex.h"

#define SEC_NPAGES_MAX 65 /* a cacheable large block with its pad page */
#define SEC_DEPTH 8
#define SEC_NLOCKS 8

typedef struct {
	uint8_t count;
	bool used; /* taken from since the last collection */
	edata_t *extents[SEC_DEPTH];
} sec_bin_t;

typedef struct {
	mutex_t locks[SEC_NLOCKS];
	_Atomic size_t npages;
	sec_bin_t bins[SEC_NPAGES_MAX + 1]; /* by length in pages */
} sec_t;

void sec_init(sec_t *sec);

/* An ACTIVE extent of so many pages; NULL: none, or someone is at it. */
edata_t *sec_take(sec_t *sec, size_t npages);

/* Leave an extent here while no more than npages_max wait; false: no room. */
bool sec_put(sec_t *sec, edata_t *edata, size_t npages_max);

/*
 * Take out up to SEC_DEPTH extents of one length, all or only those that were
 * not in use since the last call; returns how many.
 */
unsigned sec_collect(sec_t *sec, size_t npages, bool all, edata_t **out);

/*
 * How many extents of each length are here, added to counts[length], for the
 * lengths that one of the locks is for; what the lock has counted.
 */
mutex_stats_t
sec_counts(sec_t *sec, unsigned lock, unsigned counts[SEC_NPAGES_MAX + 1]);

static inline size_t
sec_npages(const sec_t *sec)
{
	return atomic_load_explicit(&sec->npages, memory_order_relaxed);
}

void sec_prefork(sec_t *sec);
void sec_postfork_parent(sec_t *sec);
void sec_postfork_child(sec_t *sec);

#endif
