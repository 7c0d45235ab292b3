/*
 * The ledger against memory that the test itself puts to each use, and
 * against what the system says of the whole.
 */
#include "ctl/ledger.h"

#include "support/fake_clock.h"
#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/large.h"
#include "ctl_support.h"
#include "platform/io.h"
#include "platform/pages.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"
#include "thread/tcaches.h"

#define MIB ((size_t)1 << 20)

/*
 * What others do meanwhile: stacks, buffers, our own tables; shadow memory of
 * sanitizers, and of what the tests are run by.
 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLACK (64 * MIB)
#else
#define SLACK (getenv("JEMALLOC_TEST_PREFIX") != NULL ? 64 * MIB : MIB / 4)
#endif

static ledger_t before, now;
static arena_t *arena;
static uint64_t prng = 1;

static void
setup(void)
{
	ctl_setup();
	arena = arenas_get_auto(0);
	ledger_take(&before);
	if (!before.available) {
		skip();
	}
	ledger_take(&before);
}

/* The entry has grown by so much, roughly or to the byte. */
static void
assert_grown(size_t was, size_t is, size_t by, size_t slack)
{
	if (is + slack < was + by || is > was + by + slack) {
		fail_msg("%zu -> %zu, not by %zu", was, is, by);
	}
}

static char *
large(size_t size)
{
	char *p = large_alloc(arena, size, size, 1, false, &prng);
	assert_non_null(p);
	return p;
}

/* The sum is what the kernel says at about the same time. */
TEST(sum)
{
	setup();
	memset(large(20 * MIB), 1, 13 * MIB);
	ledger_take(&now);
	io_lines_t lines;
	char line[128];
	size_t rss = 0;
	assert_true(io_lines_open(&lines, "/proc/self/smaps_rollup"));
	while (io_lines_next(&lines, line, sizeof(line))) {
		if (strncmp(line, "Rss:", 4) == 0) {
			rss = strtoul(line + 4, NULL, 10) << 10;
		}
	}
	io_lines_close(&lines);
	assert_grown(0, now.sum, rss, rss / 20);
	assert_grown(0, now.total, rss, rss / 20);
	assert_true(now.excess < MIB / 8);
	assert_true(now.metadata > 0 && now.page_map > 0);
	assert_true(now.files > 0 && now.data > 0 && now.stacks > 0);
	/* Each entry once. */
	size_t sum = 0;
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		sum += *(size_t *)((char *)&now + ledger_entries[i].offset);
	}
	assert_int_equal(sum, now.sum);
}

/* Blocks count as far as they were touched; freed ones are dirty. */
TEST(large_blocks)
{
	setup();
	char *p = large(10 * MIB);
	memset(p, 1, 7 * MIB);
	ledger_take(&now);
	assert_grown(before.live, now.live, 7 * MIB, 3 * PAGE);
	assert_grown(before.other, now.other, 0, SLACK);
	large_free(p);
	ledger_take(&now);
	assert_grown(before.live, now.live, 0, PAGE);
	assert_grown(before.dirty, now.dirty, 7 * MIB, SLACK);
	arena_purge(arena);
	ledger_take(&now);
	assert_int_equal(now.dirty, 0);
	assert_int_equal(now.thp_bloat, 0);
	assert_grown(before.sum, now.sum, 0, SLACK);
}

/* Regions of slabs: in use, free, and free in pages that were never touched. */
TEST(slabs)
{
	enum { N = 4096 };
	static void *regs[N];
	bool contended;
	setup();
	unsigned szind = szind_of(1024), n = 0;
	while (n < N) {
		unsigned want = N - n < 64 ? N - n : 64;
		n += arena_fill(arena, szind, 0, regs + n, want, &contended);
	}
	/* Nothing is touched yet. */
	ledger_take(&now);
	assert_grown(before.live, now.live, 0, PAGE);
	for (unsigned i = 0; i < N; i++) {
		memset(regs[i], 1, 1024);
	}
	ledger_take(&now);
	assert_grown(before.live, now.live, N * 1024, PAGE);
	assert_true(now.slab_free <= before.slab_free + SLACK);
	/* Every other one, so that no slab becomes empty. */
	for (unsigned i = 0; i < N; i += 2) {
		arena_flush(szind, &regs[i], 1);
	}
	size_t free_before = now.slab_free;
	ledger_take(&now);
	assert_grown(before.live, now.live, N * 512, PAGE);
	assert_grown(free_before, now.slab_free, N * 512, PAGE);
}

