/*
 * mallctl_arenas: arenas that come, are set, emptied and go.
 */
#include "mallctl_support.h"

#include <limits.h>
#include <pthread.h>

/* Of this arena and past the cache. */
#define ONLY(ind) ((int)MALLOCX_ARENA(ind) | MALLOCX_TCACHE_NONE)

static void *
in_arena(unsigned ind, size_t size)
{
	void *p = hide(mallocx(size, ONLY(ind)));
	assert_non_null(p);
	memset(p, 0x11, size);
	return p;
}

static void
fill_arena(unsigned ind)
{
	for (size_t size = 8; size <= 300 * KIB; size += size / 3 + 8) {
		for (int i = 0; i < 5; i++) {
			in_arena(ind, size);
		}
	}
	assert_non_null(hide(mallocx(4 * MIB, ONLY(ind))));
}

TEST(create_gives_the_next_index)
{
	unsigned n = ctl_unsigned("arenas.narenas");
	assert_int_equal(ctl_arena_new(NULL), n);
	assert_int_equal(ctl_arena_new(NULL), n + 1);
	assert_int_equal(ctl_unsigned("arenas.narenas"), n + 2);
}

TEST(blocks_come_from_the_arena_that_was_asked_for)
{
	unsigned a = ctl_arena_new(NULL), b = ctl_arena_new(NULL);
	static const size_t sizes[] = {1, 64, 5000, 20000, 300000, 9 * MIB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *p = in_arena(a, sizes[i]), *q = in_arena(b, sizes[i]);
		assert_int_equal(ctl_arena_of(p), a);
		assert_int_equal(ctl_arena_of(q), b);
		p = hide(rallocx(p, sizes[i] * 3, ONLY(a)));
		assert_int_equal(ctl_arena_of(p), a);
		dallocx(p, MALLOCX_TCACHE_NONE);
		dallocx(q, MALLOCX_TCACHE_NONE);
	}
}

/* Without TCACHE_NONE a miss fills the cache from the arena. */
TEST(cache_is_filled_from_the_arena)
{
	unsigned a = ctl_arena_new(NULL);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	void *p = hide(mallocx(3000, MALLOCX_ARENA(a)));
	assert_int_equal(ctl_arena_of(p), a);
	dallocx(p, 0);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
}

TEST(no_such_arena)
{
	assert_null(hide(mallocx(100, MALLOCX_ARENA(4000))));
	assert_null(hide(mallocx(100, ONLY(4000))));
	void *p = hide(malloc(100));
	assert_null(hide(rallocx(p, 10000, ONLY(4000))));
	free(p);
}

TEST(lookup)
{
	char local = 0;
	assert_int_equal(ctl_arena_of(&local), UINT_MAX);
	assert_int_equal(ctl_arena_of((void *)(uintptr_t)-1), UINT_MAX);
	assert_int_equal(ctl_arena_of((void *)8), UINT_MAX);
	void *null = NULL, *p = hide(malloc(100));
	unsigned ind;
	size_t length = sizeof(ind);
	assert_int_equal(mallctl("arenas.lookup", &ind, &length, &null, 8),
	    EINVAL);
	assert_int_equal(mallctl("arenas.lookup", &ind, &length, NULL, 0),
	    EINVAL);
	assert_int_equal(mallctl("arenas.lookup", &ind, &length, &p, 4),
	    EINVAL);
	assert_int_equal(mallctl("arenas.lookup", NULL, NULL, &p, 8), 0);
	unsigned mine = ctl_unsigned("thread.arena");
	assert_int_equal(ctl_arena_of(p), mine);
	assert_int_equal(ctl_arena_of((char *)p + 50), mine);
	char *big = hide(malloc(100000));
	assert_int_equal(ctl_arena_of(big), mine);
	free(big);
	free(p);
}

