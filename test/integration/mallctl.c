/*
 * mallctl: every name, its type, its access and its errors.
 */
#include "mallctl_support.h"

#include <limits.h>
#include <time.h>

typedef enum { BOOL, UNSIGNED, U32, U64, SIZE, PTR, VOID, SPECIAL } type_t;
typedef enum { R = 1, W = 2, RW = 3, ACT = 4 } rights_t;
typedef enum {
	NONE,
	STATS,
	PROF,
	PROF_ON,
	PROF_STATS,
	FILL,
	UTRACE,
	XMALLOC,
	CXX,
	UAF,
	CONF,
	RETAIN
} need_t;

typedef struct {
	const char *path;
	type_t type;
	rights_t rights;
	need_t need;
} name_t;

static const name_t names[] = {
#define NAME(path, type, rights, need) {path, type, rights, need},
#include "mallctl_names.h"
#undef NAME
};

/* The path with 0 for each index. */
static const char *
with_zeros(const char *path)
{
	static char buf[128];
	char *out = buf;
	for (; *path != '\0'; path++) {
		if (*path == '<') {
			*out++ = '0';
			path += 2;
		} else {
			*out++ = *path;
		}
	}
	*out = '\0';
	return buf;
}

static size_t
size_of(type_t type)
{
	static const size_t sizes[] = {[BOOL] = sizeof(bool),
	    [UNSIGNED] = sizeof(unsigned),
	    [U32] = 4,
	    [U64] = 8,
	    [SIZE] = sizeof(size_t),
	    [PTR] = sizeof(void *)};
	return type < VOID ? sizes[type] : 0;
}

static size_t
components(const char *name)
{
	size_t n = 1;
	for (; *name != '\0'; name++) {
		n += *name == '.';
	}
	return n;
}

/* True, false, or -1: it depends. */
static int
is_there(need_t need)
{
	switch (need) {
	case NONE:
		return true;
	case STATS:
		return ctl_bool("config.stats");
	case FILL:
		return ctl_bool("config.fill");
	case UTRACE:
		return ctl_bool("config.utrace");
	case XMALLOC:
		return ctl_bool("config.xmalloc");
	case PROF:
		return ctl_bool("config.prof");
	case RETAIN:
		return ctl_bool("opt.retain");
	case PROF_ON:
	case PROF_STATS:
		return ctl_bool("config.prof") && ctl_bool("opt.prof") ? -1 : 0;
	default:
		return -1;
	}
}

/* These have an order of checks of their own. */
static bool
is_peculiar(const char *path)
{
	static const char *const list[] = {"tcache.create",
	    "stats.mutexes.reset", "prof.log_stop", "thread.prof.name",
	    "experimental.hooks.thread_event",
	    "experimental.hooks.prof_backtrace", "experimental.hooks.prof_dump",
	    "experimental.hooks.prof_sample",
	    "experimental.hooks.prof_sample_free",
	    "experimental.arenas.<i>.pactivep"};
	for (size_t i = 0; i < COUNT(list); i++) {
		if (strcmp(path, list[i]) == 0) {
			return true;
		}
	}
	return false;
}

#define EACH(row)                                                              \
	const name_t *row = names;                                             \
	row < names + COUNT(names);                                            \
	row++

#define expect(name, got, wanted)                                              \
	do {                                                                   \
		int got_ = (got), wanted_ = (wanted);                          \
		if (got_ != wanted_) {                                         \
			print_error("%s: %d, not %d\n", (name), got_,          \
			    wanted_);                                          \
		}                                                              \
		assert_int_equal(got_, wanted_);                               \
	} while (0)

TEST(there_are_440_names)
{
	assert_int_equal(COUNT(names), 440);
}

/* Except for those of sampled classes, names do not depend on the build. */
TEST(all_names_resolve)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		size_t mib[7], length = 7;
		if (row->need == PROF_STATS && is_there(PROF_STATS) == 0) {
			expect(name, mallctlnametomib(name, mib, &length),
			    ENOENT);
			assert_int_equal(length, 7);
			continue;
		}
		expect(name, mallctlnametomib(name, mib, &length), 0);
		assert_int_equal(length, components(name));
	}
}

