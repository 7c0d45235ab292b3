#include "platform/mutex.h"

#include "support/harness.h"

#include <pthread.h>

#define NTHREADS 4
#define NROUNDS 20000

static mutex_t lock = MUTEX_INITIALIZER("test", LOCK_UNRANKED);
static unsigned long count;

static void *
add(void *arg)
{
	for (unsigned i = 0; i < NROUNDS; i++) {
		mutex_lock(&lock);
		count++;
		mutex_unlock(&lock);
	}
	return arg;
}

/* A lock that was taken before there were threads is one for them, too. */
TEST(locks_are_locks_from_the_second_thread_on)
{
	pthread_t threads[NTHREADS];
	assert_int_equal(os_is_threaded(), !config_lazy_lock);
	mutex_lock(&lock);
	assert_true(mutex_is_locked(&lock));
	assert_false(mutex_trylock(&lock));
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, add, NULL),
		    0);
	}
	assert_true(os_is_threaded());
	assert_int_equal(count, 0);
	mutex_unlock(&lock);
	for (unsigned i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(count, NTHREADS * NROUNDS);
	assert_true(os_is_threaded());
}
