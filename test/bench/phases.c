/*
 * phases: sizes change from phase to phase, survivors stay.
 *
 *	phases PHASES LIVE_MIB
 *
 * Each phase works with sizes of its own (bands from 16 B to 32 KiB) and
 * allocates until LIVE_MIB are live, then frees a random 85 % of all live
 * blocks, those of earlier phases included.  Prints the largest number of
 * live bytes: peak RSS over it is the fragmentation.
 */
#include "bench.h"

static const size_t bands[][2] = {
    {16, 64},
    {512, 1024},
    {4096, 32768},
    {64, 160},
    {1024, 4096},
    {160, 512},
    {16, 4096},
    {2048, 2560},
};

#define BANDS (sizeof(bands) / sizeof(bands[0]))

typedef struct {
	void **blocks;
	size_t count, max;
	uint64_t bytes;
	uint64_t rng;
	tally_t tally;
} heap_t;

static void
phase_fill(heap_t *heap, const size_t band[2], uint64_t limit)
{
	while (heap->bytes < limit && heap->count < heap->max) {
		size_t size = rng_between(&heap->rng, band[0], band[1]);
		void *p = block_new(size, heap->count, &heap->tally);

		block_touch(p, size, 1);
		heap->blocks[heap->count++] = p;
		heap->bytes += size;
	}
}

static void
phase_thin(heap_t *heap)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < heap->count; i++) {
		void *p = heap->blocks[i];

		if (rng_below(&heap->rng, 100) < 15) {
			heap->blocks[kept++] = p;
		} else {
			heap->bytes -= block_size(p);
			block_end(p, &heap->tally);
		}
	}
	heap->count = kept;
}

int
main(int argc, char **argv)
{
	size_t phases = arg_at(argc, argv, 1, BANDS);
	uint64_t limit = arg_at(argc, argv, 2, 64) * MIB;
	heap_t heap = {NULL, 0, 0, 0, 11, {0, 0, 0}};
	size_t i;

	/* The table of blocks would blur RSS: only its used part is touched. */
	heap.max = (size_t)(limit / 16);
	heap.blocks = must(malloc(heap.max * sizeof(*heap.blocks)));
	for (i = 0; i < phases; i++) {
		phase_fill(&heap, bands[i % BANDS], limit);
		phase_thin(&heap);
	}
	say_number("rss", rss_now());
	for (i = 0; i < heap.count; i++) {
		block_end(heap.blocks[i], &heap.tally);
	}
	free(heap.blocks);
	say_number("live", limit);
	return bench_end(&heap.tally);
}
