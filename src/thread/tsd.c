#include "thread/tsd.h"

#include <pthread.h>
#include <string.h>

#include "meta/thr.h"
#include "platform/assert.h"
#include "thread/background.h"
#include "thread/idle.h"
#include "thread/internal_alloc.h"
#include "thread/tcache.h"
#include "thread/thread_event.h"

/*
 * Before boot every class code is 0, so slot 0 is all that is ever looked at.
 * The others are filled before their first use, so that they cost no memory.
 */
tsd_constant_t tsd_constant_none = {
    .slots = {{.head = (void **)&cache_bin_none[1]}}};
tsd_constant_t tsd_constant_nested;
LARGE_BSS tsd_constant_t tsd_constant_exited;
LARGE_BSS tsd_constant_t tsd_constant_watched;

__thread tsd_t *tsd_tls TLS_MODEL = TSD_NONE;

/* The thread's own state, behind TSD_WATCHED too. */
static __thread tsd_t *own TLS_MODEL;

/* Frees of a thread that has no state yet. */
static __thread uint8_t nfrees TLS_MODEL;
#define FREES_TO_STATE 128

static mutex_t tsd_lock = MUTEX_INITIALIZER("tsd", LOCK_TSD);
static list_t all GUARDED_BY(tsd_lock);
static list_t unused GUARDED_BY(tsd_lock);
static list_node_t *next_step GUARDED_BY(tsd_lock); /* NULL: a new round */
static _Atomic unsigned nstates; /* written below tsd_lock */

/* Who wants to see every call (thread/hook.h). */
static _Atomic unsigned nwatchers;

static pthread_key_t key;
static bool key_ready;

static void *
foreign_enter(void)
{
	tsd_t *saved = tsd_tls;
	tsd_tls = TSD_NESTED;
	return saved;
}

static void
foreign_leave(void *saved)
{
	tsd_tls = saved;
}

_Static_assert(offsetof(tsd_t, bins) + (SC_NBINS + 1) * sizeof(cache_bin_t) <=
	PAGE,
    "the bins of small classes are in the first page of an aligned state");

static void
constant_fill(tsd_constant_t *constant)
{
	for (unsigned cind = 0; cind < SC_NCIND; cind++) {
		constant->slots[cind].head = cache_bin_none_head();
	}
}

BOOT void
tsd_boot(void)
{
	list_init(&all);
	list_init(&unused);
	constant_fill(&tsd_constant_none);
	constant_fill(&tsd_constant_nested);
	thr_ops.enter = foreign_enter;
	thr_ops.leave = foreign_leave;
}

/* One of the rarer constants, ready to be pointed to. */
static tsd_t *
constant_of(tsd_constant_t *constant)
{
	mutex_lock(&tsd_lock);
	if (constant->slots[0].head == NULL) {
		constant_fill(constant);
	}
	mutex_unlock(&tsd_lock);
	return (tsd_t *)constant;
}

/* Memory for a state: a used one, or new. */
static tsd_t *
state_take(void)
{
	mutex_lock(&tsd_lock);
	list_node_t *node = list_pop_front(&unused);
	tsd_t *tsd = node == NULL ? NULL : container_of(node, tsd_t, link);
	if (tsd == NULL) {
		/*
		 * The first one, all that most processes have, begins with a
		 * page: all that is written to in daily use is in one then.
		 */
		tsd = base_alloc(arenas_base0(), sizeof(tsd_t),
		    list_is_empty(&all) ? PAGE : CACHELINE);
	}
	if (tsd != NULL) {
		/* What is there is an older thread's: not to be taken. */
		idle_owner_hide(tsd);
		tsd->settled = false;
		tsd->seen_at = 0;
		list_push_front(&all, &tsd->link);
		atomic_fetch_add_explicit(&nstates, 1, memory_order_relaxed);
	}
	mutex_unlock(&tsd_lock);
	return tsd;
}

unsigned
tsd_count(void)
{
	return atomic_load_explicit(&nstates, memory_order_seq_cst);
}

static void
state_give_back(tsd_t *tsd)
{
	mutex_lock(&tsd_lock);
	if (next_step == &tsd->link) {
		next_step = list_next(&all, &tsd->link);
	}
	list_remove(&tsd->link);
	list_push_front(&unused, &tsd->link);
	atomic_fetch_sub_explicit(&nstates, 1, memory_order_seq_cst);
	mutex_unlock(&tsd_lock);
	background_note_thread_end();
}

/* Filling and checking blocks takes the slow path on every call. */
static bool
watching(void)
{
	return opt.junk != OPT_JUNK_FALSE || opt.zero || opt.check ||
	    (config_debug && opt.debug_double_free_max_scan != 0) ||
	    (config_uaf_detection && opt.lg_san_uaf_align >= 0) ||
	    atomic_load_explicit(&nwatchers, memory_order_relaxed) != 0;
}

void
tsd_watch(bool more)
{
	atomic_fetch_add_explicit(&nwatchers, more ? 1 : (unsigned)-1,
	    memory_order_relaxed);
}

