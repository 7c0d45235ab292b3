/*
 * stats_support: the statistics as values by path, and what has to be true of
 * them when nothing moves.
 */
#ifndef TEST_INTEGRATION_STATS_SUPPORT_H
#define TEST_INTEGRATION_STATS_SUPPORT_H

#include "support.h"

#include "support/json.h"

#define NLEAVES_MAX 60000

/* A value of an output. */
typedef struct {
	char path[128];
	json_kind_t kind;
	bool is_negative;
	uint64_t number; /* or length of a string or array */
} leaf_t;

/* One output, sorted by path. */
typedef struct {
	leaf_t leaves[NLEAVES_MAX];
	size_t n;
} values_t;

extern char stats_text[8 << 20];
extern values_t now;

/* Into stats_text, and from JSON into values. */
void print(const char *opts);
void parse(const char *json, values_t *values);

/* NULL: there is no such path. */
const leaf_t *find(const values_t *values, const char *path);

/* The number at a path that is put together; the test fails without it. */
uint64_t number(const values_t *values, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void assert_equal(uint64_t a, uint64_t b, const char *arena, const char *what);
void
assert_at_most(uint64_t a, uint64_t b, const char *arena, const char *what);

bool config_is(const char *name);
void skip_without_stats(void);
unsigned create_arena(void);
void arena_act(unsigned ind, const char *what);

/* Blocks that go with a reset are not counted as deallocated. */
extern bool arenas_were_reset;

/* Take a snapshot into `now`, and check it: nothing may be under way. */
#define NARENAS_MAX 32
void check_identities(void);

#endif /* TEST_INTEGRATION_STATS_SUPPORT_H */
