#include "ctl/frag.h"

#include "support/harness.h"

#include <pthread.h>
#include <stdio.h>

#include "ctl_support.h"

static arena_t *arena;
static void *regs[1 << 16];
static unsigned nregs;

static void
setup(void)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	arena = arenas_get_auto(1);
	assert_non_null(arena);
}

/* All regions of so many slabs of a class. */
static void
take_slabs(unsigned szind, unsigned nslabs)
{
	bool contended;
	unsigned wanted = bin_infos[szind].nregs * nslabs;
	assert_true(wanted <= sizeof(regs) / sizeof(regs[0]));
	for (nregs = 0; nregs < wanted;) {
		unsigned n = wanted - nregs < 64 ? wanted - nregs : 64;
		unsigned got = arena_fill(arena, szind, 0, regs + nregs, n,
		    &contended);
		assert_true(got > 0);
		nregs += got;
	}
}

/* Give back the first n regions of a slab, the i-th in order of address. */
static void
give_back(unsigned szind, unsigned i, unsigned n)
{
	void *some[64];
	void **from = regs + (size_t)i * bin_infos[szind].nregs;
	while (n > 0) {
		unsigned chunk = n < 64 ? n : 64;
		for (unsigned j = 0; j < chunk; j++) {
			some[j] = from[j];
		}
		arena_flush(szind, some, chunk);
		from += chunk;
		n -= chunk;
	}
}

static size_t
read_bin(size_t ind, unsigned szind, const char *field)
{
	char path[CTL_PATH_SIZE + 32];
	snprintf(path, sizeof(path), "stats.arenas.%zu.bins.%u.frag.%s", ind,
	    szind, field);
	return get_size(path);
}

static size_t
read_arena(size_t ind, const char *field)
{
	char path[CTL_PATH_SIZE + 32];
	snprintf(path, sizeof(path), "stats.arenas.%zu.frag.%s", ind, field);
	return get_size(path);
}

/* Slabs are counted by how many of their regions are in use. */
TEST(counts)
{
	setup();
	unsigned szind = szind_of(512);
	unsigned n = bin_infos[szind].nregs;
	take_slabs(szind, 10);
	/* 5 full; 3 of 90 percent or less; 2 with a single region. */
	for (unsigned i = 0; i < 3; i++) {
		give_back(szind, i, n / 10 + 1);
	}
	give_back(szind, 3, n - 1);
	give_back(szind, 4, n - 1);
	new_epoch();
	size_t used = (size_t)(n - n / 10 - 1) * 10 / n;
	char field[8];
	snprintf(field, sizeof(field), "util_%zu", used);
	for (unsigned i = 0; i < 2; i++) {
		size_t ind = i == 0 ? 1 : SNAP_ARENAS_ALL;
		assert_int_equal(read_bin(ind, szind, "slabs"), 10);
		assert_int_equal(read_bin(ind, szind, "full"), 5);
		assert_int_equal(read_bin(ind, szind, "partial"), 5);
		assert_int_equal(read_bin(ind, szind, "empty"), 0);
		assert_int_equal(read_bin(ind, szind, "util_0"), 2);
		assert_int_equal(read_bin(ind, szind, field), 3);
		assert_int_equal(read_bin(ind, szind, "pinned"),
		    512 * (3 * (n / 10 + 1) + 2 * (n - 1)));
		assert_int_equal(read_arena(ind, "slabs"), 10);
		assert_int_equal(read_arena(ind, "pinned"),
		    read_bin(ind, szind, "pinned"));
	}
	assert_int_equal(read_arena(0, "slabs"), 0);
	assert_int_equal(read_bin(1, szind + 1, "slabs"), 0);
}

/* As often as an epoch, and then as things are. */
TEST(epochs)
{
	setup();
	unsigned szind = szind_of(64);
	take_slabs(szind, 4);
	new_epoch();
	assert_int_equal(read_arena(1, "full"), 4);
	give_back(szind, 0, 1);
	assert_int_equal(read_arena(1, "full"), 4);
	new_epoch();
	assert_int_equal(read_arena(1, "full"), 3);
	assert_int_equal(read_arena(1, "partial"), 1);
	assert_int_equal(read_arena(1, "util_9"), 1);
	/* A slab may stay although it is empty, and pins nothing then. */
	for (unsigned i = 1; i < 4; i++) {
		give_back(szind, i, bin_infos[szind].nregs);
	}
	new_epoch();
	assert_int_equal(read_arena(1, "full"), 0);
	assert_int_equal(read_arena(1, "partial"), 1);
	assert_int_equal(read_arena(1, "empty"), read_arena(1, "slabs") - 1);
	assert_int_equal(read_arena(1, "pinned"), 64);
}

/* The sums agree with what the bins count themselves. */
TEST(many_slabs)
{
	setup();
	unsigned szind = szind_of(14336);
	bool contended;
	for (unsigned i = 0; i < 5000; i++) {
		assert_int_equal(arena_fill(arena, szind, 0, regs, 1,
				     &contended),
		    1);
	}
	new_epoch();
	char path[64];
	snprintf(path, sizeof(path), "stats.arenas.1.bins.%u.curslabs", szind);
	assert_int_equal(read_bin(1, szind, "slabs"), get_size(path));
	assert_true(read_arena(1, "slabs") >= 5000 / bin_infos[szind].nregs);
}

static void *
ask(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		if (arg != NULL) {
			new_epoch();
		}
		assert_int_equal(read_arena(1, "slabs"), 40);
	}
	return NULL;
}

/* Several threads ask, and epochs go by meanwhile: nobody sees half of it. */
TEST(threads)
{
	setup();
	take_slabs(szind_of(1024), 40);
	pthread_t threads[3];
	for (uintptr_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, ask,
				     (void *)i),
		    0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}
