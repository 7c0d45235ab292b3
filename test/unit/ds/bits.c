#include "ds/bits.h"

#include "support/harness.h"

/* Around every power of two, against counting one by one. */
TEST(logarithms)
{
	for (unsigned lg = 0; lg < SIZE_BITS; lg++) {
		size_t pow2 = (size_t)1 << lg;
		assert_int_equal(bits_lg_floor(pow2), lg);
		assert_int_equal(bits_lg_ceil(pow2), lg);
		assert_true(bits_pow2_ceil(pow2) == pow2);
		assert_true(bits_is_pow2(pow2));
		if (lg < 2) {
			continue;
		}
		assert_int_equal(bits_lg_floor(pow2 - 1), lg - 1);
		assert_int_equal(bits_lg_ceil(pow2 - 1), lg);
		assert_int_equal(bits_lg_floor(pow2 + 1), lg);
		assert_int_equal(bits_lg_ceil(pow2 + 1), lg + 1);
		assert_true(bits_pow2_ceil(pow2 - 1) == pow2);
		assert_true(bits_pow2_ceil(pow2 + 1) == pow2 << 1);
		assert_false(bits_is_pow2(pow2 - 1) || bits_is_pow2(pow2 + 1));
	}
	assert_int_equal(bits_lg_ceil(0), 0);
	assert_int_equal(bits_pow2_ceil(0), 1);
	assert_int_equal(bits_pow2_ceil(SIZE_MAX), 0);
	assert_false(bits_is_pow2(0));
}

TEST(scans)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;
		assert_int_equal(bits_ctz64(bit), i);
		assert_int_equal(bits_ctz64(bit | UINT64_C(1) << 63), i);
		assert_int_equal(bits_clz64(bit), 63 - i);
		assert_int_equal(bits_clz64(bit | 1), 63 - i);
		assert_int_equal(bits_popcount64(bit - 1), i);
	}
	assert_int_equal(bits_popcount64(UINT64_MAX), 64);
}

TEST(alignment)
{
	for (size_t a = 1; a <= 64; a *= 2) {
		for (size_t x = 0; x < 200; x++) {
			size_t up = align_up(x, a);
			size_t down = align_down(x, a);
			assert_int_equal(up % a, 0);
			assert_int_equal(down % a, 0);
			assert_true(down <= x && x <= up);
			assert_true(x - down < a && up - x < a);
			assert_int_equal(is_aligned(x, a), x % a == 0);
		}
	}
	assert_int_equal(align_up(SIZE_MAX, 4096), 0);
}
