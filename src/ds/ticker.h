/*
 * ticker: "about once in `mean` times", without a pattern.
 *
 * The distance between two events is geometrically distributed, so that
 * events neither fall into step with the program nor meet each other in
 * threads that started together.  Between events a tick is one decrement.
 */
#ifndef DS_TICKER_H
#define DS_TICKER_H

#include <stdbool.h>
#include <stdint.h>

#include "ds/bits.h"
#include "ds/prng.h"

/* Zeroed, a ticker fires at its first tick, and at each if `mean` is zero. */
typedef struct {
	int32_t left; /* ticks that will not fire */
	int32_t mean;
} ticker_t;

/*
 * -log2 of a uniform random number in (0, 1), times 2^16.  The logarithm of
 * the mantissa 1 + f is taken as f + 11/32 f (1 - f): wrong by at most 0.01,
 * and right on average.
 */
static inline uint64_t
ticker_neg_log2(uint64_t random)
{
	unsigned lz = bits_clz64(random | 1);
	uint64_t f = ((random << lz) >> 47) & 0xffff;
	uint64_t lg_mantissa = f + ((11 * f * (0x10000 - f)) >> 21);
	return ((uint64_t)(lz + 1) << 16) - lg_mantissa;
}

/* Exponentially distributed around `mean`, cut to what fits. */
static inline int32_t
ticker_draw(int32_t mean, uint64_t *prng)
{
	const uint64_t ln2 = 45426; /* times 2^16 */
	uint64_t e = (ticker_neg_log2(prng_next(prng)) * ln2) >> 16;
	uint64_t ticks = (e * (uint64_t)mean) >> 16;
	return ticks < INT32_MAX ? (int32_t)ticks : INT32_MAX;
}

static inline void
ticker_init(ticker_t *ticker, int32_t mean, uint64_t *prng)
{
	ticker->mean = mean;
	ticker->left = ticker_draw(mean, prng);
}

/* `n` ticks at once; several events in them count as one.  Did it fire? */
static inline bool
ticker_ticks(ticker_t *ticker, int32_t n, uint64_t *prng)
{
	ticker->left -= n;
	if (__builtin_expect(ticker->left >= 0, 1)) {
		return false;
	}
	ticker->left = ticker_draw(ticker->mean, prng);
	return true;
}

static inline bool
ticker_tick(ticker_t *ticker, uint64_t *prng)
{
	return ticker_ticks(ticker, 1, prng);
}

#endif
