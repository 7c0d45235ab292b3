/*
 * batches: many small blocks at once, freed in another order.
 *
 *	batches KIND ROUNDS THREADS
 *
 * KIND "runs": runs of 200 blocks of one size (8 to 1,000 bytes, small ones
 * more frequent).  KIND "mixed": every block of its own size, and one block
 * in eight kept for a later round.  A round allocates 12,000 blocks and frees
 * them forwards, backwards, every other one first, or in a random order.
 */
#include "bench.h"

#define ROUND_BLOCKS 12000
#define RUN 200

typedef struct {
	bool mixed;
	uint64_t rng;
	size_t rounds;
	void *blocks[ROUND_BLOCKS];
	void *kept[ROUND_BLOCKS / 8 + 1];
	tally_t tally;
	pthread_t thread;
	APART;
} worker_t;

static void
round_fill(worker_t *worker)
{
	size_t size = 8;
	size_t i;

	for (i = 0; i < ROUND_BLOCKS; i++) {
		if (worker->mixed || i % RUN == 0) {
			size = rng_skewed(&worker->rng, 8, 1000);
		}
		worker->blocks[i] = block_new(size, i, &worker->tally);
	}
}

static void
round_shuffle(worker_t *worker)
{
	size_t i;

	for (i = ROUND_BLOCKS - 1; i > 0; i--) {
		size_t k = rng_below(&worker->rng, i + 1);
		void *p = worker->blocks[i];

		worker->blocks[i] = worker->blocks[k];
		worker->blocks[k] = p;
	}
}

/* Free block i, or keep it and free the one kept in its place before. */
static void
block_drop(worker_t *worker, size_t i)
{
	void *p = worker->blocks[i];

	if (worker->mixed && i % 8 == 0) {
		void *old = worker->kept[i / 8];

		worker->kept[i / 8] = p;
		p = old;
	}
	if (p != NULL) {
		block_end(p, &worker->tally);
	}
}

static void
round_drain(worker_t *worker, size_t order)
{
	size_t i;

	if (order == 3) {
		round_shuffle(worker);
	}
	if (order == 2) {
		for (i = 0; i < ROUND_BLOCKS; i += 2) {
			block_drop(worker, i);
		}
		for (i = 1; i < ROUND_BLOCKS; i += 2) {
			block_drop(worker, i);
		}
		return;
	}
	for (i = 0; i < ROUND_BLOCKS; i++) {
		block_drop(worker, order == 1 ? ROUND_BLOCKS - 1 - i : i);
	}
}

static void *
work(void *arg)
{
	worker_t *worker = arg;
	size_t i;

	for (i = 0; i < worker->rounds; i++) {
		round_fill(worker);
		round_drain(worker, i % 4);
	}
	for (i = 0; i < sizeof(worker->kept) / sizeof(void *); i++) {
		if (worker->kept[i] != NULL) {
			block_end(worker->kept[i], &worker->tally);
		}
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	size_t rounds = arg_at(argc, argv, 2, 100);
	size_t n = arg_at(argc, argv, 3, 1);
	worker_t *workers = must(calloc(n, sizeof(*workers)));
	tally_t sum = {0, 0, 0};
	size_t i;

	for (i = 0; i < n; i++) {
		workers[i].mixed = argc > 1 && strcmp(argv[1], "mixed") == 0;
		workers[i].rng = i + 1;
		workers[i].rounds = rounds / n;
		if (n > 1) {
			workers[i].thread = thread_start(work, &workers[i]);
		}
	}
	for (i = 0; i < n; i++) {
		if (n > 1) {
			thread_end(workers[i].thread);
		} else {
			work(&workers[i]);
		}
		tally_add(&sum, &workers[i].tally);
	}
	free(workers);
	return bench_end(&sum);
}
