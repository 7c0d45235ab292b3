/*
 * starts: a program that starts, allocates in several threads and a child, and
 * ends: under whatever options it is given.
 */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>

#include <jemalloc/jemalloc.h>

/* Builds for debugging end at the first fault in options. */
const char *malloc_conf = "abort_conf:false,abort:false";

enum { SLOTS = 64 };

static void *
work(void *arg)
{
	void *live[SLOTS] = {NULL};
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (unsigned i = 0; i < 800; i++) {
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 16) % SLOTS;
		size_t size = (seed >> 8) % (i % 100 == 99 ? 2000000 : 3000);
		free(live[at]);
		live[at] = hide(i % 3 == 0 ? calloc(1, size + 1)
					   : malloc(size + 1));
		CHECK(live[at] != NULL);
		if (i % 3 == 0) {
			CHECK(is_filled_with(live[at], 0, size + 1));
		}
		memset(live[at], 1, size + 1);
		if (i % 16 == 0) {
			live[at] = hide(realloc(live[at], size * 2 + 1));
			CHECK(live[at] != NULL);
			CHECK(is_filled_with(live[at], 1, size + 1));
		}
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		free(live[i]);
	}
	return arg;
}

int
main(void)
{
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++) {
		CHECK(pthread_create(&threads[i], NULL, work,
			  (void *)(i + 1)) == 0);
	}
	pid_t pid = fork();
	if (pid == 0) {
		(void)work((void *)5);
		_exit(0);
	}
	(void)work((void *)6);
	int status = 1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
	}
	return 0;
}
