/*
 * idle: what an idle thread has cached goes back; no block is ever in two places
 * or in none, wherever the owner stands and whatever fails meanwhile; and what
 * must not be taken is not.
 */
#include "thread/idle.h"

#include "support/harness.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ds/prng.h"
#include "platform/barrier.h"
#include "platform/clock.h"
#include "support/fake_hooks.h"
#include "support/os_calls_fault.h"
#include "thread_support.h"

#define IDLE_NS (10 * NS_PER_SEC)
#define NBLOCKS 400

static tsd_t *tsd;
static uint64_t now_ns = 1000 * NS_PER_SEC;
static void *blocks[NBLOCKS];

static bool
setup(void)
{
	thread_setup(1);
	tsd = tsd_get();
	assert_non_null(tsd);
	assert_int_equal(arenas_set_dirty_decay_ms(
			     (ssize_t)(IDLE_NS / NS_PER_MS)),
	    ERR_NONE);
	return barrier_ready();
}

static void
cache_many(unsigned cind, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		blocks[i] = cached_alloc(tsd, cind);
		assert_non_null(blocks[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
	tsd->deallocated += cind_usize(cind);
}

static unsigned
count(unsigned cind)
{
	return cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
}

/* Until nothing is left to do. */
static uint64_t
tick(uint64_t after_ns)
{
	uint64_t ns;
	now_ns += after_ns;
	do {
		ns = idle_tick(now_ns);
	} while (ns == 100 * NS_PER_MS);
	return ns;
}

static void
be_idle(void)
{
	(void)tick(0);
	(void)tick(IDLE_NS);
}

/* Nothing is in use in the arenas, and all of it is in order. */
static void
assert_nothing_lives(void)
{
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(live_in_arenas(cind), 0);
	}
	assert_true(arenas_verify());
}

/* Past the cache. */
static void *
alloc_fresh(unsigned cind)
{
	void *ptr = NULL;
	bool contended;
	if (cind_is_small(cind)) {
		(void)arena_fill(tsd->arena, cind - 1, 0, &ptr, 1, &contended);
	} else {
		ptr = large_alloc(tsd->arena, cind_usize(cind),
		    cind_usize(cind), 1, false, &tsd->prng);
	}
	assert_non_null(ptr);
	return ptr;
}

static size_t
capacity_bytes(void)
{
	size_t sum = 0;
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		sum += tsd->bins[cind].capacity * cind_usize(cind);
	}
	return sum;
}

/* All goes, and the bins work as before. */
TEST(all)
{
	idle_stats_t stats;
	if (!setup()) {
		return;
	}
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		cache_many(cind, 12);
	}
	size_t before = tcache_bytes(tsd);
	be_idle();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(count(cind), 0);
		assert_int_equal(live_in_arenas(cind), 0);
	}
	assert_int_equal(tsd->cache_bytes, capacity_bytes());
	idle_stats(&stats);
	assert_int_equal(stats.ntaken, 1);
	assert_int_equal(stats.nmissed, 0);
	assert_int_equal(stats.bytes, before);
	assert_true(stats.nblocks > SC_NCIND);
	assert_int_equal(idle_parked_bytes(), 0);
	assert_int_equal(idle_parked_small_bytes(), 0);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned cind = 1; cind < SC_NCIND; cind++) {
			cache_many(cind, 40);
		}
		be_idle();
	}
	tcache_flush(tsd);
	assert_nothing_lives();
}

/* A bin without a slot left is none: it takes and gives nothing, or grows. */
TEST(full_bins)
{
	if (!setup()) {
		return;
	}
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		cache_many(cind, 2);
		while (tsd->bins[cind].first != NULL &&
		    count(cind) < tsd->bins[cind].capacity) {
			cached_free(tsd, cind, alloc_fresh(cind));
		}
	}
	be_idle();
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		assert_int_equal(count(cind), 0);
		assert_int_equal(tsd->bins[cind].capacity, 0);
		assert_int_equal(live_in_arenas(cind), 0);
	}
	assert_int_equal(tsd->cache_bytes, 0);
	/* Collection drops some of the arrays. */
	for (unsigned i = 0; i < 10; i++) {
		tcache_gc_step(tsd);
	}
	/* Some of them may not grow. */
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		if (cind % 3 == 0) {
			tsd->bins[cind].limit = 0;
		}
		cache_many(cind, 20);
		assert_true(cind % 3 != 0 || count(cind) == 0);
	}
	tcache_flush(tsd);
	assert_nothing_lives();
}

