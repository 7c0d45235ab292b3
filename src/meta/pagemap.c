#include "meta/pagemap.h"

#include <string.h>

#include "platform/mutex.h"

LARGE_BSS _Atomic(uintptr_t) pagemap_root[PAGEMAP_NROOT];

static mutex_t pagemap_lock = MUTEX_INITIALIZER("pagemap", LOCK_PAGEMAP);
static _Atomic size_t leaves_mapped;
static _Atomic size_t pages_touched;

#define LG_NWINDOWS (PAGEMAP_LG_LEAF - PAGEMAP_LG_WINDOW)
#define NWINDOWS ((size_t)1 << LG_NWINDOWS)

/* Behind the arrays of a leaf. */
typedef struct leaf_notes {
	struct leaf_notes *next; /* the leaf that was made before */
	size_t slot;
	/* A bit for each window that is known; a byte for each page of codes. */
	_Atomic uint8_t known[NWINDOWS / 8];
} leaf_notes_t;

#define ARRAY_BYTES (PAGEMAP_LEAF_PAGES * (1 + sizeof(edata_t *)))
#define LEAF_BYTES (ARRAY_BYTES + sizeof(leaf_notes_t))

static _Atomic(leaf_notes_t *) newest;

_Static_assert((PAGEMAP_LEAF_PAGES >> LG_PAGE) * 8 == NWINDOWS,
    "a byte of known windows stands for a page of codes");

size_t
pagemap_mapped(void)
{
	return atomic_load_explicit(&leaves_mapped, memory_order_relaxed);
}

size_t
pagemap_touched(void)
{
	return atomic_load_explicit(&pages_touched, memory_order_relaxed)
	    << LG_PAGE;
}

static leaf_notes_t *
notes_of(size_t slot)
{
	uintptr_t leaf = atomic_load_explicit(&pagemap_root[slot],
	    memory_order_acquire);
	uintptr_t first = slot << (PAGEMAP_LG_LEAF - LG_PAGE);
	return leaf == 0 ? NULL : (leaf_notes_t *)(leaf + first + ARRAY_BYTES);
}

static void
touched(size_t npages)
{
	atomic_fetch_add_explicit(&pages_touched, npages, memory_order_relaxed);
}

/* Entries of a window will be written to. */
static void
window_note(leaf_notes_t *notes, size_t window)
{
	uint8_t bit = (uint8_t)(1u << window % 8);
	uint8_t before = atomic_load_explicit(&notes->known[window / 8],
	    memory_order_relaxed);
	if (likely((before & bit) != 0)) {
		return;
	}
	before = atomic_fetch_or_explicit(&notes->known[window / 8], bit,
	    memory_order_relaxed);
	if ((before & bit) == 0) {
		touched(1 + (before == 0));
	}
}

static bool
window_is_known(const leaf_notes_t *notes, size_t window)
{
	uint8_t known = atomic_load_explicit(&notes->known[window / 8],
	    memory_order_relaxed);
	return (known >> window % 8 & 1) != 0;
}

/*
 * The leaf with the lowest addresses among those at or after a slot; NULL: none.
 * Not by the root, most of which was never touched.
 */
static leaf_notes_t *
notes_from(size_t slot)
{
	leaf_notes_t *found = NULL;
	for (leaf_notes_t *notes =
		 atomic_load_explicit(&newest, memory_order_acquire);
	     notes != NULL; notes = notes->next) {
		if (notes->slot >= slot &&
		    (found == NULL || notes->slot < found->slot)) {
			found = notes;
		}
	}
	return found;
}

uintptr_t
pagemap_known(uintptr_t addr, uintptr_t end)
{
	const uintptr_t window_size = (uintptr_t)1 << PAGEMAP_LG_WINDOW;
	while (addr < end) {
		leaf_notes_t *notes = notes_from(addr >> PAGEMAP_LG_LEAF);
		if (notes == NULL) {
			return end;
		}
		uintptr_t start = (uintptr_t)notes->slot << PAGEMAP_LG_LEAF;
		addr = addr < start ? start : addr;
		size_t window = addr >> PAGEMAP_LG_WINDOW & (NWINDOWS - 1);
		for (; window < NWINDOWS; window++) {
			if (addr >= end || window_is_known(notes, window)) {
				return addr < end ? addr : end;
			}
			addr = align_down(addr, window_size) + window_size;
			if (addr < start) {
				return end;
			}
		}
	}
	return end;
}

