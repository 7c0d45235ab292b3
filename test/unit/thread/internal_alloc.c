#include "thread/internal_alloc.h"

#include "support/harness.h"

#include <string.h>

#include "support/os_calls_fault.h"
#include "thread_support.h"

/* Blocks are aligned, do not overlap, and are used again. */
TEST(all_sizes)
{
	enum { NBLOCKS = 8 };
	thread_setup(1);
	for (unsigned lg = INTERNAL_LG_MIN; lg <= INTERNAL_LG_MAX; lg++) {
		char *blocks[NBLOCKS];
		for (int i = 0; i < NBLOCKS; i++) {
			blocks[i] = internal_alloc(lg);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t)blocks[i] % CACHELINE, 0);
			memset(blocks[i], i, (size_t)1 << lg);
		}
		for (int i = 0; i < NBLOCKS; i++) {
			assert_int_equal(blocks[i][0], i);
			assert_int_equal(blocks[i][((size_t)1 << lg) - 1], i);
		}
		for (int i = 0; i < NBLOCKS; i++) {
			internal_free(blocks[i], lg);
		}
		size_t allocated = arenas_base0()->allocated;
		for (int i = NBLOCKS; i-- > 0;) {
			assert_ptr_equal(internal_alloc(lg), blocks[i]);
		}
		assert_int_equal(arenas_base0()->allocated, allocated);
	}
}

TEST(no_memory)
{
	thread_setup(1);
	void *block = internal_alloc(10);
	exhaust_metadata();
	void *none = internal_alloc(10);
	void *other = internal_alloc(INTERNAL_LG_MIN);
	internal_free(block, 10);
	void *again = internal_alloc(10);
	(void)os_fault_disarm();
	assert_null(none);
	assert_null(other);
	assert_ptr_equal(again, block);
	assert_non_null(internal_alloc(10));
}

TEST(fork_handlers)
{
	thread_setup(1);
	internal_prefork();
	internal_postfork_parent();
	assert_non_null(internal_alloc(10));
	internal_prefork();
	internal_postfork_child();
	assert_non_null(internal_alloc(10));
}