/* A snapshot knows an arena from the next epoch on. */
TEST(new_arenas_wait_for_the_epoch)
{
	ctl_epoch();
	unsigned a = ctl_arena_new(NULL);
	size_t value, length = sizeof(value);
	char name[64];
	snprintf(name, sizeof(name), "stats.arenas.%u.pactive", a);
	assert_int_equal(mallctl(name, &value, &length, NULL, 0), ENOENT);
	assert_false(ctl_bool("arena.%u.initialized", a));
	assert_true(ctl_bool("arena.%d.initialized", MALLCTL_ARENAS_ALL));
	assert_false(
	    ctl_bool("arena.%d.initialized", MALLCTL_ARENAS_DESTROYED));
	ctl_epoch();
	assert_true(ctl_bool("arena.%u.initialized", a));
	assert_int_equal(ctl_size("stats.arenas.%u.pactive", a), 0);
}

TEST(reset_frees_everything)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	unsigned a = ctl_arena_new(NULL);
	for (int round = 0; round < 3; round++) {
		fill_arena(a);
		ctl_epoch();
		assert_true(ctl_size("stats.arenas.%u.small.allocated", a) > 0);
		assert_true(ctl_size("stats.arenas.%u.large.allocated", a) > 0);
		assert_int_equal(ctl_act("arena.%u.reset", a), 0);
		ctl_epoch();
		assert_int_equal(ctl_size("stats.arenas.%u.small.allocated", a),
		    0);
		assert_int_equal(ctl_size("stats.arenas.%u.large.allocated", a),
		    0);
		assert_int_equal(ctl_size("stats.arenas.%u.pactive", a), 0);
		for (unsigned i = 0; i < 36; i++) {
			assert_int_equal(ctl_size("stats.arenas.%u.bins.%u."
						  "curregs",
					     a, i),
			    0);
			assert_int_equal(ctl_size("stats.arenas.%u.bins.%u."
						  "curslabs",
					     a, i),
			    0);
			assert_int_equal(ctl_size("stats.arenas.%u.bins.%u."
						  "nonfull_slabs",
					     a, i),
			    0);
		}
	}
	in_arena(a, 100);
}

TEST(some_arenas_cannot_be_reset)
{
	unsigned auto_count = ctl_unsigned("opt.narenas");
	assert_int_equal(ctl_act("arena.0.reset"), EFAULT);
	assert_int_equal(ctl_act("arena.0.destroy"), EFAULT);
	/* Not used yet. */
	assert_int_equal(ctl_act("arena.%u.reset", auto_count), EFAULT);
	assert_int_equal(ctl_act("arena.%u.destroy", auto_count), EFAULT);
	assert_int_equal(ctl_act("arena.%d.reset", MALLCTL_ARENAS_ALL), EFAULT);
	assert_int_equal(ctl_act("arena.%d.destroy", MALLCTL_ARENAS_ALL),
	    EFAULT);
	assert_int_equal(ctl_act("arena.%d.purge", MALLCTL_ARENAS_DESTROYED),
	    EFAULT);
	unsigned a = ctl_arena_new(NULL);
	assert_int_equal(CTL_PUT(a, "thread.arena"), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), EFAULT);
	unsigned zero = 0;
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	assert_int_equal(CTL_PUT(zero, "thread.arena"), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), EFAULT);
	assert_int_equal(ctl_act("arena.%u.reset", a), EFAULT);
}

/* The last one to go is the first to come back; the count stays. */
TEST(indices_are_used_again)
{
	unsigned first = ctl_arena_new(NULL);
	unsigned ind[5] = {first};
	for (unsigned i = 1; i < 5; i++) {
		ind[i] = ctl_arena_new(NULL);
	}
	unsigned n = ctl_unsigned("arenas.narenas");
	static const unsigned order[] = {3, 0, 4, 1};
	for (unsigned i = 0; i < 4; i++) {
		fill_arena(ind[order[i]]);
		assert_int_equal(ctl_act("arena.%u.destroy", ind[order[i]]), 0);
		assert_null(hide(mallocx(1, ONLY(ind[order[i]]))));
	}
	for (unsigned i = 4; i-- > 0;) {
		assert_int_equal(ctl_arena_new(NULL), ind[order[i]]);
		fill_arena(ind[order[i]]);
	}
	assert_int_equal(ctl_unsigned("arenas.narenas"), n);
	assert_int_equal(ctl_arena_new(NULL), n);
}

