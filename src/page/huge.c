#include "page/huge.h"

#include "meta/options.h"
#include "meta/pagemap.h"
#include "page/pac.h"
#include "platform/clock.h"
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

/* What a piece may cost: small pages in its place take more than that. */
#define COST_MAX_NS (600 * UINT64_C(1000))

/* Most pieces that are passed over when the kernel has no huge pages. */
#define SKIP_MAX 1024

/*
 * A block has to be so large a part of all address space, at least: 4 MiB where
 * that is 16 GiB.  Whenever it doubles, 2048 marks more are possible.
 */
#define LG_MARKS 12

err_t (*huge_make)(void *piece, size_t rest) = pages_make_huge;
size_t (*huge_mapped)(void) = pages_mapped_bytes;

static size_t
get(const _Atomic size_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static unsigned
load(const _Atomic unsigned *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/*
 * Where the free and untouched memory from addr on ends, if it is one extent of
 * the arena and includes [addr, end); 0: it does not.  Others may be changing
 * the descriptor: what it says is a hint.
 */
__attribute__((no_sanitize("thread"))) static uintptr_t
fresh_end(const pac_t *pac, uintptr_t addr, uintptr_t end)
{
	if (addr >= end) {
		return addr;
	}
	const volatile edata_t *edata = pagemap_extent((void *)addr);
	if (edata == NULL ||
	    edata->owner !=
		edata_owner_word(pac->env.arena_ind, EXTENT_RETAINED) ||
	    (uintptr_t)edata->addr != addr || !edata->zeroed) {
		return 0;
	}
	uintptr_t found = addr + edata->size;
	return found >= end ? found : 0;
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

/* None at the moment, or not for that price: ask less and less often. */
static void
back_off(huge_t *huge)
{
	unsigned skip = load(&huge->skip_next) * 2 + 1;
	skip = skip < SKIP_MAX ? skip : SKIP_MAX;
	atomic_store_explicit(&huge->skip_next, skip, memory_order_relaxed);
	atomic_store_explicit(&huge->skip, skip, memory_order_relaxed);
}

/*
 * A huge page may cost more than the small ones in its place: where it has to
 * be made free first, or, in a virtual machine, be given by the host.
 */
static bool
make_cheaply(void *piece, size_t rest)
{
	uint64_t begun = clock_precise_ns();
	return huge_make(piece, rest) == ERR_NONE &&
	    clock_precise_ns() - begun < COST_MAX_NS;
}

/* Make a piece huge, unless that was of no use lately; true: it is. */
static bool
make(huge_t *huge, uintptr_t piece, size_t rest)
{
	unsigned skip = load(&huge->skip);
	if (skip != 0) {
		atomic_store_explicit(&huge->skip, skip - 1,
		    memory_order_relaxed);
		return false;
	}
	if (!make_cheaply((void *)piece, rest)) {
		back_off(huge);
		return false;
	}
	atomic_store_explicit(&huge->skip_next, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&huge->nmade, 1, memory_order_relaxed);
	return true;
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
	    carved < CARVED_MIN) {
		return;
	}
	uintptr_t fresh = fresh_end(pac, end, piece + HUGEPAGE);
	if (fresh == 0 || !is_wanted(pac)) {
		return;
	}
	atomic_store_explicit(&huge->carved, 0, memory_order_relaxed);
	(void)make(huge, piece, fresh - piece - HUGEPAGE);
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

/* Will a block of this size be touched throughout, as others were? */
static bool
is_proven(huge_t *huge, size_t size)
{
	return load(&huge->nseen) >= SEEN_MIN &&
	    load(&huge->touched) >= TOUCHED_MIN &&
	    size / 2 <= get(&huge->proven);
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
	edata->watched = n % LARGE_PROBE == 0 || !is_proven(huge, edata->size);
	if (!edata->watched && edata->size >= huge_mapped() >> LG_MARKS &&
	    make(huge, (uintptr_t)start, 0) &&
	    pages_hugify(start, size) == ERR_NONE) {
		edata->huge = true;
	}
}

/* How much of an extent is in memory, in 256ths, by a sample. */
static unsigned
touched_part(const edata_t *edata)
{
	unsigned char resident[WINDOW_PAGES];
	size_t step = align_down(edata->size / NWINDOWS, os_page_size);
	unsigned n = 0;
	for (unsigned i = 0; i < NWINDOWS; i++) {
		char *window = (char *)edata->addr + i * step;
		if (pages_resident(window, WINDOW_PAGES * os_page_size,
			resident) != ERR_NONE) {
			return 0;
		}
		for (size_t page = 0; page < WINDOW_PAGES; page++) {
			n += resident[page] & 1;
		}
	}
	return n * 256 / (NWINDOWS * WINDOW_PAGES);
}

/* What a block of this size says of others of about its size. */
static void
note_proof(huge_t *huge, size_t size, bool is_touched)
{
	size_t proven = get(&huge->proven);
	if (is_touched ? size > proven : size / 4 < proven) {
		atomic_store_explicit(&huge->proven,
		    is_touched ? size : size / 4, memory_order_relaxed);
	}
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
	note_proof(huge, edata->size, part >= TOUCHED_MIN);
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
