#include "arena/holes.h"

#include "arena/arena.h"
#include "arena/misuse.h"
#include "meta/options.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "platform/pages.h"

/* Of a period, which is the time between two sweeps. */
#define NEPOCHS 100

/* With dirty_decay_ms 0. */
#define PERIOD_LEAST_NS NS_PER_SEC

/* Pages that may be purged in an epoch, more in a large arena. */
#define QUOTA_NPAGES ((size_t)1024)
#define QUOTA_SHARE 256

/* Slabs that are looked at in an epoch, for each page that may be purged. */
#define QUOTA_STEPS 4

/* Steps below one lock. */
#define STEPS_AT_ONCE 32

#define SKIP_MAX 63

/* Ranges of one call, where several can be purged by one. */
#define RANGES_MAX 128

/* Slabs that a step takes out of a bin, or purges in part. */
#define HOLES_MAX (BIN_HOLES_MAX + BIN_EMPTY_MAX)

/* A part of a sweep. */
typedef struct {
	bool all; /* whatever is free, now */
	bool refused;
	size_t nsteps; /* left of what it may look at */
	size_t npages; /* left of what it may purge */
	uint64_t nmadvise, purged;
} task_t;

void
holes_init(holes_t *holes, uint64_t now_ns)
{
	mutex_init(&holes->lock, "holes", LOCK_HOLES);
	holes->begun_ns = now_ns;
}

