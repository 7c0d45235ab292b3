#include "arena/arenas.h"

#include "support/harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena/large.h"
#include "ds/prng.h"
#include "platform/cgroup.h"
#include "platform/fatal.h"
#include "platform/io.h"
#include "platform/os_thread.h"
#include "support/fake_hooks.h"
#include "support/os_calls_fault.h"

/* Processors that the process may seem to have; 0: as it is. */
static unsigned fake_ncpus;

int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	if (fake_ncpus == 0) {
		long n = syscall(SYS_sched_getaffinity, pid, size, set);
		return n < 0 ? -1 : 0;
	}
	memset(set, 0, size);
	for (unsigned i = 0; i < fake_ncpus; i++) {
		CPU_SET_S(i, size, set);
	}
	return 0;
}

static unsigned shard; /* of who was bound last */

static unsigned
ncpus_allowed(void)
{
	unsigned ncpus = os_ncpus(), quota = cgroup_ncpus();
	return quota < ncpus ? quota : ncpus;
}

static void
setup(unsigned narenas)
{
	size_class_boot();
	bin_info_boot();
	opt.narenas = narenas;
	assert_int_equal(arenas_boot(), ERR_NONE);
}

TEST(boot)
{
	assert_null(arenas_get(0));
	setup(4);
	assert_non_null(arenas_get(0));
	assert_null(arenas_get(1));
	assert_null(arenas_get(ARENAS_MAX));
	assert_null(arenas_get(UINT32_MAX));
	assert_int_equal(arenas_nauto(), 4);
	/* One index more for oversize blocks. */
	assert_int_equal(arenas_count(), 5);
	arena_t *arena = arenas_get(0);
	assert_int_equal(arenas_boot(), ERR_NONE);
	assert_ptr_equal(arenas_get(0), arena);
	assert_true(arenas_verify());
}

/* A start that fails can be tried again, and again. */
TEST(boot_without_memory)
{
	size_class_boot();
	bin_info_boot();
	for (unsigned n = 1;; n++) {
		os_fault_arm_from(1);
		err_t err = arenas_boot();
		(void)os_fault_disarm();
		assert_int_equal(err, ERR_NOMEM);
		assert_null(arenas_get(0));
		if (n == 3) {
			break;
		}
	}
	setup(1);
	assert_non_null(arenas_get(0));
}

/* Four per CPU, one on a single CPU. */
TEST(number_from_cpus)
{
	setup(0);
	unsigned ncpus = ncpus_allowed();
	assert_int_equal(arenas_nauto(), ncpus == 1 ? 1 : 4 * ncpus);
	assert_int_equal(arenas_nauto(), arenas_nauto());
}

TEST(number_from_ratio)
{
	opt.narenas_ratio = OPT_FIXED(1) / 2 * 5;
	setup(0);
	unsigned ncpus = ncpus_allowed();
	assert_int_equal(arenas_nauto(), ncpus == 1 ? 1 : (ncpus * 5 + 1) / 2);
}

static ssize_t
read_quota_of_one(const char *path, char *buf, size_t size)
{
	return (ssize_t)io_snprintf(buf, size, "%s",
	    strcmp(path, "/proc/self/cgroup") == 0 ? "0::/" : "90000 100000");
}

/* A container that gets the time of one CPU has one arena. */
TEST(number_follows_the_quota)
{
	cgroup_read_file = read_quota_of_one;
	setup(0);
	assert_int_equal(arenas_nauto(), 1);
}

/* One arena for each CPU, and the thread's is that of its CPU. */
TEST(bound_to_processors)
{
	opt.percpu_arena = OPT_PERCPU_PERCPU;
	setup(1);
	arenas_boot_percpu();
	unsigned ncpus = os_ncpus();
	assert_int_equal(opt.percpu_arena, OPT_PERCPU_PERCPU);
	assert_int_equal(arenas_npercpu(), ncpus);
	assert_int_equal(arenas_nauto(), ncpus);
	arena_t *arena = arenas_bind(&shard);
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		os_thread_pin(cpu);
		if (os_cpu_current() == (int)cpu) {
			arena = arenas_follow_cpu(arena, &shard);
			assert_int_equal(arena->ind, cpu);
			assert_int_equal(arena->nthreads, 1);
			assert_ptr_equal(arenas_rebind(arena, &shard), arena);
		}
	}
	arena_t *manual = arenas_create(NULL, false);
	assert_ptr_equal(arenas_follow_cpu(manual, &shard), manual);
}

