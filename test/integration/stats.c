/*
 * stats: the statistics as programs read them: every key path is there with
 * its type, the JSON is JSON at any time, the numbers fit together when
 * nothing moves, and the options that print them do.
 */
#include "support.h"

#include <ctype.h>
#include <libgen.h>
#include <pthread.h>
#include <sys/wait.h>

#include "support/json.h"

#define NLEAVES_MAX 60000

/* A value of an output. */
typedef struct {
	char path[128];
	json_kind_t kind;
	bool is_negative;
	uint64_t number; /* or length of a string or array */
} leaf_t;

/* One output, sorted by path. */
typedef struct {
	leaf_t leaves[NLEAVES_MAX];
	size_t n;
} values_t;

static char text[8 << 20];
static size_t length;
static values_t now, before;

static void
collect(void *opaque, const char *piece)
{
	(void)opaque;
	size_t n = strlen(piece);
	assert_true(length + n < sizeof(text));
	memcpy(text + length, piece, n + 1);
	length += n;
}

static void
print(const char *opts)
{
	length = 0;
	malloc_stats_print(collect, NULL, opts);
}

static void
add_leaf(void *arg, const char *path, json_kind_t kind, const char *value,
    size_t n)
{
	values_t *values = arg;
	assert_true(values->n < NLEAVES_MAX);
	leaf_t *leaf = &values->leaves[values->n++];
	assert_true(strlen(path) < sizeof(leaf->path));
	strcpy(leaf->path, path);
	leaf->kind = kind;
	leaf->is_negative = *value == '-';
	leaf->number = kind == JSON_NUMBER ? strtoull(value, NULL, 10)
	    : kind == JSON_BOOL            ? *value == 't'
					   : n;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const leaf_t *)a)->path, ((const leaf_t *)b)->path);
}

static void
parse(const char *json, values_t *values)
{
	const char *end;
	values->n = 0;
	if (!json_parse(json, add_leaf, values, &end)) {
		fail_msg("no JSON from here on: %.80s", end);
	}
	qsort(values->leaves, values->n, sizeof(leaf_t), compare);
	for (size_t i = 1; i < values->n; i++) {
		if (compare(&values->leaves[i - 1], &values->leaves[i]) == 0) {
			fail_msg("%s is there twice", values->leaves[i].path);
		}
	}
}

static const leaf_t *
find(const values_t *values, const char *path)
{
	leaf_t key;
	assert_true(strlen(path) < sizeof(key.path));
	strcpy(key.path, path);
	return bsearch(&key, values->leaves, values->n, sizeof(leaf_t),
	    compare);
}