/* What was counted is not lost, what is gone is not counted. */
TEST(destroyed_arenas_leave_their_counts)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	unsigned a = ctl_arena_new(NULL);
	fill_arena(a);
	ctl_epoch();
	uint64_t small = ctl_u64("stats.arenas.%u.small.nmalloc", a);
	uint64_t large = ctl_u64("stats.arenas.%u.large.nmalloc", a);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	assert_true(ctl_bool("arena.%d.initialized", MALLCTL_ARENAS_DESTROYED));
	ctl_epoch();
	const int gone = MALLCTL_ARENAS_DESTROYED;
	assert_int_equal(ctl_u64("stats.arenas.%d.small.nmalloc", gone), small);
	assert_int_equal(ctl_u64("stats.arenas.%d.large.nmalloc", gone), large);
	assert_int_equal(ctl_u64("stats.arenas.%d.large.ndalloc", gone), large);
	assert_int_equal(ctl_size("stats.arenas.%d.small.allocated", gone), 0);
	assert_int_equal(ctl_size("stats.arenas.%d.pactive", gone), 0);
	assert_string_equal(ctl_text("stats.arenas.%d.dss", gone), "N/A");
}

/* Address space and metadata of arenas that come and go do not add up. */
TEST(destroyed_arenas_leave_nothing)
{
	size_t mapped = 0, metadata = 0;
	for (int i = 0; i < 60; i++) {
		unsigned a = ctl_arena_new(NULL);
		fill_arena(a);
		assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
		ctl_epoch();
		if (i == 20 && ctl_bool("config.stats")) {
			mapped = ctl_size("stats.mapped") +
			    ctl_size("stats.retained");
			metadata = ctl_size("stats.metadata") -
			    ctl_size("stats.metadata_rtree");
		}
	}
	/* The page map may have grown, where mappings came to lie elsewhere. */
	if (mapped != 0) {
		assert_true(
		    ctl_size("stats.mapped") + ctl_size("stats.retained") <=
		    mapped + 10 * MIB);
		assert_true(ctl_size("stats.metadata") -
			ctl_size("stats.metadata_rtree") <=
		    metadata + 64 * KIB);
	}
	assert_true(resident_bytes() < 64 * MIB);
}

TEST(narenas_is_an_alias_of_all)
{
	unsigned n = ctl_unsigned("arenas.narenas");
	assert_true(ctl_bool("arena.%u.initialized", n));
	assert_int_equal(ctl_act("arena.%u.decay", n), 0);
	assert_int_equal(ctl_act("arena.%u.purge", n), 0);
	assert_int_equal(ctl_act("arena.%d.purge", MALLCTL_ARENAS_ALL), 0);
	assert_int_equal(ctl_act("arena.%d.decay", MALLCTL_ARENAS_ALL), 0);
	assert_string_equal(ctl_text("stats.arenas.%u.dss", n), "N/A");
	assert_int_equal(ctl_act("arena.%u.reset", n), EFAULT);
	ssize_t ms;
	size_t length = sizeof(ms);
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", n);
	assert_int_equal(mallctl(name, &ms, &length, NULL, 0), EFAULT);
}

TEST(purge_returns_all)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	unsigned a = ctl_arena_new(NULL);
	ssize_t never = -1;
	assert_int_equal(CTL_PUT(never, "arena.%u.dirty_decay_ms", a), 0);
	void *p[32];
	for (unsigned i = 0; i < COUNT(p); i++) {
		p[i] = in_arena(a, 100000 + i * 4096);
	}
	for (unsigned i = 0; i < COUNT(p); i++) {
		dallocx(p[i], MALLOCX_TCACHE_NONE);
	}
	ctl_epoch();
	assert_true(ctl_size("stats.arenas.%u.pdirty", a) > 1000);
	assert_int_equal(ctl_act("arena.%u.decay", a), 0);
	ctl_epoch();
	assert_true(ctl_size("stats.arenas.%u.pdirty", a) > 1000);
	assert_int_equal(ctl_act("arena.%u.purge", a), 0);
	ctl_epoch();
	assert_int_equal(ctl_size("stats.arenas.%u.pdirty", a), 0);
	assert_int_equal(ctl_size("stats.arenas.%u.pmuzzy", a), 0);
	assert_true(ctl_u64("stats.arenas.%u.dirty_npurge", a) > 0);
	assert_true(ctl_u64("stats.arenas.%u.dirty_purged", a) > 1000);
}

