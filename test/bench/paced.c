/*
 * paced: work with idle phases, to watch resident memory over time.
 *
 *	paced burst MIB        all allocated, all freed, idle
 *	paced phases MIB       a size band every 3 seconds, thinned, idle
 *	paced server MIB       8 threads, bursts and lulls, threads succeeded
 *	paced thinned MIB      a random 75 % freed, idle, the rest freed, idle
 *	paced refill MIB       70 % freed, idle, filled with other sizes, idle
 *
 * Each phase begins at a fixed time after the start, so that the pictures of
 * several allocators lie upon each other.  A reporter thread writes a line
 * "at MILLISECONDS LIVE" (monotonic clock, live bytes) 20 times a second; it
 * allocates nothing.
 */
#include <stdatomic.h>
#include <time.h>

#include "bench.h"

#define REPORT_MS 50
#define THREADS 8

typedef struct {
	void **blocks;
	size_t count, max;
	uint64_t rng;
	tally_t tally;
} heap_t;

static _Atomic uint64_t live;
static atomic_bool over;
static uint64_t start_ms;

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Sleep until so many milliseconds after the start. */
static void
until(uint64_t ms)
{
	uint64_t at = start_ms + ms;
	struct timespec t = {(time_t)(at / 1000), (long)(at % 1000) * 1000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)) {
	}
}

static void *
report(void *arg)
{
	uint64_t ms = 0;

	(void)arg;
	while (!atomic_load(&over)) {
		say_number("at", now_ms());
		say_number("live", atomic_load(&live));
		until(ms += REPORT_MS);
	}
	return NULL;
}

static void
heap_init(heap_t *heap, size_t max, uint64_t seed)
{
	memset(heap, 0, sizeof(*heap));
	heap->blocks = must(malloc(max * sizeof(*heap->blocks)));
	heap->max = max;
	heap->rng = seed;
}

static void
heap_add(heap_t *heap, size_t low, size_t high)
{
	size_t size = rng_skewed(&heap->rng, low, high);
	void *p = block_new(size, heap->count, &heap->tally);

	block_touch(p, size, 1);
	heap->blocks[heap->count++] = p;
	atomic_fetch_add_explicit(&live, size, memory_order_relaxed);
}

static void
heap_drop(heap_t *heap, size_t i)
{
	void *p = heap->blocks[i];

	atomic_fetch_sub_explicit(&live, block_size(p), memory_order_relaxed);
	heap->blocks[i] = heap->blocks[--heap->count];
	block_end(p, &heap->tally);
}

static void
heap_fill(heap_t *heap, uint64_t bytes, size_t low, size_t high)
{
	while (heap->count < heap->max && atomic_load(&live) < bytes) {
		heap_add(heap, low, high);
	}
}

/* Free a random part, in per cent. */
static void
heap_thin(heap_t *heap, size_t percent)
{
	size_t keep = heap->count - heap->count * percent / 100;

	while (heap->count > keep) {
		heap_drop(heap, rng_below(&heap->rng, heap->count));
	}
}

static void
run_burst(heap_t *heap, uint64_t bytes)
{
	heap_fill(heap, bytes, 64, 16 * KIB);
	until(2500);
	heap_thin(heap, 100);
	until(17000);
}

static void
run_phases(heap_t *heap, uint64_t bytes)
{
	static const size_t bands[][2] = {
	    {16, 128},
	    {512, 2 * KIB},
	    {4 * KIB, 64 * KIB},
	    {64, 512},
	    {KIB, 8 * KIB},
	};
	size_t i;

	for (i = 0; i < sizeof(bands) / sizeof(bands[0]); i++) {
		heap_fill(heap, bytes, bands[i][0], bands[i][1]);
		until(3500 * i + 1700);
		heap_thin(heap, 85);
		until(3500 * (i + 1));
	}
	until(24000);
}

