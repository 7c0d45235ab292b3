/*
 * options: what every option does, seen from outside.
 *
 * A value that reads back proves nothing; each test here sets an option before
 * the process starts and looks at addresses, contents, resident memory, the
 * kernel's view of the mappings, or statistics.
 */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "support/residence.h"
#include "traps.h"

#define ALL_ARENAS "4096"

static harness_child_t child;

static void
read_value(const char *name, void *value, size_t size)
{
	size_t length = size;
	int error = mallctl(name, value, &length, NULL, 0);
	if (error == ENOENT && strncmp(name, "stats.", 6) == 0) {
		print_message("no statistics\n");
		skip();
	}
	if (error != 0 || length != size) {
		fail_msg("%s: error %d, %zu bytes", name, error, length);
	}
}

static size_t
size_of(const char *name)
{
	size_t value = 0;
	read_value(name, &value, sizeof(value));
	return value;
}

static unsigned
unsigned_of(const char *name)
{
	unsigned value = 0;
	read_value(name, &value, sizeof(value));
	return value;
}

static uint64_t
u64_of(const char *name)
{
	uint64_t value = 0;
	read_value(name, &value, sizeof(value));
	return value;
}

static bool
bool_of(const char *name)
{
	bool value = false;
	read_value(name, &value, sizeof(value));
	return value;
}

static void
act(const char *name)
{
	assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
}

static void
refresh(void)
{
	uint64_t epoch = 1;
	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)),
	    0);
}

static size_t
fresh_size_of(const char *name)
{
	refresh();
	return size_of(name);
}

static size_t
cached_bytes(void)
{
	return fresh_size_of("stats.arenas." ALL_ARENAS ".tcache_bytes");
}

/* The arena that a block is of. */
static unsigned
arena_of(const void *ptr)
{
	unsigned ind = ~0u;
	size_t length = sizeof(ind);
	assert_int_equal(mallctl("arenas.lookup", &ind, &length, (void *)&ptr,
			     sizeof(ptr)),
	    0);
	return ind;
}

/* Bytes of a range that are in memory. */
static size_t
resident(const void *ptr, size_t size)
{
	unsigned char map[4096];
	uintptr_t start = ((uintptr_t)ptr + TEST_PAGE - 1) & ~(TEST_PAGE - 1);
	size_t npages = (size - (start - (uintptr_t)ptr)) / TEST_PAGE;
	size_t bytes = 0;
	assert_true(npages <= sizeof(map));
	need_residence();
	if (mincore((void *)start, npages * TEST_PAGE, map) != 0) {
		return 0;
	}
	for (size_t i = 0; i < npages; i++) {
		bytes += (map[i] & 1) * TEST_PAGE;
	}
	return bytes;
}

static bool
is_mapped(const void *ptr)
{
	unsigned char map;
	return mincore((void *)((uintptr_t)ptr & ~(TEST_PAGE - 1)), 1, &map) ==
	    0;
}

/* Whether the kernel's flags of the mapping around an address have a word. */
static bool
mapping_has_flag(const void *ptr, const char *flag)
{
	static char line[4096];
	bool inside = false, has = false;
	FILE *file = fopen("/proc/self/smaps", "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		uintptr_t from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			inside = (uintptr_t)ptr >= from && (uintptr_t)ptr < to;
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			has = strstr(line, flag) != NULL;
		}
	}
	fclose(file);
	return has;
}

static bool
thp_mode_is(const char *mode)
{
	char text[128] = "";
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
	if (file == NULL) {
		return false;
	}
	if (fgets(text, sizeof(text), file) == NULL) {
		text[0] = '\0';
	}
	fclose(file);
	return strstr(text, mode) != NULL;
}

static const size_t some_sizes[] = {1, 8, 100, 4096, 5000, 14336, 20000, 200000,
    300000, 3000000};

/* Fill and free blocks of all kinds, so that the next ones are not fresh. */
static void
soil(void)
{
	for (size_t i = 0; i < COUNT(some_sizes); i++) {
		void *ptr[4];
		for (size_t j = 0; j < COUNT(ptr); j++) {
			ptr[j] = malloc(some_sizes[i]);
			memset(hide(ptr[j]), 0x77, some_sizes[i]);
		}
		for (size_t j = 0; j < COUNT(ptr); j++) {
			free(ptr[j]);
		}
	}
}

/* Filling */

static void
check_junk(int alloc, int freed)
{
	soil();
	for (size_t i = 0; i < COUNT(some_sizes); i++) {
		size_t size = some_sizes[i];
		unsigned char *ptr = hide(malloc(size));
		size_t usable = malloc_usable_size(ptr);
		if (alloc >= 0) {
			assert_true(is_filled_with(ptr, alloc, usable));
		}
		memset(ptr, 0x33, usable);
		ptr = hide(realloc(ptr, usable * 3));
		assert_true(is_filled_with(ptr, 0x33, usable));
		if (alloc >= 0) {
			assert_true(is_filled_with(ptr + usable, alloc,
			    malloc_usable_size(ptr) - usable));
		}
		usable = malloc_usable_size(ptr);
		memset(ptr, 0x33, usable);
		free(ptr);
		if (freed >= 0) {
			assert_true(is_filled_with(hide(ptr), freed, usable));
		}
		ptr = hide(calloc(1, size));
		assert_true(is_filled_with(ptr, 0, malloc_usable_size(ptr)));
		free(ptr);
	}
}

static void
need(const char *config)
{
	if (!bool_of(config)) {
		print_message("%s is false\n", config);
		skip();
	}
}

TEST_CONF(junk_fills_on_both_sides, "junk:true")
{
	need("config.fill");
	check_junk(0xa5, 0x5a);
}

TEST_CONF(junk_alloc_fills_new_blocks, "junk:alloc")
{
	need("config.fill");
	check_junk(0xa5, 0x33);
}

TEST_CONF(junk_free_fills_freed_blocks, "junk:free")
{
	need("config.fill");
	check_junk(-1, 0x5a);
}

TEST_CONF(zero_clears_every_block, "zero:true")
{
	need("config.fill");
	check_junk(0, -1);
}

TEST_CONF(zero_wins_over_junk, "zero:true,junk:true")
{
	need("config.fill");
	check_junk(0, 0x5a);
}

/* Errors and policies */

