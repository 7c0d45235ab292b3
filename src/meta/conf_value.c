/*
 * conf_value: the text of one value -> the field of an option.
 *
 * Owns the syntax of values: numbers, fractions, names, lists, letters.  What
 * may be written is in the row; here is how it is read.
 *
 * A text is not ended by NUL but by the comma or NUL behind it.  No number
 * contains either, so number parsers may run on the text itself.
 *
 * No locks, no allocation.
 *
 * Not for: keys, messages and precedence (conf.c).
 */
#include "meta/conf_value.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "ds/fixedpoint.h"
#include "platform/assert.h"
#include "platform/build.h"
#include "platform/io.h"
#include "platform/os_thread.h"

/* Values of max_background_threads above this stand for the default. */
#define BACKGROUND_THREADS_LIMIT 4095
#define BACKGROUND_THREADS_DEFAULT 4

/* A number as written: the sign apart. */
typedef struct {
	uintmax_t magnitude;
	bool negative;
} number_t;

static bool
text_is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* Blanks, a sign, then digits up to the very end of the text. */
static bool
number_parse(const char *text, size_t length, number_t *number)
{
	const char *p = text, *end;
	while (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
		p++;
	}
	number->negative = *p == '-';
	if (*p == '-' || *p == '+') {
		p++;
	}
	if (*p < '0' || *p > '9') {
		return false;
	}
	return io_parse_umax(p, &end, 0, &number->magnitude) &&
	    end == text + length;
}

/* Greatest value of the row's type. */
static uint64_t
type_max(const opt_row_t *row)
{
	switch (row->type) {
	case OPT_TYPE_UNSIGNED:
		return UINT_MAX;
	case OPT_TYPE_SIZE:
		return SIZE_MAX;
	case OPT_TYPE_SSIZE:
		return SSIZE_MAX;
	case OPT_TYPE_INT64:
		return INT64_MAX;
	default:
		return UINT64_MAX;
	}
}

/* Store a number that the row's type can hold. */
static void
number_store(const opt_row_t *row, uint64_t value)
{
	void *field = opt_field(row);
	switch (row->type) {
	case OPT_TYPE_UNSIGNED:
		*(unsigned *)field = (unsigned)value;
		break;
	case OPT_TYPE_SIZE:
		*(size_t *)field = (size_t)value;
		break;
	case OPT_TYPE_SSIZE:
		*(ssize_t *)field = (ssize_t)value;
		break;
	case OPT_TYPE_INT64:
		*(int64_t *)field = (int64_t)value;
		break;
	case OPT_TYPE_UINT64:
		*(uint64_t *)field = value;
		break;
	case OPT_TYPE_FIXED:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		unreachable();
	}
}

static conf_result_t
signed_set(const opt_row_t *row, number_t number)
{
	uint64_t max = type_max(row) < row->max ? type_max(row) : row->max;
	if (number.negative) {
		if (number.magnitude > (uint64_t)INT64_MAX ||
		    -(int64_t)number.magnitude < row->min) {
			return CONF_OUT_OF_RANGE;
		}
		number_store(row, -number.magnitude);
		return CONF_ACCEPTED;
	}
	if (number.magnitude > max || (int64_t)number.magnitude < row->min) {
		return CONF_OUT_OF_RANGE;
	}
	number_store(row, number.magnitude);
	return CONF_ACCEPTED;
}

/* As strtoumax() has it, a minus sign negates in 64 bits. */
static conf_result_t
unsigned_set(const opt_row_t *row, number_t number)
{
	uint64_t value = number.negative ? -number.magnitude : number.magnitude;
	uint64_t min = (uint64_t)row->min;
	if (value > type_max(row)) {
		return CONF_OUT_OF_RANGE;
	}
	if (value < min || value > row->max) {
		if (row->bound == OPT_REFUSED) {
			return CONF_OUT_OF_RANGE;
		}
		value = value < min ? min : row->max;
	}
	number_store(row, value);
	return CONF_ACCEPTED;
}

static conf_result_t
number_set(const opt_row_t *row, const char *text, size_t length)
{
	number_t number;
	if (!number_parse(text, length, &number)) {
		return CONF_BAD_VALUE;
	}
	bool is_signed = row->type == OPT_TYPE_SSIZE ||
	    row->type == OPT_TYPE_INT64;
	return is_signed ? signed_set(row, number) : unsigned_set(row, number);
}

static conf_result_t
bool_set(const opt_row_t *row, const char *text, size_t length)
{
	bool value = text_is(text, length, "true");
	if (!value && !text_is(text, length, "false")) {
		return CONF_BAD_VALUE;
	}
	*(bool *)opt_field(row) = value;
	return CONF_ACCEPTED;
}

