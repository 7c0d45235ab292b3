/*
 * hostile: whatever the sources of options contain, a program starts, works,
 * and says at most what is wrong with them.
 *
 * STRESS_FULL=1 tries each value of each key in a process of its own.
 */
#include "support.h"

#include <libgen.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static harness_child_t child;

/* Keys with effects at the start, and some that only builds with more know. */
static const char *const keys[] = {"abort", "cache_oblivious", "trust_madvise",
    "retain", "dss", "narenas", "narenas_ratio", "percpu_arena",
    "oversize_threshold", "hpa", "metadata_thp", "thp", "mutex_max_spin",
    "background_thread", "max_background_threads", "dirty_decay_ms",
    "muzzy_decay_ms", "stats_interval", "junk", "zero", "xmalloc", "utrace",
    "log", "zero_realloc", "tcache", "tcache_max", "lg_tcache_max",
    "tcache_nslots_small_min", "tcache_nslots_small_max", "tcache_nslots_large",
    "lg_tcache_nslots_mul", "tcache_ncached_max", "tcache_gc_incr_bytes",
    "tcache_gc_delay_bytes", "lg_tcache_flush_small_div",
    "lg_tcache_flush_large_div", "experimental_tcache_gc",
    "lg_extent_max_active_fit", "slab_sizes", "bin_shards",
    "disable_large_size_classes", "calloc_madvise_threshold",
    "process_madvise_max_batch", "san_guard_small", "san_guard_large",
    "lg_san_uaf_align", "debug_double_free_max_scan",
    "experimental_infallible_new", "huge_arena_pac_thp", "tcache_bytes_max",
    "mem_limit", "populate", "check", "prof_bt_max", "decay_ms", ""};

static const char *const values[] = {"", "true", "false", "0", "1", "-1", "-2",
    "2", "7", "64", "4096", "65536", "18446744073709551615",
    "18446744073709551616", "99999999999999999999999999", "9223372036854775807",
    "-9223372036854775809", "0x10", "010", "1k", "1 ", " 4", "+3", "4294967295",
    "4294967297", "abc", "default", ".5", "1.", "65536.0", "always", "never",
    "auto", "disabled", "primary", "percpu", "phycpu", "alloc", "free",
    "1-14336:2", "1-14336:64", "1-64:4|bogus", "64-8:1", "|", "0-0:0",
    "1-18446744073709551616:4", "\xff\xfe", "."};