static void
boot_percpu(void *arg)
{
	(void)arg;
	arenas_boot_percpu();
}

/* An odd number can not be of pairs of hyperthreads. */
TEST(bound_to_cores)
{
	opt.percpu_arena = OPT_PERCPU_PHYCPU;
	setup(1);
	if (os_ncpus() % 2 != 0) {
		assert_dies(boot_percpu, NULL, "with odd number (");
		return;
	}
	arenas_boot_percpu();
	assert_int_equal(arenas_npercpu(), os_ncpus() / 2);
}

TEST(number_is_limited)
{
	setup(1000000);
	assert_int_equal(arenas_nauto(), ARENAS_MAX - 1);
	assert_non_null(arenas_get_auto(ARENAS_MAX - 2));
}

TEST(no_index_for_oversize_blocks)
{
	opt.oversize_threshold = 0;
	setup(3);
	assert_int_equal(arenas_count(), 3);
	arena_t *arena = arenas_get(0);
	assert_ptr_equal(arenas_for_large(arena, SC_LARGE_MAX), arena);
}

TEST(get_auto)
{
	setup(3);
	arena_t *arena = arenas_get_auto(2);
	assert_non_null(arena);
	assert_int_equal(arena->ind, 2);
	assert_ptr_equal(arenas_get(2), arena);
	assert_ptr_equal(arenas_get_auto(2), arena);
	assert_null(arenas_get(1));
	assert_null(arenas_get_auto(4));
	assert_null(arenas_get_auto(UINT32_MAX));
	assert_true(arenas_verify());
}

/* The arena of its own for blocks that are oversize. */
TEST(oversize)
{
	opt.oversize_threshold = (size_t)8 << 20;
	setup(3);
	arena_t *arena = arenas_get(0);
	assert_ptr_equal(arenas_for_large(arena, 8 << 20 >> 1), arena);
	arena_t *oversize = arenas_for_large(arena, 8 << 20);
	assert_int_equal(oversize->ind, 3);
	assert_string_equal(oversize->name, "auto_oversize");
	assert_ptr_equal(arenas_for_large(arena, 9 << 20), oversize);
	/* Arenas that were asked for by name serve everything themselves. */
	static arena_t manual;
	manual.automatic = false;
	assert_ptr_equal(arenas_for_large(&manual, 9 << 20), &manual);
}

/* Without memory for it, the arena itself serves the block. */
TEST(oversize_without_memory)
{
	opt.oversize_threshold = (size_t)8 << 20;
	setup(3);
	while (base_alloc(arenas_base0(), PAGE, CACHELINE) != NULL) {
		os_fault_arm_from(1);
	}
	arena_t *arena = arenas_get(0);
	assert_ptr_equal(arenas_for_large(arena, 9 << 20), arena);
	assert_null(arenas_get_auto(1));
	(void)os_fault_disarm();
	assert_int_equal(arenas_for_large(arena, 9 << 20)->ind, 3);
}

static unsigned
nthreads(const arena_t *arena)
{
	return atomic_load(&arena->nthreads);
}

/* Threads share an arena until someone is in someone's way. */
TEST(bind_and_unbind)
{
	setup(4);
	arena_t *arena = arenas_get(0);
	for (unsigned i = 1; i <= 10; i++) {
		assert_ptr_equal(arenas_bind(&shard), arena);
		assert_int_equal(nthreads(arena), i);
	}
	for (unsigned i = 10; i-- > 0;) {
		arenas_unbind(arena, shard);
		assert_int_equal(nthreads(arena), i);
	}
	assert_null(arenas_get(1));
}

