/*
 * fault_injection: no failure of the system is survived with damage.
 *
 * A workload that touches every path to the system runs again and again; the
 * n-th call fails, for every n until there is none left, or all calls from
 * the n-th on do, until memory returns.  After each run: failures were NULL
 * with ENOMEM and nothing else, live blocks have their contents, every
 * structure verifies, the same work succeeds now, and when all is freed the
 * counters and the address space are what they were before.
 *
 * The first half happens in one process that lives through all failures; the
 * other in fresh processes, of which each starts the allocator under fire.
 */
#include "api/entry.h"

#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/init.h"
#include "arena/arenas.h"
#include "page/dss.h"
#include "platform/pages.h"
#include "support/os_calls_fault.h"
#include "thread/tcache.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define NBLOCKS 4096

/*
 * Debug builds fill blocks, for which thread caches are switched off.  The
 * threshold of zeroing by the system is low, to have less to touch.  There are
 * as many arenas on each machine.
 */
#define CACHED                                                                 \
	"junk:false,debug_double_free_max_scan:0,narenas:4,"                   \
	"calloc_madvise_threshold:1048576"

/*
 * Where address space is accounted for, the data segment is no second choice:
 * what alignment skips there is no one's.
 */
#define ACCOUNTED CACHED ",dss:disabled"

/* Flags of the extended interface. */
#define FLAGS_UNCACHED 0x100
#define FLAGS_ARENA(ind) (((ind) + 1) << 20)

/*
 * Every call fails in its turn; under a sanitizer of threads, where all takes
 * twenty times as long and next to nothing happens at once, every fourth.
 */
#ifdef __SANITIZE_THREAD__
#define STRIDE 4
#else
#define STRIDE 1
#endif

/* An errno that nothing sets. */
#define ERRNO_BEFORE 4711

typedef struct {
	unsigned char *ptr;
	size_t size;
	unsigned seed;
} block_t;

static block_t blocks[NBLOCKS];
static unsigned nblocks;
static unsigned nrefused;
static bool may_fail;

/* What is being tried, for messages. */
static struct {
	const char *mode;
	uint64_t n;
} trial;

/* Without the allocator's and the harness's help: both may be in trouble. */
static _Noreturn void
give_up(int line, const char *what)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
	    "fault_injection.c:%d: %s (%s, call %llu)\n", line, what,
	    trial.mode, (unsigned long long)trial.n);
	os_fault_disarm();
	(void)!write(STDERR_FILENO, text, (size_t)length);
	abort();
}

