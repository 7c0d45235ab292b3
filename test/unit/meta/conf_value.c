/*
 * conf_value: the values that each option takes, refuses or changes.
 *
 * The table has a row for every option and says, independently of
 * options.def, what the option is without any setting, what one accepted
 * value does and how one other value is refused.
 */
#include "meta/conf_value.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "conf_support.h"
#include "platform/build.h"
#include "platform/os_thread.h"
#include "support/harness.h"

#define BY_DEBUG (config_debug ? "true" : "false")
#define VALUE "Invalid conf value"
#define OUTSIDE "Out-of-range conf value"
#define SETTINGS(key) "Invalid settings for " key

typedef struct {
	const char *key;
	const char *preset; /* without a setting; NULL: as debugging is */
	const char *good;
	const char *reads; /* what `good` is read back as */
	const char *bad; /* NULL: every text is accepted */
	const char *message; /* about `bad` */
} case_t;

static const case_t cases[] = {
    {"abort", NULL, "true", "true", "yes", VALUE},
    {"abort_conf", "false", "false", "false", "1", VALUE},
    {"cache_oblivious", "true", "false", "false", "TRUE", VALUE},
    {"confirm_conf", "false", "false", "false", "", VALUE},
    {"trust_madvise", "false", "true", "true", "true ", VALUE},
    {"junk", NULL, "free", "free", "tru", VALUE},
    {"zero", "false", "true", "true", "truefalse", VALUE},
    {"utrace", "false", "true", "true", "no", VALUE},
    {"xmalloc", "false", "true", "true", "no", VALUE},
    {"zero_realloc", "free", "abort", "abort", "fre", VALUE},
    {"experimental_infallible_new", "false", "true", "true", "t", VALUE},
    {"debug_double_free_max_scan", "32", "7", "7", "-1", OUTSIDE},
    {"lg_san_uaf_align", "-1", "20", "20", "-2", VALUE},
    {"san_guard_small", "0", "3", "3", "three", VALUE},
    {"san_guard_large", "0", "3", "3", "", VALUE},
    {"mutex_max_spin", "600", "-1", "-1", "-2", OUTSIDE},
    {"log", "", "core|arena", "core|arena", NULL, NULL},
    {"narenas", "0", "4", "4", "0", OUTSIDE},
    {"narenas_ratio", "4.0000", ".5", "0.5000", "1.", VALUE},
    {"percpu_arena", "disabled", "disabled", "disabled", "cpu", VALUE},
    {"oversize_threshold", "8388608", "16384", "16384", "8070450532247928833",
	OUTSIDE},
    {"lg_extent_max_active_fit", "64", "6", "6", "65", OUTSIDE},
    {"retain", "true", "false", "false", "0", VALUE},
    {"dss", "secondary", "disabled", "disabled", "prim", VALUE},
    {"dirty_decay_ms", "10000", "2147483647", "2147483647", "18446744072001",
	OUTSIDE},
    {"muzzy_decay_ms", "0", "-1", "-1", "-2", OUTSIDE},
    {"slab_sizes", "", "1-64:2|65-4096:8", "1-64:2|65-4096:8", "1-64",
	SETTINGS("slab_sizes")},
    {"bin_shards", "", "1-64:64", "1-64:64", "1-64:65", SETTINGS("bin_shards")},
    {"disable_large_size_classes", "true", "false", "false", "f", VALUE},
    {"calloc_madvise_threshold", "8388608", "0", "0", "8070450532247928833",
	OUTSIDE},
    {"process_madvise_max_batch", "0", "129", "128", "many", VALUE},
    {"background_thread", "false", "true", "true", "on", VALUE},
    {"max_background_threads", "4", "3", "3", "x", VALUE},
    {"tcache", "true", "false", "false", "off", VALUE},
    {"tcache_max", "32768", "32769", "32768", "32k", VALUE},
    {"lg_tcache_max", "32768", "10", "1024", "0x", VALUE},
    {"lg_tcache_nslots_mul", "1", "-16", "-16", "17", OUTSIDE},
    {"tcache_nslots_small_min", "20", "0", "1", "4294967296", OUTSIDE},
    {"tcache_nslots_small_max", "200", "2049", "2048", "--1", VALUE},
    {"tcache_nslots_large", "20", "2048", "2048", "1.5", VALUE},
    {"tcache_ncached_max", "", "8-64:9000", "8-64:8191", "",
	SETTINGS("tcache_ncached_max")},
    {"tcache_gc_incr_bytes", "65536", "1023", "1024", "1k", VALUE},
    {"tcache_gc_delay_bytes", "0", "1", "1", "0x1g", VALUE},
    {"lg_tcache_flush_small_div", "1", "17", "16", "09", VALUE},
    {"lg_tcache_flush_large_div", "1", "0", "1", "+", VALUE},
    {"experimental_tcache_gc", "true", "false", "false", "F", VALUE},
    {"tcache_bytes_max", "4194304", "1048576", "1048576", "1M", VALUE},
    {"thp", "default", "never", "never", "not supported", VALUE},
    {"thp_dense", "true", "false", "false", "", VALUE},
    {"metadata_thp", "disabled", "auto", "auto", "", VALUE},
    {"huge_arena_pac_thp", "false", "true", "true", "yes", VALUE},
    {"hpa", "false", "true", "true", "yes", VALUE},
    {"hpa_slab_max_alloc", "65536", "4095", "4096", "x", VALUE},
    {"hpa_hugification_threshold", "1992294", "2097153", "2097152", "x", VALUE},
    {"hpa_hugification_threshold_ratio", "1992294", "0.5", "1048576", "1.1",
	VALUE},
    {"hpa_hugify_delay_ms", "10000", "18446744073709551615",
	"18446744073709551615", "18446744073709551616", VALUE},
    {"hpa_hugify_sync", "false", "true", "true", "yes", VALUE},
    {"hpa_hugify_style", "lazy", "eager", "eager", "laz", VALUE},
    {"hpa_min_purge_interval_ms", "5000", "0", "0", "x", VALUE},
    {"hpa_min_purge_delay_ms", "0", "1", "1", "x", VALUE},
    {"hpa_dirty_mult", "0.2500", "0.75", "0.7500", "-2", VALUE},
    {"hpa_purge_threshold", "4096", "8192", "8192", "x", VALUE},
    {"hpa_purge_threshold_ratio", "4096", "1", "2097152", "2", VALUE},
    {"experimental_hpa_max_purge_nhp", "-1", "3", "3", "-2", OUTSIDE},
    {"experimental_hpa_start_huge_if_thp_always", "true", "false", "false", "x",
	VALUE},
    {"experimental_hpa_enforce_hugify", "false", "true", "true", "x", VALUE},
    {"hpa_sec_nshards", "2", "0", "0", "x", VALUE},
    {"hpa_sec_max_alloc", "32768", "32769", "32768", "x", VALUE},
    {"hpa_sec_max_bytes", "262144", "1", "262144", "x", VALUE},
    {"hpa_sec_batch_fill_extra", "3", "513", "512", "x", VALUE},
    {"stats_print", "false", "true", "true", "x", VALUE},
    {"stats_print_opts", "", "Jxx?g", "Jxg", NULL, NULL},
    {"stats_interval", "-1", "0", "0", "-2", OUTSIDE},
    {"stats_interval_opts", "", "hexlrfRO", "hexlrfRO", NULL, NULL},
    {"stats_export", "", "unix:/a.%p", "unix:/a.%p", NULL, NULL},
    {"stats_export_opts", "", "Oa", "Oa", NULL, NULL},
    {"stats_export_ms", "1000", "-1", "-1", "-2", OUTSIDE},
    {"stats_export_max", "16777216", "0", "0", "1M", VALUE},
    {"prof", "false", "true", "true", "x", VALUE},
    {"prof_active", "true", "false", "false", "x", VALUE},
    {"prof_thread_active_init", "true", "false", "false", "x", VALUE},
    {"lg_prof_sample", "19", "64", "63", "x", VALUE},
    {"prof_bt_max", "128", "0", "1", "x", VALUE},
    {"prof_accum", "false", "true", "true", "x", VALUE},
    {"prof_prefix", "jeprof", "a:b", "a:b", NULL, NULL},
    {"prof_pid_namespace", "false", "true", "true", "x", VALUE},
    {"lg_prof_interval", "-1", "63", "63", "64", OUTSIDE},
    {"prof_gdump", "false", "true", "true", "x", VALUE},
    {"prof_final", "false", "true", "true", "x", VALUE},
    {"prof_leak", "false", "true", "true", "x", VALUE},
    {"prof_leak_error", "false", "false", "false", "x", VALUE},
    {"prof_log", "false", "true", "true", "x", VALUE},
    {"prof_recent_alloc_max", "0", "-1", "-1", "-2", OUTSIDE},
    {"prof_stats", "false", "true", "true", "x", VALUE},
    {"prof_sys_thread_name", "false", "true", "true", "x", VALUE},
    {"prof_time_resolution", "default", "high", "high", "hig", VALUE},
    {"prof_unbias", "true", "false", "false", "x", VALUE},
    {"populate", "false", "true", "true", "x", VALUE},
    {"check", "false", "true", "true", "x", VALUE},
    {"mem_limit", "18446744073709551615", "0x100000", "1048576", "1G", VALUE},
};

