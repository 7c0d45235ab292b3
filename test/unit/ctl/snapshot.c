#include "ctl/snapshot.h"

#include "support/harness.h"

#include <pthread.h>
#include <string.h>

#include "arena/large.h"
#include "ctl_support.h"
#include "ds/prng.h"
#include "thread/tcache.h"

static void *
take_epoch(void *unused)
{
	new_epoch();
	return unused;
}

/* Some of everything, in several arenas. */
static void
use(void)
{
	uint64_t prng = 5;
	void *regs[50];
	bool contended;
	for (unsigned i = 0; i < 200; i++) {
		arena_t *arena = arenas_get_auto(i % 3);
		unsigned szind = (unsigned)prng_below(&prng, SC_NBINS);
		unsigned n = arena_fill(arena, szind, 0, regs, 50, &contended);
		assert_true(n > 0);
		if (i % 2 != 0) {
			arena_flush(szind, regs, n);
		}
		size_t usize = SC_LARGE_MIN + prng_below(&prng, 300) * PAGE;
		void *p = large_alloc(arena, usize, usize, 1, false, &prng);
		if (i % 3 != 0) {
			large_free(p);
		}
	}
}

/* The order that is promised, and sums that are sums. */
static void
check_global(void)
{
	size_t allocated = get_size("stats.allocated");
	size_t active = get_size("stats.active");
	assert_true(allocated > 0);
	assert_true(allocated <= active);
	assert_true(active <= get_size("stats.resident"));
	assert_true(active <= get_size("stats.mapped"));
	assert_true(get_size("stats.metadata") > 0);
	size_t small = 0;
	size_t large = 0;
	size_t pactive = 0;
	for (size_t i = 0; i < 3; i++) {
		small += get_size(
		    name_of("stats.arenas.<i>.small.allocated", i, 0));
		large += get_size(
		    name_of("stats.arenas.<i>.large.allocated", i, 0));
		pactive += get_size(name_of("stats.arenas.<i>.pactive", i, 0));
	}
	assert_int_equal(small, get_size("stats.arenas.4096.small.allocated"));
	assert_int_equal(large, get_size("stats.arenas.4096.large.allocated"));
	assert_int_equal(pactive, get_size("stats.arenas.4096.pactive"));
	assert_int_equal(small + large, allocated);
	assert_true(pactive * PAGE <= active);
}

TEST(sums)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	use();
	new_epoch();
	check_global();
}

/* Classes add up to their arena, and say what the arena's bins say. */
TEST(classes)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	use();
	new_epoch();
	for (size_t i = 0; i < 3; i++) {
		size_t allocated = 0;
		for (size_t j = 0; j < SC_NBINS; j++) {
			size_t regs = get_size(
			    name_of("stats.arenas.<i>.bins.<j>.curregs", i, j));
			uint64_t nmalloc = get_u64(
			    name_of("stats.arenas.<i>.bins.<j>.nmalloc", i, j));
			uint64_t ndalloc = get_u64(
			    name_of("stats.arenas.<i>.bins.<j>.ndalloc", i, j));
			assert_int_equal(regs, nmalloc - ndalloc);
			allocated += regs * szind_size((unsigned)j);
			bin_t *bin = &arenas_get((unsigned)i)->bins[j];
			assert_int_equal(nmalloc, bin->stats.nmalloc);
		}
		assert_int_equal(allocated,
		    get_size(
			name_of("stats.arenas.<i>.small.allocated", i, 0)));
	}
}

/* Free extents by class are the free pages. */
TEST(extents)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	use();
	new_epoch();
	for (size_t i = 0; i < 3; i++) {
		size_t retained = 0;
		for (size_t j = 0; j < SC_NPSIZES; j++) {
			retained += get_size(name_of(
			    "stats.arenas.<i>.extents.<j>.retained_bytes", i,
			    j));
		}
		assert_int_equal(retained,
		    get_size(name_of("stats.arenas.<i>.retained", i, 0)));
	}
}

/* Numbers stay as they are until the next epoch. */
TEST(epochs)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	new_epoch();
	size_t before = get_size("stats.allocated");
	use();
	assert_int_equal(get_size("stats.allocated"), before);
	new_epoch();
	assert_true(get_size("stats.allocated") > before);
	check_global();
}

/* What destroyed arenas counted is kept; what they held is gone. */
TEST(destroyed_arenas)
{
	if (!config_stats) {
		skip();
	}
	uint64_t prng = 1;
	ctl_setup();
	use();
	new_epoch();
	arena_t *arena = arenas_create(NULL, true);
	unsigned ind = arena->ind;
	for (unsigned i = 0; i < 5; i++) {
		assert_non_null(
		    large_alloc(arena, 1 << 20, 1 << 20, 1, false, &prng));
	}
	new_epoch();
	assert_int_equal(get_size(name_of("stats.arenas.<i>.large.allocated",
			     ind, 0)),
	    5 << 20);
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), 0);
	new_epoch();
	assert_int_equal(get_u64("stats.arenas.4097.large.nmalloc"), 5);
	assert_int_equal(get_u64("stats.arenas.4097.large.ndalloc"), 5);
	assert_int_equal(get_size("stats.arenas.4097.large.allocated"), 0);
	assert_true(get_bool("arena.4097.initialized"));
	check_global();
}

/* Blocks in thread caches are counted where the thread is bound. */
TEST(caches)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	tsd_t *tsd = tsd_get();
	unsigned cind = cind_of_usize(64);
	assert_non_null(tcache_alloc_slow(tsd, NULL, cind, 64));
	assert_true(tcache_bytes(tsd) > 0);
	new_epoch();
	assert_int_equal(get_size("stats.arenas.0.tcache_bytes"),
	    tcache_bytes(tsd));
	assert_int_equal(get_unsigned("stats.arenas.0.nthreads"), 1);
}

/* Who gives memory back, for as long as that takes, keeps nobody waiting. */
TEST(nobody_waits_for_purging)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	new_epoch();
	pac_t *pac = &arenas_get(0)->pac;
	uint64_t ops = get_u64("stats.arenas.0.mutexes.decay_dirty.num_ops");
	mutex_lock(&pac->dirty_decay.lock);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, take_epoch, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	mutex_unlock(&pac->dirty_decay.lock);
	assert_true(
	    get_u64("stats.arenas.0.mutexes.decay_dirty.num_ops") > ops);
}
