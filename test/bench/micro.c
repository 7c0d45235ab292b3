/*
 * micro: the shortest loops: pairs, LIFO and FIFO batches, single calls.
 *
 *	micro MODE OPS [SIZE]
 *
 * Each mode is also a row of the instruction count, so its path must not
 * depend on addresses nor on what blocks contain: nothing is verified here
 * but the number of operations.  OPS counts pairs (of an allocation and its
 * free) or single steps of realloc.
 */
#include "bench.h"

#define LIFO_DEPTH 100
#define FIFO_DEPTH 1000
#define RANDOM_LIVE 10000

/* The sized and the C++ forms exist in some allocators only. */
extern void free_sized(void *, size_t) __attribute__((weak));
extern void sdallocx(void *, size_t, int) __attribute__((weak));
extern void *_Znwm(size_t) __attribute__((weak));
extern void _ZdlPv(void *) __attribute__((weak));
extern void _ZdlPvm(void *, size_t) __attribute__((weak));

static void
run_pair(size_t ops, size_t size)
{
	size_t i;

	for (i = 0; i < ops; i++) {
		char *p = must(malloc(size));

		*(volatile char *)p = 1;
		opaque(p);
		free(p);
	}
}

static void
run_lifo(size_t ops, size_t size)
{
	void *stack[LIFO_DEPTH];
	size_t done, i;

	for (done = 0; done < ops; done += LIFO_DEPTH) {
		for (i = 0; i < LIFO_DEPTH; i++) {
			stack[i] = must(malloc(size));
			*(volatile char *)stack[i] = 1;
		}
		for (i = LIFO_DEPTH; i-- > 0;) {
			free(stack[i]);
		}
	}
}

static void
run_fifo(size_t ops, size_t size)
{
	static void *queue[FIFO_DEPTH];
	size_t done, i;

	for (done = 0; done < ops; done += FIFO_DEPTH) {
		for (i = 0; i < FIFO_DEPTH; i++) {
			queue[i] = must(malloc(size));
			*(volatile char *)queue[i] = 1;
		}
		for (i = 0; i < FIFO_DEPTH; i++) {
			free(queue[i]);
		}
	}
}

/* Replace a random one of 10,000 live blocks of 8 to `size` bytes. */
static void
run_random(size_t ops, size_t size)
{
	static void *slots[RANDOM_LIVE];
	uint64_t rng = 42;
	size_t i;

	for (i = 0; i < RANDOM_LIVE; i++) {
		slots[i] = must(malloc(rng_between(&rng, 8, size)));
	}
	for (i = 0; i < ops; i++) {
		uint64_t r = rng_next(&rng);
		size_t slot = (size_t)(((r >> 32) * RANDOM_LIVE) >> 32);
		size_t bytes = 8 +
		    (size_t)(((r & 0xffffffff) * (size - 7)) >> 32);

		free(slots[slot]);
		slots[slot] = must(malloc(bytes));
		*(volatile char *)slots[slot] = 1;
	}
	for (i = 0; i < RANDOM_LIVE; i++) {
		free(slots[i]);
	}
}

static void
run_calloc(size_t ops, size_t size)
{
	size_t i;

	for (i = 0; i < ops; i++) {
		void *p = must(calloc(1, size));

		opaque(p);
		free(p);
	}
}

/* From 64 bytes to `size` by doubling, over and over: ops steps. */
static void
run_double(size_t ops, size_t size)
{
	size_t done = 0;

	while (done < ops) {
		size_t bytes = 64;
		char *p = must(malloc(bytes));

		while (bytes < size) {
			bytes *= 2;
			p = must(realloc(p, bytes));
			*(volatile char *)p = 1;
			done++;
		}
		free(p);
	}
}

/* realloc between two sizes of one size class. */
static void
run_same(size_t ops, size_t size)
{
	char *p = must(malloc(size));
	size_t i;

	for (i = 0; i < ops; i++) {
		p = must(realloc(p, size - (i & 1)));
		opaque(p);
	}
	free(p);
}

static void
free_plain(void *p, size_t size)
{
	(void)size;
	free(p);
}

static void
free_flags(void *p, size_t size)
{
	sdallocx(p, size, 0);
}

static void
run_sized(size_t ops, size_t size)
{
	void (*release)(void *, size_t) = free_plain;
	size_t i;

	if (free_sized != NULL) {
		release = free_sized;
	} else if (_ZdlPvm != NULL) {
		release = _ZdlPvm;
	} else if (sdallocx != NULL) {
		release = free_flags;
	}
	for (i = 0; i < ops; i++) {
		void *p = must(malloc(size));

		opaque(p);
		release(p, size);
	}
}

static void
run_new(size_t ops, size_t size)
{
	void *(*get)(size_t) = _Znwm != NULL ? _Znwm : malloc;
	void (*put)(void *) = _ZdlPv != NULL ? _ZdlPv : free;
	size_t i;

	for (i = 0; i < ops; i++) {
		void *p = get(size);

		opaque(p);
		put(p);
	}
}

static void
run_put(size_t ops, size_t size, void (*put)(void *, size_t))
{
	void *(*get)(size_t) = _Znwm != NULL ? _Znwm : malloc;
	size_t i;

	for (i = 0; i < ops; i++) {
		void *p = get(size);

		opaque(p);
		put(p, size);
	}
}

static void
run_new_sized(size_t ops, size_t size)
{
	run_put(ops, size, _ZdlPvm != NULL ? _ZdlPvm : free_plain);
}

static void
run_flags(size_t ops, size_t size)
{
	run_put(ops, size, sdallocx != NULL ? free_flags : free_plain);
}

static void
run_aligned(size_t ops, size_t size)
{
	size_t i;

	for (i = 0; i < ops; i++) {
		void *p = must(aligned_alloc(64, size));

		opaque(p);
		free(p);
	}
}

static const struct {
	const char *name;
	void (*run)(size_t ops, size_t size);
	size_t size;
} modes[] = {
    {"pair", run_pair, 16},
    {"lifo", run_lifo, 64},
    {"fifo", run_fifo, 64},
    {"random", run_random, 1024},
    {"calloc", run_calloc, 256},
    {"double", run_double, 1024 * 1024},
    {"same", run_same, 160},
    {"sized", run_sized, 16},
    {"new", run_new, 16},
    {"new-sized", run_new_sized, 16},
    {"sdallocx", run_flags, 16},
    {"aligned", run_aligned, 256},
};

int
main(int argc, char **argv)
{
	tally_t tally = {0, 0, 0};
	size_t i;

	tally.ops = arg_at(argc, argv, 2, 1000);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc > 1 && strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run(tally.ops,
			    arg_at(argc, argv, 3, modes[i].size));
			return bench_end(&tally);
		}
	}
	die("micro: unknown mode");
}