/* A bin that is larger than what can be carried at once goes in turns. */
TEST(more_than_can_be_carried)
{
	if (!setup()) {
		return;
	}
	opt.tcache_bytes_max = (size_t)64 << 20;
	for (unsigned cind = 1; cind <= 8; cind++) {
		tcache_set_ncached_max(tsd,
		    (opt_range_t){cind_usize(cind), cind_usize(cind), 8191});
		for (unsigned i = 0; i < 20; i++) {
			static void *many[6000];
			for (unsigned j = 0; j < ARRAY_LEN(many); j++) {
				many[j] = cached_alloc(tsd, cind);
			}
			for (unsigned j = 0; j < ARRAY_LEN(many); j++) {
				cached_free(tsd, cind, many[j]);
			}
		}
	}
	assert_true(count(1) + count(2) + count(3) > 8192);
	(void)tick(0);
	for (unsigned i = 0; i < 20; i++) {
		(void)tick(IDLE_NS);
	}
	for (unsigned cind = 1; cind <= 8; cind++) {
		assert_int_equal(count(cind), 0);
	}
}

TEST(when)
{
	unsigned cind = cind_of_small(4);
	if (!setup()) {
		return;
	}
	cache_many(cind, 12);
	unsigned n = count(cind);
	assert_int_equal(tick(0), IDLE_NS / 4);
	assert_int_equal(tick(IDLE_NS - 1), IDLE_NS / 4);
	assert_int_equal(count(cind), n);
	/* Whoever works is not idle, though the cache is the same. */
	cached_free(tsd, cind, cached_alloc(tsd, cind));
	tsd->deallocated += 1;
	(void)tick(1);
	assert_int_equal(count(cind), n);
	(void)tick(IDLE_NS - 1);
	assert_int_equal(count(cind), n);
	(void)tick(1);
	assert_int_equal(count(cind), 0);
	/* Nothing to do: one more look, and no other until somebody works. */
	assert_int_equal(tick(IDLE_NS), UINT64_MAX);
	assert_int_equal(tick(IDLE_NS), UINT64_MAX);
	assert_true(atomic_load(&idle_watched));
	cache_many(cind, 40);
	assert_false(atomic_load(&idle_watched));
	assert_int_equal(tick(0), IDLE_NS / 4);
	(void)tick(IDLE_NS);
	assert_int_equal(count(cind), 0);
}

TEST(times)
{
	unsigned cind = cind_of_small(4);
	if (!setup()) {
		return;
	}
	cache_many(cind, 12);
	unsigned n = count(cind);
	assert_int_equal(arenas_set_dirty_decay_ms(-1), ERR_NONE);
	be_idle();
	be_idle();
	idle_take_all(now_ns + 100 * IDLE_NS);
	assert_int_equal(count(cind), n);
	/* Not at once, though pages go at once. */
	assert_int_equal(arenas_set_dirty_decay_ms(0), ERR_NONE);
	(void)tick(0);
	(void)tick(IDLE_MIN_NS - 1);
	assert_int_equal(count(cind), n);
	(void)tick(1);
	assert_int_equal(count(cind), 0);
	/* Where memory is short a second is enough. */
	assert_int_equal(arenas_set_dirty_decay_ms(100000), ERR_NONE);
	cache_many(cind, 12);
	idle_take_all(now_ns);
	assert_true(count(cind) > 0);
	idle_take_all(now_ns + IDLE_MIN_NS);
	assert_int_equal(count(cind), 0);
}

TEST(no_barrier)
{
	unsigned cind = cind_of_small(4);
	os_fault_only(OS_FAULT_MEMBARRIER);
	os_fault_arm_from(1);
	(void)setup();
	cache_many(cind, 12);
	unsigned n = count(cind);
	assert_int_equal(tick(0), UINT64_MAX);
	assert_int_equal(tick(IDLE_NS), UINT64_MAX);
	assert_int_equal(count(cind), n);
}

