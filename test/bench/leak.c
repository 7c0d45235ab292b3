/*
 * leak: a mix in which a part is never freed.
 *
 *	leak MIB
 *
 * Blocks of 16 B to 8 KiB; one in four is lost until MIB are lost, the rest
 * lives for a short while.  The time is that of fresh memory.
 */
#include "bench.h"

#define SHORT_LIVED 256

int
main(int argc, char **argv)
{
	uint64_t limit = arg_at(argc, argv, 1, 32) * MIB;
	void *slots[SHORT_LIVED] = {NULL};
	tally_t tally = {0, 0, 0};
	uint64_t lost = 0, rng = 12;
	size_t i;

	for (i = 0; lost < limit; i++) {
		size_t size = rng_skewed(&rng, 16, 8 * KIB);
		size_t slot = i % SHORT_LIVED;
		void *p = block_new(size, i, &tally);

		block_touch(p, size, 1);
		if (i % 4 == 0) {
			uint64_t stamp;

			memcpy(&stamp, p, sizeof(stamp));
			tally.gone += stamp;
			lost += size;
			opaque(p);
			continue;
		}
		if (slots[slot] != NULL) {
			block_end(slots[slot], &tally);
		}
		slots[slot] = p;
	}
	for (i = 0; i < SHORT_LIVED; i++) {
		if (slots[i] != NULL) {
			block_end(slots[i], &tally);
		}
	}
	say_number("live", lost);
	return bench_end(&tally);
}
