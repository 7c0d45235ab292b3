/*
 * mutex: a lock that spins, then blocks, and counts what it cost.
 *
 * One word of state after U. Drepper, "Futexes Are Tricky" (2011), with three
 * values: free, held, and held while someone may be asleep.  An uncontended
 * lock is one compare-and-swap, an uncontended unlock one exchange, both
 * inline.  The lock is not recursive, not fair, never allocates and preserves
 * errno.  Zeroed memory is a free lock without a rank.
 *
 * The counters are written by the holder with plain arithmetic and read under
 * the lock.
 *
 * Not for: waiting for an event, and not for signal handlers.
 */
#ifndef PLATFORM_MUTEX_H
#define PLATFORM_MUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/assert.h"
#include "platform/compiler.h"
#include "platform/os_thread.h"
#include "platform/witness.h"

enum {
	MUTEX_FREE = 0,
	MUTEX_HELD = 1,
	MUTEX_CONTENDED = 2 /* held, and the holder must wake someone */
};

typedef struct {
	uint64_t n_ops; /* times the lock was taken */
	uint64_t n_owner_switch; /* ... by another thread than before */
	uint64_t n_wait; /* ... after sleeping */
	uint64_t n_spin_acquired; /* ... after spinning only */
	uint64_t total_wait_ns; /* time slept */
	uint64_t max_wait_ns; /* longest sleep */
	uint32_t max_n_thds; /* most threads asleep at once */
} mutex_stats_t;

typedef struct CAPABILITY("mutex") mutex {
	/* Acquire when it leaves MUTEX_FREE, release when it returns there. */
	_Atomic(uint32_t) state;
	_Atomic(uint32_t) nwaiting;
	/* The last holder; atomic only because debug checks may race. */
	_Atomic(void *) owner;
	mutex_stats_t stats GUARDED_BY(this);
	witness_t witness;
} mutex_t;

#define MUTEX_INITIALIZER(name, rank)                                          \
	{                                                                      \
		.witness = {(name), (rank) }                                   \
	}

/* Times to look at a held lock before sleeping; -1: never sleep. */
extern int64_t mutex_max_spin;

/* `name` must outlive the lock. */
void mutex_init(mutex_t *mutex, const char *name, lock_rank_t rank);

void mutex_reset_stats(mutex_t *mutex) REQUIRES(mutex);

/* Make each of *max at least what *stats has. */
void mutex_stats_max(mutex_stats_t *max, const mutex_stats_t *stats);

/* fork: the parent takes every lock before; each side lets go after. */
void mutex_prefork(mutex_t *mutex) ACQUIRE(mutex);
void mutex_postfork_parent(mutex_t *mutex) RELEASE(mutex);

/* The sleepers of the parent do not exist here: the lock is made anew. */
void mutex_postfork_child(mutex_t *mutex) RELEASE(mutex);

/* The contended halves of the inline functions below. */
void mutex_lock_slow(mutex_t *mutex) COLD;
void mutex_wake(mutex_t *mutex) COLD;

static inline void mutex_lock(mutex_t *mutex) ACQUIRE(mutex);
static inline bool mutex_trylock(mutex_t *mutex) TRY_ACQUIRE(mutex);
static inline void mutex_unlock(mutex_t *mutex) RELEASE(mutex);
static inline void mutex_assert_owner(mutex_t *mutex) ASSERT_HELD(mutex);
static inline void mutex_assert_not_owner(mutex_t *mutex) EXCLUDES(mutex);

/* By anyone: a statement about the past. */
static inline bool
mutex_is_locked(mutex_t *mutex)
{
	return atomic_load_explicit(&mutex->state, memory_order_relaxed) !=
	    MUTEX_FREE;
}

static inline bool
mutex_is_mine(mutex_t *mutex)
{
	return mutex_is_locked(mutex) &&
	    atomic_load_explicit(&mutex->owner, memory_order_relaxed) ==
	    os_thread_self();
}

/*
 * Before there is a second thread plain loads and stores do, and leave the
 * lock in a state that is right for it.
 */
static inline bool
mutex_try_state(mutex_t *mutex)
{
	if (!os_is_threaded()) {
		bool is_free = !mutex_is_locked(mutex);
		if (is_free) {
			atomic_store_explicit(&mutex->state, MUTEX_HELD,
			    memory_order_relaxed);
		}
		return is_free;
	}
	uint32_t expected = MUTEX_FREE;
	return atomic_compare_exchange_strong_explicit(&mutex->state, &expected,
	    MUTEX_HELD, memory_order_acquire, memory_order_relaxed);
}

/* The bookkeeping of a new holder. */
static inline void
mutex_note_acquired(mutex_t *mutex)
{
	void *self = os_thread_self();
	mutex->stats.n_ops++;
	if (atomic_load_explicit(&mutex->owner, memory_order_relaxed) != self) {
		mutex->stats.n_owner_switch++;
		atomic_store_explicit(&mutex->owner, self,
		    memory_order_relaxed);
	}
}

static inline void NO_THREAD_SAFETY
mutex_lock(mutex_t *mutex)
{
	if (config_debug) {
		witness_check(&mutex->witness);
	}
	if (unlikely(!mutex_try_state(mutex))) {
		mutex_lock_slow(mutex);
	}
	mutex_note_acquired(mutex);
	if (config_debug) {
		witness_lock(&mutex->witness);
	}
}

/* True: the lock was free and is ours now. */
static inline bool NO_THREAD_SAFETY
mutex_trylock(mutex_t *mutex)
{
	if (!mutex_try_state(mutex)) {
		return false;
	}
	mutex_note_acquired(mutex);
	if (config_debug) {
		witness_lock(&mutex->witness);
	}
	return true;
}

static inline void NO_THREAD_SAFETY
mutex_unlock(mutex_t *mutex)
{
	if (config_debug) {
		witness_unlock(&mutex->witness);
	}
	if (!os_is_threaded()) {
		atomic_store_explicit(&mutex->state, MUTEX_FREE,
		    memory_order_relaxed);
		return;
	}
	uint32_t old = atomic_exchange_explicit(&mutex->state, MUTEX_FREE,
	    memory_order_release);
	if (unlikely(old == MUTEX_CONTENDED)) {
		mutex_wake(mutex);
	}
}

static inline void NO_THREAD_SAFETY
mutex_assert_owner(mutex_t *mutex)
{
	assert(mutex_is_mine(mutex));
}

static inline void NO_THREAD_SAFETY
mutex_assert_not_owner(mutex_t *mutex)
{
	assert(!mutex_is_mine(mutex));
}

#endif