TEST(decay_times)
{
	static const struct {
		ssize_t ms;
		int error;
	} rows[] = {{-1, 0}, {0, 0}, {1, 0}, {18446744072000, 0},
	    {18446744072001, EFAULT}, {-2, EFAULT}};
	unsigned a = ctl_arena_new(NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ssize_t ms = rows[i].ms;
		assert_int_equal(CTL_PUT(ms, "arena.%u.dirty_decay_ms", a),
		    rows[i].error);
		assert_int_equal(CTL_PUT(ms, "arena.%u.muzzy_decay_ms", a),
		    rows[i].error);
		assert_int_equal(CTL_PUT(ms, "arenas.dirty_decay_ms"),
		    rows[i].error);
		assert_int_equal(CTL_PUT(ms, "arenas.muzzy_decay_ms"),
		    rows[i].error);
		if (rows[i].error == 0) {
			assert_int_equal(ctl_ssize("arena.%u.dirty_decay_ms",
					     a),
			    ms);
			assert_int_equal(ctl_ssize("arena.%u.muzzy_decay_ms",
					     a),
			    ms);
			unsigned b = ctl_arena_new(NULL);
			assert_int_equal(ctl_ssize("arena.%u.dirty_decay_ms",
					     b),
			    ms);
			assert_int_equal(ctl_ssize("arena.%u.muzzy_decay_ms",
					     b),
			    ms);
			assert_int_equal(ctl_act("arena.%u.destroy", b), 0);
		}
	}
}

/* Zero: nothing stays, from now on and of what is there. */
TEST(decay_time_zero)
{
	unsigned a = ctl_arena_new(NULL);
	ssize_t never = -1, zero = 0, soon = 1;
	assert_int_equal(CTL_PUT(never, "arena.%u.dirty_decay_ms", a), 0);
	dallocx(in_arena(a, MIB), MALLOCX_TCACHE_NONE);
	ctl_epoch();
	assert_true(ctl_size("stats.arenas.%u.pdirty", a) >= 256);
	assert_int_equal(CTL_PUT(zero, "arena.%u.dirty_decay_ms", a), 0);
	ctl_epoch();
	assert_int_equal(ctl_size("stats.arenas.%u.pdirty", a), 0);
	dallocx(in_arena(a, MIB), MALLOCX_TCACHE_NONE);
	ctl_epoch();
	assert_int_equal(ctl_size("stats.arenas.%u.pdirty", a), 0);
	/* What was dirty before a new time is set is due. */
	assert_int_equal(CTL_PUT(never, "arena.%u.dirty_decay_ms", a), 0);
	dallocx(in_arena(a, MIB), MALLOCX_TCACHE_NONE);
	assert_int_equal(CTL_PUT(soon, "arena.%u.dirty_decay_ms", a), 0);
	ctl_epoch();
	assert_int_equal(ctl_size("stats.arenas.%u.pdirty", a), 0);
}

TEST(dss_setting)
{
	const char *text = "primary", *old = NULL, *none = NULL, *bad = "x";
	size_t length = sizeof(old);
	unsigned a = ctl_arena_new(NULL);
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.dss", a);
	assert_string_equal(ctl_text("%s", name), ctl_text("opt.dss"));
	/* The new value comes back. */
	assert_int_equal(mallctl(name, &old, &length, &text, 8), 0);
	assert_string_equal(old, "primary");
	assert_int_equal(mallctl(name, &old, &length, &none, 8), 0);
	assert_string_equal(old, "primary");
	assert_int_equal(mallctl(name, &old, &length, &bad, 8), EINVAL);
	bad = "N/A";
	assert_int_equal(mallctl(name, &old, &length, &bad, 8), EINVAL);
	void *p = in_arena(a, MIB);
	char *end = sbrk(0);
	assert_true((char *)p < end && (char *)p > end - 64 * MIB);
	/* With ALL: of arenas to come. */
	text = "disabled";
	assert_int_equal(CTL_PUT(text, "arena.%d.dss", MALLCTL_ARENAS_ALL), 0);
	assert_string_equal(ctl_text("arena.%d.dss", MALLCTL_ARENAS_ALL),
	    "disabled");
	assert_string_equal(ctl_text("arena.0.dss"), ctl_text("opt.dss"));
	assert_string_equal(ctl_text("%s", name), "primary");
	unsigned b = ctl_arena_new(NULL);
	assert_string_equal(ctl_text("arena.%u.dss", b), "disabled");
}

