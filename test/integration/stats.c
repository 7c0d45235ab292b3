/*
 * stats: the statistics as programs read them: every key path is there with
 * its type, the JSON is JSON at any time, the numbers fit together when
 * nothing moves, and the options that print them do.
 */
#include "stats_support.h"

#include <ctype.h>
#include <libgen.h>
#include <pthread.h>
#include <sys/wait.h>

static values_t before;

/* Blocks of all kinds of sizes, some of which stay. */
static void *
work(void *arg)
{
	static _Thread_local void *kept[300];
	unsigned seed = (unsigned)(uintptr_t)arg * 7919 + 1;
	for (unsigned i = 0; i < 6000; i++) {
		seed = seed * 1103515245 + 12345;
		size_t size = (size_t)1 << (seed >> 16 & 15);
		size += (seed >> 8) % size;
		void **slot = &kept[(seed >> 4) % 300];
		free(*slot);
		*slot = hide(malloc(size));
		assert_non_null(*slot);
	}
	for (unsigned i = 0; i < 300; i += 1 + i % 2) {
		free(kept[i]);
		kept[i] = NULL;
	}
	return NULL;
}

static void
work_in_threads(unsigned n)
{
	pthread_t threads[8];
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work,
				     (void *)(uintptr_t)(i + 1)),
		    0);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

/* The path of a list of paths that a value stands for. */
static void
generalise(const char *path, char general[128])
{
	static const char arenas[] = "jemalloc/stats.arenas/";
	char *out = general;
	if (strncmp(path, arenas, sizeof(arenas) - 1) == 0) {
		path += sizeof(arenas) - 1;
		out = stpcpy(out, arenas);
		out = stpcpy(out, "<arena>");
		path += strcspn(path, "/");
	}
	for (; *path != '\0'; path++) {
		if (*path == '[') {
			out = stpcpy(out, "[");
			path += strcspn(path, "]");
		}
		*out++ = *path;
	}
	*out = '\0';
}

static bool
fits_type(const leaf_t *leaf, const char *type)
{
	if (strcmp(type, "bool") == 0) {
		return leaf->kind == JSON_BOOL;
	}
	if (strcmp(type, "string") == 0) {
		return leaf->kind == JSON_STRING;
	}
	if (strncmp(type, "array", 5) == 0) {
		return leaf->kind == JSON_ARRAY &&
		    leaf->number == strtoull(strchr(type, '=') + 1, NULL, 10);
	}
	bool is_signed = strcmp(type, "ssize") == 0 ||
	    strcmp(type, "int64") == 0;
	uint64_t max = strcmp(type, "uint32") == 0 ||
		strcmp(type, "unsigned") == 0
	    ? UINT32_MAX
	    : UINT64_MAX;
	return leaf->kind == JSON_NUMBER && leaf->number <= max &&
	    (is_signed || !leaf->is_negative);
}

/* Paths of features that this build does not have. */
static bool
may_lack(const char *path)
{
	if (strstr(path, "]/prof_") != NULL) {
		return true;
	}
	if (strncmp(path, "jemalloc/stats", 14) == 0 &&
	    !config_is("config.stats")) {
		return true;
	}
	static const struct {
		const char *config, *path;
	} gates[] = {{"config.prof", "jemalloc/prof/"},
	    {"config.prof", "jemalloc/opt/prof"},
	    {"config.prof", "jemalloc/opt/lg_prof"},
	    {"config.fill", "jemalloc/opt/junk"},
	    {"config.fill", "jemalloc/opt/zero"},
	    {"config.xmalloc", "jemalloc/opt/xmalloc"}};
	for (size_t i = 0; i < COUNT(gates); i++) {
		if (strncmp(path, gates[i].path, strlen(gates[i].path)) == 0 &&
		    !config_is(gates[i].config)) {
			return true;
		}
	}
	/* Of builds without C++. */
	return strstr(path, "infallible_new") != NULL;
}

