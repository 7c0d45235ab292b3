/*
 * rlimit: a process whose address space is limited to 800 MiB.
 *
 * Every call fails with NULL and the errno that C and POSIX ask for, nothing
 * else breaks, and what was freed can be used again, in other sizes as well.
 * With an argument only the first few sizes take their turn.
 */
#include "check.h"

#include <pthread.h>
#include <sys/resource.h>

#include <jemalloc/jemalloc.h>

#define LIMIT (800 * MIB)

typedef struct node {
	struct node *next;
	size_t size;
} node_t;

/* Takes objects of one size until there are no more; returns the bytes. */
static size_t
take_all(node_t **list, size_t size)
{
	size_t total = 0;
	for (;;) {
		errno = 0;
		node_t *node = hide(malloc(size));
		if (node == NULL) {
			CHECK(errno == ENOMEM);
			return total;
		}
		memset(node, 0x5c, size < 4096 ? size : 4096);
		node->next = *list;
		node->size = size;
		*list = node;
		total += size;
	}
}

static void
give_all(node_t **list)
{
	while (*list != NULL) {
		node_t *node = *list;
		*list = node->next;
		free(node);
	}
}

static void
every_call_fails(size_t size)
{
	void *p = &p;
	errno = 0;
	CHECK(hide(calloc(1, size)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(hide(realloc(NULL, size)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(hide(aligned_alloc(4096, size)) == NULL && errno == ENOMEM);
	CHECK(posix_memalign(&p, 64, size) == ENOMEM && p == &p);
	CHECK(hide(memalign(64, size)) == NULL);
	CHECK(hide(valloc(size)) == NULL);
	errno = 0;
	CHECK(hide(pvalloc(size)) == NULL && errno == ENOMEM);
	CHECK(mallocx(size, 0) == NULL);
	CHECK(mallocx(size, MALLOCX_ZERO | MALLOCX_ALIGN(65536)) == NULL);
}

static void *
thread_takes_and_gives(void *arg)
{
	node_t *list = NULL;
	size_t total = take_all(&list, *(size_t *)arg);
	give_all(&list);
	return (void *)(uintptr_t)total;
}

/* Several threads at the wall together. */
static void
threads_at_the_wall(size_t size)
{
	pthread_t threads[4];
	size_t started = 0;
	while (started < 4 &&
	    pthread_create(&threads[started], NULL, thread_takes_and_gives,
		&size) == 0) {
		started++;
	}
	CHECK(started > 0);
	for (size_t i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* A thread that starts when there is nothing left for it. */
static void *
thread_finds_nothing(void *arg)
{
	for (int i = 0; i < 100; i++) {
		errno = 0;
		void *p = hide(malloc(i % 2 ? 100000 : 24));
		CHECK(p != NULL || errno == ENOMEM);
		free(p);
	}
	return arg;
}

static void
report(const char *what, size_t size, size_t total)
{
	printf("%s %zu bytes: %zu MiB\n", what, size, total / MIB);
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = {MIB, 3000, 100 * MIB, 20480, 64,
	    10 * MIB, 100000, 4096, 300};
	size_t count = argc > 1 ? 4 : sizeof(sizes) / sizeof(sizes[0]);
	(void)argv;
	const struct rlimit limit = {LIMIT, LIMIT};
	node_t *list = NULL;
	char *kept = hide(malloc(5 * MIB));
	memset(kept, 7, 5 * MIB);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (size_t i = 0; i < count; i++) {
		size_t total = take_all(&list, sizes[i]);
		every_call_fails(200 * MIB);
		/* A failed resize keeps the object. */
		errno = 0;
		CHECK(hide(realloc(kept, 300 * MIB)) == NULL);
		CHECK(errno == ENOMEM && is_filled_with(kept, 7, 5 * MIB));
		pthread_t thread;
		if (pthread_create(&thread, NULL, thread_finds_nothing, NULL) ==
		    0) {
			pthread_join(thread, NULL);
		}
		give_all(&list);
		report(i == 0 ? "at first" : "then", sizes[i], total);
		CHECK(total >= 400 * MIB);
	}
	threads_at_the_wall(50000);
	threads_at_the_wall(200);
	CHECK(is_filled_with(kept, 7, 5 * MIB));
	free(kept);
	return 0;
}
