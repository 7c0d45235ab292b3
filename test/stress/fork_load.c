/*
 * fork_load: a process with 16 threads inside the allocator forks again and
 * again; each child checks what it inherited, allocates, and frees.
 */
#include "stress/stress.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 16, OWN = 60, INHERITED = 50, CHILD_SECONDS = 150 };

static atomic_bool is_over;
static object_t inherited[INHERITED];

static void *
worker(void *arg)
{
	uint64_t random = stress_seed() * 100 + (uintptr_t)arg;
	object_t own[OWN];
	memset(own, 0, sizeof(own));
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		object_t *object = &own[random_below(&random, OWN)];
		if (object->ptr == NULL) {
			*object = object_new(&random, 128 * KIB);
		} else if (random_below(&random, 4) == 0) {
			object_resize(object, &random, 128 * KIB);
		} else {
			object_delete(object, &random);
		}
	}
	for (size_t i = 0; i < OWN; i++) {
		if (own[i].ptr != NULL) {
			object_delete(&own[i], &random);
		}
	}
	return NULL;
}

static void
life_of_a_child(uint64_t random)
{
	alarm(CHILD_SECONDS);
	for (size_t i = 0; i < INHERITED; i++) {
		object_delete(&inherited[i], &random);
		inherited[i] = object_new(&random, 256 * KIB);
	}
	for (size_t i = 0; i < INHERITED; i++) {
		object_resize(&inherited[i], &random, 64 * KIB);
		object_delete(&inherited[i], &random);
	}
}

static void
fork_many(unsigned forks)
{
	uint64_t random = stress_seed();
	for (unsigned i = 0; i < forks; i++) {
		int status = -1;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			life_of_a_child(random + i);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (status != 0) {
			print_error("fork %u: child ended with 0x%x\n", i,
			    (unsigned)status);
		}
		CHECK(status == 0);
	}
}

static void
run_forks(void)
{
	pthread_t threads[THREADS];
	uint64_t random = stress_seed();
	for (size_t i = 0; i < INHERITED; i++) {
		inherited[i] = object_new(&random, 256 * KIB);
	}
	atomic_store(&is_over, false);
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, worker,
				     (void *)i),
		    0);
	}
	fork_many(stress_is_full() ? 2000 : 100);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (size_t i = 0; i < INHERITED; i++) {
		object_delete(&inherited[i], &random);
	}
}

TEST(forks_under_load)
{
	run_forks();
}

TEST_CONF(forks_under_load_without_caches, "tcache:false,narenas:2")
{
	run_forks();
}
