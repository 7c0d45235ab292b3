#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "api/entry.h"
#include "arena/arenas.h"
#include "ds/prng.h"

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

/*
 * Threads work in their arenas while others come, are emptied and go, caches
 * without threads too, and snapshots are taken.
 */
static _Atomic bool stop;

static void *
churn(void *seed)
{
	uint64_t prng = (uintptr_t)seed;
	void *blocks[64] = {NULL};
	uint64_t epoch = 1;
	for (unsigned i = 0; !atomic_load_explicit(&stop, memory_order_relaxed);
	     i++) {
		uint64_t random = prng_next(&prng);
		void **block = &blocks[random % 64];
		je_free(*block);
		*block = je_malloc(
		    random >> 8 & (i % 8 == 0 ? 0x3ffff : 0xfff));
		if (i % 5000 == 0) {
			je_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
		}
	}
	for (unsigned i = 0; i < 64; i++) {
		je_free(blocks[i]);
	}
	return NULL;
}

static void
use_arena(unsigned ind, unsigned cache)
{
	int flags = (int)((ind + 1) << 20);
	for (size_t size = 1; size < 100000; size += size / 4 + 1) {
		void *p = je_mallocx(size, flags | 0x100);
		assert_non_null(p);
		void *q = je_mallocx(size, flags | (int)((cache + 2) << 8));
		assert_non_null(q);
		je_dallocx(q, (int)((cache + 2) << 8));
		if (size % 2 == 0) {
			je_dallocx(p, 0x100);
		}
	}
}

static int
act(const char *fmt, unsigned ind)
{
	char name[64];
	snprintf(name, sizeof(name), fmt, ind);
	return je_mallctl(name, NULL, NULL, NULL, 0);
}

TEST(arenas_come_and_go_under_load)
{
	pthread_t threads[8];
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
				     (void *)(uintptr_t)(i + 1)),
		    0);
	}
	for (unsigned i = 0; i < 25; i++) {
		unsigned ind;
		unsigned cache;
		size_t length = sizeof(ind);
		assert_int_equal(je_mallctl("arenas.create", &ind, &length,
				     NULL, 0),
		    0);
		assert_int_equal(je_mallctl("tcache.create", &cache, &length,
				     NULL, 0),
		    0);
		use_arena(ind, cache);
		assert_int_equal(je_mallctl("tcache.flush", NULL, NULL, &cache,
				     sizeof(cache)),
		    0);
		assert_int_equal(act("arena.%u.reset", ind), 0);
		use_arena(ind, cache);
		assert_int_equal(je_mallctl("tcache.destroy", NULL, NULL,
				     &cache, sizeof(cache)),
		    0);
		assert_int_equal(act("arena.%u.purge", 4096), 0);
		assert_int_equal(act("arena.%u.destroy", ind), 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_true(arenas_verify());
}