TEST(roots_have_the_mibs_of_5_3_1)
{
	static const char *const roots[] = {"version", "epoch",
	    "background_thread", "max_background_threads", "thread", "config",
	    "opt", "tcache", "arena", "arenas", "prof", "stats",
	    "approximate_stats", "experimental"};
	for (size_t i = 0; i < COUNT(roots); i++) {
		size_t mib, length = 1;
		expect(roots[i], mallctlnametomib(roots[i], &mib, &length), 0);
		assert_int_equal(mib, i);
	}
}

/* A beginning of a name has a mib, and nothing behind it. */
TEST(beginnings_resolve_and_are_nothing)
{
	for (EACH(row)) {
		char name[128];
		snprintf(name, sizeof(name), "%s", with_zeros(row->path));
		if (row->need == PROF_STATS) {
			continue;
		}
		size_t whole[7], nwhole = 7;
		assert_int_equal(mallctlnametomib(name, whole, &nwhole), 0);
		for (size_t n = 0; n < nwhole; n++) {
			/* By capacity ... */
			size_t mib[7], length = n;
			memset(mib, 0xee, sizeof(mib));
			expect(name, mallctlnametomib(name, mib, &length), 0);
			assert_int_equal(length, n);
			assert_memory_equal(mib, whole, n * sizeof(mib[0]));
			assert_int_equal(mib[n], (size_t)0xeeeeeeeeeeeeeeee);
			expect(name, mallctlbymib(mib, n, NULL, NULL, NULL, 0),
			    ENOENT);
		}
		for (char *dot; (dot = strrchr(name, '.')) != NULL;) {
			/* ... and by text. */
			size_t mib[7], length = 7;
			*dot = '\0';
			expect(name, mallctlnametomib(name, mib, &length), 0);
			assert_memory_equal(mib, whole,
			    length * sizeof(mib[0]));
			expect(name, mallctl(name, NULL, NULL, NULL, 0),
			    ENOENT);
		}
	}
}

static int
read_by_mib(const char *name, void *oldp, size_t *oldlenp)
{
	size_t mib[7], length = 7;
	int error = mallctlnametomib(name, mib, &length);
	return error != 0 ? error
			  : mallctlbymib(mib, length, oldp, oldlenp, NULL, 0);
}

/* What can be read has a size: less and more give a part, and EINVAL. */
TEST(values_are_read_in_their_size)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		size_t size = size_of(row->type);
		int there = is_there(row->need);
		if ((row->rights & R) == 0 || size == 0 ||
		    is_peculiar(row->path)) {
			continue;
		}
		unsigned char value[16], part[16];
		size_t length = size;
		memset(value, 0x5a, sizeof(value));
		int error = mallctl(name, value, &length, NULL, 0);
		if (there == 0 || (there < 0 && error == ENOENT)) {
			expect(name, error, ENOENT);
			assert_int_equal(length, size);
			assert_int_equal(value[0], 0x5a);
			continue;
		}
		expect(name, error, 0);
		assert_int_equal(length, size);
		assert_int_equal(value[size], 0x5a);

		for (size_t n = 0; n < size; n++) {
			length = n;
			memset(part, 0x5a, sizeof(part));
			expect(name, mallctl(name, part, &length, NULL, 0),
			    EINVAL);
			assert_int_equal(length, n);
			assert_int_equal(part[n], 0x5a);
		}
		length = size + 1;
		memset(part, 0x5a, sizeof(part));
		expect(name, read_by_mib(name, part, &length), EINVAL);
		assert_int_equal(length, size);
		assert_int_equal(part[size], 0x5a);
		/* Half of a place to put it: nothing is read. */
		expect(name, mallctl(name, NULL, &length, NULL, 0), 0);
		expect(name, mallctl(name, value, NULL, NULL, 0), 0);
		expect(name, mallctl(name, NULL, NULL, NULL, 0), 0);
	}
}