/* The number at a path that is put together. */
__attribute__((format(printf, 2, 3))) static uint64_t
number(const values_t *values, const char *fmt, ...)
{
	char path[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	const leaf_t *leaf = find(values, path);
	if (leaf == NULL) {
		fail_msg("no %s", path);
	}
	return leaf->number;
}

static void
assert_equal(uint64_t a, uint64_t b, const char *arena, const char *what)
{
	if (a != b) {
		fail_msg("%s: %s: %llu, %llu", arena, what,
		    (unsigned long long)a, (unsigned long long)b);
	}
}

static void
assert_at_most(uint64_t a, uint64_t b, const char *arena, const char *what)
{
	if (a > b) {
		fail_msg("%s: %s: %llu > %llu", arena, what,
		    (unsigned long long)a, (unsigned long long)b);
	}
}

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

static bool
config_is(const char *name)
{
	bool is = false;
	size_t size = sizeof(is);
	assert_int_equal(mallctl(name, &is, &size, NULL, 0), 0);
	return is;
}

static void
skip_without_stats(void)
{
	if (!config_is("config.stats")) {
		skip();
	}
}

static unsigned
create_arena(void)
{
	unsigned ind;
	size_t size = sizeof(ind);
	assert_int_equal(mallctl("arenas.create", &ind, &size, NULL, 0), 0);
	return ind;
}

static void
arena_act(unsigned ind, const char *what)
{
	char name[40];
	snprintf(name, sizeof(name), "arena.%u.%s", ind, what);
	assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
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
	parse(text, &now);
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

/* What is in one record: locks, sums over classes, pages. */
static void
check_mutex(const char *arena, const char *path)
{
	char name[96];
	snprintf(name, sizeof(name), "%s/%s", arena, path);
	uint64_t ops = number(&now, "%s/num_ops", name);
	assert_at_most(number(&now, "%s/num_owner_switch", name), ops, name,
	    "num_owner_switch");
	assert_at_most(number(&now, "%s/num_wait", name) +
		number(&now, "%s/num_spin_acq", name),
	    ops, name, "num_wait");
	assert_at_most(number(&now, "%s/max_wait_time", name),
	    number(&now, "%s/total_wait_time", name), name, "max_wait_time");
}

static void
check_bins(const char *a)
{
	uint64_t bytes = 0, nmalloc = 0, ndalloc = 0, nrequests = 0;
	uint64_t nfills = 0, nflushes = 0;
	for (unsigned i = 0; i < 36; i++) {
		char b[96], mutex[32];
		snprintf(b, sizeof(b), "%s/bins[%u]", a, i);
		uint64_t curregs = number(&now, "%s/curregs", b);
		uint64_t curslabs = number(&now, "%s/curslabs", b);
		assert_equal(curregs,
		    number(&now, "%s/nmalloc", b) -
			number(&now, "%s/ndalloc", b),
		    b, "curregs");
		assert_at_most(curregs,
		    curslabs * number(&now, "jemalloc/arenas/bin[%u]/nregs", i),
		    b, "curregs");
		assert_at_most(number(&now, "%s/nonfull_slabs", b), curslabs, b,
		    "nonfull_slabs");
		bytes += curregs *
		    number(&now, "jemalloc/arenas/bin[%u]/size", i);
		nmalloc += number(&now, "%s/nmalloc", b);
		ndalloc += number(&now, "%s/ndalloc", b);
		nrequests += number(&now, "%s/nrequests", b);
		nfills += number(&now, "%s/nfills", b);
		nflushes += number(&now, "%s/nflushes", b);
		snprintf(mutex, sizeof(mutex), "bins[%u]/mutex", i);
		check_mutex(a, mutex);
	}
	assert_equal(bytes, number(&now, "%s/small/allocated", a), a,
	    "small.allocated");
	assert_equal(nmalloc, number(&now, "%s/small/nmalloc", a), a,
	    "small.nmalloc");
	assert_equal(ndalloc, number(&now, "%s/small/ndalloc", a), a,
	    "small.ndalloc");
	assert_equal(nrequests, number(&now, "%s/small/nrequests", a), a,
	    "small.nrequests");
	assert_equal(nfills, number(&now, "%s/small/nfills", a), a,
	    "small.nfills");
	assert_equal(nflushes, number(&now, "%s/small/nflushes", a), a,
	    "small.nflushes");
}

static void
check_large(const char *a)
{
	uint64_t n = 0, bytes = 0;
	for (unsigned i = 0; i < 196; i++) {
		uint64_t cur = number(&now, "%s/lextents[%u]/curlextents", a,
		    i);
		n += cur;
		bytes += cur *
		    number(&now, "jemalloc/arenas/lextent[%u]/size", i);
	}
	assert_equal(n,
	    number(&now, "%s/large/nmalloc", a) -
		number(&now, "%s/large/ndalloc", a),
	    a, "curlextents");
	assert_at_most(number(&now, "%s/large/allocated", a), bytes, a,
	    "large.allocated");
	assert_equal(number(&now, "%s/large/nfills", a),
	    number(&now, "%s/large/nmalloc", a), a, "large.nfills");
}

static void
check_pages(const char *a)
{
	uint64_t dirty = 0, muzzy = 0, retained = 0;
	for (unsigned i = 0; i < 199; i++) {
		dirty += number(&now, "%s/extents[%u]/dirty_bytes", a, i);
		muzzy += number(&now, "%s/extents[%u]/muzzy_bytes", a, i);
		retained += number(&now, "%s/extents[%u]/retained_bytes", a, i);
	}
	uint64_t pactive = number(&now, "%s/pactive", a);
	uint64_t pdirty = number(&now, "%s/pdirty", a);
	uint64_t pmuzzy = number(&now, "%s/pmuzzy", a);
	uint64_t mapped = number(&now, "%s/mapped", a);
	uint64_t base = number(&now, "%s/base", a);
	uint64_t pages = (pactive + pdirty + pmuzzy) * TEST_PAGE;
	assert_equal(dirty, pdirty * TEST_PAGE, a, "dirty_bytes");
	assert_equal(muzzy, pmuzzy * TEST_PAGE, a, "muzzy_bytes");
	assert_equal(retained, number(&now, "%s/retained", a), a, "retained");
	assert_at_most(pages + base, mapped, a, "mapped");
	assert_at_most(base + (pactive + pdirty) * TEST_PAGE,
	    number(&now, "%s/resident", a), a, "resident");
}

static const char *const arena_mutexes[] = {"large", "extent_avail",
    "extents_dirty", "extents_muzzy", "extents_retained", "decay_dirty",
    "decay_muzzy", "base", "tcache_list", "hpa_shard", "hpa_shard_grow",
    "hpa_sec"};

static void
check_arena(const char *key)
{
	char a[64], mutex[40];
	snprintf(a, sizeof(a), "jemalloc/stats.arenas/%s", key);
	check_bins(a);
	check_large(a);
	check_pages(a);
	for (size_t i = 0; i < COUNT(arena_mutexes); i++) {
		snprintf(mutex, sizeof(mutex), "mutexes/%s", arena_mutexes[i]);
		check_mutex(a, mutex);
	}
}

static void
check_global(void)
{
	const char *a = "jemalloc/stats.arenas/merged";
	const char *s = "jemalloc/stats";
	uint64_t allocated = number(&now, "%s/allocated", s);
	uint64_t active = number(&now, "%s/active", s);
	uint64_t resident = number(&now, "%s/resident", s);
	assert_equal(allocated,
	    number(&now, "%s/small/allocated", a) +
		number(&now, "%s/large/allocated", a),
	    s, "allocated");
	assert_equal(active, number(&now, "%s/pactive", a) * TEST_PAGE, s,
	    "active");
	assert_at_most(allocated, active, s, "allocated");
	assert_at_most(active + 1, resident, s, "active");
	assert_equal(number(&now, "%s/metadata", s),
	    number(&now, "%s/base", a) + number(&now, "%s/internal", a), s,
	    "metadata");
	assert_at_most(number(&now, "%s/metadata_edata", s) +
		number(&now, "%s/metadata_rtree", s),
	    number(&now, "%s/metadata", s), s, "metadata_edata");
	static const char *const same[] = {"metadata_edata", "metadata_rtree",
	    "metadata_thp", "resident", "mapped", "retained"};
	for (size_t i = 0; i < COUNT(same); i++) {
		assert_equal(number(&now, "%s/%s", s, same[i]),
		    number(&now, "%s/%s", a, same[i]), s, same[i]);
	}
}

/* Is it a number that does not add up over arenas? */
static bool
is_no_sum(const char *path)
{
	return strstr(path, "uptime") != NULL ||
	    strstr(path, "decay_ms") != NULL || strstr(path, "/max_") != NULL;
}

static void
check_merged(void)
{
	static const char merged[] = "jemalloc/stats.arenas/merged/";
	for (size_t i = 0; i < now.n; i++) {
		const leaf_t *leaf = &now.leaves[i];
		if (strncmp(leaf->path, merged, sizeof(merged) - 1) != 0 ||
		    leaf->kind != JSON_NUMBER || is_no_sum(leaf->path)) {
			continue;
		}
		const char *rest = leaf->path + sizeof(merged) - 1;
		uint64_t sum = 0;
		for (unsigned ind = 0; ind < 32; ind++) {
			char path[160];
			snprintf(path, sizeof(path),
			    "jemalloc/stats.arenas/%u/%s", ind, rest);
			const leaf_t *part = find(&now, path);
			sum += part == NULL ? 0 : part->number;
		}
		assert_equal(leaf->number, sum, "merged", rest);
	}
}

static void
check_identities(void)
{
	print("J");
	parse(text, &now);
	check_global();
	check_merged();
	check_arena("merged");
	for (unsigned ind = 0; ind < 32; ind++) {
		char key[12], path[64];
		snprintf(key, sizeof(key), "%u", ind);
		snprintf(path, sizeof(path), "jemalloc/stats.arenas/%s", key);
		if (find(&now, path) != NULL) {
			check_arena(key);
		}
	}
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
	parse(text, &now);
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
	    "_purged", "/num_ops", "/num_wait", "/num_spin_acq",
	    "/num_owner_switch", "_wait_time", "/max_num_thds"};
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
	parse(text, &before);
	work_in_threads(3);
	print("J");
	parse(text, &now);
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
		parse(text, &now);
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
