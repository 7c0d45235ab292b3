/*
 * density: resident bytes per live byte.
 *
 *	density MIB SIZE [THIN_PERCENT IDLE_SECONDS [THREADS]]
 *
 * Allocates MIB of blocks of SIZE bytes and writes every page of them.  With
 * THIN_PERCENT a random part is then freed and the program sleeps, so that
 * an allocator which gives memory back can do so; with THREADS, so many others
 * have allocated a little before and sleep all the time.  Prints the live bytes
 * and the RSS at that moment.
 */
#include "bench.h"

#include <semaphore.h>

static void *
wait_for_ever(void *arg)
{
	free(must(malloc(100)));
	sem_post(arg);
	for (;;) {
		pause();
	}
	return NULL;
}

static void
start_idle_threads(size_t n)
{
	static sem_t ready;

	sem_init(&ready, 0, 0);
	for (; n > 0; n--) {
		(void)thread_start(wait_for_ever, &ready);
		sem_wait(&ready);
	}
}

int
main(int argc, char **argv)
{
	uint64_t total = arg_at(argc, argv, 1, 16) * MIB;
	size_t size = arg_at(argc, argv, 2, 64);
	size_t thin = arg_at(argc, argv, 3, 0);
	size_t count = (size_t)(total / size);
	size_t table = count * sizeof(void *);
	tally_t tally = {0, 0, 0};
	uint64_t rng = 13, live = 0;
	void **blocks = must(malloc(table));
	size_t i;

	start_idle_threads(arg_at(argc, argv, 5, 0));
	for (i = 0; i < count; i++) {
		blocks[i] = block_new(size, i, &tally);
		block_touch(blocks[i], size, 1);
	}
	for (i = 0; i < count; i++) {
		if (rng_below(&rng, 100) < thin) {
			block_end(blocks[i], &tally);
			blocks[i] = NULL;
		} else {
			live += size;
		}
	}
	if (thin > 0) {
		sleep((unsigned)arg_at(argc, argv, 4, 0));
	}
	/* The table is ours, not the allocator's overhead. */
	say_number("rss", rss_now() - table);
	say_number("live", live);
	for (i = 0; i < count; i++) {
		if (blocks[i] != NULL) {
			block_end(blocks[i], &tally);
		}
	}
	free(blocks);
	return bench_end(&tally);
}
