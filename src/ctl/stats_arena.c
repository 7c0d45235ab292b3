#include "ctl/stats_arena.h"

#include <string.h>

#include "arena/arenas.h"
#include "ctl/ctl_table.h"
#include "platform/io.h"

/* A column of text, and one of its rate per second if `rate` is a width. */
typedef struct {
	char title[22];
	uint8_t width;
	uint8_t rate;
	uint8_t type; /* emit_type_t */
	uint16_t offset;
} column_t;

/* Name and place of a member that is called as in the record. */
#define MEMBER(struct_, field) #field, offsetof(struct_, field)
#define TITLE_WIDTH (-21)

const char stats_global_mutex_names[SNAP_NMUTEXES][20] = {
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

const char stats_arena_mutex_names[SNAP_ARENA_NMUTEXES][20] = {
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

static const column_t mutex_columns[] = {
    {"n_lock_ops", 16, 8, EMIT_U64, offsetof(mutex_stats_t, n_ops)},
    {"n_waiting", 16, 8, EMIT_U64, offsetof(mutex_stats_t, n_wait)},
    {"n_spin_acq", 16, 8, EMIT_U64, offsetof(mutex_stats_t, n_spin_acquired)},
    {"n_owner_switch", 16, 8, EMIT_U64,
	offsetof(mutex_stats_t, n_owner_switch)},
    {"total_wait_ns", 16, 10, EMIT_U64, offsetof(mutex_stats_t, total_wait_ns)},
    {"max_wait_ns", 16, 0, EMIT_U64, offsetof(mutex_stats_t, max_wait_ns)},
    {"max_n_thds", 12, 0, EMIT_U32, offsetof(mutex_stats_t, max_n_thds)},
};

static const ctl_field_t decay_members[] = {
    {MEMBER(snap_arena_t, dirty_decay_ms), CTL_SSIZE},
    {MEMBER(snap_arena_t, muzzy_decay_ms), CTL_SSIZE},
    {MEMBER(snap_arena_t, pactive), CTL_SIZE},
    {MEMBER(snap_arena_t, pdirty), CTL_SIZE},
    {MEMBER(snap_arena_t, pmuzzy), CTL_SIZE},
    {MEMBER(snap_arena_t, dirty_npurge), CTL_U64},
    {MEMBER(snap_arena_t, dirty_nmadvise), CTL_U64},
    {MEMBER(snap_arena_t, dirty_purged), CTL_U64},
    {MEMBER(snap_arena_t, muzzy_npurge), CTL_U64},
    {MEMBER(snap_arena_t, muzzy_nmadvise), CTL_U64},
    {MEMBER(snap_arena_t, muzzy_purged), CTL_U64},
};

static const ctl_field_t sizes_members[] = {
    {MEMBER(snap_sizes_t, allocated), CTL_SIZE},
    {MEMBER(snap_sizes_t, nmalloc), CTL_U64},
    {MEMBER(snap_sizes_t, ndalloc), CTL_U64},
    {MEMBER(snap_sizes_t, nrequests), CTL_U64},
    {MEMBER(snap_sizes_t, nfills), CTL_U64},
    {MEMBER(snap_sizes_t, nflushes), CTL_U64},
};

static const column_t sizes_columns[] = {
    {"allocated", 16, 0, EMIT_SIZE, offsetof(snap_sizes_t, allocated)},
    {"nmalloc", 16, 10, EMIT_U64, offsetof(snap_sizes_t, nmalloc)},
    {"ndalloc", 16, 10, EMIT_U64, offsetof(snap_sizes_t, ndalloc)},
    {"nrequests", 16, 10, EMIT_U64, offsetof(snap_sizes_t, nrequests)},
    {"nfill", 16, 10, EMIT_U64, offsetof(snap_sizes_t, nfills)},
    {"nflush", 16, 10, EMIT_U64, offsetof(snap_sizes_t, nflushes)},
};

/* Members, and rows of text. */
static const ctl_field_t memory_members[] = {
    {MEMBER(snap_arena_t, mapped), CTL_SIZE},
    {MEMBER(snap_arena_t, retained), CTL_SIZE},
    {MEMBER(snap_arena_t, base), CTL_SIZE},
    {MEMBER(snap_arena_t, internal), CTL_SIZE},
    {MEMBER(snap_arena_t, metadata_edata), CTL_SIZE},
    {MEMBER(snap_arena_t, metadata_rtree), CTL_SIZE},
    {MEMBER(snap_arena_t, metadata_thp), CTL_SIZE},
    {MEMBER(snap_arena_t, tcache_bytes), CTL_SIZE},
    {MEMBER(snap_arena_t, tcache_stashed_bytes), CTL_SIZE},
    {MEMBER(snap_arena_t, resident), CTL_SIZE},
    {MEMBER(snap_arena_t, abandoned_vm), CTL_SIZE},
    {MEMBER(snap_arena_t, extent_avail), CTL_SIZE},
    {MEMBER(snap_arena_t, slab_purged), CTL_SIZE},
};

/* Of sampled allocations, by class: none as long as nothing samples. */
typedef struct {
	uint64_t prof_live_requested, prof_live_count;
	uint64_t prof_accum_requested, prof_accum_count;
} prof_counts_t;

static const prof_counts_t prof_counts;

static const ctl_field_t prof_members[] = {
    {MEMBER(prof_counts_t, prof_live_requested), CTL_U64},
    {MEMBER(prof_counts_t, prof_live_count), CTL_U64},
    {MEMBER(prof_counts_t, prof_accum_requested), CTL_U64},
    {MEMBER(prof_counts_t, prof_accum_count), CTL_U64},
};

static const column_t prof_columns[] = {
    {"prof_live_requested", 21, 0, EMIT_U64,
	offsetof(prof_counts_t, prof_live_requested)},
    {"prof_live_count", 17, 0, EMIT_U64,
	offsetof(prof_counts_t, prof_live_count)},
    {"prof_accum_requested", 21, 0, EMIT_U64,
	offsetof(prof_counts_t, prof_accum_requested)},
    {"prof_accum_count", 17, 0, EMIT_U64,
	offsetof(prof_counts_t, prof_accum_count)},
};

static const ctl_field_t bin_members_first[] = {
    {MEMBER(snap_bin_t, nmalloc), CTL_U64},
    {MEMBER(snap_bin_t, ndalloc), CTL_U64},
    {MEMBER(snap_bin_t, curregs), CTL_SIZE},
    {MEMBER(snap_bin_t, nrequests), CTL_U64},
};

static const ctl_field_t bin_members_last[] = {
    {MEMBER(snap_bin_t, nfills), CTL_U64},
    {MEMBER(snap_bin_t, nflushes), CTL_U64},
    {MEMBER(snap_bin_t, nreslabs), CTL_U64},
    {MEMBER(snap_bin_t, curslabs), CTL_SIZE},
    {MEMBER(snap_bin_t, nonfull_slabs), CTL_SIZE},
};

typedef struct {
	size_t size, allocated;
	unsigned ind, nshards, nregs, npages;
	char util[8];
	snap_bin_t bin;
} bin_row_t;

static const column_t bin_columns_first[] = {
    {"size", 20, 0, EMIT_SIZE, offsetof(bin_row_t, size)},
    {"ind", 4, 0, EMIT_U32, offsetof(bin_row_t, ind)},
    {"allocated", 14, 0, EMIT_SIZE, offsetof(bin_row_t, allocated)},
    {"nmalloc", 14, 8, EMIT_U64, offsetof(bin_row_t, bin.nmalloc)},
    {"ndalloc", 14, 8, EMIT_U64, offsetof(bin_row_t, bin.ndalloc)},
    {"nrequests", 15, 10, EMIT_U64, offsetof(bin_row_t, bin.nrequests)},
};

static const column_t bin_columns_last[] = {
    {"nshards", 9, 0, EMIT_U32, offsetof(bin_row_t, nshards)},
    {"curregs", 13, 0, EMIT_SIZE, offsetof(bin_row_t, bin.curregs)},
    {"curslabs", 13, 0, EMIT_SIZE, offsetof(bin_row_t, bin.curslabs)},
    {"nonfull_slabs", 15, 0, EMIT_SIZE, offsetof(bin_row_t, bin.nonfull_slabs)},
    {"regs", 5, 0, EMIT_U32, offsetof(bin_row_t, nregs)},
    {"pgs", 4, 0, EMIT_U32, offsetof(bin_row_t, npages)},
    {"util", 7, 0, EMIT_CHARS, offsetof(bin_row_t, util)},
    {"nfills", 13, 8, EMIT_U64, offsetof(bin_row_t, bin.nfills)},
    {"nflushes", 13, 8, EMIT_U64, offsetof(bin_row_t, bin.nflushes)},
    {"nslabs", 13, 0, EMIT_U64, offsetof(bin_row_t, bin.nslabs)},
    {"nreslabs", 13, 8, EMIT_U64, offsetof(bin_row_t, bin.nreslabs)},
};

static const ctl_field_t lextent_members[] = {
    {MEMBER(snap_lextent_t, curlextents), CTL_SIZE},
};

typedef struct {
	size_t size, allocated;
	unsigned ind;
	snap_lextent_t lextent;
} lextent_row_t;

static const column_t lextent_columns_first[] = {
    {"size", 20, 0, EMIT_SIZE, offsetof(lextent_row_t, size)},
    {"ind", 4, 0, EMIT_U32, offsetof(lextent_row_t, ind)},
    {"allocated", 13, 0, EMIT_SIZE, offsetof(lextent_row_t, allocated)},
    {"nmalloc", 13, 8, EMIT_U64, offsetof(lextent_row_t, lextent.nmalloc)},
    {"ndalloc", 13, 8, EMIT_U64, offsetof(lextent_row_t, lextent.ndalloc)},
    {"nrequests", 13, 8, EMIT_U64, offsetof(lextent_row_t, lextent.nrequests)},
};

static const column_t lextent_columns_last[] = {
    {"curlextents", 13, 0, EMIT_SIZE,
	offsetof(lextent_row_t, lextent.curlextents)},
};

static const ctl_field_t extent_members[] = {
    {MEMBER(snap_extent_t, ndirty), CTL_SIZE},
    {MEMBER(snap_extent_t, nmuzzy), CTL_SIZE},
    {MEMBER(snap_extent_t, nretained), CTL_SIZE},
    {MEMBER(snap_extent_t, dirty_bytes), CTL_SIZE},
    {MEMBER(snap_extent_t, muzzy_bytes), CTL_SIZE},
    {MEMBER(snap_extent_t, retained_bytes), CTL_SIZE},
};

typedef struct {
	size_t size, ntotal, total;
	unsigned ind;
	snap_extent_t extent;
} extent_row_t;

static const column_t extent_columns[] = {
    {"size", 20, 0, EMIT_SIZE, offsetof(extent_row_t, size)},
    {"ind", 4, 0, EMIT_U32, offsetof(extent_row_t, ind)},
    {"ndirty", 13, 0, EMIT_SIZE, offsetof(extent_row_t, extent.ndirty)},
    {"dirty", 13, 0, EMIT_SIZE, offsetof(extent_row_t, extent.dirty_bytes)},
    {"nmuzzy", 13, 0, EMIT_SIZE, offsetof(extent_row_t, extent.nmuzzy)},
    {"muzzy", 13, 0, EMIT_SIZE, offsetof(extent_row_t, extent.muzzy_bytes)},
    {"nretained", 13, 0, EMIT_SIZE, offsetof(extent_row_t, extent.nretained)},
    {"retained", 13, 0, EMIT_SIZE,
	offsetof(extent_row_t, extent.retained_bytes)},
    {"ntotal", 13, 0, EMIT_SIZE, offsetof(extent_row_t, ntotal)},
    {"total", 13, 0, EMIT_SIZE, offsetof(extent_row_t, total)},
};

static const ctl_field_t sec_members[] = {
    {"sec_bytes", offsetof(snap_arena_t, hpa_sec_bytes), CTL_SIZE},
    {"sec_hits", offsetof(snap_arena_t, hpa_sec_hits), CTL_SIZE},
    {"sec_misses", offsetof(snap_arena_t, hpa_sec_misses), CTL_SIZE},
    {"sec_dalloc_noflush", offsetof(snap_arena_t, hpa_sec_dalloc_noflush),
	CTL_SIZE},
    {"sec_dalloc_flush", offsetof(snap_arena_t, hpa_sec_dalloc_flush),
	CTL_SIZE},
    {"sec_overfills", offsetof(snap_arena_t, hpa_sec_overfills), CTL_SIZE},
};

/* The text of each of them. */
static const char sec_labels[][52] = {
    "Bytes in small extent cache",
    "Total hits in small extent cache",
    "Total misses in small extent cache",
    "Dalloc calls without flush in small extent cache",
    "Dalloc calls with flush in small extent cache",
    "sec_fill calls that went over max_bytes",
};

static const ctl_field_t hpa_members[] = {
    {MEMBER(snap_hpa_t, npageslabs), CTL_SIZE},
    {MEMBER(snap_hpa_t, nactive), CTL_SIZE},
    {MEMBER(snap_hpa_t, ndirty), CTL_SIZE},
    {MEMBER(snap_hpa_t, npurge_passes), CTL_U64},
    {MEMBER(snap_hpa_t, npurges), CTL_U64},
    {MEMBER(snap_hpa_t, nhugifies), CTL_U64},
    {MEMBER(snap_hpa_t, nhugify_failures), CTL_U64},
    {MEMBER(snap_hpa_t, ndehugifies), CTL_U64},
};

/* The text of those that have a rate. */
static const char hpa_rate_labels[][20] = {
    "Purge passes",
    "Purges",
    "Hugeifies",
    "Hugify failures",
    "Dehugifies",
};

typedef struct {
	size_t size, nretained_nonhuge;
	unsigned ind;
	snap_slabs_t slabs;
} slabs_row_t;

/* Those from SLABS_HUGE on are members of JSON too, called as here. */
static const column_t slabs_columns[] = {
    {"size", 20, 0, EMIT_SIZE, offsetof(slabs_row_t, size)},
    {"ind", 4, 0, EMIT_U32, offsetof(slabs_row_t, ind)},
    {"npageslabs_huge", 16, 0, EMIT_SIZE,
	offsetof(slabs_row_t, slabs.npageslabs_huge)},
    {"nactive_huge", 16, 0, EMIT_SIZE,
	offsetof(slabs_row_t, slabs.nactive_huge)},
    {"ndirty_huge", 16, 0, EMIT_SIZE, offsetof(slabs_row_t, slabs.ndirty_huge)},
    {"npageslabs_nonhuge", 20, 0, EMIT_SIZE,
	offsetof(slabs_row_t, slabs.npageslabs_nonhuge)},
    {"nactive_nonhuge", 20, 0, EMIT_SIZE,
	offsetof(slabs_row_t, slabs.nactive_nonhuge)},
    {"ndirty_nonhuge", 20, 0, EMIT_SIZE,
	offsetof(slabs_row_t, slabs.ndirty_nonhuge)},
    {"nretained_nonhuge", 20, 0, EMIT_SIZE,
	offsetof(slabs_row_t, nretained_nonhuge)},
};

/* Where the columns of huge slabs and of others start. */
#define SLABS_HUGE 2
#define SLABS_NONHUGE 5

static emit_type_t
emit_type_of(ctl_type_t type)
{
	switch (type) {
	case CTL_U32:
		return EMIT_U32;
	case CTL_U64:
		return EMIT_U64;
	case CTL_SSIZE:
		return EMIT_SSIZE;
	default:
		return EMIT_SIZE;
	}
}

static void
members(emitter_t *emitter, const ctl_field_t *fields, size_t n,
    const void *object)
{
	for (size_t i = 0; i < n; i++) {
		emitter_member(emitter, fields[i].name,
		    emit_type_of(fields[i].type),
		    (const char *)object + fields[i].offset);
	}
}

/* Per second; what is younger than a second counts as one. */
static uint64_t
per_second(uint64_t value, uint64_t uptime)
{
	uint64_t seconds = uptime / UINT64_C(1000000000);
	return uptime == 0 ? 0 : seconds == 0 ? value : value / seconds;
}

/* `narrower`: what the caller wrote where the first column starts. */
static void
titles(emitter_t *emitter, const column_t *columns, size_t n, int narrower)
{
	for (size_t i = 0; i < n; i++) {
		emitter_cell(emitter, columns[i].width - narrower, EMIT_CHARS,
		    columns[i].title);
		if (columns[i].rate != 0) {
			emitter_cell(emitter, columns[i].rate, EMIT_CHARS,
			    "(#/sec)");
		}
		narrower = 0;
	}
}

static void
cells(emitter_t *emitter, const column_t *columns, size_t n, const void *object,
    uint64_t uptime)
{
	for (size_t i = 0; i < n; i++) {
		const void *value = (const char *)object + columns[i].offset;
		emitter_cell(emitter, columns[i].width, columns[i].type, value);
		if (columns[i].rate != 0) {
			uint64_t rate = per_second(*(const uint64_t *)value,
			    uptime);
			emitter_cell(emitter, columns[i].rate, EMIT_U64, &rate);
		}
	}
}

#define MEMBERS(emitter, fields, object)                                       \
	members(emitter, fields, ARRAY_LEN(fields), object)
#define TITLES(emitter, columns) titles(emitter, columns, ARRAY_LEN(columns), 0)
#define CELLS(emitter, columns, object, uptime)                                \
	cells(emitter, columns, ARRAY_LEN(columns), object, uptime)

/* One line for all rows that are left out until the next one. */
static bool
is_left_out(emitter_t *emitter, bool leave_out, bool *in_gap)
{
	if (leave_out && !*in_gap) {
		emitter_printf(emitter, "%21s---\n", "");
	}
	*in_gap = leave_out;
	return leave_out;
}

static void
mutex_members(emitter_t *emitter, const char *key, const mutex_stats_t *stats)
{
	unsigned n;
	const ctl_field_t *fields = ctl_fields(CTL_FIELDS_MUTEX, &n);
	emitter_object_begin(emitter, key);
	members(emitter, fields, n, stats);
	emitter_object_end(emitter);
}

static void
mutexes(emitter_t *emitter, const char names[][20], size_t n,
    const mutex_stats_t *stats, uint64_t uptime)
{
	emitter_object_begin(emitter, "mutexes");
	emitter_cell(emitter, TITLE_WIDTH, EMIT_CHARS, "");
	TITLES(emitter, mutex_columns);
	for (size_t i = 0; i < n; i++) {
		mutex_members(emitter, names[i], &stats[i]);
		emitter_printf(emitter, "\n");
		emitter_cell(emitter, TITLE_WIDTH, EMIT_CHARS, names[i]);
		CELLS(emitter, mutex_columns, &stats[i], uptime);
	}
	emitter_printf(emitter, "\n");
	emitter_object_end(emitter);
}

void
stats_global_mutexes_print(emitter_t *emitter,
    const mutex_stats_t stats[SNAP_NMUTEXES], uint64_t uptime)
{
	mutexes(emitter, stats_global_mutex_names, SNAP_NMUTEXES, stats,
	    uptime);
}

static void
decay_row(emitter_t *emitter, const char *title, ssize_t decay_ms,
    size_t npages, const uint64_t counts[3])
{
	emitter_cell(emitter, 9, EMIT_CHARS, title);
	if (decay_ms < 0) {
		emitter_cell(emitter, 6, EMIT_CHARS, "N/A");
	} else {
		emitter_cell(emitter, 6, EMIT_SSIZE, &decay_ms);
	}
	emitter_cell(emitter, 13, EMIT_SIZE, &npages);
	for (unsigned i = 0; i < 3; i++) {
		emitter_cell(emitter, 13, EMIT_U64, &counts[i]);
	}
	emitter_printf(emitter, "\n");
}

static void
decay(emitter_t *emitter, const snap_arena_t *arena)
{
	MEMBERS(emitter, decay_members, arena);
	emitter_printf(emitter, "%9s%6s%13s%13s%13s%13s\n", "decaying:", "time",
	    "npages", "sweeps", "madvises", "purged");
	decay_row(emitter, "dirty:", arena->dirty_decay_ms, arena->pdirty,
	    (const uint64_t[]){arena->dirty_npurge, arena->dirty_nmadvise,
		arena->dirty_purged});
	decay_row(emitter, "muzzy:", arena->muzzy_decay_ms, arena->pmuzzy,
	    (const uint64_t[]){arena->muzzy_npurge, arena->muzzy_nmadvise,
		arena->muzzy_purged});
}

static void
sizes_row(emitter_t *emitter, const char *title, const snap_sizes_t *sizes,
    uint64_t uptime)
{
	emitter_cell(emitter, TITLE_WIDTH, EMIT_CHARS, title);
	CELLS(emitter, sizes_columns, sizes, uptime);
	emitter_printf(emitter, "\n");
}

static void
sizes(emitter_t *emitter, const snap_arena_t *arena)
{
	const snap_sizes_t *small = &arena->small, *large = &arena->large;
	emitter_object_begin(emitter, "small");
	MEMBERS(emitter, sizes_members, small);
	emitter_object_end(emitter);
	emitter_object_begin(emitter, "large");
	MEMBERS(emitter, sizes_members, large);
	emitter_object_end(emitter);
	emitter_cell(emitter, TITLE_WIDTH, EMIT_CHARS, "");
	TITLES(emitter, sizes_columns);
	emitter_printf(emitter, "\n");
	snap_sizes_t total = {
	    .allocated = small->allocated + large->allocated,
	    .nmalloc = small->nmalloc + large->nmalloc,
	    .ndalloc = small->ndalloc + large->ndalloc,
	    .nrequests = small->nrequests + large->nrequests,
	    .nfills = small->nfills + large->nfills,
	    .nflushes = small->nflushes + large->nflushes,
	};
	sizes_row(emitter, "small:", small, arena->uptime);
	sizes_row(emitter, "large:", large, arena->uptime);
	sizes_row(emitter, "total:", &total, arena->uptime);
}

static void
memory_row(emitter_t *emitter, const char *title, size_t value)
{
	char label[32];
	(void)io_snprintf(label, sizeof(label), "%s:", title);
	emitter_cell(emitter, TITLE_WIDTH, EMIT_CHARS, label);
	emitter_cell(emitter, 16, EMIT_SIZE, &value);
	emitter_printf(emitter, "\n");
}

static void
memory(emitter_t *emitter, const snap_arena_t *arena)
{
	MEMBERS(emitter, memory_members, arena);
	emitter_printf(emitter, "%37s\n", "");
	memory_row(emitter, "active", arena->pactive << LG_PAGE);
	for (size_t i = 0; i < ARRAY_LEN(memory_members); i++) {
		memory_row(emitter, memory_members[i].name,
		    *(const size_t *)((const char *)arena +
			memory_members[i].offset));
	}
}

/* How much of the slabs is used: "1", "0.123" or "race". */
static void
utilisation(const snap_bin_t *bin, size_t nregs, char text[8])
{
	size_t most = nregs * bin->curslabs;
	if (bin->curregs < most) {
		(void)io_snprintf(text, 8, "0.%03u",
		    (unsigned)(bin->curregs * 1000 / most));
	} else {
		memcpy(text, bin->curregs == most ? "1\0\0\0" : "race", 5);
	}
}

static void
bin_object(emitter_t *emitter, const snap_bin_t *bin,
    const stats_parts_t *parts, bool prof)
{
	emitter_object_begin(emitter, NULL);
	MEMBERS(emitter, bin_members_first, bin);
	if (prof) {
		MEMBERS(emitter, prof_members, &prof_counts);
	}
	MEMBERS(emitter, bin_members_last, bin);
	if (parts->mutexes) {
		mutex_members(emitter, "mutex", &bin->mutex);
	}
	emitter_object_end(emitter);
}

static void
bin_row(emitter_t *emitter, unsigned ind, const snap_arena_t *arena,
    const stats_parts_t *parts, bool prof)
{
	const bin_info_t *info = &bin_infos[ind];
	bin_row_t row = {
	    .size = info->reg_size,
	    .ind = ind,
	    .allocated = arena->bins[ind].curregs * info->reg_size,
	    .nshards = arenas_nshards(ind),
	    .nregs = info->nregs,
	    .npages = info->slab_size >> LG_PAGE,
	    .bin = arena->bins[ind],
	};
	utilisation(&row.bin, row.nregs, row.util);
	CELLS(emitter, bin_columns_first, &row, arena->uptime);
	if (prof) {
		CELLS(emitter, prof_columns, &prof_counts, arena->uptime);
	}
	CELLS(emitter, bin_columns_last, &row, arena->uptime);
	if (parts->mutexes) {
		CELLS(emitter, mutex_columns, &row.bin.mutex, arena->uptime);
	}
	emitter_printf(emitter, "\n");
}

static void
bins(emitter_t *emitter, const snap_arena_t *arena, const stats_parts_t *parts,
    bool prof)
{
	emitter_array_begin(emitter, "bins");
	emitter_printf(emitter, "bins:");
	titles(emitter, bin_columns_first, ARRAY_LEN(bin_columns_first), 5);
	if (prof) {
		TITLES(emitter, prof_columns);
	}
	TITLES(emitter, bin_columns_last);
	if (parts->mutexes) {
		TITLES(emitter, mutex_columns);
	}
	emitter_printf(emitter, "\n");
	bool in_gap = false;
	for (unsigned ind = 0; ind < SC_NBINS; ind++) {
		bin_object(emitter, &arena->bins[ind], parts, prof);
		if (!is_left_out(emitter, arena->bins[ind].nslabs == 0,
			&in_gap)) {
			bin_row(emitter, ind, arena, parts, prof);
		}
	}
	emitter_array_end(emitter);
}

static void
lextent(emitter_t *emitter, unsigned i, const snap_arena_t *arena, bool prof,
    bool *in_gap)
{
	lextent_row_t row = {
	    .size = szind_size(SC_NBINS + i),
	    .ind = SC_NBINS + i,
	    .lextent = arena->lextents[i],
	};
	row.allocated = row.lextent.curlextents * row.size;
	emitter_object_begin(emitter, NULL);
	if (prof) {
		MEMBERS(emitter, prof_members, &prof_counts);
	}
	MEMBERS(emitter, lextent_members, &row.lextent);
	emitter_object_end(emitter);
	if (is_left_out(emitter, row.lextent.nrequests == 0, in_gap)) {
		return;
	}
	CELLS(emitter, lextent_columns_first, &row, arena->uptime);
	if (prof) {
		CELLS(emitter, prof_columns, &prof_counts, arena->uptime);
	}
	CELLS(emitter, lextent_columns_last, &row, arena->uptime);
	emitter_printf(emitter, "\n");
}

static void
lextents(emitter_t *emitter, const snap_arena_t *arena, bool prof)
{
	emitter_array_begin(emitter, "lextents");
	emitter_printf(emitter, "large:");
	titles(emitter, lextent_columns_first, ARRAY_LEN(lextent_columns_first),
	    6);
	if (prof) {
		TITLES(emitter, prof_columns);
	}
	TITLES(emitter, lextent_columns_last);
	emitter_printf(emitter, "\n");
	bool in_gap = false;
	for (unsigned i = 0; i < SNAP_NLEXTENTS; i++) {
		lextent(emitter, i, arena, prof, &in_gap);
	}
	emitter_array_end(emitter);
}

static void
extents(emitter_t *emitter, const snap_arena_t *arena)
{
	emitter_array_begin(emitter, "extents");
	emitter_printf(emitter, "extents:");
	titles(emitter, extent_columns, ARRAY_LEN(extent_columns), 8);
	emitter_printf(emitter, "\n");
	bool in_gap = false;
	for (unsigned i = 0; i < SC_NPSIZES; i++) {
		const snap_extent_t *extent = &arena->extents[i];
		emitter_object_begin(emitter, NULL);
		MEMBERS(emitter, extent_members, extent);
		emitter_object_end(emitter);
		extent_row_t row = {
		    .size = pszind_size(i),
		    .ind = i,
		    .ntotal = extent->ndirty + extent->nmuzzy +
			extent->nretained,
		    .total = extent->dirty_bytes + extent->muzzy_bytes +
			extent->retained_bytes,
		    .extent = *extent,
		};
		if (!is_left_out(emitter, row.ntotal == 0, &in_gap)) {
			CELLS(emitter, extent_columns, &row, arena->uptime);
			emitter_printf(emitter, "\n");
		}
	}
	emitter_array_end(emitter);
}

static slabs_row_t
slabs_row(const snap_slabs_t *slabs, unsigned ind)
{
	return (slabs_row_t){
	    .size = pszind_size(ind),
	    .nretained_nonhuge = (slabs->npageslabs_nonhuge
				     << (LG_HUGEPAGE - LG_PAGE)) -
		slabs->nactive_nonhuge - slabs->ndirty_nonhuge,
	    .ind = ind,
	    .slabs = *slabs,
	};
}

static void
slabs_members(emitter_t *emitter, size_t first, size_t end,
    const slabs_row_t *row)
{
	for (size_t i = first; i < end; i++) {
		emitter_member(emitter, slabs_columns[i].title, EMIT_SIZE,
		    (const char *)row + slabs_columns[i].offset);
	}
}

static void
slabs_object(emitter_t *emitter, const char *key, const snap_slabs_t *slabs)
{
	slabs_row_t row = slabs_row(slabs, 0);
	emitter_object_begin(emitter, key);
	slabs_members(emitter, SLABS_HUGE, ARRAY_LEN(slabs_columns), &row);
	emitter_object_end(emitter);
}

/* Both kinds of members, as text. */
static void
slabs_text(emitter_t *emitter, const char *kind, const snap_slabs_t *slabs)
{
	slabs_row_t row = slabs_row(slabs, 0);
	emitter_printf(emitter, "  In %s slabs:\n", kind);
	emitter_printf(emitter, "      npageslabs: %zu huge, %zu nonhuge\n",
	    slabs->npageslabs_huge, slabs->npageslabs_nonhuge);
	emitter_printf(emitter, "      nactive: %zu huge, %zu nonhuge \n",
	    slabs->nactive_huge, slabs->nactive_nonhuge);
	emitter_printf(emitter, "      ndirty: %zu huge, %zu nonhuge \n",
	    slabs->ndirty_huge, slabs->ndirty_nonhuge);
	emitter_printf(emitter, "      nretained: 0 huge, %zu nonhuge \n",
	    row.nretained_nonhuge);
}

static void
nonfull_slabs(emitter_t *emitter, const snap_hpa_t *hpa)
{
	emitter_array_begin(emitter, "nonfull_slabs");
	emitter_printf(emitter, "  In nonfull slabs:\n");
	TITLES(emitter, slabs_columns);
	emitter_printf(emitter, "\n");
	bool in_gap = false;
	for (unsigned i = 0; i < SNAP_NNONFULL; i++) {
		const snap_slabs_t *slabs = &hpa->nonfull_slabs[i];
		slabs_object(emitter, NULL, slabs);
		if (!is_left_out(emitter,
			slabs->npageslabs_huge == 0 &&
			    slabs->npageslabs_nonhuge == 0,
			&in_gap)) {
			slabs_row_t row = slabs_row(slabs, i);
			CELLS(emitter, slabs_columns, &row, 0);
			emitter_printf(emitter, "\n");
		}
	}
	emitter_array_end(emitter);
}

static void
hpa_counts(emitter_t *emitter, const snap_hpa_t *hpa, uint64_t uptime)
{
	const snap_slabs_t *slabs = &hpa->slabs;
	slabs_row_t row = slabs_row(slabs, 0);
	emitter_printf(emitter,
	    "HPA shard stats:\n"
	    "  Pageslabs: %zu (%zu huge, %zu nonhuge)\n"
	    "  Active pages: %zu (%zu huge, %zu nonhuge)\n"
	    "  Dirty pages: %zu (%zu huge, %zu nonhuge)\n"
	    "  Retained pages: %zu\n",
	    hpa->npageslabs, slabs->npageslabs_huge, slabs->npageslabs_nonhuge,
	    hpa->nactive, slabs->nactive_huge, slabs->nactive_nonhuge,
	    hpa->ndirty, slabs->ndirty_huge, slabs->ndirty_nonhuge,
	    row.nretained_nonhuge);
	const ctl_field_t *fields = hpa_members + ARRAY_LEN(hpa_members) -
	    ARRAY_LEN(hpa_rate_labels);
	for (size_t i = 0; i < ARRAY_LEN(hpa_rate_labels); i++) {
		uint64_t n = *(
		    const uint64_t *)((const char *)hpa + fields[i].offset);
		emitter_printf(emitter, "  %s: %ju (%ju / sec)\n",
		    hpa_rate_labels[i], (uintmax_t)n,
		    (uintmax_t)per_second(n, uptime));
	}
	emitter_printf(emitter, "\n");
}

static void
hpa_shard(emitter_t *emitter, const snap_arena_t *arena)
{
	const snap_hpa_t *hpa = &arena->hpa;
	emitter_object_begin(emitter, "hpa_shard");
	MEMBERS(emitter, sec_members, arena);
	for (size_t i = 0; i < ARRAY_LEN(sec_members); i++) {
		emitter_printf(emitter, "%s: %zu\n", sec_labels[i],
		    *(const size_t *)((const char *)arena +
			sec_members[i].offset));
	}
	MEMBERS(emitter, hpa_members, hpa);
	hpa_counts(emitter, hpa, arena->uptime);
	slabs_row_t row = slabs_row(&hpa->slabs, 0);
	emitter_object_begin(emitter, "slabs");
	slabs_members(emitter, SLABS_NONHUGE, ARRAY_LEN(slabs_columns), &row);
	slabs_members(emitter, SLABS_HUGE, SLABS_NONHUGE, &row);
	emitter_object_end(emitter);
	slabs_object(emitter, "full_slabs", &hpa->full_slabs);
	slabs_text(emitter, "full", &hpa->full_slabs);
	slabs_object(emitter, "empty_slabs", &hpa->empty_slabs);
	slabs_text(emitter, "empty", &hpa->empty_slabs);
	nonfull_slabs(emitter, hpa);
	emitter_object_end(emitter);
}

void
stats_arena_print(emitter_t *emitter, const snap_arena_t *arena,
    const char *name, const stats_parts_t *parts, bool prof)
{
	if (name != NULL) {
		emitter_kv(emitter, "name", "name", EMIT_STRING, &name);
	}
	emitter_kv(emitter, "nthreads", "assigned threads", EMIT_U32,
	    &arena->nthreads);
	emitter_kv(emitter, "uptime_ns", "uptime", EMIT_U64, &arena->uptime);
	emitter_kv(emitter, "dss", "dss allocation precedence", EMIT_STRING,
	    &arena->dss);
	decay(emitter, arena);
	sizes(emitter, arena);
	memory(emitter, arena);
	if (parts->mutexes) {
		mutexes(emitter, stats_arena_mutex_names, SNAP_ARENA_NMUTEXES,
		    arena->mutexes, arena->uptime);
	}
	if (parts->bins) {
		bins(emitter, arena, parts, prof);
	}
	if (parts->large) {
		lextents(emitter, arena, prof);
	}
	if (parts->extents) {
		extents(emitter, arena);
	}
	if (parts->hpa) {
		hpa_shard(emitter, arena);
	}
}
