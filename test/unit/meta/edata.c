#include "meta/edata.h"

#include "support/harness.h"

/* Arena and state share a word and do not disturb each other. */
TEST(owner)
{
	static const unsigned arenas[] = {0, 1, 255, 256, 4094, 0xfff};
	edata_t edata = {0};
	for (size_t i = 0; i < sizeof(arenas) / sizeof(arenas[0]); i++) {
		for (unsigned s = 0; s < EXTENT_NSTATES; s++) {
			edata_set_owner(&edata, arenas[i], (extent_state_t)s);
			assert_int_equal(edata_arena_ind(&edata), arenas[i]);
			assert_int_equal(edata_state(&edata), s);
			assert_int_equal(edata_owner(&edata),
			    edata_owner_word(arenas[i], (extent_state_t)s));
			edata_set_state(&edata, EXTENT_DIRTY);
			assert_int_equal(edata_arena_ind(&edata), arenas[i]);
			assert_int_equal(edata_state(&edata), EXTENT_DIRTY);
		}
	}
}

/* The shard of a slab goes with a change of state. */
TEST(shard)
{
	edata_t edata = {0};
	edata_set_owner(&edata, 4094, EXTENT_ACTIVE);
	assert_int_equal(edata_shard(&edata), 0);
	edata_set_shard(&edata, 63);
	assert_int_equal(edata_shard(&edata), 63);
	assert_int_equal(edata_arena_ind(&edata), 4094);
	assert_int_equal(edata_state(&edata), EXTENT_ACTIVE);
	assert_int_equal(edata_owner(&edata), edata_slab_word(4094, 63));
	assert_int_equal(edata_slab_word(7, 0),
	    edata_owner_word(7, EXTENT_ACTIVE));
	edata_set_state(&edata, EXTENT_DIRTY);
	assert_int_equal(edata_shard(&edata), 0);
	assert_int_equal(edata_arena_ind(&edata), 4094);
}

TEST(a_zeroed_descriptor_is_unused)
{
	edata_t edata = {0};
	assert_int_equal(edata_state(&edata), EXTENT_UNUSED);
	assert_int_equal(edata.cind, 0);
	assert_false(edata.slab);
}

TEST(geometry)
{
	char *addr = (char *)(100 * PAGE);
	edata_t edata = {.addr = addr, .size = 3 * PAGE};
	assert_int_equal(edata_base(&edata), 100 * PAGE);
	assert_int_equal(edata_end(&edata), 103 * PAGE);
	assert_int_equal(edata_npages(&edata), 3);
	assert_false(edata_covers(&edata, addr - 1));
	assert_true(edata_covers(&edata, addr));
	assert_true(edata_covers(&edata, addr + 3 * PAGE - 1));
	assert_false(edata_covers(&edata, addr + 3 * PAGE));
	assert_false(edata_covers(&edata, NULL));
	assert_false(edata_covers(&edata, (void *)UINTPTR_MAX));
}

/* Age decides, then the address. */
TEST(order)
{
	edata_t a = {.addr = (void *)(9 * PAGE), .serial = 1};
	edata_t b = {.addr = (void *)(5 * PAGE), .serial = 2};
	edata_t c = {.addr = (void *)(7 * PAGE), .serial = 2};
	assert_true(edata_cmp_age(&a.heap, &b.heap) < 0);
	assert_true(edata_cmp_age(&b.heap, &a.heap) > 0);
	assert_true(edata_cmp_age(&b.heap, &c.heap) < 0);
	assert_true(edata_cmp_age(&c.heap, &b.heap) > 0);
	assert_int_equal(edata_cmp_age(&a.heap, &a.heap), 0);
}

/* Every region of the largest slab has a bit. */
TEST(free_map_is_large_enough)
{
	edata_t edata;
	assert_int_equal(sizeof(edata.free_map) * 8, SLAB_REGS_MAX);
	assert_true(SLAB_REGS_MAX >= PAGE / 8);
}