/* Count the values that a path of the list stands for, and check them. */
static unsigned
check_path(const char *path, const char *type)
{
	unsigned count = 0;
	char wanted[128], general[128];
	snprintf(wanted, sizeof(wanted), "%s", path);
	bool is_array = strncmp(type, "array", 5) == 0;
	if (is_array) {
		wanted[strlen(wanted) - 2] = '\0';
	}
	for (size_t i = 0; i < now.n; i++) {
		generalise(now.leaves[i].path, general);
		if (strcmp(general, wanted) != 0) {
			continue;
		}
		count++;
		if (!fits_type(&now.leaves[i], type)) {
			fail_msg("%s is not of type %s", now.leaves[i].path,
			    type);
		}
	}
	return count;
}

TEST(all_paths)
{
	unsigned ind = create_arena();
	arena_act(ind, "destroy");
	work_in_threads(2);
	(void)create_arena();
	print("J");
	parse(stats_text, &now);
	FILE *list = fopen(TEST_SRCROOT
	    "/test/integration/data/stats_json_paths.txt",
	    "r");
	assert_non_null(list);
	char line[256];
	unsigned npaths = 0;
	while (fgets(line, sizeof(line), list) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		char *type = strchr(line, '\t');
		if (line[0] == '#' || type == NULL) {
			continue;
		}
		*type++ = '\0';
		npaths++;
		if (check_path(line, type) == 0 && !may_lack(line)) {
			fail_msg("no %s", line);
		}
	}
	fclose(list);
	assert_int_equal(npaths, 385);
}

static void
check_several_times(void)
{
	skip_without_stats();
	unsigned ind = create_arena();
	for (unsigned round = 0; round < 5; round++) {
		work_in_threads(1 + round);
		(void)work(NULL);
		void *p = mallocx(1000 << round,
		    MALLOCX_ARENA(ind) | MALLOCX_TCACHE_NONE);
		assert_non_null(p);
		check_identities();
	}
}

TEST(identities)
{
	check_several_times();
}

TEST_CONF(identities_without_cache, "tcache:false,narenas:2")
{
	check_several_times();
}

TEST_CONF(identities_when_purged, "dirty_decay_ms:0,muzzy_decay_ms:-1")
{
	check_several_times();
}

TEST_CONF(identities_with_classes,
    "disable_large_size_classes:false,"
    "cache_oblivious:false,retain:false")
{
	check_several_times();
}

/* What happened does not become less; what is gone is not there. */
TEST(destroyed)
{
	skip_without_stats();
	unsigned ind = create_arena();
	int flags = MALLOCX_ARENA(ind) | MALLOCX_TCACHE_NONE;
	for (unsigned i = 0; i < 100; i++) {
		assert_non_null(mallocx(64, flags));
		assert_non_null(mallocx(1 << 20, flags));
	}
	arena_act(ind, "destroy");
	print("J");
	parse(stats_text, &now);
	const char *a = "jemalloc/stats.arenas/destroyed";
	static const char *const gone[] = {"pactive", "pdirty", "pmuzzy",
	    "mapped", "retained", "base", "internal", "resident",
	    "tcache_bytes", "extent_avail", "small/allocated",
	    "large/allocated", "bins[4]/curregs", "bins[4]/curslabs"};
	for (size_t i = 0; i < COUNT(gone); i++) {
		assert_equal(number(&now, "%s/%s", a, gone[i]), 0, a, gone[i]);
	}
	assert_equal(number(&now, "%s/small/nmalloc", a), 100, a, "nmalloc");
	assert_equal(number(&now, "%s/large/nmalloc", a), 100, a, "nmalloc");
	assert_equal(number(&now, "%s/large/ndalloc", a), 100, a, "ndalloc");
	assert_null(find(&now, "jemalloc/stats.arenas/destroyed/name"));
}

static bool
is_monotonic(const char *path)
{
	static const char *const ends[] = {"/nmalloc", "/ndalloc", "/nrequests",
	    "/nfills", "/nflushes", "/nreslabs", "_npurge", "_nmadvise",
	    "dirty_purged", "muzzy_purged", "/num_ops", "/num_wait",
	    "/num_spin_acq", "/num_owner_switch", "_wait_time",
	    "/max_num_thds"};
	for (size_t i = 0; i < COUNT(ends); i++) {
		size_t n = strlen(ends[i]), len = strlen(path);
		if (len > n && strcmp(path + len - n, ends[i]) == 0) {
			return true;
		}
	}
	return false;
}

