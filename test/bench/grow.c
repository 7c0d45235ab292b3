/*
 * grow: realloc of growing things.
 *
 *	grow vector OPS	   vectors of 64 B to 1 MiB, by 1.5 and by 2, 32 at once
 *	grow string OPS	   2,000 strings, appended to a few bytes at a time
 *	grow buffer OPS	   one buffer up to 256 MiB by doubling, pages written
 *
 * OPS counts reallocations.
 */
#include "bench.h"

#define VECTORS 32
#define STRINGS 2000

typedef struct {
	unsigned char *bytes;
	size_t size, limit;
} vector_t;

/* One byte in each page that `realloc` has added, the first one's value. */
static void
fresh_touch(unsigned char *bytes, size_t old, size_t size)
{
	size_t i;

	for (i = old; i < size; i += BENCH_PAGE) {
		bytes[i] = bytes[0];
	}
	bytes[size - 1] = bytes[0];
}

static void
vector_new(vector_t *vector, uint64_t *rng, tally_t *tally)
{
	vector->size = 64;
	vector->limit = rng_skewed(rng, 1024, MIB);
	vector->bytes = must(malloc(vector->size));
	vector->bytes[0] = (unsigned char)vector->limit;
	vector->bytes[vector->size - 1] = vector->bytes[0];
	tally->made += vector->bytes[0];
}

static void
vector_end(vector_t *vector, tally_t *tally)
{
	if (vector->bytes[vector->size - 1] != vector->bytes[0]) {
		die("grow: contents lost");
	}
	tally->gone += vector->bytes[0];
	free(vector->bytes);
}

static void
run_vector(size_t ops, tally_t *tally)
{
	static vector_t vectors[VECTORS];
	uint64_t rng = 6;
	size_t i;

	for (i = 0; i < VECTORS; i++) {
		vector_new(&vectors[i], &rng, tally);
	}
	for (tally->ops = 0; tally->ops < ops; tally->ops++) {
		size_t k = rng_below(&rng, VECTORS);
		vector_t *vector = &vectors[k];
		size_t old = vector->size;

		if (old >= vector->limit) {
			vector_end(vector, tally);
			vector_new(vector, &rng, tally);
			continue;
		}
		vector->size = k % 2 == 0 ? old * 2 : old + old / 2;
		vector->bytes = must(realloc(vector->bytes, vector->size));
		fresh_touch(vector->bytes, old, vector->size);
	}
	for (i = 0; i < VECTORS; i++) {
		vector_end(&vectors[i], tally);
	}
}

static void
run_string(size_t ops, tally_t *tally)
{
	static vector_t strings[STRINGS];
	uint64_t rng = 7;
	size_t i;

	for (i = 0; i < STRINGS; i++) {
		vector_new(&strings[i], &rng, tally);
	}
	for (tally->ops = 0; tally->ops < ops; tally->ops++) {
		vector_t *string = &strings[rng_below(&rng, STRINGS)];
		size_t old = string->size;

		if (old >= 2 * KIB) {
			vector_end(string, tally);
			vector_new(string, &rng, tally);
			continue;
		}
		string->size += rng_between(&rng, 1, 24);
		string->bytes = must(realloc(string->bytes, string->size));
		memset(string->bytes + old, string->bytes[0],
		    string->size - old);
	}
	for (i = 0; i < STRINGS; i++) {
		vector_end(&strings[i], tally);
	}
}

static void
run_buffer(size_t ops, tally_t *tally)
{
	vector_t buffer;
	uint64_t rng = 8;

	vector_new(&buffer, &rng, tally);
	for (tally->ops = 0; tally->ops < ops; tally->ops++) {
		size_t old = buffer.size;

		if (old >= 256 * MIB) {
			vector_end(&buffer, tally);
			vector_new(&buffer, &rng, tally);
			continue;
		}
		buffer.size = old * 2;
		buffer.bytes = must(realloc(buffer.bytes, buffer.size));
		fresh_touch(buffer.bytes, old, buffer.size);
	}
	vector_end(&buffer, tally);
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "vector";
	size_t ops = arg_at(argc, argv, 2, 1000);
	tally_t tally = {0, 0, 0};

	if (strcmp(mode, "vector") == 0) {
		run_vector(ops, &tally);
	} else if (strcmp(mode, "string") == 0) {
		run_string(ops, &tally);
	} else if (strcmp(mode, "buffer") == 0) {
		run_buffer(ops, &tally);
	} else {
		die("grow: unknown mode");
	}
	return bench_end(&tally);
}