TEST(names_of_arenas)
{
	char buf[32], *p = buf, *none = NULL;
	size_t length = sizeof(p);
	assert_int_equal(mallctl("arena.0.name", &p, &length, NULL, 0), 0);
	assert_string_equal(buf, "auto_0");
	unsigned a = ctl_arena_new(NULL);
	char name[64], wanted[32];
	snprintf(name, sizeof(name), "arena.%u.name", a);
	snprintf(wanted, sizeof(wanted), "manual_%u", a);
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), 0);
	assert_string_equal(buf, wanted);
	char *longer = "0123456789012345678901234567890123456789";
	assert_int_equal(mallctl(name, &p, &length, &longer, 8), 0);
	assert_string_equal(buf, wanted);
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), 0);
	assert_string_equal(buf, "0123456789012345678901234567890");
	assert_int_equal(CTL_PUT(none, "arena.%u.name", a), EINVAL);
	length = 4;
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), EINVAL);
	assert_int_equal(length, 4);
	length = 8;
	assert_int_equal(mallctl("arena.4096.name", &p, &length, NULL, 0),
	    EINVAL);
	snprintf(name, sizeof(name), "arena.%u.name", a + 1);
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), EINVAL);
	snprintf(name, sizeof(name), "arena.%u.name",
	    ctl_unsigned("opt.narenas"));
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), EFAULT);
	free(hide(malloc(9 * MIB)));
	assert_int_equal(mallctl(name, &p, &length, NULL, 0), 0);
	assert_string_equal(buf, "auto_oversize");
}

TEST(grow_limit)
{
	if (!ctl_bool("opt.retain")) {
		skip();
	}
	unsigned a = ctl_arena_new(NULL);
	assert_int_equal(ctl_size("arena.%u.retain_grow_limit", a), LARGE_MAX);
	static const struct {
		size_t limit;
		int error;
		size_t got;
	} rows[] = {{4095, EFAULT, LARGE_MAX}, {0, EFAULT, LARGE_MAX},
	    {SIZE_MAX, EFAULT, LARGE_MAX}, {4096, 0, 4096}, {4097, 0, 4096},
	    {(size_t)-2, 0, LARGE_MAX}, {9 * MIB, 0, 8 * MIB}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t limit = rows[i].limit;
		assert_int_equal(CTL_PUT(limit, "arena.%u.retain_grow_limit",
				     a),
		    rows[i].error);
		assert_int_equal(ctl_size("arena.%u.retain_grow_limit", a),
		    rows[i].got);
	}
	for (int i = 0; i < 40; i++) {
		in_arena(a, 3 * MIB);
	}
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}

TEST(oversize_threshold)
{
	size_t threshold = MIB;
	assert_int_equal(ctl_size("arena.0.oversize_threshold"),
	    ctl_size("opt.oversize_threshold"));
	void *p = hide(malloc(2 * MIB));
	assert_int_equal(ctl_arena_of(p), 0);
	assert_int_equal(CTL_PUT(threshold, "arena.0.oversize_threshold"), 0);
	void *q = hide(malloc(2 * MIB));
	assert_int_equal(ctl_arena_of(q), ctl_unsigned("opt.narenas"));
	/* Not where an arena is named, and not from arenas made by hand. */
	void *r = in_arena(0, 2 * MIB);
	assert_int_equal(ctl_arena_of(r), 0);
	unsigned a = ctl_arena_new(NULL);
	assert_int_equal(CTL_PUT(a, "thread.arena"), 0);
	void *s = hide(malloc(20 * MIB));
	assert_int_equal(ctl_arena_of(s), a);
	free(p);
	free(q);
	free(r);
	free(s);
}

