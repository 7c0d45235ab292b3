/*
 * glibc: what mallinfo2() says against the arenas' own numbers.  The effects
 * of the rest are seen from outside (test/integration/glibc.c).
 */
#include "support/harness.h"

#include "platform/build.h"

#if CONFIG_GLIBC_INTROSPECTION
#include <malloc.h>

#include "api/entry.h"
#include "thread/tcache.h"

TEST_CONF(blocks_are_counted, "junk:false,debug_double_free_max_scan:0")
{
	je_free(je_malloc(100));
	struct mallinfo2 before = mallinfo2();
	void *small = je_malloc(1000), *large = je_malloc(1000000);
	struct mallinfo2 after = mallinfo2();
	assert_int_equal(after.hblks, before.hblks + 1);
	assert_int_equal(after.hblkhd, before.hblkhd + 1003520);
	assert_int_equal(after.uordblks - before.uordblks, 1024 + 1003520);
	je_free(small);
	assert_int_equal(mallinfo2().uordblks, after.uordblks - 1024);
	je_free(large);
	assert_int_equal(mallinfo2().hblks, before.hblks);
	tcache_flush(tsd_own());
	assert_int_equal(mallinfo2().fsmblks, 0);
}

/* What glibc has other words for is refused. */
TEST(parameters)
{
	assert_int_equal(mallopt(M_MXFAST, 64), 0);
	assert_int_equal(mallopt(M_MMAP_THRESHOLD, 65536), 0);
	assert_int_equal(mallopt(M_ARENA_MAX, 2), 1);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, 65536), 1);
}
#endif
