#include "thread/background.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "arena/arenas.h"
#include "meta/options.h"
#include "meta/thr.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "platform/fatal.h"
#include "platform/os_thread.h"
#include "platform/wakeup.h"
#include "thread/idle.h"
#include "thread/pressure.h"
#include "thread/tsd.h"

#define THREADS_MAX ARENAS_MAX
#define STACK_SIZE ((size_t)256 << 10)

/* A sleep is not shorter, and ends when so many pages have to go. */
#define SLEEP_MIN_NS (100 * NS_PER_MS)
#define NPAGES_DUE ((size_t)1024)

/* With more than so many dirty pages the helper outlives the last thread. */
#define NPAGES_LEFT ((size_t)16 << (20 - LG_PAGE))

/*
 * Threads that come and go do not take a helper with them each time: after one
 * that lived for less than this, there is none for as long.
 */
#define HELPER_BREAK_NS (1 * NS_PER_SEC)

/* When a helper that wants to end finds the lock taken. */
#define RETRY_NS (10 * NS_PER_MS)

typedef struct {
	pthread_t thread GUARDED_BY(background_lock);
	bool started GUARDED_BY(background_lock);
	_Atomic(void *) self; /* os_thread_self() of the thread */
	_Atomic bool stop;
	wakeup_t wakeup;
	_Atomic bool known; /* it was started once: the lock is set up */
	mutex_t lock; /* of the counters */
	uint64_t nruns GUARDED_BY(lock);
	uint64_t slept_ns GUARDED_BY(lock);
} worker_t;

typedef enum { MODE_NONE, MODE_HELPER, MODE_THREADS } purge_mode_t;

mutex_t background_lock = MUTEX_INITIALIZER("background_thread",
    LOCK_BACKGROUND);
_Atomic bool background_due;

static LARGE_BSS worker_t workers[THREADS_MAX];
static uint64_t (*tick)(void);
static _Atomic purge_mode_t mode = MODE_NONE;
static _Atomic size_t nthreads_max; /* 0: as the option says */
static _Atomic unsigned nstarted;

/* The process is large enough for a helper; someone said no to it. */
static _Atomic bool is_large;
static _Atomic bool refused;

/* When the helper started, and from when on there may be another. */
static _Atomic uint64_t helper_since_ns, helper_from_ns;

/* Below background_lock. */
static void forget_locked(worker_t *worker) REQUIRES(background_lock);
static int start_locked(unsigned i) REQUIRES(background_lock);
static void stop_all_locked(void) REQUIRES(background_lock);
static void set_mode_locked(purge_mode_t to) REQUIRES(background_lock);
static int restart_locked(void) REQUIRES(background_lock);

static purge_mode_t
mode_now(void)
{
	return atomic_load_explicit(&mode, memory_order_acquire);
}

size_t
background_max(void)
{
	size_t max = atomic_load_explicit(&nthreads_max, memory_order_relaxed);
	max = max == 0 ? opt.max_background_threads : max;
	return max < THREADS_MAX ? max : THREADS_MAX;
}

/* Arenas i, i + stride, ... belong to thread i. */
static unsigned
stride_now(void)
{
	return mode_now() == MODE_THREADS ? (unsigned)background_max() : 1;
}

static void
set_due(void)
{
	bool due = atomic_load_explicit(&is_large, memory_order_relaxed) &&
	    !atomic_load_explicit(&refused, memory_order_relaxed) &&
	    mode_now() == MODE_NONE;
	atomic_store_explicit(&background_due, due, memory_order_relaxed);
}

static bool
should_stop(worker_t *worker)
{
	return atomic_load_explicit(&worker->stop, memory_order_acquire);
}

/* How long the owner may sleep as far as an arena's free pages go. */
static uint64_t
sleep_for_pages(arena_t *arena)
{
	pac_t *pac = &arena->pac;
	size_t ndirty = pac_ndirty(pac);
	uint64_t ns = pac_ns_until_purge(pac, NPAGES_DUE);
	size_t watch;
	if (pac_dirty_decay_ms(pac) < 0) {
		/* More of them change nothing, until that is changed. */
		pac_set_watch(pac, PAC_WATCH_NONE);
		return ns < SLEEP_MIN_NS ? SLEEP_MIN_NS : ns;
	}
	if (ns != UINT64_MAX) {
		ns = ns < SLEEP_MIN_NS ? SLEEP_MIN_NS : ns;
		watch = pac_npages_due_within(pac, NPAGES_DUE, ns);
		watch = watch == PAC_WATCH_NONE ? watch : ndirty + watch;
	} else {
		watch = mode_now() == MODE_THREADS ? 0 : PAC_WATCH_NPAGES;
	}
	pac_set_watch(pac, watch);
	/* Those that came before the watch was set. */
	return pac_ndirty(pac) > watch && ns > SLEEP_MIN_NS ? SLEEP_MIN_NS : ns;
}

