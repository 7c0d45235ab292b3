#include "page/huge.h"

#include "meta/options.h"
#include "meta/pagemap.h"
#include "page/pac.h"
#include "platform/pages.h"

/* Slabs have to take so much of fresh memory for one more piece. */
#define CARVED_MIN (HUGEPAGE / 4 * 3)

/* Of large blocks so many 256ths have to be touched, on average. */
#define TOUCHED_MIN 240

/* Blocks to learn from, and one of how many is looked at later. */
#define SEEN_MIN 4
#define LARGE_PROBE 8

/* Pages that are looked at: so many windows of so many. */
#define NWINDOWS 4
#define WINDOW_PAGES 64

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
	return opt.thp_dense && opt.thp == OPT_THP_DEFAULT &&
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

static unsigned
load(const _Atomic unsigned *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The whole pieces of an extent; false: there is none. */
static bool
whole_pieces(const edata_t *edata, void **start, size_t *size)
{
	uintptr_t first = align_up(edata_base(edata), HUGEPAGE);
	uintptr_t end = align_down(edata_end(edata), HUGEPAGE);
	*start = (void *)first;
	*size = end - first;
	return first < end;
}

void
huge_note_large(pac_t *pac, edata_t *edata)
{
	huge_t *huge = &pac->huge;
	void *start;
	size_t size;
	if (!whole_pieces(edata, &start, &size) || !is_wanted(pac)) {
		return;
	}
	unsigned n = atomic_fetch_add_explicit(&huge->nlarge, 1,
	    memory_order_relaxed);
	edata->watched = load(&huge->nseen) < SEEN_MIN ||
	    load(&huge->touched) < TOUCHED_MIN || n % LARGE_PROBE == 0;
	if (!edata->watched && pages_hugify(start, size) == ERR_NONE) {
		edata->huge = true;
	}
}

/* How much of an extent is in memory, in 256ths, by a sample. */
static unsigned
touched_part(const edata_t *edata)
{
	unsigned char resident[WINDOW_PAGES];
	size_t step = align_down(edata->size / NWINDOWS, os_page_size);
	size_t npages = WINDOW_PAGES;
	unsigned n = 0;
	for (unsigned i = 0; i < NWINDOWS; i++) {
		char *window = (char *)edata->addr + i * step;
		if (pages_resident(window, npages * os_page_size, resident) !=
		    ERR_NONE) {
			return 0;
		}
		for (size_t page = 0; page < npages; page++) {
			n += resident[page] & 1;
		}
	}
	return n * 256 / (NWINDOWS * WINDOW_PAGES);
}

void
huge_note_large_freed(pac_t *pac, edata_t *edata)
{
	huge_t *huge = &pac->huge;
	edata->watched = false;
	if (edata->size < NWINDOWS * WINDOW_PAGES * os_page_size) {
		return;
	}
	unsigned part = touched_part(edata);
	unsigned nseen = load(&huge->nseen);
	unsigned before = nseen == 0 ? part : load(&huge->touched);
	atomic_store_explicit(&huge->touched, (before * 3 + part) / 4,
	    memory_order_relaxed);
	if (nseen < SEEN_MIN) {
		atomic_store_explicit(&huge->nseen, nseen + 1,
		    memory_order_relaxed);
	}
}

void
huge_unmark(edata_t *edata)
{
	void *start;
	size_t size;
	edata->huge = false;
	if (whole_pieces(edata, &start, &size)) {
		/* If that fails, some pages will be huge again. */
		(void)!pages_nohugify(start, size);
	}
}
