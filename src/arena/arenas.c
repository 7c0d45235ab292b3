#include "arena/arenas.h"

#include "meta/options.h"
#include "page/hooks_default.h"
#include "platform/assert.h"
#include "platform/io.h"
#include "platform/os_thread.h"

static mutex_t arenas_lock = MUTEX_INITIALIZER("arenas", LOCK_ARENAS);
static _Atomic(arena_t *) table[ARENAS_MAX];

static base_t base0;

/* Automatic arenas: how many may be used, and how many are. */
static _Atomic unsigned nauto;
static _Atomic unsigned nopen = 1;

arena_t *
arenas_get(unsigned ind)
{
	return ind >= ARENAS_MAX ? NULL :
	    atomic_load_explicit(&table[ind], memory_order_acquire);
}

base_t *
arenas_base0(void)
{
	return &base0;
}

static unsigned
nauto_from_cpus(void)
{
	unsigned ncpus = os_ncpus();
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
	n = opt.narenas != 0 ? opt.narenas : nauto_from_cpus();
	if (n > ARENAS_MAX - 1) {
		io_printf("<jemalloc>: Reducing narenas to limit (%d)\n",
		    ARENAS_MAX - 1);
		n = ARENAS_MAX - 1;
	}
	unsigned expected = 0;
	atomic_compare_exchange_strong_explicit(&nauto, &expected, n,
	    memory_order_relaxed, memory_order_relaxed);
	return atomic_load_explicit(&nauto, memory_order_relaxed);
}

unsigned
arenas_count(void)
{
	return arenas_nauto() + (opt.oversize_threshold != 0);
}

ssize_t
arenas_dirty_decay_ms(void)
{
	return opt.dirty_decay_ms;
}

ssize_t
arenas_muzzy_decay_ms(void)
{
	return opt.muzzy_decay_ms;
}

static arena_t *
create_locked(unsigned ind)
{
	arena_t *arena = base_alloc(&base0, sizeof(arena_t), CACHELINE);
	if (arena == NULL) {
		return NULL;
	}
	arena_init(arena, ind, &base0, &base0, NULL, true);
	const char *name = atomic_load_explicit(&nauto,
	    memory_order_relaxed) == ind && ind != 0 ? "auto_oversize" : NULL;
	if (name != NULL) {
		io_snprintf(arena->name, sizeof(arena->name), "%s", name);
	} else {
		io_snprintf(arena->name, sizeof(arena->name), "auto_%u", ind);
	}
	atomic_store_explicit(&table[ind], arena, memory_order_release);
	return arena;
}

err_t
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
	return ERR_NONE;
}

arena_t *
arenas_get_auto(unsigned ind)
{
	arena_t *arena = arenas_get(ind);
	if (likely(arena != NULL) || ind > arenas_nauto()) {
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

static arena_t *
bind_to(arena_t *arena)
{
	atomic_fetch_add_explicit(&arena->nthreads, 1, memory_order_relaxed);
	return arena;
}

arena_t *
arenas_bind(void)
{
	return bind_to(least_loaded());
}

void
arenas_unbind(arena_t *arena)
{
	atomic_fetch_sub_explicit(&arena->nthreads, 1, memory_order_relaxed);
}

arena_t *
arenas_rebind(arena_t *arena)
{
	arena_t *best = least_loaded();
	unsigned n = atomic_load_explicit(&nopen, memory_order_relaxed);
	if (load(best) + 1 >= load(arena) && n < arenas_nauto()) {
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
	arenas_unbind(arena);
	return bind_to(best);
}

arena_t *
arenas_for_large(arena_t *arena, size_t usize)
{
	if (likely(usize < atomic_load_explicit(&arena->oversize_threshold,
	    memory_order_relaxed)) || !arena->automatic ||
	    opt.oversize_threshold == 0) {
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
	for_each(release, &released);
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
}

void NO_THREAD_SAFETY
arenas_postfork_child(arena_t *arena)
{
	pagemap_postfork_child();
	for_each(child, arena);
	mutex_postfork_child(&arenas_lock);
}