TEST(owner_in_slow_path)
{
	idle_stats_t stats;
	unsigned cind = cind_of_small(4);
	if (!setup()) {
		return;
	}
	cache_many(cind, 12);
	unsigned n = count(cind);
	idle_owner_enter(tsd);
	be_idle();
	assert_int_equal(count(cind), n);
	idle_owner_leave(tsd);
	idle_stats(&stats);
	assert_int_equal(stats.ntaken, 0);
	assert_int_equal(stats.nmissed, 1);
	(void)tick(0);
	assert_int_equal(count(cind), 0);
}

/* They only try for the lock. */
static void NO_THREAD_SAFETY
take_below_the_lock(void)
{
	mutex_lock(&idle_lock);
	assert_int_equal(idle_tick(now_ns + IDLE_NS), 100 * NS_PER_MS);
	idle_take_all(now_ns + IDLE_NS);
	mutex_unlock(&idle_lock);
}

/* Who holds the lock knows that nothing is on its way. */
TEST(not_beside_another)
{
	unsigned cind = cind_of_small(4);
	if (!setup()) {
		return;
	}
	cache_many(cind, 12);
	unsigned n = count(cind);
	(void)tick(0);
	take_below_the_lock();
	assert_int_equal(count(cind), n);
}

/* Blocks that a program kept beyond their arena do not harm anyone here. */
TEST(arena_is_gone)
{
	static fake_hooks_t fake;
	unsigned cind = cind_of_small(4);
	bool contended;
	if (!setup()) {
		return;
	}
	fake_hooks_init(&fake, 4096);
	arena_t *arena = arenas_create(&fake.table, false);
	assert_non_null(arena);
	assert_int_equal(arena_fill(arena, cind - 1, 0, blocks, NBLOCKS,
			     &contended),
	    NBLOCKS);
	cached_free(tsd, cind, cached_alloc(tsd, cind));
	cached_free(tsd, cind, cached_alloc(tsd, cind));
	tcache_flush(tsd);
	for (unsigned i = 0; i < 12; i++) {
		cached_free(tsd, cind, blocks[i * (NBLOCKS / 12)]);
	}
	arenas_destroy(arena);
	tsd->deallocated++;
	be_idle();
	assert_true(arenas_verify());
}

