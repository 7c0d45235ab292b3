#include "platform/mutex.h"

#include <errno.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/spin.h"

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

int64_t mutex_max_spin = 600;

#if defined(__linux__) && defined(SYS_futex)

/* Sleep while `*word` is `expected`; may return for no reason. */
static void
futex_wait(_Atomic(uint32_t) *word, uint32_t expected)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL,
	    0);
}

static void
futex_wake_one(_Atomic(uint32_t) *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

/* No way to sleep on a word: let others run and look again. */
static void
futex_wait(_Atomic(uint32_t) *word, uint32_t expected)
{
	if (atomic_load_explicit(word, memory_order_relaxed) == expected) {
		os_yield();
	}
}

static void
futex_wake_one(_Atomic(uint32_t) *word)
{
	(void)word;
}

#endif

/* With one processor the holder cannot move while we spin. */
static bool
spinning_helps(void)
{
	static _Atomic(unsigned) ncpus;
	unsigned known = atomic_load_explicit(&ncpus, memory_order_relaxed);
	if (known == 0) {
		known = os_ncpus();
		atomic_store_explicit(&ncpus, known, memory_order_relaxed);
	}
	return known > 1;
}

static bool
lock_by_spinning(mutex_t *mutex)
{
	int64_t max = mutex_max_spin;
	for (int64_t i = 0; max < 0 || i < max; i++) {
		if (!mutex_is_locked(mutex) && mutex_try_state(mutex)) {
			return true;
		}
		cpu_relax();
	}
	return false;
}

/*
 * From here on the lock is held as contended even if we are the only one:
 * that costs its holder one needless wake-up and saves counting.
 */
static void
lock_by_sleeping(mutex_t *mutex)
{
	while (atomic_exchange_explicit(&mutex->state, MUTEX_CONTENDED,
		   memory_order_acquire) != MUTEX_FREE) {
		futex_wait(&mutex->state, MUTEX_CONTENDED);
	}
}

static void
note_wait(mutex_stats_t *stats, uint64_t wait_ns, uint32_t nthds)
{
	stats->n_wait++;
	stats->total_wait_ns += wait_ns;
	if (wait_ns > stats->max_wait_ns) {
		stats->max_wait_ns = wait_ns;
	}
	if (nthds > stats->max_n_thds) {
		stats->max_n_thds = nthds;
	}
}

void
mutex_lock_slow(mutex_t *mutex)
{
	int saved_errno = errno;
	bool spin = mutex_max_spin < 0 || spinning_helps();
	if (spin && lock_by_spinning(mutex)) {
		mutex->stats.n_spin_acquired++;
		errno = saved_errno;
		return;
	}
	uint64_t before_ns = clock_precise_ns();
	uint32_t nthds = 1 +
	    atomic_fetch_add_explicit(&mutex->nwaiting, 1,
		memory_order_relaxed);
	lock_by_sleeping(mutex);
	atomic_fetch_sub_explicit(&mutex->nwaiting, 1, memory_order_relaxed);
	note_wait(&mutex->stats, clock_precise_ns() - before_ns, nthds);
	errno = saved_errno;
}

/*
 * The lock is free already and may even have been destroyed by its next
 * holder: the address is used as a name, never read.
 */
void
mutex_wake(mutex_t *mutex)
{
	int saved_errno = errno;
	futex_wake_one(&mutex->state);
	errno = saved_errno;
}

void
mutex_init(mutex_t *mutex, const char *name, lock_rank_t rank)
{
	assert(rank < LOCK_NRANKS);
	atomic_init(&mutex->state, MUTEX_FREE);
	atomic_init(&mutex->nwaiting, 0);
	atomic_init(&mutex->owner, NULL);
	memset(&mutex->stats, 0, sizeof(mutex->stats));
	mutex->witness.name = name;
	mutex->witness.rank = rank;
}

void
mutex_reset_stats(mutex_t *mutex)
{
	mutex_assert_owner(mutex);
	memset(&mutex->stats, 0, sizeof(mutex->stats));
}

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
mutex_stats_max(mutex_stats_t *max, const mutex_stats_t *stats)
{
	max->n_ops = max_u64(max->n_ops, stats->n_ops);
	max->n_owner_switch = max_u64(max->n_owner_switch,
	    stats->n_owner_switch);
	max->n_wait = max_u64(max->n_wait, stats->n_wait);
	max->n_spin_acquired = max_u64(max->n_spin_acquired,
	    stats->n_spin_acquired);
	max->total_wait_ns = max_u64(max->total_wait_ns, stats->total_wait_ns);
	max->max_wait_ns = max_u64(max->max_wait_ns, stats->max_wait_ns);
	max->max_n_thds = (uint32_t)max_u64(max->max_n_thds, stats->max_n_thds);
}

void NO_THREAD_SAFETY
mutex_prefork(mutex_t *mutex)
{
	witness_prefork(&mutex->witness);
	if (!mutex_try_state(mutex)) {
		mutex_lock_slow(mutex);
	}
	mutex_note_acquired(mutex);
}

void NO_THREAD_SAFETY
mutex_postfork_parent(mutex_t *mutex)
{
	witness_postfork(&mutex->witness);
	if (atomic_exchange_explicit(&mutex->state, MUTEX_FREE,
		memory_order_release) == MUTEX_CONTENDED) {
		mutex_wake(mutex);
	}
}

void NO_THREAD_SAFETY
mutex_postfork_child(mutex_t *mutex)
{
	witness_postfork(&mutex->witness);
	atomic_store_explicit(&mutex->nwaiting, 0, memory_order_relaxed);
	atomic_store_explicit(&mutex->state, MUTEX_FREE, memory_order_release);
}