/* Numbers of threads are the lowest that are unused; with many any will do. */
TEST(numbers_of_threads)
{
	unsigned numbers[ARENA_SHARD_NONE];
	setup(4);
	arena_t *arena = arenas_get(0);
	for (unsigned i = 0; i < ARENA_SHARD_NONE; i++) {
		(void)arenas_bind(&numbers[i]);
		assert_int_equal(numbers[i], i);
	}
	(void)arenas_bind(&shard);
	assert_true(shard >= ARENA_SHARD_NONE);
	arenas_unbind(arena, shard);
	arenas_unbind(arena, numbers[40]);
	arenas_unbind(arena, numbers[7]);
	(void)arenas_bind(&shard);
	assert_int_equal(shard, 7);
	(void)arenas_bind(&shard);
	assert_int_equal(shard, 40);
	/* On to another arena. */
	assert_int_not_equal(arenas_rebind(arena, &numbers[3])->ind, 0);
	assert_int_equal(numbers[3], 0);
	(void)arenas_bind_to(arena, &shard);
	assert_int_equal(shard, 3);
}

/*
 * Small classes have as many bins as processors ask for once an arena has two
 * threads.
 */
static void
separates(unsigned ncpus, unsigned nshards)
{
	fake_ncpus = ncpus;
	setup(3);
	arena_t *arena = arenas_bind(&shard);
	assert_null(arena_more(arena));
	(void)arenas_bind(&shard);
	assert_int_equal(arenas_nshards(0), nshards);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		size_t size = bin_infos[szind].reg_size;
		assert_int_equal(arena_nshards(arena, szind),
		    size <= BIN_INFO_SHARED_MAX ? nshards : 1);
	}
	assert_int_equal(arena_more(arena) != NULL, nshards != 1);
	/* Other arenas have them when they have two threads. */
	arena_t *second = arenas_rebind(arena, &shard);
	assert_null(arena_more(second));
	(void)arenas_bind_to(second, &shard);
	assert_int_equal(arena_more(second) != NULL, nshards != 1);
	/* Not those of the program. */
	arena_t *manual = arenas_create(NULL, true);
	(void)arenas_bind_to(manual, &shard);
	(void)arenas_bind_to(manual, &shard);
	assert_null(arena_more(manual));
	assert_true(arenas_verify());
}

TEST(threads_of_two_processors_share_bins)
{
	separates(2, 1);
}

TEST(threads_of_six_processors_have_bins)
{
	unsigned quota = cgroup_ncpus();
	separates(6, quota > 4 ? 8 : quota > 2 ? 4 : 1);
}

TEST(threads_of_many_processors_have_bins)
{
	unsigned quota = cgroup_ncpus();
	separates(96, quota > 8 ? 16 : quota > 4 ? 8 : quota > 2 ? 4 : 1);
}

TEST(bin_shards_by_option_stay)
{
	opt.bin_shards.count = 1;
	opt.bin_shards.range[0] = (opt_range_t){.lo = 64, .hi = 64, .value = 3};
	fake_ncpus = 16;
	setup(3);
	arena_t *arena = arenas_bind(&shard);
	(void)arenas_bind(&shard);
	assert_int_equal(arena_nshards(arena, 0), 1);
	assert_int_equal(arena_nshards(arena, szind_of(64)), 3);
}

TEST(separation_without_memory)
{
	fake_ncpus = 16;
	setup(3);
	arena_t *arena = arenas_bind(&shard);
	assert_int_not_equal(arenas_nshards(0), 0);
	while (base_alloc(arenas_base0(), PAGE, CACHELINE) != NULL) {
		os_fault_arm_from(1);
	}
	(void)arenas_bind(&shard);
	(void)os_fault_disarm();
	assert_null(arena_more(arena));
	assert_int_equal(arena_nshards(arena, 0), 1);
}

TEST(rebind_opens_arenas)
{
	setup(3);
	arena_t *first = arenas_bind(&shard);
	(void)arenas_bind(&shard);
	(void)arenas_bind(&shard);
	(void)arenas_bind(&shard);
	arena_t *second = arenas_rebind(first, &shard);
	assert_int_equal(second->ind, 1);
	assert_int_equal(nthreads(first), 3);
	assert_int_equal(nthreads(second), 1);
	/* New threads go where there are fewest. */
	assert_ptr_equal(arenas_bind(&shard), second);
	arena_t *third = arenas_rebind(first, &shard);
	assert_int_equal(nthreads(first) + nthreads(second) + nthreads(third),
	    5);
	for (unsigned i = 0; i < 20; i++) {
		(void)arenas_rebind(i % 2 != 0 ? first : second, &shard);
	}
	assert_null(arenas_get(3));
	unsigned sum = 0;
	for (unsigned i = 0; i < 3; i++) {
		sum += arenas_get(i) != NULL ? nthreads(arenas_get(i)) : 0;
	}
	assert_int_equal(sum, 5);
}

