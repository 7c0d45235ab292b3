/*
 * bin: one size class in one arena: its slabs.
 *
 * A slab with free regions is either `current`, from which regions are taken,
 * or in `nonfull`, ordered by age and address: the oldest, lowest slab is used
 * next, so that young ones get a chance to become empty.  Full slabs are
 * nowhere; freeing a region finds them through the page map.
 *
 * Free regions of which all are hidden (their pages were given back, see slab.h)
 * make a slab `hollow`: it is used when there is nothing else.
 *
 * An emptied slab leaves the bin, unless it is the last one with room.  A bin
 * that then needs a fresh one may keep some the next time (bin_keep_more_locked):
 * they are used when no other slab has room, and cost neither a lock of the
 * page allocator nor a write to the page map.  Those that were not needed for a
 * while leave (bin_age_locked).
 *
 * Regions are taken and returned in batches, without touching them: a free
 * region is a bit in the slab's descriptor.
 *
 * A thread that returns regions while another holds the lock does not wait: it
 * leaves the batch in `handoff`, and whoever has the lock next takes it in.
 * There is room for one batch; a thread that finds it taken waits after all.
 *
 * Locking: everything below `lock`, and the slabs' free maps too.  Pages come
 * and go with the lock dropped.  `handoff` goes EMPTY -> WRITING (by the
 * thread that leaves a batch) -> FULL -> EMPTY (by the holder of the lock).
 */
#ifndef ARENA_BIN_H
#define ARENA_BIN_H

#include "arena/bin_info.h"
#include "arena/slab.h"
#include "ds/pairing_heap.h"
#include "platform/mutex.h"

typedef struct {
	uint64_t nmalloc; /* regions taken */
	uint64_t ndalloc; /* regions returned */
	uint64_t nreset; /* regions that went with a reset */
	uint64_t nfills;
	uint64_t nflushes;
	uint64_t nslabs; /* slabs ever created */
	uint64_t nreslabs; /* times a nonfull slab became current again */
	size_t curslabs;
	size_t nonfull_slabs;
	size_t npages_purged; /* of slabs that are in use */
} bin_stats_t;

#define BIN_HANDOFF_MAX 64

typedef enum { HANDOFF_EMPTY, HANDOFF_WRITING, HANDOFF_FULL } handoff_state_t;

typedef struct {
	_Atomic uint32_t state;
	uint32_t n;
} bin_handoff_t;

/* Does a bin that keeps empty slabs want to be looked at as time passes? */
typedef enum { AGING_NOT, AGING_WANTED, AGING_TOLD } aging_t;

/* Empty slabs that a bin may keep, at most: so many, and so many bytes. */
#define BIN_EMPTY_MAX 64
#define BIN_EMPTY_BYTES ((size_t)1 << 20)

typedef struct bin {
	mutex_t lock;
	edata_t *current GUARDED_BY(lock);
	ph_t nonfull GUARDED_BY(lock);
	ph_t hollow GUARDED_BY(lock);
	ph_t empty GUARDED_BY(lock);
	list_t full GUARDED_BY(lock); /* manual arenas only */
	bool tracks_full;
	/* Empty slabs that are kept. */
	uint8_t nempty GUARDED_BY(lock);
	uint8_t nempty_least GUARDED_BY(lock); /* since the last aging */
	uint8_t nempty_max GUARDED_BY(lock);
	uint8_t aging GUARDED_BY(lock); /* aging_t */
	bool gave_up GUARDED_BY(lock); /* a slab left, since a fresh one came */
	/* Looking for free pages: see bin_sweep_locked(). */
	bool sweep_found GUARDED_BY(lock);
	uint16_t sweep_round GUARDED_BY(lock);
	ph_walk_t sweep_walk GUARDED_BY(lock);
	size_t sweep_left GUARDED_BY(lock); /* steps, at most */
	size_t sweep_nslabs GUARDED_BY(lock); /* looked at in the heap */
	uint64_t sweep_at GUARDED_BY(lock); /* stats.ndalloc */
	bin_stats_t stats GUARDED_BY(lock);
	bin_handoff_t handoff;
} bin_t;