static conf_result_t
fixed_set(const opt_row_t *row, const char *text, size_t length)
{
	const char *end;
	uint32_t value;
	if (!fixedpoint_parse(text, &end, &value) || end != text + length) {
		return CONF_BAD_VALUE;
	}
	number_store(row, value);
	return CONF_ACCEPTED;
}

/* What the platform lacks of the feature that was just asked for. */
static conf_result_t
enum_support(const opt_row_t *row, unsigned value)
{
	if (row == &opt_rows[OPT_ID_dss]) {
		return config_dss || value == OPT_DSS_DISABLED ? CONF_ACCEPTED
							       : CONF_NO_DSS;
	}
	if (row == &opt_rows[OPT_ID_percpu_arena]) {
		return value == OPT_PERCPU_DISABLED || os_cpu_current() >= 0
		    ? CONF_ACCEPTED
		    : CONF_NO_GETCPU;
	}
#ifndef MADV_HUGEPAGE
	if (row == &opt_rows[OPT_ID_thp]) {
		return CONF_NO_THP;
	}
#endif
	return CONF_ACCEPTED;
}

static conf_result_t
enum_set(const opt_row_t *row, const char *text, size_t length)
{
	unsigned value = 0;
	while (!text_is(text, length, opt_enum_name(row, value))) {
		if (++value > row->max) {
			return CONF_BAD_VALUE;
		}
	}
	conf_result_t result = enum_support(row, value);
	if (result != CONF_NO_DSS) {
		*(uint8_t *)opt_field(row) = (uint8_t)value;
	}
	return result;
}

