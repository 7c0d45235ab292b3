#include "thread/tcaches.h"

#include "support/harness.h"

#include "support/os_calls_fault.h"
#include "thread_support.h"

static void *blocks[300];

/* Allocate and free through a cache that no thread owns. */
static void
use(tsd_t *cache, arena_t *arena, unsigned cind)
{
	/* Who uses a cache says for which arena. */
	cache->arena = arena;
	for (unsigned i = 0; i < 300; i++) {
		blocks[i] = tcache_pop(cache, cind);
		if (blocks[i] == NULL) {
			blocks[i] = tcache_alloc_slow(cache, arena, cind,
			    cind_usize(cind));
		}
		assert_non_null(blocks[i]);
	}
	for (unsigned i = 0; i < 300; i++) {
		cached_free(cache, cind, blocks[i]);
	}
}

TEST(create_use_flush_destroy)
{
	unsigned ind;
	thread_setup(1);
	assert_null(tcaches_get(0));
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
	tsd_t *cache = tcaches_get(ind);
	assert_non_null(cache);
	use(cache, arenas_get(0), 5);
	assert_true(tcache_bytes(cache) > 0);
	assert_int_equal(tcaches_flush(ind, false), ERR_NONE);
	assert_int_equal(tcache_bytes(cache), 0);
	assert_int_equal(live_in_arenas(5), 0);
	use(cache, arenas_get(0), 5);
	use(cache, arenas_get(0), SC_NBINS + 2);
	assert_int_equal(tcaches_flush(ind, true), ERR_NONE);
	assert_int_equal(live_in_arenas(5), 0);
	assert_int_equal(live_in_arenas(SC_NBINS + 2), 0);
	assert_null(tcaches_get(ind));
	assert_int_equal(tcaches_flush(ind, false), ERR_INVALID);
	assert_int_equal(tcaches_flush(ind, true), ERR_INVALID);
}

/* Numbers and memory are used again. */
TEST(recycling)
{
	unsigned inds[20];
	thread_setup(1);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(tcaches_create(&inds[i]), ERR_NONE);
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(inds[i], inds[j]);
		}
	}
	size_t metadata = arenas_base0()->allocated;
	for (unsigned i = 0; i < 100; i++) {
		unsigned ind = inds[i * 7 % 20];
		tsd_t *cache = tcaches_get(ind);
		assert_int_equal(tcaches_flush(ind, true), ERR_NONE);
		unsigned again;
		assert_int_equal(tcaches_create(&again), ERR_NONE);
		assert_int_equal(again, ind);
		assert_ptr_equal(tcaches_get(again), cache);
	}
	assert_int_equal(arenas_base0()->allocated, metadata);
}

/* There are as many as flags can name. */
TEST(all_numbers)
{
	unsigned ind;
	thread_setup(1);
	for (unsigned i = 0; i < TCACHES_MAX; i++) {
		assert_int_equal(tcaches_create(&ind), ERR_NONE);
		assert_true(ind < TCACHES_MAX);
	}
	assert_int_equal(tcaches_create(&ind), ERR_NOMEM);
	assert_int_equal(tcaches_flush(100, true), ERR_NONE);
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
	assert_int_equal(ind, 100);
	assert_null(tcaches_get(TCACHES_MAX));
	assert_null(tcaches_get(UINT32_MAX));
}

static void
count(const tsd_t *cache, void *arg)
{
	assert_non_null(cache);
	++*(unsigned *)arg;
}

TEST(visit)
{
	unsigned ind, n = 0;
	thread_setup(1);
	tcaches_visit(count, &n);
	assert_int_equal(n, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(tcaches_create(&ind), ERR_NONE);
	}
	assert_int_equal(tcaches_flush(1, true), ERR_NONE);
	tcaches_visit(count, &n);
	assert_int_equal(n, 2);
}

TEST(no_memory)
{
	unsigned ind;
	thread_setup(1);
	exhaust_metadata();
	err_t err = tcaches_create(&ind);
	(void)os_fault_disarm();
	assert_int_equal(err, ERR_NOMEM);
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
	assert_int_equal(ind, 0);
}

TEST(fork_handlers)
{
	unsigned ind;
	thread_setup(1);
	tcaches_prefork();
	tcaches_postfork_parent();
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
	tcaches_prefork();
	tcaches_postfork_child();
	assert_int_equal(tcaches_create(&ind), ERR_NONE);
}
