#include "arena/arena.h"

#include "support/faults.h"
#include "slab_support.h"
#include "support/harness.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "ds/prng.h"
#include "platform/fatal.h"
#include "support/fake_clock.h"
#include "support/os_calls_fault.h"

#define N 1000

static arena_t *arenas[3];
static void *regs[N];
static bool contended;

static void
setup(void)
{
	size_class_boot();
	slab_boot();
	opt.narenas = 3;
	assert_int_equal(arenas_boot(), ERR_NONE);
	for (unsigned i = 0; i < 3; i++) {
		arenas[i] = arenas_get_auto(i);
		assert_non_null(arenas[i]);
	}
}

static size_t
live(unsigned arena, unsigned szind)
{
	bin_stats_t *stats = &arenas[arena]->bins[szind].stats;
	return (size_t)(stats->nmalloc - stats->ndalloc);
}

/* Several bins of each class (option bin_shards). */
static void
setup_shards(uint32_t n)
{
	opt.bin_shards.count = 1;
	opt.bin_shards.range[0] = (opt_range_t){.lo = 1,
	    .hi = SC_SMALL_MAX,
	    .value = n};
	setup();
}

static unsigned next_shard; /* so that fill() uses them all */

/* n regions, though a call may give fewer. */
static void
fill(unsigned arena, unsigned szind, void **to, unsigned n)
{
	for (unsigned got = 0; got < n;) {
		unsigned more = arena_fill(arenas[arena], szind, next_shard++,
		    to + got, n - got, &contended);
		assert_in_range(more, 1, n - got);
		got += more;
	}
}

TEST(fill_and_flush)
{
	setup();
	for (unsigned szind = 0; szind < SC_NBINS; szind += 5) {
		const bin_info_t *info = &bin_infos[szind];
		fill(0, szind, regs, N);
		assert_int_equal(live(0, szind), N);
		for (unsigned i = 0; i < N; i++) {
			edata_t *slab = pagemap_extent(regs[i]);
			assert_true(edata_covers(slab, regs[i]));
			assert_true(slab->slab);
			assert_ptr_equal(arena_of(slab), arenas[0]);
			assert_int_equal(pagemap_code(regs[i]),
			    SC_CODE(cind_of_small(szind)));
			assert_true(bin_info_region(info,
					(uintptr_t)regs[i] - edata_base(slab)) <
			    info->nregs);
			memset(regs[i], (int)i, info->reg_size);
		}
		assert_true(arena_verify(arenas[0]));
		arena_flush(szind, regs, N);
		assert_int_equal(live(0, szind), 0);
		assert_true(arena_verify(arenas[0]));
	}
	assert_false(contended);
	arena_release_empty_slabs(arenas[0]);
	assert_int_equal(atomic_load(&arenas[0]->pac.nactive), 0);
}

/* Rather fewer regions than a second fresh slab. */
TEST(fill_takes_one_fresh_slab)
{
	setup();
	unsigned szind = szind_of(1024);
	assert_int_equal(arena_fill(arenas[0], szind, 0, regs, N, &contended),
	    bin_infos[szind].nregs);
	assert_int_equal(arenas[0]->bins[szind].stats.nslabs, 1);
}

/* Regions go back to where they came from, in whatever order they come. */
TEST(flush_over_several_arenas)
{
	uint64_t prng = 3;
	setup();
	unsigned szind = szind_of(100);
	fill(0, szind, regs, N / 2);
	fill(1, szind, regs + N / 2, N / 4);
	fill(2, szind, regs + N / 4 * 3, N / 4);
	for (unsigned i = N - 1; i > 0; i--) {
		unsigned j = (unsigned)prng_below(&prng, i + 1);
		void *reg = regs[i];
		regs[i] = regs[j];
		regs[j] = reg;
	}
	arena_flush(szind, regs, N);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(live(i, szind), 0);
		assert_true(arena_verify(arenas[i]));
		arena_release_empty_slabs(arenas[i]);
		assert_int_equal(atomic_load(&arenas[i]->pac.nactive), 0);
	}
}

