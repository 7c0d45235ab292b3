#include "meta/base.h"

#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"
#include "platform/build.h"
#include "support/fake_hooks.h"

#define MIB ((size_t)1 << 20)
#define ARENA 3

static fake_hooks_t fake;
static base_t base;

static void
setup(size_t npages, unsigned arena_ind)
{
	fake_hooks_init(&fake, npages);
	base_init(&base, &fake.table, arena_ind);
}

static bool
is_zero(const char *p, size_t size)
{
	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Pieces are aligned, read zero and do not overlap. */
TEST(pieces)
{
	enum { NPIECES = 2000 };
	static struct {
		char *addr;
		size_t size;
	} pieces[NPIECES];
	uint64_t prng = 1;
	size_t sum = 0;
	setup(8192, ARENA);
	/* Even where hooks do not do what they are told. */
	fake.stale = true;
	fake.never_zero = true;
	for (unsigned i = 0; i < NPIECES; i++) {
		size_t size = 1 + prng_below(&prng, 3000);
		size_t alignment = (size_t)1 << prng_below(&prng, LG_PAGE + 1);
		char *addr = base_alloc(&base, size, alignment);
		assert_non_null(addr);
		assert_int_equal((uintptr_t)addr % alignment, 0);
		assert_true(is_zero(addr, size));
		memset(addr, (int)(i % 255 + 1), size);
		pieces[i].addr = addr;
		pieces[i].size = size;
		sum += size;
	}
	for (unsigned i = 0; i < NPIECES; i++) {
		for (size_t j = 0; j < pieces[i].size; j++) {
			assert_int_equal((unsigned char)pieces[i].addr[j],
			    i % 255 + 1);
		}
	}
	assert_int_equal(base.allocated, sum);
	assert_int_equal(base.mapped, fake.npages_out * PAGE);
	assert_true(base.mapped >= sum);
}

/* Hooks are asked seldom and for whole huge pages. */
TEST(blocks)
{
	setup(8192, ARENA);
	assert_int_equal(fake.ncalls[FAKE_ALLOC], 0);
	assert_non_null(base_alloc(&base, 1, 1));
	assert_int_equal(fake.ncalls[FAKE_ALLOC], 1);
	assert_int_equal(fake.last_size % HUGEPAGE, 0);
	assert_int_equal(fake.last_alignment, HUGEPAGE);
	assert_int_equal(fake.last_arena_ind, ARENA);
	for (unsigned i = 0; i < 400; i++) {
		assert_non_null(base_alloc(&base, PAGE, CACHELINE));
	}
	assert_int_equal(fake.ncalls[FAKE_ALLOC], 1);
	/* A piece longer than a block is a block of its own. */
	assert_non_null(base_alloc(&base, 5 * MIB, PAGE));
	assert_int_equal(fake.ncalls[FAKE_ALLOC], 2);
	assert_true(fake.last_size >= 5 * MIB);
}

/* A long piece does not make the rest of earlier blocks unusable. */
TEST(earlier_blocks_stay_in_use)
{
	setup(8192, ARENA);
	assert_non_null(base_alloc(&base, 1000, 8));
	assert_non_null(base_alloc(&base, 4 * MIB - PAGE, PAGE));
	unsigned ncalls = fake.ncalls[FAKE_ALLOC];
	for (unsigned i = 0; i < 1000; i++) {
		assert_non_null(base_alloc(&base, 1024, 8));
	}
	assert_int_equal(fake.ncalls[FAKE_ALLOC], ncalls);
}

/* Blocks are found by address, lowest first. */
TEST(block_in)
{
	uintptr_t start, at = 0;
	size_t size, sum = 0;
	unsigned n = 0;
	setup(8192, ARENA);
	assert_false(base_block_in(&base, 0, UINTPTR_MAX, &start, &size));
	for (unsigned i = 0; i < 5; i++) {
		assert_non_null(base_alloc(&base, 3 * MIB / 2, PAGE));
	}
	for (; base_block_in(&base, at, UINTPTR_MAX, &start, &size); n++) {
		assert_true(start >= at);
		sum += size;
		at = start + size;
		/* By its last byte, and not by those beside it. */
		uintptr_t first = start;
		assert_true(base_block_in(&base, at - 1, at, &start, &size));
		assert_int_equal(start, first);
		assert_true(
		    !base_block_in(&base, first - 1, first, &start, &size) ||
		    start != first);
		start = first;
	}
	assert_int_equal(n, 5);
	assert_int_equal(sum, base.mapped);
}

TEST(no_memory)
{
	setup(8192, ARENA);
	fake.refuse[FAKE_ALLOC] = true;
	assert_null(base_alloc(&base, 100, 8));
	assert_int_equal(base.allocated, 0);
	assert_int_equal(base.mapped, 0);
	fake_hooks_obey(&fake);
	assert_non_null(base_alloc(&base, 100, 8));
	/* What is there goes on being used. */
	fake.refuse[FAKE_ALLOC] = true;
	assert_null(base_alloc(&base, 3 * MIB, 8));
	assert_non_null(base_alloc(&base, 100, 8));
	assert_int_equal(base.allocated, 200);
}

/* Everything goes back at once. */
TEST(destroy)
{
	setup(8192, ARENA);
	for (unsigned i = 0; i < 6; i++) {
		assert_non_null(base_alloc(&base, MIB, 8));
	}
	base_destroy(&base);
	assert_int_equal(fake.npages_out, 0);
}

/* Hooks that do not take memory back are asked for the next best thing. */
TEST(destroy_is_refused)
{
	static const fake_hook_t order[] = {FAKE_DALLOC, FAKE_DECOMMIT,
	    FAKE_PURGE_FORCED, FAKE_PURGE_LAZY};
	for (size_t i = 0; i < 4; i++) {
		setup(8192, ARENA);
		assert_non_null(base_alloc(&base, 100, 8));
		for (size_t j = 0; j < i; j++) {
			fake.refuse[order[j]] = true;
		}
		base_destroy(&base);
		for (size_t j = 0; j < 4; j++) {
			assert_int_equal(fake.ncalls[order[j]], j <= i);
		}
	}
	setup(8192, ARENA);
	assert_non_null(base_alloc(&base, 100, 8));
	fake.table = (extent_hooks_t){.alloc = fake.table.alloc};
	base_destroy(&base);
	assert_true(fake.npages_out > 0);
}

/* The default hooks refuse, as they retain; metadata goes all the same. */
TEST(destroy_with_default_hooks)
{
	fake_hooks_init(&fake, 8192);
	ehooks_default_table = &fake.table;
	base_init(&base, NULL, ARENA);
	assert_non_null(base_alloc(&base, 1000, 8));
	assert_non_null(base_alloc(&base, 3 * MIB, 8));
	fake.refuse[FAKE_DALLOC] = true;
	base_destroy(&base);
	assert_int_equal(fake.npages_out, 0);
	assert_int_equal(fake.ncalls[FAKE_DESTROY], 2);
	assert_int_equal(fake.ncalls[FAKE_PURGE_FORCED], 2);
}

/*
 * The default hooks may be asked for less when memory is scarce.  Nothing
 * below page/ sets a default table: the fake stands in.
 */
TEST(default_hooks_in_scarcity)
{
	fake_hooks_init(&fake, 100);
	ehooks_default_table = &fake.table;
	base_init(&base, NULL, 0);
	assert_non_null(base_alloc(&base, 1000, 8));
	assert_int_equal(base.mapped, (size_t)64 << 10);
	assert_int_equal(fake.ncalls[FAKE_ALLOC], 2);
	assert_null(base_alloc(&base, MIB, 8));
	assert_non_null(base_alloc(&base, 1000, 8));
}
