#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "api/entry.h"
#include "arena/arenas.h"

/* The entry points lead to what is below them. */
TEST(mallctl)
{
	const char *version = NULL;
	size_t length = sizeof(version);
	errno = 4711;
	assert_int_equal(je_mallctl("version", &version, &length, NULL, 0), 0);
	assert_string_equal(version, JEMALLOC_VERSION);
	assert_int_equal(je_mallctl("no.such.name", NULL, NULL, NULL, 0),
	    ENOENT);
	size_t mib[4];
	size_t miblen = 4;
	assert_int_equal(je_mallctlnametomib("arenas.bin.0.size", mib, &miblen),
	    0);
	assert_int_equal(miblen, 4);
	mib[2] = 4;
	size_t size = 0;
	length = sizeof(size);
	assert_int_equal(je_mallctlbymib(mib, miblen, &size, &length, NULL, 0),
	    0);
	assert_int_equal(size, 64);
	assert_int_equal(errno, 4711);
}

/* Counters of the thread are those of its calls. */
TEST(thread_counters)
{
	uint64_t *allocated = NULL;
	size_t length = sizeof(allocated);
	assert_int_equal(je_mallctl("thread.allocatedp", &allocated, &length,
			     NULL, 0),
	    0);
	uint64_t before = *allocated;
	void *p = je_malloc(100000);
	assert_int_equal(*allocated, before + 102400);
	je_free(p);
}

static size_t nbytes;

static void
count_bytes(void *opaque, const char *text)
{
	assert_ptr_equal(opaque, &nbytes);
	nbytes += strlen(text);
}

TEST(stats_print)
{
	je_malloc_stats_print(count_bytes, &nbytes, NULL);
	assert_true(nbytes > 200);
}
