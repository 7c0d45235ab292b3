#include "arena/arenas.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meta/options.h"
#include "page/dss.h"
#include "page/hooks_default.h"
#include "platform/assert.h"
#include "platform/cgroup.h"
#include "platform/io.h"
#include "platform/os_thread.h"

static mutex_t arenas_lock = MUTEX_INITIALIZER("arenas", LOCK_ARENAS);
static FIRST_OF_LARGE_BSS _Atomic(arena_t *) table[ARENAS_MAX];

static base_t base0;

/* The bases of arenas that have their own; kept for the next of the index. */
static LARGE_BSS base_t *bases[ARENAS_MAX] GUARDED_BY(arenas_lock);

/* Indices behind the automatic ones; those that were given up, last first. */
static _Atomic unsigned nmanual;
static LARGE_BSS uint16_t unused[ARENAS_MAX] GUARDED_BY(arenas_lock);
static unsigned nunused GUARDED_BY(arenas_lock);

/* Decay times, as they were set; -2: not set. */
#define DECAY_MS_UNSET (-2)
static _Atomic ssize_t dirty_decay_ms = DECAY_MS_UNSET;
static _Atomic ssize_t muzzy_decay_ms = DECAY_MS_UNSET;

/* Automatic arenas: how many may be used, and how many are. */
static _Atomic unsigned nauto;
static _Atomic unsigned nopen = 1;
static _Atomic unsigned nopen_max = ARENAS_MAX;

arena_t *
arenas_get(unsigned ind)
{
	return ind >= ARENAS_MAX
	    ? NULL
	    : atomic_load_explicit(&table[ind], memory_order_acquire);
}

/* Those who look at arenas that others may destroy meanwhile. */
static _Atomic unsigned nholders;

arena_t *
arenas_hold(unsigned ind)
{
	/* Before the load, as arenas_destroy() stores before it looks. */
	atomic_fetch_add_explicit(&nholders, 1, memory_order_seq_cst);
	return ind >= ARENAS_MAX
	    ? NULL
	    : atomic_load_explicit(&table[ind], memory_order_seq_cst);
}

void
arenas_hold_end(void)
{
	atomic_fetch_sub_explicit(&nholders, 1, memory_order_release);
}

base_t *
arenas_base0(void)
{
	return &base0;
}

/* Bins of a small class in an arena that several threads share. */
#define SHARDS_MAX 16

/* Arenas that are bound to processors; 0: none is. */
static unsigned npercpu;

/* What the system lets the process run on, and how much of it. */
static unsigned
ncpus_allowed(void)
{
	unsigned ncpus = os_ncpus(), quota = cgroup_ncpus();
	return quota < ncpus ? quota : ncpus;
}

static unsigned
nauto_from_cpus(void)
{
	unsigned ncpus = ncpus_allowed();
	if (ncpus <= 1) {
		return 1;
	}
	/* 16.16 fixed point, rounded to nearest. */
	uint64_t n = ((uint64_t)ncpus * opt.narenas_ratio + 0x8000) >> 16;
	return n == 0 ? 1 : n > ARENAS_MAX - 1 ? ARENAS_MAX - 1 : (unsigned)n;
}

/* Found out when it is first asked for: most processes never do. */
unsigned
arenas_nauto(void)
{
	unsigned n = atomic_load_explicit(&nauto, memory_order_relaxed);
	if (n != 0) {
		return n;
	}
	n = opt.narenas != 0 ? opt.narenas
	    : npercpu != 0   ? npercpu
			     : nauto_from_cpus();
	if (n > ARENAS_MAX - 1) {
		io_printf("<jemalloc>: Reducing narenas to limit (%d)\n",
		    ARENAS_MAX - 1);
		n = ARENAS_MAX - 1;
	}
	n = n < npercpu ? npercpu : n;
	unsigned expected = 0;
	atomic_compare_exchange_strong_explicit(&nauto, &expected, n,
	    memory_order_relaxed, memory_order_relaxed);
	return atomic_load_explicit(&nauto, memory_order_relaxed);
}

/* Indices that are automatic or reserved. */
static unsigned
nreserved(void)
{
	return arenas_nauto() + (opt.oversize_threshold != 0);
}

bool
arenas_is_auto(unsigned ind)
{
	return ind < nreserved();
}

