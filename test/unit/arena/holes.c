#include "arena/holes.h"

#include "slab_support.h"
#include "support/harness.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "arena/arena.h"
#include "arena/arenas.h"
#include "ds/prng.h"
#include "page/hooks_default.h"
#include "platform/clock.h"
#include "platform/fatal.h"
#include "platform/pages.h"
#include "support/fake_clock.h"
#include "support/fake_hooks.h"
#include "support/os_calls_fault.h"
#include "support/residence.h"

#define N 1600

static arena_t *arena;
static void *regs[N];
static unsigned szind;
static const bin_info_t *info;
static bool contended;

static void
setup(size_t size)
{
	size_class_boot();
	slab_boot();
	fake_clock_set(NS_PER_SEC);
	opt.narenas = 1;
	opt.dirty_decay_ms = 10000;
	opt.muzzy_decay_ms = 0;
	assert_int_equal(arenas_boot(), ERR_NONE);
	arena = arenas_get(0);
	szind = szind_of(size);
	info = &bin_infos[szind];
}

static bin_t *
bin(void)
{
	return &arena->bins[szind];
}

static void
fill(void **to, unsigned n)
{
	for (unsigned got = 0; got < n;) {
		unsigned more = arena_fill(arena, szind, 0, to + got, n - got,
		    &contended);
		assert_in_range(more, 1, n - got);
		got += more;
	}
}

/* All of N, each with its number in every byte. */
static void
fill_all(void)
{
	fill(regs, N);
	for (unsigned i = 0; i < N; i++) {
		memset(regs[i], (int)i, info->reg_size);
	}
}

/* Free those whose number leaves a rest of `from` or more when divided by of. */
static unsigned
thin(unsigned of, unsigned from)
{
	unsigned n = 0;
	for (unsigned i = 0; i < N; i++) {
		if (regs[i] != NULL && i % of >= from) {
			arena_flush(szind, &regs[i], 1);
			regs[i] = NULL;
			n++;
		}
	}
	return n;
}

static void
check_contents(void)
{
	for (unsigned i = 0; i < N; i++) {
		const unsigned char *bytes = regs[i];
		for (size_t j = 0; bytes != NULL && j < info->reg_size; j++) {
			assert_int_equal(bytes[j], (unsigned char)i);
		}
	}
	assert_true(arena_verify(arena));
}

/* So many ticks over so many seconds. */
static void
pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 20; i++) {
		fake_clock_advance(50 * NS_PER_MS);
		arena_tick(arena);
	}
}

static size_t
npurged(void)
{
	return bin()->stats.npages_purged;
}

/* Pages of the class's slabs that the system has given memory. */
static size_t
nresident(void)
{
	static char *low, *high;
	unsigned char there[4096];
	size_t n = 0;
	need_residence();
	for (unsigned i = 0; i < N; i++) {
		char *page = (char *)align_down((uintptr_t)regs[i], PAGE);
		low = regs[i] != NULL && (low == NULL || page < low) ? page
								     : low;
		high = regs[i] != NULL && page > high ? page : high;
	}
	size_t npages = (size_t)(high + PAGE - low) / PAGE;
	assert_true(npages <= sizeof(there));
	assert_int_equal(mincore(low, npages * PAGE, there), 0);
	for (size_t i = 0; i < npages; i++) {
		n += there[i] & 1;
	}
	return n;
}

/* Three of four objects go, in pages: three of four pages follow in time. */
TEST(purges_what_stays_free)
{
	setup(1024);
	fill_all();
	size_t before = nresident();
	assert_true(before >= N / 4);
	(void)thin(16, 4);
	pass(4);
	assert_int_equal(npurged(), 0);
	/* The sweep at 5 s sees them, the one at 10 s purges. */
	pass(4);
	assert_int_equal(npurged(), 0);
	pass(4);
	assert_int_equal(npurged(), N / 16 * 3);
	assert_true(nresident() <= before - N / 16 * 3);
	check_contents();
	assert_int_equal(arena->pac.dirty_decay.stats.purged, N / 16 * 3);
	assert_true(arena->pac.dirty_decay.stats.npurge > 0);
	/* A run of three pages is one call. */
	assert_int_equal(arena->pac.dirty_decay.stats.nmadvise, N / 16);
	/* Then there is nothing to do any more. */
	pass(6);
	assert_int_equal(holes_ns_until(arena, clock_ns()), UINT64_MAX);
}

/* What was purged is memory like any other when it is needed. */
TEST(purged_memory_is_used_again)
{
	setup(1024);
	fill_all();
	unsigned n = thin(16, 4);
	arena_purge(arena);
	assert_int_equal(npurged(), N / 16 * 3);
	size_t nslabs = bin()->stats.nslabs;
	for (unsigned i = 0; i < N; i++) {
		if (regs[i] == NULL) {
			fill(&regs[i], 1);
			memset(regs[i], (int)i, info->reg_size);
			n--;
		}
	}
	assert_int_equal(n, 0);
	assert_int_equal(npurged(), 0);
	assert_int_equal(bin()->stats.nslabs, nslabs);
	check_contents();
	arena_flush(szind, regs, N);
	arena_purge(arena);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
}