/* Freed memory of one class serves another. */
TEST(slabs_become_pages_again)
{
	setup();
	fill(0, szind_of(64), regs, N);
	arena_flush(szind_of(64), regs, N);
	arena_release_empty_slabs(arenas[0]);
	size_t mapped = atomic_load(&arenas[0]->pac.mapped);
	fill(0, szind_of(80), regs, N / 2);
	assert_int_equal(atomic_load(&arenas[0]->pac.mapped), mapped);
	arena_flush(szind_of(80), regs, N / 2);
}

/* Fill three slabs of a class and empty them; returns those that were fetched. */
static uint64_t
turn_over(unsigned szind)
{
	uint64_t before = arenas[0]->bins[szind].stats.nslabs;
	unsigned n = 3 * bin_infos[szind].nregs;
	fill(0, szind, regs, n);
	assert_true(arena_verify(arenas[0]));
	arena_flush(szind, regs, n);
	assert_true(arena_verify(arenas[0]));
	return arenas[0]->bins[szind].stats.nslabs - before;
}

/* A class whose slabs come and go soon needs none of the page allocator. */
TEST(empty_slabs_are_kept)
{
	setup();
	unsigned szind = szind_of(2048);
	assert_int_equal(turn_over(szind), 3);
	assert_int_equal(turn_over(szind), 2);
	assert_int_equal(turn_over(szind), 1);
	assert_int_equal(turn_over(szind), 0);
	assert_int_equal(atomic_load(&arenas[0]->pac.kept),
	    2 * bin_infos[szind].slab_size);
	/* The pages are there for others before new ones are used. */
	size_t mapped = atomic_load(&arenas[0]->pac.mapped);
	unsigned other = szind_of(4096);
	fill(0, other, regs, 2 * bin_infos[other].nregs);
	assert_int_equal(atomic_load(&arenas[0]->pac.mapped), mapped);
	assert_int_equal(atomic_load(&arenas[0]->pac.kept), 0);
	arena_flush(other, regs, 2 * bin_infos[other].nregs);
	arena_release_empty_slabs(arenas[0]);
	assert_int_equal(atomic_load(&arenas[0]->pac.nactive), 0);
}

/* Not where free memory is to be given back at once. */
TEST(empty_slabs_are_not_kept)
{
	opt.dirty_decay_ms = 0;
	setup();
	for (unsigned i = 0; i < 5; i++) {
		assert_in_range(turn_over(szind_of(2048)), 2, 3);
	}
	assert_int_equal(atomic_load(&arenas[0]->pac.kept), 0);
}

TEST(no_memory)
{
	setup();
	unsigned szind = szind_of(500);
	os_fault_arm_from(1);
	unsigned got = arena_fill(arenas[0], szind, 0, regs, 10, &contended);
	(void)os_fault_disarm();
	assert_int_equal(got, 0);
	assert_true(arena_verify(arenas[0]));
	fill(0, szind, regs, 10);
	/* What is there is handed out even so. */
	os_fault_arm_from(1);
	got = arena_fill(arenas[0], szind, 0, regs + 10, 10, &contended);
	(void)os_fault_disarm();
	assert_int_equal(got, 10);
	arena_flush(szind, regs, 20);
}

/* Misuse */

/* Faults are reported, and everything else is returned all the same. */
TEST(flush_reports_what_is_no_region)
{
	char local;
	setup();
	unsigned szind = szind_of(64);
	fill(0, szind, regs, 20);
	fill(1, szind_of(32), regs + 30, 1);
	fatal_hook = note_fault;
	regs[20] = &local;
	regs[21] = (char *)regs[3] + 16;
	regs[22] = regs[30];
	regs[23] = regs[5];
	regs[24] = NULL;
	arena_flush(szind, regs, 25);
	assert_int_equal(nfaults, 5);
	assert_int_equal(live(0, szind), 0);
	assert_int_equal(live(1, szind_of(32)), 1);
	assert_true(arena_verify(arenas[0]));
	assert_true(arena_verify(arenas[1]));
}

