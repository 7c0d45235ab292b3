/*
 * handoff: producers allocate, consumers free.
 *
 *	handoff OPS PAIRS LOW HIGH
 *
 * PAIRS producers and as many consumers share one queue of batches of 256
 * blocks.  The batch itself is a block too.  An allocator that returns freed
 * blocks only to the thread that asked for them grows here.
 */
#include "queue.h"

#define BATCH 256

typedef struct {
	void *blocks[BATCH];
} batch_t;

typedef struct {
	uint64_t rng;
	size_t batches, low, high;
	tally_t tally;
	pthread_t thread;
	APART;
} worker_t;

static queue_t queue;

static void *
produce(void *arg)
{
	worker_t *worker = arg;
	size_t n, i;

	for (n = 0; n < worker->batches; n++) {
		batch_t *batch = must(malloc(sizeof(*batch)));

		for (i = 0; i < BATCH; i++) {
			batch->blocks[i] = block_new(rng_between(&worker->rng,
							 worker->low,
							 worker->high),
			    i, &worker->tally);
		}
		queue_put(&queue, batch);
	}
	return NULL;
}

static void *
consume(void *arg)
{
	worker_t *worker = arg;
	batch_t *batch;
	size_t i;

	while ((batch = queue_take(&queue)) != NULL) {
		for (i = 0; i < BATCH; i++) {
			block_end(batch->blocks[i], &worker->tally);
		}
		free(batch);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	size_t ops = arg_at(argc, argv, 1, 1000000);
	size_t pairs = arg_at(argc, argv, 2, 1);
	worker_t *workers = must(calloc(2 * pairs, sizeof(*workers)));
	tally_t sum = {0, 0, 0};
	size_t i;

	queue_init(&queue, 32);
	for (i = 0; i < 2 * pairs; i++) {
		workers[i].rng = i + 1;
		workers[i].batches = ops / BATCH / pairs;
		workers[i].low = arg_at(argc, argv, 3, 64);
		workers[i].high = arg_at(argc, argv, 4, 64);
		workers[i].thread = thread_start(i < pairs ? produce : consume,
		    &workers[i]);
	}
	for (i = 0; i < pairs; i++) {
		thread_end(workers[i].thread);
	}
	for (i = 0; i < pairs; i++) {
		queue_put(&queue, NULL);
	}
	for (i = pairs; i < 2 * pairs; i++) {
		thread_end(workers[i].thread);
	}
	for (i = 0; i < 2 * pairs; i++) {
		tally_add(&sum, &workers[i].tally);
	}
	free(workers);
	return bench_end(&sum);
}
