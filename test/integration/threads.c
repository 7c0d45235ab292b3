/*
 * threads: allocation at the end of threads, in key destructors, by threads
 * that only free, and memory that changes hands.
 */
#include "support.h"

#include <pthread.h>

enum { OBJECTS = 200 };

static size_t
mixed_size(unsigned i)
{
	static const size_t sizes[] = {8, 24, 100, 600, 3000, 14336, 20000,
	    100000, 400000};
	return sizes[i % COUNT(sizes)] + i % 7;
}

static void
join_all(pthread_t *threads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

/* The key's value is a list of objects; each call frees one and goes on. */
typedef struct chain {
	struct chain *next;
	unsigned char bytes[200];
} chain_t;

static pthread_key_t keys[3];

static void
key_destructor(void *value)
{
	chain_t *chain = value;
	unsigned char *scratch = hide(malloc(5000));
	memset(scratch, 3, 5000);
	scratch = hide(realloc(scratch, 60000));
	free(scratch);
	void *zeroed = hide(calloc(10, 100));
	if (zeroed == NULL || !is_filled_with(zeroed, 0, 1000)) {
		abort();
	}
	free(zeroed);
	if (chain->next != NULL) {
		/* Once more, in the next round of destructors. */
		for (size_t i = 0; i < COUNT(keys); i++) {
			if (pthread_getspecific(keys[i]) == NULL) {
				pthread_setspecific(keys[i], chain->next);
				break;
			}
		}
	}
	free(chain);
}

static void *
thread_with_keys(void *arg)
{
	for (size_t k = 0; k < COUNT(keys); k++) {
		chain_t *first = NULL;
		/* No more than the destructor rounds that POSIX grants. */
		for (int i = 0; i < 3; i++) {
			chain_t *chain = hide(malloc(sizeof(*chain)));
			chain->next = first;
			first = chain;
		}
		pthread_setspecific(keys[k], first);
	}
	return arg;
}

TEST(key_destructors_allocate_and_free)
{
	for (size_t k = 0; k < COUNT(keys); k++) {
		assert_int_equal(pthread_key_create(&keys[k], key_destructor),
		    0);
	}
	for (int round = 0; round < 100; round++) {
		pthread_t threads[4];
		for (size_t i = 0; i < COUNT(threads); i++) {
			assert_int_equal(pthread_create(&threads[i], NULL,
					     thread_with_keys, NULL),
			    0);
		}
		join_all(threads, COUNT(threads));
	}
	for (size_t k = 0; k < COUNT(keys); k++) {
		pthread_key_delete(keys[k]);
	}
}

/* A thread whose first contact with the allocator is a destructor. */
static void
late_destructor(void *value)
{
	void *p = hide(malloc((size_t)(uintptr_t)value));
	if (p == NULL) {
		abort();
	}
	memset(p, 1, (size_t)(uintptr_t)value);
	free(p);
}

static pthread_key_t late_key;

static void *
thread_late(void *arg)
{
	pthread_setspecific(late_key, arg);
	return NULL;
}

TEST(first_allocation_inside_a_destructor)
{
	assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
	for (unsigned round = 0; round < 200; round++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, thread_late,
				     (void *)(uintptr_t)mixed_size(round)),
		    0);
		join_all(&thread, 1);
	}
	pthread_key_delete(late_key);
}

static void *objects[OBJECTS];

static void *
thread_allocates(void *arg)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		objects[i] = hide(malloc(mixed_size(i)));
		pattern_fill(objects[i], mixed_size(i), i);
	}
	return arg;
}

static void *
thread_frees(void *arg)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (!pattern_holds(objects[i], mixed_size(i), i)) {
			abort();
		}
		free(objects[i]);
	}
	return arg;
}

static void
run_thread(void *(*fn)(void *))
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	join_all(&thread, 1);
}

TEST(objects_outlive_their_thread)
{
	for (int round = 0; round < 50; round++) {
		run_thread(thread_allocates);
		thread_frees(NULL);
	}
}

TEST(a_thread_that_only_frees)
{
	for (int round = 0; round < 50; round++) {
		thread_allocates(NULL);
		run_thread(thread_frees);
	}
}

TEST(one_thread_allocates_and_another_frees)
{
	for (int round = 0; round < 50; round++) {
		run_thread(thread_allocates);
		run_thread(thread_frees);
	}
}

static void *
thread_churns(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	void *live[64] = {NULL};
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 16) % COUNT(live);
		size_t size = (seed >> 8) % 3000 + 1;
		free(live[at]);
		live[at] = hide(malloc(size));
		memset(live[at], (int)at, size);
	}
	for (size_t i = 0; i < COUNT(live); i++) {
		free(live[i]);
	}
	return NULL;
}

TEST(more_threads_than_arenas)
{
	pthread_t threads[40];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
				     thread_churns, (void *)(uintptr_t)i),
		    0);
	}
	join_all(threads, COUNT(threads));
}

TEST_CONF(many_threads_in_one_arena, "narenas:1")
{
	pthread_t threads[8];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
				     thread_churns, (void *)(uintptr_t)i),
		    0);
	}
	join_all(threads, COUNT(threads));
}

/* Short threads must leave nothing behind. */
TEST(short_threads_keep_memory_level)
{
	size_t before = 0;
	for (int i = 0; i < 450; i++) {
		run_thread(thread_allocates);
		run_thread(thread_frees);
		size_t now = resident_bytes();
		if (i <= 20 && now > before) {
			before = now;
		}
	}
	assert_true(resident_bytes() < before + 16 * MIB);
}

/* A thread with the smallest stack the system allows. */
TEST(small_stack)
{
	pthread_attr_t attr;
	pthread_t thread;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, 32 * KIB), 0);
	assert_int_equal(pthread_create(&thread, &attr, thread_churns, NULL),
	    0);
	join_all(&thread, 1);
	pthread_attr_destroy(&attr);
}

static void *
thread_is_cancelled(void *arg)
{
	(void)arg;
	for (;;) {
		void *p = hide(malloc(1000));
		memset(p, 1, 1000);
		pthread_testcancel();
		free(p);
	}
	return NULL;
}

TEST(cancelled_threads)
{
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL,
				     thread_is_cancelled, NULL),
		    0);
		usleep(200);
		pthread_cancel(thread);
		join_all(&thread, 1);
	}
}
