/*
 * shapes: requests other than malloc: zeroed and aligned blocks.
 *
 *	shapes calloc OPS    16 B to 256 KiB, 1,000 live, checked to be zero
 *	shapes aligned OPS   alignment 16 B to 64 KiB, size 8 B to 64 KiB
 *
 * A block that is not zero or not aligned is counted and the count printed:
 * the runner shows it as a fault, and still has the row's time.
 */
#include "bench.h"

#define LIVE 1000

static void *slots[LIVE];
static uint64_t faults;

static void *
zeroed_new(uint64_t *rng, size_t tag, tally_t *tally)
{
	size_t size = rng_skewed(rng, 16, 256 * KIB);
	unsigned char *p = must(calloc(1, size));
	size_t i;

	for (i = 0; i < size; i += i / 2 + 8) {
		if (p[i] != 0) {
			faults++;
		}
	}
	memset(p, 0xa5, size < 512 ? size : 512);
	p[size - 1] = 0xa5;
	block_stamp(p, size, tag, tally);
	return p;
}

static void *
aligned_new(uint64_t *rng, size_t tag, tally_t *tally)
{
	size_t alignment = rng_skewed(rng, 16, 64 * KIB);
	size_t size = rng_skewed(rng, 8, 64 * KIB);
	void *p = NULL;

	alignment = (size_t)1 << (63 - __builtin_clzll(alignment));
	if (posix_memalign(&p, alignment, size) != 0) {
		die("shapes: no aligned block");
	}
	if (((uintptr_t)p & (alignment - 1)) != 0) {
		faults++;
	}
	block_stamp(p, size, tag, tally);
	return p;
}

int
main(int argc, char **argv)
{
	bool zeroed = argc > 1 && strcmp(argv[1], "calloc") == 0;
	size_t ops = arg_at(argc, argv, 2, 10000);
	tally_t tally = {0, 0, 0};
	uint64_t rng = 9;
	size_t i;

	for (i = 0; i < ops + LIVE; i++) {
		size_t slot = i < LIVE ? i : rng_below(&rng, LIVE);

		if (slots[slot] != NULL) {
			block_end(slots[slot], &tally);
		}
		slots[slot] = zeroed ? zeroed_new(&rng, i, &tally)
				     : aligned_new(&rng, i, &tally);
	}
	for (i = 0; i < LIVE; i++) {
		block_end(slots[i], &tally);
	}
	if (faults > 0) {
		say_number("faults", faults);
	}
	return bench_end(&tally);
}
