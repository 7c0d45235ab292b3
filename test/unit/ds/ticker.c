#include "ds/ticker.h"

#include "support/harness.h"

TEST(zeroed_fires_always)
{
	ticker_t ticker = {0, 0};
	uint64_t prng = 0;
	for (int i = 0; i < 10; i++) {
		assert_true(ticker_tick(&ticker, &prng));
	}
}

/* Distances average to the mean and vary as an exponential law demands. */
TEST(distances)
{
	enum { MEAN = 1000, EVENTS = 10000 };
	ticker_t ticker;
	uint64_t prng = 1;
	uint64_t ticks = 0;
	unsigned nshort = 0;
	unsigned nlong = 0;
	ticker_init(&ticker, MEAN, &prng);
	for (int i = 0; i < EVENTS; i++) {
		uint64_t distance = 1;
		while (!ticker_tick(&ticker, &prng)) {
			distance++;
		}
		ticks += distance;
		nshort += distance < MEAN / 2;
		nlong += distance > 2 * MEAN;
	}
	assert_in_range(ticks / EVENTS, 970, 1030);
	/* 1 - exp(-1/2) = 0.393 and exp(-2) = 0.135 of all. */
	assert_in_range(nshort, 3730, 4130);
	assert_in_range(nlong, 1150, 1550);
}

/* Many ticks at once come to the same. */
TEST(many_ticks)
{
	enum { MEAN = 1000, STEP = 10, STEPS = 1000000 };
	ticker_t ticker;
	uint64_t prng = 2;
	unsigned nevents = 0;
	ticker_init(&ticker, MEAN, &prng);
	for (int i = 0; i < STEPS; i++) {
		nevents += ticker_ticks(&ticker, STEP, &prng);
	}
	assert_in_range(nevents, 9600, 10400);
}

/* The approximate logarithm is close, at all magnitudes. */
TEST(logarithm)
{
	for (unsigned lg = 0; lg < 64; lg++) {
		uint64_t x = UINT64_C(1) << lg;
		/* Powers of two are exact: -log2(2^(lg - 64)). */
		assert_int_equal(ticker_neg_log2(x), (64 - lg) << 16);
		/* 1.5 times that: 0.58496 less, with an error of 0.01. */
		if (lg > 0) {
			uint64_t exact = ((uint64_t)(64 - lg) << 16) - 38336;
			uint64_t got = ticker_neg_log2(x + (x >> 1));
			assert_in_range(got, exact - 655, exact + 655);
		}
	}
	assert_int_equal(ticker_neg_log2(0), (uint64_t)64 << 16);
}

/* The longest distance fits. */
TEST(huge_mean)
{
	ticker_t ticker;
	uint64_t prng = 3;
	for (int i = 0; i < 1000; i++) {
		ticker_init(&ticker, INT32_MAX, &prng);
		assert_true(ticker.left >= 0);
	}
}
