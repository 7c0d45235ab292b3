#include "page/huge.h"

#include "meta/options.h"
#include "meta/pagemap.h"
#include "page/pac.h"
#include "platform/pages.h"

/* Slabs have to take so much of fresh memory for one more piece. */
#define CARVED_MIN (HUGEPAGE / 4 * 3)

/* Most pieces that are passed over when the kernel has no huge pages. */
#define SKIP_MAX 1024

err_t (*huge_make)(void *piece) = pages_make_huge;

static size_t
get(const _Atomic size_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Is all of [addr, end) free and untouched, in one extent of the arena? */
static bool
is_fresh(const pac_t *pac, uintptr_t addr, uintptr_t end)
{
	if (addr >= end) {
		return true;
	}
	const edata_t *edata = pagemap_extent((void *)addr);
	return edata != NULL &&
	    edata_owner(edata) ==
	    edata_owner_word(pac->env.arena_ind, EXTENT_RETAINED) &&
	    edata_base(edata) == addr && edata_end(edata) >= end &&
	    edata->zeroed;
}

static bool
is_wanted(const pac_t *pac)
{
	return opt.thp_slabs && opt.thp == OPT_THP_DEFAULT &&
	    ehooks_are_default(pac->env.ehooks) &&
	    atomic_load_explicit(&pac_headroom, memory_order_relaxed) ==
	    PAC_HEADROOM_NONE &&
	    pages_space_limit() == SIZE_MAX &&
	    pages_thp_mode() == THP_MODE_MADVISE;
}

/* The kernel has none at the moment: ask less and less often. */
static void
back_off(huge_t *huge)
{
	unsigned skip = atomic_load_explicit(&huge->skip_next,
			    memory_order_relaxed) *
		2 +
	    1;
	skip = skip < SKIP_MAX ? skip : SKIP_MAX;
	atomic_store_explicit(&huge->skip_next, skip, memory_order_relaxed);
	atomic_store_explicit(&huge->skip, skip, memory_order_relaxed);
}

static void
make(huge_t *huge, uintptr_t piece)
{
	unsigned skip = atomic_load_explicit(&huge->skip, memory_order_relaxed);
	if (skip != 0) {
		atomic_store_explicit(&huge->skip, skip - 1,
		    memory_order_relaxed);
	} else if (huge_make((void *)piece) == ERR_NONE) {
		atomic_store_explicit(&huge->skip_next, 0,
		    memory_order_relaxed);
		atomic_fetch_add_explicit(&huge->nmade, 1,
		    memory_order_relaxed);
	} else {
		back_off(huge);
	}
}

void
huge_note_slab(pac_t *pac, const edata_t *slab)
{
	huge_t *huge = &pac->huge;
	size_t carved = slab->size +
	    atomic_fetch_add_explicit(&huge->carved, slab->size,
		memory_order_relaxed);
	uintptr_t end = edata_end(slab);
	uintptr_t piece = align_up(edata_base(slab), HUGEPAGE);
	if (likely(piece >= end) || get(&pac->mapped) < HUGE_FLOOR ||
	    carved < CARVED_MIN || !is_fresh(pac, end, piece + HUGEPAGE) ||
	    !is_wanted(pac)) {
		return;
	}
	atomic_store_explicit(&huge->carved, 0, memory_order_relaxed);
	make(huge, piece);
}