static void
run_thinned(heap_t *heap, uint64_t bytes)
{
	heap_fill(heap, bytes, 256, 8 * KIB);
	until(2500);
	heap_thin(heap, 75);
	until(15000);
	heap_thin(heap, 100);
	until(20000);
}

static void
run_refill(heap_t *heap, uint64_t bytes)
{
	heap_fill(heap, bytes, 64, 2 * KIB);
	until(2500);
	heap_thin(heap, 70);
	until(10000);
	heap_fill(heap, bytes, 300, 4 * KIB);
	until(13000);
	heap_thin(heap, 70);
	until(20000);
}

/*
 * One of the server's threads: goes to its number of blocks, then replaces
 * some until its time is over.
 */
typedef struct {
	heap_t heap;
	uint64_t bytes; /* of this thread, in this generation */
	uint64_t end_ms;
	pthread_t thread;
} worker_t;

static void *
serve(void *arg)
{
	worker_t *worker = arg;
	heap_t *heap = &worker->heap;
	size_t want = (size_t)(worker->bytes / 700);

	while (heap->count > want) {
		heap_drop(heap, rng_below(&heap->rng, heap->count));
	}
	while (heap->count < want && heap->count < heap->max) {
		heap_add(heap, 64, 8 * KIB);
	}
	while (now_ms() < worker->end_ms) {
		size_t i;

		for (i = 0; i < 200 && heap->count > 0; i++) {
			heap_drop(heap, rng_below(&heap->rng, heap->count));
			heap_add(heap, 64, 8 * KIB);
		}
	}
	return NULL;
}

/*
 * Bursts of two seconds, when each of the threads (new ones every time) works
 * on its eighth, and lulls of four, when they have left all but a tenth.
 */
static void
run_server(heap_t *heap, uint64_t bytes)
{
	worker_t *workers = must(calloc(THREADS, sizeof(*workers)));
	size_t burst, i, k;

	for (i = 0; i < THREADS; i++) {
		heap_init(&workers[i].heap, heap->max / THREADS, i + 1);
	}
	for (burst = 0; burst < 6; burst++) {
		bool busy = burst % 2 == 0;
		uint64_t at = burst / 2 * 6000 + (busy ? 0 : 1800);

		until(at);
		for (i = 0; i < THREADS; i++) {
			workers[i].bytes = bytes / THREADS / (busy ? 1 : 10);
			workers[i].end_ms = start_ms + at + (busy ? 1700 : 300);
			workers[i].thread = thread_start(serve, &workers[i]);
		}
		for (i = 0; i < THREADS; i++) {
			thread_end(workers[i].thread);
		}
	}
	until(24000);
	for (i = 0; i < THREADS; i++) {
		for (k = workers[i].heap.count; k > 0; k--) {
			heap_drop(&workers[i].heap, k - 1);
		}
		tally_add(&heap->tally, &workers[i].heap.tally);
		free(workers[i].heap.blocks);
	}
	free(workers);
}

static const struct {
	const char *name;
	void (*run)(heap_t *heap, uint64_t bytes);
} modes[] = {
    {"burst", run_burst},
    {"phases", run_phases},
    {"server", run_server},
    {"thinned", run_thinned},
    {"refill", run_refill},
};

int
main(int argc, char **argv)
{
	uint64_t bytes = arg_at(argc, argv, 2, 100) * MIB;
	pthread_t reporter;
	heap_t heap;
	size_t i;

	start_ms = now_ms();
	/* Only the used part of the table is touched. */
	heap_init(&heap, (size_t)(bytes / 16), 15);
	reporter = thread_start(report, NULL);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc > 1 && strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run(&heap, bytes);
			break;
		}
	}
	heap_thin(&heap, 100);
	atomic_store(&over, true);
	thread_end(reporter);
	free(heap.blocks);
	say_number("ops", heap.tally.ops);
	return heap.tally.made == heap.tally.gone ? 0 : 1;
}