static bool
is_set(_Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

void
holes_want(arena_t *arena)
{
	/* Before the watcher looks whether there is something to do. */
	if (!atomic_exchange_explicit(&arena->holes.wanted, true,
		memory_order_seq_cst) &&
	    pac_watcher != NULL) {
		pac_watcher(arena->ind);
	}
}

static uint64_t
period_ns(ssize_t dirty_decay_ms)
{
	return dirty_decay_ms == 0 ? PERIOD_LEAST_NS
				   : (uint64_t)dirty_decay_ms * NS_PER_MS / 2;
}

/* Some units of a slab.  False: refused. */
static bool
purge_run(arena_t *arena, edata_t *slab, size_t offset, size_t length,
    bool lazily)
{
	ehooks_t *ehooks = &arena->ehooks;
	err_t err = lazily ? ehooks_purge_lazy_part(ehooks, slab->addr,
				 slab->size, offset, length)
			   : ehooks_purge_forced_part(ehooks, slab->addr,
				 slab->size, offset, length);
	return err == ERR_NONE;
}

/* One slab, run by run. */
static void
purge_slab(arena_t *arena, bin_hole_t *hole, task_t *task)
{
	const bin_info_t *info = &bin_infos[hole->slab->cind - 1];
	slab_units_t units = hole->units;
	bool lazily = !task->all && pac_muzzy_decay_ms(&arena->pac) < 0;
	hole->purged = true;
	while (units != 0 && hole->purged) {
		size_t length;
		size_t offset = slab_next_run(hole->slab, info, &units,
		    &length);
		hole->purged = purge_run(arena, hole->slab, offset, length,
				   lazily) ||
		    purge_run(arena, hole->slab, offset, length, !lazily);
		task->nmadvise++;
	}
	task->refused = !hole->purged;
}

/* All of them by one call, where the system and the options allow it. */
static bool
purge_together(arena_t *arena, bin_hole_t *holes, unsigned n, task_t *task)
{
	struct iovec ranges[RANGES_MAX];
	size_t nranges = 0, max = opt.process_madvise_max_batch;
	max = max < RANGES_MAX ? max : RANGES_MAX;
	if (!ehooks_are_default(&arena->ehooks) ||
	    pac_muzzy_decay_ms(&arena->pac) < 0) {
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		edata_t *slab = holes[i].slab;
		slab_units_t units = holes[i].units;
		while (units != 0) {
			size_t length;
			size_t offset = slab_next_run(slab,
			    &bin_infos[slab->cind - 1], &units, &length);
			if (nranges == max) {
				return false;
			}
			ranges[nranges].iov_base = (char *)slab->addr + offset;
			ranges[nranges++].iov_len = length;
		}
	}
	/* For one there is no need, and older systems do not know the call. */
	if (nranges < 2 ||
	    pages_purge_forced_all(ranges, nranges) != ERR_NONE) {
		return false;
	}
	task->nmadvise++;
	for (unsigned i = 0; i < n; i++) {
		holes[i].purged = true;
	}
	return true;
}

static void
count_purged(const bin_hole_t *hole, task_t *task)
{
	if (hole->purged) {
		unsigned n = bits_popcount64(hole->units);
		size_t npages = (size_t)n
		    << (bin_infos[hole->slab->cind - 1].lg_unit - LG_PAGE);
		task->purged += npages;
		task->npages -= npages < task->npages ? npages : task->npages;
	}
}

/* Without locks of bins. */
static void
purge(arena_t *arena, bin_hole_t *holes, unsigned n, task_t *task)
{
	bool done = opt.process_madvise_max_batch != 0 &&
	    purge_together(arena, holes, n, task);
	for (unsigned i = 0; i < n; i++) {
		if (!done && !task->refused) {
			purge_slab(arena, &holes[i], task);
		}
		count_purged(&holes[i], task);
	}
}

/* Purge what a step has found and reserved, and give it back to its bin. */
static void
purge_found(arena_t *arena, bin_t *bin, bin_hole_t *holes, unsigned n,
    task_t *task)
{
	edata_t *empty[HOLES_MAX];
	unsigned nempty = 0, nholes = 0;
	for (unsigned i = 0; i < n; i++) {
		if (holes[i].units == 0) {
			empty[nempty++] = holes[i].slab;
		} else {
			holes[nholes++] = holes[i];
		}
	}
	purge(arena, holes, nholes, task);
	mutex_lock(&bin->lock);
	for (unsigned i = 0; i < nholes; i++) {
		if (bin_sweep_restore_locked(bin, &holes[i])) {
			holes[i].slab->slab = false;
			empty[nempty++] = holes[i].slab;
		}
	}
	mutex_unlock(&bin->lock);
	for (unsigned i = 0; i < nempty; i++) {
		arena_slab_dalloc(empty[i]);
	}
	for (unsigned i = 0; i < nholes; i++) {
		if (unlikely(holes[i].twice != NULL)) {
			misuse_report(holes[i].twice);
		}
	}
}

/* Empty slabs that were not needed since the last sweep leave. */
static unsigned
age_locked(arena_t *arena, bin_t *bin, unsigned szind, bin_hole_t *holes)
    REQUIRES(bin->lock)
{
	edata_t *empty[BIN_EMPTY_MAX];
	unsigned less, n = bin_age_locked(bin, empty, &less);
	for (unsigned i = 0; i < n; i++) {
		holes[i] = (bin_hole_t){.slab = empty[i]};
	}
	pac_keep_less(&arena->pac, less * (size_t)bin_infos[szind].slab_size);
	return n;
}

/*
 * A step of the sweep of a bin; *in_bin says whether that was begun.  False:
 * the bin is done with, or has no part in it.
 */
static bool
step(arena_t *arena, bin_t *bin, unsigned szind, bool *in_bin, task_t *task)
{
	bin_hole_t holes[HOLES_MAX];
	unsigned nsteps = STEPS_AT_ONCE, n = 0;
	bool goes_on = false, found = false;
	mutex_lock(&bin->lock);
	if (!*in_bin) {
		n = age_locked(arena, bin, szind, holes);
		found = bin->nempty != 0;
		*in_bin = bin_sweep_begin_locked(bin, task->all);
	}
	if (*in_bin) {
		n += bin_sweep_locked(bin, task->all, &nsteps, holes + n);
		goes_on = !bin_sweep_is_over_locked(bin);
		*in_bin = goes_on;
		found |= !goes_on && bin_sweep_end_locked(bin, szind);
	}
	for (unsigned i = 0; i < n; i++) {
		if (holes[i].units == 0) {
			holes[i].slab->slab = false;
		}
	}
	mutex_unlock(&bin->lock);
	nsteps = STEPS_AT_ONCE - nsteps + 1;
	task->nsteps -= nsteps < task->nsteps ? nsteps : task->nsteps;
	if (n != 0) {
		purge_found(arena, bin, holes, n, task);
	}
	if (found) {
		/* Those who watch will be told by the time until the next. */
		atomic_store_explicit(&arena->holes.wanted, true,
		    memory_order_relaxed);
	}
	return goes_on;
}

static void
count_task(arena_t *arena, const task_t *task)
{
	pac_decay_stats_t *stats = &arena->pac.dirty_decay.stats;
	if (task->nmadvise != 0) {
		atomic_fetch_add_explicit(&stats->npurge, 1,
		    memory_order_relaxed);
		atomic_fetch_add_explicit(&stats->nmadvise, task->nmadvise,
		    memory_order_relaxed);
		atomic_fetch_add_explicit(&stats->purged, task->purged,
		    memory_order_relaxed);
	}
}

static void
begin_locked(arena_t *arena, uint64_t now_ns, uint64_t epoch_ns)
    REQUIRES(arena->holes.lock)
{
	holes_t *holes = &arena->holes;
	atomic_store_explicit(&holes->wanted, false, memory_order_relaxed);
	atomic_store_explicit(&holes->sweeping, true, memory_order_relaxed);
	holes->in_bin = false;
	holes->szind = 0;
	holes->shard = 0;
	holes->begun_ns = now_ns;
	holes->worked_ns = now_ns - epoch_ns;
}

/* On to the next bin; ends the sweep after the last one. */
static void
next_bin_locked(arena_t *arena) REQUIRES(arena->holes.lock)
{
	holes_t *holes = &arena->holes;
	if (++holes->shard < arena_nshards(arena, holes->szind)) {
		return;
	}
	holes->shard = 0;
	if (++holes->szind == SC_NBINS) {
		atomic_store_explicit(&holes->sweeping, false,
		    memory_order_relaxed);
	}
}

/* Refused: the sweep stops, the next ones come later and later. */
static void
note_refusal_locked(arena_t *arena) REQUIRES(arena->holes.lock)
{
	holes_t *holes = &arena->holes;
	holes->nskip = holes->nskip * 2 + 1;
	holes->nskip = holes->nskip < SKIP_MAX ? holes->nskip : SKIP_MAX;
	atomic_store_explicit(&holes->sweeping, false, memory_order_relaxed);
	atomic_store_explicit(&holes->wanted, true, memory_order_relaxed);
}

static void
sweep_locked(arena_t *arena, task_t *task) REQUIRES(arena->holes.lock)
{
	holes_t *holes = &arena->holes;
	while (is_set(&holes->sweeping) && task->nsteps != 0 &&
	    task->npages != 0) {
		bin_t *bin = arena_bin(arena, holes->szind, holes->shard);
		if (!step(arena, bin, holes->szind, &holes->in_bin, task)) {
			next_bin_locked(arena);
		}
		if (unlikely(task->refused)) {
			note_refusal_locked(arena);
		} else if (task->purged != 0) {
			holes->nskip = 0;
		}
	}
	count_task(arena, task);
}

static uint64_t
due_ns_locked(const arena_t *arena, uint64_t period) REQUIRES(arena->holes.lock)
{
	return arena->holes.begun_ns + period * (arena->holes.nskip + 1);
}

/* Begin a sweep if it is time; how many epochs' work is to be done now. */
static uint64_t
epochs_due_locked(arena_t *arena, uint64_t now_ns, uint64_t period)
    REQUIRES(arena->holes.lock)
{
	holes_t *holes = &arena->holes;
	uint64_t epoch_ns = period / NEPOCHS;
	if (now_ns < holes->begun_ns) {
		/* The clock went back. */
		holes->begun_ns = now_ns;
		holes->worked_ns = now_ns;
	}
	if (!is_set(&holes->sweeping)) {
		if (now_ns < due_ns_locked(arena, period)) {
			return 0;
		}
		begin_locked(arena, now_ns, epoch_ns);
	}
	uint64_t elapsed = now_ns - holes->worked_ns;
	return epoch_ns == 0               ? 1
	    : elapsed / epoch_ns < NEPOCHS ? elapsed / epoch_ns
					   : NEPOCHS;
}

void
holes_tick(arena_t *arena, uint64_t now_ns)
{
	holes_t *holes = &arena->holes;
	ssize_t ms = pac_dirty_decay_ms(&arena->pac);
	if (likely(!is_set(&holes->wanted) && !is_set(&holes->sweeping)) ||
	    ms < 0 || !mutex_trylock(&arena->holes.lock)) {
		return;
	}
	size_t n = (size_t)epochs_due_locked(arena, now_ns, period_ns(ms));
	if (n != 0) {
		size_t quota = QUOTA_NPAGES +
		    atomic_load_explicit(&arena->pac.nactive,
			memory_order_relaxed) /
			QUOTA_SHARE;
		task_t task = {.nsteps = n * quota * QUOTA_STEPS,
		    .npages = n * quota};
		holes->worked_ns = now_ns;
		sweep_locked(arena, &task);
	}
	mutex_unlock(&arena->holes.lock);
}

uint64_t
holes_ns_until(arena_t *arena, uint64_t now_ns)
{
	holes_t *holes = &arena->holes;
	ssize_t ms = pac_dirty_decay_ms(&arena->pac);
	if (ms < 0 || (!is_set(&holes->wanted) && !is_set(&holes->sweeping))) {
		return UINT64_MAX;
	}
	uint64_t period = period_ns(ms);
	mutex_lock(&arena->holes.lock);
	uint64_t due = is_set(&holes->sweeping)
	    ? holes->worked_ns + period / NEPOCHS
	    : due_ns_locked(arena, period);
	mutex_unlock(&arena->holes.lock);
	return due > now_ns ? due - now_ns : 0;
}

void
holes_purge_all(arena_t *arena)
{
	holes_t *holes = &arena->holes;
	task_t task = {.all = true, .nsteps = SIZE_MAX, .npages = SIZE_MAX};
	mutex_lock(&holes->lock);
	/* A sweep that is under way begins anew some time. */
	if (is_set(&holes->sweeping)) {
		atomic_store_explicit(&holes->wanted, true,
		    memory_order_relaxed);
	}
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		for (unsigned i = 0; i < arena_nshards(arena, szind); i++) {
			bin_t *bin = arena_bin(arena, szind, i);
			bool in_bin = false;
			while (!task.refused &&
			    step(arena, bin, szind, &in_bin, &task)) {
			}
		}
	}
	atomic_store_explicit(&holes->sweeping, false, memory_order_relaxed);
	count_task(arena, &task);
	mutex_unlock(&holes->lock);
}
