/*
 * snapshot: all statistics as they were at one moment, which is an epoch.
 *
 * Taken anew when the program asks for it (a write to `epoch`), and kept until
 * then, so that numbers that are read one after the other fit together.  One
 * record per arena that existed, one for their sum, and one for what destroyed
 * arenas have left behind.
 *
 * Counters are read below the locks that guard them, one lock at a time, so
 * that taking a snapshot stops nobody for long; the sums are then brought into
 * the order that is promised (allocated <= active <= resident).
 *
 * Locking: everything below `ctl_lock`, which comes before all others.
 */
#ifndef CTL_SNAPSHOT_H
#define CTL_SNAPSHOT_H

#include "arena/arenas.h"
#include "meta/size_class.h"
#include "platform/mutex.h"

#define SNAP_ARENAS_ALL 4096
#define SNAP_ARENAS_DESTROYED 4097

#define SNAP_NLEXTENTS (SC_NSIZES - SC_NBINS)
#define SNAP_NNONFULL 64

enum {
	SNAP_MUTEX_BACKGROUND,
	SNAP_MUTEX_BACKGROUND_MAX,
	SNAP_MUTEX_CTL,
	SNAP_MUTEX_PROF,
	SNAP_MUTEX_PROF_THDS_DATA,
	SNAP_MUTEX_PROF_DUMP,
	SNAP_MUTEX_PROF_RECENT_ALLOC,
	SNAP_MUTEX_PROF_RECENT_DUMP,
	SNAP_MUTEX_PROF_STATS,
	SNAP_NMUTEXES
};

enum {
	SNAP_MUTEX_LARGE,
	SNAP_MUTEX_EXTENT_AVAIL,
	SNAP_MUTEX_EXTENTS_DIRTY,
	SNAP_MUTEX_EXTENTS_MUZZY,
	SNAP_MUTEX_EXTENTS_RETAINED,
	SNAP_MUTEX_DECAY_DIRTY,
	SNAP_MUTEX_DECAY_MUZZY,
	SNAP_MUTEX_BASE,
	SNAP_MUTEX_TCACHE_LIST,
	SNAP_MUTEX_HPA_SHARD,
	SNAP_MUTEX_HPA_SHARD_GROW,
	SNAP_MUTEX_HPA_SEC,
	SNAP_ARENA_NMUTEXES
};

typedef struct {
	uint64_t nmalloc, ndalloc, nrequests, nfills, nflushes;
	uint64_t nslabs, nreslabs;
	size_t curregs, curslabs, nonfull_slabs;
	mutex_stats_t mutex;
} snap_bin_t;

typedef struct {
	uint64_t nmalloc, ndalloc, nrequests;
	size_t curlextents;
} snap_lextent_t;

typedef struct {
	size_t ndirty, nmuzzy, nretained;
	size_t dirty_bytes, muzzy_bytes, retained_bytes;
} snap_extent_t;

typedef struct {
	size_t allocated;
	uint64_t nmalloc, ndalloc, nrequests, nfills, nflushes;
} snap_sizes_t;

typedef struct {
	size_t npageslabs_nonhuge, npageslabs_huge;
	size_t nactive_nonhuge, nactive_huge;
	size_t ndirty_nonhuge, ndirty_huge;
} snap_slabs_t;

/* All zero: there is no huge page allocator. */
typedef struct {
	size_t npageslabs, nactive, ndirty;
	uint64_t npurge_passes, npurges, nhugifies, nhugify_failures;
	uint64_t ndehugifies;
	snap_slabs_t slabs, full_slabs, empty_slabs;
	snap_slabs_t nonfull_slabs[SNAP_NNONFULL];
} snap_hpa_t;

typedef struct {
	/* Classes of large blocks and of extents that were or are used. */
	unsigned nlextents, nextents;

	/* Settings and facts; not summed up. */
	unsigned nthreads;
	uint64_t uptime;
	const char *dss;
	ssize_t dirty_decay_ms, muzzy_decay_ms;

	/* As things are. */
	size_t pactive, pdirty, pmuzzy;
	size_t mapped, retained, resident;
	size_t extent_avail;
	size_t base, internal;
	size_t metadata_edata, metadata_rtree, metadata_thp;
	size_t tcache_bytes, tcache_stashed_bytes;
	size_t hpa_sec_bytes;
	size_t slab_purged;

	/* What happened so far. */
	uint64_t dirty_npurge, dirty_nmadvise, dirty_purged;
	uint64_t muzzy_npurge, muzzy_nmadvise, muzzy_purged;
	size_t abandoned_vm;
	size_t hpa_sec_hits, hpa_sec_misses, hpa_sec_dalloc_noflush;
	size_t hpa_sec_dalloc_flush, hpa_sec_overfills;

	/* Totals over the arrays below. */
	snap_sizes_t small, large;

	mutex_stats_t mutexes[SNAP_ARENA_NMUTEXES];
	snap_bin_t bins[SC_NBINS];
	snap_lextent_t lextents[SNAP_NLEXTENTS];
	snap_extent_t extents[SC_NPSIZES];
	snap_hpa_t hpa;
} snap_arena_t;

typedef struct {
	uint64_t epoch;
	size_t allocated, active, metadata, resident, mapped, retained;
	size_t metadata_edata, metadata_rtree, metadata_thp;
	size_t background_num_threads;
	uint64_t background_num_runs, background_run_interval;
	size_t pressure_limit, pressure_usage;
	unsigned pressure_level;
	uint64_t pressure_nlooks, pressure_npurges, pressure_nflushes;
	uint64_t idle_ntaken, idle_nmissed, idle_nblocks;
	size_t idle_bytes;
	mutex_stats_t mutexes[SNAP_NMUTEXES];
} snapshot_t;

extern mutex_t ctl_lock;

/*
 * First use: note which arenas there are.  Their statistics are gathered when
 * they are first asked for, or at the next refresh.
 */
void snapshot_begin(void) REQUIRES(ctl_lock);

/* A new epoch.  ERR_NOMEM: not all arenas are in it. */
MUST_CHECK err_t snapshot_refresh(void) REQUIRES(ctl_lock);

/* The numbers of the process; NULL: no memory for them. */
const snapshot_t *snapshot_global(void) REQUIRES(ctl_lock);

/* The number of the current epoch. */
uint64_t snapshot_epoch(void) REQUIRES(ctl_lock);

/*
 * The record of an arena, of the sum (SNAP_ARENAS_ALL or the number of arenas)
 * or of the destroyed ones; NULL: there is none, or no memory.
 */
const snap_arena_t *snapshot_arena(size_t ind) REQUIRES(ctl_lock);

/* Did the arena, sum or rest exist when the snapshot was taken? */
bool snapshot_arena_initialized(size_t ind) REQUIRES(ctl_lock);

/* An arena goes: keep what it counted.  ERR_NOMEM: it is lost. */
MUST_CHECK err_t snapshot_arena_destroyed(arena_t *arena) REQUIRES(ctl_lock);

/* Set the counters of all locks to zero. */
void snapshot_reset_mutexes(void) REQUIRES(ctl_lock);

#endif
