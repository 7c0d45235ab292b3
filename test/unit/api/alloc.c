#include "api/alloc.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "api/entry.h"
#include "arena/large.h"
#include "meta/thr.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define CACHED "junk:false,debug_double_free_max_scan:0"

static void *
plain(size_t size)
{
	return alloc_general(size, &ALLOC_PLAIN);
}

static unsigned
arena_of_block(void *p)
{
	return edata_arena_ind(pagemap_extent(p));
}

static void
free_it(void *p)
{
	alloc_free(p, false);
}

static void
free_inside(void *p)
{
	alloc_free((char *)p + PAGE, false);
}

TEST_CONF(general, CACHED ",narenas:4")
{
	static const size_t sizes[] = {0, 1, 1000, 14336, 14337, 262144, 262145,
	    3 * MIB};
	for (size_t i = 0; i < 8; i++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			alloc_spec_t spec = {
			    .alignment = (bits & 1) != 0 ? 1024 : 1,
			    .zero = (bits & 2) != 0,
			    .uncached = (bits & 4) != 0,
			    .arena = (bits & 4) != 0 ? arenas_get_auto(2)
						     : NULL,
			};
			unsigned char *p = alloc_general(sizes[i], &spec);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % spec.alignment, 0);
			assert_true(alloc_usable_size(p) >= sizes[i]);
			if (spec.uncached) {
				assert_int_equal(arena_of_block(p), 2);
			}
			for (size_t j = 0; spec.zero && j < sizes[i]; j++) {
				assert_int_equal(p[j], 0);
			}
			memset(p, 0xff, alloc_usable_size(p));
			alloc_free(p, spec.uncached);
		}
	}
}

/* Blocks of whole pages come from the cache as well, and go there. */
TEST_CONF(middle_sizes_are_cached, CACHED)
{
	for (size_t size = 5000; size <= SC_CACHED_MAX; size += 12345) {
		void *p = plain(size);
		alloc_free(p, false);
		void *q = plain(size);
		alloc_free(q, false);
		void *r = plain(size);
		assert_ptr_equal(q, r);
		assert_int_equal(alloc_usable_size(r), size_class_usize(size));
		alloc_free(r, false);
	}
}

/*
 * Code that is not ours runs in the middle of our work: what it allocates
 * comes from arena 0 without any cache, and can be freed anywhere.
 */
TEST_CONF(in_foreign_code, CACHED)
{
	tsd_t *tsd = tsd_get();
	uint64_t allocated = tsd->allocated;
	void *blocks[40];
	void *saved = thr_enter_foreign();
	for (size_t i = 0; i < 40; i++) {
		blocks[i] = je_malloc(i * i * 20);
	}
	for (size_t i = 0; i < 20; i++) {
		blocks[i] = je_realloc(blocks[i], 50 * i + 1);
		je_free(blocks[2 * i + 1]);
		blocks[2 * i + 1] = NULL;
	}
	thr_leave_foreign(saved);
	assert_int_equal(tsd->allocated, allocated);
	for (size_t i = 0; i < 40; i++) {
		if (blocks[i] != NULL) {
			assert_int_equal(arena_of_block(blocks[i]), 0);
			je_free(blocks[i]);
		}
	}
	assert_true(arenas_verify());
}

static void *
only_free(void *blocks)
{
	for (size_t i = 0; i < 500; i++) {
		je_free(((void **)blocks)[i]);
	}
	return NULL;
}