TEST(statistics_add_up)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	void *p[300];
	for (unsigned i = 0; i < COUNT(p); i++) {
		p[i] = hide(malloc(i * i));
	}
	for (int round = 0; round < 2; round++) {
		ctl_epoch();
		size_t allocated = ctl_size("stats.allocated");
		size_t active = ctl_size("stats.active");
		size_t resident = ctl_size("stats.resident");
		assert_true(allocated <= active);
		assert_true(active <= resident);
		assert_true(active <= ctl_size("stats.mapped"));
		assert_int_equal(active % 4096, 0);
		assert_int_equal(resident % 4096, 0);
		const int all = MALLCTL_ARENAS_ALL;
		assert_int_equal(allocated,
		    ctl_size("stats.arenas.%d.small.allocated", all) +
			ctl_size("stats.arenas.%d.large.allocated", all));
		assert_int_equal(active,
		    ctl_size("stats.arenas.%d.pactive", all) * 4096);
		uint64_t nmalloc = 0, curregs = 0;
		for (unsigned i = 0; i < 36; i++) {
			uint64_t in = ctl_u64("stats.arenas.%d.bins.%u.nmalloc",
			    all, i);
			uint64_t out =
			    ctl_u64("stats.arenas.%d.bins.%u.ndalloc", all, i);
			size_t now = ctl_size("stats.arenas.%d.bins.%u.curregs",
			    all, i);
			assert_int_equal(now, in - out);
			nmalloc += in;
			curregs += now * ctl_size("arenas.bin.%u.size", i);
		}
		assert_int_equal(nmalloc,
		    ctl_u64("stats.arenas.%d.small.nmalloc", all));
		assert_int_equal(curregs,
		    ctl_size("stats.arenas.%d.small.allocated", all));
		for (unsigned i = 0; i < COUNT(p); i++) {
			free(p[i]);
			p[i] = NULL;
		}
	}
}

/* Exact where nothing is cached, near where something is. */
TEST_CONF(requests_are_counted_without_caches, "tcache:false")
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	ctl_epoch();
	uint64_t before = ctl_u64("stats.arenas.0.bins.4.nrequests");
	assert_int_equal(ctl_u64("stats.arenas.0.bins.4.nmalloc"), before);
	for (int i = 0; i < 1000; i++) {
		free(hide(malloc(64)));
	}
	ctl_epoch();
	assert_int_equal(ctl_u64("stats.arenas.0.bins.4.nrequests"),
	    before + 1000);
	assert_int_equal(ctl_u64("stats.arenas.0.bins.4.nmalloc"),
	    before + 1000);
}

TEST(requests_are_estimated_with_caches)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	for (int i = 0; i < 500000; i++) {
		free(hide(malloc(64)));
		if (i % 4 == 0) {
			free(hide(malloc(1024)));
		}
	}
	ctl_epoch();
	uint64_t n64 = ctl_u64("stats.arenas.0.bins.4.nrequests");
	uint64_t n1024 = ctl_u64("stats.arenas.0.bins.20.nrequests");
	assert_in_range(n64, 100000, 2000000);
	assert_in_range(n1024, 60000, 250000);
	assert_true(ctl_u64("stats.arenas.0.bins.4.nmalloc") < 1000);
}

static void *
churn_other_arenas(void *stop)
{
	unsigned seed = 1;
	void *p[64] = {NULL};
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		seed = seed * 1103515245 + 12345;
		unsigned i = seed >> 16 & 63;
		free(p[i]);
		p[i] = hide(malloc(seed >> 8 & 0xffff));
	}
	for (unsigned i = 0; i < 64; i++) {
		free(p[i]);
	}
	return NULL;
}

/* Arenas come and go while others are used and watched. */
TEST(arenas_come_and_go_beside_others)
{
	pthread_t threads[4];
	bool stop = false;
	for (unsigned i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
				     churn_other_arenas, &stop),
		    0);
	}
	for (int i = 0; i < 40; i++) {
		unsigned a = ctl_arena_new(NULL);
		fill_arena(a);
		if (i % 3 == 0) {
			ctl_epoch();
		}
		if (i % 2 == 0) {
			assert_int_equal(ctl_act("arena.%u.reset", a), 0);
		}
		assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
}