static void
exhaust(void *function)
{
	size_t much = hide_size((size_t)1 << 62);
	void *ptr = NULL;
	switch (*(const char *)function) {
	case 'm':
		ptr = malloc(much);
		break;
	case 'c':
		ptr = calloc(much, 1);
		break;
	case 'r':
		ptr = realloc(malloc(1), much);
		break;
	case 'x':
		ptr = mallocx(much, 0);
		break;
	case 'y':
		ptr = rallocx(malloc(1), much, 0);
		break;
	case 'a':
		ptr = aligned_alloc(64, much);
		break;
	default:
		(void)!posix_memalign(&ptr, hide_size(3), 1);
	}
	CHECK(ptr == NULL);
}

TEST_CONF(xmalloc_ends_the_process, "abort_conf:false,xmalloc:true")
{
	need("config.xmalloc");
	assert_dies(exhaust, "m",
	    "<jemalloc>: Error in malloc(): out of memory");
	assert_dies(exhaust, "c",
	    "<jemalloc>: Error in calloc(): out of memory");
	assert_dies(exhaust, "r",
	    "<jemalloc>: Error in realloc(): out of memory");
	assert_dies(exhaust, "x",
	    "<jemalloc>: Error in mallocx(): out of memory");
	assert_dies(exhaust, "y",
	    "<jemalloc>: Error in rallocx(): out of memory");
	assert_dies(exhaust, "a",
	    "<jemalloc>: Error allocating aligned memory: "
	    "out of memory");
	assert_dies(exhaust, "p",
	    "<jemalloc>: Error allocating aligned memory: "
	    "invalid alignment");
}

TEST(without_xmalloc_it_goes_on)
{
	assert_survives(exhaust, "m");
	assert_survives(exhaust, "c");
	assert_survives(exhaust, "p");
}

TEST_CONF(zero_realloc_alloc, "zero_realloc:alloc")
{
	char *ptr = malloc(100);
	ptr[0] = 'x';
	ptr = realloc(ptr, hide_size(0));
	assert_non_null(ptr);
	assert_int_equal(ptr[0], 'x');
	assert_int_equal(malloc_usable_size(ptr), 8);
	free(ptr);
}

TEST_CONF(zero_realloc_free, "zero_realloc:free")
{
	size_t count = size_of("stats.zero_reallocs");
	assert_null(realloc(malloc(100), hide_size(0)));
	assert_int_equal(fresh_size_of("stats.zero_reallocs"), count + 1);
}

static void
realloc_to_nothing(void *arg)
{
	(void)!realloc(malloc(100), hide_size(0));
}

TEST_CONF(zero_realloc_abort, "zero_realloc:abort")
{
	assert_dies(realloc_to_nothing, NULL,
	    "Called realloc(non-null-ptr, 0) with zero_realloc:abort set");
}

static void
start_with(void *conf)
{
	setenv(HARNESS_CONF_ENV, conf, 1);
	execl("/proc/self/exe", "options", "-l", (char *)NULL);
	check_failed("exec", errno, "execl");
}

TEST(abort_conf_ends_the_process)
{
	assert_dies(start_with, "abort_conf:true,tcach:true",
	    "Abort (abort_conf:true) on invalid conf value (see above).");
	assert_dies(start_with, "abort_conf:true,narenas:x",
	    "Invalid conf value: narenas:x");
	assert_survives(start_with, "abort_conf:false,tcach:true");
	assert_survives(start_with, "abort_conf:true,tcache:true");
}

TEST(an_unknown_key_gets_a_hint)
{
	harness_run_child(start_with, "dirty_decay:1,zzzzzzz:1,tcahe:true",
	    &child);
	const char *line = "<jemalloc>: Invalid conf pair: dirty_decay:1\n"
			   "<jemalloc>: Did you mean dirty_decay_ms?\n"
			   "<jemalloc>: Invalid conf pair: zzzzzzz:1\n"
			   "<jemalloc>: Invalid conf pair: tcahe:true\n"
			   "<jemalloc>: Did you mean tcache?\n";
	if (strstr(child.err, line) == NULL) {
		fail_msg("%s", child.err);
	}
}

/* What is said at the start of a process that needs no arena but one. */
TEST(settings_that_can_not_be_had)
{
	harness_run_child(start_with, "abort_conf:false,narenas:5000", &child);
	assert_string_equal(child.err,
	    "<jemalloc>: Reducing narenas to limit (4094)\n");
	harness_run_child(start_with, "abort_conf:false,hpa:true", &child);
	assert_string_equal(child.err,
	    "<jemalloc>: HPA not supported in the current configuration; "
	    "disabling.\n");
	assert_dies(start_with, "hpa:true,abort_conf:true", "aborting.");
}

TEST_CONF(no_huge_page_allocator, "abort_conf:false,hpa:true")
{
	assert_false(bool_of("opt.hpa"));
}

TEST(log_traces_calls)
{
	harness_run_child(start_with, "log:core.malloc|nothing", &child);
	if (strstr(child.err, "Invalid conf pair: log:") != NULL) {
		print_message("no trace in this build\n");
		skip();
	}
	assert_non_null(strstr(child.err, "core.malloc.entry: size: "));
	assert_non_null(strstr(child.err, "core.malloc.exit: result: 0x"));
	assert_null(strstr(child.err, "core.free"));
	harness_run_child(start_with, "log:core.malloc.exit", &child);
	assert_non_null(strstr(child.err, "core.malloc.exit: result: 0x"));
	assert_null(strstr(child.err, "core.malloc.entry"));
}

/* Sizes and placement of large blocks */

TEST_CONF(large_blocks_start_on_pages, "cache_oblivious:false")
{
	for (int i = 0; i < 100; i++) {
		void *ptr = malloc(100000);
		assert_true(is_aligned_to(ptr, TEST_PAGE));
	}
}

TEST_CONF(large_blocks_are_coloured, "cache_oblivious:true")
{
	int aligned = 0;
	for (int i = 0; i < 100; i++) {
		aligned += is_aligned_to(malloc(100000), TEST_PAGE);
	}
	assert_true(aligned < 30);
}

TEST_CONF(large_sizes_are_classes, "disable_large_size_classes:false")
{
	static const size_t sizes[][2] = {{32769, 40960}, {65537, 81920},
	    {1000000, 1048576}, {8388609, 10485760}, {12345678, 12582912}};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *ptr = malloc(sizes[i][0]);
		assert_int_equal(malloc_usable_size(ptr), sizes[i][1]);
		assert_int_equal(nallocx(sizes[i][0], 0), sizes[i][1]);
		memset(hide(ptr), 1, sizes[i][1]);
		sdallocx(ptr, sizes[i][0], 0);
	}
}

