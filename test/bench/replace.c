/*
 * replace: one thread, many live blocks, a random one replaced each step.
 *
 *	replace OPS LIVE LOW HIGH
 *
 * Sizes are uniform in [LOW, HIGH].  Every page of a block is written once.
 */
#include "bench.h"

int
main(int argc, char **argv)
{
	size_t ops = arg_at(argc, argv, 1, 100000);
	size_t live = arg_at(argc, argv, 2, 10000);
	size_t low = arg_at(argc, argv, 3, 8);
	size_t high = arg_at(argc, argv, 4, 1024);
	void **slots = must(calloc(live, sizeof(*slots)));
	tally_t tally = {0, 0, 0};
	uint64_t rng = 1;
	size_t i;

	for (i = 0; i < ops + live; i++) {
		size_t slot = i < live ? i : rng_below(&rng, live);
		size_t size = rng_between(&rng, low, high);

		if (slots[slot] != NULL) {
			block_end(slots[slot], &tally);
		}
		slots[slot] = block_new(size, i, &tally);
		block_touch(slots[slot], size, 1);
	}
	for (i = 0; i < live; i++) {
		block_end(slots[i], &tally);
	}
	free(slots);
	return bench_end(&tally);
}