/* The value without any setting, where the build decides. */
static const char *
preset_of(const case_t *c)
{
	if (c->preset == NULL) {
		return BY_DEBUG;
	}
	if (!config_debug &&
	    strcmp(c->key, "debug_double_free_max_scan") == 0) {
		return "0";
	}
	if (!config_cache_oblivious && strcmp(c->key, "cache_oblivious") == 0) {
		return "false";
	}
	if (strcmp(c->key, "retain") == 0) {
		return sizeof(void *) == 8 ? "true" : "false";
	}
	if (strcmp(c->key, "mem_limit") == 0) {
		return conf_text("%zu", SIZE_MAX);
	}
	return c->preset;
}

static bool
is_available(const char *key)
{
	return opt_find(key, strlen(key)) != NULL;
}

/* Each row of options.def is in the table of this test, once. */
TEST(every_option_is_in_the_table)
{
	assert_int_equal(ARRAY_LEN(cases), OPT_COUNT);
	for (int id = 0; id < OPT_COUNT; id++) {
		int found = 0;
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			found += strcmp(cases[i].key, opt_rows[id].name) == 0;
		}
		assert_int_equal(found, 1);
	}
}

/* Without a setting, options have the values of the manual. */
TEST(presets)
{
	conf_reset();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (is_available(cases[i].key)) {
			assert_string_equal(conf_value(cases[i].key),
			    preset_of(&cases[i]));
		}
	}
}

