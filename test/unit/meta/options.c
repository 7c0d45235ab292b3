/*
 * options: the table of rows and the look-ups in it.
 */
#include "meta/options.h"

#include <stdio.h>
#include <string.h>

#include "platform/build.h"
#include "support/harness.h"

/* Rows are complete, different from each other, and inside the struct. */
TEST(rows_are_sound)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const opt_row_t *row = &opt_rows[i];
		size_t length = strlen(row->name);
		assert_in_range(length, 1, OPT_NAME_SIZE - 1);
		assert_true(row->offset < sizeof(options_t));
		assert_true(row->min < 0 || (uint64_t)row->min <= row->max);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(row->name, opt_rows[j].name);
			assert_true(row->alias || opt_rows[j].alias ||
			    row->offset != opt_rows[j].offset);
		}
	}
}

TEST(find_whole_keys_only)
{
	assert_ptr_equal(opt_find("retain", 6), &opt_rows[OPT_ID_retain]);
	assert_ptr_equal(opt_find("retain:x", 6), &opt_rows[OPT_ID_retain]);
	assert_null(opt_find("retai", 5));
	assert_null(opt_find("retain_", 7));
	assert_null(opt_find("", 0));
	assert_null(opt_find("Retain", 6));
	char longest[200];
	memset(longest, 'a', sizeof(longest));
	for (size_t n = 0; n < sizeof(longest); n++) {
		assert_null(opt_find(longest, n));
	}
}

/* The constants of the header are the positions of the names. */
TEST(names_match_constants)
{
	static const struct {
		opt_id_t id;
		unsigned value;
		const char *name;
	} names[] = {
	    {OPT_ID_dss, OPT_DSS_DISABLED, "disabled"},
	    {OPT_ID_dss, OPT_DSS_PRIMARY, "primary"},
	    {OPT_ID_dss, OPT_DSS_SECONDARY, "secondary"},
	    {OPT_ID_percpu_arena, OPT_PERCPU_DISABLED, "disabled"},
	    {OPT_ID_percpu_arena, OPT_PERCPU_PERCPU, "percpu"},
	    {OPT_ID_percpu_arena, OPT_PERCPU_PHYCPU, "phycpu"},
	    {OPT_ID_hpa_hugify_style, OPT_HUGIFY_AUTO, "auto"},
	    {OPT_ID_hpa_hugify_style, OPT_HUGIFY_NONE, "none"},
	    {OPT_ID_hpa_hugify_style, OPT_HUGIFY_EAGER, "eager"},
	    {OPT_ID_hpa_hugify_style, OPT_HUGIFY_LAZY, "lazy"},
	    {OPT_ID_metadata_thp, OPT_METADATA_THP_DISABLED, "disabled"},
	    {OPT_ID_metadata_thp, OPT_METADATA_THP_AUTO, "auto"},
	    {OPT_ID_metadata_thp, OPT_METADATA_THP_ALWAYS, "always"},
	    {OPT_ID_junk, OPT_JUNK_FALSE, "false"},
	    {OPT_ID_junk, OPT_JUNK_ALLOC, "alloc"},
	    {OPT_ID_junk, OPT_JUNK_FREE, "free"},
	    {OPT_ID_junk, OPT_JUNK_TRUE, "true"},
	    {OPT_ID_thp, OPT_THP_DEFAULT, "default"},
	    {OPT_ID_thp, OPT_THP_ALWAYS, "always"},
	    {OPT_ID_thp, OPT_THP_NEVER, "never"},
	    {OPT_ID_thp, OPT_THP_NOT_SUPPORTED, "not supported"},
	    {OPT_ID_zero_realloc, OPT_ZERO_REALLOC_ALLOC, "alloc"},
	    {OPT_ID_zero_realloc, OPT_ZERO_REALLOC_FREE, "free"},
	    {OPT_ID_zero_realloc, OPT_ZERO_REALLOC_ABORT, "abort"},
	    {OPT_ID_prof_time_resolution, OPT_PROF_TIME_DEFAULT, "default"},
	    {OPT_ID_prof_time_resolution, OPT_PROF_TIME_HIGH, "high"},
	};
	size_t known = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_string_equal(opt_enum_name(&opt_rows[names[i].id],
					names[i].value),
		    names[i].name);
	}
	for (int i = 0; i < OPT_COUNT; i++) {
		if (opt_rows[i].type == OPT_TYPE_ENUM) {
			unsigned n = 0;
			while (opt_enum_name(&opt_rows[i], n) != NULL) {
				n++;
			}
			assert_in_range(opt_rows[i].max, 1, n - 1);
			known += n;
		}
	}
	assert_int_equal(known, ARRAY_LEN(names));
}

