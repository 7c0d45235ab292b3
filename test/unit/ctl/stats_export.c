/*
 * Exports: where they go, in which form and when; and what becomes of them in
 * children, without memory, and where they cannot be written.
 */
#include "ctl/stats_export.h"

#include "support/fake_clock.h"
#include "support/harness.h"
#include "support/json.h"
#include "support/os_calls_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/stats_print.h"
#include "ctl_support.h"
#include "platform/clock.h"
#include "platform/io.h"
#include "thread/thread_event.h"

static char folder[64], pattern[128], path[128], text[4 << 20];
static unsigned nmessages;
static char message[4096];

static void
count(void *opaque, const char *s)
{
	(void)opaque;
	nmessages++;
	assert_true(strlen(s) < sizeof(message));
	strcpy(message, s);
}

/* Boot with a path in a folder of this test. */
static void
setup(const char *name)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	strcpy(folder, "/tmp/stats_export.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(pattern, sizeof(pattern), "%s/%s", folder, name);
	opt.stats_export = pattern;
	je_malloc_message = count;
	stats_export_boot();
	assert_true(stats_export_enabled());
}

/* The content of a file in the folder; NULL: there is none. */
static const char *
content(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return io_read_file(path, text, sizeof(text)) < 0 ? NULL : text;
}

static unsigned
count_lines(const char *name)
{
	unsigned n = 0;
	const char *line = content(name);
	while (line != NULL && (line = strchr(line, '\n')) != NULL) {
		n++;
		line++;
	}
	return n;
}

static uint64_t found_pid, found_time, found_rss;
static unsigned narenas;

static void
look(void *arg, const char *where, json_kind_t kind, const char *value,
    size_t n)
{
	(void)arg;
	(void)n;
	uint64_t number = kind == JSON_NUMBER ? strtoull(value, NULL, 10) : 0;
	if (strcmp(where, "export/pid") == 0) {
		found_pid = number;
	} else if (strcmp(where, "export/time_ms") == 0) {
		found_time = number;
	} else if (strcmp(where, "export/rss") == 0) {
		found_rss = number;
	} else if (strstr(where, "]/resident") != NULL) {
		narenas++;
	}
}

TEST(form)
{
	setup("lines");
	assert_non_null(arenas_get_auto(1));
	stats_export_now();
	const char *end;
	assert_true(json_parse(content("lines"), look, NULL, &end));
	assert_int_equal(count_lines("lines"), 1);
	assert_int_equal(found_pid, getpid());
	assert_true(found_time > 0);
	assert_true(found_rss > 0);
	assert_int_equal(narenas, 2);
	assert_non_null(strstr(text, "{\"jemalloc\":{\"version\":\""));
	assert_non_null(strstr(text, "\"merged\":{"));
	assert_non_null(strstr(text,
	    "\"arenas\":[{\"ind\":0,\"name\":"
	    "\"auto_0\",\"nthreads\":1,"));
	assert_null(strstr(text, "\"sec_bytes\""));
	assert_null(strstr(text, "\"0\":{"));
	strcpy(opt.stats_export_opts, "gx");
	stats_export_now();
	assert_int_equal(count_lines("lines"), 2);
	assert_non_null(strstr(strchr(text, '\n'), "\"0\":{"));
	assert_null(strstr(strchr(text, '\n'), "\"version\""));
	assert_int_equal(nmessages, 0);
}

/* OpenMetrics replace the file, for collectors of text files. */
TEST(openmetrics)
{
	setup("metrics.%p.%%p");
	strcpy(opt.stats_export_opts, "Oa");
	stats_export_now();
	stats_export_now();
	char name[64];
	snprintf(name, sizeof(name), "metrics.%d.%%p", (int)getpid());
	assert_non_null(content(name));
	assert_int_equal(strncmp(text, "# TYPE jemalloc_info gauge\n", 27), 0);
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	assert_ptr_equal(strstr(text, "# EOF\n"), text + strlen(text) - 6);
}