/* And as far as pages of its slabs in use go. */
static uint64_t
sleep_for(arena_t *arena)
{
	uint64_t ns = sleep_for_pages(arena);
	uint64_t holes_ns = holes_ns_until(arena, clock_ns());
	holes_ns = holes_ns < SLEEP_MIN_NS ? SLEEP_MIN_NS : holes_ns;
	return holes_ns < ns ? holes_ns : ns;
}

static bool start_others(void);

/* The program's own hooks are not called by a thread that it did not ask for. */
static bool
may_purge(const arena_t *arena)
{
	return mode_now() != MODE_HELPER || ehooks_are_default(&arena->ehooks);
}

/* Purge the arenas of one thread; returns how long it may sleep. */
static uint64_t
purge_pass(worker_t *worker)
{
	unsigned stride = stride_now();
	unsigned first = (unsigned)(worker - workers);
	uint64_t sleep_ns = UINT64_MAX;
	pressure_tick(clock_ns());
	if (first == 0) {
		sleep_ns = idle_tick(clock_ns());
		uint64_t ns = tick == NULL ? UINT64_MAX : tick();
		sleep_ns = ns < sleep_ns ? ns : sleep_ns;
	}
	if (first == 0 && stride > 1 && !start_others()) {
		sleep_ns = SLEEP_MIN_NS;
	}
	unsigned n = arenas_count();
	for (unsigned ind = first; ind < n && !should_stop(worker);
	     ind += stride) {
		arena_t *arena = arenas_hold(ind);
		if (arena != NULL && may_purge(arena)) {
			arena_decay(arena, clock_ns());
			uint64_t ns = sleep_for(arena);
			sleep_ns = ns < sleep_ns ? ns : sleep_ns;
		}
		arenas_hold_end();
	}
	return sleep_ns;
}

/* Dirty pages that the helper will purge. */
static size_t
npages_left(void)
{
	size_t npages = 0;
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_hold(ind);
		if (arena != NULL && may_purge(arena) &&
		    pac_dirty_decay_ms(&arena->pac) >= 0) {
			npages += pac_ndirty(&arena->pac);
		}
		arenas_hold_end();
	}
	return npages;
}

/*
 * The program has one thread left, or none, so that the helper must go: there
 * are system calls (unshare, setns) that fail where there are two, and the
 * process lasts as long as any thread.  With one thread left it stays until it
 * has purged what many threads left behind.
 */
static bool
is_deserted(void)
{
	if (mode_now() != MODE_HELPER) {
		return false;
	}
	unsigned nthreads = tsd_count();
	return nthreads == 0 || (nthreads == 1 && npages_left() < NPAGES_LEFT);
}

/* Sleep, at least for the minimum whoever wakes us, but not to be stopped. */
static void
rest(worker_t *worker, uint64_t ns)
{
	uint64_t start = clock_ns(), slept = 0;
	while (slept < ns && !should_stop(worker) && !is_deserted()) {
		bool woken = wakeup_wait(&worker->wakeup,
		    ns == UINT64_MAX ? WAKEUP_FOREVER : ns - slept);
		slept = clock_ns() - start;
		if (woken && !is_deserted()) {
			ns = SLEEP_MIN_NS;
		}
	}
	mutex_lock(&worker->lock);
	worker->slept_ns += slept;
	worker->nruns++;
	mutex_unlock(&worker->lock);
}

static void
forget_locked(worker_t *worker)
{
	worker->started = false;
	atomic_store_explicit(&worker->self, NULL, memory_order_relaxed);
	atomic_fetch_sub_explicit(&nstarted, 1, memory_order_relaxed);
}

static void
helper_ended_locked(void) REQUIRES(background_lock)
{
	uint64_t now = clock_ns();
	uint64_t since = atomic_load_explicit(&helper_since_ns,
	    memory_order_relaxed);
	if (now - since < HELPER_BREAK_NS) {
		atomic_store_explicit(&helper_from_ns, now + HELPER_BREAK_NS,
		    memory_order_relaxed);
	}
	set_mode_locked(MODE_NONE);
}

