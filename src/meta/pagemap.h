/*
 * pagemap: address -> class code, address -> extent.
 *
 * Two levels.  The root, in BSS, has one word per 1 GiB of address space; a
 * leaf has two parallel arrays with one element per PAGE: the class code (one
 * byte: twice the cache index, 0 for everything that the thread cache does not
 * take) and the extent.  free() needs only the byte: one cache line of codes
 * covers 256 KiB of heap.
 *
 * The root holds the leaf's address biased by the number of its first page, so
 * that the code of p is *(root[p >> 30] + (p >> LG_PAGE)), without a mask.
 *
 * Invariants: the first and last page of every extent that we know, free or in
 * use, point to its descriptor; all pages of a slab do, and all have its code;
 * every other code is 0, so that large blocks go through their descriptor,
 * which is compared with the pointer.  Interior pages of other extents may hold stale
 * pointers: a look-up of an arbitrary address has to check edata_covers().
 *
 * Behind its arrays a leaf notes which windows of 2 MiB were ever reserved: only
 * their part of the leaf is ever written to, and worth looking at.
 *
 * Locking: elements are written by the owner of the extent; leaves are added
 * below an own lock and never removed.  Reads are atomic and take no lock.
 */
#ifndef META_PAGEMAP_H
#define META_PAGEMAP_H

#include <stdatomic.h>

#include "meta/base.h"
#include "meta/edata.h"
#include "platform/err.h"

#define PAGEMAP_LG_LEAF 30
#define PAGEMAP_LEAF_PAGES ((size_t)1 << (PAGEMAP_LG_LEAF - LG_PAGE))
#define PAGEMAP_NROOT ((size_t)1 << (LG_VADDR - PAGEMAP_LG_LEAF))

extern _Atomic(uintptr_t) pagemap_root[PAGEMAP_NROOT];

/* Bytes of leaves mapped so far. */
size_t pagemap_mapped(void);

/*
 * Bytes of them in pages that ranges reserved so far have entries in.  The
 * others are never written to.
 */
size_t pagemap_touched(void);

/* Address space that one page of a leaf's extents stands for. */
#define PAGEMAP_LG_WINDOW 21

/*
 * The first address at or after `addr` that something is or was known of, in
 * steps of windows; `end`: nothing is before that.
 */
uintptr_t pagemap_known(uintptr_t addr, uintptr_t end);

/* The memory of the i-th leaf that was made; false: there is none. */
bool pagemap_leaf(unsigned i, void **start, size_t *size);

/*
 * Make sure that the pages of a range have leaves.  ERR_NOMEM: some have none,
 * nothing is lost.
 */
MUST_CHECK err_t pagemap_reserve(base_t *base, const void *addr, size_t size);

/* Point the first and last page of an extent to it. */
void pagemap_set_boundaries(edata_t *edata);

/* Only one of them: the other is as it was. */
void pagemap_set_first(edata_t *edata);
void pagemap_set_last(edata_t *edata);

/* Point all pages of a slab to it and give them its code. */
void pagemap_set_slab(edata_t *edata, uint8_t code);

/* Remove the codes of a slab's pages. */
void pagemap_clear_slab(const edata_t *edata);

/* The extent is not ours any more: forget its pages. */
void pagemap_forget(const edata_t *edata);

void pagemap_prefork(void);
void pagemap_postfork_parent(void);
void pagemap_postfork_child(void);

/* The leaf of an address, biased; 0 when there is none. */
static inline uintptr_t
pagemap_leaf_biased(uintptr_t addr)
{
	uintptr_t slot = addr >> PAGEMAP_LG_LEAF;
	if (unlikely(slot >= PAGEMAP_NROOT)) {
		return 0;
	}
	return atomic_load_explicit(&pagemap_root[slot], memory_order_acquire);
}

/* Class code of an address below a leaf that exists. */
static inline unsigned
pagemap_leaf_code(uintptr_t leaf, const void *ptr)
{
	return atomic_load_explicit((_Atomic uint8_t *)(leaf +
					((uintptr_t)ptr >> LG_PAGE)),
	    memory_order_relaxed);
}

/* Class code of an address, 0 for foreign ones. */
static inline unsigned
pagemap_code(const void *ptr)
{
	uintptr_t leaf = pagemap_leaf_biased((uintptr_t)ptr);
	return likely(leaf != 0) ? pagemap_leaf_code(leaf, ptr) : 0;
}

static inline void
pagemap_set_code(const void *ptr, uint8_t code)
{
	uintptr_t addr = (uintptr_t)ptr;
	uintptr_t leaf = pagemap_leaf_biased(addr);
	atomic_store_explicit((_Atomic uint8_t *)(leaf + (addr >> LG_PAGE)),
	    code, memory_order_relaxed);
}

/* Where the extent of a page is noted; the leaf must exist. */
static inline _Atomic(edata_t *) *
pagemap_extent_slot(uintptr_t leaf, uintptr_t addr)
{
	uintptr_t first = addr >> PAGEMAP_LG_LEAF
		<< (PAGEMAP_LG_LEAF - LG_PAGE);
	uintptr_t extents = leaf + first + PAGEMAP_LEAF_PAGES;
	return (_Atomic(edata_t *) *)extents + ((addr >> LG_PAGE) - first);
}

/* The leaf of an address that has one. */
static inline uintptr_t
pagemap_leaf_known(const void *ptr)
{
	return atomic_load_explicit(&pagemap_root[(uintptr_t)ptr >>
					PAGEMAP_LG_LEAF],
	    memory_order_acquire);
}

/* What the page of an address below a leaf that exists points to. */
static inline edata_t *
pagemap_leaf_extent(uintptr_t leaf, const void *ptr)
{
	return atomic_load_explicit(pagemap_extent_slot(leaf, (uintptr_t)ptr),
	    memory_order_acquire);
}

/* What the page of an address points to: NULL, its extent, or a stale one. */
static inline edata_t *
pagemap_extent(const void *ptr)
{
	uintptr_t leaf = pagemap_leaf_biased((uintptr_t)ptr);
	return unlikely(leaf == 0) ? NULL : pagemap_leaf_extent(leaf, ptr);
}

#endif