static void
flush_twice(void *arg)
{
	(void)arg;
	fill(0, szind_of(64), regs, 2);
	void *twice[] = {regs[0]};
	arena_flush(szind_of(64), twice, 1);
	twice[0] = regs[0];
	arena_flush(szind_of(64), twice, 1);
}

/* In a slab that is still there, and in one that is gone. */
static void
flush_twice_gone(void *arg)
{
	(void)arg;
	fill(0, szind_of(64), regs, 1);
	void *twice[] = {regs[0]};
	arena_flush(szind_of(64), twice, 1);
	arena_release_empty_slabs(arenas[0]);
	twice[0] = regs[0];
	arena_flush(szind_of(64), twice, 1);
}

TEST(double_free_is_fatal)
{
	setup();
	assert_dies(flush_twice, NULL, "double free of pointer");
	assert_dies(flush_twice_gone, NULL, "double free");
}

/* Threads */

static void *
flush_all(void *n)
{
	arena_flush(szind_of(64), regs, *(unsigned *)n);
	return NULL;
}

/* A thread that finds the bin taken leaves its regions there and goes on. */
TEST(busy_bin)
{
	unsigned n = 30;
	pthread_t thread;
	setup();
	unsigned szind = szind_of(64);
	fill(0, szind, regs, n);
	bin_t *bin = &arenas[0]->bins[szind];
	mutex_lock(&bin->lock);
	assert_int_equal(pthread_create(&thread, NULL, flush_all, &n), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(bin_handoff_waits(bin));
	mutex_unlock(&bin->lock);
	assert_int_equal(live(0, szind), n);
	/* The next comer takes them in. */
	void *reg;
	fill(0, szind, &reg, 1);
	assert_int_equal(live(0, szind), 1);
	assert_false(bin_handoff_waits(bin));
	assert_true(arena_verify(arenas[0]));
}

/* So does a purge. */
TEST(purge_takes_what_was_left)
{
	unsigned n = 30;
	pthread_t thread;
	setup();
	unsigned szind = szind_of(64);
	fill(0, szind, regs, n);
	bin_t *bin = &arenas[0]->bins[szind];
	mutex_lock(&bin->lock);
	assert_int_equal(pthread_create(&thread, NULL, flush_all, &n), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	mutex_unlock(&bin->lock);
	arena_purge(arenas[0]);
	assert_int_equal(live(0, szind), 0);
	assert_int_equal(atomic_load(&arenas[0]->pac.nactive), 0);
	assert_int_equal(pac_ndirty(&arenas[0]->pac), 0);
}

typedef struct {
	uint64_t prng;
	void *held[200];
} worker_t;

/* Allocates from any arena and frees what itself or others allocated. */
static void *
work(void *arg)
{
	static _Atomic(void *) shared[64];
	worker_t *worker = arg;
	unsigned szind = szind_of(320);
	unsigned nheld = 0;
	bool busy;
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n = 1 + (unsigned)prng_below(&worker->prng, 20);
		arena_t *arena = arenas[prng_below(&worker->prng, 3)];
		if (nheld + n <= 200) {
			nheld += arena_fill(arena, szind, i,
			    worker->held + nheld, n, &busy);
		}
		for (unsigned j = 0; j < nheld; j++) {
			worker->held[j] =
			    atomic_exchange(&shared[prng_below(&worker->prng,
						64)],
				worker->held[j]);
			if (worker->held[j] == NULL) {
				worker->held[j--] = worker->held[--nheld];
			}
		}
		n = nheld < n ? nheld : n;
		arena_flush(szind, worker->held + nheld - n, n);
		nheld -= n;
	}
	arena_flush(szind, worker->held, nheld);
	for (unsigned i = 0; i < 64; i++) {
		void *reg = atomic_exchange(&shared[i], NULL);
		if (reg != NULL) {
			arena_flush(szind, &reg, 1);
		}
	}
	return NULL;
}

static void
several_threads(void)
{
	enum { NTHREADS = 4 };
	static worker_t workers[NTHREADS];
	pthread_t threads[NTHREADS];
	for (unsigned i = 0; i < NTHREADS; i++) {
		workers[i].prng = i;
		assert_int_equal(pthread_create(&threads[i], NULL, work,
				     &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	/* What the last ones left for others is taken by no one yet. */
	for (unsigned i = 0; i < 3; i++) {
		arena_purge(arenas[i]);
		assert_true(arena_verify(arenas[i]));
	}
	worker_t last = {.prng = 99};
	(void)work(&last);
	for (unsigned i = 0; i < 3; i++) {
		arena_purge(arenas[i]);
		assert_int_equal(live(i, szind_of(320)), 0);
		assert_int_equal(atomic_load(&arenas[i]->pac.nactive), 0);
	}
}

TEST(several_threads)
{
	setup();
	several_threads();
}

/* Shards */

TEST(several_threads_and_shards)
{
	setup_shards(3);
	several_threads();
}

/* Each shard has slabs of its own, and gets them back. */
TEST(shards_have_their_slabs)
{
	enum { NSHARDS = 5, EACH = 20 };
	setup_shards(NSHARDS);
	for (unsigned szind = 0; szind < SC_NBINS; szind += 7) {
		unsigned each = bin_infos[szind].nregs;
		each = each < EACH ? each : EACH;
		unsigned n = 0;
		assert_int_equal(arena_nshards(arenas[0], szind), NSHARDS);
		for (unsigned i = 0; i < NSHARDS * each; i++) {
			unsigned shard = i % NSHARDS;
			n += arena_fill(arenas[0], szind, shard + NSHARDS,
			    &regs[n], 1, &contended);
			edata_t *slab = pagemap_extent(regs[n - 1]);
			assert_int_equal(edata_shard(slab), shard);
			assert_ptr_equal(arena_of(slab), arenas[0]);
		}
		assert_true(arena_verify(arenas[0]));
		for (unsigned shard = 0; shard < NSHARDS; shard++) {
			bin_t *bin = arena_bin(arenas[0], szind, shard);
			assert_int_equal(bin->stats.nmalloc, each);
			assert_int_equal(bin->stats.nslabs, 1);
		}
		arena_flush(szind, regs, n);
		for (unsigned shard = 0; shard < NSHARDS; shard++) {
			bin_t *bin = arena_bin(arenas[0], szind, shard);
			assert_int_equal(bin->stats.ndalloc, each);
		}
		assert_true(arena_verify(arenas[0]));
	}
	arena_release_empty_slabs(arenas[0]);
	assert_int_equal(atomic_load(&arenas[0]->pac.nactive), 0);
	assert_int_equal(nfaults, 0);
}

typedef struct {
	unsigned shard;
	bool contended;
	void *reg;
} taker_t;

static void *
take_one(void *arg)
{
	taker_t *taker = arg;
	(void)arena_fill(arenas[0], szind_of(64), taker->shard, &taker->reg, 1,
	    &taker->contended);
	return NULL;
}

/* A thread of one shard goes on while another holds the other's lock. */
TEST(shards_have_their_locks)
{
	taker_t other = {.shard = 1}, same = {.shard = 0};
	pthread_t thread[2];
	setup_shards(2);
	bin_t *bin = arena_bin(arenas[0], szind_of(64), 0);
	mutex_lock(&bin->lock);
	assert_int_equal(pthread_create(&thread[0], NULL, take_one, &other), 0);
	assert_int_equal(pthread_join(thread[0], NULL), 0);
	assert_non_null(other.reg);
	assert_false(other.contended);
	assert_int_equal(pthread_create(&thread[1], NULL, take_one, &same), 0);
	while (atomic_load(&bin->lock.nwaiting) == 0) {
		usleep(1000);
	}
	mutex_unlock(&bin->lock);
	assert_int_equal(pthread_join(thread[1], NULL), 0);
	assert_true(same.contended);
	void *both[] = {other.reg, same.reg};
	arena_flush(szind_of(64), both, 2);
	assert_int_equal(nfaults, 0);
}

/* Slabs of shards become pages that other shards and classes may use. */
TEST(shards_share_pages)
{
	setup_shards(4);
	for (unsigned shard = 0; shard < 4; shard++) {
		void *reg;
		assert_int_equal(arena_fill(arenas[0], szind_of(64), shard,
				     &reg, 1, &contended),
		    1);
		arena_flush(szind_of(64), &reg, 1);
		arena_release_empty_slabs(arenas[0]);
		void *large = large_alloc(arenas[0], 40000, 40960, 1, false,
		    &(uint64_t){0});
		assert_int_equal(edata_shard(pagemap_extent(large)), 0);
		assert_non_null(large);
		large_free(large);
	}
	assert_int_equal(atomic_load(&arenas[0]->pac.nactive), 0);
}

/* No memory for more bins: one has to do. */
TEST(shards_without_memory)
{
	setup_shards(64);
	base_t none;
	static arena_t poor;
	base_init(&none, NULL, 17);
	os_fault_arm_from(1);
	arena_init(&poor, 17, &none, arenas_base0(), NULL, true);
	(void)os_fault_disarm();
	assert_null(poor.more);
	assert_int_equal(arena_nshards(&poor, 0), 1);
	assert_true(arena_verify(&poor));
}

TEST(reset_empties_shards)
{
	setup_shards(4);
	arena_t *arena = arenas_create(NULL, true);
	assert_non_null(arena);
	unsigned szind = szind_of(64), n = 0;
	while (n < N) {
		n += arena_fill(arena, szind, next_shard++, regs + n,
		    N - n < 50 ? N - n : 50, &contended);
	}
	arena_reset(arena);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	for (unsigned shard = 0; shard < 4; shard++) {
		bin_stats_t *stats = &arena_bin(arena, szind, shard)->stats;
		assert_true(stats->nmalloc != 0);
		assert_int_equal(stats->nmalloc, stats->nreset);
		assert_int_equal(stats->curslabs, 0);
	}
	assert_true(arena_verify(arena));
	n = arena_fill(arena, szind, 3, regs, 10, &contended);
	assert_int_equal(n, 10);
	arenas_destroy(arena);
}

/* Time */

TEST(tick_purges_by_time)
{
	opt.dirty_decay_ms = 1000;
	opt.muzzy_decay_ms = 0;
	fake_clock_set(1000);
	setup();
	fill(0, szind_of(64), regs, N);
	arena_flush(szind_of(64), regs, N);
	arena_release_empty_slabs(arenas[0]);
	size_t dirty = pac_ndirty(&arenas[0]->pac);
	assert_true(dirty > 0);
	arena_tick(arenas[0]);
	assert_int_equal(pac_ndirty(&arenas[0]->pac), dirty);
	for (unsigned i = 0; i < 110; i++) {
		fake_clock_advance(10 * 1000 * 1000);
		arena_tick(arenas[0]);
	}
	assert_int_equal(pac_ndirty(&arenas[0]->pac), 0);
	assert_int_equal(ecache_npages(&arenas[0]->pac.muzzy), 0);
}

TEST(init)
{
	setup();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(arenas[i]->ind, i);
		assert_true(arenas[i]->automatic);
		assert_int_equal(atomic_load(&arenas[i]->nthreads), 0);
		assert_ptr_equal(arenas[i]->base, arenas_base0());
		assert_true(arena_verify(arenas[i]));
	}
	assert_string_equal(arenas[1]->name, "auto_1");
}

static void
fork_handlers(void)
{
	for (unsigned i = 0; i < 2; i++) {
		for (int stage = 0; stage < ARENA_PREFORK_STAGES; stage++) {
			arena_prefork(arenas[0], stage);
		}
		if (i == 0) {
			arena_postfork_parent(arenas[0]);
		} else {
			arena_postfork_child(arenas[0]);
		}
		fill(0, szind_of(64), regs, 10);
		arena_flush(szind_of(64), regs, 10);
	}
}

TEST(fork_handlers)
{
	setup();
	fork_handlers();
}

TEST(fork_handlers_of_shards)
{
	setup_shards(4);
	fork_handlers();
}