/*
 * Set a bin up in zeroed memory.  Without a list of full slabs that writes
 * nothing, so that bins cost no memory before they are used.
 */
void bin_init(bin_t *bin, bool tracks_full);

/* Take up to n regions, lowest address first; returns how many there were. */
unsigned bin_take_locked(bin_t *bin, unsigned szind, void **regs, unsigned n)
    REQUIRES(bin->lock);

/*
 * Bring in a fresh slab, all of whose regions are free.  To be done when there
 * is no other free region: an empty slab behind others is hard to find again.
 */
void bin_add_slab_locked(bin_t *bin, unsigned szind, edata_t *slab)
    REQUIRES(bin->lock);

/* What returning a region led to. */
typedef enum {
	BIN_RETURNED,
	BIN_SLAB_EMPTY, /* *empty left the bin; give its pages back */
	BIN_DOUBLE_FREE, /* the region was free: nothing changed */
} bin_return_t;

/* A slab went from full to not full, or became empty: see bin.c. */
bin_return_t bin_slab_changed_locked(bin_t *bin, edata_t *slab, edata_t **empty)
    REQUIRES(bin->lock);

/* Regions that are returned to one slab, in a row. */
typedef struct {
	edata_t *slab;
	unsigned nfree; /* as in the slab */
	unsigned until; /* nfree where the slab's place in the bin changes */
} bin_returns_t;

static inline bin_returns_t bin_returns_begin_locked(bin_t *bin, edata_t *slab,
    unsigned nregs) REQUIRES(bin->lock);

static inline bin_returns_t
bin_returns_begin_locked(bin_t *bin, edata_t *slab, unsigned nregs)
{
	unsigned nfree = slab->nfree;
	(void)bin;
	return (bin_returns_t){.slab = slab,
	    .nfree = nfree,
	    .until = nfree == slab->holes.nhidden ? nfree + 1 : nregs};
}

/*
 * Return one of nregs regions; the caller adds to stats.ndalloc what was
 * returned.  With BIN_SLAB_EMPTY the row ends, and with bin_take_locked().
 */
static inline bin_return_t bin_return_locked(bin_t *bin, bin_returns_t *to,
    unsigned nregs, unsigned region, edata_t **empty) REQUIRES(bin->lock);

static inline bin_return_t
bin_return_locked(bin_t *bin, bin_returns_t *to, unsigned nregs,
    unsigned region, edata_t **empty)
{
	edata_t *slab = to->slab;
	uint64_t bits = slab->free_map[region / 64];
	uint64_t with = bits | (uint64_t)1 << region % 64;
	if (unlikely(bits == with)) {
		return BIN_DOUBLE_FREE;
	}
	slab->free_map[region / 64] = with;
	slab->nfree = (uint16_t)++to->nfree;
	if (likely(to->nfree != to->until)) {
		return BIN_RETURNED;
	}
	to->until = nregs;
	return bin_slab_changed_locked(bin, slab, empty);
}

/* Take out an empty slab, the current one or one that is kept; NULL: none. */
edata_t *bin_remove_empty_locked(bin_t *bin) REQUIRES(bin->lock);

/*
 * How many more empty slabs the bin should keep, now that it needs a fresh one:
 * none unless one left since the last time.
 */
unsigned
bin_should_keep_locked(const bin_t *bin, unsigned szind) REQUIRES(bin->lock);

/* A fresh slab is fetched; n more are kept from now on. */
void bin_keep_more_locked(bin_t *bin, unsigned n) REQUIRES(bin->lock);

/* Keep none any more; returns how many might have been kept. */
unsigned bin_keep_none_locked(bin_t *bin) REQUIRES(bin->lock);

/*
 * Time passes: take out those that were not needed since the last call, up to
 * BIN_EMPTY_MAX; returns how many.  *less: how many less are kept from now on.
 */