#define CHECK(c)                                                               \
	do {                                                                   \
		if (!(c)) {                                                    \
			give_up(__LINE__, #c);                                 \
		}                                                              \
	} while (0)

/* Blocks that know what they contain */

static unsigned char
byte_at(const block_t *block, size_t offset)
{
	return (
	    unsigned char)(block->seed ^ offset ^ offset >> 8 ^ offset >> 16);
}

/*
 * Every byte of small blocks, some of larger ones: most of the time of this
 * test goes into touching pages.
 */
static size_t
stride_of(size_t size)
{
	return size <= KIB ? 1 : size <= 64 * KIB ? 509 : 40009;
}

static void
fill(block_t *block)
{
	for (size_t i = 0; i < block->size; i += stride_of(block->size)) {
		block->ptr[i] = byte_at(block, i);
	}
	block->ptr[block->size - 1] = byte_at(block, block->size - 1);
}

/* The first n bytes are as they were filled. */
static bool
holds(const block_t *block, const unsigned char *ptr, size_t n)
{
	for (size_t i = 0; i < n; i += stride_of(block->size)) {
		if (ptr[i] != byte_at(block, i)) {
			return false;
		}
	}
	return n < block->size ||
	    ptr[block->size - 1] == byte_at(block, block->size - 1);
}

/* A failure is NULL and ENOMEM; a success leaves errno alone. */
static void
check_result(const void *ptr)
{
	CHECK(ptr != NULL ? errno == ERRNO_BEFORE : errno == ENOMEM);
	CHECK(ptr != NULL || may_fail);
	nrefused += ptr == NULL;
}

static block_t *
add(void *ptr, size_t size)
{
	static unsigned seed;
	if (ptr == NULL) {
		return NULL;
	}
	CHECK(nblocks < NBLOCKS);
	CHECK(je_malloc_usable_size(ptr) >= size);
	block_t *block = &blocks[nblocks++];
	*block = (block_t){ptr, size, seed += 37};
	fill(block);
	return block;
}

static block_t *
take(size_t size)
{
	errno = ERRNO_BEFORE;
	void *ptr = je_malloc(size);
	check_result(ptr);
	return add(ptr, size);
}

static block_t *
take_zeroed(size_t size)
{
	errno = ERRNO_BEFORE;
	unsigned char *ptr = je_calloc(1, size);
	check_result(ptr);
	for (size_t i = 0; ptr != NULL && i < size; i += stride_of(size)) {
		CHECK(ptr[i] == 0);
	}
	return add(ptr, size);
}

static block_t *
take_aligned(size_t alignment, size_t size)
{
	errno = ERRNO_BEFORE;
	void *ptr = je_aligned_alloc(alignment, size);
	check_result(ptr);
	CHECK(((uintptr_t)ptr & (alignment - 1)) == 0);
	return add(ptr, size);
}

static block_t *
take_posix(size_t alignment, size_t size)
{
	void *const untouched = &blocks;
	void *ptr = untouched;
	errno = ERRNO_BEFORE;
	int error = je_posix_memalign(&ptr, alignment, size);
	CHECK(errno == ERRNO_BEFORE);
	CHECK(error == 0 || (error == ENOMEM && ptr == untouched && may_fail));
	CHECK(error != 0 || ((uintptr_t)ptr & (alignment - 1)) == 0);
	nrefused += error != 0;
	return error == 0 ? add(ptr, size) : NULL;
}

static block_t *
take_flags(size_t size, int flags)
{
	errno = ERRNO_BEFORE;
	void *ptr = je_mallocx(size, flags);
	CHECK(errno == ERRNO_BEFORE);
	CHECK(ptr != NULL || may_fail);
	nrefused += ptr == NULL;
	return add(ptr, size);
}

static void
resize(block_t *block, size_t size)
{
	if (block == NULL) {
		return;
	}
	size_t kept = size < block->size ? size : block->size;
	errno = ERRNO_BEFORE;
	void *ptr = je_realloc(block->ptr, size);
	check_result(ptr);
	if (ptr == NULL) {
		CHECK(holds(block, block->ptr, block->size));
		return;
	}
	CHECK(holds(block, ptr, kept));
	block->ptr = ptr;
	block->size = size;
	fill(block);
}

/* The place of a dropped block is taken by the last one. */
static void
drop(block_t *block)
{
	if (block == NULL) {
		return;
	}
	CHECK(holds(block, block->ptr, block->size));
	errno = ERRNO_BEFORE;
	je_free(block->ptr);
	CHECK(errno == ERRNO_BEFORE);
	*block = blocks[--nblocks];
}

static void
drop_every_other(unsigned from)
{
	for (unsigned i = from; i < nblocks; i++) {
		drop(&blocks[i]);
	}
}

static void
drop_all(void)
{
	while (nblocks > 0) {
		drop(&blocks[nblocks - 1]);
	}
}

/* The workload */

static void
for_each_arena(void (*visit)(arena_t *))
{
	for (unsigned ind = 0; ind < arenas_count(); ind++) {
		if (arenas_get(ind) != NULL) {
			visit(arenas_get(ind));
		}
	}
}

static void
work_small(void)
{
	for (size_t size = 1; size <= 14 * KIB; size += size / 2 + 3) {
		take(size);
	}
	for (unsigned i = 0; i < 600; i++) {
		take(64);
		take_zeroed(400);
	}
	drop_every_other(300);
}

static void
work_large(void)
{
	take(15 * KIB);
	take(200 * KIB);
	drop(take(300 * KIB));
	take_zeroed(300 * KIB);
	/* Zeroed again by the system rather than by hand. */
	drop(take(2 * MIB));
	take_zeroed(2 * MIB);
	for (unsigned i = 0; i < 4; i++) {
		take(3 * MIB);
	}
	drop_every_other(nblocks < 4 ? 0 : nblocks - 4);
}

static void
work_aligned(void)
{
	take_posix(64, 100);
	take_posix(4 * KIB, 5000);
	take_aligned(64 * KIB, 100 * KIB);
	take_aligned(2 * MIB, 1 * MIB);
	take_aligned(4 * MIB, 100);
}

/* Grows within slabs, in place, by copying and by moving pages. */
static void
work_resize(void)
{
	block_t *block = take(1);
	for (size_t size = 16; size <= 8 * MIB; size *= 4) {
		resize(block, size);
		/* In the way of growing in place, every second time. */
		if ((size & 0x5555555555555555) != 0) {
			take(20 * KIB);
		}
	}
	resize(block, 8 * MIB + 1);
	resize(block, 1 * MIB);
	resize(block, 30 * KIB);
	resize(block, 30);
	block = take(700 * KIB);
	take(20 * KIB);
	resize(block, 2 * MIB);
	if (block != NULL) {
		size_t usize = je_xallocx(block->ptr, 3 * MIB, MIB, 0);
		CHECK(usize >= block->size);
		CHECK(holds(block, block->ptr, block->size));
	}
}

static void
work_arenas(void)
{
	for (unsigned i = 0; i < 20; i++) {
		take_flags(100 + i * 100, FLAGS_ARENA(1) | FLAGS_UNCACHED);
	}
	take_flags(50 * KIB, FLAGS_ARENA(1) | FLAGS_UNCACHED);
	/* The arena of oversize blocks. */
	take_flags(MIB, FLAGS_ARENA((int)arenas_nauto()) | FLAGS_UNCACHED);
	arena_t *arena = arenas_get(1);
	if (arena != NULL) {
		dss_prec_set(1, DSS_PREC_PRIMARY);
		take_flags(MIB, FLAGS_ARENA(1) | FLAGS_UNCACHED);
		drop(take_flags(3 * MIB, FLAGS_ARENA(1) | FLAGS_UNCACHED));
		dss_prec_set(1, DSS_PREC_SECONDARY);
		take_flags(2 * MIB, FLAGS_ARENA(1) | FLAGS_UNCACHED);
		dss_prec_set(1, DSS_PREC_DISABLED);
	}
}

/* Allocates, frees what it and others allocated, and leaves some behind. */
static void *
thread_body(void *arg)
{
	drop_every_other(nblocks / 2);
	for (unsigned i = 0; i < 300; i++) {
		take(16 + i * 16 % 3000);
	}
	take(40 * KIB);
	take(2 * MIB);
	drop_every_other(nblocks / 2);
	return arg;
}

static void
work_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, thread_body, NULL);
	CHECK(error == 0 || may_fail);
	if (error == 0) {
		CHECK(pthread_join(thread, NULL) == 0);
	}
	drop_every_other(nblocks / 3);
}