/* Boot and fail the test unless just this is said about the only pair. */
static void
assert_refused(const char *pair, const char *what)
{
	assert_conf_says(pair, conf_text("<jemalloc>: %s: %s\n", what, pair));
}

/* Boot and fail the test unless the pair is accepted and reads as given. */
static void
assert_reads(const char *key, const char *value, const char *reads)
{
	assert_conf_says(conf_text("%s:%s", key, value), "");
	assert_string_equal(conf_value(key), reads);
}

/* An accepted value is in force, noted, and nothing is said about it. */
TEST(good_values)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const case_t *c = &cases[i];
		if (!is_available(c->key)) {
			continue;
		}
		const opt_row_t *row = opt_find(c->key, strlen(c->key));
		bool moot = !config_debug &&
		    row->syntax == OPT_SYNTAX_DEBUG_ONLY;
		assert_reads(c->key, c->good, moot ? "0" : c->reads);
		assert_int_equal(opt_set_by[row - opt_rows], OPT_SOURCE_ENV);
	}
}

/* A refused value is reported and changes nothing. */
TEST(bad_values)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const case_t *c = &cases[i];
		if (!is_available(c->key) || c->bad == NULL) {
			continue;
		}
		conf_reset();
		options_t before = opt;
		assert_refused(conf_text("%s:%s", c->key, c->bad), c->message);
		assert_memory_equal(&opt, &before, sizeof(opt));
		for (int id = 0; id < OPT_COUNT; id++) {
			assert_int_equal(opt_set_by[id], OPT_SOURCE_DEFAULT);
		}
	}
}

/* A key whose feature was not built is an unknown key. */
TEST(absent_features)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (!is_available(cases[i].key)) {
			assert_refused(conf_text("%s:%s", cases[i].key,
					   cases[i].good),
			    "Invalid conf pair");
		}
	}
}

