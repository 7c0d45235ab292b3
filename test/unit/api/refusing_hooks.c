/*
 * refusing_hooks: an arena whose hooks refuse now and then keeps contents and
 * structures whole.
 *
 * REFUSING_HOOKS_SECONDS sets how long, with new numbers each time; without it
 * there are some rounds with the same numbers.
 */
#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/entry.h"
#include "arena/arenas.h"
#include "ds/prng.h"

#define REFUSE_PERCENT 30
#define TCACHE_NONE 0x100
#define NBLOCKS 200
#define NROUNDS 4

static uint64_t hook_prng = 1;

static bool
refuses(void)
{
	uint64_t seed = __atomic_add_fetch(&hook_prng, 0x9e3779b97f4a7c15u,
	    __ATOMIC_RELAXED);
	/* They also allocate, while whatever locks are held. */
	je_free(je_malloc(prng_below(&seed, 4) == 0 ? 300000 : 300));
	return prng_below(&seed, 100) < REFUSE_PERCENT;
}

static extent_hooks_t *base;

static void *
hook_alloc(extent_hooks_t *table, void *new_addr, size_t size, size_t alignment,
    bool *zero, bool *commit, unsigned ind)
{
	return refuses()
	    ? NULL
	    : base->alloc(base, new_addr, size, alignment, zero, commit, ind);
}

static bool
hook_dalloc(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned ind)
{
	if (refuses()) {
		return true;
	}
	base->destroy(base, addr, size, committed, ind);
	return false;
}

static void
hook_destroy(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned ind)
{
	base->destroy(base, addr, size, committed, ind);
}

/* Decommitting is possible: the contents go. */
static bool
hook_commit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	return refuses();
}

static bool
hook_decommit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	return refuses() ||
	    base->purge_forced(base, addr, size, offset, length, ind);
}

static bool
hook_purge_lazy(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	return refuses() ||
	    base->purge_lazy(base, addr, size, offset, length, ind);
}

static bool
hook_purge_forced(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	return refuses() ||
	    base->purge_forced(base, addr, size, offset, length, ind);
}

static bool
hook_split(extent_hooks_t *table, void *addr, size_t size, size_t size_a,
    size_t size_b, bool committed, unsigned ind)
{
	return refuses();
}

static bool
hook_merge(extent_hooks_t *table, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed, unsigned ind)
{
	return refuses() ||
	    base->merge(base, addr_a, size_a, addr_b, size_b, committed, ind);
}

static extent_hooks_t hooks = {hook_alloc, hook_dalloc, hook_destroy,
    hook_commit, hook_decommit, hook_purge_lazy, hook_purge_forced, hook_split,
    hook_merge};

typedef struct {
	unsigned char *p;
	size_t size;
	unsigned char seed;
} block_t;

/* A few bytes of each page, and both ends. */
static void
fill(block_t *b, bool check)
{
	size_t step = b->size > 8192 ? 509 : 7;
	for (size_t i = 0; i < b->size - 1; i += step) {
		unsigned char byte = (unsigned char)(b->seed + i);
		if (check) {
			assert_int_equal(b->p[i], byte);
		}
		b->p[i] = byte;
	}
	if (check) {
		assert_int_equal(b->p[b->size - 1], b->seed);
	}
	b->p[b->size - 1] = b->seed;
}

static size_t
random_size(uint64_t *prng)
{
	unsigned lg = (unsigned)prng_below(prng, 21);
	return (size_t)prng_below(prng, (uint64_t)1 << lg) + 1;
}

static void
check_prefix(block_t *b, size_t size)
{
	size_t step = b->size > 8192 ? 509 : 7;
	for (size_t i = 0; i < b->size - 1 && i < size; i += step) {
		assert_int_equal(b->p[i], (unsigned char)(b->seed + i));
	}
}

static void
step(block_t *b, int flags, uint64_t *prng)
{
	if (b->p == NULL) {
		b->size = random_size(prng);
		b->seed = (unsigned char)prng_next(prng);
		bool zero = prng_below(prng, 4) == 0;
		b->p = je_mallocx(b->size, flags | (zero ? 0x40 : 0));
		for (size_t i = 0; zero && b->p != NULL && i < b->size; i++) {
			assert_int_equal(b->p[i], 0);
		}
		if (b->p != NULL) {
			fill(b, false);
		}
	} else if (prng_below(prng, 3) == 0) {
		size_t size = random_size(prng);
		unsigned char *p = je_rallocx(b->p, size, flags);
		if (p != NULL) {
			b->p = p;
			check_prefix(b, size);
			b->size = size;
			fill(b, false);
		}
	} else {
		fill(b, true);
		je_dallocx(b->p, TCACHE_NONE);
		b->p = NULL;
	}
}

static void
purge(unsigned ind)
{
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.purge", ind);
	assert_int_equal(je_mallctl(name, NULL, NULL, NULL, 0), 0);
}

static void
round_of(uint64_t *prng)
{
	static block_t blocks[NBLOCKS];
	unsigned ind;
	size_t length = sizeof(ind);
	extent_hooks_t *table = &hooks;
	while (je_mallctl("arenas.create", &ind, &length, &table,
		   sizeof(table)) != 0) {
	}
	int flags = (int)((ind + 1) << 20) | TCACHE_NONE;
	for (unsigned i = 0; i < 4000; i++) {
		step(&blocks[prng_below(prng, NBLOCKS)], flags, prng);
		if (i % 256 == 0) {
			purge(ind);
		}
		if (i % 64 == 0) {
			assert_true(arena_verify(arenas_get(ind)));
		}
	}
	for (unsigned i = 0; i < NBLOCKS; i++) {
		if (blocks[i].p != NULL) {
			fill(&blocks[i], true);
			je_dallocx(blocks[i].p, TCACHE_NONE);
			blocks[i].p = NULL;
		}
	}
	assert_true(arena_verify(arenas_get(ind)));
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.destroy", ind);
	assert_int_equal(je_mallctl(name, NULL, NULL, NULL, 0), 0);
	assert_true(arenas_verify());
}

TEST_CONF(contents_and_structures_stay_whole, "junk:false")
{
	const char *seconds = getenv("REFUSING_HOOKS_SECONDS");
	time_t now = time(NULL);
	time_t end = seconds == NULL ? 0 : now + atoi(seconds);
	uint64_t prng = seconds == NULL ? 1 : (uint64_t)now;
	print_message("numbers from %ju on\n", (uintmax_t)prng);
	size_t length = sizeof(base);
	assert_int_equal(je_mallctl("arena.0.extent_hooks", &base, &length,
			     NULL, 0),
	    0);
	for (unsigned i = 0; i < NROUNDS || time(NULL) < end; i++) {
		round_of(&prng);
	}
}