bool
pagemap_leaf(unsigned i, void **start, size_t *size)
{
	leaf_notes_t *notes = atomic_load_explicit(&newest,
	    memory_order_acquire);
	while (notes != NULL && i-- != 0) {
		notes = notes->next;
	}
	if (notes == NULL) {
		return false;
	}
	*start = (char *)notes - ARRAY_BYTES;
	*size = LEAF_BYTES;
	return true;
}

static err_t
leaf_add(base_t *base, size_t slot)
{
	mutex_lock(&pagemap_lock);
	err_t err = ERR_NONE;
	if (atomic_load_explicit(&pagemap_root[slot], memory_order_relaxed) ==
	    0) {
		void *leaf = base_alloc(base, LEAF_BYTES, PAGE);
		if (leaf == NULL) {
			err = ERR_NOMEM;
		} else {
			uintptr_t first = slot << (PAGEMAP_LG_LEAF - LG_PAGE);
			leaf_notes_t *notes = (leaf_notes_t *)((char *)leaf +
			    ARRAY_BYTES);
			notes->slot = slot;
			notes->next = atomic_load_explicit(&newest,
			    memory_order_relaxed);
			atomic_store_explicit(&newest, notes,
			    memory_order_release);
			touched(1);
			atomic_fetch_add_explicit(&leaves_mapped, LEAF_BYTES,
			    memory_order_relaxed);
			/* Pairs with the loads of readers. */
			atomic_store_explicit(&pagemap_root[slot],
			    (uintptr_t)leaf - first, memory_order_release);
		}
	}
	mutex_unlock(&pagemap_lock);
	return err;
}

err_t
pagemap_reserve(base_t *base, const void *addr, size_t size)
{
	uintptr_t last = (uintptr_t)addr + size - 1;
	if (last < (uintptr_t)addr ||
	    last >> PAGEMAP_LG_LEAF >= PAGEMAP_NROOT) {
		return ERR_NOMEM;
	}
	for (uintptr_t slot = (uintptr_t)addr >> PAGEMAP_LG_LEAF;
	     slot <= last >> PAGEMAP_LG_LEAF; slot++) {
		/* As a write: reading a fresh page first would fault twice. */
		if (likely(atomic_fetch_or_explicit(&pagemap_root[slot], 0,
			       memory_order_relaxed) != 0)) {
			continue;
		}
		err_t err = leaf_add(base, slot);
		if (err != ERR_NONE) {
			return err;
		}
	}
	for (uintptr_t window = (uintptr_t)addr >> PAGEMAP_LG_WINDOW;
	     window <= last >> PAGEMAP_LG_WINDOW; window++) {
		window_note(notes_of(window >> LG_NWINDOWS),
		    window & (NWINDOWS - 1));
	}
	return ERR_NONE;
}

static void
set_extent(uintptr_t addr, edata_t *edata)
{
	uintptr_t leaf = pagemap_leaf_biased(addr);
	atomic_store_explicit(pagemap_extent_slot(leaf, addr), edata,
	    memory_order_release);
}

void
pagemap_set_boundaries(edata_t *edata)
{
	set_extent(edata_base(edata), edata);
	set_extent(edata_end(edata) - PAGE, edata);
}

void
pagemap_set_first(edata_t *edata)
{
	set_extent(edata_base(edata), edata);
}

void
pagemap_set_last(edata_t *edata)
{
	set_extent(edata_end(edata) - PAGE, edata);
}

void
pagemap_set_slab(edata_t *edata, uint8_t code)
{
	for (uintptr_t addr = edata_base(edata); addr < edata_end(edata);
	     addr += PAGE) {
		set_extent(addr, edata);
		pagemap_set_code((void *)addr, code);
	}
}

void
pagemap_clear_slab(const edata_t *edata)
{
	for (uintptr_t addr = edata_base(edata); addr < edata_end(edata);
	     addr += PAGE) {
		pagemap_set_code((void *)addr, 0);
	}
}

void
pagemap_forget(const edata_t *edata)
{
	set_extent(edata_base(edata), NULL);
	set_extent(edata_end(edata) - PAGE, NULL);
}

void NO_THREAD_SAFETY
pagemap_prefork(void)
{
	mutex_prefork(&pagemap_lock);
}

void NO_THREAD_SAFETY
pagemap_postfork_parent(void)
{
	mutex_postfork_parent(&pagemap_lock);
}

void NO_THREAD_SAFETY
pagemap_postfork_child(void)
{
	mutex_postfork_child(&pagemap_lock);
}