static void
set_decay(arena_t *arena, ssize_t ms)
{
	CHECK(pac_set_decay_ms(&arena->pac, EXTENT_DIRTY, ms, 0) == ERR_NONE);
	CHECK(pac_set_decay_ms(&arena->pac, EXTENT_MUZZY, ms, 0) == ERR_NONE);
}

static void
decay_at_once(arena_t *arena)
{
	set_decay(arena, 0);
}

static void
decay_slowly(arena_t *arena)
{
	set_decay(arena, 1000);
}

static void
work_purge(void)
{
	for_each_arena(decay_slowly);
	drop(take(6 * MIB));
	uint64_t hour = UINT64_C(3600000000000);
	for (unsigned ind = 0; ind < arenas_count(); ind++) {
		if (arenas_get(ind) != NULL) {
			/* To muzzy, and from there on. */
			pac_decay_tick(&arenas_get(ind)->pac, hour);
			pac_decay_tick(&arenas_get(ind)->pac, 2 * hour);
		}
	}
	take(MIB);
	drop(take(5 * MIB));
	for_each_arena(arena_purge);
	for_each_arena(decay_at_once);
	drop(take(3 * MIB));
	drop_every_other(nblocks / 2);
	(void)arenas_reclaim();
	take(3 * MIB);
	for_each_arena(decay_slowly);
}

static void
work(void)
{
	work_small();
	work_large();
	work_aligned();
	work_resize();
	work_thread();
	work_arenas();
	work_purge();
	work_small();
	work_thread();
}