/* Some large blocks of one thread, into a cache. */
static void
use_large(tsd_t *cache, unsigned cind)
{
	enum { N = 4 };
	size_t usize = cind_usize(cind);
	char *blocks[N];
	for (unsigned i = 0; i < N; i++) {
		/* A cache takes what is asked of it again and again. */
		(void)tcache_alloc_slow(cache, arena, cind, usize);
		blocks[i] = large(usize);
		memset(blocks[i], 1, usize);
	}
	for (unsigned i = 0; i < N; i++) {
		large_note_cached(pagemap_extent(blocks[i]), blocks[i]);
		if (!cache_slot_push(&cache->slots[cind], blocks[i])) {
			tcache_free_slow(cache, cind, blocks[i]);
		}
	}
}

/* What caches hold is not the program's. */
TEST(caches)
{
	enum { N = 200 };
	static void *blocks[N];
	setup();
	tsd_t *tsd = tsd_get();
	unsigned cind = cind_of_usize(4096), large_cind = cind_of_usize(65536);
	unsigned ind;
	for (unsigned i = 0; i < N; i++) {
		void *p = tcache_pop(tsd, cind);
		blocks[i] = p != NULL
		    ? p
		    : tcache_alloc_slow(tsd, NULL, cind, 4096);
		memset(blocks[i], 1, 4096);
	}
	for (unsigned i = 0; i < N; i++) {
		if (!cache_slot_push(&tsd->slots[cind], blocks[i])) {
			tcache_free_slow(tsd, cind, blocks[i]);
		}
	}
	use_large(tsd, large_cind);
	ledger_take(&before);
	size_t cached = tcache_bytes(tsd);
	assert_grown(cached, before.tcache, 0, 16 * PAGE);
	assert_int_equal(before.nthreads, 1);
	assert_int_equal(before.threads[0].bytes, cached);
	assert_int_equal(before.threads[0].thread, (uintptr_t)pthread_self());
	assert_int_equal(before.tcache_explicit, 0);

	/* Someone else looked at a later time: that is not below zero. */
	fake_clock_set(1000);
	ledger_take(&now);
	fake_clock_set(999);
	ledger_take(&now);
	assert_int_equal(now.threads[0].idle_ns, 0);
	fake_clock_stop();

	/* A cache without a thread. */
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
	tsd_t *cache = tcaches_get(ind);
	cache->arena = arena;
	use_large(cache, large_cind);
	ledger_take(&now);
	assert_true(tcache_bytes(cache) >= 65536);
	assert_grown(before.tcache_explicit, now.tcache_explicit,
	    tcache_bytes(cache), 2 * PAGE);
	assert_grown(before.tcache, now.tcache, tcache_bytes(tsd) - cached,
	    2 * PAGE);
}

/* Freed blocks that were left at a busy bin, or set aside. */
TEST(on_the_way)
{
	void *regs[32];
	bool contended;
	setup();
	unsigned szind = szind_of(2048);
	unsigned n = arena_fill(arena, szind, 0, regs, 32, &contended);
	for (unsigned i = 0; i < n; i++) {
		memset(regs[i], 1, 2048);
	}
	ledger_take(&before);
	assert_true(bin_handoff_leave(&arena->bins[szind],
	    arena->handoff[szind], regs, n));
	ledger_take(&now);
	assert_int_equal(now.handoff, n * 2048);
	assert_grown(now.live, before.live, n * 2048, 2 * PAGE);
	opt.check = true;
	char *block = large(65536);
	memset(block, 1, 65536);
	ledger_take(&before);
	quarantine_put(block, 65536, QUARANTINE_CHECK);
	ledger_take(&now);
	assert_grown(before.quarantine, now.quarantine, 65536, 0);
	assert_grown(now.live, before.live, 65536, 2 * PAGE);
}

static pthread_barrier_t barrier;

