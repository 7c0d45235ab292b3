#include "thread/check.h"

#include "support/faults.h"
#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ds/prng.h"
#include "platform/fatal.h"
#include "support/os_calls_fault.h"
#include "thread_support.h"

static void
setup(void)
{
	thread_setup(1);
	opt.check = true;
	fatal_hook = note_fault;
}

/* Memory that need not be an arena's. */
static char memory[1 << 20];

static check_block_t
block_at(size_t offset, size_t size, size_t room)
{
	check_block_t block = {.ptr = memory + offset,
	    .size = size,
	    .usize = (size + 7) / 8 * 8,
	    .room = room};
	return block;
}

TEST(notes_are_found)
{
	setup();
	check_block_t block = block_at(64, 13, 32), found;
	assert_true(check_note(&block));
	assert_true(check_find(memory + 64, &found));
	assert_int_equal(found.size, 13);
	assert_int_equal(found.room, 32);
	assert_int_equal(nfaults, 0);
	assert_false(check_find(memory + 65, &found));
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault, "invalid pointer"));
	check_forget(memory + 64);
	assert_false(check_find(memory + 64, &found));
}

TEST(second_frees)
{
	setup();
	check_block_t block = block_at(64, 13, 32), found;
	assert_true(check_note(&block));
	assert_true(check_free(memory + 64, &found));
	assert_false(check_free(memory + 64, &found));
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault, "double free of pointer"));
	/* The address may have another block later. */
	check_forget(memory + 64);
	assert_true(check_note(&block));
	assert_true(check_free(memory + 64, &found));
	assert_int_equal(nfaults, 1);
}

TEST(canaries)
{
	char distance[32];
	setup();
	for (size_t i = 13; i < 32; i++) {
		check_block_t block = block_at(64, 13, 32), found;
		assert_true(check_note(&block));
		memory[64 + i]++;
		nfaults = 0;
		assert_true(check_free(memory + 64, &found));
		assert_int_equal(nfaults, 1);
		snprintf(distance, sizeof(distance), "up to %zu bytes", i - 12);
		assert_non_null(strstr(last_fault, distance));
		assert_non_null(strstr(last_fault, "block of 13 bytes"));
		check_forget(memory + 64);
	}
}

/* Who knows the usable size may use it, but nothing behind. */
TEST(usable_sizes_are_granted)
{
	setup();
	check_block_t block = block_at(64, 13, 32), found;
	assert_true(check_note(&block));
	assert_int_equal(check_grant(memory + 64), 16);
	assert_int_equal((unsigned char)memory[64 + 13], CHECK_JUNK);
	memset(memory + 64, 1, 16);
	assert_true(check_find(memory + 64, &found));
	assert_int_equal(nfaults, 0);
	memory[64 + 16]++;
	check_all();
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault, "up to 1 bytes"));
}

/* The table against an array, with many blocks coming and going. */
TEST(table)
{
	enum { N = sizeof(memory) / 32 };
	static bool known[N];
	uint64_t prng = 1;
	setup();
	for (unsigned step = 0; step < 300000; step++) {
		size_t i = prng_below(&prng, N);
		check_block_t block = block_at(i * 32, 8 + i % 8, 32), found;
		if (!known[i]) {
			assert_true(check_note(&block));
		} else {
			assert_true(check_find(block.ptr, &found));
			assert_int_equal(found.size, block.size);
			check_forget(block.ptr);
		}
		known[i] = !known[i];
	}
	assert_int_equal(nfaults, 0);
	check_all();
	assert_int_equal(nfaults, 0);
	/* Saying that a pointer is nobody's takes its time. */
	for (size_t i = 0; i < 1000; i++) {
		check_block_t found;
		unsigned before = nfaults;
		assert_int_equal(check_find(memory + i * 32, &found), known[i]);
		assert_int_equal(nfaults - before, !known[i]);
	}
}

TEST(no_memory)
{
	setup();
	os_fault_only(OS_FAULT_MMAP);
	os_fault_arm_from(1);
	check_block_t block = block_at(64, 13, 32), found;
	assert_false(check_note(&block));
	(void)os_fault_disarm();
	assert_true(check_note(&block));
	assert_true(check_find(memory + 64, &found));
}
