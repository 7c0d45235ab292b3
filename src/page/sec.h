/*
 * sec: small extent cache, a short-cut in front of the dirty extents.
 *
 * Slabs and small large blocks come and go; cutting each from a free extent
 * and merging it back costs several times what a stack costs.  So a few
 * extents of each length wait here as they were, last in, first out.  They
 * are dirty pages by nature and are counted as such; those that nobody took
 * for an epoch of decay go where dirty extents go.
 *
 * Long ones, up to 8 MiB, are kept only for lengths that were asked for again
 * and again: each has a slot by its hash, whose length changes while it is empty.
 *
 * Nobody waits here: a thread that finds the lock of a length taken goes to
 * the dirty extents directly.
 *
 * Locking: SEC_LONG_LOCK locks, each for every so many'th length, and one for
 * all long ones, whose lengths and counts may be looked at without it.
 */
#ifndef PAGE_SEC_H
#define PAGE_SEC_H

#include <stdatomic.h>

#include "meta/edata.h"
#include "platform/assert.h"
#include "platform/mutex.h"

#define SEC_NPAGES_MAX 65 /* a cacheable large block with its pad page */
#define SEC_DEPTH 8
#define SEC_LONG_LOCK 8 /* the lock of all long ones */
#define SEC_NLOCKS (SEC_LONG_LOCK + 1)

#define SEC_LONG_NPAGES_MAX ((8u << (20 - LG_PAGE)) + 1)
#define SEC_LG_NLONG 3
#define SEC_NLONG (1u << SEC_LG_NLONG)
#define SEC_LONG_DEPTH 4
#define SEC_ASKED_MIN 2 /* so often before any of a length are kept */
#define SEC_STREAK_MIN 8

typedef struct {
	uint8_t count;
	bool used; /* taken from since the last collection */
	edata_t *extents[SEC_DEPTH];
} sec_bin_t;

/* Long extents of one length. */
typedef struct {
	_Atomic uint32_t npages; /* 0: of none yet */
	_Atomic uint32_t asked; /* requests that found none */
	_Atomic uint32_t count;
	bool used; /* taken from since the last collection */
	edata_t *extents[SEC_LONG_DEPTH];
} sec_long_t;

typedef struct {
	mutex_t locks[SEC_NLOCKS];
	_Atomic size_t npages; /* in bins */
	_Atomic size_t npages_long; /* in longs */
	_Atomic uint32_t streak_npages; /* of the last long one not found, */
	_Atomic uint32_t streak; /* how often without another meanwhile */
	sec_bin_t bins[SEC_NPAGES_MAX + 1]; /* by length in pages */
	sec_long_t longs[SEC_NLONG];
} sec_t;

/* In zeroed memory, which is not written to before it is used. */
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

/* As sec_collect(), for a slot of long ones. */
unsigned sec_collect_long(sec_t *sec, unsigned slot, bool all, edata_t **out);

/* Take out the extent that starts at addr, if `edata` is it and waits here. */
bool sec_take_at(sec_t *sec, const edata_t *edata, const void *addr);

/* An extent of so many pages was asked for, and is made otherwise. */
void sec_note_asked(sec_t *sec, size_t npages);

/* How many extents wait in a slot, and of how many pages each. */
unsigned sec_count_long(sec_t *sec, unsigned slot, size_t *npages);

/*
 * How many extents of each length are here, added to counts[length], for the
 * lengths that one of the locks is for; what the lock has counted.
 */
mutex_stats_t
sec_counts(sec_t *sec, unsigned lock, unsigned counts[SEC_NPAGES_MAX + 1]);

static inline size_t
sec_npages_long(const sec_t *sec)
{
	return atomic_load_explicit(&sec->npages_long, memory_order_relaxed);
}

/* All that wait here. */
static inline size_t
sec_npages(const sec_t *sec)
{
	return atomic_load_explicit(&sec->npages, memory_order_relaxed) +
	    sec_npages_long(sec);
}

static inline uint32_t
sec_get(const _Atomic uint32_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

/* Writers hold the lock: no read-modify-write is needed. */
static inline void
sec_set(_Atomic uint32_t *to, uint32_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

static inline void
sec_add_long(sec_t *sec, size_t npages)
{
	atomic_store_explicit(&sec->npages_long, sec_npages_long(sec) + npages,
	    memory_order_relaxed);
}

static inline sec_long_t *
sec_long_of(sec_t *sec, size_t npages)
{
	return &sec->longs[(uint32_t)npages * 0x9e3779b1u >>
	    (32 - SEC_LG_NLONG)];
}

/* Is that length asked for again and again, and no other long one? */
static inline bool
sec_is_streak(const sec_t *sec, size_t npages)
{
	return sec_get(&sec->streak_npages) == npages &&
	    sec_get(&sec->streak) >= SEC_STREAK_MIN;
}

/* As sec_take(), for any length: a long one. */
static inline edata_t *
sec_take_long(sec_t *sec, size_t npages)
{
	sec_long_t *slot = sec_long_of(sec, npages);
	if (sec_get(&slot->npages) != npages || sec_get(&slot->count) == 0 ||
	    !mutex_trylock(&sec->locks[SEC_LONG_LOCK])) {
		return NULL;
	}
	edata_t *edata = NULL;
	uint32_t count = sec_get(&slot->count);
	if (likely(sec_get(&slot->npages) == npages && count != 0)) {
		edata = slot->extents[count - 1];
		sec_set(&slot->count, count - 1);
		slot->used = true;
		sec_add_long(sec, (size_t)0 - npages);
	}
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
	return edata;
}

/* Leave a long extent here, if its length was asked for often; false: no. */
static inline bool
sec_put_long(sec_t *sec, edata_t *edata)
{
	size_t npages = edata_npages(edata);
	sec_long_t *slot = sec_long_of(sec, npages);
	assert(edata_state(edata) == EXTENT_ACTIVE);
	if (sec_get(&slot->npages) != npages ||
	    sec_get(&slot->asked) < SEC_ASKED_MIN ||
	    !mutex_trylock(&sec->locks[SEC_LONG_LOCK])) {
		return false;
	}
	uint32_t count = sec_get(&slot->count);
	bool room = sec_get(&slot->npages) == npages && count < SEC_LONG_DEPTH;
	if (likely(room)) {
		slot->extents[count] = edata;
		sec_set(&slot->count, count + 1);
		sec_add_long(sec, npages);
	}
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
	return room;
}

void sec_prefork(sec_t *sec);
void sec_postfork_parent(sec_t *sec);
void sec_postfork_child(sec_t *sec);

#endif