static void
check_live(void)
{
	for (unsigned i = 0; i < nblocks; i++) {
		CHECK(holds(&blocks[i], blocks[i].ptr, blocks[i].size));
	}
	CHECK(arenas_verify());
}

/* Accounts */

typedef struct {
	size_t allocated; /* bytes of live blocks */
	size_t active; /* pages in use */
	size_t foreign; /* mapped bytes that are not ours */
} account_t;

/* Bytes of address space; 0 where tools distort it. */
static size_t
address_space(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || getenv("HARNESS_PATIENCE") != NULL) {
		return 0;
	}
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return strtoull(text, NULL, 10) * (size_t)getpagesize();
}

static void
add_arena(const arena_t *arena, account_t *account, size_t *mapped)
{
	for (unsigned i = 0; i < SC_NBINS; i++) {
		account->allocated += (size_t)(arena->bins[i].stats.nmalloc -
					  arena->bins[i].stats.ndalloc) *
		    szind_size(i);
	}
	account->allocated += arena->large_allocated;
	account->active += arena->pac.nactive;
	*mapped += (arena->pac.nactive + ecache_npages(&arena->pac.dirty) +
		       ecache_npages(&arena->pac.muzzy) +
		       ecache_npages(&arena->pac.retained)) *
		PAGE +
	    arena->pac.abandoned;
}

/* After everything that is free has been given up. */
static account_t
settle(void)
{
	account_t account = {0, 0, 0};
	if (tsd_is_real(tsd_tls)) {
		tcache_flush(tsd_tls);
	}
	for_each_arena(arena_purge);
	(void)arenas_reclaim();
	size_t mapped = arenas_base0()->mapped + pages_abandoned_bytes();
	for (unsigned ind = 0; ind < arenas_count(); ind++) {
		if (arenas_get(ind) != NULL) {
			add_arena(arenas_get(ind), &account, &mapped);
		}
	}
	size_t space = address_space();
	account.foreign = space == 0 ? 0 : space - mapped;
	return account;
}

/* Trials */

typedef enum { FAIL_ONE, FAIL_ALL_FROM } fail_mode_t;

static void
arm(fail_mode_t mode, uint64_t n)
{
	trial.mode = mode == FAIL_ONE ? "one" : "all from";
	trial.n = n;
	may_fail = true;
	nrefused = 0;
	if (mode == FAIL_ONE) {
		os_fault_arm(n);
	} else {
		os_fault_arm_from(n);
	}
}

/* Memory is back: all is well and works again.  How many calls failed. */
static uint64_t
recover(void)
{
	uint64_t nfailed = os_fault_disarm();
	may_fail = false;
	check_live();
	CHECK(nrefused == 0 || nfailed > 0);
	/* All of it every now and then; most of the time goes into this. */
	if (trial.n / STRIDE % 4 == 0 || nfailed == 0) {
		work();
	} else {
		work_small();
		work_large();
	}
	check_live();
	return nfailed;
}

/* The same process, for every n. */
static void
run_trials(fail_mode_t mode)
{
	trial.mode = "warm-up";
	for (unsigned i = 0; i < 2; i++) {
		work();
		drop_all();
	}
	account_t before = settle();
	uint64_t nfailed = 1;
	for (uint64_t n = 1; nfailed > 0; n += STRIDE) {
		arm(mode, n);
		work();
		nfailed = recover();
		drop_all();
		account_t after = settle();
		CHECK(after.allocated == before.allocated);
		CHECK(after.active == before.active);
		CHECK(after.foreign == before.foreign);
		CHECK(arenas_verify());
	}
	print_message("%llu calls\n", (unsigned long long)trial.n - 1);
}

TEST_CONF(one_call_fails, ACCOUNTED)
{
	run_trials(FAIL_ONE);
}

TEST_CONF(memory_runs_out_for_a_while, ACCOUNTED)
{
	run_trials(FAIL_ALL_FROM);
}

/* Where memory is charged when it is committed. */
TEST_CONF(one_call_fails_under_strict_accounting, ACCOUNTED)
{
	pages_assume_overcommit(false);
	run_trials(FAIL_ONE);
}

