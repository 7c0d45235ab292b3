#include "stats_support.h"

char stats_text[8 << 20];
static size_t length;
values_t now;
bool arenas_were_reset;

static void
collect(void *opaque, const char *piece)
{
	(void)opaque;
	size_t n = strlen(piece);
	assert_true(length + n < sizeof(stats_text));
	memcpy(stats_text + length, piece, n + 1);
	length += n;
}

void
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

void
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

const leaf_t *
find(const values_t *values, const char *path)
{
	leaf_t key;
	assert_true(strlen(path) < sizeof(key.path));
	strcpy(key.path, path);
	return bsearch(&key, values->leaves, values->n, sizeof(leaf_t),
	    compare);
}

uint64_t
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

void
assert_equal(uint64_t a, uint64_t b, const char *arena, const char *what)
{
	if (a != b) {
		fail_msg("%s: %s: %llu, %llu", arena, what,
		    (unsigned long long)a, (unsigned long long)b);
	}
}

void
assert_at_most(uint64_t a, uint64_t b, const char *arena, const char *what)
{
	if (a > b) {
		fail_msg("%s: %s: %llu > %llu", arena, what,
		    (unsigned long long)a, (unsigned long long)b);
	}
}

bool
config_is(const char *name)
{
	bool is = false;
	size_t size = sizeof(is);
	assert_int_equal(mallctl(name, &is, &size, NULL, 0), 0);
	return is;
}

void
skip_without_stats(void)
{
	if (!config_is("config.stats")) {
		skip();
	}
}

unsigned
create_arena(void)
{
	unsigned ind;
	size_t size = sizeof(ind);
	assert_int_equal(mallctl("arenas.create", &ind, &size, NULL, 0), 0);
	return ind;
}

void
arena_act(unsigned ind, const char *what)
{
	char name[40];
	snprintf(name, sizeof(name), "arena.%u.%s", ind, what);
	assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
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
		uint64_t left = number(&now, "%s/nmalloc", b) -
		    number(&now, "%s/ndalloc", b);
		assert_at_most(curregs, left, b, "curregs");
		if (!arenas_were_reset) {
			assert_equal(curregs, left, b, "curregs");
		}
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
	/* What is mapped beside them is the arena's own data, if it has any. */
	uint64_t own = base + number(&now, "%s/internal", a);
	assert_at_most(pages + own, mapped, a, "mapped");
	assert_equal((mapped - pages) % (64 * KIB), 0, a, "mapped");
	if (own == 0) {
		assert_equal(mapped, pages, a, "mapped");
	}
	uint64_t resident = number(&now, "%s/resident", a);
	uint64_t touched = resident - (pactive + pdirty) * TEST_PAGE;
	assert_equal(resident % TEST_PAGE, 0, a, "resident");
	assert_at_most(own, touched, a, "resident");
	/* Rounded up once in each arena. */
	assert_at_most(touched, own + NARENAS_MAX * TEST_PAGE, a, "resident");
	assert_at_most(number(&now, "%s/dirty_nmadvise", a),
	    number(&now, "%s/dirty_purged", a), a, "dirty_nmadvise");
	assert_at_most(number(&now, "%s/muzzy_nmadvise", a),
	    number(&now, "%s/muzzy_purged", a), a, "muzzy_nmadvise");
	assert_equal(number(&now, "%s/abandoned_vm", a), 0, a, "abandoned_vm");
}

/* Of the same snapshot, a number that is not in the JSON. */
static uint64_t
named(const char *fmt, const char *arena, unsigned i)
{
	char name[96];
	uint64_t value = 0;
	size_t size = sizeof(value);
	snprintf(name, sizeof(name), fmt, arena, i);
	int error = mallctl(name, &value, &size, NULL, 0);
	if (error != 0) {
		fail_msg("%s: error %d", name, error);
	}
	return value;
}