TEST(text_of_values)
{
	opt.dss = OPT_DSS_PRIMARY;
	assert_string_equal(opt_text(&opt_rows[OPT_ID_dss]), "primary");
	assert_string_equal(opt_text(&opt_rows[OPT_ID_prof_prefix]), "jeprof");
	memcpy(opt.stats_print_opts, "Jg", 3);
	assert_string_equal(opt_text(&opt_rows[OPT_ID_stats_print_opts]), "Jg");
}

/* Thirteen keys of 5.3.1 cannot be read; eight more are never printed. */
TEST(visibility)
{
	unsigned count[3] = {0, 0, 0};
	for (int i = 0; i < OPT_COUNT; i++) {
		assert_in_range(opt_rows[i].visibility, OPT_SHOWN,
		    OPT_KEY_ONLY);
		count[opt_rows[i].visibility]++;
	}
	assert_int_equal(count[OPT_KEY_ONLY], 13);
	assert_int_equal(count[OPT_QUIET], 8);
}

/* Bounds of a setting count as rounded up to a class. */
TEST(ranges_by_class)
{
	opt_ranges_t ranges = {.count = 0};
	uint32_t value = 99;

	assert_false(opt_ranges_find(&ranges, 16, 8, &value));
	assert_true(opt_ranges_add(&ranges, (opt_range_t){9, 33, 5}));
	assert_false(opt_ranges_find(&ranges, 8, 0, &value));
	assert_int_equal(value, 99);
	assert_true(opt_ranges_find(&ranges, 16, 8, &value));
	assert_int_equal(value, 5);
	assert_true(opt_ranges_find(&ranges, 32, 16, &value));
	assert_true(opt_ranges_find(&ranges, 48, 32, &value));
	assert_false(opt_ranges_find(&ranges, 64, 48, &value));
}

/* The later of two settings holds; one that is hidden takes no room. */
TEST(later_ranges_win)
{
	opt_ranges_t ranges = {.count = 0};
	uint32_t value;

	assert_true(opt_ranges_add(&ranges, (opt_range_t){8, 64, 1}));
	assert_true(opt_ranges_add(&ranges, (opt_range_t){16, 16, 2}));
	assert_true(opt_ranges_find(&ranges, 16, 8, &value));
	assert_int_equal(value, 2);
	assert_true(opt_ranges_find(&ranges, 32, 16, &value));
	assert_int_equal(value, 1);
	for (uint32_t i = 0; i < 10 * OPT_RANGES_MAX; i++) {
		assert_true(opt_ranges_add(&ranges, (opt_range_t){1, 64, i}));
		assert_int_equal(ranges.count, 1);
	}
	for (uint32_t i = 1; i < OPT_RANGES_MAX; i++) {
		assert_true(
		    opt_ranges_add(&ranges, (opt_range_t){64 + i, 64 + i, i}));
	}
	opt_ranges_t before = ranges;
	assert_false(opt_ranges_add(&ranges, (opt_range_t){500, 500, 7}));
	assert_memory_equal(&ranges, &before, sizeof(ranges));
}

TEST(range_syntax)
{
	static const struct {
		const char *text;
		opt_range_t range;
		const char *rest;
	} good[] = {
	    {"8-64:10", {8, 64, 10}, ""},
	    {" 8-+64: 10|", {8, 64, 10}, ""},
	    {"8-64:10|16-16:2", {8, 64, 10}, "16-16:2"},
	    {"-1-99999999999:4294967295", {UINT32_MAX, UINT32_MAX, UINT32_MAX},
		""},
	    {"010-011:012", {10, 11, 12}, ""},
	};
	static const char bad[][16] = {
	    "",
	    "|",
	    "8",
	    "8-",
	    "8-64",
	    "8-64:",
	    "8-64:10 ",
	    "8-64:10,",
	    "8:64-10",
	    "a-b:c",
	    "8-64:0x10",
	    "8 -64:10",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const char *text = good[i].text;
		opt_range_t range;
		assert_true(
		    opt_range_parse(&text, text + strlen(text), &range));
		assert_memory_equal(&range, &good[i].range, sizeof(range));
		assert_string_equal(text, good[i].rest);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *text = bad[i];
		opt_range_t range;
		assert_false(
		    opt_range_parse(&text, text + strlen(text), &range));
		assert_ptr_equal(text, bad[i]);
	}
}