TEST_CONF(slab_sizes_set_the_pages, "slab_sizes:1-64:2|4096-4096:8")
{
	/* No more than 512 regions. */
	assert_int_equal(size_of("arenas.bin.0.slab_size"), TEST_PAGE);
	assert_int_equal(size_of("arenas.bin.4.slab_size"), 2 * TEST_PAGE);
	assert_int_equal(size_of("arenas.bin.28.slab_size"), 8 * TEST_PAGE);
	assert_int_equal(unsigned_of("arenas.bin.28.nregs"), 8);
	/* 48 bytes in two pages: 170, and the tail is not used. */
	assert_int_equal(unsigned_of("arenas.bin.3.nregs"), 170);
	for (int i = 0; i < 170 * 20; i++) {
		malloc(48);
	}
	size_t slabs = fresh_size_of("stats.arenas.0.bins.3.curslabs");
	assert_true(slabs >= 20 && slabs <= 22);
}

TEST_CONF(bin_shards_are_shown, "bin_shards:1-64:4|100-200:64")
{
	assert_int_equal(unsigned_of("arenas.bin.0.nshards"), 4);
	assert_int_equal(unsigned_of("arenas.bin.4.nshards"), 4);
	assert_int_equal(unsigned_of("arenas.bin.5.nshards"), 1);
	assert_int_equal(unsigned_of("arenas.bin.8.nshards"), 64);
}

static void *
one_of_64(void *arg)
{
	(void)arg;
	return mallocx(64, MALLOCX_TCACHE_NONE);
}

/* Slabs that two threads take a block of 64 bytes from; *distance of those. */
static size_t
slabs_of_two_threads(size_t *distance)
{
	void *other;
	pthread_t thread;
	char *mine = one_of_64(NULL);
	assert_int_equal(pthread_create(&thread, NULL, one_of_64, NULL), 0);
	assert_int_equal(pthread_join(thread, &other), 0);
	*distance = (size_t)(mine < (char *)other ? (char *)other - mine
						  : mine - (char *)other);
	size_t slabs = fresh_size_of("stats.arenas.0.bins.4.curslabs");
	dallocx(hide(mine), MALLOCX_TCACHE_NONE);
	dallocx(hide(other), MALLOCX_TCACHE_NONE);
	return slabs;
}

TEST_CONF(threads_share_a_bin, "narenas:1,bin_shards:1-1:1")
{
	size_t distance;
	assert_int_equal(slabs_of_two_threads(&distance), 1);
	assert_int_equal(distance, 64);
}

TEST_CONF(threads_have_bins_of_their_own, "narenas:1,bin_shards:1-4096:2")
{
	size_t distance;
	assert_int_equal(slabs_of_two_threads(&distance), 2);
	assert_true(distance >= size_of("arenas.bin.4.slab_size"));
	/* Both are one bin to statistics, before and after they are purged. */
	assert_int_equal(fresh_size_of("stats.arenas.0.bins.4.curregs"), 0);
	act("arena.0.purge");
	assert_int_equal(fresh_size_of("stats.arenas.0.bins.4.curslabs"), 0);
}

/* Arenas */

static int
bind_to(unsigned ind)
{
	return mallctl("thread.arena", NULL, NULL, &ind, sizeof(ind));
}

TEST_CONF(narenas_bounds_the_arenas, "narenas:3,oversize_threshold:0")
{
	assert_int_equal(unsigned_of("arenas.narenas"), 3);
	assert_int_equal(bind_to(2), 0);
	assert_int_equal(arena_of(mallocx(100, MALLOCX_TCACHE_NONE)), 2);
	assert_int_not_equal(bind_to(3), 0);
}

/* The number of arenas of a process with other options. */
static unsigned
narenas_with(const char *conf)
{
	char text[256];
	unsigned n = 0;
	snprintf(text, sizeof(text),
	    "%s,oversize_threshold:0,stats_print:true,"
	    "stats_print_opts:mdablxehrf",
	    conf);
	harness_run_child(start_with, text, &child);
	const char *found = strstr(child.err, "\nArenas: ");
	if (found == NULL) {
		print_message("no statistics\n");
		skip();
	}
	assert_int_equal(sscanf(found, "\nArenas: %u", &n), 1);
	return n;
}

/* Processors that it may run on, or fewer where it gets less of their time. */
TEST(narenas_ratio_counts_cpus)
{
	cpu_set_t set;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	unsigned ncpus = narenas_with("narenas_ratio:1");
	assert_in_range(ncpus, 1, CPU_COUNT(&set));
	assert_int_equal(narenas_with("narenas_ratio:2.5"),
	    ncpus == 1 ? 1 : (ncpus * 5 + 1) / 2);
	assert_int_equal(narenas_with("narenas:7"), 7);
}

TEST_CONF(oversize_blocks_have_their_arena,
    "narenas:2,oversize_threshold:1048576")
{
	assert_int_equal(arena_of(malloc(MIB - 2 * TEST_PAGE)), 0);
	assert_int_equal(arena_of(malloc(MIB)), 2);
	assert_int_equal(arena_of(malloc(20 * MIB)), 2);
}

TEST_CONF(without_oversize_arena, "narenas:2,oversize_threshold:0")
{
	assert_int_equal(arena_of(malloc(20 * MIB)), 0);
}

/* Is a freed block of 4 MiB cut for one of 400 KiB? */
static bool
large_extent_is_cut(void)
{
	char *big = malloc(4 * MIB);
	free(big);
	char *cut = hide(malloc(400 * KIB));
	return cut >= big - TEST_PAGE && cut < big + 4 * MIB;
}

TEST_CONF(large_extents_stay_whole, "lg_extent_max_active_fit:1")
{
	assert_false(large_extent_is_cut());
}

TEST_CONF(large_extents_are_cut, "lg_extent_max_active_fit:6")
{
	assert_true(large_extent_is_cut());
}

TEST_CONF(unused_memory_is_unmapped, "retain:false,dirty_decay_ms:0")
{
	char *ptr = malloc(4 * MIB);
	free(ptr);
	assert_false(is_mapped((char *)hide(ptr) + MIB));
	assert_int_equal(fresh_size_of("stats.retained"), 0);
}

TEST_CONF(unused_memory_is_retained, "retain:true,dirty_decay_ms:0")
{
	char *ptr = malloc(4 * MIB);
	memset(hide(ptr), 1, 4 * MIB);
	free(ptr);
	assert_true(is_mapped((char *)hide(ptr) + MIB));
	assert_int_equal(resident(hide(ptr), 4 * MIB), 0);
	assert_true(fresh_size_of("stats.retained") >= 4 * MIB);
}

