#include "thread/thread_event.h"

#include "meta/thr.h"
#include "thread/background.h"
#include "thread/pressure.h"
#include "thread/tcache.h"

/* The next event is never further away. */
#define INTERVAL_MAX ((uint64_t)1 << 40)

/* Between two looks at the peak, once someone asked for it. */
#define PEAK_INTERVAL ((uint64_t)64 << 10)

/* Most bytes that a thread allocates before the others hear of it. */
#define BATCH_MAX ((uint64_t)4 << 20)

static void (*interval_print)(void);
static void (*tick)(void);
static _Atomic uint64_t interval_bytes; /* reported since the last print */

/* Added below the lock of the list of threads. */
static thread_callback_t callbacks[THREAD_CALLBACKS_MAX];
static _Atomic unsigned ncallbacks;

/*
 * Collection looks at one bin each time, and the others wait: at the interval
 * of a collector that looks at all, large blocks would do little else.
 */
static uint64_t
gc_interval(void)
{
	uint64_t bytes = opt.tcache_gc_incr_bytes;
	return bytes > INTERVAL_MAX / 16 ? INTERVAL_MAX : bytes * 16;
}

/* Bytes after which a thread reports; UINT64_MAX: never. */
static uint64_t
interval_batch(void)
{
	if (interval_print == NULL || opt.stats_interval < 0) {
		return UINT64_MAX;
	}
	uint64_t batch = (uint64_t)opt.stats_interval / 64;
	return batch == 0 ? 1 : batch < BATCH_MAX ? batch : BATCH_MAX;
}

/* A callback's interval starts when the thread first sees it. */
static void
see_callbacks(tsd_t *tsd)
{
	unsigned n = atomic_load_explicit(&ncallbacks, memory_order_acquire);
	for (; tsd->ncallbacks < n; tsd->ncallbacks++) {
		tsd->called[tsd->ncallbacks][0] = tsd->allocated;
		tsd->called[tsd->ncallbacks][1] = tsd->deallocated;
	}
}

static void
set_next(tsd_t *tsd)
{
	uint64_t next = tsd->gc_at;
	if (tsd->peak_watched && tsd->allocated + PEAK_INTERVAL < next) {
		next = tsd->allocated + PEAK_INTERVAL;
	}
	uint64_t batch = interval_batch();
	if (batch < next - tsd->interval_last) {
		next = tsd->interval_last + batch;
	}
	if (tick != NULL && THREAD_TICK_BYTES < next - tsd->allocated) {
		next = tsd->allocated + THREAD_TICK_BYTES;
	}
	see_callbacks(tsd);
	for (unsigned i = 0; i < tsd->ncallbacks; i++) {
		uint64_t left = tsd->called[i][0] + callbacks[i].interval -
		    tsd->allocated;
		if (!callbacks[i].is_alloc_only &&
		    callbacks[i].interval < left) {
			left = callbacks[i].interval;
		}
		if (left < next - tsd->allocated) {
			next = tsd->allocated + left;
		}
	}
	tsd->event_at = next;
}

void
thread_event_init(tsd_t *tsd)
{
	tsd->allocated = 0;
	tsd->deallocated = 0;
	tsd->gc_at = gc_interval();
	tsd->event_last = 0;
	tsd->interval_last = 0;
	tsd->peak_watched = false;
	tsd->peak = 0;
	tsd->peak_base = 0;
	tsd->ncallbacks = 0;
	set_next(tsd);
}

static void
peak_note(tsd_t *tsd)
{
	int64_t net = (int64_t)(tsd->allocated - tsd->deallocated) -
	    tsd->peak_base;
	if (net > tsd->peak) {
		tsd->peak = net;
	}
}

uint64_t
thread_peak_read(tsd_t *tsd)
{
	peak_note(tsd);
	tsd->peak_watched = true;
	set_next(tsd);
	return (uint64_t)tsd->peak;
}

void
thread_peak_reset(tsd_t *tsd)
{
	tsd->peak_base = (int64_t)(tsd->allocated - tsd->deallocated);
	tsd->peak = 0;
	tsd->peak_watched = true;
	set_next(tsd);
}

/* The class that reached the event is taken for that of all bytes before. */
static void
sample_requests(tsd_t *tsd, size_t usize)
{
	uint64_t bytes = tsd->allocated - tsd->event_last;
	tsd->event_last = tsd->allocated;
	if (!tsd->cache_enabled) {
		/* Every request reaches the arena and is counted there. */
		return;
	}
	uint64_t n = (bytes + usize / 2) / usize;
	atomic_fetch_add_explicit(&tsd->arena->nrequests[szind_of(usize)],
	    n == 0 ? 1 : n, memory_order_relaxed);
}

