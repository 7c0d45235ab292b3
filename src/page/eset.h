/*
 * eset: a set of free extents, found by size or by age.
 *
 * One heap per page class, ordered by age and address; a bitmap of the
 * non-empty ones; a list of all in order of insertion (oldest first).
 * An extent is filed under the largest class that it fills.
 *
 * No lock: the cache that embeds the set brings its own.  `npages` may be
 * read without it.
 */
#ifndef PAGE_ESET_H
#define PAGE_ESET_H

#include <stdatomic.h>

#include "meta/edata.h"
#include "meta/size_class.h"

#define ESET_WORDS ((SC_NPSIZES + 63) / 64)

/* The extents of one class. */
typedef struct {
	ph_t heap;
	size_t nextents;
	size_t nbytes;
} eset_class_t;

typedef struct {
	eset_class_t classes[SC_NPSIZES];
} eset_classes_t;

typedef struct {
	uint64_t nonempty[ESET_WORDS];
	list_t lru;
	_Atomic size_t npages;
	eset_class_t *classes;
} eset_t;

/*
 * `classes`, zeroed, is kept apart: in a small process few are ever used, and
 * what all sets have in use fits one page.
 */
void eset_init(eset_t *eset, eset_classes_t *classes);
void eset_insert(eset_t *eset, edata_t *edata);
void eset_remove(eset_t *eset, edata_t *edata);

/*
 * An extent of the set loses its first bytes, more than none and not all: what
 * is left counts as newly put in.
 */
void eset_cut_front(eset_t *eset, edata_t *edata, size_t size);

/*
 * An extent with room for `size` bytes at an address aligned to `alignment`
 * (a power of two, at least PAGE), the oldest in the smallest class that has
 * one; extents longer than size << lg_max_fit are passed over.  It stays in
 * the set.  NULL: there is none.
 */
edata_t *
eset_fit(eset_t *eset, size_t size, size_t alignment, unsigned lg_max_fit);

/* The extent that has been here longest; NULL when the set is empty. */
edata_t *eset_oldest(eset_t *eset);

static inline size_t
eset_npages(const eset_t *eset)
{
	return atomic_load_explicit(&eset->npages, memory_order_relaxed);
}

#endif
