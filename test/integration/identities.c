/*
 * identities: after threads have done at random whatever changes a statistic,
 * and have come to an end, every identity between statistics holds; while they
 * are at it, no number is torn, negative or absurd.
 */
#include "stats_support.h"

#include <pthread.h>
#include <stdatomic.h>

#define NTHREADS_MAX 6
#define NSLOTS 256
#define NRUNS 25

/* What threads hand over to each other. */
static _Atomic(void *) slots[NSLOTS];

/* Arenas made by hand, of which nothing is shared. */
#define NMANUAL 4
static unsigned manual[NMANUAL];
static unsigned nmanual;

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 33;
}

static size_t
random_size(uint64_t *seed)
{
	switch (next(seed) % 16) {
	case 0:
		return next(seed) % (512 * KIB);
	case 1:
	case 2:
		return next(seed) % (40 * KIB);
	default:
		return next(seed) % 2048;
	}
}

static void *
allocate(uint64_t *seed)
{
	size_t size = random_size(seed) + 1;
	void *p;
	switch (next(seed) % 8) {
	case 0:
		p = calloc(1, size);
		break;
	case 1:
		p = mallocx(size, MALLOCX_ALIGN((size_t)1 << next(seed) % 14));
		break;
	case 2:
		p = mallocx(size, MALLOCX_TCACHE_NONE);
		break;
	default:
		p = malloc(size);
	}
	assert_non_null(hide(p));
	*(char *)p = 1;
	return p;
}

static void
act(uint64_t *seed)
{
	static const char *const names[] = {"thread.tcache.flush",
	    "arena.0.decay", "arena.4096.purge", "thread.idle",
	    "arena.4096.decay"};
	(void)mallctl(names[next(seed) % COUNT(names)], NULL, NULL, NULL, 0);
}

/* In an arena made by hand: blocks that go with it. */
static void
use_manual(uint64_t *seed)
{
	int flags = MALLOCX_ARENA(manual[next(seed) % nmanual]) |
	    MALLOCX_TCACHE_NONE;
	void *p = mallocx(random_size(seed) + 1, flags);
	assert_non_null(hide(p));
	if (next(seed) % 2 == 0) {
		dallocx(p, MALLOCX_TCACHE_NONE);
	}
}

static void *
work(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	unsigned n = 500 + next(&seed) % 3000;
	for (unsigned i = 0; i < n; i++) {
		unsigned what = next(&seed) % 512;
		void *p = NULL;
		if (what == 0) {
			act(&seed);
		} else if (what < 16 && nmanual != 0) {
			use_manual(&seed);
		} else if (what < 260) {
			p = allocate(&seed);
		}
		p = atomic_exchange(&slots[next(&seed) % NSLOTS], p);
		if (p != NULL && what % 16 == 5) {
			p = realloc(p, random_size(&seed) + 1);
			assert_non_null(hide(p));
		}
		if (p != NULL && what % 2 == 0) {
			sdallocx(p, malloc_usable_size(p), 0);
		} else {
			free(p);
		}
	}
	return NULL;
}

/* Some threads; the caller is one of them. */
static void
work_in_threads(uint64_t *seed, unsigned n)
{
	pthread_t threads[NTHREADS_MAX];
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work,
				     (void *)(uintptr_t)next(seed)),
		    0);
	}
	(void)work((void *)(uintptr_t)next(seed));
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

static void
change_arenas(uint64_t *seed)
{
	switch (next(seed) % 4) {
	case 0:
		if (nmanual < NMANUAL) {
			manual[nmanual++] = create_arena();
		}
		break;
	case 1:
		if (nmanual > 1) {
			arena_act(manual[--nmanual], "destroy");
		}
		break;
	case 2:
		arena_act(manual[next(seed) % nmanual], "reset");
		arenas_were_reset = true;
		break;
	default:
		arena_act(manual[next(seed) % nmanual], "purge");
	}
}