static void *
use_stack(void *arg)
{
	char room[MIB];
	memset(room, 1, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Memory of others is told apart. */
TEST(others)
{
	setup();
	char *p = mmap(NULL, 9 * MIB, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	memset(p, 1, 5 * MIB);
	ledger_take(&now);
	assert_grown(before.other, now.other, 5 * MIB, SLACK);
	assert_grown(before.live, now.live, 0, PAGE);
	pthread_t thread;
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, use_stack, NULL), 0);
	pthread_barrier_wait(&barrier);
	ledger_take(&now);
	assert_grown(before.stacks, now.stacks, MIB, SLACK);
	pthread_barrier_wait(&barrier);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Memory that was only read is the kernel's page of zeros, not resident. */
TEST(pages_of_zeros)
{
	setup();
	char *p = large(8 * MIB);
	unsigned sum = 0;
	for (size_t i = 0; i < 8 * MIB; i += PAGE) {
		sum += *(volatile char *)(p + i);
	}
	assert_int_equal(sum, 0);
	ledger_take(&now);
	assert_grown(before.sum, now.sum, 0, SLACK);
	assert_grown(0, now.sum, now.total, now.total / 20);
}

/* Without the system's word only our own is known. */
TEST(not_available)
{
	setup();
	memset(large(3 * MIB), 1, 3 * MIB);
	ledger_take(&before);
	ledger_source = "/proc/self/no such file";
	errno = ERANGE;
	ledger_take(&now);
	assert_int_equal(errno, ERANGE);
	assert_false(now.available);
	assert_int_equal(now.total, 0);
	assert_int_equal(now.files + now.data + now.stacks + now.other, 0);
	assert_grown(before.live, now.live, 0, PAGE);
	assert_grown(before.metadata, now.metadata, 0, 4 * PAGE);
	assert_grown(before.page_map, now.page_map, 0, 2 * PAGE);
	/* Nor is it from a file of something else. */
	ledger_source = "/proc/self/stat";
	ledger_take(&now);
	assert_false(now.available);
}

/* Lines as the system writes them, of mappings that are nobody's. */
TEST(kinds_of_mappings)
{
	char path[] = "/tmp/ledger.XXXXXX";
	static const char text[] =
	    "1000-3000 r-xp 00000000 fe:00 77   /bin/program\n"
	    "Rss:                 8 kB\nAnonymous:           4 kB\n"
	    "3000-9000 rw-p 00000000 00:00 0 \n"
	    "Rss:                12 kB\nAnonymous:          12 kB\n"
	    "VmFlags: rd wr mr mw me ac sd\n"
	    "a000-b000 ---p 00000000 00:00 0 \nRss:                 0 kB\n"
	    "b000-f000 rw-p 00000000 00:00 0 \n"
	    "Rss:                16 kB\nAnonymous:          16 kB\n"
	    "20000-30000 rw-p 00000000 00:00 0   [heap]\n"
	    "Rss:                20 kB\nSwap:               40 kB\n"
	    "30000-40000 rw-p 00000000 00:00 0   [anon: ours]\n"
	    "Rss:                24 kB\nAnonHugePages:       8 kB\n"
	    "40000-50000 rw-s 00000000 00:05 9   /dev/shm/a b\n"
	    "Rss:                28 kB\nLazyFree:            4 kB\n"
	    "50000-60000 rw-p 00000000 00:00 0   [stack]\n"
	    "Rss:                32 kB\n"
	    "60000-61000 r-xp 00000000 00:00 0   [vdso]\n"
	    "Rss:                 4 kB\n";
	setup();
	int fd = mkstemp(path);
	assert_true(fd >= 0 && io_write(fd, text, sizeof(text) - 1));
	close(fd);
	ledger_source = path;
	ledger_take(&now);
	unlink(path);
	assert_true(now.available);
	assert_int_equal(now.total, 144 << 10);
	assert_int_equal(now.files, (4 + 28 + 4) << 10);
	assert_int_equal(now.data, (4 + 12) << 10);
	assert_int_equal(now.stacks, (16 + 32) << 10);
	assert_int_equal(now.other, (20 + 24) << 10);
	assert_int_equal(now.swap, 40 << 10);
	assert_int_equal(now.anon_huge, 8 << 10);
	assert_int_equal(now.lazy_free, 4 << 10);
}

/* Names give what was found once in an epoch. */
TEST(names)
{
	if (!config_stats) {
		skip();
	}
	setup();
	new_epoch();
	size_t live = get_size("stats.rss.live");
	memset(large(5 * MIB), 1, 5 * MIB);
	assert_int_equal(get_size("stats.rss.live"), live);
	new_epoch();
	assert_grown(live, get_size("stats.rss.live"), 5 * MIB, 3 * PAGE);
	ledger_t ledger;
	ledger_get(&ledger);
	assert_int_equal(get_size("stats.rss.live"), ledger.live);
	assert_int_equal(get_size("stats.rss.sum"), ledger.sum);
	assert_int_equal(get_size("stats.rss.files"), ledger.files);
}
