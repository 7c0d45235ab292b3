/*
 * lockcount: a library that writes, when the program ends, what the
 * allocator's own statistics say of its mutexes.
 *
 * Preloaded behind an allocator with mallctl: "locks N" times that a mutex was
 * taken, "spun N" and "waited N" of them after spinning or sleeping, all
 * mutexes of all arenas and bins together; "slow N" the calls that did not end
 * in a thread's cache (fills and flushes); and "by_NAME N", the first for each
 * kind of mutex.  Nothing without mallctl.
 */
#include "bench.h"

#define ALL_ARENAS "4096"

extern int
mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));

static const char *const global[] = {
    "background_thread",
    "max_per_bg_thd",
    "ctl",
    "prof",
    "prof_thds_data",
    "prof_dump",
    "prof_recent_alloc",
    "prof_recent_dump",
    "prof_stats",
};

static const char *const of_arena[] = {
    "large",
    "extent_avail",
    "extents_dirty",
    "extents_muzzy",
    "extents_retained",
    "decay_dirty",
    "decay_muzzy",
    "base",
    "tcache_list",
    "hpa_shard",
    "hpa_shard_grow",
    "hpa_sec",
};

static uint64_t locks, spun, waited;

static size_t
append(char *text, size_t at, const char *part)
{
	size_t n = strlen(part);

	memcpy(text + at, part, n + 1);
	return at + n;
}

/* The number under PREFIX NAME SUFFIX, 0 if there is none. */
static uint64_t
number(const char *prefix, const char *name, const char *suffix)
{
	char text[128];
	uint64_t value = 0;
	size_t size = sizeof(value);

	append(text, append(text, append(text, 0, prefix), name), suffix);
	return mallctl(text, &value, &size, NULL, 0) == 0 ? value : 0;
}

/* Returns how often it was taken. */
static uint64_t
count(const char *prefix, const char *name, const char *infix)
{
	char text[64];
	size_t at = append(text, 0, infix);
	uint64_t taken;

	append(text, at, ".num_ops");
	taken = number(prefix, name, text);
	locks += taken;
	append(text, at, ".num_spin_acq");
	spun += number(prefix, name, text);
	append(text, at, ".num_wait");
	waited += number(prefix, name, text);
	return taken;
}

static void
count_and_say(const char *prefix, const char *name)
{
	char text[64];

	append(text, append(text, 0, "by_"), name);
	say_number(text, count(prefix, name, ""));
}

static uint64_t
count_bins(void)
{
	unsigned nbins = 0, i;
	size_t size = sizeof(nbins);
	uint64_t slow = 0, taken = 0;

	if (mallctl("arenas.nbins", &nbins, &size, NULL, 0) != 0) {
		return 0;
	}
	for (i = 0; i < nbins; i++) {
		char name[4] = {(char)('0' + i / 10), (char)('0' + i % 10)};
		const char *digits = i < 10 ? name + 1 : name;
		const char *prefix = "stats.arenas." ALL_ARENAS ".bins.";

		taken += count(prefix, digits, ".mutex");
		slow += number(prefix, digits, ".nfills");
		slow += number(prefix, digits, ".nflushes");
	}
	say_number("by_bins", taken);
	return slow;
}

__attribute__((destructor)) static void
lockcount_end(void)
{
	uint64_t epoch = 1, slow;
	size_t i;

	if (mallctl == NULL ||
	    mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0) {
		return;
	}
	for (i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
		count_and_say("stats.mutexes.", global[i]);
	}
	for (i = 0; i < sizeof(of_arena) / sizeof(of_arena[0]); i++) {
		count_and_say("stats.arenas." ALL_ARENAS ".mutexes.",
		    of_arena[i]);
	}
	slow = count_bins();
	say_number("locks", locks);
	say_number("spun", spun);
	say_number("waited", waited);
	say_number("slow", slow);
}
