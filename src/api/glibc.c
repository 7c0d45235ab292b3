/*
 * glibc: the C library's own questions about the heap, answered by ours.
 *
 * A program that runs on this library in the place of glibc's malloc may still
 * call mallinfo() and its like, which would describe a heap that nobody uses.
 * Here they say what is true of ours, as far as their terms fit:
 *
 *   a heap or arena      an arena
 *   mmapped              in large blocks
 *   fast, "tcache"       waiting in caches of threads
 *   top, trimmable       free pages that still hold memory
 *
 * Locking: counters of bins are read below their locks, others are atomic.
 * What is read while other threads work is true of no single moment.
 *
 * Not for: other C libraries, builds with a prefix (which leave glibc's heap in
 * use) and --disable-glibc-introspection.
 */
#include "platform/build.h"

#if CONFIG_GLIBC_INTROSPECTION
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

#include "api/alloc.h"
#include "api/init.h"
#include "ctl/ctl.h"
#include "platform/io.h"
#include "thread/tcache.h"

#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks,
	    uordblks, fordblks, keepcost;
};
struct mallinfo2 mallinfo2(void);
#endif

/* What there is in one arena, or in all. */
typedef struct {
	size_t mapped; /* bytes, without what was given back */
	size_t small; /* bytes that left the slabs */
	size_t large; /* bytes in large blocks */
	size_t nlarge;
	size_t cached; /* of these bytes, free in caches of threads */
	size_t dirty; /* bytes of free pages */
	size_t nfree; /* free regions of slabs */
	size_t purged; /* bytes of slabs that were given back */
} totals_t;

static size_t
read_counter(const _Atomic uint64_t *counter)
{
	return (size_t)atomic_load_explicit(counter, memory_order_relaxed);
}

static void
add_bin(bin_t *bin, unsigned szind, totals_t *totals)
{
	mutex_lock(&bin->lock);
	const bin_stats_t *stats = &bin->stats;
	size_t used = (size_t)(stats->nmalloc - stats->ndalloc - stats->nreset);
	totals->small += used * bin_infos[szind].reg_size;
	totals->nfree += stats->curslabs * bin_infos[szind].nregs - used;
	totals->purged += stats->npages_purged << LG_PAGE;
	mutex_unlock(&bin->lock);
}

static void
add_arena(arena_t *arena, void *opaque)
{
	totals_t *totals = opaque;
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		for (unsigned i = 0; i < arena_nshards(arena, szind); i++) {
			add_bin(arena_bin(arena, szind, i), szind, totals);
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(arena->lextents); i++) {
		size_t ndalloc = read_counter(&arena->lextents[i].ndalloc);
		totals->nlarge += read_counter(&arena->lextents[i].nmalloc) -
		    ndalloc;
	}
	totals->large += atomic_load_explicit(&arena->large_allocated,
	    memory_order_relaxed);
	totals->mapped += atomic_load_explicit(&arena->pac.mapped,
	    memory_order_relaxed);
	totals->dirty +=
	    (pac_ndirty(&arena->pac) + ecache_npages(&arena->pac.muzzy))
	    << LG_PAGE;
	list_t *states = tsd_list_lock();
	for (list_node_t *node = list_first(states); node != NULL;
	     node = list_next(states, node)) {
		tsd_t *tsd = container_of(node, tsd_t, link);
		if (tcache_arena_seen(tsd) == arena) {
			totals->cached += tcache_bytes_seen(tsd);
		}
	}
	tsd_list_unlock();
}

static totals_t
all_arenas(void)
{
	totals_t totals = {0};
	if (init_done()) {
		arenas_visit(add_arena, &totals);
	}
	return totals;
}

/* Bytes that the program has; counters of other threads may lag behind. */
static size_t
in_use(const totals_t *totals)
{
	size_t bytes = totals->small + totals->large;
	return bytes > totals->cached ? bytes - totals->cached : 0;
}

/* Bytes that were not given back. */
static size_t
kept(void)
{
	totals_t totals = all_arenas();
	return totals.mapped - totals.purged;
}

EXPORT int
malloc_trim(size_t pad)
{
	(void)pad;
	if (!init_done()) {
		return 0;
	}
	int saved = errno;
	size_t before = kept();
	(void)!ctl_by_name("thread.tcache.flush", NULL, NULL, NULL, 0);
	(void)!ctl_by_name("arena.4096.purge", NULL, NULL, NULL, 0);
	errno = saved;
	return kept() < before;
}

