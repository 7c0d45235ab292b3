#include "thread/cache_bin.h"

#include "support/harness.h"

#define CAPACITY 10

/* FULL, the slots, NULL. */
static void *array[CAPACITY + 2];
static cache_bin_t bin;
static cache_slot_t slot;
static char blocks[2 * CAPACITY];

static void
setup(void)
{
	array[0] = CACHE_BIN_FULL;
	array[CAPACITY + 1] = NULL;
	bin = (cache_bin_t){.first = array, .capacity = CAPACITY};
	slot.head = cache_bin_end(&bin);
}

TEST(last_in_first_out)
{
	setup();
	assert_int_equal(cache_bin_count(&bin, &slot), 0);
	for (unsigned i = 0; i < CAPACITY; i++) {
		assert_true(cache_slot_push(&slot, &blocks[i]));
		assert_int_equal(cache_bin_count(&bin, &slot), i + 1);
	}
	for (unsigned i = CAPACITY; i-- > 0;) {
		assert_ptr_equal(cache_slot_pop(&slot), &blocks[i]);
		assert_int_equal(cache_bin_count(&bin, &slot), i);
	}
}

/* Both ends hold, however often they are run into. */
TEST(empty_and_full)
{
	setup();
	for (unsigned round = 0; round < 3; round++) {
		assert_null(cache_slot_pop(&slot));
		assert_null(cache_slot_pop(&slot));
		for (unsigned i = 0; i < CAPACITY; i++) {
			assert_true(cache_slot_push(&slot, &blocks[i]));
		}
		assert_false(cache_slot_push(&slot, &blocks[CAPACITY]));
		assert_false(cache_slot_push(&slot, &blocks[CAPACITY]));
		assert_int_equal(cache_bin_count(&bin, &slot), CAPACITY);
		for (unsigned i = CAPACITY; i-- > 0;) {
			assert_ptr_equal(cache_slot_pop(&slot), &blocks[i]);
		}
	}
	assert_ptr_equal(array[0], CACHE_BIN_FULL);
	assert_null(array[CAPACITY + 1]);
}

/* A bin without an array is empty and full at once. */
TEST(no_array)
{
	static void *const none[2] = {CACHE_BIN_FULL, NULL};
	cache_bin_t without = {0};
	slot.head = (void **)&none[1];
	assert_null(cache_slot_pop(&slot));
	assert_false(cache_slot_push(&slot, &blocks[0]));
	assert_int_equal(cache_bin_count(&without, &slot), 0);
}

TEST(constant_pair)
{
	slot.head = cache_bin_none_head();
	assert_null(cache_slot_pop(&slot));
	assert_false(cache_slot_push(&slot, &blocks[0]));
	assert_ptr_equal(slot.head, cache_bin_none_head());
}

/* The stack seems to end at the mark, until that is taken away. */
TEST(mark)
{
	setup();
	for (unsigned i = 0; i < 6; i++) {
		assert_true(cache_slot_push(&slot, &blocks[i]));
	}
	bin.mark = slot.head + 3;
	bin.marked = *bin.mark;
	*bin.mark = NULL;
	assert_int_equal(cache_bin_count(&bin, &slot), 6);
	for (unsigned i = 6; i-- > 3;) {
		assert_ptr_equal(cache_slot_pop(&slot), &blocks[i]);
	}
	assert_null(cache_slot_pop(&slot));
	assert_true(cache_slot_push(&slot, &blocks[9]));
	assert_ptr_equal(cache_slot_pop(&slot), &blocks[9]);
	cache_bin_unmark(&bin, &slot);
	assert_null(bin.mark);
	cache_bin_unmark(&bin, &slot);
	for (unsigned i = 3; i-- > 0;) {
		assert_ptr_equal(cache_slot_pop(&slot), &blocks[i]);
	}
	assert_null(cache_slot_pop(&slot));
}