/* Strings are copied, as the texts of the sources are not ours to keep. */
static conf_result_t
string_set(const opt_row_t *row, const char *text, size_t length)
{
	static LARGE_BSS char prof_prefix[OPT_STRING_MAX + 1];
	static LARGE_BSS char log[OPT_STRING_MAX + 1];
	static LARGE_BSS char stats_export[OPT_STRING_MAX + 1];
	char *copy = row == &opt_rows[OPT_ID_log]   ? log
	    : row == &opt_rows[OPT_ID_stats_export] ? stats_export
						    : prof_prefix;

	assert(copy != prof_prefix || row == &opt_rows[OPT_ID_prof_prefix]);
	if (length > OPT_STRING_MAX) {
		length = OPT_STRING_MAX;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	*(const char **)opt_field(row) = copy;
	return CONF_ACCEPTED;
}

/* Known letters that are not there yet are added, others dropped. */
static conf_result_t
letters_set(const opt_row_t *row, const char *text, size_t length)
{
	char *letters = opt_field(row);
	for (size_t i = 0; i < length; i++) {
		if (strchr(OPT_LETTERS, text[i]) != NULL &&
		    strchr(letters, text[i]) == NULL) {
			size_t count = strlen(letters);
			letters[count] = text[i];
			letters[count + 1] = '\0';
		}
	}
	return CONF_ACCEPTED;
}

/* Put one setting of a list in force.  False: it is not possible. */
static bool
range_set(const opt_row_t *row, opt_range_t range)
{
	if (row == &opt_rows[OPT_ID_tcache_ncached_max]) {
		if (range.lo > range.hi) {
			return true;
		}
		if (range.value > row->max) {
			range.value = (uint32_t)row->max;
		}
	} else if (range.value < row->min || range.value > row->max) {
		return false;
	}
	return opt_ranges_add(opt_field(row), range);
}

static conf_result_t
ranges_set(const opt_row_t *row, const char *text, size_t length)
{
	opt_ranges_t *ranges = opt_field(row);
	const char *end = text + length;
	opt_range_t range;

	if (row == &opt_rows[OPT_ID_slab_sizes] &&
	    text_is(text, length, "default")) {
		ranges->count = 0;
		return CONF_ACCEPTED;
	}
	do {
		if (!opt_range_parse(&text, end, &range) ||
		    !range_set(row, range)) {
			return CONF_BAD_SETTINGS;
		}
	} while (text != end);
	return CONF_ACCEPTED;
}

/* A fraction of a huge page, for an alias of an option in bytes. */
static conf_result_t
huge_page_ratio_set(const opt_row_t *row, const char *text, size_t length)
{
	const char *end;
	uint32_t ratio;
	if (!fixedpoint_parse(text, &end, &ratio) || end != text + length ||
	    ratio > OPT_FIXED(1)) {
		return CONF_BAD_VALUE;
	}
	uint64_t bytes = ((uint64_t)HUGEPAGE * ratio) >> 16;
	number_store(row, bytes);
	return CONF_ACCEPTED;
}

static conf_result_t
lg_size_set(const opt_row_t *row, const char *text, size_t length)
{
	number_t number;
	if (!number_parse(text, length, &number)) {
		return CONF_BAD_VALUE;
	}
	uint64_t lg = number.negative ? -number.magnitude : number.magnitude;
	number_store(row, UINT64_C(1) << (lg < row->max ? lg : row->max));
	return CONF_ACCEPTED;
}

static conf_result_t
background_threads_set(const char *text, size_t length)
{
	const opt_row_t *row = &opt_rows[OPT_ID_max_background_threads];
	bool set_before = opt_set_by[OPT_ID_max_background_threads] !=
	    OPT_SOURCE_DEFAULT;
	size_t limit = set_before ? opt.max_background_threads
				  : (size_t)row->max;
	number_t number;

	if (!number_parse(text, length, &number)) {
		return CONF_BAD_VALUE;
	}
	uint64_t value = number.negative ? -number.magnitude : number.magnitude;
	if (value < (uint64_t)row->min) {
		value = (uint64_t)row->min;
	}
	if (value > limit) {
		value = limit;
	}
	if (value > BACKGROUND_THREADS_LIMIT) {
		value = BACKGROUND_THREADS_DEFAULT;
	}
	opt.max_background_threads = (size_t)value;
	return CONF_ACCEPTED;
}

static conf_result_t
uaf_align_set(const opt_row_t *row, const char *text, size_t length)
{
	number_t number;
	if (!number_parse(text, length, &number) ||
	    (number.negative && number.magnitude > 1)) {
		return CONF_BAD_VALUE;
	}
	if (number.negative && number.magnitude == 1) {
		opt.lg_san_uaf_align = -1;
	} else if (number.magnitude < (uint64_t)row->min) {
		opt.lg_san_uaf_align = (ssize_t)row->min;
	} else if (number.magnitude > row->max) {
		opt.lg_san_uaf_align = (ssize_t)row->max;
	} else {
		opt.lg_san_uaf_align = (ssize_t)number.magnitude;
	}
	return CONF_ACCEPTED;
}

/* As the type says, or a word that stands for a value. */
static conf_result_t
number_or_word_set(const opt_row_t *row, const char *text, size_t length,
    const char *word, uint64_t meaning)
{
	if (text_is(text, length, word)) {
		number_store(row, meaning);
		return CONF_ACCEPTED;
	}
	return row->type == OPT_TYPE_FIXED ? fixed_set(row, text, length)
					   : number_set(row, text, length);
}

static conf_result_t
debug_only_set(const opt_row_t *row, const char *text, size_t length)
{
	conf_result_t result = number_set(row, text, length);
	if (!config_debug && result == CONF_ACCEPTED) {
		number_store(row, 0);
	}
	return result;
}

static conf_result_t
type_set(const opt_row_t *row, const char *text, size_t length)
{
	switch (row->type) {
	case OPT_TYPE_BOOL:
		return bool_set(row, text, length);
	case OPT_TYPE_FIXED:
		return fixed_set(row, text, length);
	case OPT_TYPE_ENUM:
		return enum_set(row, text, length);
	case OPT_TYPE_STRING:
		return string_set(row, text, length);
	case OPT_TYPE_LETTERS:
		return letters_set(row, text, length);
	case OPT_TYPE_RANGES:
		unreachable();
	default:
		return number_set(row, text, length);
	}
}

conf_result_t
conf_value_set(const opt_row_t *row, const char *text, size_t length)
{
	switch (row->syntax) {
	case OPT_SYNTAX_NARENAS:
		return number_or_word_set(row, text, length, "default", 0);
	case OPT_SYNTAX_FIXED_OR_NEVER:
		return number_or_word_set(row, text, length, "-1",
		    OPT_FIXED_NEVER);
	case OPT_SYNTAX_BYTES_OR_AUTO:
		return number_or_word_set(row, text, length, "auto",
		    OPT_MEM_LIMIT_AUTO);
	case OPT_SYNTAX_HUGEPAGE_RATIO:
		return huge_page_ratio_set(row, text, length);
	case OPT_SYNTAX_LG_SIZE:
		return lg_size_set(row, text, length);
	case OPT_SYNTAX_BACKGROUND_THREADS:
		return background_threads_set(text, length);
	case OPT_SYNTAX_DEBUG_ONLY:
		return debug_only_set(row, text, length);
	case OPT_SYNTAX_UAF_ALIGN:
		return uaf_align_set(row, text, length);
	case OPT_SYNTAX_RANGES:
		return ranges_set(row, text, length);
	default:
		return type_set(row, text, length);
	}
}