TEST(rebind_of_a_thread_that_is_alone)
{
	setup(3);
	arena_t *arena = arenas_bind(&shard);
	assert_ptr_equal(arenas_rebind(arena, &shard), arena);
	assert_int_equal(nthreads(arena), 1);
}

TEST(rebind_without_memory)
{
	setup(3);
	arena_t *arena = arenas_bind(&shard);
	(void)arenas_bind(&shard);
	(void)arenas_bind(&shard);
	while (base_alloc(arenas_base0(), PAGE, CACHELINE) != NULL) {
		os_fault_arm_from(1);
	}
	assert_ptr_equal(arenas_rebind(arena, &shard), arena);
	(void)os_fault_disarm();
	assert_int_equal(nthreads(arena), 3);
}

/* Everything that is unused, in all arenas. */
TEST(reclaim)
{
	setup(3);
	assert_false(arenas_reclaim());
	void *reg[3];
	bool contended;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(arena_fill(arenas_get_auto(i), 4, 0, &reg[i],
				     1, &contended),
		    1);
	}
	/* Unused parts of mappings can go, what is in use stays. */
	assert_true(arenas_reclaim());
	assert_false(arenas_reclaim());
	arena_flush(4, reg, 3);
	assert_true(arenas_reclaim());
	for (unsigned i = 0; i < 3; i++) {
		pac_t *pac = &arenas_get(i)->pac;
		assert_int_equal(atomic_load(&pac->nactive), 0);
		assert_int_equal(pac_ndirty(pac), 0);
		assert_int_equal(ecache_npages(&pac->retained), 0);
	}
	assert_true(arenas_verify());
}

TEST(decay_of_new_arenas)
{
	opt.dirty_decay_ms = 123;
	opt.muzzy_decay_ms = 45;
	setup(2);
	assert_int_equal(arenas_dirty_decay_ms(), 123);
	assert_int_equal(arenas_muzzy_decay_ms(), 45);
	assert_int_equal(pac_dirty_decay_ms(&arenas_get_auto(1)->pac), 123);
	assert_int_equal(pac_muzzy_decay_ms(&arenas_get_auto(1)->pac), 45);
}

/* Arenas made by hand */

TEST(create_and_destroy)
{
	setup(3);
	unsigned first = arenas_count();
	arena_t *arena = arenas_create(NULL, true);
	assert_non_null(arena);
	assert_int_equal(arena->ind, first);
	assert_int_equal(arenas_count(), first + 1);
	assert_ptr_equal(arenas_get(first), arena);
	assert_false(arena->automatic);
	assert_false(arenas_is_auto(first));
	assert_true(arenas_is_auto(first - 1));
	assert_ptr_not_equal(arena->base, arenas_base0());
	arenas_destroy(arena);
	assert_null(arenas_get(first));
	assert_true(arenas_verify());
	/* The index is used again. */
	arena = arenas_create(NULL, true);
	assert_int_equal(arena->ind, first);
	assert_int_equal(arenas_create(NULL, false)->ind, first + 1);
}

static fake_hooks_t fake;

/* Regions and blocks of an arena, of which nobody frees any. */
static void
use(arena_t *arena, unsigned n)
{
	uint64_t prng = n;
	void *regs[40];
	bool contended;
	for (unsigned i = 0; i < n; i++) {
		unsigned szind = (unsigned)prng_below(&prng, SC_NBINS);
		unsigned got = arena_fill(arena, szind, 0, regs, 40,
		    &contended);
		assert_in_range(got, 1, 40);
		memset(regs[0], 1, szind_size(szind));
		if (i % 3 == 0) {
			arena_flush(szind, regs, got);
		}
		size_t usize = SC_LARGE_MIN + prng_below(&prng, 100) * PAGE;
		void *block = large_alloc(arena, usize, usize, 1, false, &prng);
		assert_non_null(block);
		memset(block, 1, usize);
		if (i % 3 == 0) {
			large_free(block);
		} else if (i % 3 == 1) {
			/* Some wait in a cache. */
			large_note_cached(large_find(block), block);
		}
	}
	assert_true(arena_verify(arena));
}