/* Slabs that are in use keep their pages: every one is taken from. */
TEST(spares_slabs_in_use)
{
	setup(1024);
	fill_all();
	for (unsigned second = 0; second < 30; second++) {
		(void)thin(16, 4);
		pass(1);
		/* All that is free is taken, and given back. */
		for (unsigned i = 0; i < N; i++) {
			if (regs[i] == NULL) {
				fill(&regs[i], 1);
				memset(regs[i], (int)i, info->reg_size);
			}
		}
	}
	assert_int_equal(npurged(), 0);
}

static void
thin_and_wait(ssize_t dirty_decay_ms, unsigned seconds)
{
	fill_all();
	assert_int_equal(pac_set_decay_ms(&arena->pac, EXTENT_DIRTY,
			     dirty_decay_ms, clock_ns()),
	    ERR_NONE);
	(void)thin(16, 4);
	pass(seconds);
}

TEST(never)
{
	setup(1024);
	thin_and_wait(-1, 60);
	assert_int_equal(npurged(), 0);
	assert_int_equal(holes_ns_until(arena, clock_ns()), UINT64_MAX);
	/* But when it is asked for. */
	arena_purge(arena);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* Not at each free, but soon. */
TEST(at_once_means_soon)
{
	setup(1024);
	thin_and_wait(0, 3);
	assert_int_equal(npurged(), N / 16 * 3);
}

TEST(in_less_time)
{
	setup(1024);
	thin_and_wait(4000, 3);
	assert_int_equal(npurged(), 0);
	pass(2);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* The time until there is something to do is never too long. */
TEST(ns_until)
{
	setup(1024);
	assert_int_equal(holes_ns_until(arena, clock_ns()), UINT64_MAX);
	fill_all();
	(void)thin(16, 4);
	unsigned nwaits = 0;
	for (; nwaits < 100; nwaits++) {
		uint64_t ns = holes_ns_until(arena, clock_ns());
		if (ns == UINT64_MAX) {
			break;
		}
		fake_clock_advance(ns);
		holes_tick(arena, clock_ns());
	}
	assert_int_equal(npurged(), N / 16 * 3);
	assert_in_range(nwaits, 2, 10);
}

/* A long sweep goes on from epoch to epoch. */
TEST(sweep_in_parts)
{
	enum { MANY = 20000 };
	static void *many[MANY];
	setup(4096);
	fill(many, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		if (i % 4 != 0) {
			arena_flush(szind, &many[i], 1);
		}
	}
	pass(6);
	assert_int_equal(npurged(), 0);
	fake_clock_advance(4 * NS_PER_SEC);
	size_t last = 0;
	unsigned nparts = 0;
	for (unsigned i = 0; i < 100; i++) {
		arena_tick(arena);
		assert_true(npurged() - last <= 1300);
		nparts += npurged() != last;
		last = npurged();
		assert_true(arena_verify(arena));
		fake_clock_advance(50 * NS_PER_MS);
	}
	assert_int_equal(last, MANY / 4 * 3);
	assert_true(nparts > 9);
}

/* A clock that goes back delays, no more. */
TEST(clock_goes_back)
{
	setup(1024);
	fill_all();
	(void)thin(16, 4);
	pass(7);
	fake_clock_set(5);
	pass(12);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* Several ranges by one call. */
TEST(one_call_for_many)
{
	setup(1024);
	opt.process_madvise_max_batch = 64;
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	assert_int_equal(npurged(), N / 16 * 3);
	check_contents();
	/* Fewer calls, where the system knows them. */
	assert_true(arena->pac.dirty_decay.stats.nmadvise <= N / 16 + 4);
}

/* Failing calls: nothing is lost, and what failed is purged later. */
TEST(failing_calls)
{
	setup(1024);
	fill_all();
	(void)thin(16, 4);
	for (uint64_t n = 1; n < 20; n++) {
		os_fault_arm(n);
		arena_purge(arena);
		uint64_t nfailed = os_fault_disarm();
		check_contents();
		if (nfailed == 0) {
			break;
		}
	}
	arena_purge(arena);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* Hooks of the program. */

static fake_hooks_t fake;

static void
setup_hooks(size_t size)
{
	setup(size);
	fake_hooks_init(&fake, 8192);
	arena = arenas_create(&fake.table, false);
	assert_non_null(arena);
}

TEST(hooks_are_asked)
{
	setup_hooks(1024);
	fill_all();
	(void)thin(16, 4);
	unsigned before = fake.ncalls[FAKE_PURGE_FORCED];
	arena_purge(arena);
	assert_int_equal(fake.ncalls[FAKE_PURGE_FORCED] - before, N / 16);
	assert_int_equal(fake.last_size, info->slab_size);
	assert_int_equal(fake.last_arena_ind, arena->ind);
	assert_int_equal(npurged(), N / 16 * 3);
	check_contents();
}

/* Those that can do it lazily only are asked for that. */
TEST(hooks_without_forced_purging)
{
	setup_hooks(1024);
	fake.table.purge_forced = NULL;
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	assert_int_equal(fake.ncalls[FAKE_PURGE_LAZY], N / 16);
	assert_int_equal(npurged(), N / 16 * 3);
	check_contents();
}

/* Muzzy pages are kept for ever: nothing is forced. */
TEST(lazily_where_muzzy_pages_stay)
{
	setup_hooks(1024);
	assert_int_equal(pac_set_decay_ms(&arena->pac, EXTENT_MUZZY, -1,
			     clock_ns()),
	    ERR_NONE);
	fill_all();
	(void)thin(16, 4);
	pass(12);
	assert_int_equal(fake.ncalls[FAKE_PURGE_FORCED], 0);
	assert_int_equal(fake.ncalls[FAKE_PURGE_LAZY], N / 16);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* Refused: everything stays as it is; sweeps become rare, not extinct. */
TEST(hooks_that_refuse)
{
	setup_hooks(1024);
	fake.refuse[FAKE_PURGE_FORCED] = true;
	fake.refuse[FAKE_PURGE_LAZY] = true;
	fill_all();
	(void)thin(16, 4);
	pass(12);
	unsigned ncalls = fake.ncalls[FAKE_PURGE_FORCED];
	assert_in_range(ncalls, 1, 3);
	assert_int_equal(npurged(), 0);
	check_contents();
	pass(600);
	assert_in_range(fake.ncalls[FAKE_PURGE_FORCED] - ncalls, 1, 12);
	assert_int_equal(npurged(), 0);
	check_contents();
	fake_hooks_obey(&fake);
	pass(700);
	assert_int_equal(npurged(), N / 16 * 3);
	check_contents();
}

/* Some refusals among others. */
TEST(hooks_that_refuse_at_times)
{
	setup_hooks(1024);
	fake.refuse_one_in[FAKE_PURGE_FORCED] = 3;
	fake.refuse[FAKE_PURGE_LAZY] = true;
	fill_all();
	(void)thin(16, 4);
	for (unsigned i = 0; i < 20; i++) {
		arena_purge(arena);
		check_contents();
	}
	fake_hooks_obey(&fake);
	arena_purge(arena);
	assert_int_equal(npurged(), N / 16 * 3);
}

/* While a hook purges, the bin is free to use, without those pages. */
static char *purged_from;
static size_t purged_length;
static unsigned nworked;
static bool free_twice;

static bool NO_THREAD_SAFETY
working_purge(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	void *some[8];
	(void)table;
	(void)arena_ind;
	assert_true(offset + length <= size);
	purged_from = (char *)addr + offset;
	purged_length = length;
	assert_true(mutex_trylock(&bin()->lock));
	mutex_unlock(&bin()->lock);
	fill(some, 8);
	for (unsigned i = 0; i < 8; i++) {
		char *reg = some[i];
		assert_true(reg + info->reg_size <= purged_from ||
		    reg >= purged_from + length);
		memset(reg, 0x77, info->reg_size);
	}
	memset(purged_from, 0xdd, length);
	arena_flush(szind, some, 8);
	if (free_twice) {
		void *twice = purged_from;
		arena_flush(szind, &twice, 1);
	}
	nworked++;
	return false;
}

TEST(bin_is_usable_while_purging)
{
	setup_hooks(1024);
	fake.table.purge_forced = working_purge;
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	assert_in_range(nworked, 10, N / 16 * 3);
	check_contents();
	arena_purge(arena);
	check_contents();
	arena_reset(arena);
	assert_int_equal(npurged(), 0);
}

static unsigned nfaults;

static void
note_fault(const char *text)
{
	nfaults += strstr(text, "double free") != NULL;
}

/* A region that is freed while its page goes was free already. */
TEST(double_free_while_purging)
{
	setup_hooks(1024);
	fake.table.purge_forced = working_purge;
	free_twice = true;
	fatal_hook = note_fault;
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	assert_int_equal(nfaults, nworked);
	check_contents();
}

/* A reset takes slabs with holes; a destroyed arena gives back everything. */
TEST(reset_and_destroy)
{
	setup_hooks(1024);
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	fill(regs, 5);
	arena_reset(arena);
	assert_int_equal(npurged(), 0);
	assert_true(arena_verify(arena));
	fill_all();
	(void)thin(32, 5);
	arena_purge(arena);
	check_contents();
	arenas_destroy(arena);
	assert_int_equal(fake.npages_out, 0);
}

/* In a fork's child everything is as it was. */
TEST(fork_handlers)
{
	setup(1024);
	fill_all();
	(void)thin(16, 4);
	arena_purge(arena);
	for (int stage = 0; stage < ARENA_PREFORK_STAGES; stage++) {
		arena_prefork(arena, stage);
	}
	arena_postfork_child(arena);
	(void)thin(32, 4);
	arena_purge(arena);
	check_contents();
}

/* Threads allocate, check and free while others purge all the time. */

typedef struct {
	uint64_t prng;
	unsigned szind;
	unsigned char mark;
} churner_t;

static _Atomic unsigned nrunning;
static atomic_bool purged_enough;

static void *
churn(void *arg)
{
	enum { HELD = 600 };
	churner_t *self = arg;
	unsigned char *held[HELD] = {NULL};
	size_t size = bin_infos[self->szind].reg_size;
	bool busy;
	for (unsigned i = 0; i < 150000 || !atomic_load(&purged_enough); i++) {
		unsigned at = (unsigned)prng_below(&self->prng, HELD);
		/* Phases: grow, and shrink to a few. */
		bool grow = i / 3000 % 2 == 0;
		if (held[at] != NULL) {
			for (size_t j = 0; j < size; j += 61) {
				assert_int_equal(held[at][j], self->mark);
			}
			assert_int_equal(held[at][size - 1], self->mark);
			if (!grow || prng_below(&self->prng, 2) == 0) {
				void *reg = held[at];
				memset(reg, 0x55, size);
				arena_flush(self->szind, &reg, 1);
				held[at] = NULL;
			}
		} else if (grow || prng_below(&self->prng, 4) == 0) {
			void *reg = NULL;
			while (arena_fill(arena, self->szind, 0, &reg, 1,
				   &busy) == 0) {
			}
			memset(reg, self->mark, size);
			held[at] = reg;
		}
	}
	for (unsigned i = 0; i < HELD; i++) {
		if (held[i] != NULL) {
			void *reg = held[i];
			arena_flush(self->szind, &reg, 1);
		}
	}
	atomic_fetch_sub(&nrunning, 1);
	return NULL;
}

static void
churn_and_purge(void (*purge)(void))
{
	enum { NTHREADS = 3 };
	static churner_t churners[NTHREADS];
	pthread_t threads[NTHREADS];
	unsigned npasses = 0;
	atomic_store(&nrunning, NTHREADS);
	atomic_store(&purged_enough, false);
	for (unsigned i = 0; i < NTHREADS; i++) {
		churners[i].prng = i;
		churners[i].szind = i == 2 ? szind_of(640) : szind;
		churners[i].mark = (unsigned char)(0xa0 + i);
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
				     &churners[i]),
		    0);
	}
	while (atomic_load(&nrunning) != 0) {
		purge();
		npasses++;
		/* However the threads are scheduled (valgrind runs one). */
		if (npasses > 2 && arena->pac.dirty_decay.stats.purged > 0) {
			atomic_store(&purged_enough, true);
		}
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	arena_purge(arena);
	assert_true(arena_verify(arena));
	assert_int_equal(npurged(), 0);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
}

/* Empty slabs that a bin kept leave when nobody needs them, and leave a watch. */
TEST(kept_slabs_leave_in_time)
{
	setup(2048);
	for (unsigned i = 0; i < 5; i++) {
		fill(regs, 8 * info->nregs);
		arena_flush(szind, regs, 8 * info->nregs);
	}
	assert_in_range(bin()->nempty, 2, 8);
	assert_true(atomic_load(&arena->pac.kept) != 0);
	assert_true(holes_ns_until(arena, clock_ns()) != UINT64_MAX);
	pass(5);
	assert_in_range(bin()->nempty, 2, 8);
	pass(15);
	assert_int_equal(bin()->nempty, 0);
	assert_in_range(bin()->stats.curslabs, 0, 1);
	assert_int_equal(atomic_load(&arena->pac.kept), 0);
	assert_int_equal(holes_ns_until(arena, clock_ns()), UINT64_MAX);
	assert_true(arena_verify(arena));
}

static void
purge_all(void)
{
	holes_purge_all(arena);
}

TEST(churn_while_all_is_purged)
{
	setup(1024);
	churn_and_purge(purge_all);
}

static void
purge_by_time(void)
{
	fake_clock_advance(50 * NS_PER_MS);
	arena_decay(arena, clock_ns());
}

TEST(churn_while_time_passes)
{
	setup(1024);
	assert_int_equal(pac_set_decay_ms(&arena->pac, EXTENT_DIRTY, 100,
			     clock_ns()),
	    ERR_NONE);
	churn_and_purge(purge_by_time);
}