TEST(counters_only_grow)
{
	skip_without_stats();
	work_in_threads(2);
	print("J");
	parse(stats_text, &before);
	work_in_threads(3);
	print("J");
	parse(stats_text, &now);
	for (size_t i = 0; i < before.n; i++) {
		const leaf_t *old = &before.leaves[i];
		if (old->kind == JSON_NUMBER && is_monotonic(old->path)) {
			assert_at_most(old->number,
			    number(&now, "%s", old->path), "before", old->path);
		}
	}
}

static _Atomic bool stop;

static void *
work_on(void *arg)
{
	while (!stop) {
		(void)work(arg);
	}
	return NULL;
}

/* No number is negative or absurd while others work. */
TEST(while_threads_run)
{
	pthread_t threads[2];
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work_on,
				     (void *)(uintptr_t)(i + 1)),
		    0);
	}
	for (unsigned i = 0; i < 30; i++) {
		print(i % 2 == 0 ? "J" : "");
		if (i % 2 != 0) {
			continue;
		}
		parse(stats_text, &now);
		for (size_t j = 0; j < now.n; j++) {
			const leaf_t *leaf = &now.leaves[j];
			if (leaf->kind == JSON_NUMBER &&
			    strncmp(leaf->path, "jemalloc/stats", 14) == 0 &&
			    !leaf->is_negative) {
				assert_at_most(leaf->number, UINT64_C(1) << 60,
				    "value", leaf->path);
			}
		}
	}
	stop = true;
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
}

static void
allocate_and_count(void *opaque, const char *piece)
{
	size_t *n = opaque;
	char *copy = hide(malloc(strlen(piece) + 1));
	strcpy(copy, piece);
	*n += strlen(copy);
	free(copy);
}

/* It ought not to, but programs do. */
TEST(receiver_that_allocates)
{
	size_t n = 0;
	malloc_stats_print(allocate_and_count, &n, NULL);
	assert_true(n > 1000);
}

static harness_child_t child;

typedef struct {
	const char *conf;
	const char *arg;
} program_t;

/* Becomes prog/stats. */
static void
execute(void *opaque)
{
	const program_t *program = opaque;
	char self[2048], path[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(len > 0);
	self[len] = '\0';
	snprintf(path, sizeof(path), "%s/prog/stats", dirname(self));
	setenv(HARNESS_CONF_ENV, program->conf, 1);
	execl(path, "stats", program->arg, (char *)NULL);
	check_failed(path, errno, "execl");
}

static void
run(const char *conf, const char *arg)
{
	program_t program = {conf, arg};
	harness_run_child(execute, &program, &child);
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 0) {
		fail_msg("status 0x%x: %s", (unsigned)child.status, child.err);
	}
}

static unsigned
count(const char *what)
{
	unsigned n = 0;
	for (const char *s = child.err; (s = strstr(s, what)) != NULL; s++) {
		n++;
	}
	return n;
}

#define BEGIN "___ Begin jemalloc statistics ___\n"
#define END "--- End jemalloc statistics ---\n"

TEST(print_at_exit)
{
	run("stats_print:true", "exit");
	assert_int_equal(strncmp(child.err, BEGIN, strlen(BEGIN)), 0);
	assert_int_equal(count(END), 1);
	assert_int_equal(count("Version: "), 1);
	run("stats_print:true,stats_print_opts:gablxehmd", "return");
	assert_int_equal(count(BEGIN), 1);
	assert_int_equal(count("Version: "), 0);
	run("stats_print:true,stats_print_opts:Jablxe", "return");
	parse(child.err, &now);
	assert_non_null(find(&now, "jemalloc/version"));
	run("stats_print:false,stats_print_opts:J", "exit");
	assert_string_equal(child.err, "");
}

TEST(print_at_intervals)
{
	run("stats_interval:1000000,stats_interval_opts:gablxehmd", "exit");
	assert_in_range(count(BEGIN), 5, 7);
	assert_int_equal(count(BEGIN), count(END));
	run("stats_interval:-1", "exit");
	assert_string_equal(child.err, "");
	run("stats_interval:100000000", "exit");
	assert_string_equal(child.err, "");
	run("stats_interval:4000000,stats_interval_opts:Jgablxehmd", "exit");
	parse(child.err, &now);
}
