/*
 * lifetimes: random sizes and lifetimes, threads that end, blocks exchanged.
 *
 *	lifetimes ROUNDS THREADS OPS
 *
 * In each round THREADS new threads run OPS steps each.  A step allocates a
 * block of random size (mostly small, some up to 64 KiB, few up to 1 MiB),
 * frees a random one of the thread's own, or swaps one with a shared slot.  At
 * its end a thread frees its own blocks; what is in the shared slots
 * outlives it.  After each round one half of the shared slots is freed.
 */
#include <stdatomic.h>

#include "bench.h"

#define SHARED 1000
#define OWN_MAX 4096

typedef struct {
	uint64_t rng;
	size_t ops;
	size_t count;
	void *own[OWN_MAX];
	tally_t tally;
	pthread_t thread;
	APART;
} worker_t;

static _Atomic(void *) shared[SHARED];

/* Allocate one; its size depends on the thread's random numbers only. */
static void
step_new(worker_t *worker)
{
	size_t kind = rng_below(&worker->rng, 1000);
	size_t size;
	void *p;

	if (kind == 0) {
		size = rng_between(&worker->rng, 64 * KIB, MIB);
	} else if (kind < 20) {
		size = rng_between(&worker->rng, 2 * KIB, 64 * KIB);
	} else {
		size = rng_skewed(&worker->rng, 16, 2048);
	}
	p = block_new(size, kind, &worker->tally);
	block_touch(p, size, 1);
	worker->own[worker->count++] = p;
}

static void
step_free(worker_t *worker)
{
	size_t i = rng_below(&worker->rng, worker->count);

	block_end(worker->own[i], &worker->tally);
	worker->own[i] = worker->own[--worker->count];
}

/*
 * Put one into a shared slot, or take what is there.  The number of own
 * blocks must not depend on whether the slot was empty, so that a run does
 * the same whatever the schedule: main fills every slot at the start.
 */
static void
step_swap(worker_t *worker)
{
	size_t i = rng_below(&worker->rng, worker->count);
	size_t slot = rng_below(&worker->rng, SHARED);

	worker->own[i] = atomic_exchange(&shared[slot], worker->own[i]);
}

static void *
live_once(void *arg)
{
	worker_t *worker = arg;
	size_t i;

	for (i = 0; i < worker->ops; i++) {
		size_t what = rng_below(&worker->rng, 100);

		if (worker->count == 0 ||
		    (what < 48 && worker->count < OWN_MAX)) {
			step_new(worker);
		} else if (what < 90) {
			step_free(worker);
		} else {
			step_swap(worker);
		}
	}
	while (worker->count > 0) {
		block_end(worker->own[--worker->count], &worker->tally);
	}
	return NULL;
}

static void
shared_renew(uint64_t *rng, size_t part, tally_t *tally)
{
	size_t i;

	for (i = 0; i < SHARED; i++) {
		if (rng_below(rng, part) == 0) {
			void *fresh = block_new(rng_skewed(rng, 16, 2048), i,
			    tally);
			void *old = atomic_exchange(&shared[i], fresh);

			if (old != NULL) {
				block_end(old, tally);
			}
		}
	}
}

int
main(int argc, char **argv)
{
	size_t rounds = arg_at(argc, argv, 1, 20);
	size_t n = arg_at(argc, argv, 2, 2);
	size_t ops = arg_at(argc, argv, 3, 20000);
	worker_t *workers = must(calloc(n, sizeof(*workers)));
	tally_t sum = {0, 0, 0};
	uint64_t rng = 3;
	size_t round, i;

	shared_renew(&rng, 1, &sum);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < n; i++) {
			workers[i].rng = (round << 16) + i;
			workers[i].ops = ops;
			workers[i].thread = thread_start(live_once,
			    &workers[i]);
		}
		for (i = 0; i < n; i++) {
			thread_end(workers[i].thread);
		}
		shared_renew(&rng, 2, &sum);
	}
	for (i = 0; i < n; i++) {
		tally_add(&sum, &workers[i].tally);
	}
	for (i = 0; i < SHARED; i++) {
		block_end(atomic_load(&shared[i]), &sum);
	}
	free(workers);
	return bench_end(&sum);
}
