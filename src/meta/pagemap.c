#include "meta/pagemap.h"

#include <string.h>

#include "platform/mutex.h"

LARGE_BSS _Atomic(uintptr_t) pagemap_root[PAGEMAP_NROOT];

static mutex_t pagemap_lock = MUTEX_INITIALIZER("pagemap", LOCK_PAGEMAP);
static size_t leaves_mapped;

#define LEAF_BYTES (PAGEMAP_LEAF_PAGES * (1 + sizeof(edata_t *)))

size_t
pagemap_mapped(void)
{
	return leaves_mapped;
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
			leaves_mapped += LEAF_BYTES;
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
		if (likely(atomic_load_explicit(&pagemap_root[slot],
			       memory_order_relaxed) != 0)) {
			continue;
		}
		err_t err = leaf_add(base, slot);
		if (err != ERR_NONE) {
			return err;
		}
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