unsigned
arenas_count(void)
{
	return nreserved() +
	    atomic_load_explicit(&nmanual, memory_order_relaxed);
}

ssize_t
arenas_dirty_decay_ms(void)
{
	ssize_t ms = atomic_load_explicit(&dirty_decay_ms,
	    memory_order_relaxed);
	return ms == DECAY_MS_UNSET ? opt.dirty_decay_ms : ms;
}

ssize_t
arenas_muzzy_decay_ms(void)
{
	ssize_t ms = atomic_load_explicit(&muzzy_decay_ms,
	    memory_order_relaxed);
	return ms == DECAY_MS_UNSET ? opt.muzzy_decay_ms : ms;
}

err_t
arenas_set_dirty_decay_ms(ssize_t ms)
{
	if (!decay_ms_valid(ms)) {
		return ERR_INVALID;
	}
	atomic_store_explicit(&dirty_decay_ms, ms, memory_order_relaxed);
	return ERR_NONE;
}

err_t
arenas_set_muzzy_decay_ms(ssize_t ms)
{
	if (!decay_ms_valid(ms)) {
		return ERR_INVALID;
	}
	atomic_store_explicit(&muzzy_decay_ms, ms, memory_order_relaxed);
	return ERR_NONE;
}

/* PREFIX_IND; not printf, which would be all that needs it at start. */
static void
name_arena(arena_t *arena, const char *prefix)
{
	char digits[8];
	size_t n = 0, length = strlen(prefix);
	unsigned rest = arena->ind;
	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest != 0);
	assert(length + n < ARENA_NAME_SIZE);
	memcpy(arena->name, prefix, length);
	while (n > 0) {
		arena->name[length++] = digits[--n];
	}
	arena->name[length] = '\0';
}

/* An automatic arena, whose memory and metadata come from `base`. */
static arena_t *
create_auto_locked(unsigned ind, base_t *base, extent_hooks_t *hooks)
{
	arena_t *arena = base_alloc(base, sizeof(arena_t), CACHELINE);
	if (arena == NULL) {
		return NULL;
	}
	arena_init(arena, ind, base, &base0, hooks, true);
	const char *name = atomic_load_explicit(&nauto, memory_order_relaxed) ==
		    ind &&
		ind != 0
	    ? "auto_oversize"
	    : NULL;
	if (name != NULL) {
		hooks_default_note_huge_arena(ind);
		io_snprintf(arena->name, sizeof(arena->name), "%s", name);
	} else {
		name_arena(arena, "auto_");
	}
	atomic_store_explicit(&table[ind], arena, memory_order_release);
	return arena;
}

static arena_t *
create_locked(unsigned ind)
{
	return create_auto_locked(ind, &base0, NULL);
}

/* The base of an arena that has its own; NULL: no memory. */
static base_t *
own_base_locked(unsigned ind, extent_hooks_t *hooks)
{
	if (bases[ind] == NULL) {
		bases[ind] = base_alloc(&base0, sizeof(base_t), CACHELINE);
	}
	if (bases[ind] != NULL) {
		base_init(bases[ind], hooks, ind);
	}
	return bases[ind];
}

/* Memory of its own is used up: empty slabs are better than new memory. */
static void
release_kept(unsigned arena_ind)
{
	arena_release_empty_slabs(arenas_get(arena_ind));
}

BOOT err_t
arenas_boot(void)
{
	if (arenas_get(0) != NULL) {
		return ERR_NONE;
	}
	hooks_default_boot();
	base_init(&base0, NULL, 0);
	if (create_locked(0) == NULL) {
		return ERR_NOMEM;
	}
	pac_reclaim = arenas_reclaim;
	pac_release_kept = release_kept;
	return ERR_NONE;
}

arena_t *
arenas_get_auto(unsigned ind)
{
	arena_t *arena = arenas_get(ind);
	if (likely(arena != NULL) || !arenas_is_auto(ind)) {
		return arena;
	}
	mutex_lock(&arenas_lock);
	arena = arenas_get(ind);
	if (arena == NULL) {
		arena = create_locked(ind);
	}
	mutex_unlock(&arenas_lock);
	return arena;
}