TEST_CONF(memory_runs_out_under_strict_accounting, ACCOUNTED)
{
	pages_assume_overcommit(false);
	run_trials(FAIL_ALL_FROM);
}

TEST_CONF(one_call_fails_without_retaining, ACCOUNTED ",retain:false")
{
	run_trials(FAIL_ONE);
}

TEST_CONF(memory_runs_out_without_retaining, ACCOUNTED ",retain:false")
{
	run_trials(FAIL_ALL_FROM);
}

/* The workload is what it claims to be. */
TEST_CONF(every_kind_of_call_is_made, CACHED)
{
	static const unsigned kinds[] = {OS_FAULT_SBRK, OS_FAULT_MMAP,
	    OS_FAULT_MUNMAP, OS_FAULT_MADVISE, OS_FAULT_MPROTECT,
	    OS_FAULT_MREMAP};
	pages_assume_overcommit(false);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i] == OS_FAULT_SBRK && !config_dss) {
			continue;
		}
		trial.n = kinds[i];
		(void)settle();
		os_fault_only(kinds[i]);
		os_fault_arm(UINT64_MAX);
		work();
		CHECK(os_fault_count() > 0);
		(void)os_fault_disarm();
		drop_all();
	}
}

/* Only a mapping that fails is a reason to refuse memory. */
TEST_CONF(other_calls_may_always_fail, CACHED)
{
	work();
	os_fault_only(OS_FAULT_MUNMAP | OS_FAULT_MADVISE | OS_FAULT_MREMAP |
	    OS_FAULT_SBRK);
	arm(FAIL_ALL_FROM, 1);
	may_fail = false;
	for (unsigned i = 0; i < 3; i++) {
		work();
		drop_all();
		(void)settle();
	}
	CHECK(os_fault_disarm() > 0);
	check_live();
}

/* Fresh processes */

#define FRESH_VARIABLE "TEST_FAULT_INJECTION"

/* A fresh process ran out of calls to fail; or was not fresh any more. */
#define EXIT_NONE_FAILED 42
#define EXIT_TOO_LATE 43

/* Before any other constructor, that is before the allocator's. */
__attribute__((constructor(102))) static void
run_if_fresh(void)
{
	const char *order = getenv(FRESH_VARIABLE);
	if (order == NULL) {
		return;
	}
	if (atomic_load(&init_state) != INIT_NONE) {
		/* The runtime of a sanitizer has allocated. */
		_exit(EXIT_TOO_LATE);
	}
	arm(order[0] == 'o' ? FAIL_ONE : FAIL_ALL_FROM,
	    strtoull(order + 1, NULL, 10));
	errno = ERRNO_BEFORE;
	void *first = je_malloc(10);
	check_result(first);
	je_free(first);
	work_thread();
	work();
	uint64_t nfailed = recover();
	drop_all();
	CHECK(arenas_verify());
	_exit(nfailed == 0 ? EXIT_NONE_FAILED : 0);
}

static void
become_fresh(void *order)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (length <= 0 || setenv(FRESH_VARIABLE, order, 1) != 0 ||
	    setenv(HARNESS_CONF_ENV, CACHED, 1) != 0) {
		_exit(1);
	}
	path[length] = '\0';
	execl(path, path, (char *)NULL);
	_exit(1);
}

static void
run_fresh_trials(char mode)
{
	static harness_child_t child;
	uint64_t n = 1;
	for (;; n += STRIDE) {
		char order[32];
		snprintf(order, sizeof(order), "%c%llu", mode,
		    (unsigned long long)n);
		harness_run_child(become_fresh, order, &child);
		if (child.status == EXIT_NONE_FAILED << 8) {
			break;
		}
		if (child.status == EXIT_TOO_LATE << 8) {
			skip();
		}
		if (child.status != 0) {
			fail_msg("%s: status 0x%x: %s", order,
			    (unsigned)child.status, child.err);
		}
	}
	print_message("%llu calls\n", (unsigned long long)n - 1);
	assert_true(n > 1);
}

TEST(one_call_fails_from_the_start_on)
{
	run_fresh_trials('o');
}

TEST(memory_runs_out_from_the_start_on)
{
	run_fresh_trials('a');
}