/* Counters that only names have; `key` in JSON is `index` there. */
static void
check_names(const char *a, const char *index)
{
	uint64_t nmalloc = 0, ndalloc = 0;
	for (unsigned i = 0; i < 36; i++) {
		assert_at_most(number(&now, "%s/bins[%u]/curslabs", a, i),
		    named("stats.arenas.%s.bins.%u.nslabs", index, i), a,
		    "curslabs");
	}
	for (unsigned i = 0; i < 196; i++) {
		uint64_t in = named("stats.arenas.%s.lextents.%u.nmalloc",
		    index, i);
		uint64_t out = named("stats.arenas.%s.lextents.%u.ndalloc",
		    index, i);
		assert_equal(in - out,
		    number(&now, "%s/lextents[%u]/curlextents", a, i), a,
		    "curlextents");
		nmalloc += in;
		ndalloc += out;
	}
	assert_equal(nmalloc, number(&now, "%s/large/nmalloc", a), a,
	    "large.nmalloc");
	assert_equal(ndalloc, number(&now, "%s/large/ndalloc", a), a,
	    "large.ndalloc");
}

/* Slabs as the walk over the heap found them are those that bins count. */
static bool
slabs_agree(unsigned i, uint64_t *pinned)
{
	const char *a = "jemalloc/stats.arenas/merged";
	const char *f = "jemalloc/fragmentation/merged";
	uint64_t nregs = number(&now, "jemalloc/arenas/bin[%u]/nregs", i);
	uint64_t size = number(&now, "jemalloc/arenas/bin[%u]/size", i);
	uint64_t slabs = number(&now, "%s/bins[%u]/slabs", f, i);
	uint64_t empty = number(&now, "%s/bins[%u]/empty", f, i);
	uint64_t nfree = (slabs - empty) * nregs -
	    number(&now, "%s/bins[%u]/curregs", a, i);
	*pinned += nfree * size;
	return slabs == number(&now, "%s/bins[%u]/curslabs", a, i) &&
	    nfree * size == number(&now, "%s/bins[%u]/pinned", f, i);
}

/* A thread of the library may do something between the one and the other. */
#define NTRIES 50

static void
check_fragmentation(void)
{
	for (unsigned tries = 0; tries < NTRIES; tries++) {
		uint64_t pinned = 0;
		bool agree = number(&now,
				 "jemalloc/fragmentation/merged/purged") ==
		    number(&now, "jemalloc/stats.arenas/merged/slab_purged");
		for (unsigned i = 0; i < 36; i++) {
			agree = slabs_agree(i, &pinned) && agree;
		}
		if (agree &&
		    pinned ==
			number(&now, "jemalloc/fragmentation/merged/pinned")) {
			return;
		}
		print("J");
		parse(stats_text, &now);
	}
	fail_msg("slabs as found are not those that are counted");
}

/* Descriptors of all that is counted. */
static uint64_t
count_descriptors(void)
{
	const char *a = "jemalloc/stats.arenas/merged";
	uint64_t n = number(&now, "%s/extent_avail", a);
	for (unsigned i = 0; i < 199; i++) {
		n += number(&now, "%s/extents[%u]/ndirty", a, i) +
		    number(&now, "%s/extents[%u]/nmuzzy", a, i) +
		    number(&now, "%s/extents[%u]/nretained", a, i);
	}
	for (unsigned i = 0; i < 196; i++) {
		n += number(&now, "%s/lextents[%u]/curlextents", a, i);
	}
	for (unsigned i = 0; i < 36; i++) {
		n += number(&now, "%s/bins[%u]/curslabs", a, i);
	}
	return n;
}

/*
 * Each descriptor is that of an extent, or spare.  One that a purging thread
 * has at hand is neither for a moment.
 */
static void
check_descriptors(void)
{
	uint64_t n = 1, bytes = 0;
	for (unsigned tries = 0; tries < NTRIES; tries++) {
		n = count_descriptors();
		bytes = number(&now, "jemalloc/stats.arenas/merged/%s",
		    "metadata_edata");
		if (bytes % n == 0 && bytes / n % 64 == 0 && bytes / n <= 256) {
			return;
		}
		print("J");
		parse(stats_text, &now);
	}
	fail_msg("%llu descriptors in %llu bytes", (unsigned long long)n,
	    (unsigned long long)bytes);
}