TEST(what_is_read_only_refuses_writes)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		uint64_t value = 1;
		if (row->rights != R || is_peculiar(row->path) ||
		    is_there(row->need) != true) {
			continue;
		}
		expect(name, mallctl(name, NULL, NULL, &value, sizeof(value)),
		    EPERM);
		expect(name, mallctl(name, NULL, NULL, NULL, 1), EPERM);
		expect(name, mallctl(name, NULL, NULL, &value, 0), EPERM);
	}
}

TEST(what_is_write_only_refuses_reads)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		uint64_t value = 1;
		size_t length = sizeof(value);
		if (row->rights != W || is_peculiar(row->path) ||
		    is_there(row->need) != true) {
			continue;
		}
		expect(name, mallctl(name, &value, &length, NULL, 0), EPERM);
		expect(name, mallctl(name, NULL, &length, NULL, 0), EPERM);
		expect(name, mallctl(name, &value, NULL, NULL, 0), EPERM);
		expect(name, mallctl(name, NULL, NULL, &value, 3), EINVAL);
	}
}

TEST(actions_refuse_all_arguments)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		uint64_t value = 1;
		size_t length = sizeof(value);
		if (row->rights != ACT || is_peculiar(row->path) ||
		    is_there(row->need) != true) {
			continue;
		}
		expect(name, mallctl(name, &value, NULL, NULL, 0), EPERM);
		expect(name, mallctl(name, NULL, &length, NULL, 0), EPERM);
		expect(name, mallctl(name, NULL, NULL, &value, 0), EPERM);
		expect(name, mallctl(name, NULL, NULL, NULL, 8), EPERM);
	}
}

/* A new value of a wrong size changes nothing; none is none, of any size. */
TEST(writes_have_a_size)
{
	for (EACH(row)) {
		const char *name = with_zeros(row->path);
		size_t size = size_of(row->type);
		unsigned char before[8], after[8], value[16] = {1};
		size_t length = size;
		if (row->rights != RW || size == 0 || is_peculiar(row->path) ||
		    is_there(row->need) != true) {
			continue;
		}
		expect(name, mallctl(name, before, &length, NULL, 8), 0);
		if (strncmp(name, "prof.", 5) != 0 &&
		    strncmp(name, "thread.prof", 11) != 0) {
			expect(name, mallctl(name, NULL, NULL, value, size + 1),
			    EINVAL);
			expect(name, mallctl(name, NULL, NULL, value, size - 1),
			    EINVAL);
		}
		expect(name, mallctl(name, after, &length, NULL, 0), 0);
		assert_memory_equal(before, after, size);
	}
}

TEST(peculiar_names)
{
	uint64_t value = 1;
	size_t length = sizeof(value);
	unsigned ind = 7;
	/* Arguments are ignored. */
	if (ctl_bool("config.stats")) {
		assert_int_equal(mallctl("stats.mutexes.reset", &value, &length,
				     &value, sizeof(value)),
		    0);
	}
	/* Creators set the length to 0. */
	assert_int_equal(mallctl("tcache.create", &value, &length, NULL, 0),
	    EINVAL);
	assert_int_equal(length, 0);
	length = sizeof(ind);
	assert_int_equal(mallctl("tcache.create", &ind, &length, &ind, 4),
	    EPERM);
	assert_int_equal(mallctl("tcache.create", NULL, NULL, NULL, 0), EINVAL);
	length = 8;
	assert_int_equal(mallctl("arenas.create", &value, &length, NULL, 0),
	    EINVAL);
	assert_int_equal(length, 0);
	length = sizeof(ind);
	assert_int_equal(mallctl("arenas.create", &ind, &length, &value, 4),
	    EINVAL);
	assert_int_equal(length, sizeof(ind));
	length = 4;
	assert_int_equal(mallctl("experimental.batch_alloc", &value, &length,
			     NULL, 0),
	    EINVAL);
	assert_int_equal(length, 0);
}

