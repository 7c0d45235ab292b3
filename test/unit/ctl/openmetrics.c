/*
 * The statistics as OpenMetrics: every line is what the format allows at its
 * place, names and units are right, and the numbers are those of mallctl.
 */
#include "ctl/openmetrics.h"

#include "support/harness.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/large.h"
#include "ctl/stats_print.h"
#include "ctl_support.h"
#include "platform/io.h"

#define NMAX 20000

/* What was seen so far: the names of metrics, and samples without values. */
static const char *metrics[NMAX], *samples[NMAX];
static size_t nmetrics, nsamples;

/* A small and a large block. */
static void
use(unsigned ind)
{
	void *reg;
	bool contended;
	assert_int_equal(arena_fill(arenas_get(ind), 5, 0, &reg, 1, &contended),
	    1);
	assert_non_null(
	    large_alloc(arenas_get(ind), 1 << 20, 1 << 20, PAGE, false, NULL));
}

/* A name at `at`; what comes after it. */
static char *
name_end(char *at)
{
	assert_true(isalpha((unsigned char)*at));
	while (isalnum((unsigned char)*at) || *at == '_') {
		at++;
	}
	return at;
}

/* Labels in braces; what comes after them. */
static char *
labels_end(char *at)
{
	do {
		at = name_end(at + 1);
		assert_int_equal(*at++, '=');
		assert_int_equal(*at++, '"');
		for (; *at != '"'; at++) {
			assert_true(*at != '\0' && *at != '\n');
			if (*at == '\\') {
				at++;
				assert_non_null(strchr("\\\"n", *at));
			}
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

static void
note(const char **seen, size_t *n, const char *what)
{
	assert_true(*n < NMAX);
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(seen[i], what) == 0) {
			fail_msg("%s is there twice", what);
		}
	}
	seen[(*n)++] = what;
}

/* A sample of `metric`, whose names end in `suffix`. */
static void
check_sample(char *line, const char *metric, const char *suffix)
{
	char *end = name_end(line);
	size_t n = strlen(metric);
	if ((size_t)(end - line) != n + strlen(suffix) ||
	    strncmp(line, metric, n) != 0 ||
	    strncmp(line + n, suffix, strlen(suffix)) != 0) {
		fail_msg("below %s: %s", metric, line);
	}
	end = *end == '{' ? labels_end(end) : end;
	assert_int_equal(*end, ' ');
	*end++ = '\0';
	note(samples, &nsamples, line);
	char *rest;
	assert_true(isdigit((unsigned char)*end) || *end == '-');
	(void)strtod(end, &rest);
	assert_string_equal(rest, "");
}

/* Is the whole output as the format wants it?  Destroys it. */
static void
check_format(void)
{
	char *metric = NULL;
	const char *suffix = "", *type = NULL;
	char *line, *next = printed;
	nmetrics = nsamples = 0;
	while (strcmp(next, "# EOF\n") != 0) {
		line = next;
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		if (strncmp(line, "# TYPE ", 7) == 0) {
			metric = line + 7;
			char *end = name_end(metric);
			assert_int_equal(*end, ' ');
			*end = '\0';
			type = end + 1;
			note(metrics, &nmetrics, metric);
			suffix = strcmp(type, "counter") == 0 ? "_total" : "";
			assert_true(
			    suffix[0] != '\0' || strcmp(type, "gauge") == 0);
		} else if (strncmp(line, "# ", 2) == 0) {
			char what[200];
			(void)snprintf(what, sizeof(what), "%s ", metric);
			assert_int_equal(strncmp(line + 7, what, strlen(what)),
			    0);
			const char *words = line + 7 + strlen(what);
			if (strncmp(line, "# UNIT ", 7) == 0) {
				assert_true(ends_with(metric, words));
			} else {
				assert_int_equal(strncmp(line, "# HELP ", 7),
				    0);
				assert_true(ends_with(words, "."));
			}
		} else {
			assert_non_null(metric);
			check_sample(line, metric, suffix);
		}
	}
}

static uint64_t
value_of(const char *sample)
{
	char line[200];
	(void)snprintf(line, sizeof(line), "\n%s ", sample);
	const char *at = strstr(printed, line);
	if (at == NULL) {
		fail_msg("no %s in:\n%s", sample, printed);
		return 0;
	}
	return strtoull(at + strlen(line), NULL, 10);
}

TEST(format)
{
	setup_with_stats();
	assert_non_null(arenas_get_auto(1));
	print("O");
	check_format();
	assert_in_range(nmetrics, 90, 200);
	assert_in_range(nsamples, 300, 2000);
}

/* The same numbers as by name, the sums in metrics of their own. */
TEST(values)
{
	setup_with_stats();
	print("O");
	assert_int_equal(value_of("jemalloc_allocated_bytes"),
	    get_size("stats.allocated"));
	assert_int_equal(value_of("jemalloc_resident_bytes"),
	    get_size("stats.resident"));
	assert_int_equal(
	    value_of("jemalloc_arena_page_bytes{arena=\"0\",state=\"active\"}"),
	    get_size("stats.arenas.0.pactive") * PAGE);
	assert_int_equal(value_of(
			     "jemalloc_arenas_page_bytes{state=\"active\"}"),
	    get_size("stats.arenas.4096.pactive") * PAGE);
	assert_int_equal(value_of(
			     "jemalloc_arena_mallocs_total{arena=\"0\",kind="
			     "\"small\"}"),
	    get_u64("stats.arenas.0.small.nmalloc"));
	assert_int_equal(value_of(
			     "jemalloc_arena_mutex_ops_total{arena=\"0\",mutex="
			     "\"base\"}"),
	    get_u64("stats.arenas.0.mutexes.base.num_ops"));
	assert_has("\njemalloc_arena_decay_seconds{arena=\"0\",state=\"dirty\"}"
		   " 10.000\n");
	assert_has("\njemalloc_arena_info{arena=\"0\",name=\"auto_0\","
		   "dss=\"secondary\"} 1\n");
	assert_has("jemalloc_info{version=\"");
}

/* Bins: what is in them, by bytes, and nothing of those never used. */
TEST(bins)
{
	setup_with_stats();
	use(0);
	print("O");
	char sample[80], path[80];
	size_t size = szind_size(5);
	(void)snprintf(sample, sizeof(sample),
	    "jemalloc_arena_bin_allocated_bytes{arena=\"0\",size=\"%zu\"}",
	    size);
	(void)snprintf(path, sizeof(path), "stats.arenas.0.bins.5.curregs");
	assert_int_equal(value_of(sample), get_size(path) * size);
	(void)snprintf(sample, sizeof(sample),
	    "jemalloc_arena_bin_slab_bytes{arena=\"0\",size=\"%zu\"}", size);
	assert_int_equal(value_of(sample) % bin_infos[5].slab_size, 0);
	assert_true(value_of(sample) > 0);
	assert_lacks("bin_blocks{arena=\"0\",size=\"14336\"}");
}

/* Each letter takes its part away, and J does not matter. */
TEST(letters)
{
	static const struct {
		const char *opts, *gone;
	} letters[] = {{"g", "jemalloc_info{"}, {"m", "jemalloc_arenas_"},
	    {"a", "jemalloc_arena_"}, {"b", "_bin_"}, {"l", "_large_"},
	    {"x", "_mutex_"}, {"e", "_free_extent"}, {"h", "_hpa_"}};
	setup_with_stats();
	unsigned ind;
	size_t size = sizeof(ind);
	assert_int_equal(ctl_by_name("arenas.create", &ind, &size, NULL, 0), 0);
	use(ind);
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		char opts[4] = "O";
		print("O");
		assert_has(letters[i].gone);
		print(strcat(opts, letters[i].opts));
		assert_lacks(letters[i].gone);
	}
	print("O");
	assert_has("jemalloc_rss_reason_bytes{reason=\"live\"} ");
	assert_has("jemalloc_arenas_bin_pinned_bytes{size=");
	assert_has("jemalloc_arenas_slabs{state=\"partial\"} 1\n");
	print("Or");
	assert_lacks("rss_");
	print("Of");
	assert_lacks("pinned");
	print("JOgmda");
	assert_int_equal(strncmp(printed, "# TYPE jemalloc_epochs counter\n",
			     31),
	    0);
	check_format();
}