/* Destroyed arenas hold nothing any more. */
static void
check_destroyed(void)
{
	static const char *const gone[] = {"nthreads", "pactive", "pdirty",
	    "pmuzzy", "mapped", "retained", "base", "internal", "resident",
	    "tcache_bytes", "tcache_stashed_bytes", "extent_avail",
	    "metadata_edata", "metadata_rtree", "metadata_thp",
	    "small/allocated", "large/allocated"};
	const char *a = "jemalloc/stats.arenas/destroyed";
	for (size_t i = 0; i < COUNT(gone); i++) {
		assert_equal(number(&now, "%s/%s", a, gone[i]), 0, a, gone[i]);
	}
	for (unsigned i = 0; i < 36; i++) {
		assert_equal(number(&now, "%s/bins[%u]/curregs", a, i) +
			number(&now, "%s/bins[%u]/curslabs", a, i),
		    0, a, "bins");
		assert_at_most(number(&now, "%s/bins[%u]/ndalloc", a, i),
		    number(&now, "%s/bins[%u]/nmalloc", a, i), a, "ndalloc");
	}
	assert_equal(number(&now, "%s/large/nmalloc", a),
	    number(&now, "%s/large/ndalloc", a), a, "large");
}

/*
 * Nothing where no background thread runs, but for the one that purges for
 * threads that went idle; else what they did.
 */
static void
check_background(void)
{
	const char *b = "jemalloc/stats/background_thread";
	uint64_t nthreads = number(&now, "%s/num_threads", b);
	uint64_t nruns = number(&now, "%s/num_runs", b);
	bool on = false;
	size_t size = sizeof(on);
	(void)mallctl("background_thread", &on, &size, NULL, 0);
	if (!on) {
		assert_at_most(nthreads, 1, b, "off");
	} else {
		assert_true(nthreads >= 1);
		assert_true(
		    nruns != 0 || number(&now, "%s/run_interval", b) == 0);
	}
}

static const char *const arena_mutexes[] = {"large", "extent_avail",
    "extents_dirty", "extents_muzzy", "extents_retained", "decay_dirty",
    "decay_muzzy", "base", "tcache_list", "hpa_shard", "hpa_shard_grow",
    "hpa_sec"};

static void
check_arena(const char *key, const char *index)
{
	char a[64], mutex[40];
	snprintf(a, sizeof(a), "jemalloc/stats.arenas/%s", key);
	check_bins(a);
	check_large(a);
	check_pages(a);
	check_names(a, index);
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
	    number(&now, "%s/base", a), s, "metadata_edata");
	assert_at_most(number(&now, "%s/tcache_bytes", a), allocated, s,
	    "tcache_bytes");
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
		for (unsigned ind = 0; ind < NARENAS_MAX; ind++) {
			char path[160];
			snprintf(path, sizeof(path),
			    "jemalloc/stats.arenas/%u/%s", ind, rest);
			const leaf_t *part = find(&now, path);
			sum += part == NULL ? 0 : part->number;
		}
		assert_equal(leaf->number, sum, "merged", rest);
	}
}

void
check_identities(void)
{
	print("J");
	parse(stats_text, &now);
	check_global();
	check_merged();
	check_arena("merged", "4096");
	check_fragmentation();
	check_descriptors();
	check_background();
	if (find(&now, "jemalloc/stats.arenas/destroyed") != NULL) {
		check_destroyed();
	}
	for (unsigned ind = 0; ind < NARENAS_MAX; ind++) {
		char key[12], path[64];
		snprintf(key, sizeof(key), "%u", ind);
		snprintf(path, sizeof(path), "jemalloc/stats.arenas/%s", key);
		if (find(&now, path) != NULL) {
			check_arena(key, key);
		}
	}
}