void
tsd_rewatch(void)
{
	tsd_t *tsd = tsd_own();
	if (tsd != NULL) {
		tsd_tls = watching() ? constant_of(&tsd_constant_watched) : tsd;
	}
}

static tsd_t *
state_new(void)
{
	tsd_t *tsd = state_take();
	if (tsd == NULL) {
		return NULL;
	}
	tcache_init(tsd);
	thread_event_init(tsd);
	tsd->prng = (uintptr_t)tsd ^ (uintptr_t)__builtin_frame_address(0);
	tsd->nslow = 0;
	tsd->ncontended = 0;
	tsd->thread = (uintptr_t)pthread_self();
	tsd->arena_chosen = false;
	tsd->arena = arenas_bind(&tsd->shard);
	if (opt.tcache) {
		tcache_enable(tsd);
	}
	idle_owner_leave(tsd);
	if (background_is_due()) {
		/* At the end of this very allocation. */
		tsd->event_at = 0;
	}
	return tsd;
}

static void
state_end(tsd_t *tsd)
{
	tcache_disable(tsd);
	arena_t *arena = tsd->arena;
	tsd->arena = NULL;
	arenas_unbind(arena, tsd->shard);
	state_give_back(tsd);
}

tsd_t *
tsd_get_slow(void)
{
	if (tsd_tls != TSD_NONE) {
		return tsd_own();
	}
	/* pthread_setspecific() may allocate. */
	tsd_tls = TSD_NESTED;
	tsd_t *tsd = state_new();
	if (tsd != NULL && key_ready && pthread_setspecific(key, tsd) != 0) {
		state_end(tsd);
		tsd = NULL;
	}
	own = tsd;
	tsd_tls = tsd == NULL ? TSD_NONE
	    : watching()      ? constant_of(&tsd_constant_watched)
			      : tsd;
	return tsd;
}

tsd_t *
tsd_own(void)
{
	return tsd_is_real(tsd_tls) || tsd_tls == TSD_WATCHED ? own : NULL;
}

tsd_t *
tsd_get_for_free(void)
{
	tsd_t *tsd = tsd_own();
	if (likely(tsd != NULL)) {
		return tsd;
	}
	if (tsd_tls == TSD_NONE && ++nfrees >= FREES_TO_STATE) {
		return tsd_get_slow();
	}
	return NULL;
}

/* The thread ends: destructor of the key. */
static void
thread_exit(void *state)
{
	tsd_t *tsd = state;
	if (tsd_own() != tsd) {
		return;
	}
	/* Destructors that run later do without a cache. */
	tsd_tls = constant_of(&tsd_constant_exited);
	own = NULL;
	state_end(tsd);
}

BOOT err_t
tsd_boot_key(void)
{
	if (pthread_key_create(&key, thread_exit) != 0) {
		return ERR_NOMEM;
	}
	key_ready = true;
	if (tsd_own() != NULL) {
		void *saved = thr_enter_foreign();
		(void)pthread_setspecific(key, own);
		thr_leave_foreign(saved);
	}
	return ERR_NONE;
}

list_t *NO_THREAD_SAFETY
tsd_list_lock(void)
{
	mutex_lock(&tsd_lock);
	return &all;
}

mutex_t *
tsd_list_mutex(void)
{
	return &tsd_lock;
}

void NO_THREAD_SAFETY
tsd_list_unlock(void)
{
	mutex_unlock(&tsd_lock);
}

tsd_t *NO_THREAD_SAFETY
tsd_list_step(void)
{
	static bool in_round; /* below the lock as well */
	list_node_t *node = in_round ? next_step : list_first(&all);
	in_round = node != NULL;
	next_step = node == NULL ? NULL : list_next(&all, node);
	return node == NULL ? NULL : container_of(node, tsd_t, link);
}

/* The thread itself goes on counting. */
__attribute__((no_sanitize("thread"))) uint64_t
tsd_idle_since(tsd_t *tsd, uint64_t now_ns)
{
	uint64_t work = *(const volatile uint64_t *)&tsd->allocated +
	    *(const volatile uint64_t *)&tsd->deallocated;
	if (tsd->seen_at == 0 || work != tsd->seen_work) {
		tsd->seen_work = work;
		tsd->seen_at = now_ns;
	}
	return tsd->seen_at;
}

void NO_THREAD_SAFETY
tsd_prefork(void)
{
	mutex_prefork(&tsd_lock);
	internal_prefork();
}

void NO_THREAD_SAFETY
tsd_postfork_parent(void)
{
	internal_postfork_parent();
	mutex_postfork_parent(&tsd_lock);
}

void NO_THREAD_SAFETY
tsd_postfork_child(void)
{
	internal_postfork_child();
	mutex_postfork_child(&tsd_lock);
	/* Of the parent's threads only this one exists. */
	list_init(&all);
	next_step = NULL;
	if (own != NULL) {
		list_push_front(&all, &own->link);
	}
	atomic_store_explicit(&nstates, own != NULL, memory_order_relaxed);
}

tsd_t *
tsd_behind(void)
{
	return own;
}