/* Fail the test unless all options but those at `offset` are as in `before`. */
static void
assert_others_equal(const options_t *before, uint16_t offset)
{
	options_t after = opt;
	for (int id = 0; id < OPT_COUNT; id++) {
		const opt_row_t *row = &opt_rows[id];
		if (row->offset == offset || !row->available) {
			continue;
		}
		opt = after;
		const char *now = conf_text("%s", conf_value(row->name));
		opt = *before;
		assert_string_equal(now, conf_value(row->name));
	}
}

/* A setting touches its own field and no other. */
TEST(one_setting_one_field)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const case_t *c = &cases[i];
		/* prof_leak turns prof on. */
		if (!is_available(c->key) || strcmp(c->key, "prof_leak") == 0) {
			continue;
		}
		conf_reset();
		options_t before = opt;
		conf_boot_pair(c->key, c->good);
		assert_others_equal(&before,
		    opt_find(c->key, strlen(c->key))->offset);
	}
}

/* Numbers are read as strtoumax() reads them with base 0. */
TEST(number_syntax)
{
	static const struct {
		const char *text;
		unsigned value;
	} good[] = {
	    {"narenas:4", 4},
	    {"narenas: 4", 4},
	    {"narenas:\t\n 4", 4},
	    {"narenas:+4", 4},
	    {"narenas:0x1F", 31},
	    {"narenas:010", 8},
	    {"narenas:4294967295", 4294967295},
	};
	static const char bad[][48] = {
	    "narenas:",
	    "narenas: ",
	    "narenas:+",
	    "narenas:+-4",
	    "narenas:4 ",
	    "narenas:4x",
	    "narenas:08",
	    "narenas:0x",
	    "narenas:four",
	    "narenas:- 4",
	    "narenas:4.0",
	    "narenas:18446744073709551616",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_conf_says(good[i].text, "");
		assert_int_equal(opt.narenas, good[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(bad[i], VALUE);
		assert_int_equal(opt.narenas, 0);
	}
}

static bool
is_plain_number(const opt_row_t *row)
{
	return row->available && row->syntax == OPT_SYNTAX_TYPE &&
	    row->type >= OPT_TYPE_UNSIGNED && row->type <= OPT_TYPE_UINT64;
}

/* One step outside a bound: refused, or moved to the bound. */
static void
assert_beyond(const opt_row_t *row, const char *outside, const char *bound)
{
	if (row->bound == OPT_CLAMPED) {
		assert_reads(row->name, outside, bound);
	} else {
		assert_refused(conf_text("%s:%s", row->name, outside), OUTSIDE);
	}
}

/* Every number row at its lower bound, and below where that is possible. */
TEST(lower_bounds)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const opt_row_t *row = &opt_rows[id];
		if (!is_plain_number(row)) {
			continue;
		}
		const char *bound = conf_text("%lld", (long long)row->min);
		assert_reads(row->name, bound, bound);
		bool is_signed = row->type == OPT_TYPE_SSIZE ||
		    row->type == OPT_TYPE_INT64;
		if (row->min > 0 || is_signed) {
			assert_beyond(row,
			    conf_text("%lld", (long long)row->min - 1), bound);
		}
	}
}

/* The greatest value of the row's type. */
static unsigned long long
widest_of(const opt_row_t *row)
{
	return row->type == OPT_TYPE_UNSIGNED ? UINT_MAX
	    : row->type == OPT_TYPE_SIZE      ? SIZE_MAX
	    : row->type == OPT_TYPE_SSIZE     ? SSIZE_MAX
	    : row->type == OPT_TYPE_INT64     ? INT64_MAX
					      : UINT64_MAX;
}

/* The same for upper bounds. */
TEST(upper_bounds)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const opt_row_t *row = &opt_rows[id];
		if (!is_plain_number(row)) {
			continue;
		}
		unsigned long long widest = widest_of(row);
		unsigned long long max = row->max < widest ? row->max : widest;
		const char *bound = conf_text("%llu", max);
		assert_reads(row->name, bound, bound);
		if (max != widest) {
			assert_beyond(row, conf_text("%llu", max + 1), bound);
		}
	}
}

/* The longest decay is the one whose nanoseconds fit 64 bits. */
TEST(longest_decay)
{
	if (sizeof(ssize_t) < 8) {
		skip();
	}
	assert_reads("dirty_decay_ms", "18446744072000", "18446744072000");
	assert_refused("dirty_decay_ms:18446744072001", OUTSIDE);
}

