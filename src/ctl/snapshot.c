#include "ctl/snapshot.h"

#include <string.h>

#include "meta/pagemap.h"
#include "page/dss.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "thread/background.h"
#include "thread/internal_alloc.h"
#include "thread/idle.h"
#include "thread/pressure.h"
#include "thread/tcache.h"
#include "thread/quarantine.h"
#include "thread/tcaches.h"

mutex_t ctl_lock = MUTEX_INITIALIZER("ctl", LOCK_CTL);

/* Arenas of this epoch; their records, which are kept for the next ones. */
static LARGE_BSS bool present[ARENAS_MAX];
static LARGE_BSS snap_arena_t *records[ARENAS_MAX];
static unsigned npresent; /* indices looked at */

static snap_arena_t *all, *destroyed;
static LARGE_BSS snapshot_t global;
static bool gathered;

static size_t
load(const _Atomic size_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t
load64(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ERR_NOMEM: *record stays NULL. */
static err_t
record_make(snap_arena_t **record)
{
	if (*record == NULL) {
		*record = base_alloc(arenas_base0(), sizeof(snap_arena_t),
		    CACHELINE);
	}
	return *record == NULL ? ERR_NOMEM : ERR_NONE;
}

/*
 * Only what is used: most classes never are, and the numbers of the huge page
 * allocator are zero and stay so.
 */
static void
record_clear(snap_arena_t *record)
{
	memset(record->lextents, 0, record->nlextents * sizeof(snap_lextent_t));
	memset(record->extents, 0, record->nextents * sizeof(snap_extent_t));
	memset(record, 0, offsetof(snap_arena_t, lextents));
}

static mutex_stats_t
mutex_read(mutex_t *mutex)
{
	mutex_lock(mutex);
	mutex_stats_t stats = mutex->stats;
	mutex_unlock(mutex);
	return stats;
}

/*
 * For a lock that is held for long, while memory is given back: nobody waits,
 * and what its holder counts meanwhile is read as it is.
 */
__attribute__((no_sanitize("thread"))) static mutex_stats_t NO_THREAD_SAFETY
mutex_look(mutex_t *mutex)
{
	bool locked = mutex_trylock(mutex);
	mutex_stats_t stats = *(const volatile mutex_stats_t *)&mutex->stats;
	if (locked) {
		mutex_unlock(mutex);
	}
	return stats;
}

static void
mutex_add(mutex_stats_t *sum, const mutex_stats_t *stats)
{
	sum->n_ops += stats->n_ops;
	sum->n_owner_switch += stats->n_owner_switch;
	sum->n_wait += stats->n_wait;
	sum->n_spin_acquired += stats->n_spin_acquired;
	sum->total_wait_ns += stats->total_wait_ns;
	if (stats->max_wait_ns > sum->max_wait_ns) {
		sum->max_wait_ns = stats->max_wait_ns;
	}
	if (stats->max_n_thds > sum->max_n_thds) {
		sum->max_n_thds = stats->max_n_thds;
	}
}

static uint64_t
requests(arena_t *arena, unsigned szind, uint64_t at_least)
{
	uint64_t sampled = load64(&arena->nrequests[szind]);
	return sampled > at_least ? sampled : at_least;
}

/* Returns the bytes of its slabs in use that were given back. */
static size_t
gather_bin(bin_t *bin, snap_bin_t *out)
{
	mutex_lock(&bin->lock);
	bin_stats_t stats = bin->stats;
	mutex_stats_t mutex = bin->lock.stats;
	mutex_unlock(&bin->lock);
	mutex_add(&out->mutex, &mutex);
	out->nmalloc += stats.nmalloc;
	out->ndalloc += stats.ndalloc;
	out->nfills += stats.nfills;
	out->nflushes += stats.nflushes;
	out->nslabs += stats.nslabs;
	out->nreslabs += stats.nreslabs;
	out->curregs += (size_t)(stats.nmalloc - stats.ndalloc - stats.nreset);
	out->curslabs += stats.curslabs;
	out->nonfull_slabs += stats.nonfull_slabs;
	return stats.npages_purged << LG_PAGE;
}

static void
gather_bins(arena_t *arena, snap_arena_t *snap)
{
	for (unsigned i = 0; i < SC_NBINS; i++) {
		snap_bin_t *out = &snap->bins[i];
		for (unsigned j = 0; j < arena_nshards(arena, i); j++) {
			snap->slab_purged += gather_bin(arena_bin(arena, i, j),
			    out);
		}
		out->nrequests = requests(arena, i, out->nfills);
		snap->small.allocated += out->curregs * szind_size(i);
		snap->small.nmalloc += out->nmalloc;
		snap->small.ndalloc += out->ndalloc;
		snap->small.nrequests += out->nrequests;
		snap->small.nfills += out->nfills;
		snap->small.nflushes += out->nflushes;
	}
}

static void
gather_large(arena_t *arena, snap_arena_t *snap)
{
	for (unsigned i = 0; i < SNAP_NLEXTENTS; i++) {
		snap_lextent_t *out = &snap->lextents[i];
		if (load64(&arena->lextents[i].nmalloc) == 0) {
			continue;
		}
		snap->nlextents = i + 1;
		/* In this order, so that the difference is not negative. */
		out->ndalloc = load64(&arena->lextents[i].ndalloc);
		out->nmalloc = load64(&arena->lextents[i].nmalloc);
		out->nrequests = requests(arena, SC_NBINS + i, out->nmalloc);
		out->curlextents = (size_t)(out->nmalloc - out->ndalloc);
		snap->large.nmalloc += out->nmalloc;
		snap->large.ndalloc += out->ndalloc;
		snap->large.nrequests += out->nrequests;
	}
	snap->large.nfills = snap->large.nmalloc;
	snap->large.allocated = load(&arena->large_allocated);
}

static void
note_extents(snap_arena_t *snap, unsigned pszind)
{
	if (snap->nextents <= pszind) {
		snap->nextents = pszind + 1;
	}
}

/* Free extents of one state, by class; `n` and `bytes` are those fields. */
static void
gather_extents(ecache_t *ecache, snap_arena_t *snap, size_t n, size_t bytes,
    mutex_stats_t *mutex)
{
	const eset_t *eset = &ecache->eset;
	mutex_lock(&ecache->lock);
	*mutex = ecache->lock.stats;
	for (unsigned word = 0; word < ESET_WORDS; word++) {
		for (uint64_t left = eset->nonempty[word]; left != 0;
		     left &= left - 1) {
			unsigned i = word * 64 + bits_ctz64(left);
			char *out = (char *)&snap->extents[i];
			*(size_t *)(out + n) = eset->classes[i].nextents;
			*(size_t *)(out + bytes) = eset->classes[i].nbytes;
			note_extents(snap, i);
		}
	}
	mutex_unlock(&ecache->lock);
}

static void
add_dirty(snap_arena_t *snap, unsigned n, size_t npages)
{
	if (n != 0) {
		unsigned i = pszind_floor(npages << LG_PAGE);
		snap_extent_t *out = &snap->extents[i];
		out->ndirty += n;
		out->dirty_bytes += n * npages << LG_PAGE;
		note_extents(snap, i);
	}
}

/* Dirty extents that wait uncut; the counters of their locks. */
static void
gather_sec(sec_t *sec, snap_arena_t *snap)
{
	unsigned counts[SEC_NPAGES_MAX + 1] = {0};
	for (unsigned i = 0; i < SEC_NLOCKS; i++) {
		mutex_stats_t stats = sec_counts(sec, i, counts);
		mutex_add(&snap->mutexes[SNAP_MUTEX_HPA_SEC], &stats);
	}
	for (size_t npages = 1; npages <= SEC_NPAGES_MAX; npages++) {
		add_dirty(snap, counts[npages], npages);
	}
	for (unsigned i = 0; i < SEC_NLONG; i++) {
		size_t npages;
		unsigned n = sec_count_long(sec, i, &npages);
		add_dirty(snap, n, npages);
	}
}

static void
gather_pages(arena_t *arena, snap_arena_t *snap)
{
	pac_t *pac = &arena->pac;
	gather_extents(&pac->dirty, snap, offsetof(snap_extent_t, ndirty),
	    offsetof(snap_extent_t, dirty_bytes),
	    &snap->mutexes[SNAP_MUTEX_EXTENTS_DIRTY]);
	gather_extents(&pac->muzzy, snap, offsetof(snap_extent_t, nmuzzy),
	    offsetof(snap_extent_t, muzzy_bytes),
	    &snap->mutexes[SNAP_MUTEX_EXTENTS_MUZZY]);
	gather_extents(&pac->retained, snap, offsetof(snap_extent_t, nretained),
	    offsetof(snap_extent_t, retained_bytes),
	    &snap->mutexes[SNAP_MUTEX_EXTENTS_RETAINED]);
	gather_sec(&pac->sec, snap);
	snap->dirty_decay_ms = pac_dirty_decay_ms(pac);
	snap->muzzy_decay_ms = pac_muzzy_decay_ms(pac);
	snap->pactive = load(&pac->nactive);
	snap->pdirty = pac_ndirty(pac);
	snap->pmuzzy = ecache_npages(&pac->muzzy);
	snap->retained = ecache_npages(&pac->retained) << LG_PAGE;
	snap->mapped = load(&pac->mapped);
	snap->abandoned_vm = load(&pac->abandoned);
	snap->dirty_npurge = load64(&pac->dirty_decay.stats.npurge);
	snap->dirty_nmadvise = load64(&pac->dirty_decay.stats.nmadvise);
	snap->dirty_purged = load64(&pac->dirty_decay.stats.purged);
	snap->muzzy_npurge = load64(&pac->muzzy_decay.stats.npurge);
	snap->muzzy_nmadvise = load64(&pac->muzzy_decay.stats.nmadvise);
	snap->muzzy_purged = load64(&pac->muzzy_decay.stats.purged);
	snap->resident = (snap->pactive + snap->pdirty) << LG_PAGE;
}

/* Automatic arenas share arena 0's base, which is counted there. */
static void
gather_metadata(arena_t *arena, snap_arena_t *snap)
{
	edata_cache_t *descriptors = &arena->pac.edata_cache;
	mutex_lock(&descriptors->lock);
	snap->mutexes[SNAP_MUTEX_EXTENT_AVAIL] = descriptors->lock.stats;
	snap->extent_avail = descriptors->nunused;
	snap->metadata_edata = descriptors->ncreated * sizeof(edata_t);
	mutex_unlock(&descriptors->lock);
	base_t *base = arena->base;
	if (base->ehooks.arena_ind != arena->ind) {
		return;
	}
	snap->metadata_thp = base_nhuge(base);
	mutex_lock(&base->lock);
	snap->mutexes[SNAP_MUTEX_BASE] = base->lock.stats;
	snap->base = base->allocated;
	snap->mapped += base->mapped;
	mutex_unlock(&base->lock);
	if (arena->ind == 0) {
		/* Of the page map only what is ever written to. */
		snap->base -= pagemap_mapped() - pagemap_touched();
	}
	snap->resident += align_up(snap->base, PAGE);
	if (arena->ind == 0) {
		snap->internal = internal_bytes();
		snap->base -= snap->internal;
		snap->metadata_rtree = pagemap_touched();
	}
}

static void
gather_arena(arena_t *arena, snap_arena_t *snap)
{
	snap->nthreads = atomic_load_explicit(&arena->nthreads,
	    memory_order_relaxed);
	snap->uptime = clock_ns() - arena->created_ns;
	snap->dss = opt_enum_name(&opt_rows[OPT_ID_dss],
	    dss_prec_of(arena->ind));
	gather_bins(arena, snap);
	gather_large(arena, snap);
	gather_pages(arena, snap);
	gather_metadata(arena, snap);
	snap->mutexes[SNAP_MUTEX_LARGE] = mutex_read(&arena->large_lock);
	snap->mutexes[SNAP_MUTEX_DECAY_DIRTY] = mutex_look(
	    &arena->pac.dirty_decay.lock);
	snap->mutexes[SNAP_MUTEX_DECAY_MUZZY] = mutex_look(
	    &arena->pac.muzzy_decay.lock);
}

/* A cache counts with its arena, if that is one. */
static void
add_cache(const tsd_t *cache, const arena_t *arena, unsigned ind)
{
	if (ind < npresent && present[ind] && records[ind] != NULL &&
	    arenas_get(ind) == arena) {
		records[ind]->tcache_bytes += tcache_bytes_seen(cache);
	}
}

/* The arena may be gone: it is looked for, not looked at. */
static void
add_explicit_cache(const tsd_t *cache, void *unused)
{
	(void)unused;
	const arena_t *arena = tcache_arena_seen(cache);
	unsigned ind = 0;
	while (ind < npresent && arenas_get(ind) != arena) {
		ind++;
	}
	if (arena != NULL) {
		add_cache(cache, arena, ind);
	}
}

/*
 * What threads have cached, to the arenas that they are bound to: those are
 * not destroyed, and none is below ctl_lock.
 */
static void
gather_tcaches(void)
{
	uint64_t now = clock_ns();
	list_t *states = tsd_list_lock();
	for (list_node_t *node = list_first(states); node != NULL;
	     node = list_next(states, node)) {
		tsd_t *tsd = container_of(node, tsd_t, link);
		const arena_t *arena = tcache_arena_seen(tsd);
		if (arena != NULL) {
			add_cache(tsd, arena, arena->ind);
		}
		(void)tsd_idle_since(tsd, now);
	}
	mutex_stats_t stats = tsd_list_mutex()->stats;
	tsd_list_unlock();
	tcaches_visit(add_explicit_cache, NULL);
	if (records[0] != NULL) {
		records[0]->mutexes[SNAP_MUTEX_TCACHE_LIST] = stats;
		records[0]->tcache_stashed_bytes = quarantine_bytes();
	}
}

static void
sizes_add_past(snap_sizes_t *sum, const snap_sizes_t *sizes)
{
	sum->nmalloc += sizes->nmalloc;
	sum->ndalloc += sizes->ndalloc;
	sum->nrequests += sizes->nrequests;
	sum->nfills += sizes->nfills;
	sum->nflushes += sizes->nflushes;
}

/* Add what happened in an arena so far. */
static void
add_past(snap_arena_t *sum, const snap_arena_t *snap)
{
	sum->dirty_npurge += snap->dirty_npurge;
	sum->dirty_nmadvise += snap->dirty_nmadvise;
	sum->dirty_purged += snap->dirty_purged;
	sum->muzzy_npurge += snap->muzzy_npurge;
	sum->muzzy_nmadvise += snap->muzzy_nmadvise;
	sum->muzzy_purged += snap->muzzy_purged;
	sum->abandoned_vm += snap->abandoned_vm;
	sizes_add_past(&sum->small, &snap->small);
	sizes_add_past(&sum->large, &snap->large);
	for (unsigned i = 0; i < SNAP_ARENA_NMUTEXES; i++) {
		mutex_add(&sum->mutexes[i], &snap->mutexes[i]);
	}
	for (unsigned i = 0; i < SC_NBINS; i++) {
		snap_bin_t *to = &sum->bins[i];
		const snap_bin_t *from = &snap->bins[i];
		to->nmalloc += from->nmalloc;
		to->ndalloc += from->ndalloc;
		to->nrequests += from->nrequests;
		to->nfills += from->nfills;
		to->nflushes += from->nflushes;
		to->nslabs += from->nslabs;
		to->nreslabs += from->nreslabs;
		mutex_add(&to->mutex, &from->mutex);
	}
	if (sum->nlextents < snap->nlextents) {
		sum->nlextents = snap->nlextents;
	}
	for (unsigned i = 0; i < snap->nlextents; i++) {
		sum->lextents[i].nmalloc += snap->lextents[i].nmalloc;
		sum->lextents[i].ndalloc += snap->lextents[i].ndalloc;
		sum->lextents[i].nrequests += snap->lextents[i].nrequests;
	}
}

/* Add what an arena holds now. */
static void
add_present(snap_arena_t *sum, const snap_arena_t *snap)
{
	sum->nthreads += snap->nthreads;
	sum->pactive += snap->pactive;
	sum->pdirty += snap->pdirty;
	sum->pmuzzy += snap->pmuzzy;
	sum->mapped += snap->mapped;
	sum->retained += snap->retained;
	sum->resident += snap->resident;
	sum->extent_avail += snap->extent_avail;
	sum->base += snap->base;
	sum->internal += snap->internal;
	sum->metadata_edata += snap->metadata_edata;
	sum->metadata_rtree += snap->metadata_rtree;
	sum->tcache_bytes += snap->tcache_bytes;
	sum->tcache_stashed_bytes += snap->tcache_stashed_bytes;
	sum->slab_purged += snap->slab_purged;
	sum->metadata_thp += snap->metadata_thp;
	sum->small.allocated += snap->small.allocated;
	sum->large.allocated += snap->large.allocated;
	for (unsigned i = 0; i < SC_NBINS; i++) {
		sum->bins[i].curregs += snap->bins[i].curregs;
		sum->bins[i].curslabs += snap->bins[i].curslabs;
		sum->bins[i].nonfull_slabs += snap->bins[i].nonfull_slabs;
	}
	for (unsigned i = 0; i < snap->nlextents; i++) {
		sum->lextents[i].curlextents += snap->lextents[i].curlextents;
	}
	if (snap->nextents != 0) {
		note_extents(sum, snap->nextents - 1);
	}
	for (unsigned i = 0; i < snap->nextents; i++) {
		snap_extent_t *to = &sum->extents[i];
		const snap_extent_t *from = &snap->extents[i];
		to->ndirty += from->ndirty;
		to->nmuzzy += from->nmuzzy;
		to->nretained += from->nretained;
		to->dirty_bytes += from->dirty_bytes;
		to->muzzy_bytes += from->muzzy_bytes;
		to->retained_bytes += from->retained_bytes;
	}
}

static size_t
at_least(size_t value, size_t bound)
{
	return value < bound ? bound : value;
}

static void
gather_pressure(void)
{
	pressure_stats_t stats;
	pressure_stats(&stats);
	global.pressure_limit = stats.limit;
	global.pressure_usage = stats.usage;
	global.pressure_level = stats.level;
	global.pressure_nlooks = stats.nlooks;
	global.pressure_npurges = stats.npurges;
	global.pressure_nflushes = stats.nflushes;
}

static void
gather_idle(void)
{
	idle_stats_t stats;
	idle_stats(&stats);
	global.idle_ntaken = stats.ntaken;
	global.idle_nmissed = stats.nmissed;
	global.idle_nblocks = stats.nblocks;
	global.idle_bytes = stats.bytes;
}

/* The process as a whole, in the order that is promised. */
static void
gather_global(void)
{
	global.allocated = all->small.allocated + all->large.allocated;
	global.active = at_least(all->pactive << LG_PAGE,
	    align_up(global.allocated, PAGE));
	global.metadata = all->base + all->internal;
	global.metadata_thp = all->metadata_thp;
	global.metadata_edata = all->metadata_edata;
	global.metadata_rtree = all->metadata_rtree;
	global.resident = at_least(all->resident, global.active);
	global.mapped = at_least(all->mapped, global.active);
	global.retained = all->retained;
	background_stats_t background;
	background_stats(&background);
	global.background_num_threads = background.num_threads;
	global.background_num_runs = background.num_runs;
	global.background_run_interval = background.run_interval;
	global.mutexes[SNAP_MUTEX_BACKGROUND_MAX] = background.mutex_max;
	/* Who holds it may wait for a thread whose hook waits for ctl_lock. */
	if (mutex_trylock(&background_lock)) {
		global.mutexes[SNAP_MUTEX_BACKGROUND] = background_lock.stats;
		mutex_unlock(&background_lock);
	}
	global.mutexes[SNAP_MUTEX_CTL] = ctl_lock.stats;
	gather_pressure();
	gather_idle();
}

/* A record of what has no settings of its own. */
static void
sum_begin(snap_arena_t *sum)
{
	sum->dss = "N/A";
	sum->dirty_decay_ms = -1;
	sum->muzzy_decay_ms = -1;
}

static err_t
gather(void)
{
	err_t err = record_make(&all);
	if (err != ERR_NONE) {
		return err;
	}
	record_clear(all);
	sum_begin(all);
	for (unsigned ind = 0; ind < npresent; ind++) {
		if (!present[ind]) {
			continue;
		}
		err_t made = record_make(&records[ind]);
		if (made != ERR_NONE) {
			err = made;
			continue;
		}
		record_clear(records[ind]);
		gather_arena(arenas_get(ind), records[ind]);
	}
	gather_tcaches();
	for (unsigned ind = 0; ind < npresent; ind++) {
		if (present[ind] && records[ind] != NULL) {
			add_past(all, records[ind]);
			add_present(all, records[ind]);
		}
	}
	all->uptime = records[0] == NULL ? 0 : records[0]->uptime;
	gather_global();
	gathered = true;
	return err;
}

static void
note_present(void)
{
	npresent = arenas_count();
	for (unsigned ind = 0; ind < npresent; ind++) {
		present[ind] = arenas_get(ind) != NULL;
	}
}

void
snapshot_begin(void)
{
	global.epoch = 1;
	note_present();
}

err_t
snapshot_refresh(void)
{
	global.epoch++;
	note_present();
	return gather();
}

uint64_t
snapshot_epoch(void)
{
	return global.epoch;
}

static bool
ensure_gathered(void)
{
	return gathered || gather() == ERR_NONE;
}

const snapshot_t *
snapshot_global(void)
{
	return ensure_gathered() ? &global : NULL;
}

static bool
is_all(size_t ind)
{
	return ind == SNAP_ARENAS_ALL || ind == arenas_count();
}

bool
snapshot_arena_initialized(size_t ind)
{
	if (is_all(ind)) {
		return true;
	}
	if (ind == SNAP_ARENAS_DESTROYED) {
		return destroyed != NULL;
	}
	return ind < npresent && present[ind];
}

const snap_arena_t *
snapshot_arena(size_t ind)
{
	if (!ensure_gathered() || !snapshot_arena_initialized(ind)) {
		return NULL;
	}
	return is_all(ind)                 ? all
	    : ind == SNAP_ARENAS_DESTROYED ? destroyed
					   : records[ind];
}

err_t
snapshot_arena_destroyed(arena_t *arena)
{
	static LARGE_BSS snap_arena_t last;
	if (arena->ind < npresent) {
		present[arena->ind] = false;
	}
	if (destroyed == NULL) {
		if (record_make(&destroyed) != ERR_NONE) {
			return ERR_NOMEM;
		}
		sum_begin(destroyed);
	}
	record_clear(&last);
	gather_arena(arena, &last);
	add_past(destroyed, &last);
	return ERR_NONE;
}

static void
reset(mutex_t *mutex)
{
	mutex_lock(mutex);
	mutex_reset_stats(mutex);
	mutex_unlock(mutex);
}

static void
reset_arena(arena_t *arena)
{
	reset(&arena->pac.dirty_decay.lock);
	reset(&arena->pac.muzzy_decay.lock);
	reset(&arena->pac.grow_lock);
	reset(&arena->pac.dirty.lock);
	reset(&arena->pac.muzzy.lock);
	reset(&arena->pac.retained.lock);
	for (unsigned i = 0; i < SEC_NLOCKS; i++) {
		reset(&arena->pac.sec.locks[i]);
	}
	for (unsigned i = 0; i < SC_NBINS; i++) {
		for (unsigned j = 0; j < arena_nshards(arena, i); j++) {
			reset(&arena_bin(arena, i, j)->lock);
		}
	}
	reset(&arena->large_lock);
	reset(&arena->pac.edata_cache.lock);
	reset(&arena->base->lock);
}

void
snapshot_reset_mutexes(void)
{
	mutex_reset_stats(&ctl_lock);
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		if (arenas_get(ind) != NULL) {
			reset_arena(arenas_get(ind));
		}
	}
	background_reset_mutexes();
	reset(tsd_list_mutex());
}
