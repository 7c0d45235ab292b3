#include "thread/thread_event.h"

#include "support/harness.h"

#include "ds/prng.h"
#include "thread_support.h"

#define MIB ((uint64_t)1 << 20)

/* Counters count, and the next event is always ahead. */
TEST(counters)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_int_equal(tsd->allocated, 0);
	assert_int_equal(tsd->deallocated, 0);
	uint64_t prng = 1;
	uint64_t allocated = 0;
	for (unsigned i = 0; i < 20000; i++) {
		size_t usize = szind_size(
		    (unsigned)prng_below(&prng, SC_NBINS + 40));
		thread_count_alloc(tsd, usize);
		allocated += usize;
		assert_int_equal(tsd->allocated, allocated);
		assert_true(tsd->event_at > allocated);
		thread_count_free(tsd, usize);
		assert_int_equal(tsd->deallocated, allocated);
	}
}

/* Collection comes in proportion to what is allocated. */
TEST(collection)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	unsigned cind = cind_of_usize(64);
	void *blocks[20];
	for (unsigned i = 0; i < 20; i++) {
		blocks[i] = cached_alloc(tsd, cind);
	}
	for (unsigned i = 0; i < 20; i++) {
		cached_free(tsd, cind, blocks[i]);
	}
	assert_true(tcache_bytes(tsd) > 0);
	/* Nothing of it is used for a long time. */
	for (unsigned i = 0; i < 4000; i++) {
		thread_count_alloc(tsd, MIB);
	}
	assert_int_equal(tcache_bytes(tsd), 0);
	assert_int_equal(live_in_arenas(cind), 0);
}

/* However large the interval is, nothing overflows. */
TEST(extreme_intervals)
{
	opt.tcache_gc_incr_bytes = SIZE_MAX;
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_true(tsd->event_at > 0);
	thread_count_alloc(tsd, (size_t)1 << 62);
	assert_true(tsd->event_at > tsd->allocated);
}