static bool
is_from_sbrk(const void *ptr)
{
	extern char end;
	return (uintptr_t)ptr >= (uintptr_t)&end &&
	    (uintptr_t)ptr < (uintptr_t)sbrk(0);
}

static void
need_dss(void)
{
	const char *prec;
	read_value("arena.0.dss", &prec, sizeof(prec));
	if (strcmp(prec, "disabled") == 0) {
		skip();
	}
}

TEST_CONF(dss_first, "dss:primary")
{
	need_dss();
	assert_true(is_from_sbrk(malloc(100)));
	assert_true(is_from_sbrk(malloc(MIB)));
	assert_true(is_from_sbrk(calloc(1, 9 * MIB)));
}

static bool
allocates_without_mmap(void)
{
	trap_syscall(SYS_mmap, -1, 0, -ENOMEM);
	void *ptr = malloc(64 * MIB);
	assert_true(trap_count() > 0);
	assert_true(ptr == NULL || is_from_sbrk(ptr));
	return ptr != NULL;
}

TEST_CONF(dss_second, "dss:secondary")
{
	need_dss();
	assert_false(is_from_sbrk(malloc(MIB)));
	assert_true(allocates_without_mmap());
}

TEST_CONF(dss_never, "dss:disabled")
{
	assert_false(is_from_sbrk(malloc(MIB)));
	assert_false(allocates_without_mmap());
}

/* Huge pages */

TEST_CONF(thp_always_asks_for_huge_pages, "thp:always")
{
	if (!thp_mode_is("[madvise]")) {
		skip();
	}
	assert_true(mapping_has_flag(malloc(100), " hg"));
	assert_true(mapping_has_flag(malloc(20 * MIB), " hg"));
}

TEST_CONF(thp_never_refuses_huge_pages, "thp:never")
{
	if (!thp_mode_is("[madvise]") && !thp_mode_is("[always]")) {
		skip();
	}
	assert_true(mapping_has_flag(malloc(100), " nh"));
	assert_true(mapping_has_flag(malloc(20 * MIB), " nh"));
}

TEST_CONF(thp_default_leaves_mappings_alone, "thp:default")
{
	if (thp_mode_is("[madvise]")) {
		assert_false(mapping_has_flag(malloc(100), " hg"));
		assert_false(mapping_has_flag(malloc(100), " nh"));
	}
}

/* KiB of huge pages of the process. */
static size_t
huge_kib(void)
{
	static char line[4096];
	size_t kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	if (file == NULL) {
		print_message("no /proc/self/smaps_rollup\n");
		skip();
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		(void)sscanf(line, "AnonHugePages: %zu", &kib);
	}
	fclose(file);
	return kib;
}

static void
fill_with_small_blocks(size_t bytes)
{
	for (size_t i = 0; i < bytes / 512; i++) {
		memset(malloc(512), 1, 512);
	}
}

TEST(thp_dense_gives_dense_heaps_huge_pages)
{
	fill_with_small_blocks(24 * MIB);
	assert_true(huge_kib() == 0 || thp_mode_is("[always]"));
	fill_with_small_blocks(72 * MIB);
	size_t kib = huge_kib();
	if (!thp_mode_is("[madvise]") || kib == 0) {
		/* Or the system has none at the moment. */
		skip();
	}
	assert_in_range(kib, 2048, 96 * 1024);
}

/* KiB of huge pages while a block is in use, after others like it. */
static size_t
huge_kib_of_large_blocks(size_t stride)
{
	size_t most = 0;
	for (unsigned i = 0; i < 20; i++) {
		char *block = malloc(16 * MIB);
		for (size_t at = 0; at < 16 * MIB; at += stride) {
			block[at] = 1;
		}
		size_t kib = huge_kib();
		most = kib > most ? kib : most;
		free(block);
	}
	return most;
}

/* Purged at once, so that each block is from fresh memory. */
TEST_CONF(thp_dense_large_blocks, "dirty_decay_ms:0")
{
	free(malloc(64 * MIB));
	size_t kib = huge_kib_of_large_blocks(4 * KIB);
	if (!thp_mode_is("[madvise]") || kib == 0) {
		skip();
	}
	assert_in_range(kib, 2048, 16 * 1024);
	/* The range is not marked any more. */
	char *block = malloc(16 * MIB);
	free(block);
	memset(malloc(1 * MIB), 1, 1 * MIB);
	assert_true(huge_kib() <= 2048);
}

TEST_CONF(thp_dense_sparse_blocks, "dirty_decay_ms:0,junk:false")
{
	assert_true(
	    huge_kib_of_large_blocks(16 * KIB) == 0 || thp_mode_is("[always]"));
}

TEST_CONF(thp_dense_off, "thp_dense:false")
{
	fill_with_small_blocks(96 * MIB);
	assert_true(huge_kib() == 0 || thp_mode_is("[always]"));
}

/* The number of mappings that are advised to be huge. */
static unsigned
huge_mappings(void)
{
	static char line[4096];
	unsigned n = 0;
	FILE *file = fopen("/proc/self/smaps", "r");
	if (file == NULL) {
		print_message("no /proc/self/smaps\n");
		skip();
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		n += strncmp(line, "VmFlags:", 8) == 0 &&
		    strstr(line, " hg") != NULL;
	}
	fclose(file);
	return n;
}

TEST_CONF(metadata_thp_always, "metadata_thp:always")
{
	if (!thp_mode_is("[madvise]")) {
		skip();
	}
	assert_false(mapping_has_flag(malloc(100), " hg"));
	assert_true(huge_mappings() > 0);
}

static unsigned
new_arena(void)
{
	unsigned ind;
	size_t length = sizeof(ind);
	assert_int_equal(mallctl("arenas.create", &ind, &length, NULL, 0), 0);
	return ind;
}

TEST_CONF(metadata_thp_auto, "metadata_thp:auto,junk:false")
{
	if (!thp_mode_is("[madvise]")) {
		skip();
	}
	assert_int_equal(huge_mappings(), 0);
	/* Each has metadata of its own, which are few. */
	(void)new_arena();
	assert_int_equal(huge_mappings(), 0);
	/* One needs many for its descriptors. */
	for (int i = 0; i < 300000; i++) {
		(void)!mallocx(16 * KIB,
		    MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE);
	}
	assert_true(huge_mappings() > 0);
}

TEST_CONF(metadata_thp_disabled, "metadata_thp:disabled")
{
	assert_int_equal(huge_mappings(), 0);
}

/* Memory goes back */