/* Blocks of arenas with hooks stay, in their order, whatever is between. */
TEST(hooks)
{
	static fake_hooks_t fake;
	void *kept[8];
	unsigned cind = cind_of_small(4);
	if (!setup()) {
		return;
	}
	fake_hooks_init(&fake, 4096);
	arena_t *arena = arenas_create(&fake.table, false);
	assert_non_null(arena);
	tcache_flush(tsd);
	bool contended;
	for (unsigned i = 0; i < 16; i++) {
		blocks[i] = NULL;
		assert_int_equal(arena_fill(i % 2 ? arena : tsd->arena,
				     cind - 1, 0, &blocks[i], 1, &contended),
		    1);
	}
	/* A bin with room for all. */
	cached_free(tsd, cind, cached_alloc(tsd, cind));
	cached_free(tsd, cind, cached_alloc(tsd, cind));
	tcache_flush(tsd);
	for (unsigned i = 0; i < 12; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
	unsigned ncalls = fake.ncalls[FAKE_DALLOC] + fake.ncalls[FAKE_MERGE];
	tsd->deallocated++;
	be_idle();
	/* The odd ones, the newest first. */
	assert_int_equal(count(cind), 6);
	/* The wall stands until the owner comes. */
	assert_ptr_equal(tsd->bins[cind].mark, tsd->slots[cind].head);
	assert_null(*tsd->bins[cind].mark);
	for (unsigned i = 0; i < 6; i++) {
		kept[i] = cached_alloc(tsd, cind);
		assert_ptr_equal(kept[i], blocks[11 - 2 * i]);
	}
	assert_int_equal(fake.ncalls[FAKE_DALLOC] + fake.ncalls[FAKE_MERGE],
	    ncalls);
	assert_int_equal(tsd->cache_bytes, capacity_bytes());
}

/*
 * Interleavings: an owner that goes instruction by instruction, as chance has
 * it, between the steps of the taker.
 */
typedef enum {
	AT_REST,
	POP_READ,
	POP_STORED,
	POP_LOADED,
	PUSH_READ,
	PUSH_STORED
} at_t;

static struct {
	uint64_t prng;
	unsigned cind;
	at_t at;
	void **head;
	void *ptr;
	bool waits; /* it met a wall, or has no room: for the slow path */
	bool pops_only;
	void *hand[NBLOCKS];
	unsigned nhand;
} owner;

static void
owner_instruction(void)
{
	cache_slot_t *slot = &tsd->slots[owner.cind];
	unsigned i;
	switch (owner.at) {
	case AT_REST:
		owner.head = slot->head;
		owner.at = owner.nhand == 0 || owner.pops_only ||
			prng_below(&owner.prng, 2) == 0
		    ? POP_READ
		    : PUSH_READ;
		break;
	case POP_READ:
		slot->head = owner.head + 1;
		owner.at = POP_STORED;
		break;
	case POP_STORED:
		owner.ptr = *owner.head;
		owner.at = POP_LOADED;
		break;
	case POP_LOADED:
		if (owner.ptr != NULL) {
			owner.hand[owner.nhand++] = owner.ptr;
		} else {
			slot->head = owner.head;
			owner.waits = true;
		}
		owner.at = AT_REST;
		break;
	case PUSH_READ:
		if (owner.head[-1] == CACHE_BIN_FULL) {
			owner.waits = true;
			owner.at = AT_REST;
			break;
		}
		i = (unsigned)prng_below(&owner.prng, owner.nhand);
		owner.head[-1] = owner.hand[i];
		owner.hand[i] = owner.hand[--owner.nhand];
		owner.at = PUSH_STORED;
		break;
	case PUSH_STORED:
		slot->head = owner.head - 1;
		owner.at = AT_REST;
		break;
	}
}

static void
owner_goes(unsigned n)
{
	while (n-- != 0 && !owner.waits) {
		owner_instruction();
	}
}

static void
owner_between_steps(idle_step_t step)
{
	(void)step;
	if (prng_below(&owner.prng, 2) == 0) {
		owner_goes((unsigned)prng_below(&owner.prng, 16));
	}
}

static bool
is_free_region(void *ptr)
{
	edata_t *slab = pagemap_extent(ptr);
	if (slab == NULL || !slab->slab) {
		return true;
	}
	unsigned region = bin_info_region(&bin_infos[slab->cind - 1],
	    (uintptr_t)ptr - edata_base(slab));
	return (slab->free_map[region / 64] >> region % 64 & 1) != 0;
}

static unsigned
times_in(void *const *where, unsigned n, const void *ptr)
{
	unsigned times = 0;
	for (unsigned i = 0; i < n; i++) {
		times += where[i] == ptr;
	}
	return times;
}

/* As collection does it. */
static void
place_mark(void)
{
	cache_bin_t *bin = &tsd->bins[owner.cind];
	unsigned n = count(owner.cind);
	if (n != 0) {
		bin->mark = tsd->slots[owner.cind].head +
		    prng_below(&owner.prng, n);
		bin->marked = *bin->mark;
		bin->mark_in_doubt = false;
		*bin->mark = NULL;
	}
}

/* Every block is in one place. */
static void
check_places(void *const *all, unsigned n)
{
	cache_bin_t *bin = &tsd->bins[owner.cind];
	cache_slot_t *slot = &tsd->slots[owner.cind];
	cache_bin_unmark(bin, slot);
	assert_null(*cache_bin_end(bin));
	assert_int_equal(tsd->cache_bytes, capacity_bytes());
	unsigned ncached = count(owner.cind);
	assert_true(ncached <= bin->capacity);
	for (unsigned i = 0; i < n; i++) {
		unsigned places = times_in(owner.hand, owner.nhand, all[i]) +
		    times_in(slot->head, ncached, all[i]);
		assert_int_equal(places + is_free_region(all[i]), 1);
	}
}

/* Every other block of a bin is of an arena with hooks. */
static void
mix_with(arena_t *arena, unsigned cind, unsigned n)
{
	bool contended;
	for (unsigned i = 0; i < n; i++) {
		blocks[i] = cached_alloc(tsd, cind);
		if (i % 2 == 0) {
			cached_free(tsd, cind, blocks[i]);
			assert_int_equal(arena_fill(arena, cind - 1, 0,
					     &blocks[i], 1, &contended),
			    1);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
}

static arena_t *mixed; /* NULL: blocks are of one arena */

static void
interleave(uint64_t seed)
{
	void *all[NBLOCKS];
	owner.prng = seed;
	owner.cind = cind_of_small(4 + (unsigned)(seed % 3));
	owner.at = AT_REST;
	owner.waits = false;
	owner.nhand = 0;
	owner.pops_only = prng_below(&owner.prng, 2) == 0;
	cache_many(owner.cind, 4 + (unsigned)prng_below(&owner.prng, 60));
	if (mixed != NULL) {
		mix_with(mixed, owner.cind,
		    (unsigned)prng_below(&owner.prng, 60));
	}
	unsigned n = count(owner.cind);
	memcpy(all, tsd->slots[owner.cind].head, n * sizeof(void *));
	if (prng_below(&owner.prng, 2) == 0) {
		place_mark();
	}
	owner_goes((unsigned)prng_below(&owner.prng, 3 * n));
	for (unsigned i = 0; i < 3; i++) {
		tsd->deallocated++;
		be_idle();
	}
	owner.waits = false;
	while (owner.at != AT_REST) {
		owner_goes(1);
	}
	check_places(all, n);
	for (unsigned i = 0; i < owner.nhand; i++) {
		cached_free(tsd, owner.cind, owner.hand[i]);
	}
	tcache_flush(tsd);
	assert_int_equal(live_in_arenas(owner.cind), 0);
	if (seed % 5 == 0) {
		for (unsigned i = 0; i < 200; i++) {
			tcache_gc_step(tsd);
		}
	}
}

/* A pointer in doubt that was popped is forgotten with the array. */
TEST(doubt_ends_with_the_array)
{
	unsigned cind = cind_of_small(4);
	cache_bin_t *bin;
	void *last;
	(void)setup();
	bin = &tsd->bins[cind];
	cache_many(cind, 12);
	while (count(cind) > 1) {
		(void)cached_alloc(tsd, cind);
	}
	bin->mark = tsd->slots[cind].head;
	bin->mark_in_doubt = true;
	last = cached_alloc(tsd, cind);
	bin->marked = last;
	*bin->mark = NULL;
	tcache_disable(tsd);
	assert_null(bin->mark);
	tcache_enable(tsd);
	cache_many(cind, 12);
	assert_int_equal(times_in(tsd->slots[cind].head, count(cind), last), 0);
}

TEST(interleavings)
{
	if (!setup()) {
		return;
	}
	idle_seam = owner_between_steps;
	for (uint64_t seed = 1; seed < 4000; seed++) {
		interleave(seed);
	}
	idle_stats_t stats;
	idle_stats(&stats);
	assert_true(stats.nblocks > 4000);
}

TEST(interleavings_with_hooks)
{
	static fake_hooks_t fake;
	if (!setup()) {
		return;
	}
	fake_hooks_init(&fake, 65536);
	mixed = arenas_create(&fake.table, false);
	assert_non_null(mixed);
	idle_seam = owner_between_steps;
	for (uint64_t seed = 1; seed < 4000; seed++) {
		interleave(seed);
	}
	idle_stats_t stats;
	idle_stats(&stats);
	assert_true(stats.nblocks > 4000);
}

/* A barrier that fails leaves nothing undone, and nothing taken wrongly. */
TEST(interleavings_with_failures)
{
	if (!setup()) {
		return;
	}
	os_fault_only(OS_FAULT_MEMBARRIER);
	idle_seam = owner_between_steps;
	for (uint64_t seed = 1; seed < 4000; seed++) {
		os_fault_arm(1 + seed % 9);
		interleave(seed);
		(void)os_fault_disarm();
	}
}

/*
 * Many at once: owners that work and rest, threads that end and begin, a taker
 * for whom every moment is long, and forks.
 */
#define NOWNERS 4
#define NLIVE 64

static _Atomic bool stop;

static void
work_for_a_while(tsd_t *mine, uint64_t *prng, unsigned nsteps)
{
	static __thread struct {
		uint64_t *ptr;
		unsigned cind;
	} live[NLIVE];
	for (unsigned step = 0; step < nsteps; step++) {
		unsigned i = (unsigned)prng_below(prng, NLIVE);
		if (live[i].ptr != NULL) {
			assert_true(*live[i].ptr == (uintptr_t)&live[i]);
			cached_free(mine, live[i].cind, live[i].ptr);
			mine->deallocated += 1;
			live[i].ptr = NULL;
			continue;
		}
		live[i].cind = 1 + (unsigned)prng_below(prng, SC_NCIND - 1);
		live[i].ptr = cached_alloc(mine, live[i].cind);
		assert_non_null(live[i].ptr);
		*live[i].ptr = (uintptr_t)&live[i];
		mine->allocated += 1;
		if (step % 64 == 0) {
			tcache_gc_step(mine);
		}
	}
	for (unsigned i = 0; i < NLIVE; i++) {
		if (live[i].ptr != NULL) {
			cached_free(mine, live[i].cind, live[i].ptr);
			live[i].ptr = NULL;
		}
	}
}

static void *
be_owner(void *arg)
{
	uint64_t prng = (uintptr_t)arg;
	tsd_t *mine = tsd_get();
	assert_non_null(mine);
	for (unsigned i = 0; i < 100; i++) {
		work_for_a_while(mine, &prng,
		    (unsigned)prng_below(&prng, 1000));
		if (prng_below(&prng, 8) == 0) {
			tcache_flush(mine);
		} else if (prng_below(&prng, 8) == 0) {
			tcache_disable(mine);
			tcache_enable(mine);
		}
		if (prng_below(&prng, 4) == 0) {
			usleep((unsigned)prng_below(&prng, 300));
		}
	}
	tcache_disable(mine);
	return NULL;
}

static void *
be_taker(void *arg)
{
	uint64_t ns = 1;
	(void)arg;
	while (!atomic_load(&stop)) {
		ns += 2 * IDLE_NS;
		(void)idle_tick(ns);
	}
	return NULL;
}

TEST(threads)
{
	pthread_t owners[NOWNERS], taker;
	if (!setup()) {
		return;
	}
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_int_equal(pthread_create(&taker, NULL, be_taker, NULL), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < NOWNERS; i++) {
			assert_int_equal(pthread_create(&owners[i], NULL,
					     be_owner,
					     (void *)(round * 10 + i + 1)),
			    0);
		}
		for (unsigned i = 0; i < NOWNERS; i++) {
			assert_int_equal(pthread_join(owners[i], NULL), 0);
		}
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(taker, NULL), 0);
	assert_int_equal(tsd_count(), 1);
	tcache_disable(tsd);
	assert_nothing_lives();
}

static void
fork_all(void)
{
	idle_prefork();
	tsd_prefork();
	arenas_prefork();
	pid_t pid = fork();
	if (pid == 0) {
		arenas_postfork_child(tsd->arena, tsd->shard);
		tsd_postfork_child();
		idle_postfork_child();
		assert_false(atomic_load(&tsd->taken_from));
		/* No mark in doubt. */
		tcache_disable(tsd);
		tcache_enable(tsd);
		for (unsigned cind = 1; cind < SC_NCIND; cind++) {
			cache_many(cind, 12);
		}
		be_idle();
		be_idle();
		for (unsigned cind = 1; cind < SC_NCIND; cind++) {
			assert_int_equal(count(cind), 0);
		}
		assert_int_equal(idle_parked_bytes(), 0);
		_exit(0);
	}
	assert_true(pid > 0);
	arenas_postfork_parent();
	tsd_postfork_parent();
	idle_postfork_parent();
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

TEST(forks)
{
	pthread_t owners[2], taker;
	if (!setup()) {
		return;
	}
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_int_equal(pthread_create(&taker, NULL, be_taker, NULL), 0);
	for (uintptr_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&owners[i], NULL, be_owner,
				     (void *)(i + 1)),
		    0);
	}
	for (unsigned i = 0; i < 30; i++) {
		cache_many(cind_of_small(4), 40);
		fork_all();
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(owners[i], NULL), 0);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(taker, NULL), 0);
}
