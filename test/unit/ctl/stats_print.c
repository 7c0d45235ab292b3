/*
 * The statistics as a whole: which parts there are, in which order, with
 * which letters; that nothing is allocated, and that they come without memory
 * as well.
 */
#include "ctl/stats_print.h"

#include "support/harness.h"
#include "support/json.h"
#include "support/os_calls_fault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_support.h"
#include "platform/io.h"
#include "thread/thread_event.h"
#include "thread/tsd.h"

TEST(order)
{
	static const char *const parts[] = {
	    "___ Begin jemalloc statistics ___\nVersion: \"",
	    "\nBuild-time option settings\n  config.cache_oblivious: ",
	    "\n  config.xmalloc: ",
	    "\nSystem configuration\n  system.thp_mode: \"",
	    "\nRun-time option settings\n  Global variable malloc_conf: \"",
	    "\n  Symbolic link malloc.conf: \"",
	    "\n  Environment variable MALLOC_CONF: \"",
	    "\n  opt.abort: ", "\n  opt.dss: \"secondary\"\n",
	    "\n  opt.narenas: 3\n", "\n  opt.hpa_dirty_mult: \"0.25\"\n",
	    "\n  opt.background_thread: false (background_thread: false)\n",
	    "\n  opt.dirty_decay_ms: 10000 (arenas.dirty_decay_ms: 10000)\n",
	    "\n  opt.stats_print: false\n  opt.stats_print_opts: \"\"\n"
	    "  opt.stats_interval: -1\n  opt.stats_interval_opts: \"\"\n",
	    "\nArenas: 4\nQuantum size: 16\nPage size: 4096\n"
	    "Hugepage size: 2097152\n"
	    "Maximum thread-cached size class: 32768\n"
	    "Number of bin size classes: 36\n"
	    "Number of thread-cache bin size classes: 41\n"
	    "Number of large size classes: 196\nAllocated: ",
	    "\nCount of realloc(non-null-ptr, 0) calls: 0\n"
	    "Background threads: 0, num_runs: 0, run_interval: 0 ns\n",
	    "\nmax_per_bg_thd ", "\nprof_recent_dump ",
	    "\narenas[0]:\nname: \"auto_0\"\nassigned threads: 1\nuptime: ",
	    "\ndss allocation precedence: \"secondary\"\n", "\ndecaying:",
	    "\nsmall: ", "\ntotal: ", "\nactive: ", "\ntcache_list ",
	    "\nbins: ", "\nlarge: ", "\nextents: ",
	    "\nBytes in small extent cache: 0\n", "\n  In nonfull slabs:\n",
	    "\nRSS ledger: ", "\nFragmentation: ",
	    "\n--- End jemalloc statistics ---\n"};
	setup_with_stats();
	print(NULL);
	const char *at = printed;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *found = strstr(at, parts[i]);
		if (found == NULL) {
			fail_msg("no \"%s\" in:\n%s", parts[i], at);
		}
		at = found + strlen(parts[i]) - 1;
	}
	assert_string_equal(at, "\n");
}

/* What each letter takes away, from both formats. */
TEST(letters)
{
	static const struct {
		const char *opts, *gone, *json_gone;
	} letters[] = {{"g", "Version:", "\"version\""},
	    {"r", "RSS ledger", "\"rss\""},
	    {"f", "Fragmentation", "\"fragmentation\""},
	    {"m", "Merged arenas", "\"merged\""}, {"a", "arenas[0]", "\"0\""},
	    {"b", "\nbins:", "\"bins\""}, {"l", "curlextents", "\"lextents\""},
	    {"x", "n_lock_ops", "\"mutexes\""},
	    {"e", "\nextents:", "\"extents\""}, {"h", "HPA", "\"sec_bytes\""}};
	setup_with_stats();
	assert_non_null(arenas_get_auto(1));
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		char json[8] = "J";
		print("");
		assert_has(letters[i].gone);
		print(letters[i].opts);
		assert_lacks(letters[i].gone);
		print(json);
		assert_has(letters[i].json_gone);
		strcat(json, letters[i].opts);
		print(json);
		assert_lacks(letters[i].json_gone);
	}
	print("??ggg!");
	assert_lacks("Version:");
	assert_has("Merged arenas");
}

/* The sum is of use where there are several arenas, or no others. */
TEST(merged)
{
	setup_with_stats();
	print("g");
	assert_lacks("Merged");
	print("ga");
	assert_has("Merged arenas stats:\nassigned threads: 1\n");
	assert_has("dss allocation precedence: \"N/A\"\n");
	assert_non_null(arenas_get_auto(2));
	print("g");
	assert_has("Merged");
	assert_lacks("arenas[1]");
	assert_has("arenas[2]");
	assert_lacks("Destroyed");
}

TEST(destroyed)
{
	setup_with_stats();
	unsigned ind;
	size_t size = sizeof(ind);
	assert_int_equal(ctl_by_name("arenas.create", &ind, &size, NULL, 0), 0);
	char path[32];
	(void)io_snprintf(path, sizeof(path), "arena.%u.destroy", ind);
	assert_int_equal(try_act(path), 0);
	print("g");
	assert_has("Destroyed arenas stats:\nassigned threads: 0\n");
	print("gd");
	assert_lacks("Destroyed");
	print("J");
	assert_has("\"destroyed\":{\"nthreads\":0,");
}