/* The side effects of calls whose reading fails. */
TEST(effects_of_failed_reads)
{
	char small[1];
	size_t length = 1;
	uint64_t epoch = 1;
	/* The epoch advances. */
	uint64_t before = ctl_u64("epoch");
	assert_int_equal(mallctl("epoch", small, &length, &epoch, 8), EINVAL);
	assert_int_equal(ctl_u64("epoch"), before + 1);
	/* The cache is turned off. */
	bool off = false, on = true;
	length = 0;
	assert_int_equal(mallctl("thread.tcache.enabled", small, &length, &off,
			     1),
	    EINVAL);
	assert_false(ctl_bool("thread.tcache.enabled"));
	assert_int_equal(CTL_PUT(on, "thread.tcache.enabled"), 0);
	/* But these stay. */
	size_t max = 1024;
	length = 1;
	assert_int_equal(mallctl("thread.tcache.max", small, &length, &max,
			     sizeof(max)),
	    EINVAL);
	assert_int_equal(ctl_size("thread.tcache.max"), 32768);
	ssize_t ms = 77;
	length = 1;
	assert_int_equal(mallctl("arena.0.dirty_decay_ms", small, &length, &ms,
			     sizeof(ms)),
	    EINVAL);
	assert_int_not_equal(ctl_ssize("arena.0.dirty_decay_ms"), 77);
	length = 1;
	assert_int_equal(mallctl("arenas.muzzy_decay_ms", small, &length, &ms,
			     sizeof(ms)),
	    EINVAL);
	assert_int_not_equal(ctl_ssize("arenas.muzzy_decay_ms"), 77);
	unsigned ind = ctl_arena_new(NULL);
	length = 1;
	assert_int_equal(mallctl("thread.arena", small, &length, &ind, 4),
	    EINVAL);
	assert_int_not_equal(ctl_unsigned("thread.arena"), ind);
	/* And this is read before the index turns out to be wrong. */
	unsigned bad = 4000, old = UINT_MAX;
	length = 4;
	assert_int_equal(mallctl("thread.arena", &old, &length, &bad, 4),
	    EFAULT);
	assert_int_equal(old, ctl_unsigned("thread.arena"));
	/* The growth limit changes. */
	if (!ctl_bool("opt.retain")) {
		return;
	}
	size_t limit = TEST_PAGE;
	length = 1;
	assert_int_equal(mallctl("arena.0.retain_grow_limit", small, &length,
			     &limit, sizeof(limit)),
	    EINVAL);
	assert_int_equal(ctl_size("arena.0.retain_grow_limit"), limit);
}

TEST(wrong_names)
{
	static const char *const wrong[] = {"", ".", "..", "x", "versio",
	    "versionx", "version.", "version.x", ".version", "arena..decay",
	    "arena.x.decay", "arena.-1.decay", "arena.4098.decay",
	    "arena.99999999999999999999.decay", "arenas.bin.36.size",
	    "arenas.bin..size", "arenas.bin.0.", "arenas.lextent.196.size",
	    "stats.arenas.0.bins.36.nmalloc",
	    "stats.arenas.0.extents.199.ndirty",
	    "stats.arenas.0.lextents.196.nmalloc",
	    "stats.arenas.0.hpa_shard.nonfull_slabs.64.nactive_huge",
	    "stats.arenas.4097.nthreads", "stats.arenas.4095.nthreads",
	    "dirty_decay_ms", "narenas", "arenas.destroy", "opt",
	    "opt.narenas_ratio", "opt.lg_tcache_max", "thread", "arena.0"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		size_t value, length = sizeof(value);
		expect(wrong[i], mallctl(wrong[i], &value, &length, NULL, 0),
		    ENOENT);
		assert_int_equal(length, sizeof(value));
	}
	size_t mib[7] = {0}, length = 7;
	assert_int_equal(mallctlnametomib("arena.x", mib, &length), ENOENT);
	assert_int_equal(length, 7);
}

