#include "api/fork.h"

#include "support/harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/entry.h"
#include "arena/arenas.h"
#include "ds/prng.h"
#include "platform/os_thread.h"
#include "thread/tcache.h"

#define CACHED "junk:false,debug_double_free_max_scan:0"
#define NTHREADS 4

static atomic_bool stop;

/* Allocates and frees all the time, everywhere. */
static void *
churn(void *arg)
{
	void *blocks[64] = {NULL};
	uint64_t prng = (uintptr_t)arg;
	while (!atomic_load(&stop)) {
		unsigned i = (unsigned)prng_below(&prng, 64);
		size_t size = (size_t)1 << prng_below(&prng, 20);
		je_free(blocks[i]);
		blocks[i] = prng_below(&prng, 8) == 0
		    ? je_mallocx(size, 2 << 20 | 0x100)
		    : je_malloc(size);
		if (prng_below(&prng, 64) == 0) {
			arena_purge(arenas_get(0));
		}
	}
	for (unsigned i = 0; i < 64; i++) {
		je_free(blocks[i]);
	}
	return NULL;
}

static unsigned
count_states(void)
{
	unsigned n = 0;
	list_t *all = tsd_list_lock();
	for (list_node_t *node = list_first(all); node != NULL;
	     node = list_next(all, node)) {
		n++;
	}
	tsd_list_unlock();
	return n;
}

static unsigned
count_threads(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < arenas_count(); i++) {
		arena_t *arena = arenas_get(i);
		n += arena != NULL ? atomic_load(&arena->nthreads) : 0;
	}
	return n;
}

static void *
exercise(void *blocks)
{
	for (size_t size = 1; size < (size_t)4 << 20; size += size / 2 + 1) {
		unsigned char *p = je_malloc(size);
		if (p == NULL) {
			return NULL;
		}
		memset(p, 0x5a, size);
		je_free(p);
	}
	return blocks;
}

/* Everything works: allocation, verification, threads, another fork. */
static void
in_child(void)
{
	pthread_t thread;
	void *result = NULL;
	/* In some builds nobody has used us so far. */
	je_free(je_malloc(1));
	if (count_states() != 1 || count_threads() != 1) {
		_exit(1);
	}
	if (exercise(&result) == NULL) {
		_exit(2);
	}
	if (!arenas_verify()) {
		_exit(3);
	}
	/* If malloc is not ours, its locks may be held here for ever. */
	if (CONFIG_PREFIX_STR[0] == '\0' &&
	    (pthread_create(&thread, NULL, exercise, &result) != 0 ||
		pthread_join(thread, &result) != 0 || result == NULL)) {
		_exit(4);
	}
	if (count_states() != 1 || count_threads() != 1) {
		_exit(5);
	}
	for (unsigned i = 0; i < arenas_count(); i++) {
		if (arenas_get(i) != NULL) {
			arena_purge(arenas_get(i));
		}
	}
	_exit(0);
}

static void
fork_and_check(void)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		in_child();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

TEST_CONF(alone, CACHED)
{
	for (unsigned i = 0; i < 10; i++) {
		assert_non_null(exercise(&stop));
		fork_and_check();
	}
}

/* With one thread there is nobody to keep out: no page of ours is written to. */
TEST_CONF(alone_takes_no_locks, CACHED)
{
	assert_non_null(exercise(&stop));
	if (!os_is_single_threaded()) {
		return;
	}
	uint64_t before = tsd_list_mutex()->stats.n_ops;
	fork_and_check();
	assert_int_equal(tsd_list_mutex()->stats.n_ops, before);
}

/* Whatever the other threads are in the middle of. */
static void
fork_among_threads(void)
{
	pthread_t threads[NTHREADS];
	for (uintptr_t i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
				     (void *)i),
		    0);
	}
	for (unsigned i = 0; i < 25; i++) {
		fork_and_check();
		assert_non_null(exercise(&stop));
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_true(arenas_verify());
	assert_int_equal(count_states(), 1);
}

TEST_CONF(among_threads, CACHED)
{
	fork_among_threads();
}

TEST_CONF(among_threads_without_caches, "tcache:false")
{
	fork_among_threads();
}

TEST_CONF(among_threads_and_purging, CACHED ",dirty_decay_ms:0")
{
	fork_among_threads();
}

/* A child's child, and one that never allocated before. */
TEST_CONF(nested, CACHED)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		pid = fork();
		if (pid == 0) {
			in_child();
		}
		if (waitpid(pid, &status, 0) != pid || status != 0) {
			_exit(10);
		}
		in_child();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
