/*
 * server: threads that serve for a while and are then succeeded.
 *
 *	server OPS CHAINS GENERATIONS LIVE LOW HIGH
 *
 * CHAINS threads live at a time.  Each replaces random ones of its LIVE
 * blocks, then starts a successor that inherits the blocks, and ends; so
 * most blocks are freed by a thread other than the one that asked for them,
 * and often after that one has gone.  OPS is the total of all threads.
 */
#include "bench.h"

typedef struct {
	void **slots;
	size_t live, low, high;
	size_t ops; /* per generation */
	size_t generations;
	uint64_t rng;
	tally_t tally;
	APART;
} chain_t;

static pthread_mutex_t end_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_signal = PTHREAD_COND_INITIALIZER;
static size_t chains_left;

static void
chain_end(void)
{
	pthread_mutex_lock(&end_lock);
	chains_left--;
	pthread_cond_signal(&end_signal);
	pthread_mutex_unlock(&end_lock);
}

static void *
serve(void *arg)
{
	chain_t *chain = arg;
	size_t i;

	for (i = 0; i < chain->ops; i++) {
		size_t slot = rng_below(&chain->rng, chain->live);
		size_t size = rng_between(&chain->rng, chain->low, chain->high);

		block_end(chain->slots[slot], &chain->tally);
		chain->slots[slot] = block_new(size, i, &chain->tally);
	}
	if (--chain->generations > 0) {
		pthread_detach(thread_start(serve, chain));
	} else {
		chain_end();
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	size_t ops = arg_at(argc, argv, 1, 1000000);
	size_t n = arg_at(argc, argv, 2, 2);
	size_t generations = arg_at(argc, argv, 3, 10);
	size_t live = arg_at(argc, argv, 4, 1000);
	chain_t *chains = must(calloc(n, sizeof(*chains)));
	tally_t sum = {0, 0, 0};
	size_t i, k;

	chains_left = n;
	for (i = 0; i < n; i++) {
		chain_t *chain = &chains[i];

		chain->slots = must(calloc(live, sizeof(*chain->slots)));
		chain->live = live;
		chain->low = arg_at(argc, argv, 5, 8);
		chain->high = arg_at(argc, argv, 6, 1024);
		chain->ops = ops / n / generations;
		chain->generations = generations;
		chain->rng = i + 1;
		for (k = 0; k < live; k++) {
			chain->slots[k] = block_new(rng_between(&chain->rng,
							chain->low,
							chain->high),
			    k, &chain->tally);
		}
	}
	for (i = 0; i < n; i++) {
		pthread_detach(thread_start(serve, &chains[i]));
	}
	pthread_mutex_lock(&end_lock);
	while (chains_left > 0) {
		pthread_cond_wait(&end_signal, &end_lock);
	}
	pthread_mutex_unlock(&end_lock);
	for (i = 0; i < n; i++) {
		for (k = 0; k < live; k++) {
			block_end(chains[i].slots[k], &chains[i].tally);
		}
		free(chains[i].slots);
		tally_add(&sum, &chains[i].tally);
	}
	free(chains);
	return bench_end(&sum);
}
