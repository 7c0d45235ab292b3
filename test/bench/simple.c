/*
 * simple: one thread, mixed small sizes, several orders of freeing.
 *
 *	simple ROUNDS
 *
 * A round fills 1,600 slots with blocks of mostly small sizes, frees one half
 * in one of four orders, fills the holes again and frees all.
 */
#include "bench.h"

#define SLOTS 1600

static void *slots[SLOTS];

static void
fill(uint64_t *rng, tally_t *tally)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		if (slots[i] == NULL) {
			slots[i] = block_new(rng_skewed(rng, 8, 2048), i,
			    tally);
		}
	}
}

/* The slot that comes i-th in the given order. */
static size_t
slot_at(size_t i, unsigned order)
{
	switch (order) {
	case 0:
		return i;
	case 1:
		return SLOTS - 1 - i;
	case 2:
		return (i * 2) % SLOTS + (i * 2) / SLOTS;
	default:
		return (i * 7) % SLOTS;
	}
}

static void
drain(size_t count, unsigned order, tally_t *tally)
{
	size_t i;

	for (i = 0; i < count; i++) {
		size_t slot = slot_at(i, order);

		if (slots[slot] != NULL) {
			block_end(slots[slot], tally);
			slots[slot] = NULL;
		}
	}
}

int
main(int argc, char **argv)
{
	size_t rounds = arg_at(argc, argv, 1, 1000);
	tally_t tally = {0, 0, 0};
	uint64_t rng = 2;
	size_t i;

	for (i = 0; i < rounds; i++) {
		fill(&rng, &tally);
		drain(SLOTS / 2, (unsigned)(i % 4), &tally);
		fill(&rng, &tally);
		drain(SLOTS, (unsigned)((i / 4) % 4), &tally);
	}
	return bench_end(&tally);
}
