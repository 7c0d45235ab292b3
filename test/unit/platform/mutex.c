#include "platform/mutex.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"

#define NTHREADS 4
#define NROUNDS 20000

static mutex_t lock = MUTEX_INITIALIZER("test", LOCK_LEAF);
static uint64_t counter;

/* Wait for another thread to have done something to the lock. */
static void
wait_for_sleeper(mutex_t *mutex)
{
	while (atomic_load(&mutex->nwaiting) == 0) {
		os_yield();
	}
}

TEST(lock_unlock)
{
	errno = ERANGE;
	assert_false(mutex_is_locked(&lock));
	mutex_lock(&lock);
	assert_true(mutex_is_locked(&lock));
	mutex_assert_owner(&lock);
	assert_int_equal(lock.stats.n_ops, 1);
	assert_int_equal(lock.stats.n_owner_switch, 1);
	mutex_unlock(&lock);
	mutex_assert_not_owner(&lock);
	mutex_lock(&lock);
	assert_int_equal(lock.stats.n_ops, 2);
	assert_int_equal(lock.stats.n_owner_switch, 1);
	mutex_reset_stats(&lock);
	assert_int_equal(lock.stats.n_ops, 0);
	mutex_unlock(&lock);
	assert_int_equal(errno, ERANGE);
}

static void *NO_THREAD_SAFETY
try_from_thread(void *arg)
{
	return mutex_trylock(arg) ? arg : NULL;
}

TEST(trylock)
{
	pthread_t thread;
	void *got;
	if (!mutex_trylock(&lock)) {
		fail();
		return;
	}
	pthread_create(&thread, NULL, try_from_thread, &lock);
	pthread_join(thread, &got);
	assert_null(got);
	assert_int_equal(lock.stats.n_ops, 1);
	mutex_unlock(&lock);
	pthread_create(&thread, NULL, try_from_thread, &lock);
	pthread_join(thread, &got);
	assert_non_null(got);
	assert_true(mutex_is_locked(&lock));
}

/* Zeroed memory is a free lock, and so is one that was made. */
TEST(initial_states)
{
	mutex_t zeroed;
	memset(&zeroed, 0, sizeof(zeroed));
	mutex_lock(&zeroed);
	mutex_unlock(&zeroed);
	mutex_t made;
	memset(&made, 0xa5, sizeof(made));
	mutex_init(&made, "made", LOCK_BASE);
	assert_false(mutex_is_locked(&made));
	mutex_lock(&made);
	assert_int_equal(made.stats.n_ops, 1);
	mutex_unlock(&made);
}

static void *
count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < NROUNDS; i++) {
		mutex_lock(&lock);
		counter++;
		mutex_unlock(&lock);
	}
	return NULL;
}

static void
count_in_threads(void)
{
	pthread_t threads[NTHREADS];
	for (int i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, count_up,
				     NULL),
		    0);
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(counter, NTHREADS * NROUNDS);
	assert_int_equal(lock.stats.n_ops, NTHREADS * NROUNDS);
	assert_false(mutex_is_locked(&lock));
	assert_int_equal(atomic_load(&lock.nwaiting), 0);
}

TEST(excludes)
{
	count_in_threads();
}

/* Without spinning everyone who meets a held lock sleeps. */
TEST(excludes_without_spinning)
{
	mutex_max_spin = 0;
	count_in_threads();
	assert_int_equal(lock.stats.n_spin_acquired, 0);
}

/* Without sleeping nobody does. */
TEST(excludes_without_sleeping)
{
	mutex_max_spin = -1;
	count_in_threads();
	assert_int_equal(lock.stats.n_wait, 0);
}

static void *
lock_and_keep_errno(void *arg)
{
	errno = ERANGE;
	mutex_lock(arg);
	mutex_unlock(arg);
	return errno == ERANGE ? arg : NULL;
}

/* A sleeper is woken, counted, and keeps its errno. */
TEST(sleeps_and_wakes)
{
	pthread_t thread;
	void *kept;
	mutex_max_spin = 0;
	mutex_lock(&lock);
	pthread_create(&thread, NULL, lock_and_keep_errno, &lock);
	wait_for_sleeper(&lock);
	usleep(2000);
	errno = EDOM;
	mutex_unlock(&lock);
	assert_int_equal(errno, EDOM);
	pthread_join(thread, &kept);
	assert_non_null(kept);
	assert_int_equal(lock.stats.n_ops, 2);
	assert_int_equal(lock.stats.n_owner_switch, 2);
	assert_int_equal(lock.stats.n_wait, 1);
	assert_int_equal(lock.stats.max_n_thds, 1);
	assert_true(lock.stats.total_wait_ns >= NS_PER_MS);
	assert_true(lock.stats.total_wait_ns == lock.stats.max_wait_ns);
}

/* Several sleepers are all woken in the end. */
TEST(wakes_all)
{
	pthread_t threads[NTHREADS];
	mutex_max_spin = 0;
	mutex_lock(&lock);
	for (int i = 0; i < NTHREADS; i++) {
		pthread_create(&threads[i], NULL, lock_and_keep_errno, &lock);
	}
	while (atomic_load(&lock.nwaiting) < NTHREADS) {
		os_yield();
	}
	mutex_unlock(&lock);
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(lock.stats.n_ops, NTHREADS + 1);
	assert_int_equal(lock.stats.n_wait, NTHREADS);
	assert_int_equal(lock.stats.max_n_thds, NTHREADS);
}

/* In the child the lock is free, though the parent had a sleeper on it. */
TEST(fork_with_sleeper)
{
	pthread_t thread;
	mutex_max_spin = 0;
	mutex_prefork(&lock);
	pthread_create(&thread, NULL, lock_and_keep_errno, &lock);
	wait_for_sleeper(&lock);
	pid_t child = fork();
	if (child == 0) {
		mutex_postfork_child(&lock);
		bool is_free = !mutex_is_locked(&lock);
		mutex_lock(&lock);
		mutex_unlock(&lock);
		_exit(is_free && atomic_load(&lock.nwaiting) == 0 ? 0 : 1);
	}
	mutex_postfork_parent(&lock);
	pthread_join(thread, NULL);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(mutex_is_locked(&lock));
}

static void NO_THREAD_SAFETY
lock_twice(void *arg)
{
	mutex_lock(arg);
	mutex_lock(arg);
}

static void NO_THREAD_SAFETY
unlock_unheld(void *arg)
{
	mutex_unlock(arg);
}

static void
claim(void *arg)
{
	mutex_assert_owner(arg);
}

TEST(misuse_dies)
{
	assert_dies(lock_twice, &lock, "Lock order reversal: test");
	assert_dies(unlock_unheld, &lock, "Lock test: released by a thread");
	assert_dies(claim, &lock, "Failed assertion");
}

TEST(greatest_of_statistics)
{
	mutex_stats_t max = {1, 20, 3, 40, 5, 60, 7};
	mutex_stats_t other = {10, 2, 30, 4, 50, 6, 70};
	mutex_stats_max(&max, &other);
	assert_int_equal(max.n_ops, 10);
	assert_int_equal(max.n_owner_switch, 20);
	assert_int_equal(max.n_wait, 30);
	assert_int_equal(max.n_spin_acquired, 40);
	assert_int_equal(max.total_wait_ns, 50);
	assert_int_equal(max.max_wait_ns, 60);
	assert_int_equal(max.max_n_thds, 70);
}
