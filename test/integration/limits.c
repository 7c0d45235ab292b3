/*
 * limits: a limit of memory is kept where unused memory would pass it, and
 * arenas follow processors where they are told to.
 */
#include "support.h"

#include <sched.h>
#include <time.h>

enum { SLOTS = 4000 };

static unsigned
arena_of_thread(void)
{
	unsigned arena;
	size_t size = sizeof(arena);
	assert_int_equal(mallctl("thread.arena", &arena, &size, NULL, 0), 0);
	return arena;
}

/* Sizes change all the time, so that much memory lies unused between. */
static size_t
peak_of_churn(size_t live, unsigned rounds)
{
	static char *blocks[SLOTS];
	static size_t sizes[SLOTS];
	size_t now = 0, peak = 0;
	unsigned seed = 1;
	for (unsigned i = 0; i < rounds; i++) {
		size_t scale = (size_t)1 << (12 + i / 500 % 9);
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 8) % SLOTS;
		free(blocks[at]);
		now -= sizes[at];
		size_t size = scale / 2 + (seed >> 4) % scale;
		bool fits = now + size <= live;
		sizes[at] = fits ? size : 0;
		now += sizes[at];
		blocks[at] = fits ? hide(malloc(size)) : NULL;
		if (fits) {
			memset(blocks[at], 1, size);
		}
		if (i % 100 == 0) {
			size_t resident = resident_bytes();
			peak = resident > peak ? resident : peak;
		}
	}
	return peak;
}

TEST_CONF(without_a_limit, "mem_limit:0,dirty_decay_ms:-1")
{
	/* Otherwise the next test proves nothing. */
	assert_true(peak_of_churn(150 * MIB, 40000) > 190 * MIB);
}

TEST_CONF(limit_of_memory, "mem_limit:199229440")
{
	assert_true(peak_of_churn(150 * MIB, 40000) < 190 * MIB);
	uint64_t n;
	bool has_stats;
	size_t limit, size = sizeof(has_stats);
	assert_int_equal(mallctl("config.stats", &has_stats, &size, NULL, 0),
	    0);
	if (!has_stats) {
		return;
	}
	size = sizeof(n);
	assert_int_equal(mallctl("stats.pressure.num_purges", &n, &size, NULL,
			     0),
	    0);
	assert_true(n > 0);
	assert_int_equal(mallctl("stats.pressure.limit", &limit, &size, NULL,
			     0),
	    0);
	assert_int_equal(limit, 190 * MIB);
}

/* The arena follows the thread from processor to processor. */
TEST_CONF(percpu, "percpu_arena:percpu,narenas:1024")
{
	cpu_set_t before, one;
	unsigned arena = 0;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!CPU_ISSET(cpu, &before) ||
		    sched_setaffinity(0, sizeof(one), &one) != 0) {
			continue;
		}
		free(hide(malloc(100)));
		assert_int_equal(arena_of_thread(), cpu);
		assert_int_equal(mallctl("thread.arena", NULL, NULL, &arena,
				     sizeof(arena)),
		    EPERM);
	}
	/* Whoever takes an arena of its own keeps it. */
	size_t size = sizeof(arena);
	assert_int_equal(mallctl("arenas.create", &arena, &size, NULL, 0), 0);
	assert_int_equal(mallctl("thread.arena", NULL, NULL, &arena,
			     sizeof(arena)),
	    0);
	(void)sched_setaffinity(0, sizeof(before), &before);
	free(hide(malloc(100)));
	assert_int_equal(arena_of_thread(), arena);
}