static size_t
resident_after_free(size_t size)
{
	char *ptr = malloc(size);
	memset(hide(ptr), 1, size);
	free(ptr);
	return resident(hide(ptr), size);
}

TEST_CONF(dirty_pages_go_at_once, "dirty_decay_ms:0,muzzy_decay_ms:0")
{
	assert_int_equal(resident_after_free(4 * MIB), 0);
	assert_int_equal(fresh_size_of("stats.arenas.0.pdirty"), 0);
}

TEST_CONF(dirty_pages_stay, "dirty_decay_ms:-1")
{
	assert_true(resident_after_free(4 * MIB) >= 4 * MIB - 2 * TEST_PAGE);
	usleep(50000);
	act("arena.0.decay");
	assert_true(fresh_size_of("stats.arenas.0.pdirty") >= 1000);
}

TEST_CONF(dirty_pages_go_with_time, "dirty_decay_ms:100,muzzy_decay_ms:0")
{
	assert_true(resident_after_free(4 * MIB) > 0);
	for (int i = 0; i < 60; i++) {
		usleep(10000);
		act("arena.0.decay");
	}
	assert_true(fresh_size_of("stats.arenas.0.pdirty") < 50);
}

/* What is muzzy once dirty pages have had their time. */
static size_t
muzzy_after_decay(void)
{
	(void)resident_after_free(4 * MIB);
	for (int i = 0; i < 60; i++) {
		usleep(5000);
		act("arena.0.decay");
	}
	assert_true(fresh_size_of("stats.arenas.0.pdirty") < 50);
	return size_of("stats.arenas.0.pmuzzy");
}

TEST_CONF(muzzy_pages_stay, "dirty_decay_ms:50,muzzy_decay_ms:-1")
{
	assert_true(muzzy_after_decay() >= 1000);
}

TEST_CONF(muzzy_is_skipped, "dirty_decay_ms:50,muzzy_decay_ms:0")
{
	assert_int_equal(muzzy_after_decay(), 0);
}

/* How much of a calloc()ed block of reused memory is resident. */
static size_t
resident_after_calloc(size_t size)
{
	char *ptr = malloc(size);
	memset(hide(ptr), 1, size);
	free(ptr);
	ptr = hide(calloc(1, size));
	size_t bytes = resident(ptr, size);
	assert_true(is_filled_with(ptr, 0, size));
	return bytes;
}

TEST_CONF(calloc_takes_zero_pages, "calloc_madvise_threshold:1048576")
{
	assert_true(resident_after_calloc(4 * MIB) <= 2 * TEST_PAGE);
	assert_true(resident_after_calloc(512 * KIB) > 256 * KIB);
}

TEST_CONF(calloc_clears, "calloc_madvise_threshold:8388608")
{
	assert_true(resident_after_calloc(4 * MIB) >= 4 * MIB - 2 * TEST_PAGE);
}

/*
 * The kernel's promise is broken here: MADV_DONTNEED does nothing.
 */
static bool
purged_memory_reads_zero(void)
{
	trap_syscall(SYS_madvise, 2, MADV_DONTNEED, 0);
	char *ptr = malloc(4 * MIB);
	memset(hide(ptr), 1, 4 * MIB);
	free(ptr);
	act("arena." ALL_ARENAS ".purge");
	assert_true(trap_count() > 0);
	ptr = hide(calloc(1, 4 * MIB));
	return is_filled_with(ptr, 0, 4 * MIB);
}

TEST_CONF(madvise_is_trusted, "trust_madvise:true")
{
	assert_false(purged_memory_reads_zero());
}

TEST_CONF(madvise_is_tested, "trust_madvise:false")
{
	assert_true(purged_memory_reads_zero());
}

/* Thread caches */

/* The bytes that the cache holds after n blocks of a size were freed. */
static size_t
cached_after(size_t size, unsigned n)
{
	static void *ptrs[4096];
	assert_true(n <= COUNT(ptrs));
	size_t before = cached_bytes();
	/* Bins grow with use: a few rounds. */
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < n; i++) {
			ptrs[i] = malloc(size);
		}
		for (unsigned i = 0; i < n; i++) {
			free(ptrs[i]);
		}
	}
	size_t after = cached_bytes();
	return after > before ? after - before : 0;
}

TEST_CONF(no_cache, "tcache:false")
{
	free(malloc(100));
	assert_int_equal(cached_bytes(), 0);
	bool on = true;
	assert_int_equal(mallctl("thread.tcache.enabled", NULL, NULL, &on,
			     sizeof(on)),
	    0);
	assert_true(cached_after(112, 10) > 0);
}

TEST_CONF(cache_takes_small_sizes, "tcache_max:1024")
{
	assert_int_equal(size_of("thread.tcache.max"), 1024);
	assert_true(cached_after(1024, 10) > 0);
	assert_int_equal(cached_after(1280, 10), 0);
	assert_int_equal(cached_after(20000, 10), 0);
}

TEST_CONF(cache_size_as_a_power, "lg_tcache_max:14")
{
	assert_true(cached_after(16384, 10) > 0);
	assert_int_equal(cached_after(20480, 10), 0);
}

TEST_CONF(places_of_small_bins, "tcache_nslots_small_max:16")
{
	size_t bytes = cached_after(64, 1000);
	assert_true(bytes > 0 && bytes <= 16 * 64);
}

TEST_CONF(places_by_regions,
    "lg_tcache_nslots_mul:0,slab_sizes:512-512:4,"
    "tcache_gc_incr_bytes:1099511627776")
{
	/* 32 regions: as many places. */
	size_t bytes = cached_after(512, 1000);
	assert_true(bytes >= 16 * 512 && bytes <= 32 * 512);
}

TEST_CONF(least_places,
    "lg_tcache_nslots_mul:-16,tcache_nslots_small_min:50,"
    "tcache_gc_incr_bytes:1099511627776")
{
	size_t bytes = cached_after(512, 1000);
	assert_true(bytes >= 25 * 512 && bytes <= 50 * 512);
}

TEST_CONF(places_of_large_bins, "tcache_nslots_large:3")
{
	size_t bytes = cached_after(20480, 50);
	assert_true(bytes > 0 && bytes <= 3 * 20480);
}

TEST_CONF(places_of_certain_bins, "tcache_ncached_max:64-64:4|20480-20480:0")
{
	size_t bytes = cached_after(64, 1000);
	assert_true(bytes > 0 && bytes <= 4 * 64);
	assert_int_equal(cached_after(20480, 10), 0);
	assert_true(cached_after(128, 1000) > 4 * 128);
}

