/*
 * barrier: found out once, refused without a trace, and it is a barrier: of
 * two threads that each write one word and read the other's, one at least
 * sees the other, though only one of them has a barrier in between.
 */
#include "platform/barrier.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "support/os_calls_fault.h"

#define NROUNDS 2000

TEST(refused)
{
	os_fault_arm_from(1);
	errno = ERANGE;
	assert_false(barrier_ready());
	assert_int_equal(os_fault_disarm(), 1);
	/* It is not asked for again, */
	os_fault_arm_from(1);
	assert_false(barrier_ready());
	assert_int_equal(os_fault_disarm(), 0);
	/* but in a child it is. */
	barrier_forget();
	os_fault_arm_from(1);
	assert_false(barrier_ready());
	assert_int_equal(os_fault_disarm(), 1);
	assert_int_equal(errno, ERANGE);
}

TEST(fails_once)
{
	if (!barrier_ready()) {
		return;
	}
	os_fault_arm(1);
	errno = ERANGE;
	assert_false(barrier_all());
	assert_int_equal(errno, ERANGE);
	assert_true(barrier_all());
	assert_int_equal(os_fault_disarm(), 1);
}

static _Atomic unsigned left[NROUNDS], right[NROUNDS];
static _Atomic bool seen[NROUNDS];
static _Atomic unsigned go;

static void *
light(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < NROUNDS; i++) {
		while (atomic_load_explicit(&go, memory_order_relaxed) < i) {
		}
		atomic_store_explicit(&left[i], 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&seen[i],
		    atomic_load_explicit(&right[i], memory_order_relaxed) != 0,
		    memory_order_relaxed);
	}
	return NULL;
}

TEST(one_side_is_enough)
{
	static bool sees[NROUNDS];
	pthread_t thread;
	if (!barrier_ready()) {
		return;
	}
	assert_int_equal(pthread_create(&thread, NULL, light, NULL), 0);
	for (unsigned i = 0; i < NROUNDS; i++) {
		atomic_store_explicit(&go, i, memory_order_relaxed);
		atomic_store_explicit(&right[i], 1, memory_order_relaxed);
		assert_true(barrier_all());
		sees[i] = atomic_load_explicit(&left[i],
			      memory_order_relaxed) != 0;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned i = 0; i < NROUNDS; i++) {
		assert_true(sees[i] ||
		    atomic_load_explicit(&seen[i], memory_order_relaxed));
	}
}
