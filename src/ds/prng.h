/*
 * prng: pseudo-random numbers from a word of state, which the caller keeps.
 *
 * G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
 * Generators" (2014), known as splitmix64.  Any seed is good, zero included.
 * Not for: secrets.
 */
#ifndef DS_PRNG_H
#define DS_PRNG_H

#include <stdint.h>

#include "ds/bits.h"

static inline uint64_t
prng_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Uniform in [0, bound); `bound` is not zero. */
static inline uint64_t
prng_below(uint64_t *state, uint64_t bound)
{
	if (bound <= 1) {
		return 0;
	}
	/* As many bits as the bound has, again until they are below it. */
	unsigned shift = bits_clz64(bound - 1);
	uint64_t x;
	do {
		x = prng_next(state) >> shift;
	} while (x >= bound);
	return x;
}

#endif
