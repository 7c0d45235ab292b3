/*
 * fixedpoint: fractions with 16 bits before and 16 behind the point.
 *
 * For ratios that users write in options; exact, without floating point.
 * Text to number rounds to the nearest; number to text gives the shortest
 * text that reads back as the same number.
 */
#ifndef DS_FIXEDPOINT_H
#define DS_FIXEDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t fixedpoint_t;

#define FIXEDPOINT_ONE ((fixedpoint_t)1 << 16)

/* Five digits, the point, five digits, the end. */
#define FIXEDPOINT_TEXT_MAX 12

/* n / d; the quotient must be below 65536. */
static inline fixedpoint_t
fixedpoint_ratio(uint32_t n, uint32_t d)
{
	return (fixedpoint_t)(((uint64_t)n << 16) / d);
}

/* Rounded down; wraps when the result is too big. */
static inline fixedpoint_t
fixedpoint_mul(fixedpoint_t a, fixedpoint_t b)
{
	return (fixedpoint_t)(((uint64_t)a * b) >> 16);
}

/* n * a, rounded down; wraps when the result is too big. */
static inline uint64_t
fixedpoint_mul_int(fixedpoint_t a, uint64_t n)
{
	uint64_t high = (n >> 16) * a;
	uint64_t low = ((n & 0xffff) * a) >> 16;
	return high + low;
}

static inline uint32_t
fixedpoint_round_down(fixedpoint_t a)
{
	return a >> 16;
}

static inline uint32_t
fixedpoint_round_nearest(fixedpoint_t a)
{
	return (a >> 16) + ((a >> 15) & 1);
}

/*
 * Digits as the bits behind the point, to the nearest.  What comes after the
 * first twelve digits is not looked at.
 */
static inline uint32_t
fixedpoint_parse_fraction(const char **text)
{
	uint64_t digits = 0;
	uint64_t scale = 1;
	const char *s = *text;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (scale < UINT64_C(1000000000000)) {
			digits = digits * 10 + (uint64_t)(*s - '0');
			scale *= 10;
		}
	}
	*text = s;
	uint32_t bits = (uint32_t)(((digits << 16) + scale / 2) / scale);
	return bits <= 0xffff ? bits : 0xffff;
}

/*
 * "3", "0.25", ".25"; not "3." and nothing of 65536 or more.  `*end` is past
 * what was read.  Is it a number?
 */
static inline bool
fixedpoint_parse(const char *text, const char **end, fixedpoint_t *value)
{
	uint32_t integer = 0;
	const char *s = text;
	for (; *s >= '0' && *s <= '9'; s++) {
		integer = integer * 10 + (uint32_t)(*s - '0');
		if (integer > 0xffff) {
			*end = s;
			return false;
		}
	}
	bool is_number = s != text;
	*value = integer << 16;
	if (*s == '.') {
		s++;
		is_number = *s >= '0' && *s <= '9';
		*value |= fixedpoint_parse_fraction(&s);
	}
	*end = s;
	return is_number;
}

/* Writes `n` with at least `width` digits; returns the end. */
static inline char *
fixedpoint_print_digits(char *s, uint32_t n, unsigned width)
{
	char digits[10];
	unsigned count = 0;
	for (; n > 0 || count < width; n /= 10) {
		digits[count++] = (char)('0' + n % 10);
	}
	while (count > 0) {
		*s++ = digits[--count];
	}
	return s;
}

/* The text, terminated; an integer has no point. */
static inline void
fixedpoint_print(fixedpoint_t value, char text[FIXEDPOINT_TEXT_MAX])
{
	uint32_t bits = value & 0xffff;
	char *s = fixedpoint_print_digits(text, value >> 16, 1);
	uint32_t scale = 1;
	for (unsigned ndigits = 1; bits != 0; ndigits++) {
		scale *= 10;
		/* The nearest fraction with so many digits: is it near enough? */
		uint32_t digits =
		    (uint32_t)(((uint64_t)bits * scale + 0x8000) >> 16);
		uint64_t back = (((uint64_t)digits << 16) + scale / 2) / scale;
		if (back == bits && digits < scale) {
			*s++ = '.';
			s = fixedpoint_print_digits(s, digits, ndigits);
			break;
		}
	}
	*s = '\0';
}

#endif
