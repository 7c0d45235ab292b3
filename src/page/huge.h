/*
 * huge: fresh memory in huge pages, where the kernel waits to be asked for
 * them.
 *
 * A page fault costs about as much as the work on the page, and a huge page
 * takes one fault for 512.  What it may cost is memory that is resident and not
 * used, so it is asked for only where use is sure.
 *
 * For slabs use is near: when a slab is cut
 * from fresh memory at the beginning of an aligned 2 MiB piece, the rest of the
 * piece is free and untouched, and slabs took most of such a piece since the
 * last time.  So no more than 4/3 of what slabs take becomes resident, plus one
 * piece for each arena; and none before an arena has HUGE_FLOOR in use.
 *
 * It is one piece at a time, made at once: the range does not stay marked, so
 * what is purged later comes back in small pages.
 *
 * Each is timed: where it takes longer than the small pages in its place would,
 * it is asked for less and less often.
 *
 * For large blocks use is learned: of those from fresh memory that are freed, a
 * sample says how much was touched.  While nearly all of it is, new ones of up
 * to twice the size are marked, except one in LARGE_PROBE, which goes on to be
 * looked at.  The mark goes when the pages are purged.
 *
 * A marked block is a mapping of its own for the kernel, which has a limit of
 * 65530: small ones are not marked where the process is large.
 *
 * Not where a limit of memory or address space is known, for custom hooks, or
 * against thp_dense:false and thp:never.  No locks: descriptors of neighbours
 * are only looked at, and advice for memory of others is harmless.
 */
#ifndef PAGE_HUGE_H
#define PAGE_HUGE_H

#include <stdatomic.h>

#include "meta/edata.h"
#include "platform/err.h"

/* An arena with less than this in use gets none. */
#define HUGE_FLOOR ((size_t)32 << 20)

typedef struct {
	_Atomic size_t carved; /* fresh bytes for slabs since the last piece */
	_Atomic unsigned skip; /* pieces not to ask for: there were none */
	_Atomic unsigned skip_next;
	_Atomic size_t nmade; /* pieces that became huge pages */
	/* Large blocks: how much of them is touched, in 256ths, on average. */
	_Atomic unsigned touched;
	_Atomic unsigned nseen; /* blocks that this is from */
	_Atomic unsigned nlarge; /* blocks from fresh memory */
	_Atomic size_t proven; /* the largest that was touched throughout */
} huge_t;

/* Blocks below this are not worth a mark. */
#define HUGE_LARGE_MIN ((size_t)4 << 20)

struct pac;

/* What makes a piece huge: pages_make_huge(), or a test's own. */
extern err_t (*huge_make)(void *piece, size_t rest);
/* Address space of the process: pages_mapped_bytes(), or a test's own. */
extern size_t (*huge_mapped)(void);

/* A slab was cut from fresh memory, and nothing in it is touched yet. */
void huge_note_slab(struct pac *pac, const edata_t *slab);

/* A block of HUGE_LARGE_MIN or more was cut from fresh memory. */
void huge_note_large(struct pac *pac, edata_t *edata);
/* Such a block is to be freed, and its pages still are as the user left them. */
void huge_note_large_freed(struct pac *pac, edata_t *edata);

/* The pages of an extent are gone: a mark goes too. */
void huge_unmark(edata_t *edata);

#endif
