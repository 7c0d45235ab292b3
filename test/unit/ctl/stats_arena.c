/*
 * An arena's part of the statistics, from a made-up record: the layout of the
 * text, and that the JSON has the same numbers.
 */
#include "ctl/stats_arena.h"

#include "support/harness.h"
#include "support/json.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_support.h"

static char buffer[4096];
static snap_arena_t arena;

static void
print_arena(emit_format_t format, const char *name, const stats_parts_t *parts,
    bool prof)
{
	emitter_t emitter;
	printed_clear();
	emitter_begin(&emitter, format, printed_collect, &printed_length,
	    buffer, sizeof(buffer));
	emitter_object_begin(&emitter, NULL);
	stats_arena_print(&emitter, &arena, name, parts, prof);
	emitter_object_end(&emitter);
	emitter_end(&emitter);
}

static void
assert_line(const char *line)
{
	size_t n = strlen(line);
	const char *at = printed;
	while (at != NULL &&
	    (strncmp(at, line, n) != 0 || (at[n] != '\n' && at[n] != '\0'))) {
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	if (at == NULL) {
		fail_msg("no line \"%s\" in:\n%s", line, printed);
	}
}

/* Ten seconds old. */
static void
make_up(void)
{
	ctl_setup();
	memset(&arena, 0, sizeof(arena));
	arena.nthreads = 3;
	arena.uptime = UINT64_C(10500000000);
	arena.dss = "secondary";
	arena.dirty_decay_ms = 10000;
	arena.muzzy_decay_ms = -1;
	arena.pactive = 5;
	arena.pdirty = 1405;
	arena.dirty_npurge = 4;
	arena.dirty_nmadvise = 26;
	arena.dirty_purged = 89;
	arena.small = (snap_sizes_t){1000, 20, 10, 30, 2, 1};
	arena.large = (snap_sizes_t){16384, 1, 0, 1, 1, 0};
	arena.mapped = 20647936;
	arena.mutexes[SNAP_MUTEX_BASE] = (mutex_stats_t){.n_ops = 1007,
	    .n_owner_switch = 11,
	    .max_n_thds = 2};
	arena.bins[2] = (snap_bin_t){.nmalloc = 20,
	    .ndalloc = 10,
	    .nrequests = 30,
	    .nfills = 2,
	    .nflushes = 1,
	    .nslabs = 1,
	    .curregs = 10,
	    .curslabs = 1};
	arena.lextents[4] = (snap_lextent_t){1, 0, 1, 1};
	arena.extents[1] = (snap_extent_t){1, 0, 2, 8192, 0, 16384};
}

static const stats_parts_t everything = {.mutexes = true,
    .bins = true,
    .large = true,
    .extents = true,
    .hpa = true};
static const stats_parts_t nothing;

static const char head[] =
    "name: \"auto_0\"\n"
    "assigned threads: 3\n"
    "uptime: 10500000000\n"
    "dss allocation precedence: \"secondary\"\n"
    "decaying:  time       npages       sweeps     madvises"
    "       purged\n"
    "   dirty: 10000         1405            4           26"
    "           89\n"
    "   muzzy:   N/A            0            0            0"
    "            0\n"
    "                            allocated         nmalloc   (#/sec)"
    "         ndalloc   (#/sec)       nrequests   (#/sec)"
    "           nfill   (#/sec)          nflush   (#/sec)\n"
    "small:                           1000              20         2"
    "              10         1              30         3"
    "               2         0               1         0\n";

TEST(head)
{
	make_up();
	print_arena(EMIT_TEXT, "auto_0", &nothing, false);
	assert_memory_equal(printed, head, sizeof(head) - 1);
	assert_line("active:                         20480");
	assert_line("mapped:                      20647936");
	assert_line("                                     ");
	assert_lacks("bins:");
	assert_lacks("HPA");
	assert_lacks("base  ");
	print_arena(EMIT_TEXT, NULL, &nothing, false);
	assert_lacks("name:");
}

TEST(tables)
{
	make_up();
	print_arena(EMIT_TEXT, NULL, &everything, false);
	assert_line("                           n_lock_ops (#/sec)       "
		    "n_waiting (#/sec)      n_spin_acq (#/sec)  "
		    "n_owner_switch (#/sec)   total_wait_ns   (#/sec)     "
		    "max_wait_ns  max_n_thds");
	assert_line("base                             1007     100"
		    "               0       0               0       0"
		    "              11       1               0         0"
		    "               0           2");
	assert_line("large:          size ind    allocated      nmalloc (#/sec)"
		    "      ndalloc (#/sec)    nrequests (#/sec)  curlextents");
	assert_line("               32768  40        32768            1       0"
		    "            0       0            1       0            1");
	assert_line("extents:        size ind       ndirty        dirty"
		    "       nmuzzy        muzzy    nretained     retained"
		    "       ntotal        total");
	assert_line("                8192   1            1         8192"
		    "            0            0            2        16384"
		    "            3        24576");
	assert_line("                     ---");
	assert_lacks("prof_");
	print_arena(EMIT_TEXT, NULL, &everything, true);
	assert_non_null(strstr(printed, "prof_live_requested"));
}

TEST(bins)
{
	make_up();
	stats_parts_t parts = {.bins = true};
	print_arena(EMIT_TEXT, NULL, &parts, false);
	assert_line("bins:           size ind     allocated       nmalloc "
		    "(#/sec)       ndalloc (#/sec)      nrequests   (#/sec)  "
		    "nshards      curregs     curslabs  nonfull_slabs regs "
		    "pgs   util       nfills (#/sec)     nflushes (#/sec)"
		    "       nslabs     nreslabs (#/sec)");
	/* The start of the row: how long slabs are is not our matter. */
	assert_non_null(strstr(printed,
	    "\n                  32   2           320"
	    "            20       2            10       1             30"
	    "         3        1           10            1              0 "));
	assert_lacks("n_lock_ops");
}

/* Counters that were read at different moments. */
TEST(race)
{
	make_up();
	arena.bins[2].curslabs = 0;
	stats_parts_t parts = {.bins = true};
	print_arena(EMIT_TEXT, NULL, &parts, false);
	assert_non_null(strstr(printed, "   race "));
	arena.bins[2].curregs = 0;
	print_arena(EMIT_TEXT, NULL, &parts, false);
	assert_lacks("race");
}

static unsigned nfound;

static void
find(void *arg, const char *path, json_kind_t kind, const char *value, size_t n)
{
	(void)arg;
	static const struct {
		const char *path, *value;
	} expected[] = {{"name", "auto_0"}, {"nthreads", "3"},
	    {"muzzy_decay_ms", "-1"}, {"dirty_purged", "89"},
	    {"small/nrequests", "30"}, {"mutexes/base/num_ops", "1007"},
	    {"mutexes/base/max_num_thds", "2"}, {"bins[2]/curregs", "10"},
	    {"lextents[4]/curlextents", "1"},
	    {"extents[1]/retained_bytes", "16384"},
	    {"hpa_shard/nonfull_slabs[63]/nretained_nonhuge", "0"}};
	assert_int_not_equal(kind, JSON_NULL);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strcmp(path, expected[i].path) == 0) {
			nfound++;
			assert_int_equal(n, strlen(expected[i].value));
			assert_memory_equal(value, expected[i].value, n);
		}
	}
}

TEST(json)
{
	make_up();
	print_arena(EMIT_JSON, "auto_0", &everything, true);
	const char *end;
	nfound = 0;
	assert_true(json_parse(printed, find, NULL, &end));
	assert_int_equal(nfound, 11);
	assert_non_null(strstr(printed, "prof_accum_count"));
	assert_null(strchr(printed, '\n'));
}

TEST(global_mutexes)
{
	mutex_stats_t stats[SNAP_NMUTEXES];
	memset(stats, 0, sizeof(stats));
	stats[SNAP_MUTEX_CTL].n_ops = 7;
	emitter_t emitter;
	printed_clear();
	emitter_begin(&emitter, EMIT_TEXT, printed_collect, &printed_length,
	    buffer, sizeof(buffer));
	stats_global_mutexes_print(&emitter, stats, 1);
	emitter_end(&emitter);
	assert_non_null(strstr(printed,
	    "\nctl                                 7"
	    "       7 "));
	assert_non_null(strstr(printed, "\nprof_recent_alloc "));
}