static void
call(tsd_t *tsd, unsigned i, bool is_alloc)
{
	uint64_t now = is_alloc ? tsd->allocated : tsd->deallocated;
	if (now - tsd->called[i][!is_alloc] < callbacks[i].interval) {
		return;
	}
	tsd->called[i][!is_alloc] = now;
	void *saved = thr_enter_foreign();
	callbacks[i].callback(is_alloc, tsd->allocated, tsd->deallocated);
	thr_leave_foreign(saved);
}

void
thread_event_set_interval(void (*print)(void))
{
	interval_print = print;
}

void
thread_event_set_tick(void (*to)(void))
{
	tick = to;
}

/* Report what was allocated; does it complete an interval? */
static bool
interval_report(tsd_t *tsd)
{
	uint64_t bytes = tsd->allocated - tsd->interval_last;
	if (bytes < interval_batch()) {
		return false;
	}
	tsd->interval_last = tsd->allocated;
	uint64_t interval = (uint64_t)opt.stats_interval;
	uint64_t sum = bytes +
	    atomic_fetch_add_explicit(&interval_bytes, bytes,
		memory_order_relaxed);
	do {
		if (sum < interval) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&interval_bytes, &sum,
	    interval == 0 ? 0 : sum % interval, memory_order_relaxed,
	    memory_order_relaxed));
	return true;
}

void
thread_event_run(tsd_t *tsd, size_t usize)
{
	sample_requests(tsd, usize);
	if (tsd->allocated >= tsd->gc_at) {
		tsd->gc_at = tsd->allocated + gc_interval();
		tcache_gc_step(tsd);
	}
	if (unlikely(background_is_due())) {
		background_start_helper();
	}
	if (unlikely(pressure_is_due())) {
		pressure_find_limit();
	}
	uint32_t flushes = atomic_load_explicit(&pressure_flushes,
	    memory_order_relaxed);
	if (unlikely(tsd->flushes != flushes)) {
		tsd->flushes = flushes;
		tcache_flush(tsd);
	}
	peak_note(tsd);
	tsd_rewatch();
	for (unsigned i = 0; i < tsd->ncallbacks; i++) {
		call(tsd, i, true);
		if (!callbacks[i].is_alloc_only) {
			call(tsd, i, false);
		}
	}
	if (interval_report(tsd)) {
		void *saved = thr_enter_foreign();
		interval_print();
		thr_leave_foreign(saved);
	}
	if (unlikely(tick != NULL)) {
		void *saved = thr_enter_foreign();
		tick();
		thr_leave_foreign(saved);
	}
	set_next(tsd);
}

/* Blocks that come and go between two collections, at least. */
#define GC_BLOCKS_MIN 8

void
thread_event_run_again(tsd_t *tsd, size_t usize)
{
	thread_event_run(tsd, usize);
	if (tsd->gc_at < tsd->allocated + usize * GC_BLOCKS_MIN) {
		tsd->gc_at = tsd->allocated + usize * GC_BLOCKS_MIN;
		set_next(tsd);
	}
}

static bool
is_same(const thread_callback_t *a, const thread_callback_t *b)
{
	return a->callback == b->callback && a->interval == b->interval &&
	    a->is_alloc_only == b->is_alloc_only;
}

err_t
thread_event_add(const thread_callback_t *callback)
{
	err_t err = ERR_NONE;
	(void)tsd_list_lock();
	unsigned n = atomic_load_explicit(&ncallbacks, memory_order_relaxed);
	unsigned i = 0;
	while (i < n && !is_same(&callbacks[i], callback)) {
		i++;
	}
	if (i == THREAD_CALLBACKS_MAX) {
		err = ERR_AGAIN;
	} else if (i == n) {
		callbacks[n] = *callback;
		atomic_store_explicit(&ncallbacks, n + 1, memory_order_release);
	}
	tsd_list_unlock();
	if (err == ERR_NONE) {
		thread_event_poke_all();
	}
	return err;
}

void
thread_event_poke_all(void)
{
	tsd_t *mine = tsd_own();
	if (mine != NULL) {
		set_next(mine);
	}
	list_t *states = tsd_list_lock();
	for (list_node_t *node = list_first(states); node != NULL;
	     node = list_next(states, node)) {
		tsd_t *tsd = container_of(node, tsd_t, link);
		if (tsd != mine) {
			__atomic_store_n(&tsd->event_at, 0, __ATOMIC_RELAXED);
		}
	}
	tsd_list_unlock();
}
