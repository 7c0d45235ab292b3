/*
 * guard: extents between two inaccessible pages.
 *
 * The pages belong to the extent while it is free and are cut off, made
 * inaccessible and forgotten by the page map while it is in use: everyone
 * else sees an extent that has no neighbours.  The kernel keeps two more
 * mappings for each.
 *
 * Only memory of the default hooks, and only where the kernel's pages are as
 * small as ours.
 *
 * Locking: none; counters belong to their thread.
 */
#ifndef PAGE_GUARD_H
#define PAGE_GUARD_H

#include "meta/options.h"
#include "page/pac.h"

typedef enum {
	GUARD_SLAB,
	GUARD_LARGE,
	GUARD_SAMPLE, /* option check */
	GUARD_NKINDS
} guard_kind_t;

/* Count one of every so many; true: its turn has come. */
bool guard_count(guard_kind_t kind, size_t every);

/* Is this extent of the running thread to be guarded, by the options? */
static inline bool
guard_due(guard_kind_t kind)
{
	size_t every = kind == GUARD_SLAB ? opt.san_guard_small
					  : opt.san_guard_large;
	return unlikely(every != 0) && guard_count(kind, every);
}

/* As pac_alloc() with the alignment of a page.  NULL: do without guards. */
edata_t *guard_alloc(pac_t *pac, size_t size);

/*
 * The extent is given back: take its guard pages in again, and have all of it
 * accessible.  ERR_NOMEM: it is not, nobody can use it.
 */
MUST_CHECK err_t guard_remove(edata_t *edata);

#endif