TEST_CONF(budget_of_a_cache, "tcache_bytes_max:65536")
{
	for (size_t size = 64; size <= 8192; size *= 2) {
		(void)cached_after(size, 1000);
	}
	assert_true(cached_bytes() <= 65536);
}

/* The bytes left of a full bin when one more block overflows it. */
static size_t
left_after_overflow(size_t size, unsigned capacity)
{
	void *ptrs[256];
	assert_true(capacity < COUNT(ptrs));
	(void)cached_after(size, capacity);
	act("thread.tcache.flush");
	for (unsigned i = 0; i <= capacity; i++) {
		ptrs[i] = mallocx(size, MALLOCX_TCACHE_NONE);
	}
	for (unsigned i = 0; i <= capacity; i++) {
		free(ptrs[i]);
	}
	return cached_bytes() / nallocx(size, 0);
}

TEST_CONF(overflow_keeps_a_sixteenth,
    "tcache_ncached_max:512-512:32,lg_tcache_flush_small_div:4")
{
	assert_int_equal(left_after_overflow(512, 32), 32 / 16 + 1);
}

TEST_CONF(overflow_keeps_half,
    "tcache_ncached_max:512-512:32,lg_tcache_flush_small_div:1")
{
	assert_int_equal(left_after_overflow(512, 32), 32 / 2 + 1);
}

TEST_CONF(overflow_of_large_blocks,
    "tcache_ncached_max:20480-20480:8,lg_tcache_flush_large_div:3")
{
	assert_int_equal(left_after_overflow(20480, 8), 8 / 8 + 1);
}

/* Allocate and free so many bytes of one class, one block at a time. */
static void
churn(size_t bytes)
{
	for (size_t done = 0; done < bytes; done += 4096) {
		free(hide(malloc(4096)));
	}
}

/* Bytes of a class that the cache still holds after some time without use. */
static size_t
cached_after_idling(size_t bytes)
{
	(void)cached_after(64, 1000);
	size_t before = cached_bytes();
	churn(bytes);
	size_t after = cached_bytes();
	return before > 0 && after < before ? after * 100 / before : 100;
}

TEST_CONF(collection_comes_often, "tcache_gc_incr_bytes:1024")
{
	assert_true(cached_after_idling(4 * MIB) < 60);
}

TEST_CONF(collection_comes_never, "tcache_gc_incr_bytes:1099511627776")
{
	assert_int_equal(cached_after_idling(64 * MIB), 100);
}

TEST_CONF(collection_without_delay,
    "tcache_gc_incr_bytes:1024,experimental_tcache_gc:false")
{
	assert_true(cached_after_idling(4 * MIB) < 60);
}

TEST_CONF(collection_is_delayed,
    "tcache_gc_incr_bytes:1024,"
    "experimental_tcache_gc:false,tcache_gc_delay_bytes:1073741824")
{
	assert_int_equal(cached_after_idling(4 * MIB), 100);
}

TEST_CONF(delay_is_for_the_old_manner,
    "tcache_gc_incr_bytes:1024,tcache_gc_delay_bytes:1073741824")
{
	assert_true(cached_after_idling(4 * MIB) < 60);
}

/* Visits to the arena for a burst, after the bin was large and then idle. */
static uint64_t
fills_after_idling(void)
{
	static void *ptrs[200];
	(void)cached_after(64, 1000);
	churn(64 * MIB);
	refresh();
	uint64_t before = u64_of("stats.arenas.0.bins.4.nfills");
	for (unsigned i = 0; i < COUNT(ptrs); i++) {
		ptrs[i] = malloc(64);
	}
	refresh();
	return u64_of("stats.arenas.0.bins.4.nfills") - before;
}

TEST_CONF(bins_keep_their_places,
    "experimental_tcache_gc:false,"
    "tcache_gc_incr_bytes:1024")
{
	assert_true(fills_after_idling() <= 2);
}

TEST_CONF(idle_bins_shrink,
    "experimental_tcache_gc:true,"
    "tcache_gc_incr_bytes:1024")
{
	assert_true(fills_after_idling() > 2);
}

/* Locks */

static void *
contend(void *arg)
{
	for (int i = 0; i < 200000; i++) {
		void *ptr = mallocx(5000,
		    MALLOCX_TCACHE_NONE | MALLOCX_ARENA(0));
		dallocx(ptr, MALLOCX_TCACHE_NONE);
	}
	return arg;
}

static void
contend_with_threads(void)
{
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, contend,
				     NULL),
		    0);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
	refresh();
}

TEST_CONF(locks_do_not_spin, "mutex_max_spin:0")
{
	contend_with_threads();
	assert_int_equal(u64_of("stats.arenas.0.bins.29.mutex.num_spin_acq"),
	    0);
}

TEST_CONF(locks_spin_on, "mutex_max_spin:-1")
{
	contend_with_threads();
	assert_int_equal(u64_of("stats.arenas.0.bins.29.mutex.num_wait"), 0);
}

/* Guard pages */

static char *guarded;

static void
touch(void *offset)
{
	signal(SIGSEGV, SIG_DFL);
	((volatile char *)guarded)[*(ptrdiff_t *)offset] = 1;
}

static bool
touching_kills(ptrdiff_t offset)
{
	harness_run_child(touch, &offset, &child);
	return WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSEGV;
}

TEST_CONF(large_blocks_are_guarded, "san_guard_large:1,cache_oblivious:false")
{
	guarded = malloc(100000);
	size_t usable = malloc_usable_size(guarded);
	assert_true(touching_kills(-1));
	assert_true(touching_kills((ptrdiff_t)usable));
	assert_false(touching_kills((ptrdiff_t)usable - 1));
	/* Given back, the pages are as others. */
	for (int i = 0; i < 100; i++) {
		char *ptr = mallocx(500000, 0);
		memset(ptr, 1, 500000);
		ptr = rallocx(ptr, 300000, 0);
		assert_true(is_filled_with(ptr, 1, 300000));
		ptr = rallocx(ptr, 600000, 0);
		assert_true(is_filled_with(ptr, 1, 300000));
		dallocx(ptr, 0);
	}
}

TEST_CONF(every_third_large_block_is_guarded,
    "san_guard_large:3,cache_oblivious:false")
{
	unsigned n = 0;
	for (int i = 0; i < 9; i++) {
		guarded = malloc(MIB);
		n += touching_kills(MIB);
	}
	/* Others may lie at the end of what is mapped, by chance. */
	assert_true(n >= 3 && n <= 4);
}

