/*
 * pac: the page allocator of one arena.
 *
 * Owns the arena's free extents in three caches, and where they go next:
 *
 *   user -> dirty --(decay)--> muzzy --(decay)--> retained -> the system
 *
 * Allocation looks in the same order and then asks the hooks for more, in
 * growing steps, of which the unused rest is retained.  Time takes dirty pages
 * away (decay.h), and so does a cap relative to the pages in use.
 *
 * Locks, outermost first: decay locks (one per purged state), grow_lock, one
 * lock per cache (never two at once).  None is held while memory is purged or
 * unmapped, except the decay lock, which only purgers take.
 */
#ifndef PAGE_PAC_H
#define PAGE_PAC_H

#include "page/decay.h"
#include "page/ecache.h"
#include "page/huge.h"
#include "page/sec.h"

typedef struct {
	_Atomic uint64_t npurge; /* sweeps */
	_Atomic uint64_t nmadvise; /* calls */
	_Atomic uint64_t purged; /* pages */
} pac_decay_stats_t;

/* Purging of one state. */
typedef struct {
	mutex_t lock;
	decay_t decay GUARDED_BY(lock);
	_Atomic ssize_t ms; /* copy of decay.ms, for reading */
	pac_decay_stats_t stats;
} pac_decay_t;

typedef struct pac {
	extent_env_t env;
	ecache_t dirty;
	ecache_t muzzy;
	ecache_t retained;
	huge_t huge;

	mutex_t grow_lock;
	unsigned grow_next GUARDED_BY(grow_lock); /* page class */
	unsigned grow_limit GUARDED_BY(grow_lock); /* page class */
	unsigned grow_skip GUARDED_BY(grow_lock); /* steps not to take */
	unsigned grow_skip_next GUARDED_BY(grow_lock);
	uint64_t serial_next GUARDED_BY(grow_lock);

	_Atomic size_t nactive; /* pages in use */
	_Atomic size_t kept; /* bytes that bins may keep, for nothing */
	/* Beyond so many dirty pages, pac_watcher is called once. */
	_Atomic size_t watch_npages;
	_Atomic size_t mapped; /* bytes, without retained */
	_Atomic size_t abandoned; /* bytes that we lost track of */
	edata_cache_t edata_cache;

	pac_decay_t dirty_decay;
	pac_decay_t muzzy_decay;
	/* Long, and touched here and there: behind all others. */
	eset_classes_t retained_classes;
	sec_t sec; /* recent dirty extents, uncut */
	eset_classes_t dirty_classes;
	eset_classes_t muzzy_classes;
} pac_t;

/*
 * What to do when the system has no memory: registered by the arenas, returns
 * true when something was released.  Called without locks.
 */
extern bool (*pac_reclaim)(void);

/*
 * Before more memory is used than ever, bins give up what they keep: registered
 * by the arenas.  Called without locks.
 */
extern void (*pac_release_kept)(unsigned arena_ind);

/*
 * Dirty pages of interest.  More of them than the watch says: the watcher is
 * called, without locks, and not again until the watch is set anew.  A new pac
 * has the watch that the variable says.
 */
#define PAC_WATCH_NONE SIZE_MAX
#define PAC_WATCH_NPAGES ((size_t)1024)
extern void (*pac_watcher)(unsigned arena_ind);
extern _Atomic size_t pac_watch_npages_new;

static inline void
pac_set_watch(pac_t *pac, size_t npages)
{
	atomic_store_explicit(&pac->watch_npages, npages, memory_order_seq_cst);
}

/*
 * Bytes that may come into use before someone looks at the limit of memory;
 * INT64_MAX: there is none.  Whoever takes the last is sent there, without
 * locks, with what it takes.
 */
#define PAC_HEADROOM_NONE INT64_MAX
extern _Atomic int64_t pac_headroom;
extern void (*pac_headroom_used)(size_t size);

/*
 * More address space than ever before was mapped: called at 32 MiB and at each
 * doubling of the total, below locks.
 */
extern void (*pac_grown)(size_t total);

void pac_init(pac_t *pac, ehooks_t *ehooks, base_t *base0, unsigned arena_ind,
    ssize_t dirty_decay_ms, ssize_t muzzy_decay_ms, uint64_t now_ns);

/* How the pages of an allocation are chosen. */
typedef enum {
	PAC_REUSE, /* dirty memory first: the usual way */
	PAC_UNTOUCHED, /* retained or new: its pages will be replaced */
} pac_source_t;

/*
 * An ACTIVE, committed extent of `size` bytes (a page multiple); `zeroed` says
 * whether it reads zero.  NULL: no memory.
 */
edata_t *
pac_alloc(pac_t *pac, size_t size, size_t alignment, pac_source_t source);

/* The user's pages become dirty ones. */
void pac_dalloc(pac_t *pac, edata_t *edata);

/* The same for an extent whose pages are known to be gone. */
void pac_dalloc_untouched(pac_t *pac, edata_t *edata);

/*
 * Make an ACTIVE extent longer in place, by free pages behind it.  On success
 * *zeroed says whether the new part reads zero.
 */
MUST_CHECK err_t pac_expand(pac_t *pac, edata_t *edata, size_t new_size,
    bool *zeroed);
/* Make it shorter; what is cut off becomes dirty. */
MUST_CHECK err_t pac_shrink(pac_t *pac, edata_t *edata, size_t new_size);

