/*
 * refill: filled, thinned, filled again with other sizes.
 *
 *	refill MIB ROUNDS
 *
 * Blocks of 64 B to 4 KiB until MIB are live; then, ROUNDS times, a random
 * 70 % is freed and the space filled again with blocks of the next band of
 * sizes.  What is freed here must serve there, or memory grows.  Prints the
 * live bytes at the peak.
 */
#include "bench.h"

static const size_t bands[][2] = {
    {64, 2048},
    {300, 2200},
    {100, 4096},
    {64, 512},
};

#define BANDS (sizeof(bands) / sizeof(bands[0]))

int
main(int argc, char **argv)
{
	uint64_t limit = arg_at(argc, argv, 1, 32) * MIB;
	size_t rounds = arg_at(argc, argv, 2, 4);
	size_t most = (size_t)(limit / 64), count = 0, round, i;
	void **blocks = must(malloc(most * sizeof(*blocks)));
	tally_t tally = {0, 0, 0};
	uint64_t live = 0, rng = 14;

	for (round = 0; round <= rounds; round++) {
		const size_t *band = bands[round % BANDS];
		size_t kept = 0;

		while (live < limit && count < most) {
			size_t size = rng_between(&rng, band[0], band[1]);

			blocks[count++] = block_new(size, live, &tally);
			block_touch(blocks[count - 1], size, 1);
			live += size;
		}
		for (i = 0; round < rounds && i < count; i++) {
			if (rng_below(&rng, 10) < 3) {
				blocks[kept++] = blocks[i];
				continue;
			}
			live -= block_size(blocks[i]);
			block_end(blocks[i], &tally);
		}
		count = round < rounds ? kept : count;
	}
	say_number("live", live);
	for (i = 0; i < count; i++) {
		block_end(blocks[i], &tally);
	}
	free(blocks);
	return bench_end(&tally);
}