/* Indices are read as strtoul does. */
TEST(lenient_indices)
{
	static const struct {
		const char *name;
		size_t size;
	} rows[] = {{"arenas.bin.0abc.size", 8}, {"arenas.bin.0x1.size", 8},
	    {"arenas.bin.010.size", 192}, {"arenas.bin.+1.size", 16},
	    {"arenas.bin.  2.size", 32}, {"arenas.bin.2 .size", 32},
	    {"arenas.bin.-0.size", 8}, {"arenas.lextent.00.size", 16384}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(ctl_size("%s", rows[i].name), rows[i].size);
	}
}

TEST(short_capacity_is_not_looked_beyond)
{
	size_t mib[7] = {0}, length = 3;
	assert_int_equal(mallctlnametomib("arenas.bin.0.nregs", mib, &length),
	    0);
	assert_int_equal(length, 3);
	length = 2;
	assert_int_equal(mallctlnametomib("arenas.bin.x.y", mib, &length), 0);
	assert_int_equal(length, 2);
	length = 0;
	assert_int_equal(mallctlnametomib("nonsense", mib, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(mallctlnametomib("", mib, &length), ENOENT);
}

TEST(mibs_can_be_patched)
{
	size_t mib[7], length = 7, size, value;
	assert_int_equal(mallctlnametomib("arenas.bin.0.size", mib, &length),
	    0);
	for (unsigned i = 0; i < 36; i++) {
		mib[2] = i;
		size = sizeof(value);
		assert_int_equal(mallctlbymib(mib, length, &value, &size, NULL,
				     0),
		    0);
		assert_int_equal(value, ctl_size("arenas.bin.%u.size", i));
	}
	mib[2] = 36;
	assert_int_equal(mallctlbymib(mib, length, &value, &size, NULL, 0),
	    ENOENT);
	mib[2] = 0;
	assert_int_equal(mallctlbymib(mib, 3, &value, &size, NULL, 0), ENOENT);
	assert_int_equal(mallctlbymib(mib, 5, &value, &size, NULL, 0), ENOENT);
	assert_int_equal(mallctlbymib(mib, 0, &value, &size, NULL, 0), ENOENT);
}

TEST(constants)
{
	assert_string_equal(ctl_text("version"), JEMALLOC_VERSION);
	assert_int_equal(ctl_size("arenas.quantum"), 16);
	assert_int_equal(ctl_size("arenas.page"), 4096);
	assert_int_equal(ctl_size("arenas.hugepage"), 2 * MIB);
	assert_int_equal(ctl_size("arenas.tcache_max"), 32768);
	assert_int_equal(ctl_unsigned("arenas.nbins"), 36);
	assert_int_equal(ctl_unsigned("arenas.nhbins"), 41);
	assert_int_equal(ctl_unsigned("arenas.nlextents"), 196);
	assert_int_equal(ctl_size("arenas.lextent.0.size"), 16384);
	assert_int_equal(ctl_size("arenas.lextent.195.size"), LARGE_MAX);
	for (unsigned i = 0; i < 36; i++) {
		size_t size = ctl_size("arenas.bin.%u.size", i);
		unsigned nregs = ctl_unsigned("arenas.bin.%u.nregs", i);
		size_t slab = ctl_size("arenas.bin.%u.slab_size", i);
		assert_int_equal(model_usize(size), size);
		assert_int_equal(slab % 4096, 0);
		assert_int_equal(slab, nregs * size);
		/* One on up to two processors, and of all that are larger. */
		unsigned nshards = ctl_unsigned("arenas.bin.%u.nshards", i);
		assert_in_range(nshards, 1,
		    size <= 128 && sysconf(_SC_NPROCESSORS_ONLN) > 2 ? 16 : 1);
	}
	assert_int_equal(ctl_unsigned("arenas.narenas"),
	    ctl_unsigned("opt.narenas") + 1);
}

TEST_CONF(options_are_read,
    "dirty_decay_ms:1234,dss:primary,"
    "narenas:3,stats_print_opts:gJ")
{
	assert_int_equal(ctl_ssize("opt.dirty_decay_ms"), 1234);
	assert_string_equal(ctl_text("opt.dss"), "primary");
	assert_int_equal(ctl_unsigned("opt.narenas"), 3);
	assert_int_equal(ctl_unsigned("arenas.narenas"), 4);
	assert_string_equal(ctl_text("opt.stats_print_opts"), "gJ");
	/* Behind what the environment may have had before. */
	static const char text[] = "dirty_decay_ms:1234,dss:primary,narenas:3,"
				   "stats_print_opts:gJ";
	const char *all = ctl_text("opt.malloc_conf.env_var");
	assert_true(strlen(all) >= strlen(text));
	assert_string_equal(all + strlen(all) - strlen(text), text);
	assert_int_equal(ctl_ssize("arenas.dirty_decay_ms"), 1234);
	assert_int_equal(ctl_ssize("arena.0.dirty_decay_ms"), 1234);
}

/* Random bytes after a valid beginning, random mibs, random lengths. */
static uint64_t
rnd(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void
mutate(char *name, uint64_t *state)
{
	static const char letters[] = "..01<i>abc-+ \xff%s_narenas";
	size_t length = strlen(name);
	for (uint64_t n = rnd(state) % 3; n > 0 && length > 0; n--) {
		name[rnd(state) % length] =
		    letters[rnd(state) % (sizeof(letters) - 1)];
	}
	if (rnd(state) % 8 == 0) {
		name[rnd(state) % (length + 1)] = '\0';
	}
}

/* Names that change what the other tests of the loop rely on. */
static bool
is_harmless(const char *name)
{
	return strncmp(name, "arena.", 6) != 0 &&
	    strncmp(name, "experimental.hooks", 18) != 0 &&
	    strstr(name, "create") == NULL && strstr(name, "query") == NULL &&
	    strncmp(name, "tcache", 6) != 0 && strstr(name, "ncached") == NULL;
}

TEST(random_names)
{
	uint64_t seed = 20240229;
	clock_t end = clock() + CLOCKS_PER_SEC;
	for (unsigned i = 0; i < 200000 && clock() < end; i++) {
		char name[160];
		snprintf(name, sizeof(name), "%s",
		    with_zeros(names[rnd(&seed) % COUNT(names)].path));
		mutate(name, &seed);
		size_t mib[8], length = rnd(&seed) % 8;
		size_t capacity = length;
		mib[capacity] = 0x1234;
		if (mallctlnametomib(name, mib, &length) != 0) {
			assert_int_equal(length, capacity);
		}
		assert_true(length <= capacity);
		assert_int_equal(mib[capacity], 0x1234);
		if (is_harmless(name)) {
			unsigned char buf[64];
			size_t size = rnd(&seed) % 17;
			memset(buf, 0, sizeof(buf));
			(void)mallctl(name, buf, &size, NULL, 0);
		}
	}
}

TEST(random_mibs)
{
	uint64_t seed = 1;
	clock_t end = clock() + CLOCKS_PER_SEC;
	for (unsigned i = 0; i < 200000 && clock() < end; i++) {
		size_t mib[10], length = rnd(&seed) % 10;
		for (size_t j = 0; j < length; j++) {
			mib[j] = rnd(&seed) % 16 == 0 ? rnd(&seed) << 31
						      : rnd(&seed) % 40;
		}
		/* What acts on arenas and caches is left out. */
		if (length > 0 &&
		    (mib[0] == 7 || mib[0] == 8 || mib[0] == 13 ||
			(mib[0] == 4 && mib[1] == 5))) {
			continue;
		}
		unsigned char buf[64] = {0};
		size_t size = rnd(&seed) % 17;
		(void)mallctlbymib(mib, length, buf, &size, NULL, 0);
	}
	free(hide(malloc(100)));
}