/* Purge what time says.  Returns at once when another thread is at it. */
void pac_decay_tick(pac_t *pac, uint64_t now_ns);
/* When `npages` or all that there are have to be purged; UINT64_MAX: never. */
uint64_t pac_ns_until_purge(pac_t *pac, size_t npages);
/* How many new dirty pages would make that many to be purged within ns. */
size_t pac_npages_due_within(pac_t *pac, size_t npages, uint64_t ns);
/* Purge all dirty and muzzy pages. */
void pac_purge_all(pac_t *pac);
/* Purge all and unmap what is retained; true: something was released. */
bool pac_release_all(pac_t *pac);

/* Dirty pages until so many are left, oldest first. */
void pac_purge_down_to(pac_t *pac, size_t npages);

/* Dirty pages, wherever they are. */
static inline size_t
pac_ndirty(const pac_t *pac)
{
	return ecache_npages(&pac->dirty) + sec_npages(&pac->sec);
}

/*
 * Bins may keep empty slabs of `size` bytes more, or less, than before.  False:
 * they may not, free memory has to come here.
 */
bool pac_keep_more(pac_t *pac, size_t size);
void pac_keep_less(pac_t *pac, size_t size);

static inline ssize_t
pac_dirty_decay_ms(const pac_t *pac)
{
	return atomic_load_explicit(&pac->dirty_decay.ms, memory_order_relaxed);
}

static inline ssize_t
pac_muzzy_decay_ms(const pac_t *pac)
{
	return atomic_load_explicit(&pac->muzzy_decay.ms, memory_order_relaxed);
}

/* ERR_INVALID: out of range. */
MUST_CHECK err_t pac_set_decay_ms(pac_t *pac, extent_state_t state, ssize_t ms,
    uint64_t now_ns);

/* Largest growth step; a limit becomes the page class at or below it. */
size_t pac_grow_limit(pac_t *pac);
void pac_set_grow_limit(pac_t *pac, size_t limit);

/* Bytes that free memory of an arena may take; SIZE_MAX: no limit. */
extern _Atomic size_t pac_space_share;

static inline size_t
pac_space_share_now(void)
{
	return atomic_load_explicit(&pac_space_share, memory_order_relaxed);
}

/* Dirty pages below this many never count as too many. */
#define PAC_DIRTY_CAP_FLOOR ((size_t)64 << (20 - LG_PAGE))

/*
 * How many dirty pages are tolerated next to those in use.  A quarter, tried
 * first, saved no peak memory where sizes change from phase to phase and cost
 * 40 % more page faults.
 */
static inline size_t
pac_dirty_cap(const pac_t *pac)
{
	size_t cap = atomic_load_explicit(&pac->nactive, memory_order_relaxed);
	size_t share = pac_space_share_now() >> LG_PAGE;
	cap = cap > PAC_DIRTY_CAP_FLOOR ? cap : PAC_DIRTY_CAP_FLOOR;
	return cap < share ? cap : share;
}

/* Tell the watcher where there are more than are watched for. */
void pac_tell_watcher(pac_t *pac) COLD;

static inline void
pac_watch(pac_t *pac, size_t ndirty)
{
	if (unlikely(ndirty > atomic_load_explicit(&pac->watch_npages,
				  memory_order_relaxed))) {
		pac_tell_watcher(pac);
	}
}

/* Extents in use became dirty ones that wait uncut. */
static inline void
pac_note_uncut(pac_t *pac, size_t npages)
{
	atomic_fetch_sub_explicit(&pac->nactive, npages, memory_order_relaxed);
	pac_watch(pac, sec_npages(&pac->sec));
}

/* May free memory wait somewhere before it becomes dirty extents? */
static inline bool
pac_keeps(const pac_t *pac)
{
	return pac_dirty_decay_ms(pac) != 0 &&
	    ehooks_are_default(pac->env.ehooks);
}

/*
 * As pac_alloc() and pac_dalloc() for long extents that come and go as they
 * are.  NULL, false: the long way; nothing has changed.
 */
static inline edata_t *
pac_alloc_again(pac_t *pac, size_t size)
{
	edata_t *edata = sec_take_long(&pac->sec, size >> LG_PAGE);
	if (edata != NULL) {
		atomic_fetch_add_explicit(&pac->nactive, size >> LG_PAGE,
		    memory_order_relaxed);
	}
	return edata;
}

/*
 * Memory that waits uncut is memory that other lengths may lack: a 16th of what
 * is in use, or one extent while no other length is asked for.
 */
static inline bool
pac_dalloc_again(pac_t *pac, edata_t *edata)
{
	size_t npages = edata_npages(edata);
	size_t nlong = sec_npages_long(&pac->sec) + npages;
	if (unlikely(edata->guarded || !pac_keeps(pac)) ||
	    ecache_npages(&pac->dirty) + nlong > pac_dirty_cap(pac) ||
	    (nlong * 16 >
		    atomic_load_explicit(&pac->nactive, memory_order_relaxed) &&
		(nlong != npages || !sec_is_streak(&pac->sec, npages)))) {
		return false;
	}
	edata->zeroed = false;
	if (!sec_put_long(&pac->sec, edata)) {
		return false;
	}
	pac_note_uncut(pac, npages);
	return true;
}

/*
 * Arena destruction: everything left goes by the destroy hook, and the
 * descriptors to the parent of their cache.
 */
void pac_destroy(pac_t *pac);

bool pac_verify(pac_t *pac);

/* fork: ranks in order. */
void pac_prefork(pac_t *pac, int stage);
void pac_postfork_parent(pac_t *pac);
void pac_postfork_child(pac_t *pac);
#define PAC_PREFORK_STAGES 8

#endif