TEST_CONF(slabs_are_guarded, "san_guard_small:1")
{
	size_t slab = size_of("arenas.bin.28.slab_size");
	unsigned n = unsigned_of("arenas.bin.28.nregs");
	int flags = MALLOCX_ARENA(new_arena()) | MALLOCX_TCACHE_NONE;
	char *low = NULL, *ptrs[1000];
	for (unsigned i = 0; i < n; i++) {
		ptrs[i] = mallocx(4096, flags);
		low = low == NULL || ptrs[i] < low ? ptrs[i] : low;
	}
	guarded = low;
	assert_true(touching_kills(-1));
	assert_true(touching_kills((ptrdiff_t)slab));
	assert_false(touching_kills((ptrdiff_t)slab - 1));
	for (unsigned i = 0; i < n; i++) {
		free(ptrs[i]);
	}
	act("thread.tcache.flush");
	act("arena." ALL_ARENAS ".purge");
	memset(hide(malloc(20 * MIB)), 1, 20 * MIB);
}

/* Looking for errors */

#define WRITE_AFTER_FREE "Write-after-free detected on deallocated pointer"

/* What the functions below do wrong is up to `size`. */
static void
free_twice(void *size)
{
	void *ptr = malloc(*(size_t *)size);
	free(ptr);
	blame(ptr, "second free");
	free(hide(ptr));
}

static void
free_twice_far_apart(void *size)
{
	void *ptr = malloc(*(size_t *)size);
	free(ptr);
	for (int i = 0; i < 100; i++) {
		free(malloc(*(size_t *)size));
	}
	blame(ptr, "second free, later");
	free(hide(ptr));
}

static void
resize_freed(void *size)
{
	void *ptr = malloc(*(size_t *)size);
	free(ptr);
	blame(ptr, "resize of a freed block");
	(void)!realloc(hide(ptr), 10);
}

static void
overflow(void *size)
{
	char *ptr = hide(malloc(*(size_t *)size));
	ptr[*(size_t *)size + 2] = 'x';
	blame(ptr, "overflow by 3 bytes");
	free(ptr);
}

static void
overflow_until_exit(void *size)
{
	char *ptr = hide(malloc(*(size_t *)size));
	ptr[*(size_t *)size] = 'x';
	blame(ptr, "overflow of a block that is never freed");
	exit(0);
}

static void
write_after_free(void *size)
{
	char *ptr = hide(malloc(*(size_t *)size));
	free(ptr);
	ptr[*(size_t *)size / 2] = 'x';
	blame(ptr, "write after free");
	for (int i = 0; i < 100000; i++) {
		free(hide(malloc(*(size_t *)size)));
	}
}

static void
write_after_free_until_exit(void *size)
{
	char *ptr = hide(malloc(*(size_t *)size));
	free(ptr);
	ptr[0] = 'x';
	blame(ptr, "write after free");
	exit(0);
}

static void
free_by_wrong_size(void *size)
{
	void *ptr = malloc(*(size_t *)size);
	blame(ptr, "freed as twice as long");
	sdallocx(ptr, 2 * *(size_t *)size + 8, 0);
}

static void
free_foreign(void *arg)
{
	int local[4] = {0};
	blame(local, "a local variable");
	free(hide(local));
}

static const size_t checked_sizes[] = {1, 16, 24, 100, 1000, 4096, 5000, 14336,
    20000, 100000};

#define WITH_EACH_SIZE(fn, text)                                               \
	for (size_t i = 0; i < COUNT(checked_sizes); i++) {                    \
		assert_fault(fn, (void *)&checked_sizes[i], text);             \
	}

TEST_CONF(check_finds_double_frees, "check:true")
{
	WITH_EACH_SIZE(free_twice, FAULT_DOUBLE_FREE)
	for (size_t i = 0; i < COUNT(checked_sizes); i++) {
		assert_fault_either(free_twice_far_apart,
		    (void *)&checked_sizes[i], FAULT_DOUBLE_FREE,
		    FAULT_INVALID);
	}
	WITH_EACH_SIZE(resize_freed, FAULT_DOUBLE_FREE)
}

TEST_CONF(check_finds_overflows, "check:true")
{
	WITH_EACH_SIZE(overflow, "up to 3 bytes behind its end")
	WITH_EACH_SIZE(overflow_until_exit, "up to 1 bytes behind its end")
	size_t size = 3000000;
	assert_fault(overflow, &size, "block of 3000000 bytes");
}

TEST_CONF(check_finds_writes_after_free, "check:true")
{WITH_EACH_SIZE(write_after_free, WRITE_AFTER_FREE)
	WITH_EACH_SIZE(write_after_free_until_exit, WRITE_AFTER_FREE)}

TEST_CONF(check_finds_other_misuse, "check:true")
{
	WITH_EACH_SIZE(free_by_wrong_size, FAULT_SIZE)
	assert_fault(free_foreign, NULL, FAULT_INVALID);
}

TEST_CONF(check_guards_samples, "check:true")
{
	unsigned n = 0;
	for (int i = 0; i < 256 && n == 0; i++) {
		guarded = malloc(160);
		n += touching_kills(160);
		free(guarded);
	}
	assert_int_equal(n, 1);
	assert_true(touching_kills(0));
}

/* A correct program runs as usual. */
static void *
work(void *arg)
{
	unsigned char *ptrs[64] = {0};
	size_t sizes[64] = {0};
	int flags[64] = {0};
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < 30000; i++) {
		unsigned j = (unsigned)rand_r(&seed) % 64;
		if (ptrs[j] != NULL &&
		    !is_filled_with(ptrs[j], (int)j, sizes[j])) {
			return "damaged";
		}
		size_t size = (size_t)rand_r(&seed) %
		    (i % 100 == 0 ? 300000 : 3000);
		switch (rand_r(&seed) % 4) {
		case 0:
			ptrs[j] = realloc(ptrs[j], ++size);
			flags[j] = 0;
			break;
		case 1:
			free(ptrs[j]);
			ptrs[j] = aligned_alloc(64, ++size);
			flags[j] = MALLOCX_ALIGN(64);
			break;
		case 2:
			if (ptrs[j] != NULL) {
				sdallocx(ptrs[j], sizes[j], flags[j]);
			}
			ptrs[j] = NULL;
			continue;
		default:
			free(ptrs[j]);
			ptrs[j] = malloc(size);
			size = malloc_usable_size(ptrs[j]);
			flags[j] = 0;
		}
		sizes[j] = size;
		memset(ptrs[j], (int)j, size);
	}
	for (unsigned j = 0; j < 64; j++) {
		free(ptrs[j]);
	}
	return NULL;
}

