/*
 * queue: a bounded queue of pointers between threads, for the programs that
 * hand blocks over.
 *
 * A mutex and two conditions, so that a waiting thread uses no CPU time; the
 * users put many blocks into one entry, so that the queue is not what they
 * measure.
 */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include "bench.h"

#define QUEUE_MAX 64

typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	void *entries[QUEUE_MAX];
	size_t first, count, limit;
} queue_t;

static inline void
queue_init(queue_t *queue, size_t limit)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->not_empty, NULL);
	pthread_cond_init(&queue->not_full, NULL);
	queue->first = 0;
	queue->count = 0;
	queue->limit = limit;
}

static inline void
queue_put(queue_t *queue, void *entry)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->count == queue->limit) {
		pthread_cond_wait(&queue->not_full, &queue->lock);
	}
	queue->entries[(queue->first + queue->count++) % QUEUE_MAX] = entry;
	pthread_cond_signal(&queue->not_empty);
	pthread_mutex_unlock(&queue->lock);
}

static inline void *
queue_take(queue_t *queue)
{
	void *entry;

	pthread_mutex_lock(&queue->lock);
	while (queue->count == 0) {
		pthread_cond_wait(&queue->not_empty, &queue->lock);
	}
	entry = queue->entries[queue->first];
	queue->first = (queue->first + 1) % QUEUE_MAX;
	queue->count--;
	pthread_cond_signal(&queue->not_full);
	pthread_mutex_unlock(&queue->lock);
	return entry;
}

#endif /* BENCH_QUEUE_H */