arena_t *
arenas_create_auto(unsigned ind, extent_hooks_t *hooks)
{
	arena_t *arena = NULL;
	mutex_lock(&arenas_lock);
	if (arenas_is_auto(ind) && arenas_get(ind) == NULL) {
		base_t *base = own_base_locked(ind, hooks);
		arena = base == NULL ? NULL
				     : create_auto_locked(ind, base, hooks);
	}
	mutex_unlock(&arenas_lock);
	return arena;
}

/* An index for a new arena, and its base; NULL: none. */
static base_t *
take_index(extent_hooks_t *hooks, unsigned *ind)
{
	base_t *base = NULL;
	mutex_lock(&arenas_lock);
	*ind = nunused != 0 ? unused[nunused - 1] : arenas_count();
	if (*ind < ARENAS_MAX) {
		base = own_base_locked(*ind, hooks);
	}
	if (base != NULL && nunused != 0) {
		nunused--;
	} else if (base != NULL) {
		atomic_fetch_add_explicit(&nmanual, 1, memory_order_relaxed);
	}
	mutex_unlock(&arenas_lock);
	return base;
}

static void
give_back_index(unsigned ind)
{
	mutex_lock(&arenas_lock);
	unused[nunused++] = (uint16_t)ind;
	mutex_unlock(&arenas_lock);
}

arena_t *
arenas_create(extent_hooks_t *hooks, bool metadata_use_hooks)
{
	unsigned ind;
	base_t *base = take_index(metadata_use_hooks ? hooks : NULL, &ind);
	if (base == NULL) {
		return NULL;
	}
	/* Hooks run here, without our locks. */
	arena_t *arena = base_alloc(base, sizeof(arena_t), CACHELINE);
	if (arena == NULL) {
		give_back_index(ind);
		return NULL;
	}
	arena_init(arena, ind, base, &base0, hooks, false);
	arena->pac.edata_cache.parent = &arenas_get(0)->pac.edata_cache;
	dss_prec_set(ind, dss_prec_default());
	name_arena(arena, "manual_");
	mutex_lock(&arenas_lock);
	atomic_store_explicit(&table[ind], arena, memory_order_release);
	mutex_unlock(&arenas_lock);
	return arena;
}

void
arenas_destroy(arena_t *arena)
{
	unsigned ind = arena->ind;
	base_t *base = arena->base;
	arena_reset(arena);
	mutex_lock(&arenas_lock);
	atomic_store_explicit(&table[ind], NULL, memory_order_seq_cst);
	mutex_unlock(&arenas_lock);
	while (atomic_load_explicit(&nholders, memory_order_seq_cst) != 0) {
		os_yield();
	}
	/* Out of reach of all who walk the table under its lock. */
	pac_destroy(&arena->pac);
	base_destroy(base);
	give_back_index(ind);
}

static unsigned
load(const arena_t *arena)
{
	return atomic_load_explicit(&arena->nthreads, memory_order_relaxed);
}

/* The open arena with the fewest threads, lowest index first. */
static arena_t *
least_loaded(void)
{
	arena_t *best = arenas_get(0);
	unsigned n = atomic_load_explicit(&nopen, memory_order_relaxed);
	for (unsigned ind = 1; ind < n; ind++) {
		arena_t *arena = arenas_get(ind);
		if (arena != NULL && load(arena) < load(best)) {
			best = arena;
		}
	}
	return best;
}

/* Bins that the smallest classes should have for so many processors. */
static unsigned
nshards_for(unsigned ncpus)
{
	unsigned n = 1;
	while (ncpus > 2 && n < ncpus && n < SHARDS_MAX) {
		n *= 2;
	}
	return n;
}

/* Found out when it is first asked for: most processes never do. */
static void
settle_nshards(void)
{
	static _Atomic bool settled;
	if (likely(atomic_load_explicit(&settled, memory_order_acquire))) {
		return;
	}
	unsigned n = opt.bin_shards.count == 0 && npercpu == 0 && os_ncpus() > 2
	    ? nshards_for(ncpus_allowed())
	    : 1;
	mutex_lock(&arenas_lock);
	if (!atomic_load_explicit(&settled, memory_order_relaxed)) {
		if (n != 1) {
			bin_info_shard(n);
		}
		atomic_store_explicit(&settled, true, memory_order_release);
	}
	mutex_unlock(&arenas_lock);
}

