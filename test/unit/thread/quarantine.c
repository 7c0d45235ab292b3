#include "thread/quarantine.h"

#include "support/faults.h"
#include "support/harness.h"

#include <string.h>

#include "arena/misuse.h"
#include "platform/fatal.h"
#include "thread/check.h"
#include "thread_support.h"

static void
setup(void)
{
	thread_setup(1);
	opt.check = true;
	fatal_hook = note_fault;
}

static void *
take(size_t size)
{
	void *ptr = NULL;
	bool contended;
	if (size <= SC_SMALL_MAX) {
		assert_int_equal(arena_fill(arenas_get(0), szind_of(size), 0,
				     &ptr, 1, &contended),
		    1);
		return ptr;
	}
	uint64_t prng = 1;
	return large_alloc(arenas_get(0), size, size, 1, false, &prng);
}

static size_t
live(void)
{
	size_t n = atomic_load(&arenas_get(0)->large_allocated);
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		n += live_in_arenas(cind_of_small(szind));
	}
	return n;
}

/* Blocks wait, filled, and go back to their arenas untouched. */
TEST(blocks_wait)
{
	static const size_t sizes[] = {8, 64, 4096, 20480, 131072};
	setup();
	for (unsigned i = 0; i < 5; i++) {
		char *ptr = take(sizes[i]);
		quarantine_put(ptr, sizes[i], QUARANTINE_CHECK);
		assert_int_equal(ptr[0], 0x5a);
		assert_int_equal(ptr[sizes[i] - 1], 0x5a);
		assert_int_equal(quarantine_bytes(), sizes[i]);
		assert_int_not_equal(live(), 0);
		quarantine_flush(true);
		assert_int_equal(quarantine_bytes(), sizes[i]);
		quarantine_flush(false);
		assert_int_equal(quarantine_bytes(), 0);
		assert_int_equal(live(), 0);
	}
	assert_int_equal(nfaults, 0);
}

/* The oldest leave when there are too many, or too many bytes. */
TEST(room_is_limited)
{
	setup();
	for (unsigned i = 0; i < 20000; i++) {
		quarantine_put(take(64), 64, QUARANTINE_CHECK);
	}
	size_t small = quarantine_bytes();
	assert_true(small > 0 && small <= 32 * 128 * 64);
	for (unsigned i = 0; i < 1000; i++) {
		quarantine_put(take(131072), 131072, QUARANTINE_CHECK);
	}
	assert_true(quarantine_bytes() <= (size_t)8 << 20);
	quarantine_flush(false);
	assert_int_equal(live(), 0);
	assert_int_equal(nfaults, 0);
}

TEST(writes_are_found)
{
	static const size_t at[] = {0, 31, 63};
	setup();
	for (unsigned i = 0; i < 3; i++) {
		char *ptr = take(64);
		quarantine_put(ptr, 64, QUARANTINE_CHECK);
		ptr[at[i]]++;
		quarantine_flush(i % 2 == 0);
		assert_int_equal(nfaults, i + 1);
		assert_non_null(strstr(last_fault,
		    "Write-after-free detected on "
		    "deallocated pointer 0x"));
		assert_non_null(strstr(last_fault, "(size 64)."));
		assert_int_equal(live(), 0);
	}
}

TEST(writes_to_the_stash)
{
	setup();
	opt.lg_san_uaf_align = LG_PAGE;
	char *ptr = take(4096);
	quarantine_put(ptr, 4096, QUARANTINE_STASH);
	assert_int_equal(ptr[0], 0x5b);
	assert_int_equal(ptr[2048], 0x5b);
	assert_int_equal(ptr[4095], 0x5b);
	ptr[4095] = 0;
	quarantine_flush(false);
	assert_int_equal(nfaults, 1);
}

/* Those of one arena can be let out. */
TEST(arenas_are_told_apart)
{
	setup();
	arena_t *other = arenas_create(NULL, false);
	bool contended;
	void *ptr;
	assert_int_equal(arena_fill(other, 0, 0, &ptr, 1, &contended), 1);
	quarantine_put(ptr, 8, QUARANTINE_CHECK);
	quarantine_put(take(64), 64, QUARANTINE_CHECK);
	quarantine_flush_arena(other->ind);
	assert_int_equal(quarantine_bytes(), 64);
	assert_int_equal(nfaults, 0);
}
