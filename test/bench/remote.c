/*
 * remote: random sizes from 8 bytes to 16 KiB, partly freed by others.
 *
 *	remote ROUNDS THREADS HIGH
 *
 * Each thread keeps 2,000 blocks.  In a round it replaces 500 of them, one
 * half freed by itself and the other half put into a parcel for the next
 * thread, which frees it.
 */
#include <stdatomic.h>

#include "bench.h"

#define KEPT 2000
#define ROUND_OPS 500
#define PARCEL (ROUND_OPS / 2)
#define BOXES 4

typedef struct {
	void *blocks[PARCEL];
} parcel_t;

typedef struct worker {
	struct worker *next;
	_Atomic(parcel_t *) boxes[BOXES];
	uint64_t rng;
	size_t rounds, high;
	void *kept[KEPT];
	tally_t tally;
	pthread_t thread;
	APART;
} worker_t;

static void
parcel_end(parcel_t *parcel, tally_t *tally)
{
	size_t i;

	if (parcel != NULL) {
		for (i = 0; i < PARCEL; i++) {
			block_end(parcel->blocks[i], tally);
		}
		free(parcel);
	}
}

static void *
kept_new(worker_t *worker, uint64_t tag)
{
	size_t size = rng_skewed(&worker->rng, 8, worker->high);
	void *p;

	if (rng_below(&worker->rng, 8) == 0) {
		size = rng_between(&worker->rng, 8, worker->high);
	}
	p = block_new(size, tag, &worker->tally);
	block_touch(p, size, 1);
	return p;
}

static void *
work(void *arg)
{
	worker_t *worker = arg;
	size_t round, i;

	for (i = 0; i < KEPT; i++) {
		worker->kept[i] = kept_new(worker, i);
	}
	for (round = 0; round < worker->rounds; round++) {
		parcel_t *parcel = must(malloc(sizeof(*parcel)));
		size_t box = round % BOXES;

		for (i = 0; i < ROUND_OPS; i++) {
			size_t k = rng_below(&worker->rng, KEPT);

			if (i % 2 == 0) {
				parcel->blocks[i / 2] = worker->kept[k];
			} else {
				block_end(worker->kept[k], &worker->tally);
			}
			worker->kept[k] = kept_new(worker, i);
		}
		parcel = atomic_exchange(&worker->next->boxes[box], parcel);
		parcel_end(parcel, &worker->tally);
		parcel = atomic_exchange(&worker->boxes[box], NULL);
		parcel_end(parcel, &worker->tally);
	}
	for (i = 0; i < KEPT; i++) {
		block_end(worker->kept[i], &worker->tally);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	size_t rounds = arg_at(argc, argv, 1, 1000);
	size_t n = arg_at(argc, argv, 2, 2);
	worker_t *workers = must(calloc(n, sizeof(*workers)));
	tally_t sum = {0, 0, 0};
	size_t i, box;

	for (i = 0; i < n; i++) {
		workers[i].next = &workers[(i + 1) % n];
		workers[i].rng = i + 1;
		workers[i].rounds = rounds / n;
		workers[i].high = arg_at(argc, argv, 3, 16 * KIB);
	}
	for (i = 0; i < n; i++) {
		workers[i].thread = thread_start(work, &workers[i]);
	}
	for (i = 0; i < n; i++) {
		thread_end(workers[i].thread);
	}
	for (i = 0; i < n; i++) {
		for (box = 0; box < BOXES; box++) {
			parcel_end(atomic_load(&workers[i].boxes[box]), &sum);
		}
		tally_add(&sum, &workers[i].tally);
	}
	free(workers);
	return bench_end(&sum);
}
