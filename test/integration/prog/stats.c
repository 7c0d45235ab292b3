/*
 * stats: a program whose statistics are printed for it.  It allocates some
 * megabytes in two threads and ends in the way that its argument says: by
 * exit or by return.
 */
#include "check.h"

#include <pthread.h>

#include <jemalloc/jemalloc.h>

static void *
allocate(void *arg)
{
	for (unsigned i = 0; i < 3000; i++) {
		void *volatile ptr = malloc(1000);
		CHECK(ptr != NULL);
		free(ptr);
	}
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, allocate, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	(void)allocate(NULL);
	if (argc > 1 && strcmp(argv[1], "exit") == 0) {
		exit(0);
	}
	return 0;
}