unsigned
bin_age_locked(bin_t *bin, edata_t **empty, unsigned *less) REQUIRES(bin->lock);

/* True once: a bin that kept none has an empty slab. */
static inline bool bin_wants_aging_locked(bin_t *bin) REQUIRES(bin->lock);

static inline bool
bin_wants_aging_locked(bin_t *bin)
{
	if (likely(bin->aging != AGING_WANTED)) {
		return false;
	}
	bin->aging = AGING_TOLD;
	return true;
}

/* For a reset: take out any slab, with all its regions; NULL: none is left. */
edata_t *bin_remove_any_locked(bin_t *bin) REQUIRES(bin->lock);

/*
 * Free pages of slabs in use.
 *
 * A sweep looks at every slab that has free regions, over as many calls as one
 * likes, and at each once.  A unit that was free at the last sweep, in a slab
 * from which nothing was taken since, is handed over to be purged; the others
 * that are free are noted for the next sweep.
 */
typedef struct {
	edata_t *slab;
	slab_units_t units; /* none: the slab was empty and left the bin */
	bool purged; /* set by who tried to purge them */
	void *twice; /* a region that was freed meanwhile; NULL: none was */
} bin_hole_t;

#define BIN_HOLES_MAX 32

/*
 * Whether enough was freed since the last sweep for one to be worth it.  True
 * only once, until a sweep was begun and ended.
 */
bool
bin_wants_sweep_slow_locked(bin_t *bin, unsigned szind) REQUIRES(bin->lock);

static inline bool
bin_wants_sweep_locked(bin_t *bin, unsigned szind) REQUIRES(bin->lock);

static inline bool
bin_wants_sweep_locked(bin_t *bin, unsigned szind)
{
	return unlikely(bin->stats.ndalloc >= bin->sweep_at) &&
	    bin_wants_sweep_slow_locked(bin, szind);
}

/* False: the bin wants none, and `all` is not asked for. */
bool bin_sweep_begin_locked(bin_t *bin, bool all) REQUIRES(bin->lock);

/*
 * Go on with the sweep for up to *nsteps slabs, of which it takes off those that
 * it did.  Returns how many slabs have units to be purged: they are reserved
 * until bin_sweep_restore_locked().  `all`: whatever is free.
 */
unsigned bin_sweep_locked(bin_t *bin, bool all, unsigned *nsteps,
    bin_hole_t *holes) REQUIRES(bin->lock);

static inline bool
bin_sweep_is_over_locked(const bin_t *bin) REQUIRES(bin->lock);

static inline bool
bin_sweep_is_over_locked(const bin_t *bin)
{
	return bin->sweep_walk.node == NULL;
}

/*
 * What was reserved is free again.  True: the slab is empty and left the bin;
 * give its pages back.
 */
bool bin_sweep_restore_locked(bin_t *bin, bin_hole_t *hole) REQUIRES(bin->lock);

/* The sweep is over.  True: it found what the next one may purge. */
bool bin_sweep_end_locked(bin_t *bin, unsigned szind) REQUIRES(bin->lock);

/*
 * Leave a batch of up to BIN_HANDOFF_MAX regions; false: no room.  `slots` is
 * where it waits: apart from the bin, because most bins never need it.
 */
bool bin_handoff_leave(bin_t *bin, void **slots, void **regs, unsigned n);

/* Take what was left, into room for BIN_HANDOFF_MAX; returns how many. */
unsigned bin_handoff_take_locked(bin_t *bin, void **slots, void **regs)
    REQUIRES(bin->lock);

static inline bool
bin_handoff_waits(bin_t *bin)
{
	return atomic_load_explicit(&bin->handoff.state,
		   memory_order_relaxed) == HANDOFF_FULL;
}

/* For those who only want to know: about how many regions are left there. */
unsigned bin_handoff_seen(const bin_t *bin);

/* In a fork's child: a batch that was being written is lost. */
void bin_handoff_postfork_child(bin_t *bin);

bool bin_verify(bin_t *bin, unsigned szind) EXCLUDES(bin->lock);

#endif
