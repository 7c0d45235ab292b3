#include "ds/prng.h"

#include "support/harness.h"

/* The published generator's first numbers from seed 1234567. */
TEST(known_answers)
{
	uint64_t prng = 1234567;
	assert_true(prng_next(&prng) == UINT64_C(6457827717110365317));
	assert_true(prng_next(&prng) == UINT64_C(3203168211198807973));
	assert_true(prng_next(&prng) == UINT64_C(9817491932198370423));
}

TEST(below_is_below)
{
	uint64_t prng = 0;
	for (uint64_t bound = 1; bound < 100; bound++) {
		for (int i = 0; i < 200; i++) {
			assert_true(prng_below(&prng, bound) < bound);
		}
	}
	for (int i = 0; i < 200; i++) {
		assert_true(prng_below(&prng, UINT64_MAX) < UINT64_MAX);
	}
}

/* Every value comes about equally often. */
TEST(below_is_uniform)
{
	enum { BOUND = 11, ROUNDS = 110000 };
	unsigned counts[BOUND] = {0};
	uint64_t prng = 42;
	for (int i = 0; i < ROUNDS; i++) {
		counts[prng_below(&prng, BOUND)]++;
	}
	for (int i = 0; i < BOUND; i++) {
		assert_in_range(counts[i], 9500, 10500);
	}
}
