/*
 * The emitter writes both formats from one description, in pieces of any
 * size, and its JSON is JSON whatever the strings hold.
 */
#include "ctl/emitter.h"

#include "support/harness.h"
#include "support/json.h"

#include <stdlib.h>
#include <string.h>

#include "ds/prng.h"

static char text[1 << 16];
static size_t length, npieces, longest;

static void
collect(void *opaque, const char *piece)
{
	assert_ptr_equal(opaque, text);
	size_t n = strlen(piece);
	assert_true(length + n < sizeof(text));
	memcpy(text + length, piece, n + 1);
	length += n;
	npieces++;
	longest = n > longest ? n : longest;
}

static char buffer[1 << 16];
static emitter_t out;

static void
begin(emit_format_t format, size_t size)
{
	length = 0;
	npieces = 0;
	longest = 0;
	emitter_begin(&out, format, collect, text, buffer, size);
}

/* Some of everything. */
static void
describe(void)
{
	bool yes = true;
	uint32_t u32 = UINT32_MAX;
	uint64_t u64 = UINT64_MAX;
	int64_t i64 = INT64_MIN;
	size_t size = 7;
	ssize_t ssize = -1;
	const char *string = "a\"b";
	emitter_object_begin(&out, NULL);
	emitter_kv(&out, "yes", "Yes", EMIT_BOOL, &yes);
	emitter_dict_begin(&out, "d", "Numbers");
	emitter_kv(&out, "u32", "n.u32", EMIT_U32, &u32);
	emitter_kv_note(&out, "u64", "n.u64", EMIT_U64, &u64, "now", &u64);
	emitter_dict_begin(&out, "e", "More");
	emitter_kv(&out, "i64", "n.i64", EMIT_I64, &i64);
	emitter_dict_end(&out);
	emitter_dict_end(&out);
	emitter_array_begin(&out, "list");
	emitter_member(&out, NULL, EMIT_SIZE, &size);
	emitter_object_begin(&out, NULL);
	emitter_object_end(&out);
	emitter_array_begin(&out, NULL);
	emitter_array_end(&out);
	emitter_array_end(&out);
	emitter_kv(&out, "string", "String", EMIT_STRING, &string);
	emitter_printf(&out, "%s %d\n", "text", 1);
	emitter_cell(&out, 5, EMIT_SIZE, &size);
	emitter_cell(&out, -5, EMIT_SSIZE, &ssize);
	emitter_cell(&out, 2, EMIT_CHARS, "long");
	emitter_object_end(&out);
}

static const char as_text[] = "Yes: true\n"
			      "Numbers\n"
			      "  n.u32: 4294967295\n"
			      "  n.u64: 18446744073709551615 "
			      "(now: 18446744073709551615)\n"
			      "  More\n"
			      "    n.i64: -9223372036854775808\n"
			      "String: \"a\"b\"\n"
			      "text 1\n"
			      "    7-1   long";

static const char as_json[] = "{\"yes\":true,\"d\":{\"u32\":4294967295,"
			      "\"u64\":18446744073709551615,"
			      "\"e\":{\"i64\":-9223372036854775808}},"
			      "\"list\":[7,{},[]],\"string\":\"a\\\"b\"}";

/* However small the buffer is, the same comes out. */
static void
check(emit_format_t format, const char *expected)
{
	static const size_t sizes[] = {2, 3, 7, 64, sizeof(buffer)};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(format, sizes[i]);
		describe();
		emitter_end(&out);
		assert_string_equal(text, expected);
		assert_true(npieces >= length / (sizes[i] - 1));
		assert_true(longest < sizes[i]);
	}
}

TEST(text)
{
	check(EMIT_TEXT, as_text);
}

TEST(json)
{
	check(EMIT_JSON, as_json);
	const char *end;
	assert_true(json_parse(as_json, NULL, NULL, &end));
}

/* The receiver is called even if there is nothing to say. */
TEST(nothing)
{
	begin(EMIT_TEXT, 64);
	emitter_end(&out);
	assert_int_equal(npieces, 1);
	assert_int_equal(length, 0);
}

static const char *
string_as_json(const char *string)
{
	begin(EMIT_JSON, 64);
	emitter_member(&out, NULL, EMIT_STRING, &string);
	emitter_end(&out);
	const char *end;
	if (!json_parse(text, NULL, NULL, &end)) {
		fail_msg("not JSON from here: %s", end);
	}
	return text;
}

TEST(strings)
{
	assert_string_equal(string_as_json(""), "\"\"");
	assert_string_equal(string_as_json("\\\n\x01\x7f"),
	    "\"\\\\\\u000a\\u0001\\u007f\"");
	/* UTF-8 stays; what is none does not. */
	assert_string_equal(string_as_json(
				"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
	    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	assert_string_equal(string_as_json("\xc3"), "\"\\u00c3\"");
	assert_string_equal(string_as_json("\xe4r"), "\"\\u00e4r\"");
	assert_string_equal(string_as_json("\xc0\x80"), "\"\\u00c0\\u0080\"");
	assert_string_equal(string_as_json("\xed\xa0\x80"),
	    "\"\\u00ed\\u00a0\\u0080\"");
	assert_string_equal(string_as_json("\xf4\x90\x80\x80"),
	    "\"\\u00f4\\u0090\\u0080\\u0080\"");
	assert_string_equal(string_as_json("\xe2\x82"), "\"\\u00e2\\u0082\"");
}

/* Random bytes, many of them parts of longer sequences. */
TEST(random_strings)
{
	uint64_t seed = 1;
	for (unsigned round = 0; round < 20000; round++) {
		char s[12];
		size_t n = prng_below(&seed, sizeof(s));
		for (size_t i = 0; i < n; i++) {
			s[i] = (char)(1 + prng_below(&seed, 255));
			s[i] = (char)(prng_below(&seed, 2) == 0 ? s[i] | 0x80
								: s[i]);
		}
		s[n] = '\0';
		(void)string_as_json(s);
	}
}

/* The tests' parser knows what is not JSON. */
TEST(parser)
{
	static const char *const wrong[] = {"", "{", "[1,]", "{\"a\":1,}",
	    "{\"a\" 1}", "{a:1}", "01", "1.", "-", "1e", "\"\\x\"", "\"\\u12\"",
	    "\"\n\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "tru",
	    "1 2", "[1 2]", "\"a", "[]]"};
	const char *end;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (json_parse(wrong[i], NULL, NULL, &end)) {
			fail_msg("taken for JSON: %s", wrong[i]);
		}
	}
	assert_true(json_parse(" { \"a\" : [ 1.5e-3 , null, false ] } ", NULL,
	    NULL, &end));
}

/* Quotes, backslashes and newlines are escaped; what is no UTF-8 becomes it. */
TEST(labels)
{
	begin(EMIT_TEXT, sizeof(buffer));
	emitter_label(&out, "");
	emitter_label(&out, "a\"b\\c\nd\t}");
	emitter_label(&out, "\xff\xc3\xa4\x80.\xe2\x82");
	emitter_end(&out);
	assert_string_equal(text,
	    "\"\"\"a\\\"b\\\\c\\nd\t}\""
	    "\"\xc3\xbf\xc3\xa4\xc2\x80.\xc3\xa2\xc2\x82\"");
	begin(EMIT_JSON, sizeof(buffer));
	emitter_label(&out, "not in JSON");
	emitter_end(&out);
	assert_string_equal(text, "");
}