EXPORT struct mallinfo2
mallinfo2(void)
{
	totals_t totals = all_arenas();
	size_t used = in_use(&totals);
	size_t small = totals.mapped > totals.large
	    ? totals.mapped - totals.large
	    : 0;
	return (struct mallinfo2){
	    .arena = small,
	    .ordblks = totals.nfree,
	    .hblks = totals.nlarge,
	    .hblkhd = totals.large,
	    .fsmblks = totals.cached,
	    .uordblks = used,
	    .fordblks = totals.mapped > used ? totals.mapped - used : 0,
	    .keepcost = totals.dirty,
	};
}

static int
clip(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

EXPORT struct mallinfo
mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();
	return (struct mallinfo){
	    .arena = clip(info.arena),
	    .ordblks = clip(info.ordblks),
	    .hblks = clip(info.hblks),
	    .hblkhd = clip(info.hblkhd),
	    .fsmblks = clip(info.fsmblks),
	    .uordblks = clip(info.uordblks),
	    .fordblks = clip(info.fordblks),
	    .keepcost = clip(info.keepcost),
	};
}

/* Elements that a heap and the whole have in common. */
static void
write_totals(FILE *file, const totals_t *totals)
{
	char text[512];
	io_snprintf(text, sizeof(text),
	    "<total type=\"fast\" size=\"%zu\"/>\n"
	    "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n"
	    "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
	    "<system type=\"current\" size=\"%zu\"/>\n"
	    "<aspace type=\"total\" size=\"%zu\"/>\n",
	    totals->cached, totals->nfree, totals->dirty, totals->nlarge,
	    totals->large, totals->mapped, totals->mapped);
	fputs(text, file);
}

/* An arena's totals are taken below locks and written without. */
static void
write_heap(FILE *file, unsigned ind)
{
	totals_t totals = {0};
	if (arenas_visit_one(ind, add_arena, &totals)) {
		char text[64];
		io_snprintf(text, sizeof(text), "<heap nr=\"%u\">\n", ind);
		fputs(text, file);
		write_totals(file, &totals);
		fputs("</heap>\n", file);
	}
}

EXPORT int
malloc_info(int options, FILE *file)
{
	if (options != 0) {
		return EINVAL;
	}
	totals_t totals = all_arenas();
	fputs("<malloc version=\"1\">\n", file);
	for (unsigned ind = 0; init_done() && ind < arenas_count(); ind++) {
		write_heap(file, ind);
	}
	write_totals(file, &totals);
	fputs("</malloc>\n", file);
	return 0;
}

static void
print_totals(const totals_t *totals)
{
	io_printf("system bytes     = %10zu\nin use bytes     = %10zu\n",
	    totals->mapped, in_use(totals));
}

EXPORT void
malloc_stats(void)
{
	totals_t all = all_arenas();
	for (unsigned ind = 0; init_done() && ind < arenas_count(); ind++) {
		totals_t totals = {0};
		if (arenas_visit_one(ind, add_arena, &totals)) {
			io_printf("Arena %u:\n", ind);
			print_totals(&totals);
		}
	}
	io_printf("Total:\n");
	print_totals(&all);
	io_printf("large regions    = %10zu\nlarge bytes      = %10zu\n",
	    all.nlarge, all.large);
}

/* Give free memory back at once (0), never (-1), or with time. */
static bool
set_trimming(int value)
{
	if (value > 0) {
		return true;
	}
	ssize_t ms = value;
	return ctl_by_name("arenas.dirty_decay_ms", NULL, NULL, &ms,
		   sizeof(ms)) == 0 &&
	    ctl_by_name("arena.0.dirty_decay_ms", NULL, NULL, &ms,
		sizeof(ms)) == 0;
}

EXPORT int
mallopt(int param, int value)
{
	if (!init_done()) {
		return 0;
	}
	switch (param) {
	case M_TRIM_THRESHOLD:
		return set_trimming(value < 0 ? -1 : value);
	case M_ARENA_MAX:
		if (value > 0) {
			arenas_limit_open((unsigned)value);
		}
		return value >= 0;
	case M_PERTURB:
		alloc_perturb((uint8_t)value);
		return config_fill;
	default:
		/* Nothing here works by such a number. */
		return 0;
	}
}
#endif
