/*
 * fork: children of a process whose threads are inside the allocator can
 * allocate, free what the parent allocated, fork again and start threads;
 * handlers of pthread_atfork may allocate.
 */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;

enum { THREADS = 16, FORKS = 60, CHILD_LIMIT = 150 };

static atomic_bool stop;

static void *
thread_allocates(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg * 77 + 1;
	void *live[50] = {NULL};
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 16) % COUNT(live);
		size_t size = (seed >> 12) % 100 == 0
		    ? (size_t)(seed >> 8) % 300000
		    : (size_t)(seed >> 8) % 2000;
		if (seed & 0x40000) {
			free(live[at]);
			live[at] = hide(malloc(size));
		} else {
			live[at] = hide(realloc(live[at], size + 1));
		}
	}
	for (size_t i = 0; i < COUNT(live); i++) {
		free(live[i]);
	}
	return NULL;
}

static void
start_threads(pthread_t *threads)
{
	atomic_store(&stop, false);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
				     thread_allocates, (void *)(uintptr_t)i),
		    0);
	}
}

static void
stop_threads(pthread_t *threads)
{
	atomic_store(&stop, true);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

static void
work_in_child(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		size_t size = i * 37 % 5000 + (i % 50 == 0) * 200000 + 1;
		void *p = hide(malloc(size));
		CHECK(p != NULL);
		memset(p, 1, size);
		free(p);
	}
}

static void
wait_for(pid_t pid)
{
	int status = -1;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0) {
		fail_msg("child ended with status 0x%x", (unsigned)status);
	}
}

TEST(children_of_a_busy_process_allocate)
{
	pthread_t threads[THREADS];
	void *inherited = hide(malloc(1000));
	start_threads(threads);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_LIMIT);
			work_in_child();
			free(inherited);
			_exit(0);
		}
		wait_for(pid);
	}
	stop_threads(threads);
	free(inherited);
}

TEST_CONF(children_of_a_busy_process_with_one_arena, "narenas:1")
{
	pthread_t threads[THREADS];
	start_threads(threads);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_LIMIT);
			work_in_child();
			_exit(0);
		}
		wait_for(pid);
	}
	stop_threads(threads);
}

/* Each arena has locks of the same ranks. */
TEST_CONF(children_of_a_process_with_many_arenas, "narenas:4")
{
	pthread_t threads[THREADS];
	void *inherited[4];
	for (int i = 0; i < 4; i++) {
		inherited[i] = mallocx(100000,
		    MALLOCX_ARENA(i) | MALLOCX_TCACHE_NONE);
		assert_non_null(inherited[i]);
	}
	free(hide(malloc(20 * MIB)));
	start_threads(threads);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_LIMIT);
			work_in_child();
			for (int j = 0; j < 4; j++) {
				free(inherited[j]);
			}
			_exit(0);
		}
		wait_for(pid);
	}
	stop_threads(threads);
}

static void *
thread_forks(void *arg)
{
	for (int i = 0; i < 25; i++) {
		int status = -1;
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_LIMIT);
			work_in_child();
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
			return NULL;
		}
	}
	return arg;
}

TEST(several_threads_fork_at_once)
{
	pthread_t busy[THREADS];
	pthread_t forking[4];
	start_threads(busy);
	for (size_t i = 0; i < COUNT(forking); i++) {
		assert_int_equal(pthread_create(&forking[i], NULL, thread_forks,
				     &forking),
		    0);
	}
	for (size_t i = 0; i < COUNT(forking); i++) {
		void *result = NULL;
		pthread_join(forking[i], &result);
		assert_ptr_equal(result, &forking);
	}
	stop_threads(busy);
}

static void
fork_again(int depth)
{
	work_in_child();
	if (depth == 0) {
		return;
	}
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		fork_again(depth - 1);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	work_in_child();
}

TEST(children_of_children)
{
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_LIMIT);
		fork_again(6);
		_exit(0);
	}
	wait_for(pid);
}

TEST(a_child_starts_threads)
{
	pthread_t threads[THREADS];
	start_threads(threads);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pthread_t own[THREADS];
			alarm(CHILD_LIMIT);
			start_threads(own);
			work_in_child();
			stop_threads(own);
			exit(0);
		}
		wait_for(pid);
	}
	stop_threads(threads);
}

/* Contents are the child's own after the fork. */
TEST(contents_are_copied)
{
	enum { N = 500 };
	static void *live[N];
	for (unsigned i = 0; i < N; i++) {
		live[i] = hide(malloc(i * 50 + 1));
		pattern_fill(live[i], i * 50 + 1, i);
	}
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_LIMIT);
		for (unsigned i = 0; i < N; i++) {
			CHECK(pattern_holds(live[i], i * 50 + 1, i));
			memset(live[i], 0, i * 50 + 1);
			free(live[i]);
		}
		work_in_child();
		_exit(0);
	}
	wait_for(pid);
	for (unsigned i = 0; i < N; i++) {
		assert_true(pattern_holds(live[i], i * 50 + 1, i));
		free(live[i]);
	}
}

static void *handler_object;
static int handler_calls;

static void
handler_prepare(void)
{
	handler_object = hide(malloc(3000));
	free(hide(malloc(300000)));
	handler_calls++;
}

static void
handler_after(void)
{
	free(handler_object);
	free(hide(calloc(7, 1000)));
	handler_calls++;
}

static void
fork_with_handlers(void *arg)
{
	(void)arg;
	pthread_t threads[4];
	CHECK(
	    pthread_atfork(handler_prepare, handler_after, handler_after) == 0);
	atomic_store(&stop, false);
	for (size_t i = 0; i < COUNT(threads); i++) {
		CHECK(pthread_create(&threads[i], NULL, thread_allocates,
			  (void *)(uintptr_t)i) == 0);
	}
	for (int i = 0; i < 100; i++) {
		int status = -1;
		handler_calls = 0;
		pid_t pid = fork();
		CHECK(handler_calls == 2);
		if (pid == 0) {
			work_in_child();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
}

TEST(atfork_handlers_allocate)
{
	assert_survives(fork_with_handlers, NULL);
}

TEST(vfork_and_spawn_from_a_busy_process)
{
	pthread_t threads[THREADS];
	start_threads(threads);
	for (int i = 0; i < 50; i++) {
		pid_t pid = vfork();
		if (pid == 0) {
			char *const argv[] = {"true", NULL};
			execve("/bin/true", argv, environ);
			_exit(127);
		}
		wait_for(pid);
		char *const args[] = {"sh", "-c", "exit 0", NULL};
		assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, args,
				     environ),
		    0);
		wait_for(pid);
	}
	stop_threads(threads);
}

TEST(system_and_popen_from_a_busy_process)
{
	pthread_t threads[THREADS];
	start_threads(threads);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(system("exit 0"), 0);
		char line[32] = "";
		FILE *f = popen("echo words", "r");
		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		assert_string_equal(line, "words\n");
		pclose(f);
	}
	stop_threads(threads);
}
