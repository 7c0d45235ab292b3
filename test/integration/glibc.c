/*
 * glibc: mallinfo() and its like describe our heap, not glibc's.
 */
#include "support.h"

#include <malloc.h>
#include <unistd.h>

static bool
is_built(void)
{
#ifdef __GLIBC__
	struct mallinfo2 before = mallinfo2();
	void *ptr = hide(malloc(32 * MIB));
	struct mallinfo2 after = mallinfo2();
	free(ptr);
	return after.hblkhd - before.hblkhd == 32 * MIB &&
	    after.hblks == before.hblks + 1;
#else
	return false;
#endif
}

/* A build with a prefix leaves them to glibc, and so does the switch. */
static void
need_introspection(void)
{
	if (!is_built()) {
		skip();
	}
}

#ifdef __GLIBC__

TEST(mallinfo_counts_bytes)
{
	need_introspection();
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < 10000; i++) {
		malloc(1024);
	}
	struct mallinfo2 after = mallinfo2();
	size_t grown = after.uordblks - before.uordblks;
	/* What the cache holds is told by its arrays, give or take. */
	assert_true(grown >= 9900 * 1024 && grown <= 10500 * 1024);
	assert_true(after.arena >= after.uordblks - after.hblkhd);
	assert_true(after.fordblks <= after.arena + after.hblkhd);
}

TEST(mallinfo_is_cut_to_int)
{
	need_introspection();
	void *ptr = hide(malloc(3 * GIB));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	struct mallinfo info = mallinfo();
#pragma GCC diagnostic pop
	assert_int_equal(info.hblkhd, INT32_MAX);
	free(ptr);
}

TEST(trim_gives_back)
{
	need_introspection();
	char *ptr = malloc(8 * MIB);
	memset(hide(ptr), 1, 8 * MIB);
	size_t full = resident_bytes();
	free(ptr);
	assert_true(mallinfo2().keepcost >= 8 * MIB);
	assert_int_equal(malloc_trim(0), 1);
	assert_true(resident_bytes() + 7 * MIB < full);
	assert_int_equal(mallinfo2().keepcost, 0);
	assert_int_equal(malloc_trim(0), 0);
}

/* Pages between blocks that are in use count too, and are counted. */
TEST(trim_gives_back_between_blocks)
{
	enum { N = 1024, SIZE = 8 * KIB };
	static char *ptrs[N];
	need_introspection();
	for (unsigned i = 0; i < N; i++) {
		ptrs[i] = hide(malloc(SIZE));
		memset(ptrs[i], (int)i, SIZE);
	}
	(void)malloc_trim(0);
	for (unsigned i = 0; i < N; i += 2) {
		free(ptrs[i]);
	}
	size_t full = resident_bytes();
	assert_int_equal(malloc_trim(0), 1);
	assert_true(resident_bytes() + 3 * MIB < full);
	uint64_t epoch = 1;
	size_t purged, size = sizeof(purged);
	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)),
	    0);
	assert_int_equal(mallctl("stats.arenas.4096.slab_purged", &purged,
			     &size, NULL, 0),
	    0);
	assert_in_range(purged, 3 * MIB, 4 * MIB + MIB / 2);
	for (unsigned i = 1; i < N; i += 2) {
		assert_int_equal((unsigned char)ptrs[i][SIZE - 1],
		    (unsigned char)i);
		free(ptrs[i]);
	}
}

TEST(info_is_xml)
{
	need_introspection();
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	assert_int_equal(malloc_info(1, file), EINVAL);
	assert_int_equal(malloc_info(0, file), 0);
	fclose(file);
	assert_non_null(
	    strstr(text, "<malloc version=\"1\">\n<heap nr=\"0\">"));
	assert_non_null(strstr(text, "<system type=\"current\" size=\""));
	assert_non_null(strstr(text, "</heap>\n"));
	assert_int_equal(strcmp(text + size - 10, "</malloc>\n"), 0);
	free(text);
}

static void
print_stats(void *arg)
{
	(void)arg;
	hide(malloc(32 * MIB));
	malloc_stats();
}

TEST(stats_are_printed)
{
	static harness_child_t child;
	need_introspection();
	harness_run_child(print_stats, NULL, &child);
	assert_non_null(strstr(child.err, "Arena 0:\nsystem bytes     = "));
	assert_non_null(strstr(child.err, "Total:\n"));
	assert_non_null(strstr(child.err, "in use bytes     = "));
}

TEST(mallopt_perturbs)
{
	need_introspection();
	bool debug;
	size_t length = sizeof(debug);
	assert_int_equal(mallctl("config.debug", &debug, &length, NULL, 0), 0);
	/* Debug builds fill on their own account. */
	if (debug || mallopt(M_PERTURB, 0x42) == 0) {
		skip();
	}
	unsigned char *ptr = hide(malloc(200));
	assert_true(is_filled_with(ptr, 0xff & ~0x42, 200));
	free(ptr);
	assert_true(is_filled_with(hide(ptr), 0x42, 200));
	assert_int_equal(mallopt(M_PERTURB, 0), 1);
	ptr = hide(malloc(200));
	memset(ptr, 3, 200);
	free(ptr);
	assert_true(is_filled_with(hide(ptr), 3, 200));
}

TEST(mallopt_sets_trimming)
{
	need_introspection();
	ssize_t ms;
	size_t length = sizeof(ms);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, 0), 1);
	assert_int_equal(mallctl("arena.0.dirty_decay_ms", &ms, &length, NULL,
			     0),
	    0);
	assert_int_equal(ms, 0);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, -1), 1);
	assert_int_equal(mallctl("arenas.dirty_decay_ms", &ms, &length, NULL,
			     0),
	    0);
	assert_int_equal(ms, -1);
	/* There is no such thing here. */
	assert_int_equal(mallopt(M_TOP_PAD, 1), 0);
}

#endif
