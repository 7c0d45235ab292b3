#include "thread/internal_alloc.h"

#include "support/harness.h"

#include <string.h>

#include "support/os_calls_fault.h"
#include "thread_support.h"

static internal_own_t own;

/* Blocks are aligned, do not overlap, and are used again. */
TEST(all_sizes)
{
	enum { NBLOCKS = 8 };
	thread_setup(1);
	for (unsigned lg = INTERNAL_LG_MIN; lg <= INTERNAL_LG_MAX; lg++) {
		char *blocks[NBLOCKS];
		for (int i = 0; i < NBLOCKS; i++) {
			blocks[i] = internal_alloc(&own, lg);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t)blocks[i] % CACHELINE, 0);
			memset(blocks[i], i, (size_t)1 << lg);
		}
		for (int i = 0; i < NBLOCKS; i++) {
			assert_int_equal(blocks[i][0], i);
			assert_int_equal(blocks[i][((size_t)1 << lg) - 1], i);
		}
		for (int i = 0; i < NBLOCKS; i++) {
			internal_free(&own, blocks[i], lg);
		}
		size_t allocated = arenas_base0()->allocated;
		for (int i = 0; i < NBLOCKS; i++) {
			char *again = internal_alloc(&own, lg);
			int j = 0;
			while (j < NBLOCKS && blocks[j] != again) {
				j++;
			}
			assert_in_range(j, 0, NBLOCKS - 1);
			blocks[j] = NULL;
		}
		assert_int_equal(arenas_base0()->allocated, allocated);
	}
}

static size_t
count_own(const internal_own_t *lists)
{
	size_t n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(lists->lists); i++) {
		n += lists->lists[i].n;
	}
	return n;
}

/* Few wait in lists of one's own, and all of them go back in the end. */
TEST(lists_of_ones_own)
{
	enum { NBLOCKS = 100 };
	static const unsigned lgs[] = {INTERNAL_LG_MIN, 9, INTERNAL_LG_OWN_MAX,
	    INTERNAL_LG_OWN_MAX + 1, INTERNAL_LG_MAX};
	internal_own_t other = {0};
	void *blocks[NBLOCKS];
	thread_setup(1);
	for (unsigned k = 0; k < ARRAY_LEN(lgs); k++) {
		for (unsigned i = 0; i < NBLOCKS; i++) {
			blocks[i] = internal_alloc(&own, lgs[k]);
			assert_non_null(blocks[i]);
		}
		/* There was nothing to be had in batches. */
		assert_int_equal(count_own(&own), 0);
		for (unsigned i = 0; i < NBLOCKS; i++) {
			internal_free(&own, blocks[i], lgs[k]);
			assert_in_range(count_own(&own) << lgs[k], 0, 1024);
		}
		internal_give_back(&own);
		assert_int_equal(count_own(&own), 0);
		size_t bytes = internal_bytes();
		for (unsigned i = 0; i < NBLOCKS; i++) {
			blocks[i] = internal_alloc(&other, lgs[k]);
			assert_in_range(count_own(&other) << lgs[k], 0, 1024);
			memset(blocks[i], 1, (size_t)1 << lgs[k]);
		}
		assert_int_equal(internal_bytes(), bytes);
		for (unsigned i = 0; i < NBLOCKS; i++) {
			internal_free(&other, blocks[i], lgs[k]);
		}
		internal_give_back(&other);
		internal_give_back(&other);
	}
}

TEST(no_memory)
{
	thread_setup(1);
	void *block = internal_alloc(&own, 10);
	exhaust_metadata();
	void *none = internal_alloc(&own, 10);
	void *other = internal_alloc(&own, INTERNAL_LG_MIN);
	internal_free(&own, block, 10);
	void *again = internal_alloc(&own, 10);
	(void)os_fault_disarm();
	assert_null(none);
	assert_null(other);
	assert_ptr_equal(again, block);
	assert_non_null(internal_alloc(&own, 10));
}

TEST(fork_handlers)
{
	thread_setup(1);
	internal_prefork();
	internal_postfork_parent();
	assert_non_null(internal_alloc(&own, 10));
	internal_prefork();
	internal_postfork_child();
	assert_non_null(internal_alloc(&own, 10));
}
