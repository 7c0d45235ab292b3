/*
 * bench: what the benchmark programs share.
 *
 * Random numbers with a fixed seed, blocks that carry a stamp, threads, and
 * one line of results.  A program calls nothing of the C library that would
 * allocate behind its back (no stdio), so every allocation in a row is one
 * that the row is about.
 *
 * Invariant: the sum of all stamps written depends on the arguments only, not
 * on addresses, time or scheduling.  A block's stamp is added to `made` when
 * it is allocated and to `gone` when it is freed, whoever frees it; the two
 * must agree at the end, and the runner compares the sum across allocators.
 *
 * Not for the library or its tests: this header is included by test/bench
 * programs only.
 */
#ifndef BENCH_H
#define BENCH_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BENCH_UNUSED __attribute__((unused))
#define BENCH_PAGE ((size_t)4096)
#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* Stamps written and stamps found again, one pair per thread. */
typedef struct {
	uint64_t made;
	uint64_t gone;
	uint64_t ops;
} tally_t;

/* Last in what each thread has of its own: no line is shared with the next. */
#define APART char apart[128]

/* Keep the compiler from proving that a pair of malloc and free is void. */
static inline void
opaque(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

_Noreturn static BENCH_UNUSED void
die(const char *what)
{
	ssize_t n = write(2, "bench: ", 7);

	n = write(2, what, strlen(what));
	n = write(2, "\n", 1);
	(void)n;
	_exit(3);
}

static inline void *
must(void *p)
{
	if (__builtin_expect(p == NULL, 0)) {
		die("out of memory");
	}
	return p;
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t
rng_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in [0, bound), bound < 2^32. */
static inline size_t
rng_below(uint64_t *state, size_t bound)
{
	return (size_t)(((rng_next(state) >> 32) * (uint64_t)bound) >> 32);
}

/* Uniform in [lo, hi]. */
static inline size_t
rng_between(uint64_t *state, size_t lo, size_t hi)
{
	return lo + rng_below(state, hi - lo + 1);
}

/*
 * Sizes as programs ask for them: each doubling of the size about half as
 * frequent as the one before, within [lo, hi].
 */
static inline size_t
rng_skewed(uint64_t *state, size_t lo, size_t hi)
{
	uint64_t r = rng_next(state);
	size_t top = lo << __builtin_ctzll(r | ((uint64_t)1 << 40));

	if (top >= hi) {
		top = hi / 2 > lo ? hi / 2 : lo;
	}
	return top + (size_t)((r >> 41) % (2 * top < hi ? top : hi - top + 1));
}

/* A block of at least 8 bytes: its size and a tag in the first word. */
static inline void
block_stamp(void *p, size_t size, uint64_t tag, tally_t *tally)
{
	uint64_t stamp = ((uint64_t)size << 24) ^ (tag & 0xffffff);

	memcpy(p, &stamp, sizeof(stamp));
	tally->made += stamp;
	tally->ops++;
}

static inline void *
block_new(size_t size, uint64_t tag, tally_t *tally)
{
	void *p = must(malloc(size));

	block_stamp(p, size, tag, tally);
	return p;
}

static inline size_t
block_size(const void *p)
{
	uint64_t stamp;

	memcpy(&stamp, p, sizeof(stamp));
	return (size_t)(stamp >> 24);
}

static inline void
block_end(void *p, tally_t *tally)
{
	uint64_t stamp;

	memcpy(&stamp, p, sizeof(stamp));
	tally->gone += stamp;
	free(p);
}

/* Write one word in every `step`-th page of a block, but not its stamp. */
static inline void
block_touch(void *p, size_t size, size_t step)
{
	volatile unsigned char *bytes = p;
	size_t i;

	for (i = BENCH_PAGE; i < size; i += step * BENCH_PAGE) {
		bytes[i] = (unsigned char)i;
	}
}

static inline void
tally_add(tally_t *sum, const tally_t *part)
{
	sum->made += part->made;
	sum->gone += part->gone;
	sum->ops += part->ops;
}

static BENCH_UNUSED unsigned long
arg_at(int argc, char **argv, int i, unsigned long preset)
{
	return i < argc ? strtoul(argv[i], NULL, 0) : preset;
}

static BENCH_UNUSED pthread_t
thread_start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg) != 0) {
		die("no thread");
	}
	return thread;
}

static BENCH_UNUSED void
thread_end(pthread_t thread)
{
	if (pthread_join(thread, NULL) != 0) {
		die("no join");
	}
}

/* Resident bytes now, without allocating. */
static BENCH_UNUSED uint64_t
rss_now(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *second;

	if (fd >= 0) {
		close(fd);
	}
	if (n <= 0) {
		return 0;
	}
	text[n] = '\0';
	second = strchr(text, ' ');
	return second == NULL
	    ? 0
	    : strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static BENCH_UNUSED void
say_number(const char *name, uint64_t value)
{
	char text[64];
	size_t at = sizeof(text);
	size_t length = strlen(name);

	text[--at] = '\n';
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	text[--at] = ' ';
	at -= length;
	memcpy(text + at, name, length);
	if (write(1, text + at, sizeof(text) - at) < 0) {
		_exit(3);
	}
}

/* The end of a program: its exit status. */
static BENCH_UNUSED int
bench_end(const tally_t *tally)
{
	say_number("ops", tally->ops);
	say_number("check", tally->made);
	if (tally->made != tally->gone) {
		die("blocks lost or damaged");
	}
	return 0;
}

#endif /* BENCH_H */
