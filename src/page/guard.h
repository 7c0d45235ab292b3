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

#include "page/pac.h"

typedef enum { GUARD_SLAB, GUARD_LARGE, GUARD_NKINDS } guard_kind_t;

/* Count one extent of the running thread: is it to be guarded? */
bool guard_due(guard_kind_t kind);

/* As pac_alloc() with the alignment of a page.  NULL: do without guards. */
edata_t *guard_alloc(pac_t *pac, size_t size);

/* The extent is given back: take its guard pages in again. */
void guard_remove(edata_t *edata);

#endif