/*
 * The helper is not needed any more.  Whoever has the lock may be about to stop
 * it, and waits for it; or is after something else.  False: it is needed again.
 */
static bool
helper_retires(worker_t *worker)
{
	while (!mutex_trylock(&background_lock)) {
		if (should_stop(worker)) {
			return true;
		}
		(void)wakeup_wait(&worker->wakeup, RETRY_NS);
	}
	bool retires = !should_stop(worker) && is_deserted();
	if (retires) {
		(void)pthread_detach(worker->thread);
		forget_locked(worker);
		helper_ended_locked();
	}
	mutex_unlock(&background_lock);
	return retires;
}

static void *
run(void *arg)
{
	worker_t *worker = arg;
	void *saved = thr_enter_foreign();
	atomic_store_explicit(&worker->self, os_thread_self(),
	    memory_order_relaxed);
	os_thread_set_name("jemalloc_bg_thd");
	if (opt.percpu_arena != OPT_PERCPU_DISABLED &&
	    mode_now() == MODE_THREADS) {
		os_thread_pin((unsigned)(worker - workers));
	} else if (mode_now() == MODE_HELPER) {
		os_thread_unpin();
	}
	do {
		while (!should_stop(worker) && !is_deserted()) {
			rest(worker, purge_pass(worker));
		}
	} while (!should_stop(worker) && !helper_retires(worker));
	thr_leave_foreign(saved);
	return NULL;
}

/*
 * A thread with all signals blocked.  The C library may allocate for it, and
 * asks for no lock of its own that the caller of an allocation could hold: the
 * stack size is given, so defaults are not looked up.
 */
