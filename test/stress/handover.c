/*
 * handover: objects flow one way, from threads that only allocate to threads
 * that only free.  Memory must not grow with what has passed through.
 */
#include "stress/stress.h"

#include <pthread.h>

enum { PAIRS = 3, RING = 1024, NORMAL_MS = 800 };

typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	object_t ring[RING];
	size_t head; /* taken from here */
	size_t tail; /* put here */
	bool is_closed;
	uint64_t passed;
} channel_t;

static channel_t channels[PAIRS];
static uint64_t deadline_ms;

static void
put(channel_t *channel, const object_t *objects, size_t count)
{
	pthread_mutex_lock(&channel->lock);
	for (size_t i = 0; i < count; i++) {
		while (channel->tail - channel->head == RING) {
			pthread_cond_wait(&channel->changed, &channel->lock);
		}
		channel->ring[channel->tail++ % RING] = objects[i];
	}
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
}

/* Takes what is there, 64 at most; 0: closed and empty. */
static size_t
take(channel_t *channel, object_t *objects)
{
	size_t count = 0;
	pthread_mutex_lock(&channel->lock);
	while (channel->tail == channel->head && !channel->is_closed) {
		pthread_cond_wait(&channel->changed, &channel->lock);
	}
	while (channel->head != channel->tail && count < 64) {
		objects[count++] = channel->ring[channel->head++ % RING];
	}
	channel->passed += count;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	return count;
}

static void *
producer(void *arg)
{
	channel_t *channel = arg;
	uint64_t random = stress_seed() + (uintptr_t)(channel - channels);
	while (stress_now_ms() < deadline_ms) {
		object_t batch[32];
		for (size_t i = 0; i < COUNT(batch); i++) {
			batch[i] = object_new(&random, 32 * KIB);
		}
		put(channel, batch, COUNT(batch));
	}
	pthread_mutex_lock(&channel->lock);
	channel->is_closed = true;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	return NULL;
}

static void *
consumer(void *arg)
{
	channel_t *channel = arg;
	uint64_t random = stress_seed() + (uintptr_t)arg;
	object_t batch[64];
	size_t count;
	while ((count = take(channel, batch)) != 0) {
		for (size_t i = 0; i < count; i++) {
			object_delete(&batch[i], &random);
		}
	}
	return NULL;
}

static void
run_flow(void)
{
	pthread_t threads[PAIRS][2];
	deadline_ms = stress_now_ms() + stress_duration_ms(NORMAL_MS);
	for (size_t i = 0; i < PAIRS; i++) {
		channel_t *channel = &channels[i];
		pthread_mutex_init(&channel->lock, NULL);
		pthread_cond_init(&channel->changed, NULL);
		assert_int_equal(pthread_create(&threads[i][0], NULL, producer,
				     channel),
		    0);
		assert_int_equal(pthread_create(&threads[i][1], NULL, consumer,
				     channel),
		    0);
	}
	uint64_t passed = 0;
	for (size_t i = 0; i < PAIRS; i++) {
		pthread_join(threads[i][0], NULL);
		pthread_join(threads[i][1], NULL);
		passed += channels[i].passed;
	}
	print_message("%ju objects, resident: %zu KiB\n", (uintmax_t)passed,
	    stress_resident_bytes() / KIB);
	/* At most 3 x 1,056 objects of a few hundred bytes live at a time. */
	assert_true(stress_resident_bytes() < 96 * MIB);
}

TEST(one_way_flow)
{
	run_flow();
}

TEST_CONF(one_way_flow_one_arena, "narenas:1")
{
	run_flow();
}