/* All memory comes from the hooks and goes back to them. */
static void
check_hooks(bool metadata_use_hooks)
{
	setup(2);
	fake_hooks_init(&fake, 32768);
	for (unsigned round = 0; round < 5; round++) {
		arena_t *arena = arenas_create(&fake.table, metadata_use_hooks);
		assert_non_null(arena);
		assert_int_equal(fake_hooks_owns(&fake, arena),
		    metadata_use_hooks);
		use(arena, 60);
		assert_true(fake.npages_out > 1000);
		arenas_destroy(arena);
		assert_int_equal(fake.npages_out, 0);
		assert_true(arenas_verify());
	}
}

TEST(hooks)
{
	check_hooks(true);
}

TEST(hooks_without_metadata)
{
	check_hooks(false);
}

/* Hooks that never take anything back. */
TEST(stubborn_hooks)
{
	setup(2);
	fake_hooks_init(&fake, 32768);
	fake.refuse[FAKE_DALLOC] = true;
	fake.refuse[FAKE_DECOMMIT] = true;
	fake.refuse[FAKE_PURGE_FORCED] = true;
	fake.refuse[FAKE_SPLIT] = true;
	arena_t *arena = arenas_create(&fake.table, false);
	use(arena, 20);
	arenas_destroy(arena);
	assert_int_equal(fake.npages_out, 0);
	assert_true(fake.ncalls[FAKE_DESTROY] > 0);
}

/* A reset frees everything and leaves the arena usable. */
TEST(reset)
{
	setup(2);
	arena_t *arena = arenas_create(NULL, true);
	for (unsigned round = 0; round < 4; round++) {
		use(arena, 60);
		assert_true(atomic_load(&arena->pac.nactive) > 0);
		arena_reset(arena);
		assert_int_equal(atomic_load(&arena->pac.nactive), 0);
		assert_int_equal(atomic_load(&arena->large_allocated), 0);
		assert_true(arena_verify(arena));
	}
	arenas_destroy(arena);
}

static unsigned nfaults;

static void
count_fault(const char *text)
{
	(void)text;
	nfaults++;
}

static size_t
address_space(void)
{
	unsigned long npages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &npages), 1);
	(void)fclose(statm);
	return npages;
}

/* Blocks that can't be freed: the reset goes on without them. */
TEST(reset_with_unfreeable_blocks)
{
	setup(2);
	fatal_hook = count_fault;
	arena_t *arena = arenas_create(NULL, true);
	uint64_t prng = 0;
	char *blocks[4];
	for (unsigned i = 0; i < 4; i++) {
		blocks[i] = large_alloc(arena, 50000, 65536, 1, false, &prng);
		assert_non_null(blocks[i]);
	}
	/* Someone is about to free the first; the third is overwritten. */
	edata_t *freed = pagemap_extent(blocks[0]);
	freed->user = NULL;
	edata_t *wrong = pagemap_extent(blocks[2]);
	wrong->user = blocks[3] + 64;
	arena_reset(arena);
	assert_int_equal(nfaults, 1);
	assert_int_equal(atomic_load(&arena->pac.nactive) << LG_PAGE,
	    freed->size + wrong->size);
	/* They may still be freed afterwards. */
	freed->user = blocks[0];
	large_free(blocks[0]);
	wrong->user = blocks[2];
	large_free(blocks[2]);
	assert_int_equal(nfaults, 1);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	assert_true(arena_verify(arena));
	arenas_destroy(arena);
}

/* What an arena took goes back with it, address space too. */
TEST(create_and_destroy_often)
{
	setup(2);
	size_t sizes[2] = {0, 0};
	for (unsigned i = 0; i < 1000; i++) {
		arena_t *arena = arenas_create(NULL, true);
		assert_non_null(arena);
		use(arena, 5);
		arenas_destroy(arena);
		if (i == 10 || i == 999) {
			sizes[i == 999] = address_space();
		}
	}
	assert_true(sizes[1] <= sizes[0]);
}

