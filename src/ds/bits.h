/*
 * bits: scans, powers of two and alignment.
 *
 * Logarithms and scans of zero are undefined and asserted by no one: callers
 * know their values.  Alignments are powers of two.
 */
#ifndef DS_BITS_H
#define DS_BITS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZE_BITS ((unsigned)(sizeof(size_t) * CHAR_BIT))

_Static_assert(sizeof(size_t) == sizeof(uintptr_t), "sizes hold addresses");
_Static_assert(sizeof(unsigned long long) == sizeof(uint64_t),
    "the builtins below count 64 bits");
_Static_assert(sizeof(unsigned long) == sizeof(size_t) ||
	sizeof(unsigned long long) == sizeof(size_t),
    "one of the builtins fits");

/* Number of zeros below the lowest one. */
static inline unsigned
bits_ctz64(uint64_t x)
{
	return (unsigned)__builtin_ctzll(x);
}

/* Number of zeros above the highest one. */
static inline unsigned
bits_clz64(uint64_t x)
{
	return (unsigned)__builtin_clzll(x);
}

static inline unsigned
bits_popcount64(uint64_t x)
{
	return (unsigned)__builtin_popcountll(x);
}

/* floor(log2(x)) */
static inline unsigned
bits_lg_floor(size_t x)
{
	return 63 ^ bits_clz64(x);
}

/* ceil(log2(x)) */
static inline unsigned
bits_lg_ceil(size_t x)
{
	return x <= 1 ? 0 : bits_lg_floor(x - 1) + 1;
}

/* Zero is not a power of two. */
static inline bool
bits_is_pow2(size_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/*
 * The least power of two that is not below `x`; 1 for 0, and 0 when there is
 * none.
 */
static inline size_t
bits_pow2_ceil(size_t x)
{
	unsigned lg = bits_lg_ceil(x);
	return lg < SIZE_BITS ? (size_t)1 << lg : 0;
}

/* Wraps to zero when there is no such number. */
static inline size_t
align_up(size_t x, size_t alignment)
{
	return (x + alignment - 1) & ~(alignment - 1);
}

static inline size_t
align_down(size_t x, size_t alignment)
{
	return x & ~(alignment - 1);
}

static inline bool
is_aligned(size_t x, size_t alignment)
{
	return (x & (alignment - 1)) == 0;
}

#endif
