/*
 * mixed: threads that allocate, resize and free through every entry point;
 * a part of the objects changes hands through mailboxes and is freed by
 * whoever finds it.  The same load under the options that change the way of
 * an object.
 */
#include "stress/stress.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 6, OWN = 400, BOXES = 256, NORMAL_MS = 400 };

typedef struct {
	atomic_flag is_taken;
	object_t object;
} mailbox_t;

static mailbox_t boxes[BOXES];
static uint64_t deadline_ms;
static size_t size_max;

/* Leave an object in a random box and take what lay there. */
static object_t
exchange(object_t object, uint64_t *random)
{
	mailbox_t *box = &boxes[random_below(random, BOXES)];
	while (atomic_flag_test_and_set_explicit(&box->is_taken,
	    memory_order_acquire)) {
		box = &boxes[random_below(random, BOXES)];
	}
	object_t found = box->object;
	box->object = object;
	atomic_flag_clear_explicit(&box->is_taken, memory_order_release);
	return found;
}

static void
one_step(object_t *object, uint64_t *random)
{
	if (object->ptr == NULL) {
		*object = object_new(random, size_max);
		return;
	}
	switch (random_below(random, 8)) {
	case 0:
		*object = exchange(*object, random);
		break;
	case 1:
	case 2:
		object_resize(object, random, size_max);
		break;
	default:
		object_delete(object, random);
		break;
	}
}

static void *
worker(void *arg)
{
	uint64_t random = stress_seed() * 1000 + (uintptr_t)arg;
	object_t own[OWN];
	memset(own, 0, sizeof(own));
	do {
		for (int i = 0; i < 1000; i++) {
			one_step(&own[random_below(&random, OWN)], &random);
		}
	} while (stress_now_ms() < deadline_ms);
	for (size_t i = 0; i < OWN; i++) {
		if (own[i].ptr != NULL) {
			object_delete(&own[i], &random);
		}
	}
	return NULL;
}

static void
empty_boxes(void)
{
	uint64_t random = stress_seed();
	for (size_t i = 0; i < BOXES; i++) {
		if (boxes[i].object.ptr != NULL) {
			object_delete(&boxes[i].object, &random);
		}
	}
}

static void
run_load(size_t max)
{
	pthread_t threads[THREADS];
	size_max = max;
	deadline_ms = stress_now_ms() + stress_duration_ms(NORMAL_MS);
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, worker,
				     (void *)i),
		    0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	empty_boxes();
}

TEST(small_sizes)
{
	run_load(14336);
}

TEST(all_sizes)
{
	run_load(4 * MIB);
}

TEST_CONF(without_caches, "tcache:false")
{
	run_load(256 * KIB);
}

TEST_CONF(one_arena, "narenas:1")
{
	run_load(256 * KIB);
}

TEST_CONF(purging_at_once, "dirty_decay_ms:0,muzzy_decay_ms:0")
{
	run_load(256 * KIB);
}

TEST_CONF(purging_soon, "dirty_decay_ms:20,muzzy_decay_ms:20")
{
	run_load(MIB);
}

TEST_CONF(without_retaining, "retain:false,dirty_decay_ms:10")
{
	run_load(MIB);
}

TEST_CONF(in_the_data_segment, "dss:primary")
{
	run_load(MIB);
}

TEST_CONF(page_aligned_large_objects, "cache_oblivious:false")
{
	run_load(256 * KIB);
}

TEST_CONF(large_sizes_by_class, "disable_large_size_classes:false")
{
	run_load(MIB);
}

TEST_CONF(junk_filled, "junk:true")
{
	run_load(256 * KIB);
}

TEST_CONF(zero_filled, "zero:true")
{
	run_load(256 * KIB);
}
