#include "api/fastpath.h"

#include "support/harness.h"

#include <sys/mman.h>

#include "api/entry.h"
#include "meta/thr.h"
#include "thread/tcache.h"

#define CACHED "junk:false,debug_double_free_max_scan:0"

/* A hit takes from the cache and counts; anything else is left alone. */
TEST_CONF(alloc_hits_the_cache, CACHED)
{
	tsd_t *tsd = tsd_get();
	uintptr_t leaf;
	tsd->event_at = UINT64_MAX;
	for (size_t size = 0; size <= SC_LOOKUP_MAX; size += 13) {
		size_t usize = 0;
		unsigned cind = cind_of_small(szind_of(size));
		je_free(je_malloc(size));
		void *newest = *tsd->slots[cind].head;
		uint64_t allocated = tsd->allocated;
		assert_non_null(newest);
		assert_ptr_equal(fastpath_alloc(size, &usize), newest);
		assert_int_equal(usize, size_class_usize(size));
		assert_int_equal(tsd->allocated, allocated + usize);
		uint64_t deallocated = tsd->deallocated;
		assert_true(fastpath_free(newest, &leaf));
		assert_int_equal(tsd->deallocated, deallocated + usize);
		assert_ptr_equal(*tsd->slots[cind].head, newest);
	}
}

TEST_CONF(alloc_misses, CACHED)
{
	size_t usize;
	tsd_t *tsd = tsd_get();
	uint64_t allocated = tsd->allocated;
	tcache_flush(tsd);
	assert_null(fastpath_alloc(64, &usize));
	assert_null(fastpath_alloc(SC_LOOKUP_MAX + 1, &usize));
	assert_null(fastpath_alloc(SIZE_MAX, &usize));
	assert_int_equal(tsd->allocated, allocated);
	/* An event is due. */
	je_free(je_malloc(64));
	allocated = tsd->allocated;
	uint64_t event_at = tsd->event_at;
	tsd->event_at = allocated + 64;
	void *early = fastpath_alloc(64, &usize);
	tsd->event_at = allocated + 65;
	void *late = fastpath_alloc(64, &usize);
	tsd->event_at = event_at;
	assert_null(early);
	assert_non_null(late);
	je_free(late);
}

TEST_CONF(free_misses, CACHED)
{
	int local;
	uintptr_t leaf;
	void *large = je_malloc(100000);
	assert_false(fastpath_free(&local, &leaf));
	assert_false(fastpath_free(NULL, &leaf));
	assert_false(fastpath_free((void *)UINTPTR_MAX, &leaf));
	assert_false(fastpath_free(large, &leaf));
	/* What the slower ways need to know of it. */
	assert_int_equal(leaf, pagemap_leaf_biased((uintptr_t)large));
	assert_ptr_equal(large_find_below(leaf, large), large_find(large));
	assert_null(large_find_below(leaf, (char *)large + 1));
	assert_null(large_find_below(0, large));
	je_free(large);
}

/*
 * A large block that no cache takes is not written to: the exchange of its
 * `user` decides who of several frees it.
 */
TEST_CONF(large_that_is_not_cached, CACHED)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	edata_t *edata = (edata_t *)(void *)page;
	je_free(je_malloc(64));
	edata->user = page;
	assert_int_equal(mprotect(page, PAGE, PROT_READ), 0);
	assert_false(fastpath_free_large(edata, page));
	assert_ptr_equal(edata->user, page);
	assert_int_equal(munmap(page, PAGE), 0);
}

/* Large blocks are found by their pages, and once. */
TEST_CONF(large_hits_the_cache, CACHED)
{
	tsd_t *tsd = tsd_get();
	void *p = NULL, *twice = NULL;
	for (unsigned i = 0; i < 4; i++) {
		je_free(je_malloc(100000));
	}
	tsd->event_at = UINT64_MAX;
	uint64_t allocated = tsd->allocated, deallocated = tsd->deallocated;
	p = fastpath_alloc_large(98305, &twice);
	assert_non_null(p);
	assert_null(twice);
	assert_int_equal(tsd->allocated - allocated, 102400);
	assert_ptr_equal(large_find(p)->user, p);
	assert_null(fastpath_alloc_large(SC_CACHED_MAX + 1, &twice));
	assert_true(fastpath_free_large(large_find(p), p));
	assert_int_equal(tsd->deallocated - deallocated, 102400);
	assert_null(large_find(p));
	/* Someone else has it too. */
	edata_t *edata = pagemap_extent(p);
	edata->user = p;
	assert_null(fastpath_alloc_large(100000, &twice));
	assert_ptr_equal(twice, p);
	assert_int_equal(tsd->allocated - allocated, 102400);
	je_free(p);
}

/* A thread that has no state, or must not use it, never hits. */
TEST_CONF(no_state, CACHED)
{
	size_t usize;
	uintptr_t leaf;
	void *p = je_malloc(64);
	je_free(je_malloc(64));
	void *saved = thr_enter_foreign();
	void *hit = fastpath_alloc(64, &usize);
	bool freed = fastpath_free(p, &leaf);
	thr_leave_foreign(saved);
	assert_null(hit);
	assert_false(freed);
	je_free(p);
}
