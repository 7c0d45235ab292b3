#include "ds/hash.h"

#include "support/harness.h"

#include "ds/bits.h"

/* Length, seed and every bit of the input change about half of the output. */
TEST(every_bit_counts)
{
	unsigned char data[32] = {0};
	unsigned nflipped = 0;
	unsigned ntries = 0;
	for (size_t len = 1; len <= sizeof(data); len++) {
		uint64_t before = hash_bytes(data, len, 1);
		for (size_t bit = 0; bit < len * 8; bit++) {
			data[bit / 8] ^= (unsigned char)(1U << bit % 8);
			uint64_t diff = before ^ hash_bytes(data, len, 1);
			data[bit / 8] ^= (unsigned char)(1U << bit % 8);
			assert_in_range(bits_popcount64(diff), 8, 56);
			nflipped += bits_popcount64(diff);
			ntries++;
		}
		uint64_t diff = before ^ hash_bytes(data, len, 2);
		assert_in_range(bits_popcount64(diff), 8, 56);
		diff = before ^ hash_bytes(data, len - 1, 1);
		assert_in_range(bits_popcount64(diff), 8, 56);
	}
	assert_in_range(nflipped / ntries, 31, 32);
}

/* The bytes count, not where they are. */
TEST(any_alignment)
{
	char data[64];
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (char)(i % 24);
	}
	uint64_t h = hash_bytes(data, 23, 7);
	assert_true(h == hash_bytes(data + 24, 23, 7));
	memmove(data + 1, data, 23);
	assert_true(h == hash_bytes(data + 1, 23, 7));
}