/* Blocks may be freed by a thread that never allocated. */
TEST_CONF(freed_elsewhere, CACHED)
{
	void *blocks[500];
	pthread_t thread;
	for (size_t i = 0; i < 500; i++) {
		blocks[i] = je_malloc(i * 100);
	}
	assert_int_equal(pthread_create(&thread, NULL, only_free, blocks), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(arenas_verify());
}

/* In its place if that is possible, else a copy. */
TEST_CONF(resize, CACHED)
{
	unsigned char *p = plain(100);
	memset(p, 1, 100);
	assert_ptr_equal(alloc_resize(p, 112, &ALLOC_PLAIN), p);
	assert_ptr_equal(alloc_resize(p, 97, &ALLOC_PLAIN), p);
	unsigned char *q = alloc_resize(p, 200, &ALLOC_PLAIN);
	assert_ptr_not_equal(q, p);
	assert_int_equal(q[99], 1);
	assert_null(alloc_resize(q, SIZE_MAX, &ALLOC_PLAIN));
	assert_int_equal(q[99], 1);
	/* A stricter alignment moves even what is large enough. */
	alloc_spec_t aligned = {.alignment = 4096};
	q = alloc_resize(q, 200, &aligned);
	assert_int_equal((uintptr_t)q % 4096, 0);
	assert_int_equal(q[99], 1);
	alloc_free(q, false);
	p = plain(2 * MIB);
	p[2 * MIB - 1] = 7;
	assert_ptr_equal(alloc_resize(p, MIB, &ALLOC_PLAIN), p);
	assert_ptr_equal(alloc_resize(p, 2 * MIB, &ALLOC_PLAIN), p);
	p[MIB] = 9;
	q = alloc_resize(p, 9000, &ALLOC_PLAIN);
	assert_int_equal(alloc_usable_size(q), 10240);
	alloc_free(q, false);
}

/* Beyond the cache, a length that is used again and again comes back uncut. */
TEST_CONF(long_blocks_come_again, CACHED)
{
	uint64_t before = tsd_get()->allocated, freed = tsd_get()->deallocated;
	assert_null(alloc_again(MIB));
	for (unsigned i = 0; i < 100; i++) {
		char *p = je_malloc(MIB - i);
		assert_int_equal(alloc_usable_size(p), MIB);
		memset(p, 1, 10);
		errno = 7;
		je_free(p);
		assert_int_equal(errno, 7);
	}
	assert_int_equal(tsd_get()->allocated - before, 100 * MIB);
	assert_int_equal(tsd_get()->deallocated - freed, 100 * MIB);
	char *p = alloc_again(MIB - 5000);
	assert_null(p);
	p = alloc_again(MIB - 5);
	assert_non_null(p);
	void *base = large_find(p)->addr;
	alloc_free(p, false);
	/* Zeroed, too. */
	p = je_calloc(1, MIB);
	assert_ptr_equal(large_find(p)->addr, base);
	assert_true(p[0] == 0 && memcmp(p, p + 1, MIB - 1) == 0);
	assert_dies(free_inside, p, "invalid pointer");
	je_free(p);
	assert_dies(free_it, p, "double free");
	assert_null(alloc_again(LARGE_AGAIN_MAX + 1));
	assert_null(alloc_again(SIZE_MAX));
}

TEST(resize_in_place)
{
	unsigned char *p = plain(300 * KIB);
	assert_int_equal(alloc_resize_in_place(p, 300 * KIB, 0, 1, false),
	    300 * KIB);
	assert_int_equal(alloc_resize_in_place(p, 200 * KIB, 0, 1, false),
	    200 * KIB);
	size_t usize = alloc_resize_in_place(p, 210 * KIB, 40 * KIB, 1, false);
	assert_true(
	    usize == 200 * KIB || (usize >= 212 * KIB && usize <= 252 * KIB));
	/* An address that is not aligned can not become so. */
	if ((uintptr_t)p % (4 * MIB) != 0) {
		assert_int_equal(alloc_resize_in_place(p, 100 * KIB, 0, 4 * MIB,
				     false),
		    usize);
	}
	alloc_free(p, false);
}

/* Misuse */

static void
ask_size(void *p)
{
	(void)alloc_usable_size(p);
}

static void
resize_it(void *p)
{
	(void)alloc_resize(p, 5000, &ALLOC_PLAIN);
}

static void
resize_it_in_place(void *p)
{
	(void)alloc_resize_in_place(p, 500000, 0, 1, false);
}

static void
free_it_sized(void *p)
{
	alloc_free_sized(p, 112, false);
}

TEST_CONF(foreign_pointers, CACHED)
{
	static void (*const uses[])(void *) = {ask_size, resize_it,
	    resize_it_in_place, free_it, free_it_sized};
	char *large = plain(100000);
	int local;
	for (unsigned i = 0; i < 5; i++) {
		assert_dies(uses[i], &local, "invalid pointer");
		assert_dies(uses[i], large + PAGE, "invalid pointer");
	}
}

static void
free_twice(void *p)
{
	alloc_free(p, true);
	alloc_free(p, true);
}

static void
free_large_twice_cached(void *p)
{
	alloc_free(p, false);
	alloc_free(p, false);
}

TEST_CONF(double_frees, CACHED)
{
	assert_dies(free_twice, plain(100), "double free");
	assert_dies(free_twice, plain(100000), "double free");
	assert_dies(free_twice, plain(3 * MIB), "double free");
	assert_dies(free_large_twice_cached, plain(100000), "double free");
}

TEST_CONF(free_sized, CACHED)
{
	alloc_free_sized(plain(100), 112, false);
	alloc_free_sized(plain(100000), 102400, true);
	alloc_free_sized(NULL, 5, false);
	assert_dies(free_it_sized, plain(200), "size mismatch");
	assert_dies(free_it_sized, plain(200000), "size mismatch");
}