TEST(no_indices_left)
{
	setup(ARENAS_MAX - 3);
	arena_t *first = arenas_create(NULL, true);
	arena_t *second = arenas_create(NULL, true);
	assert_non_null(first);
	assert_int_equal(second->ind, ARENAS_MAX - 1);
	assert_null(arenas_create(NULL, true));
	arenas_destroy(first);
	assert_non_null(arenas_create(NULL, true));
}

TEST(create_without_memory)
{
	setup(2);
	fake_hooks_init(&fake, 1024);
	fake.refuse[FAKE_ALLOC] = true;
	unsigned count = arenas_count();
	assert_null(arenas_create(&fake.table, true));
	os_fault_arm_from(1);
	arena_t *arena = arenas_create(NULL, true);
	(void)os_fault_disarm();
	assert_null(arena);
	fake_hooks_obey(&fake);
	arena = arenas_create(&fake.table, true);
	assert_non_null(arena);
	assert_in_range(arena->ind, count, count + 1);
	assert_true(arenas_verify());
}

TEST(create_auto)
{
	setup(4);
	fake_hooks_init(&fake, 16384);
	arena_t *arena = arenas_create_auto(2, &fake.table);
	assert_int_equal(arena->ind, 2);
	assert_true(arena->automatic);
	assert_true(fake_hooks_owns(&fake, arena));
	assert_null(arenas_create_auto(2, &fake.table));
	assert_null(arenas_create_auto(0, &fake.table));
	assert_null(arenas_create_auto(5, &fake.table));
	assert_ptr_equal(arenas_get_auto(2), arena);
}

TEST(bind_to)
{
	setup(3);
	arena_t *arena = arenas_create(NULL, true);
	assert_ptr_equal(arenas_bind_to(arena, &shard), arena);
	assert_int_equal(nthreads(arena), 1);
	arenas_unbind(arena, shard);
	assert_int_equal(nthreads(arena), 0);
	/* Nobody is bound there unasked. */
	for (unsigned i = 0; i < 20; i++) {
		assert_true(arenas_bind(&shard)->automatic);
	}
}

TEST(set_decay_of_new_arenas)
{
	setup(3);
	assert_int_equal(arenas_set_dirty_decay_ms(-2), ERR_INVALID);
	assert_int_equal(arenas_set_muzzy_decay_ms(DECAY_MS_MAX + 1),
	    ERR_INVALID);
	assert_int_equal(arenas_set_dirty_decay_ms(5), ERR_NONE);
	assert_int_equal(arenas_set_muzzy_decay_ms(6), ERR_NONE);
	assert_int_equal(arenas_dirty_decay_ms(), 5);
	assert_int_equal(arenas_muzzy_decay_ms(), 6);
	arena_t *arena = arenas_create(NULL, true);
	assert_int_equal(pac_dirty_decay_ms(&arena->pac), 5);
	assert_int_equal(pac_muzzy_decay_ms(&arena->pac), 6);
	assert_int_not_equal(pac_dirty_decay_ms(&arenas_get(0)->pac), 5);
}

static void *
create_all(void *arg)
{
	for (unsigned i = 0; i < 50; i++) {
		arena_t *arena = arenas_get_auto(i);
		assert_non_null(arena);
		assert_int_equal(arena->ind, i);
	}
	return arg;
}

/* Several threads may ask for an arena at once: there is one. */
TEST(creation_is_exclusive)
{
	pthread_t threads[4];
	setup(50);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, create_all,
				     NULL),
		    0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_true(arenas_base0()->allocated < 60 * sizeof(arena_t));
	assert_true(arenas_verify());
}

/* In a child only the forking thread is left. */
TEST(fork_handlers)
{
	setup(3);
	arena_t *arena = arenas_get_auto(1);
	for (unsigned i = 0; i < 5; i++) {
		(void)arenas_bind(&shard);
	}
	arenas_prefork_table();
	arenas_prefork();
	arenas_postfork_parent();
	assert_int_equal(nthreads(arenas_get(0)), 5);
	arenas_prefork_table();
	arenas_prefork();
	arenas_postfork_child(arena, 3);
	assert_int_equal(nthreads(arenas_get(0)), 0);
	assert_int_equal(arenas_get(0)->shards, 0);
	assert_int_equal(arena->shards, 1 << 3);
	assert_int_equal(nthreads(arena), 1);
	assert_non_null(arenas_get_auto(2));
}
