/*
 * large: blocks of many MiB, a random one of LIVE replaced each step.
 *
 *	large OPS LIVE LOW_KIB HIGH_KIB STEP
 *
 * One word is written in every STEP-th page of each new block.  What counts
 * is whether freed pages are there for the next request, or go back to the
 * system and have to be faulted in again.
 */
#include "bench.h"

int
main(int argc, char **argv)
{
	size_t ops = arg_at(argc, argv, 1, 100);
	size_t live = arg_at(argc, argv, 2, 20);
	size_t low = arg_at(argc, argv, 3, 1024) * KIB;
	size_t high = arg_at(argc, argv, 4, 30 * 1024) * KIB;
	size_t step = arg_at(argc, argv, 5, 1);
	void **slots = must(calloc(live, sizeof(*slots)));
	tally_t tally = {0, 0, 0};
	uint64_t rng = 5;
	size_t i;

	for (i = 0; i < live + ops; i++) {
		size_t slot = i < live ? i : rng_below(&rng, live);
		size_t size = rng_between(&rng, low, high);

		if (slots[slot] != NULL) {
			block_end(slots[slot], &tally);
		}
		slots[slot] = block_new(size, i, &tally);
		block_touch(slots[slot], size, step);
	}
	for (i = 0; i < live; i++) {
		block_end(slots[i], &tally);
	}
	free(slots);
	return bench_end(&tally);
}