unsigned
arenas_nshards(unsigned szind)
{
	settle_nshards();
	return bin_infos[szind].nshards;
}

/* The arena is about to have several threads. */
static void
separate_threads(arena_t *arena)
{
	if (arena->automatic && arena_more(arena) == NULL &&
	    opt.bin_shards.count == 0 && arenas_nshards(0) != 1) {
		mutex_lock(&arenas_lock);
		arena_add_bins(arena);
		mutex_unlock(&arenas_lock);
	}
}

arena_t *
arenas_bind_to(arena_t *arena, unsigned *shard)
{
	if (atomic_fetch_add_explicit(&arena->nthreads, 1,
		memory_order_relaxed) != 0) {
		separate_threads(arena);
	}
	*shard = arena_take_shard(arena);
	return arena;
}

/* Do all that count processors agree on how many there are? */
static bool
cpus_are_certain(unsigned ncpus)
{
	return sysconf(_SC_NPROCESSORS_ONLN) == (long)ncpus &&
	    sysconf(_SC_NPROCESSORS_CONF) == (long)ncpus;
}

void
arenas_boot_percpu(void)
{
	unsigned ncpus = os_ncpus(), n = ncpus;
	bool possible = false;
	if (os_cpu_current() < 0) {
		io_printf("<jemalloc>: perCPU arena getcpu() not available. "
			  "Setting narenas to %u.\n",
		    arenas_nauto());
	} else if (!cpus_are_certain(ncpus) && opt.narenas == 0) {
		io_message("<jemalloc>: Number of CPUs detected is not "
			   "deterministic. Per-CPU arena disabled.\n");
	} else if (ncpus > ARENAS_MAX - 1) {
		io_printf("<jemalloc>: narenas w/ percpuarena beyond limit "
			  "(%d)\n",
		    ARENAS_MAX - 1);
	} else {
		possible = true;
		long conf = sysconf(_SC_NPROCESSORS_CONF);
		if (conf > (long)ncpus && conf <= (long)opt.narenas) {
			/* Ours need not be the first of them. */
			n = ncpus = (unsigned)conf;
		}
	}
	if (!possible) {
		opt.percpu_arena = OPT_PERCPU_DISABLED;
		return;
	}
	if (opt.percpu_arena == OPT_PERCPU_PHYCPU) {
		n = ncpus / 2 + ncpus % 2;
		if (ncpus % 2 != 0) {
			io_printf(
			    "<jemalloc>: invalid configuration -- per "
			    "physical CPU arena with odd number (%u) of CPUs "
			    "(no hyper threading?).\n",
			    ncpus);
			if (opt.abort) {
				abort();
			}
		}
	}
	npercpu = n;
}

unsigned
arenas_npercpu(void)
{
	return npercpu;
}

/*
 * Hyperthreads share an arena: of 2 n processors, number i and n + i are the
 * same core.
 */
static arena_t *
of_cpu(void)
{
	int cpu = os_cpu_current();
	arena_t *arena = cpu < 0 ? NULL
				 : arenas_get_auto((unsigned)cpu % npercpu);
	return arena != NULL ? arena : least_loaded();
}

arena_t *
arenas_follow_cpu(arena_t *arena, unsigned *shard)
{
	if (npercpu == 0 || arena->ind >= npercpu) {
		return arena;
	}
	arena_t *now = of_cpu();
	if (now != arena) {
		arenas_unbind(arena, *shard);
		arenas_bind_to(now, shard);
	}
	return now;
}

arena_t *
arenas_bind(unsigned *shard)
{
	return arenas_bind_to(npercpu != 0 ? of_cpu() : least_loaded(), shard);
}

void
arenas_unbind(arena_t *arena, unsigned shard)
{
	arena_give_shard(arena, shard);
	atomic_fetch_sub_explicit(&arena->nthreads, 1, memory_order_relaxed);
}

