#include "ctl/stats_print.h"

#include <stdarg.h>
#include <string.h>

#include "arena/arenas.h"
#include "platform/io.h"
#include "thread/tcache.h"

/* Where the text goes. */
typedef struct {
	void (*write_cb)(void *, const char *);
	void *cbopaque;
} sink_t;

static void emit(sink_t *sink, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
emit(sink_t *sink, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	va_start(ap, fmt);
	(void)io_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (sink->write_cb != NULL) {
		sink->write_cb(sink->cbopaque, line);
	} else {
		io_message_opaque(sink->cbopaque, line);
	}
}

typedef struct {
	size_t allocated, active, dirty, muzzy, retained, mapped;
	uint64_t nmalloc, ndalloc, nfills, nflushes;
} totals_t;

static void
add_bins(arena_t *arena, totals_t *totals)
{
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_t *bin = &arena->bins[szind];
		mutex_lock(&bin->lock);
		bin_stats_t stats = bin->stats;
		mutex_unlock(&bin->lock);
		totals->allocated += (size_t)(stats.nmalloc - stats.ndalloc) *
		    bin_infos[szind].reg_size;
		totals->nmalloc += stats.nmalloc;
		totals->ndalloc += stats.ndalloc;
		totals->nfills += stats.nfills;
		totals->nflushes += stats.nflushes;
	}
}

static size_t
load(_Atomic size_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void
add_arena(arena_t *arena, totals_t *totals)
{
	add_bins(arena, totals);
	for (unsigned i = 0; i < ARRAY_LEN(arena->lextents); i++) {
		totals->nmalloc += atomic_load_explicit(
		    &arena->lextents[i].nmalloc, memory_order_relaxed);
		totals->ndalloc += atomic_load_explicit(
		    &arena->lextents[i].ndalloc, memory_order_relaxed);
	}
	totals->allocated += load(&arena->large_allocated);
	totals->active += load(&arena->pac.nactive) << LG_PAGE;
	totals->dirty += pac_ndirty(&arena->pac) << LG_PAGE;
	totals->muzzy += ecache_npages(&arena->pac.muzzy) << LG_PAGE;
	totals->retained += ecache_npages(&arena->pac.retained) << LG_PAGE;
	totals->mapped += load(&arena->pac.mapped);
}

static void
emit_bins(sink_t *sink, arena_t *arena)
{
	emit(sink, "bins:           size ind    allocated      nmalloc"
	    "      ndalloc       nfills     nflushes       nslabs"
	    "     curslabs\n");
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		bin_t *bin = &arena->bins[szind];
		mutex_lock(&bin->lock);
		bin_stats_t s = bin->stats;
		mutex_unlock(&bin->lock);
		if (s.nmalloc == 0) {
			continue;
		}
		size_t size = bin_infos[szind].reg_size;
		emit(sink, "%20zu %3u %12zu %12ju %12ju %12ju %12ju %12ju "
		    "%12zu\n", size, szind,
		    (size_t)(s.nmalloc - s.ndalloc) * size,
		    (uintmax_t)s.nmalloc, (uintmax_t)s.ndalloc,
		    (uintmax_t)s.nfills, (uintmax_t)s.nflushes,
		    (uintmax_t)s.nslabs, s.curslabs);
	}
}

static void
emit_arena(sink_t *sink, arena_t *arena, bool bins)
{
	totals_t totals;
	memset(&totals, 0, sizeof(totals));
	add_arena(arena, &totals);
	emit(sink, "arenas[%u]:\nName: %s\nassigned threads: %u\n", arena->ind,
	    arena->name, atomic_load_explicit(&arena->nthreads,
	    memory_order_relaxed));
	emit(sink, "allocated: %zu, active: %zu, dirty: %zu, muzzy: %zu, "
	    "retained: %zu\n", totals.allocated, totals.active, totals.dirty,
	    totals.muzzy, totals.retained);
	if (bins) {
		emit_bins(sink, arena);
	}
}

void
stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts)
{
	sink_t sink = { write_cb, cbopaque };
	opts = opts == NULL ? "" : opts;
	totals_t totals;
	memset(&totals, 0, sizeof(totals));
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		if (arenas_get(ind) != NULL) {
			add_arena(arenas_get(ind), &totals);
		}
	}
	base_t *base = arenas_base0();
	mutex_lock(&base->lock);
	size_t metadata = base->allocated;
	mutex_unlock(&base->lock);
	emit(&sink, "___ Begin jemalloc statistics ___\n");
	if (strchr(opts, 'g') == NULL) {
		emit(&sink, "Version: \"%s\"\nArenas: %u\nQuantum size: %zu\n"
		    "Page size: %zu\n", JEMALLOC_VERSION, n, QUANTUM,
		    (size_t)PAGE);
	}
	emit(&sink, "Allocated: %zu, active: %zu, metadata: %zu, resident: "
	    "%zu, mapped: %zu, retained: %zu\n", totals.allocated,
	    totals.active, metadata, totals.active + totals.dirty + metadata,
	    totals.mapped, totals.retained);
	emit(&sink, "nmalloc: %ju, ndalloc: %ju, nfills: %ju, nflushes: %ju\n",
	    (uintmax_t)totals.nmalloc, (uintmax_t)totals.ndalloc,
	    (uintmax_t)totals.nfills, (uintmax_t)totals.nflushes);
	for (unsigned ind = 0; ind < n && strchr(opts, 'a') == NULL; ind++) {
		if (arenas_get(ind) != NULL) {
			emit_arena(&sink, arenas_get(ind),
			    strchr(opts, 'b') == NULL);
		}
	}
	emit(&sink, "--- End jemalloc statistics ---\n");
}
