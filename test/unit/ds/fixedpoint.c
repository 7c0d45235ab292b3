#include "ds/fixedpoint.h"

#include "support/harness.h"

#include <string.h>

#include "platform/compiler.h"

/* What is accepted, how much of it is read, and what it is. */
TEST(parse)
{
	static const struct {
		const char *text;
		bool ok;
		size_t len;
		fixedpoint_t value;
	} rows[] = {
	    {"0", true, 1, 0},
	    {"1", true, 1, FIXEDPOINT_ONE},
	    {"0.25", true, 4, FIXEDPOINT_ONE / 4},
	    {".5", true, 2, FIXEDPOINT_ONE / 2},
	    {"12.75,x", true, 5, 12 * FIXEDPOINT_ONE + 3 * FIXEDPOINT_ONE / 4},
	    {"4,", true, 1, 4 * FIXEDPOINT_ONE},
	    {"0.1", true, 3, 6554},
	    {"0.0", true, 3, 0},
	    {"65535", true, 5, 0xffff0000},
	    {"65535.999999", true, 12, 0xffffffff},
	    {"0.99999999999999999999999999", true, 28, 0xffff},
	    {"0.25000000000000000000000001", true, 28, FIXEDPOINT_ONE / 4},
	    {"00001.5", true, 7, 3 * FIXEDPOINT_ONE / 2},
	    {"65536", false, 4, 0},
	    {"99999999999", false, 4, 0},
	    {"", false, 0, 0},
	    {".", false, 1, 0},
	    {"1.", false, 2, 0},
	    {"1.x", false, 2, 0},
	    {"-1", false, 0, 0},
	    {" 1", false, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *end = NULL;
		fixedpoint_t value = 4711;
		bool ok = fixedpoint_parse(rows[i].text, &end, &value);
		assert_int_equal(ok, rows[i].ok);
		assert_int_equal((size_t)(end - rows[i].text), rows[i].len);
		if (ok) {
			assert_int_equal(value, rows[i].value);
		}
	}
}

static void
assert_prints(fixedpoint_t value, const char *expected)
{
	char text[FIXEDPOINT_TEXT_MAX];
	fixedpoint_print(value, text);
	assert_string_equal(text, expected);
}

TEST(print)
{
	assert_prints(0, "0");
	assert_prints(FIXEDPOINT_ONE / 4, "0.25");
	assert_prints(FIXEDPOINT_ONE, "1");
	assert_prints(10 * FIXEDPOINT_ONE + FIXEDPOINT_ONE / 2, "10.5");
	assert_prints(6554, "0.1");
	assert_prints(62259, "0.95");
	assert_prints(1, "0.00002");
	assert_prints(0xffffffff, "65535.99998");
}

/* Every fraction reads back as it was, behind any integer. */
TEST(print_then_parse)
{
	for (uint32_t bits = 0; bits <= 0xffff; bits++) {
		fixedpoint_t value = (bits * 40503 << 16) | bits;
		char text[FIXEDPOINT_TEXT_MAX];
		memset(text, '#', sizeof(text));
		fixedpoint_print(value, text);
		const char *end;
		fixedpoint_t back;
		assert_true(fixedpoint_parse(text, &end, &back));
		assert_int_equal(*end, '\0');
		assert_int_equal(back, value);
	}
}

TEST(arithmetic)
{
	fixedpoint_t half = fixedpoint_ratio(1, 2);
	fixedpoint_t three = fixedpoint_ratio(3, 1);
	assert_int_equal(half, FIXEDPOINT_ONE / 2);
	assert_int_equal(fixedpoint_mul(half, three), 3 * FIXEDPOINT_ONE / 2);
	assert_int_equal(fixedpoint_mul_int(half, 7), 3);
	assert_true(
	    fixedpoint_mul_int(three, UINT64_C(1) << 60) == UINT64_C(3) << 60);
	assert_true(fixedpoint_mul_int(half, UINT64_MAX) == UINT64_MAX / 2);
	assert_int_equal(fixedpoint_round_down(FIXEDPOINT_ONE + half), 1);
	assert_int_equal(fixedpoint_round_nearest(FIXEDPOINT_ONE + half), 2);
	assert_int_equal(fixedpoint_round_nearest(half - 1), 0);
}