/* By the clock, noticed by a thread that allocates. */
TEST(times)
{
	setup("lines");
	uint64_t now = NS_PER_SEC;
	fake_clock_set(now);
	assert_int_equal(stats_export_tick(), NS_PER_SEC);
	assert_int_equal(count_lines("lines"), 1);
	fake_clock_set(now + 999 * NS_PER_MS);
	assert_int_equal(stats_export_tick(), NS_PER_MS);
	assert_int_equal(count_lines("lines"), 1);
	fake_clock_set(now + NS_PER_SEC);
	tsd_t *tsd = tsd_get();
	thread_event_init(tsd);
	thread_count_alloc(tsd, THREAD_TICK_BYTES - 1);
	assert_int_equal(count_lines("lines"), 1);
	thread_count_alloc(tsd, 1);
	assert_int_equal(count_lines("lines"), 2);
	thread_count_alloc(tsd, THREAD_TICK_BYTES);
	assert_int_equal(count_lines("lines"), 2);
	opt.stats_export_ms = -1;
	fake_clock_set(now + 100 * NS_PER_SEC);
	assert_int_equal(stats_export_tick(), UINT64_MAX);
	assert_int_equal(count_lines("lines"), 2);
}

/* stats_interval exports instead of printing. */
TEST(interval)
{
	setup("lines");
	opt.stats_export_ms = -1;
	opt.stats_interval = 1000000;
	stats_print_boot();
	tsd_t *tsd = tsd_get();
	thread_event_init(tsd);
	for (unsigned i = 0; i < 3500; i++) {
		thread_count_alloc(tsd, 1024);
	}
	assert_int_equal(count_lines("lines"), 3);
	assert_int_equal(nmessages, 0);
}

/* The file is bounded. */
TEST(bounded)
{
	setup("lines");
	stats_export_now();
	opt.stats_export_max = 5 * strlen(content("lines")) / 2;
	stats_export_now();
	stats_export_now();
	assert_int_equal(count_lines("lines"), 1);
	assert_int_equal(count_lines("lines.old"), 2);
	opt.stats_export_max = 100;
	stats_export_now();
	assert_int_equal(nmessages, 1);
	assert_non_null(strstr(message, "larger than the file may be"));
}

/* Says so once. */
TEST(failures)
{
	setup("no/such/folder");
	errno = 77;
	stats_export_now();
	stats_export_now();
	assert_int_equal(errno, 77);
	assert_int_equal(nmessages, 1);
	assert_non_null(strstr(message,
	    "<jemalloc>: stats_export: cannot "
	    "write \""));
	assert_non_null(strstr(message, "/no/such/folder\": no such folder"));
}

/* A socket that nobody listens at is none. */
TEST(no_listener)
{
	setup("unused");
	opt.stats_export = "unix:/nowhere/to/be/found";
	stats_export_now();
	assert_int_equal(nmessages, 0);
}

TEST(without_memory)
{
	setup("lines");
	stats_export_now();
	os_fault_only(OS_FAULT_MMAP);
	os_fault_arm_from(1);
	stats_export_now();
	(void)os_fault_disarm();
	assert_int_equal(count_lines("lines"), 1);
	assert_int_equal(nmessages, 0);
	stats_export_now();
	assert_int_equal(count_lines("lines"), 2);
}

static void
export_in_child(void)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		stats_export_now();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(path, sizeof(path), "%d", (int)pid);
}

/* A child does not write the file of its parent, but one of its own. */
TEST(children)
{
	setup("lines");
	stats_export_now();
	export_in_child();
	assert_int_equal(count_lines("lines"), 1);
	char name[32];
	snprintf(pattern, sizeof(pattern), "%s/%%p", folder);
	export_in_child();
	strcpy(name, path);
	assert_int_equal(count_lines(name), 1);
	assert_int_equal(count_lines("lines"), 1);
}

TEST(off)
{
	ctl_setup();
	stats_export_boot();
	assert_false(stats_export_enabled());
	assert_int_equal(stats_export_tick(), UINT64_MAX);
}
