/*
 * turnover: generations of threads.  Each takes over what the one before
 * left, frees a part of it and leaves objects of its own; and threads so
 * short that only what they cost remains to be seen.
 */
#include "stress/stress.h"

#include <pthread.h>

enum { LINES = 8, ESTATE = 300, NORMAL_MS = 800 };

/* What one thread leaves to the next of its line. */
typedef struct {
	object_t objects[ESTATE];
	uint64_t random;
} estate_t;

static estate_t estates[LINES];

static void *
one_life(void *arg)
{
	estate_t *estate = arg;
	/* Replace a random part; a few lives replace it all. */
	uint64_t keep = random_below(&estate->random, 4);
	for (size_t i = 0; i < ESTATE; i++) {
		object_t *object = &estate->objects[i];
		if (random_below(&estate->random, 4) < keep) {
			continue;
		}
		if (object->ptr != NULL) {
			object_delete(object, &estate->random);
		}
		*object = object_new(&estate->random, 64 * KIB);
	}
	return NULL;
}

/* The lines meet: estates of different threads swap a part. */
static void
shuffle(uint64_t *random)
{
	for (size_t i = 0; i < ESTATE; i++) {
		size_t a = random_below(random, LINES);
		size_t b = random_below(random, LINES);
		object_t object = estates[a].objects[i];
		estates[a].objects[i] = estates[b].objects[i];
		estates[b].objects[i] = object;
	}
}

static void
free_estates(uint64_t *random)
{
	for (size_t line = 0; line < LINES; line++) {
		for (size_t i = 0; i < ESTATE; i++) {
			if (estates[line].objects[i].ptr != NULL) {
				object_delete(&estates[line].objects[i],
				    random);
			}
		}
	}
}

static void
run_generations(void)
{
	uint64_t random = stress_seed();
	uint64_t deadline = stress_now_ms() + stress_duration_ms(NORMAL_MS);
	for (size_t line = 0; line < LINES; line++) {
		estates[line].random = stress_seed() + line;
	}
	do {
		pthread_t threads[LINES];
		for (size_t line = 0; line < LINES; line++) {
			assert_int_equal(pthread_create(&threads[line], NULL,
					     one_life, &estates[line]),
			    0);
		}
		for (size_t line = 0; line < LINES; line++) {
			assert_int_equal(pthread_join(threads[line], NULL), 0);
		}
		shuffle(&random);
	} while (stress_now_ms() < deadline);
	free_estates(&random);
}

TEST(generations)
{
	run_generations();
}

TEST_CONF(generations_without_caches, "tcache:false")
{
	run_generations();
}

TEST_CONF(generations_purged_at_once, "dirty_decay_ms:0")
{
	run_generations();
}

static void *
short_life(void *arg)
{
	uint64_t random = stress_seed() + (uintptr_t)arg;
	object_t objects[20];
	for (size_t i = 0; i < COUNT(objects); i++) {
		objects[i] = object_new(&random, 16 * KIB);
	}
	for (size_t i = 0; i < COUNT(objects); i++) {
		object_delete(&objects[i], &random);
	}
	return NULL;
}

static void
run_short_lives(uintptr_t first, uintptr_t end)
{
	for (uintptr_t i = first; i < end; i += 4) {
		pthread_t threads[4];
		for (uintptr_t j = 0; j < 4; j++) {
			assert_int_equal(pthread_create(&threads[j], NULL,
					     short_life, (void *)(i + j)),
			    0);
		}
		for (uintptr_t j = 0; j < 4; j++) {
			assert_int_equal(pthread_join(threads[j], NULL), 0);
		}
	}
}

/* Ten thousand come and go, and resident memory is where it was. */
TEST(short_lives_leave_nothing)
{
	uintptr_t lives = stress_is_full() ? 100000 : 10000;
	run_short_lives(0, 400);
	size_t before = stress_resident_bytes();
	run_short_lives(400, lives);
	size_t after = stress_resident_bytes();
	print_message("resident: %zu KiB before, %zu KiB after\n", before / KIB,
	    after / KIB);
	assert_true(after < before + 4 * MIB);
}

/* All at once, so that every one needs a cache of its own. */
TEST(many_threads_at_once)
{
	enum { MANY = 500 };
	static pthread_t threads[MANY];
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * KIB);
	for (int round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < MANY; i++) {
			assert_int_equal(pthread_create(&threads[i], &attr,
					     short_life, (void *)i),
			    0);
		}
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		}
	}
	pthread_attr_destroy(&attr);
}