static void
work_with_threads(void)
{
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work,
				     (void *)i),
		    0);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *damage;
		pthread_join(threads[i], &damage);
		assert_null(damage);
	}
}

static void
work_in_child(void *arg)
{
	CHECK(work(NULL) == NULL);
}

TEST_CONF(check_lets_the_faultless_live, "check:true")
{
	work_with_threads();
	unsigned ind = new_arena();
	int flags = MALLOCX_ARENA(ind) | MALLOCX_TCACHE_NONE;
	char name[64];
	for (int i = 0; i < 100; i++) {
		void *ptr = mallocx(1000, flags);
		if (i % 2 == 0) {
			dallocx(ptr, 0);
		}
	}
	snprintf(name, sizeof(name), "arena.%u.reset", ind);
	act(name);
	void *ptr = mallocx(1000, flags);
	dallocx(ptr, 0);
	snprintf(name, sizeof(name), "arena.%u.destroy", ind);
	act(name);
	assert_survives(work_in_child, NULL);
}

TEST_CONF(guards_let_the_faultless_live,
    "san_guard_small:2,san_guard_large:2,dirty_decay_ms:0")
{
	work_with_threads();
}

/* Options of debug builds, or of those with --enable-uaf-detection. */

static void
need_key(const char *key)
{
	char name[64];
	snprintf(name, sizeof(name), "opt.%s", key);
	ssize_t value;
	size_t length = sizeof(value);
	if (mallctl(name, &value, &length, NULL, 0) == ENOENT) {
		skip();
	}
}

static void
write_stashed(void *arg)
{
	char *ptr = hide(aligned_alloc(4096, 4096));
	free(ptr);
	ptr[0] = 'x';
	blame(ptr, "write after free");
	act("thread.tcache.flush");
}

TEST_CONF(stashed_blocks_are_looked_at, "lg_san_uaf_align:12")
{
	need_key("lg_san_uaf_align");
	void *page = aligned_alloc(4096, 4096);
	free(page);
	unsigned char *bytes = hide(page);
	assert_int_equal(bytes[0], 0x5b);
	assert_int_equal(bytes[2048], 0x5b);
	assert_int_equal(bytes[4095], 0x5b);
	assert_true(
	    fresh_size_of("stats.arenas.0.tcache_stashed_bytes") >= 4096);
	act("thread.tcache.flush");
	assert_int_equal(fresh_size_of("stats.arenas.0.tcache_stashed_bytes"),
	    0);
}

TEST_CONF(writes_to_stashed_blocks, "lg_san_uaf_align:10")
{
	need_key("lg_san_uaf_align");
	/* The value is raised to the page. */
	assert_fault(write_stashed, NULL, WRITE_AFTER_FREE);
}

static void
free_twice_silently(void *arg)
{
	void *ptr = malloc(100);
	free(ptr);
	free(hide(ptr));
}

TEST_CONF(double_frees_in_the_cache, "debug_double_free_max_scan:8")
{
	need("config.debug");
	assert_dies(free_twice_silently, NULL,
	    "Invalid deallocation detected: double free of pointer 0x");
}

/* Purging in batches */

/* Free and purge many extents that do not touch each other. */
static void
purge_scattered(void)
{
	static char *ptrs[64];
	for (size_t i = 0; i < COUNT(ptrs); i++) {
		ptrs[i] = malloc(512 * KIB);
		memset(hide(ptrs[i]), 1, 512 * KIB);
	}
	for (size_t i = 0; i < COUNT(ptrs); i += 2) {
		free(ptrs[i]);
	}
	act("arena." ALL_ARENAS ".purge");
	for (size_t i = 0; i < COUNT(ptrs); i += 2) {
		/* The system may not know the call. */
		assert_true(resident(hide(ptrs[i]), 512 * KIB) <= TEST_PAGE);
	}
	for (size_t i = 1; i < COUNT(ptrs); i += 2) {
		assert_true(is_filled_with(ptrs[i], 1, 512 * KIB));
	}
}

TEST_CONF(purging_in_batches, "process_madvise_max_batch:64")
{
	uint64_t calls = u64_of("stats.arenas.0.dirty_nmadvise");
	purge_scattered();
	refresh();
	calls = u64_of("stats.arenas.0.dirty_nmadvise") - calls;
	/* And a few for free pages of slabs. */
	assert_true(calls <= 8 || calls >= 32);
	print_message("%u calls\n", (unsigned)calls);
}

TEST_CONF(batches_are_asked_for, "process_madvise_max_batch:8")
{
	trap_syscall(SYS_process_madvise, 3, MADV_DONTNEED, -ENOSYS);
	purge_scattered();
	/* Once and never again. */
	assert_int_equal(trap_count(), 1);
	assert_int_equal(trap_argument(2), 8);
	purge_scattered();
	assert_int_equal(trap_count(), 1);
}

TEST_CONF(no_batches, "process_madvise_max_batch:0")
{
	trap_syscall(SYS_process_madvise, -1, 0, -ENOSYS);
	purge_scattered();
	assert_int_equal(trap_count(), 0);
}

/* Resident bytes of blocks that nobody has touched. */
static size_t
resident_untouched(void)
{
	int flags = MALLOCX_ARENA(new_arena()) | MALLOCX_TCACHE_NONE;
	size_t bytes = 0;
	for (int i = 0; i < 256; i++) {
		bytes += resident(mallocx(TEST_PAGE, flags), TEST_PAGE);
	}
	return bytes;
}

TEST_CONF(dense_slabs_are_populated, "populate:true,junk:false")
{
	assert_true(resident_untouched() >= 200 * TEST_PAGE);
}

TEST_CONF(slabs_are_not_populated, "populate:false,junk:false")
{
	assert_int_equal(resident_untouched(), 0);
}

/* Huge pages for oversize blocks */

TEST_CONF(oversize_blocks_are_huge,
    "huge_arena_pac_thp:true,metadata_thp:auto,oversize_threshold:8388608")
{
	if (!thp_mode_is("[madvise]")) {
		skip();
	}
	assert_true(mapping_has_flag(malloc(20 * MIB), " hg"));
	assert_false(mapping_has_flag(malloc(4 * MIB), " hg"));
}

TEST_CONF(oversize_blocks_are_as_others,
    "huge_arena_pac_thp:true,metadata_thp:disabled,"
    "oversize_threshold:8388608")
{
	assert_false(mapping_has_flag(malloc(20 * MIB), " hg"));
}
