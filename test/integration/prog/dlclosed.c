/*
 * dlclosed: a process loads the library late, uses it from threads and lets
 * go of it while those threads live.
 *
 * Argument: the path of the library.
 */
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

static void *(*late_malloc)(size_t size);
static void (*late_free)(void *ptr);
static pthread_barrier_t used;
static pthread_barrier_t closed;

static void *
thread_lives_on(void *arg)
{
	for (size_t size = 1; size < 300000; size = size * 3 + 1) {
		void *p = late_malloc(size);
		CHECK(p != NULL);
		memset(p, 1, size);
		late_free(p);
	}
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&closed);
	/* The end of the thread runs what the library registered. */
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t threads[3];
	CHECK(argc == 2);
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		prog_fail(dlerror(), 0, "dlopen");
	}
	*(void **)&late_malloc = dlsym(library, HARNESS_PREFIX "malloc");
	*(void **)&late_free = dlsym(library, HARNESS_PREFIX "free");
	CHECK(late_malloc != NULL && late_free != NULL);
	pthread_barrier_init(&used, NULL, 4);
	pthread_barrier_init(&closed, NULL, 4);
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&threads[i], NULL, thread_lives_on,
			  NULL) == 0);
	}
	pthread_barrier_wait(&used);
	late_free(late_malloc(100));
	CHECK(dlclose(library) == 0);
	pthread_barrier_wait(&closed);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
