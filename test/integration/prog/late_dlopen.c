/*
 * late_dlopen: a process that was started without the library loads it.
 *
 * Argument: the path of the library.  Threads exist already when it comes;
 * the C library's allocator keeps serving everyone else.
 */
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

static struct {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *ptr, size_t size);
	void (*free)(void *ptr);
	size_t (*usable_size)(void *ptr);
	void *(*mallocx)(size_t size, int flags);
} late;

static pthread_barrier_t loaded;

static void *
symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);
	if (found == NULL) {
		prog_fail(name, 0, "no such symbol");
	}
	return found;
}

static void
load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		prog_fail(dlerror(), 0, "dlopen");
	}
	*(void **)&late.malloc = symbol(library, HARNESS_PREFIX "malloc");
	*(void **)&late.calloc = symbol(library, HARNESS_PREFIX "calloc");
	*(void **)&late.realloc = symbol(library, HARNESS_PREFIX "realloc");
	*(void **)&late.free = symbol(library, HARNESS_PREFIX "free");
	*(void **)&late.usable_size = symbol(library, HARNESS_PREFIX "malloc_usable_size");
	*(void **)&late.mallocx = symbol(library, HARNESS_PREFIX "mallocx");
	CHECK((void *)late.malloc != (void *)malloc);
	/* Keeps working after a close by someone who no longer needs it. */
	void *again = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CHECK(again == library && dlclose(again) == 0);
}

static void
churn(unsigned seed)
{
	void *live[64] = {NULL};
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 16) % 64;
		size_t size = (seed >> 8) % 3000 + 1 + (i % 500 == 0) * 200000;
		late.free(live[at]);
		live[at] = late.malloc(size);
		CHECK(live[at] != NULL && late.usable_size(live[at]) >= size);
		memset(live[at], (int)at, size);
		void *theirs = hide(malloc(size));
		memset(theirs, 1, size);
		free(theirs);
	}
	for (unsigned i = 0; i < 64; i++) {
		live[i] = late.realloc(live[i], 5000);
		late.free(live[i]);
	}
	unsigned char *zero = late.calloc(100, 100);
	CHECK(zero != NULL && is_filled_with(zero, 0, 10000));
	late.free(zero);
	late.free(late.mallocx(100000, 0));
}

static void *
older_thread(void *arg)
{
	pthread_barrier_wait(&loaded);
	churn((unsigned)(uintptr_t)arg);
	return NULL;
}

static void *
younger_thread(void *arg)
{
	churn((unsigned)(uintptr_t)arg);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t threads[8];
	CHECK(argc == 2);
	pthread_barrier_init(&loaded, NULL, 5);
	for (uintptr_t i = 0; i < 4; i++) {
		CHECK(pthread_create(&threads[i], NULL, older_thread,
			  (void *)i) == 0);
	}
	load(argv[1]);
	pthread_barrier_wait(&loaded);
	for (uintptr_t i = 4; i < 8; i++) {
		CHECK(pthread_create(&threads[i], NULL, younger_thread,
			  (void *)i) == 0);
	}
	churn(99);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
	}
	pid_t pid = fork();
	if (pid == 0) {
		churn(7);
		_exit(0);
	}
	int status = -1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