/* Of destroyed arenas there are counters, and no gauge. */
TEST(destroyed)
{
	setup_with_stats();
	unsigned ind;
	size_t size = sizeof(ind);
	assert_int_equal(ctl_by_name("arenas.create", &ind, &size, NULL, 0), 0);
	char path[32];
	(void)io_snprintf(path, sizeof(path), "arena.%u.destroy", ind);
	print("O");
	assert_lacks("jemalloc_destroyed_arenas_");
	assert_int_equal(try_act(path), 0);
	print("O");
	assert_has("jemalloc_destroyed_arenas_mallocs_total{kind=\"small\"} ");
	assert_lacks("jemalloc_destroyed_arenas_mapped_bytes");
	check_format();
	print("Od");
	assert_lacks("jemalloc_destroyed_arenas_");
}

/* Names of arenas and texts of options are anything. */
TEST(hostile_strings)
{
	static const char conf[] = "\"},{\\\n# EOF\n\xff\x01";
	setup_with_stats();
	const char *name = "x\"} 1\n# EOF";
	assert_int_equal(ctl_by_name("arena.0.name", NULL, NULL, &name,
			     sizeof(name)),
	    0);
	opt.abort_conf = false;
	options_sources_t sources = {.text = {[OPT_SOURCE_GLOBAL_VAR] = conf}};
	options_boot(&sources);
	print("O");
	assert_has("{arena=\"0\",name=\"x\\\"} 1\\n# EOF\",dss=");
	assert_has(",global_var=\"\\\"},{\\\\\\n# EOF\\n\xc3\xbf\x01\"} 1\n");
	check_format();
}

/* Without statistics there is a version. */
TEST(general_only)
{
	if (config_stats) {
		skip();
	}
	ctl_setup();
	print("O");
	assert_has("jemalloc_info{version=\"");
	assert_lacks("jemalloc_allocated");
	check_format();
	print("Og");
	assert_string_equal(printed, "# EOF\n");
}
