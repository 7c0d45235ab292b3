/*
 * churn: many threads: short ones, and idle ones.
 *
 *	churn short THREADS   each lives for 200 blocks; two at a time
 *	churn idle THREADS [SECONDS]
 *			      all alive at once: each allocates and frees 256 KiB
 *			      of small blocks, then waits for the end, which comes
 *			      after so long (0)
 *
 * A short thread leaves some of its blocks to the main thread.
 */
#include "bench.h"

#define BLOCKS 200
#define LEFT 10
#define ALIVE 2

typedef struct {
	uint64_t rng;
	void *left[LEFT];
	tally_t tally;
	pthread_t thread;
	APART;
} worker_t;

static pthread_barrier_t all_idle, all_end;

static void *
live_short(void *arg)
{
	worker_t *worker = arg;
	void *blocks[BLOCKS];
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = block_new(rng_skewed(&worker->rng, 16, 4096), i,
		    &worker->tally);
	}
	for (i = 0; i < BLOCKS; i++) {
		if (i < LEFT) {
			worker->left[i] = blocks[i];
		} else {
			block_end(blocks[i], &worker->tally);
		}
	}
	return NULL;
}

static void
short_end(worker_t *worker)
{
	size_t i;

	thread_end(worker->thread);
	for (i = 0; i < LEFT; i++) {
		block_end(worker->left[i], &worker->tally);
	}
}

static void
run_short(size_t threads, tally_t *sum)
{
	static worker_t workers[ALIVE];
	size_t i;

	for (i = 0; i < threads + ALIVE; i++) {
		worker_t *worker = &workers[i % ALIVE];

		if (i >= ALIVE) {
			short_end(worker);
		}
		worker->rng = i;
		if (i < threads) {
			worker->thread = thread_start(live_short, worker);
		}
	}
	for (i = 0; i < ALIVE; i++) {
		tally_add(sum, &workers[i].tally);
	}
}

static void *
live_idle(void *arg)
{
	worker_t *worker = arg;
	void *blocks[BLOCKS];
	size_t bytes, i;

	for (bytes = 0; bytes < 256 * KIB;) {
		for (i = 0; i < BLOCKS; i++) {
			blocks[i] = block_new(rng_skewed(&worker->rng, 16,
						  1024),
			    i, &worker->tally);
			bytes += block_size(blocks[i]);
		}
		for (i = 0; i < BLOCKS; i++) {
			block_end(blocks[i], &worker->tally);
		}
	}
	pthread_barrier_wait(&all_idle);
	pthread_barrier_wait(&all_end);
	return NULL;
}

static void
run_idle(size_t threads, size_t seconds, tally_t *sum)
{
	worker_t *workers = must(calloc(threads, sizeof(*workers)));
	size_t i;

	pthread_barrier_init(&all_idle, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&all_end, NULL, (unsigned)threads + 1);
	for (i = 0; i < threads; i++) {
		workers[i].rng = i;
		workers[i].thread = thread_start(live_idle, &workers[i]);
	}
	pthread_barrier_wait(&all_idle);
	say_number("rss", rss_now());
	if (seconds != 0) {
		sleep((unsigned)seconds);
		say_number("rss_later", rss_now());
	}
	pthread_barrier_wait(&all_end);
	for (i = 0; i < threads; i++) {
		thread_end(workers[i].thread);
		tally_add(sum, &workers[i].tally);
	}
	free(workers);
}

int
main(int argc, char **argv)
{
	size_t threads = arg_at(argc, argv, 2, 100);
	tally_t sum = {0, 0, 0};

	if (argc > 1 && strcmp(argv[1], "idle") == 0) {
		run_idle(threads, arg_at(argc, argv, 3, 0), &sum);
	} else {
		run_short(threads, &sum);
	}
	return bench_end(&sum);
}