static uint64_t
read_u64(const char *name)
{
	uint64_t value = 0;
	size_t size = sizeof(value);
	assert_int_equal(mallctl(name, &value, &size, NULL, 0), 0);
	return value;
}

static void
new_epoch(void)
{
	uint64_t epoch = 1;
	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)),
	    0);
}

/* What a flush takes out of caches is what was said to be in them. */
static void
check_cached(void)
{
	/* What was left at busy bins returns first. */
	assert_int_equal(mallctl("arena.4096.purge", NULL, NULL, NULL, 0), 0);
	new_epoch();
	uint64_t allocated = read_u64("stats.allocated");
	uint64_t cached = read_u64("stats.arenas.4096.tcache_bytes");
	/* EFAULT where there is none. */
	(void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	new_epoch();
	assert_int_equal(read_u64("stats.arenas.4096.tcache_bytes"), 0);
	assert_int_equal(allocated - read_u64("stats.allocated"), cached);
}

/* Once all blocks are freed, as much is allocated as was before. */
static void
free_all(void)
{
	for (unsigned i = 0; i < NSLOTS; i++) {
		free(atomic_exchange(&slots[i], NULL));
	}
	while (nmanual > 0) {
		arena_act(manual[--nmanual], "destroy");
	}
}

static uint64_t
allocated_now(void)
{
	(void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
	(void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	new_epoch();
	return read_u64("stats.allocated");
}

static void *
meet(void *barrier)
{
	pthread_barrier_wait(barrier);
	return NULL;
}

/* What the C library keeps for each stack that it has, and keeps. */
static void
make_stacks(void)
{
	pthread_t threads[NTHREADS_MAX];
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, NTHREADS_MAX);
	for (unsigned i = 0; i < NTHREADS_MAX; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, meet,
				     &barrier),
		    0);
	}
	for (unsigned i = 0; i < NTHREADS_MAX; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

static void
run_many(uint64_t seed)
{
	skip_without_stats();
	make_stacks();
	work_in_threads(&seed, NTHREADS_MAX);
	free_all();
	uint64_t before = allocated_now();
	manual[nmanual++] = create_arena();
	unsigned nruns = getenv("STRESS_FULL") != NULL ? 4 * NRUNS : NRUNS;
	for (unsigned i = 0; i < nruns; i++) {
		work_in_threads(&seed, next(&seed) % NTHREADS_MAX);
		change_arenas(&seed);
		check_identities();
		if (i % 4 == 0) {
			check_cached();
		}
	}
	free_all();
	manual[nmanual++] = create_arena();
	check_identities();
	free_all();
	/* The C library keeps a block for each stack, of our threads too. */
	assert_in_range(allocated_now(), before, before + 8 * 512);
}

TEST(random_runs)
{
	run_many(1);
}

TEST_CONF(random_runs_in_many_arenas, "narenas:12,percpu_arena:disabled")
{
	run_many(2);
}

TEST_CONF(random_runs_that_purge,
    "dirty_decay_ms:0,muzzy_decay_ms:3,retain:false,tcache:false")
{
	run_many(3);
}

TEST_CONF(random_runs_with_others,
    "background_thread:true,dirty_decay_ms:20,narenas:3,bin_shards:1-1024:4,"
    "disable_large_size_classes:false")
{
	run_many(4);
}

/* All counters of locks are zero after a reset, but for what reads them. */
TEST(reset_of_mutexes)
{
	skip_without_stats();
	uint64_t seed = 9;
	work_in_threads(&seed, next(&seed) % NTHREADS_MAX);
	assert_int_equal(mallctl("stats.mutexes.reset", NULL, NULL, NULL, 0),
	    0);
	print("J");
	parse(stats_text, &now);
	for (size_t i = 0; i < now.n; i++) {
		const leaf_t *leaf = &now.leaves[i];
		const char *end = strrchr(leaf->path, '/');
		if (leaf->kind != JSON_NUMBER || end == NULL ||
		    strstr(leaf->path, "mutex") == NULL ||
		    strstr(leaf->path, "jemalloc/opt") != NULL) {
			continue;
		}
		bool is_ops = strcmp(end, "/num_ops") == 0 ||
		    strcmp(end, "/num_owner_switch") == 0;
		assert_at_most(leaf->number, is_ops ? 100 : 0, "after reset",
		    leaf->path);
	}
}

static _Atomic bool stop;

static void *
work_on(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	while (!stop) {
		(void)work((void *)(uintptr_t)next(&seed));
	}
	return NULL;
}

static bool
ends_with(const char *path, const char *end)
{
	size_t n = strlen(end), length = strlen(path);
	return length > n && strcmp(path + length - n, end) == 0;
}

/* Numbers that only grow, by one that can't have happened meanwhile at most. */
static void
check_growth(const values_t *old)
{
	static const char *const ends[] = {"/nmalloc", "/ndalloc", "/nrequests",
	    "/nfills", "/nflushes", "/nreslabs", "_npurge", "_nmadvise",
	    "dirty_purged", "muzzy_purged", "/num_ops", "/num_wait",
	    "/num_spin_acq", "/num_owner_switch", "_wait_time"};
	for (size_t i = 0; i < old->n; i++) {
		const leaf_t *leaf = &old->leaves[i];
		for (size_t j = 0; j < COUNT(ends); j++) {
			if (leaf->kind != JSON_NUMBER ||
			    !ends_with(leaf->path, ends[j])) {
				continue;
			}
			const leaf_t *is = find(&now, leaf->path);
			assert_non_null(is);
			assert_at_most(leaf->number, is->number, "before",
			    leaf->path);
			assert_at_most(is->number - leaf->number,
			    UINT64_C(1) << 36, "growth", leaf->path);
		}
	}
}

static void
check_sane(void)
{
	for (size_t i = 0; i < now.n; i++) {
		const leaf_t *leaf = &now.leaves[i];
		if (leaf->kind != JSON_NUMBER ||
		    strncmp(leaf->path, "jemalloc/opt", 12) == 0 ||
		    strncmp(leaf->path, "jemalloc/arenas", 15) == 0 ||
		    ends_with(leaf->path, "decay_ms")) {
			continue;
		}
		assert_false(leaf->is_negative);
		/* Less than the machine has: no difference went below 0. */
		assert_at_most(leaf->number, UINT64_C(1) << 44, "value",
		    leaf->path);
	}
	const char *s = "jemalloc/stats";
	uint64_t active = number(&now, "%s/active", s);
	assert_at_most(number(&now, "%s/allocated", s), active, s, "allocated");
	assert_at_most(active, number(&now, "%s/resident", s), s, "active");
	assert_at_most(active, number(&now, "%s/mapped", s), s, "active");
	for (unsigned i = 0; i < 36; i++) {
		const char *b = "jemalloc/stats.arenas/merged/bins";
		assert_at_most(number(&now, "%s[%u]/ndalloc", b, i),
		    number(&now, "%s[%u]/nmalloc", b, i), b, "ndalloc");
		assert_at_most(number(&now, "%s[%u]/nonfull_slabs", b, i),
		    number(&now, "%s[%u]/curslabs", b, i), b, "nonfull");
		assert_at_most(number(&now, "%s[%u]/curregs", b, i),
		    number(&now, "%s[%u]/curslabs", b, i) *
			number(&now, "jemalloc/arenas/bin[%u]/nregs", i),
		    b, "curregs");
	}
}

TEST_CONF(never_torn, "narenas:4")
{
	static values_t old;
	pthread_t threads[3];
	skip_without_stats();
	manual[nmanual++] = create_arena();
	for (unsigned i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work_on,
				     (void *)(uintptr_t)(i + 1)),
		    0);
	}
	old.n = 0;
	for (unsigned i = 0; i < 25; i++) {
		print("Jr");
		parse(stats_text, &now);
		check_sane();
		check_growth(&old);
		memcpy(&old, &now, sizeof(now));
	}
	stop = true;
	for (unsigned i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}