TEST(json)
{
	const char *end;
	setup_with_stats();
	print("J");
	assert_true(json_parse(printed, NULL, NULL, &end));
	assert_null(strchr(printed, '\n'));
	assert_has("{\"jemalloc\":{\"version\":\"");
	assert_has("},\"stats.arenas\":{\"0\":{\"name\":\"auto_0\",");
	print("Jgmda");
	assert_true(json_parse(printed, NULL, NULL, &end));
	assert_lacks("stats.arenas");
	assert_lacks("\"rss\"");
	assert_lacks("fragmentation");
	print("JgmdaR");
	assert_true(json_parse(printed, NULL, NULL, &end));
	assert_has("\"rss\":{");
	assert_lacks("fragmentation");
	print("Jgmdablxeh");
	assert_ptr_equal(strstr(printed,
			     "{\"jemalloc\":{\"stats\":{\"allocated\":"),
	    printed);
	assert_has("\"background_thread\":{\"num_threads\":0,\"num_runs\":0,"
		   "\"run_interval\":0}}}}");
}

/* Without statistics there is what can be said all the same. */
TEST(general_only)
{
	if (config_stats) {
		skip();
	}
	ctl_setup();
	print("");
	assert_has("config.stats: false\n");
	assert_lacks("Allocated");
	print("g");
	assert_string_equal(printed,
	    "___ Begin jemalloc statistics ___\n"
	    "--- End jemalloc statistics ---\n");
	print("J");
	const char *end;
	assert_true(json_parse(printed, NULL, NULL, &end));
	assert_lacks("\"stats\":{");
}

/* The text of a source of options is anything. */
TEST(hostile_strings)
{
	static const char conf[] = "\"},{\\\n\xff\x01";
	ctl_setup();
	opt.abort_conf = false;
	options_sources_t sources = {.text = {[OPT_SOURCE_GLOBAL_VAR] = conf}};
	options_boot(&sources);
	print("J");
	const char *end;
	assert_true(json_parse(printed, NULL, NULL, &end));
	assert_has("\"global_var\":\"\\\"},{\\\\\\u000a\\u00ff\\u0001\"");
}

/* Printing changes nothing that it prints. */
TEST(allocates_nothing)
{
	setup_with_stats();
	print("J");
	size_t mapped = get_size("stats.mapped");
	size_t metadata = get_size("stats.metadata");
	size_t retained = get_size("stats.retained");
	for (unsigned i = 0; i < 10; i++) {
		print(i % 2 == 0 ? "J" : "");
	}
	new_epoch();
	assert_int_equal(get_size("stats.mapped"), mapped);
	assert_int_equal(get_size("stats.metadata"), metadata);
	assert_int_equal(get_size("stats.retained"), retained);
}

static void
print_inside(void *opaque, const char *part)
{
	unsigned *depth = opaque;
	(void)part;
	if (*depth > 0) {
		--*depth;
		stats_print(print_inside, depth, "J");
	}
}

/* No lock is held while the receiver works. */
TEST(nested)
{
	ctl_setup();
	unsigned depth = 3;
	stats_print(print_inside, &depth, NULL);
	assert_int_equal(depth, 0);
}

static void
fail_inside(void *opaque, const char *part)
{
	(void)part;
	if (*(size_t *)opaque == 0) {
		stats_print(printed_collect, opaque, "");
	}
}

/* Without memory one printer has a buffer, and a second one says why not. */
TEST(without_memory)
{
	setup_with_stats();
	print("");
	os_fault_only(OS_FAULT_MMAP);
	os_fault_arm_from(1);
	print("");
	assert_has("--- End jemalloc statistics ---\n");
	print("J");
	assert_has("\"stats.arenas\"");
	printed_clear();
	stats_print(fail_inside, &printed_length, "");
	assert_string_equal(printed,
	    "<jemalloc>: Memory allocation failure in "
	    "malloc_stats_print()\n");
	(void)os_fault_disarm();
}

static void
check_end(void *opaque, const char *part)
{
	unsigned *nends = opaque;
	*nends += strstr(part, "--- End jemalloc statistics ---\n") != NULL;
}

static void *
print_often(void *opaque)
{
	for (unsigned i = 0; i < 20; i++) {
		stats_print(check_end, opaque, "gh");
	}
	return NULL;
}

/* Printers do not wait for each other's receivers, nor mix. */
TEST(many_printers)
{
	setup_with_stats();
	pthread_t threads[3];
	unsigned nends[3] = {0, 0, 0};
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, print_often,
				     &nends[i]),
		    0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(nends[i], 20);
	}
}

static unsigned nmessages;

static void
count_ends(void *opaque, const char *s)
{
	(void)opaque;
	nmessages += strstr(s, "--- End jemalloc statistics ---\n") != NULL;
}

/* A thread prints for about each interval that it allocates. */
TEST(interval)
{
	ctl_setup();
	je_malloc_message = count_ends;
	opt.stats_interval = 1000000;
	memcpy(opt.stats_interval_opts, "gmdablxeh", 10);
	stats_print_boot();
	tsd_t *tsd = tsd_get();
	thread_event_init(tsd);
	for (unsigned i = 0; i < 3500; i++) {
		thread_count_alloc(tsd, 1024);
	}
	assert_int_equal(nmessages, 3);
	opt.stats_interval = 0;
	nmessages = 0;
	for (unsigned i = 0; i < 1000; i++) {
		thread_count_alloc(tsd, 1024);
	}
	assert_in_range(nmessages, 980, 1000);
	opt.stats_interval = -1;
	nmessages = 0;
	for (unsigned i = 0; i < 3000; i++) {
		thread_count_alloc(tsd, 1024);
	}
	assert_int_equal(nmessages, 0);
	je_malloc_message = NULL;
}