/* What does not fit 32 bits is refused, not cut. */
TEST(narrow_numbers_are_not_cut)
{
	assert_conf_says("narenas:4294967297",
	    "<jemalloc>: Out-of-range conf value: narenas:4294967297\n");
	assert_conf_says("narenas:-1",
	    "<jemalloc>: Out-of-range conf value: narenas:-1\n");
	assert_conf_says("tcache_nslots_large:4294967297",
	    "<jemalloc>: Out-of-range conf value: "
	    "tcache_nslots_large:4294967297\n");
	assert_conf_says("dirty_decay_ms:18446744073709551615",
	    "<jemalloc>: Out-of-range conf value: "
	    "dirty_decay_ms:18446744073709551615\n");
}

/* narenas:default undoes an earlier setting. */
TEST(narenas_default)
{
	assert_conf_says("narenas:7,narenas:default", "");
	assert_int_equal(opt.narenas, 0);
}

/* Each name alone is accepted, and must be whole. */
TEST(every_name)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const opt_row_t *row = &opt_rows[id];
		if (row->type != OPT_TYPE_ENUM || !row->available ||
		    (id == OPT_ID_dss && !config_dss) ||
		    (id == OPT_ID_percpu_arena && os_cpu_current() < 0)) {
			continue;
		}
		for (unsigned i = 0; i <= row->max; i++) {
			const char *name = opt_enum_name(row, i);
			assert_reads(row->name, name, name);
			assert_refused(conf_text("%s:%sx", row->name, name),
			    VALUE);
			assert_refused(conf_text("%s:%.*s", row->name,
					   (int)strlen(name) - 1, name),
			    VALUE);
		}
	}
}

/* Without sbrk there is one thing to choose from. */
TEST(dss_not_built)
{
	if (config_dss) {
		skip();
	}
	assert_conf_says("dss:disabled", "");
	assert_conf_says("dss:primary",
	    "<jemalloc>: Error setting dss: dss:primary\n"
	    "<jemalloc>: Invalid conf value: dss:primary\n");
	assert_string_equal(conf_value("dss"), "secondary");
}

/* Without getcpu, arenas cannot follow CPUs, though the setting is kept. */
TEST(no_getcpu)
{
	if (os_cpu_current() >= 0) {
		skip();
	}
	assert_refused("percpu_arena:phycpu", "No getcpu support");
	assert_string_equal(conf_value("percpu_arena"), "phycpu");
	assert_conf_says("percpu_arena:disabled", "");
}

