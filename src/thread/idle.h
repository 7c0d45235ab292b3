/*
 * idle: caches of idle threads are taken by others.
 *
 * A thread is idle when it has neither allocated nor freed for as long as dirty
 * pages may stay (dirty_decay_ms, one second at least; never where that is -1).
 * Then another thread, the one that purges, or one that meets the limit of
 * memory, gives back what is in its bins.  The fast path costs not an
 * instruction more for it.
 *
 * The owner goes on as it likes meanwhile, and may be stopped anywhere, also
 * between two instructions of a pop.  This is the protocol; why it is sound
 * stands in idle.c.
 *
 *   Owner, in each slow path: sets in_slow_path, then looks at taken_from, and
 *   if that is set waits for the lock of the list of threads.
 *   Taker, below that lock: sets taken_from; barrier; where in_slow_path is set
 *   it gives up.  In each bin it exchanges the newest pointer for NULL, a wall
 *   that no pop passes; barrier; reads the heads; barrier; reads the walls.
 *   Where a head is at the wall or above and the wall stands, the pointer and
 *   all that are older are the taker's, and the wall is the bin's new end.
 *   Where not, the pointer is noted as marked, in doubt, and the owner decides.
 *
 * The barrier is membarrier(2), which makes every thread of the process execute
 * one; where it can not be had, nothing is taken.
 *
 * Locking: one taker at a time, below `idle_lock`, which it keeps until what
 * it took is in the arenas: whoever holds it knows that nothing is on its way.
 * Not for: caches that no thread owns (tcache.create), and blocks of arenas
 * with the program's own hooks, which the taker must not call: they stay.
 */
#ifndef THREAD_IDLE_H
#define THREAD_IDLE_H

#include "thread/tsd.h"

/* A thread that was away for less is not idle, whatever options say. */
#define IDLE_MIN_NS NS_PER_SEC

/* Since the start of the process. */
typedef struct {
	uint64_t ntaken; /* times that a cache was taken from */
	uint64_t nmissed; /* times that its owner was there */
	uint64_t nblocks;
	size_t bytes;
} idle_stats_t;

/* Nothing is on its way while it is held, and nothing taken. */
extern mutex_t idle_lock;

/*
 * Time passes: take what may be taken, a bounded part of it.  Returns when to
 * call again, in nanoseconds; UINT64_MAX: whoever works next will say so, by
 * background_wake().
 */
uint64_t idle_tick(uint64_t now_ns) EXCLUDES(idle_lock);

/* Memory is short: take from all that are idle for IDLE_MIN_NS. */
void idle_take_all(uint64_t now_ns) EXCLUDES(idle_lock);

/* Until nothing is on its way any more. */
void idle_wait(void) EXCLUDES(idle_lock);

void idle_stats(idle_stats_t *stats);

/* Bytes that are in no cache any more and in no arena yet. */
size_t idle_parked_small_bytes(void);
size_t idle_parked_bytes(void);

/* Someone sleeps until any thread's cache is at work. */
extern _Atomic bool idle_watched;
void idle_tell_watcher(void) COLD;

static inline void
idle_note_work(void)
{
	if (unlikely(
		atomic_load_explicit(&idle_watched, memory_order_relaxed))) {
		idle_tell_watcher();
	}
}

/* The taker is at this cache: wait until it has gone. */
void idle_owner_wait(void) COLD;

/* The owner is about to do more than a pop or a push. */
static inline void
idle_owner_enter(tsd_t *tsd)
{
	atomic_store_explicit(&tsd->in_slow_path, true, memory_order_relaxed);
	/* The processor's order is the business of the taker's barrier. */
	atomic_signal_fence(memory_order_seq_cst);
	if (unlikely(
		atomic_load_explicit(&tsd->taken_from, memory_order_acquire))) {
		idle_owner_wait();
	}
}

static inline void
idle_owner_leave(tsd_t *tsd)
{
	atomic_store_explicit(&tsd->in_slow_path, false, memory_order_release);
}

/* Not to be taken from until idle_owner_leave(): no state of a thread yet. */
static inline void
idle_owner_hide(tsd_t *tsd)
{
	atomic_store_explicit(&tsd->in_slow_path, true, memory_order_relaxed);
}

/* For tests: called between the steps of the taker. */
typedef enum {
	IDLE_STEP_FLAGS, /* taken_from is set */
	IDLE_STEP_HELD, /* who is in no slow path stays out */
	IDLE_STEP_HEAD, /* of one bin is read, the wall not placed */
	IDLE_STEP_WALLS, /* all placed */
	IDLE_STEP_WALLS_SEEN, /* by everyone */
	IDLE_STEP_HEADS, /* read */
	IDLE_STEP_HEADS_SEEN, /* and what was before */
	IDLE_STEP_TAKEN /* flags are off, nothing is given back */
} idle_step_t;
extern void (*idle_seam)(idle_step_t step);

void idle_prefork(void);
void idle_postfork_parent(void);
void idle_postfork_child(void);

#endif
