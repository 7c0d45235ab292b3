/*
 * stress: objects with a content that can be checked, and the scale of runs.
 *
 * Every byte of an object is derived from its address, size and seed, so an
 * object that overlaps another, or was given out twice, does not pass its
 * check.  Objects are plain values: they can change hands between threads.
 *
 * Scale: STRESS_FULL=1 for the long form of each test, STRESS_SECONDS=N for
 * the length of the timed ones, STRESS_SEED=N to repeat a run.  A failed
 * check prints the seed and aborts.
 */
#ifndef TEST_STRESS_STRESS_H
#define TEST_STRESS_STRESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jemalloc/jemalloc.h"
#include "support/harness.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CHECK(c)                                                               \
	do {                                                                   \
		if (!(c)) {                                                    \
			stress_failed(__FILE__, __LINE__, #c);                 \
		}                                                              \
	} while (0)
_Noreturn void stress_failed(const char *file, int line, const char *what);

bool stress_is_full(void);
/* How long a timed test runs; `normal` is for the short form. */
uint64_t stress_duration_ms(uint64_t normal);
uint64_t stress_now_ms(void);
uint64_t stress_seed(void);

/* A random stream for each thread; any start value will do. */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t bound);
/* A size as programs have them: mostly small, now and then up to `max`. */
size_t random_size(uint64_t *state, size_t max);

typedef struct {
	void *ptr; /* NULL: no object */
	size_t size; /* bytes that are filled */
	size_t alignment; /* 0: none was asked for */
	uint64_t seed;
} object_t;

/* Obtain an object through a randomly chosen entry point, and fill it. */
object_t object_new(uint64_t *random, size_t size_max);
/* Change its size, checking what must be kept. */
void object_resize(object_t *object, uint64_t *random, size_t size_max);
void object_check(const object_t *object);
/* Check, and release through a randomly chosen entry point. */
void object_delete(object_t *object, uint64_t *random);

size_t stress_resident_bytes(void);

#endif
