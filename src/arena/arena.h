/*
 * arena: slabs, large blocks and free pages of a group of threads.
 *
 * Owns its bins and its page allocator, and allocates and frees without a
 * thread cache: small regions in batches, large blocks one by one.  Memory
 * always returns to the arena that it came from, whoever frees it.
 *
 * Locks: those of the bins, of the list of large blocks, and of the page
 * allocator; never two bins at once, none over a page operation.
 */
#ifndef ARENA_ARENA_H
#define ARENA_ARENA_H

#include "arena/bin.h"
#include "arena/holes.h"
#include "meta/base.h"
#include "page/pac.h"

#define ARENA_NAME_SIZE 32

typedef struct {
	_Atomic uint64_t nmalloc;
	_Atomic uint64_t ndalloc;
} lextent_stats_t;

struct arena {
	unsigned ind;
	bool automatic;
	_Atomic unsigned nthreads; /* bound for the application */
	base_t *base; /* its own, or arena 0's */
	ehooks_t ehooks;
	_Atomic size_t oversize_threshold;
	uint64_t created_ns;
	char name[ARENA_NAME_SIZE];

	mutex_t large_lock;
	list_t large GUARDED_BY(large_lock); /* manual arenas only */
	_Atomic size_t large_allocated;

	holes_t holes;
	/* Bins beyond the first of their class, or NULL: see arenas.h. */
	_Atomic(bin_t *) more;
	_Atomic uint64_t shards; /* bit i: a thread has number i */
	bin_t bins[SC_NBINS];
	pac_t pac;

	/* Touched seldom or here and there: behind all others. */
	lextent_stats_t lextents[SC_NSIZES - SC_NBINS];
	/* Requests by class, estimated from samples. */
	_Atomic uint64_t nrequests[SC_NSIZES];
	void *handoff[SC_NBINS][BIN_HANDOFF_MAX]; /* see bin.h; first bins */
};

/*
 * Set an arena up in zeroed memory.  `base0` is the base of arena 0, which
 * serves descriptors and page map of all arenas.
 */
void arena_init(arena_t *arena, unsigned ind, base_t *base, base_t *base0,
    extent_hooks_t *table, bool automatic);

static inline bin_t *
arena_more(const arena_t *arena)
{
	return atomic_load_explicit(&arena->more, memory_order_acquire);
}

/* How many bins a class has in the arena; each has slabs of its own. */
static inline unsigned
arena_nshards(const arena_t *arena, unsigned szind)
{
	return likely(arena_more(arena) == NULL) ? 1 : bin_infos[szind].nshards;
}

static inline bin_t *
arena_bin(arena_t *arena, unsigned szind, unsigned shard)
{
	return likely(shard == 0)
	    ? &arena->bins[szind]
	    : &arena_more(arena)[bin_infos[szind].more + shard - 1];
}

/*
 * Bins beyond the first of each class, as many as bin_infos says, if there are
 * none yet and memory for them.  Callers exclude each other and fork.
 */
void arena_add_bins(arena_t *arena);

/*
 * Which bins a thread should use: a number that no other thread of the arena
 * has, the lowest one (ARENA_SHARD_NONE or more: none is left, or any will do).
 */
#define ARENA_SHARD_NONE 64
unsigned arena_take_shard(arena_t *arena);
void arena_give_shard(arena_t *arena, unsigned shard);

/*
 * Take up to n regions of a slab class, lowest address first.  Returns how
 * many: fewer than n rather than taking a second fresh slab; 0: no memory.
 * *contended is set when another thread held the bin.  `shard` may be any
 * number: threads with different ones need not meet at one bin.
 */
unsigned arena_fill(arena_t *arena, unsigned szind, unsigned shard, void **regs,
    unsigned n, bool *contended);

/*
 * Give n regions back to their slabs, whatever arenas they are of.  What is
 * not a live region of the class is reported as a fault.  The array is used up.
 */
void arena_flush(unsigned szind, void **regs, unsigned n);

/* Purge what time says. */
void arena_decay(arena_t *arena, uint64_t now_ns);
/* Time passes: do so, unless others are there for that. */
void arena_tick(arena_t *arena);
/* Do threads purge on their ticks?  Not where background threads do. */
extern _Atomic bool arena_ticks_purge;
/* Does someone else want to know of ticks? */
extern _Atomic bool arena_ticks_watched;
extern void (*arena_tick_watcher)(uint64_t now_ns);

/* Free all blocks of a manual arena.  Nobody may be using it. */
void arena_reset(arena_t *arena);

/* Give up empty slabs and purge everything unused, in slabs too. */
void arena_purge(arena_t *arena);

/* Empty slabs that bins keep for themselves become free pages. */
void arena_release_empty_slabs(arena_t *arena);

/* A slab that left its bin: its pages are free. */
void arena_slab_dalloc(edata_t *slab);

/* The arena of an extent. */
arena_t *arena_of(const edata_t *edata);

bool arena_verify(arena_t *arena);

#define ARENA_PREFORK_STAGES (PAC_PREFORK_STAGES + 4)
void arena_prefork(arena_t *arena, int stage);
void arena_postfork_parent(arena_t *arena);
void arena_postfork_child(arena_t *arena);

#endif