TEST(fixed_point_syntax)
{
	static const struct {
		const char *text;
		uint32_t value;
	} good[] = {
	    {"narenas_ratio:0", 0},
	    {"narenas_ratio:1", 65536},
	    {"narenas_ratio:0.5", 32768},
	    {"narenas_ratio:.25", 16384},
	    {"narenas_ratio:65535.5", 65535u * 65536 + 32768},
	};
	static const char bad[][32] = {
	    "narenas_ratio:",
	    "narenas_ratio:.",
	    "narenas_ratio:1.",
	    "narenas_ratio:-1",
	    "narenas_ratio: 1",
	    "narenas_ratio:65536",
	    "narenas_ratio:1.5x",
	    "narenas_ratio:1e3",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_conf_says(good[i].text, "");
		assert_int_equal(opt.narenas_ratio, good[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(bad[i], VALUE);
	}
	assert_conf_says("hpa_dirty_mult:-1", "");
	assert_int_equal(opt.hpa_dirty_mult, OPT_FIXED_NEVER);
}

/* The number of background threads can be lowered, not raised again. */
TEST(background_threads)
{
	conf_boot("max_background_threads:0");
	assert_int_equal(opt.max_background_threads, 1);
	conf_boot("max_background_threads:4095");
	assert_int_equal(opt.max_background_threads, 4095);
	conf_boot("max_background_threads:4096");
	assert_int_equal(opt.max_background_threads, 4);
	conf_boot("max_background_threads:10,max_background_threads:20");
	assert_int_equal(opt.max_background_threads, 10);
	conf_boot("max_background_threads:10,max_background_threads:2");
	assert_int_equal(opt.max_background_threads, 2);
}

TEST(tcache_max_by_power)
{
	assert_conf_says("lg_tcache_max:0", "");
	assert_int_equal(opt.tcache_max, 1);
	assert_conf_says("lg_tcache_max:99", "");
	assert_int_equal(opt.tcache_max, 32768);
	assert_conf_says("lg_tcache_max:12,tcache_max:5000", "");
	assert_int_equal(opt.tcache_max, 5000);
}

TEST(uaf_align)
{
	if (!is_available("lg_san_uaf_align")) {
		skip();
	}
	assert_conf_says("lg_san_uaf_align:0", "");
	assert_int_equal(opt.lg_san_uaf_align, LG_PAGE);
	assert_conf_says("lg_san_uaf_align:64", "");
	assert_int_equal(opt.lg_san_uaf_align, 63);
	assert_conf_says("lg_san_uaf_align:20,lg_san_uaf_align:-1", "");
	assert_int_equal(opt.lg_san_uaf_align, -1);
}

/* Below the smallest large size, the oversize arena is off. */
TEST(oversize_threshold_off)
{
	assert_conf_says("oversize_threshold:16383", "");
	assert_int_equal(opt.oversize_threshold, 0);
	assert_conf_says("oversize_threshold:16384", "");
	assert_int_equal(opt.oversize_threshold, 16384);
}

TEST(mem_limit_auto)
{
	assert_conf_says("mem_limit:5,mem_limit:auto", "");
	assert_true(opt.mem_limit == OPT_MEM_LIMIT_AUTO);
}

/* Letters add up over settings, in the order given. */
TEST(letters_add_up)
{
	assert_conf_says("stats_print_opts:Jg,stats_print_opts:gmz,"
			 "stats_print_opts:",
	    "");
	assert_string_equal(opt.stats_print_opts, "Jgm");
	assert_conf_says("stats_print_opts:hexlbadmgJhexlbadmgJ", "");
	assert_string_equal(opt.stats_print_opts, "hexlbadmgJ");
}

/* A string longer than there is room for is cut. */
TEST(long_strings_are_cut)
{
	static char text[OPT_STRING_MAX + 100];
	if (!is_available("prof_prefix")) {
		skip();
	}
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "prof_prefix:", strlen("prof_prefix:"));
	assert_conf_says(text, "");
	assert_int_equal(strlen(opt.prof_prefix), OPT_STRING_MAX);
	assert_conf_says("prof_prefix:", "");
	assert_string_equal(opt.prof_prefix, "");
}

/* A list is read up to its first mistake, and what came before holds. */
TEST(lists)
{
	assert_conf_says("tcache_ncached_max:8-64:10|bogus",
	    "<jemalloc>: Invalid settings for tcache_ncached_max: "
	    "tcache_ncached_max:8-64:10|bogus\n");
	assert_string_equal(conf_value("tcache_ncached_max"), "8-64:10");
	assert_conf_says("tcache_ncached_max:8-64:10|", "");
	assert_conf_says("tcache_ncached_max:64-8:10|96-96:0", "");
	assert_string_equal(conf_value("tcache_ncached_max"), "96-96:0");
	assert_conf_says("bin_shards:1-8:0",
	    "<jemalloc>: Invalid settings for bin_shards: bin_shards:1-8:0\n");
	assert_conf_says("bin_shards:1-8:2|9-16:4,bin_shards:1-4:8", "");
	assert_string_equal(conf_value("bin_shards"), "1-8:2|9-16:4|1-4:8");
	assert_conf_says("slab_sizes:1-8:2,slab_sizes:default", "");
	assert_string_equal(conf_value("slab_sizes"), "");
	assert_conf_says("slab_sizes:1-8:2,slab_sizes:default,"
			 "slab_sizes:9-16:3",
	    "");
	assert_string_equal(conf_value("slab_sizes"), "9-16:3");
	assert_conf_says("bin_shards:default",
	    "<jemalloc>: Invalid settings for bin_shards: "
	    "bin_shards:default\n");
}

/* A list with more settings than there is room for is a mistake. */
TEST(list_without_room)
{
	static char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text), "bin_shards:");
	for (unsigned i = 0; i <= OPT_RANGES_MAX; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%u-%u:2|", i * 16 + 1, i * 16 + 16);
	}
	conf_boot(text);
	assert_non_null(strstr(conf_messages, SETTINGS("bin_shards")));
	assert_int_equal(opt.bin_shards.count, OPT_RANGES_MAX);
}