/* Becomes prog/starts with the options. */
static void
start(void *conf)
{
	char self[2048], path[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(len > 0);
	self[len] = '\0';
	snprintf(path, sizeof(path), "%s/prog/starts", dirname(self));
	setenv(HARNESS_CONF_ENV, conf, 1);
	execl(path, "starts", (char *)NULL);
	check_failed(path, errno, "execl");
}

static void
check_end(const char *conf)
{
	if (child.timed_out || !WIFEXITED(child.status) ||
	    WEXITSTATUS(child.status) != 0) {
		fail_msg("%.200s: status 0x%x%s: %.500s", conf,
		    (unsigned)child.status, child.timed_out ? " (hung)" : "",
		    child.err);
	}
}

static void
check_starts(const char *conf)
{
	char copy[4096];
	snprintf(copy, sizeof(copy), "%s", conf);
	harness_run_child(start, copy, &child);
	check_end(conf);
}

/* All values of each key; those from `first` on come last, and hold. */
static void
check_key(const char *key, size_t first)
{
	char conf[4096];
	size_t used = 0;
	for (size_t i = 0; i < COUNT(values); i++) {
		used += (size_t)snprintf(conf + used, sizeof(conf) - used,
		    "%s%s:%s", i == 0 ? "" : ",", key,
		    values[(first + i) % COUNT(values)]);
	}
	check_starts(conf);
}

TEST(any_value_of_any_key)
{
	bool full = getenv("STRESS_FULL") != NULL;
	for (size_t i = 0; i < COUNT(keys); i++) {
		for (size_t j = 0; j < (full ? COUNT(values) : 1); j++) {
			check_key(keys[i], full ? j : i * 7);
		}
	}
}

/* One value each of several keys that get into each other's way. */
TEST(options_that_conflict)
{
	static const char *const confs[] = {"percpu_arena:percpu,narenas:1",
	    "percpu_arena:phycpu,narenas:4094,oversize_threshold:0",
	    "narenas:4294967295,bin_shards:1-14336:64",
	    "tcache:false,tcache_max:32768,tcache_ncached_max:1-32768:8191",
	    "lg_tcache_max:64,tcache_max:18446744073709551615",
	    "tcache_nslots_small_min:2048,tcache_nslots_small_max:1,"
	    "lg_tcache_nslots_mul:16",
	    "background_thread:true,max_background_threads:1,narenas:64,"
	    "dirty_decay_ms:0,muzzy_decay_ms:-1",
	    "background_thread:true,tcache:false,retain:false,dss:primary",
	    "mem_limit:1,dirty_decay_ms:-1", "mem_limit:18446744073709551615",
	    "junk:true,zero:true,check:true,san_guard_small:1,"
	    "san_guard_large:1",
	    "slab_sizes:1-14336:512,bin_shards:1-14336:64,narenas:1",
	    "metadata_thp:always,thp:always,huge_arena_pac_thp:true",
	    "oversize_threshold:16384,lg_extent_max_active_fit:0",
	    "cache_oblivious:false,disable_large_size_classes:false,"
	    "retain:false",
	    "tcache_gc_incr_bytes:0,experimental_tcache_gc:false,"
	    "tcache_gc_delay_bytes:18446744073709551615",
	    "calloc_madvise_threshold:0,process_madvise_max_batch:128,"
	    "dirty_decay_ms:0",
	    "mutex_max_spin:-1,narenas:1,tcache:false"};
	for (size_t i = 0; i < COUNT(confs); i++) {
		check_starts(confs[i]);
	}
}

/* Each line of messages begins as all do. */
static void
check_lines(void)
{
	static const char begin[] = "<jemalloc>: ";
	for (const char *line = child.err; *line != '\0';) {
		assert_int_equal(strncmp(line, begin, strlen(begin)), 0);
		const char *end = strchr(line, '\n');
		assert_non_null(end);
		line = end + 1;
	}
}

/* Builds for debugging end at a string that is none before they read any. */
static void
skip_where_grammar_ends_all(void)
{
	bool debug;
	size_t size = sizeof(debug);
	assert_int_equal(mallctl("config.debug", &debug, &size, NULL, 0), 0);
	if (debug) {
		skip();
	}
}

TEST(long_settings)
{
	skip_where_grammar_ends_all();
	static char conf[100000];
	static const char *const parts[] = {"narenas:1,", "x",
	    "slab_sizes:", "1-8:2|", "stats_print_opts:J,", ",", ":",
	    "bogus_key:1,"};
	for (size_t i = 0; i < COUNT(parts); i++) {
		size_t length = strlen(parts[i]);
		for (size_t at = 0; at + length < sizeof(conf); at += length) {
			memcpy(conf + at, parts[i], length + 1);
		}
		harness_run_child(start, conf, &child);
		check_end(conf);
		if (child.err_length < sizeof(child.err) - 1) {
			check_lines();
		}
	}
}

TEST(what_is_set_is_confirmed)
{
	harness_run_child(start,
	    "confirm_conf:true,narenas:1,bad:1,tcache:maybe,narenas:default",
	    &child);
	check_end("confirm_conf");
	assert_non_null(strstr(child.err,
	    "\"confirm_conf:true,narenas:1,bad:1,tcache:maybe,"
	    "narenas:default\"\n"
	    "<jemalloc>: -- Set conf value: confirm_conf:true\n"
	    "<jemalloc>: -- Set conf value: narenas:1\n"
	    "<jemalloc>: Invalid conf pair: bad:1\n"
	    "<jemalloc>: Invalid conf value: tcache:maybe\n"
	    "<jemalloc>: -- Set conf value: narenas:default\n"
	    "<jemalloc>: malloc_conf #5 "));
	assert_non_null(strstr(child.err, "<jemalloc>: malloc_conf #1 "));
	check_lines();
}

/* Starts where /etc/malloc.conf is a link with that text. */
static void
start_with_link(void *text)
{
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/etc", "tmpfs", 0, NULL) != 0) {
		_exit(77);
	}
	CHECK(symlink(text, "/etc/" HARNESS_PREFIX "malloc.conf") == 0);
	start("narenas:2");
}

static void
check_link(const char *text, const char *says)
{
	char copy[4096];
	snprintf(copy, sizeof(copy), "%s", text);
	harness_run_child(start_with_link, copy, &child);
	if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == 77) {
		print_message("/etc can't be replaced here\n");
		skip();
	}
	check_end(text);
	assert_non_null(strstr(child.err, says));
	check_lines();
}

TEST(links_of_all_kinds)
{
	skip_where_grammar_ends_all();
	char loop[] = HARNESS_PREFIX "malloc.conf", name[3000];
	check_link("muzzy_decay_ms:1234,bogus:1", "Invalid conf pair: bogus:1");
	check_link("confirm_conf:true,narenas:7",
	    "named /etc/malloc.conf): \"confirm_conf:true,narenas:7\"\n"
	    "<jemalloc>: -- Set conf value: confirm_conf:true\n"
	    "<jemalloc>: -- Set conf value: narenas:7\n");
	check_link(loop, "Malformed conf string -- " HARNESS_PREFIX "malloc.");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	check_link(name, "Conf string ends with key -- aaaa");
}
