#include "thread/pressure.h"

#include "arena/arenas.h"
#include "meta/options.h"
#include "platform/cgroup.h"
#include "platform/clock.h"
#include "platform/io.h"
#include "platform/pages.h"
#include "thread/idle.h"
#include "thread/tsd.h"

#define FIND_AT ((size_t)64 << 20)
#define LOOK_NS NS_PER_SEC
#define LIMIT_MAX ((size_t)1 << 62)

/* Of the memory that may be taken before the next look. */
#define HEADROOM_SHARE 64

#define NLEVELS 3
static const unsigned percents[NLEVELS] = {80, 90, 95};
#define PERCENT_AIM 85

_Atomic bool pressure_due;
_Atomic uint32_t pressure_flushes;

/* Is there a limit?  What follows is set before, and by no one after. */
static _Atomic bool armed;
static bool by_group;
static LARGE_BSS cgroup_t group;

static _Atomic bool looking;
static _Atomic uint64_t next_look_ns;
static _Atomic size_t limit_seen, usage_seen;
static _Atomic unsigned level_seen;
static _Atomic uint64_t nlooks, npurges;

/* The second number in /proc/self/statm; 0: not to be had. */
static size_t
resident_bytes(void)
{
	char text[128];
	uintmax_t npages;
	const char *end;
	if (cgroup_read_file("/proc/self/statm", text, sizeof(text)) <= 0 ||
	    !io_parse_umax(text, &end, 10, &npages) ||
	    !io_parse_umax(end, &end, 10, &npages)) {
		return 0;
	}
	return (size_t)npages * os_page_size;
}

static size_t
threshold(size_t limit, unsigned percent)
{
	return limit / 100 * percent;
}

static unsigned
level_of(size_t usage, size_t limit)
{
	unsigned level = 0;
	while (level < NLEVELS && usage >= threshold(limit, percents[level])) {
		level++;
	}
	return level;
}

/* Visit all arenas; returns the dirty pages that there were. */
static size_t
for_each_arena(void (*visit)(arena_t *, const void *), const void *arg)
{
	size_t ndirty = 0;
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_hold(ind);
		/* The program's own hooks run in its own calls only. */
		if (arena != NULL && ehooks_are_default(&arena->ehooks)) {
			ndirty += pac_ndirty(&arena->pac);
			visit(arena, arg);
		}
		arenas_hold_end();
	}
	return ndirty;
}

static void
visit_nothing(arena_t *arena, const void *arg)
{
	(void)arena;
	(void)arg;
}

static void
visit_all(arena_t *arena, const void *arg)
{
	(void)arg;
	arena_purge(arena);
}

/* In units of 1/256. */
static void
visit_share(arena_t *arena, const void *share)
{
	size_t ndirty = pac_ndirty(&arena->pac);
	pac_purge_down_to(&arena->pac,
	    ndirty - ndirty * *(const unsigned *)share / 256);
}

/*
 * What is given back: above 90 % as much as leads back to 85 %, half of the
 * dirty memory at least; just half of it below.
 */
static void
give_back(size_t usage, size_t limit, unsigned level)
{
	unsigned share = 128;
	if (level == NLEVELS) {
		(void)for_each_arena(visit_all, NULL);
		return;
	}
	if (level == NLEVELS - 1) {
		size_t excess = usage - threshold(limit, PERCENT_AIM);
		size_t ndirty = for_each_arena(visit_nothing, NULL);
		size_t part = (excess >> LG_PAGE) * 256 / (ndirty + 1) + 1;
		share = part < share ? share
		    : part > 256     ? 256
				     : (unsigned)part;
	}
	(void)for_each_arena(visit_share, &share);
}

/* Each thread does it where it is safe: when it next reaches an event. */
static void
ask_for_caches(void)
{
	atomic_fetch_add_explicit(&pressure_flushes, 1, memory_order_relaxed);
	list_t *states = tsd_list_lock();
	for (list_node_t *node = list_first(states); node != NULL;
	     node = list_next(states, node)) {
		tsd_t *tsd = container_of(node, tsd_t, link);
		__atomic_store_n(&tsd->event_at, 0, __ATOMIC_RELAXED);
	}
	tsd_list_unlock();
}

/* How much may be taken before the next look: half of what is left to 90 %. */
static void
set_headroom(size_t usage, size_t limit)
{
	size_t room = limit / HEADROOM_SHARE + PAGE;
	size_t stop = threshold(limit, percents[1]);
	if (usage < stop && (stop - usage) / 2 > room) {
		room = (stop - usage) / 2;
	}
	atomic_store_explicit(&pac_headroom, (int64_t)room,
	    memory_order_relaxed);
}