typedef int
create_fn_t(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/*
 * The function behind those that a program puts in front of it: they may hold
 * a lock while they allocate, and come here.  A sanitizer's has to be used: it
 * must know of threads that run what it instrumented.
 */
static create_fn_t *
library_pthread_create(void)
{
#if CONFIG_LIBDL && !UNDER_SANITIZER
	create_fn_t *next = (create_fn_t *)dlsym(RTLD_NEXT, "pthread_create");
	if (next != NULL) {
		return next;
	}
#endif
	return pthread_create;
}

static int
create_thread(pthread_t *thread, void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	void *saved = thr_enter_foreign();
	create_fn_t *create = library_pthread_create();
	int error = pthread_attr_init(&attr);
	if (error != 0) {
		thr_leave_foreign(saved);
		return error;
	}
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	/* Whatever the priority of the thread that happened to come by. */
	static const struct sched_param usual = {.sched_priority = 0};
	(void)pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	(void)pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	(void)pthread_attr_setschedparam(&attr, &usual);
	error = pthread_attr_setstacksize(&attr, STACK_SIZE);
	os_note_threaded();
	if (error == 0) {
		error = create(thread, &attr, run, arg);
	}
	if (error == EINVAL || error == EPERM) {
		/* Much thread-local data: the program's own size will do. */
		error = create(thread, NULL, run, arg);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	thr_leave_foreign(saved);
	return error;
}

/* Returns an errno value. */
static int
start_locked(unsigned i)
{
	worker_t *worker = &workers[i];
	assert(!worker->started);
	int saved_errno = errno;
	atomic_store_explicit(&worker->stop, false, memory_order_relaxed);
	wakeup_reset(&worker->wakeup);
	if (!atomic_load_explicit(&worker->known, memory_order_relaxed)) {
		mutex_init(&worker->lock, "background_thread_info",
		    LOCK_BACKGROUND_THD);
		atomic_store_explicit(&worker->known, true,
		    memory_order_release);
	}
	mutex_lock(&worker->lock);
	worker->nruns = 0;
	worker->slept_ns = 0;
	mutex_unlock(&worker->lock);
	int error = create_thread(&worker->thread, worker);
	if (error == 0) {
		worker->started = true;
		atomic_fetch_add_explicit(&nstarted, 1, memory_order_relaxed);
	}
	errno = saved_errno;
	return error;
}

/* By thread 0: those whose arenas have come to be.  False: try again soon. */
static bool
start_others(void)
{
	unsigned stride = stride_now(), n = arenas_count();
	if (!mutex_trylock(&background_lock)) {
		/* We have just been started, or are to be stopped. */
		return false;
	}
	for (unsigned ind = 1;
	     ind < n && mode_now() == MODE_THREADS && !should_stop(&workers[0]);
	     ind++) {
		if (arenas_get(ind) == NULL || workers[ind % stride].started) {
			continue;
		}
		int error = start_locked(ind % stride);
		if (error != 0) {
			warn("background thread creation failed (%d)", error);
			break;
		}
	}
	mutex_unlock(&background_lock);
	return true;
}

static void
stop_all_locked(void)
{
	for (unsigned i = 0; i < THREADS_MAX &&
	     atomic_load_explicit(&nstarted, memory_order_relaxed) != 0;
	     i++) {
		worker_t *worker = &workers[i];
		if (!worker->started) {
			continue;
		}
		atomic_store_explicit(&worker->stop, true,
		    memory_order_release);
		wakeup_signal(&worker->wakeup);
		void *saved = thr_enter_foreign();
		(void)pthread_join(worker->thread, NULL);
		thr_leave_foreign(saved);
		forget_locked(worker);
	}
}

static void
set_mode_locked(purge_mode_t to)
{
	bool threads = to == MODE_THREADS;
	atomic_store_explicit(&mode, to, memory_order_release);
	atomic_store_explicit(&pac_watch_npages_new,
	    threads ? 0 : PAC_WATCH_NPAGES, memory_order_relaxed);
	atomic_store_explicit(&arena_ticks_purge, !threads,
	    memory_order_relaxed);
	set_due();
}

/* Returns an errno value. */
static int
restart_locked(void)
{
	set_mode_locked(MODE_THREADS);
	int error = start_locked(0);
	if (error != 0) {
		set_mode_locked(MODE_NONE);
	}
	return error;
}

static bool
called_by_a_worker(void)
{
	for (unsigned i = 0; i < THREADS_MAX && i < background_max(); i++) {
		if (atomic_load_explicit(&workers[i].self,
			memory_order_relaxed) == os_thread_self()) {
			return true;
		}
	}
	return false;
}

void
background_set_tick(uint64_t (*to)(void))
{
	tick = to;
}

bool
background_enabled(void)
{
	return mode_now() == MODE_THREADS;
}

/* Returns an errno value. */
static int
enable(bool wanted)
{
	int error = 0;
	mutex_lock(&background_lock);
	if (wanted != background_enabled()) {
		stop_all_locked();
		if (wanted) {
			error = restart_locked();
		} else {
			set_mode_locked(MODE_NONE);
		}
	} else if (!wanted) {
		stop_all_locked();
		set_mode_locked(MODE_NONE);
	}
	mutex_unlock(&background_lock);
	return error;
}

err_t
background_enable(bool wanted)
{
	if (called_by_a_worker()) {
		/* From an extent hook: a thread can not wait for itself. */
		return ERR_REFUSED;
	}
	atomic_store_explicit(&refused, !wanted, memory_order_relaxed);
	int error = enable(wanted);
	if (error != 0) {
		warn("background thread creation failed (%d)", error);
	}
	return error == 0 ? ERR_NONE : ERR_AGAIN;
}

err_t
background_set_max(size_t max)
{
	int error = 0;
	if (max == 0 || max > opt.max_background_threads) {
		return ERR_INVALID;
	}
	if (called_by_a_worker()) {
		return ERR_REFUSED;
	}
	mutex_lock(&background_lock);
	if (max != background_max()) {
		bool running = background_enabled();
		if (running) {
			stop_all_locked();
		}
		atomic_store_explicit(&nthreads_max, max, memory_order_relaxed);
		error = running ? restart_locked() : 0;
	}
	mutex_unlock(&background_lock);
	return error == 0 ? ERR_NONE : ERR_AGAIN;
}

/* So many pages of an arena became dirty that its owner would be late. */
static void
wake_owner(unsigned arena_ind)
{
	worker_t *worker = &workers[arena_ind % stride_now()];
	if (atomic_load_explicit(&worker->self, memory_order_relaxed) == NULL) {
		/* Not there yet: thread 0 starts it. */
		worker = &workers[0];
	}
	if (mode_now() != MODE_NONE) {
		wakeup_signal(&worker->wakeup);
	}
}

/* Below locks of the page allocator: whoever allocates next has a look. */
static void
note_grown(size_t total)
{
	pressure_note_grown(total);
	atomic_store_explicit(&is_large, true, memory_order_relaxed);
	set_due();
}

void
background_wake(unsigned arena_ind)
{
	wake_owner(arena_ind);
}

void
background_start_helper(void)
{
	if (tsd_count() < 2 || arenas_dirty_decay_ms() <= 0 ||
	    !mutex_trylock(&background_lock)) {
		return;
	}
	uint64_t now = clock_ns();
	if (mode_now() == MODE_NONE && background_is_due() &&
	    now >=
		atomic_load_explicit(&helper_from_ns, memory_order_relaxed)) {
		atomic_store_explicit(&helper_since_ns, now,
		    memory_order_relaxed);
		set_mode_locked(MODE_HELPER);
		if (start_locked(0) != 0) {
			/* Threads are not to be had: do not ask again. */
			atomic_store_explicit(&refused, true,
			    memory_order_relaxed);
			set_mode_locked(MODE_NONE);
		}
	}
	mutex_unlock(&background_lock);
}

/* Whoever waits for the thread that ends here finds the helper gone too. */
void
background_note_thread_end(void)
{
	if (likely(!is_deserted())) {
		return;
	}
	if (!mutex_trylock(&background_lock)) {
		wakeup_signal(&workers[0].wakeup);
		return;
	}
	if (is_deserted()) {
		stop_all_locked();
		helper_ended_locked();
	}
	mutex_unlock(&background_lock);
}

BOOT void
background_boot(void)
{
	if (opt_set_by[OPT_ID_background_thread] != OPT_SOURCE_DEFAULT &&
	    !opt.background_thread) {
		atomic_store_explicit(&refused, true, memory_order_relaxed);
	}
	pressure_boot();
	pac_watcher = wake_owner;
	pac_grown = note_grown;
}

BOOT void
background_boot_threads(void)
{
	int error = opt.background_thread ? enable(true) : 0;
	if (error != 0) {
		warn("arena 0 background thread creation failed (%d)", error);
	}
}

/* The next thread from i on whose lock is set up; NULL: there is none. */
static worker_t *
known_worker(size_t i)
{
	for (; i < THREADS_MAX && i < opt.max_background_threads; i++) {
		if (atomic_load_explicit(&workers[i].known,
			memory_order_acquire)) {
			return &workers[i];
		}
	}
	return NULL;
}

static worker_t *
known_next(const worker_t *worker)
{
	return known_worker((size_t)(worker - workers) + 1);
}

void
background_stats(background_stats_t *stats)
{
	uint64_t slept_ns = 0;
	memset(stats, 0, sizeof(*stats));
	stats->num_threads = atomic_load_explicit(&nstarted,
	    memory_order_relaxed);
	bool any = stats->num_threads != 0;
	for (worker_t *worker = known_worker(0); worker != NULL;
	     worker = known_next(worker)) {
		mutex_lock(&worker->lock);
		stats->num_runs += any ? worker->nruns : 0;
		slept_ns += any ? worker->slept_ns : 0;
		mutex_stats_max(&stats->mutex_max, &worker->lock.stats);
		mutex_unlock(&worker->lock);
	}
	stats->run_interval = stats->num_runs == 0 ? 0
						   : slept_ns / stats->num_runs;
}

void
background_reset_mutexes(void)
{
	if (mutex_trylock(&background_lock)) {
		mutex_reset_stats(&background_lock);
		mutex_unlock(&background_lock);
	}
	for (worker_t *worker = known_worker(0); worker != NULL;
	     worker = known_next(worker)) {
		mutex_lock(&worker->lock);
		mutex_reset_stats(&worker->lock);
		mutex_unlock(&worker->lock);
	}
}

void NO_THREAD_SAFETY
background_prefork(void)
{
	mutex_prefork(&background_lock);
	for (worker_t *worker = known_worker(0); worker != NULL;
	     worker = known_next(worker)) {
		mutex_prefork(&worker->lock);
	}
}

void NO_THREAD_SAFETY
background_postfork_parent(void)
{
	for (worker_t *worker = known_worker(0); worker != NULL;
	     worker = known_next(worker)) {
		mutex_postfork_parent(&worker->lock);
	}
	mutex_postfork_parent(&background_lock);
}

void NO_THREAD_SAFETY
background_postfork_child(void)
{
	for (unsigned i = 0; i < THREADS_MAX &&
	     atomic_load_explicit(&nstarted, memory_order_relaxed) != 0;
	     i++) {
		if (workers[i].started) {
			forget_locked(&workers[i]);
		}
	}
	for (worker_t *worker = known_worker(0); worker != NULL;
	     worker = known_next(worker)) {
		worker->nruns = 0;
		worker->slept_ns = 0;
		mutex_postfork_child(&worker->lock);
	}
	set_mode_locked(MODE_NONE);
	pressure_postfork_child();
	mutex_postfork_child(&background_lock);
}