arena_t *
arenas_rebind(arena_t *arena, unsigned *shard)
{
	arena_t *best = least_loaded();
	unsigned n = atomic_load_explicit(&nopen, memory_order_relaxed);
	if (load(arena) <= 1 || npercpu != 0) {
		return arena;
	}
	if (load(best) + 1 >= load(arena) && n < arenas_nauto() &&
	    n < atomic_load_explicit(&nopen_max, memory_order_relaxed)) {
		/* All are as busy as this one: open another. */
		arena_t *fresh = arenas_get_auto(n);
		if (fresh != NULL) {
			atomic_compare_exchange_strong_explicit(&nopen, &n,
			    n + 1, memory_order_relaxed, memory_order_relaxed);
			best = fresh;
		}
	}
	if (load(best) + 1 >= load(arena)) {
		return arena;
	}
	arenas_unbind(arena, *shard);
	return arenas_bind_to(best, shard);
}

arena_t *
arenas_for_large(arena_t *arena, size_t usize)
{
	if (likely(usize < atomic_load_explicit(&arena->oversize_threshold,
			       memory_order_relaxed)) ||
	    !arena->automatic || opt.oversize_threshold == 0) {
		return arena;
	}
	arena_t *oversize = arenas_get_auto(arenas_nauto());
	return oversize != NULL ? oversize : arena;
}

/* Visit every arena that exists. */
static void
for_each(void (*visit)(arena_t *, void *), void *arg)
{
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_get(ind);
		if (arena != NULL) {
			visit(arena, arg);
		}
	}
}

void
arenas_visit(void (*visit)(arena_t *arena, void *arg), void *arg)
{
	mutex_lock(&arenas_lock);
	for_each(visit, arg);
	mutex_unlock(&arenas_lock);
}

bool
arenas_visit_one(unsigned ind, void (*visit)(arena_t *arena, void *arg),
    void *arg)
{
	mutex_lock(&arenas_lock);
	arena_t *arena = arenas_get(ind);
	if (arena != NULL) {
		visit(arena, arg);
	}
	mutex_unlock(&arenas_lock);
	return arena != NULL;
}

void
arenas_limit_open(unsigned n)
{
	atomic_store_explicit(&nopen_max, n, memory_order_relaxed);
}

static void
release(arena_t *arena, void *released)
{
	arena_release_empty_slabs(arena);
	*(bool *)released |= pac_release_all(&arena->pac);
}

bool
arenas_reclaim(void)
{
	bool released = false;
	/* Busy: an arena comes or goes, or hooks of ours ran out of memory. */
	if (mutex_trylock(&arenas_lock)) {
		for_each(release, &released);
		mutex_unlock(&arenas_lock);
	}
	return released;
}

static void
verify(arena_t *arena, void *good)
{
	*(bool *)good &= arena_verify(arena);
}

bool
arenas_verify(void)
{
	bool good = true;
	for_each(verify, &good);
	return good;
}

static void
prefork_stage(arena_t *arena, void *stage)
{
	arena_prefork(arena, *(int *)stage);
}

void NO_THREAD_SAFETY
arenas_prefork_table(void)
{
	mutex_prefork(&arenas_lock);
}

void NO_THREAD_SAFETY
arenas_prefork(void)
{
	for (int stage = 0; stage < ARENA_PREFORK_STAGES; stage++) {
		if (stage == ARENA_PREFORK_STAGES - 1) {
			pagemap_prefork();
		}
		for_each(prefork_stage, &stage);
	}
}

static void
parent(arena_t *arena, void *arg)
{
	(void)arg;
	arena_postfork_parent(arena);
}

void NO_THREAD_SAFETY
arenas_postfork_parent(void)
{
	pagemap_postfork_parent();
	for_each(parent, NULL);
	mutex_postfork_parent(&arenas_lock);
}

static void
child(arena_t *arena, void *mine)
{
	arena_postfork_child(arena);
	atomic_store_explicit(&arena->nthreads, arena == mine,
	    memory_order_relaxed);
	atomic_store_explicit(&arena->shards, 0, memory_order_relaxed);
}

void NO_THREAD_SAFETY
arenas_postfork_child(arena_t *arena, unsigned shard)
{
	pagemap_postfork_child();
	atomic_store_explicit(&nholders, 0, memory_order_relaxed);
	for_each(child, arena);
	if (arena != NULL && shard < ARENA_SHARD_NONE) {
		atomic_store_explicit(&arena->shards, (uint64_t)1 << shard,
		    memory_order_relaxed);
	}
	mutex_postfork_child(&arenas_lock);
}