static void
note(size_t limit, size_t usage, unsigned level)
{
	atomic_store_explicit(&limit_seen, limit, memory_order_relaxed);
	atomic_store_explicit(&usage_seen, usage, memory_order_relaxed);
	atomic_store_explicit(&level_seen, level, memory_order_relaxed);
	atomic_fetch_add_explicit(&nlooks, 1, memory_order_relaxed);
}

/* Is it long enough ago?  Then it is now. */
static bool
look_is_due(uint64_t now_ns)
{
	uint64_t at = atomic_load_explicit(&next_look_ns, memory_order_relaxed);
	return now_ns >= at &&
	    atomic_compare_exchange_strong_explicit(&next_look_ns, &at,
		now_ns + LOOK_NS, memory_order_relaxed, memory_order_relaxed);
}

/*
 * `more` bytes are about to be used.  What is not urgent is done once a second
 * only, in a `timed` look.
 */
static void
look(size_t more, bool timed)
{
	if (!atomic_load_explicit(&armed, memory_order_acquire) ||
	    atomic_exchange_explicit(&looking, true, memory_order_acquire)) {
		return;
	}
	size_t limit = by_group ? cgroup_memory_limit(&group) : opt.mem_limit;
	if (limit > LIMIT_MAX) {
		/* It was lifted; it may come back. */
		limit = LIMIT_MAX;
	}
	size_t usage = more +
	    (by_group ? cgroup_memory_usage(&group) : resident_bytes());
	unsigned level = level_of(usage, limit);
	note(limit, usage, level);
	set_headroom(usage, limit);
	if (level == NLEVELS && timed) {
		idle_take_all(clock_ns());
	}
	if (level > 1 || (level == 1 && timed)) {
		atomic_fetch_add_explicit(&npurges, 1, memory_order_relaxed);
		give_back(usage, limit, level);
	}
	if (level == NLEVELS && timed) {
		ask_for_caches();
	}
	atomic_store_explicit(&looking, false, memory_order_release);
}

void
pressure_tick(uint64_t now_ns)
{
	if (atomic_load_explicit(&armed, memory_order_relaxed) &&
	    look_is_due(now_ns)) {
		look(0, true);
	}
}

/* The page allocator took as much as we allowed. */
static void
headroom_used(size_t size)
{
	look(size, look_is_due(clock_ns()));
}

static void
arm(void)
{
	atomic_store_explicit(&armed, true, memory_order_release);
	atomic_store_explicit(&arena_ticks_watched, true, memory_order_relaxed);
}

void
pressure_find_limit(void)
{
	if (!atomic_exchange_explicit(&pressure_due, false,
		memory_order_relaxed)) {
		return;
	}
	if (cgroup_memory_find(&group)) {
		by_group = true;
		arm();
		look(0, false);
	}
}

void
pressure_note_grown(size_t total)
{
	static _Atomic bool noted;
	if (opt.mem_limit == OPT_MEM_LIMIT_AUTO && total >= FIND_AT &&
	    !atomic_exchange_explicit(&noted, true, memory_order_relaxed)) {
		atomic_store_explicit(&pressure_due, true,
		    memory_order_relaxed);
	}
}

BOOT void
pressure_boot(void)
{
	pac_headroom_used = headroom_used;
	arena_tick_watcher = pressure_tick;
	if (opt.mem_limit != OPT_MEM_LIMIT_AUTO && opt.mem_limit != 0) {
		/* The first look comes when half of it is in use. */
		atomic_store_explicit(&pac_headroom,
		    (int64_t)((opt.mem_limit < LIMIT_MAX ? opt.mem_limit
							 : LIMIT_MAX) /
			2),
		    memory_order_relaxed);
		atomic_store_explicit(&next_look_ns, clock_ns() + LOOK_NS,
		    memory_order_relaxed);
		arm();
	}
}

void
pressure_stats(pressure_stats_t *stats)
{
	stats->limit = atomic_load_explicit(&limit_seen, memory_order_relaxed);
	stats->usage = atomic_load_explicit(&usage_seen, memory_order_relaxed);
	stats->level = atomic_load_explicit(&level_seen, memory_order_relaxed);
	stats->nlooks = atomic_load_explicit(&nlooks, memory_order_relaxed);
	stats->npurges = atomic_load_explicit(&npurges, memory_order_relaxed);
	stats->nflushes = atomic_load_explicit(&pressure_flushes,
	    memory_order_relaxed);
}

void
pressure_postfork_child(void)
{
	atomic_store_explicit(&looking, false, memory_order_relaxed);
}
