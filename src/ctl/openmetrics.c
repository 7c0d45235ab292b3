#include "ctl/openmetrics.h"

#include <string.h>

#include "arena/bin_info.h"
#include "ctl/ctl.h"
#include "ctl/ctl_table.h"
#include "ctl/frag.h"
#include "ctl/ledger.h"
#include "platform/clock.h"
#include "platform/io.h"

/* Longest number, and longest text of all labels of a sample. */
#define NUMBER_SIZE 32
#define LABELS_SIZE 80

typedef enum { GAUGE, COUNTER } kind_t;

/* How a number becomes the value of a sample. */
typedef enum {
	AS_IT_IS,
	PAGES, /* in bytes */
	NS, /* in seconds */
	MS, /* likewise; -1 stays */
	REGIONS, /* of the class, in bytes */
	SLABS /* likewise */
} scale_t;

/*
 * A sample.  Rows of the same name make a metric, and have the kind and the
 * words of the first.  The end of the name is the unit, if there is one.
 */
typedef struct {
	char name[34]; /* without prefix and `_total` */
	char labels[18];
	uint8_t kind; /* kind_t */
	uint8_t type; /* ctl_type_t */
	uint8_t scale; /* scale_t */
	uint16_t offset;
	char help[76];
} row_t;

#define GLOBAL(field) offsetof(snapshot_t, field)
#define ARENA(field) offsetof(snap_arena_t, field)
#define BIN(field) offsetof(snap_bin_t, field)
#define LARGE(field) offsetof(snap_lextent_t, field)
#define EXTENT(field) offsetof(snap_extent_t, field)
#define MUTEX(field) offsetof(mutex_stats_t, field)
#define HPA(field) offsetof(snap_hpa_t, field)

static const row_t global_rows[] = {
    {"epochs", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(epoch),
	"Times that statistics were gathered."},
    {"allocated_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(allocated),
	"Bytes in blocks that the program or a thread's cache has."},
    {"active_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(active),
	"Bytes in pages with such blocks."},
    {"resident_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(resident),
	"Bytes in pages that may be in memory."},
    {"mapped_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(mapped),
	"Bytes of address space in use."},
    {"retained_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(retained),
	"Bytes of address space that is kept without memory."},
    {"metadata_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(metadata),
	"Bytes of the allocator's own data."},
    {"metadata_edata_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS,
	GLOBAL(metadata_edata), "Bytes of descriptors of extents."},
    {"metadata_rtree_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS,
	GLOBAL(metadata_rtree), "Bytes of the page map."},
    {"metadata_huge_pages", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(metadata_thp),
	"Huge pages of the allocator's own data."},
    {"background_threads", "", GAUGE, CTL_SIZE, AS_IT_IS,
	GLOBAL(background_num_threads), "Threads that purge."},
    {"background_thread_runs", "", COUNTER, CTL_U64, AS_IT_IS,
	GLOBAL(background_num_runs), "Times that such threads woke up."},
    {"background_sleep_seconds", "", GAUGE, CTL_U64, NS,
	GLOBAL(background_run_interval), "Average sleep of such threads."},
};

/* Only where something was taken. */
static const row_t idle_rows[] = {
    {"idle_caches_taken", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(idle_ntaken),
	"Times that blocks were taken from the cache of an idle thread."},
    {"idle_caches_missed", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(idle_nmissed),
	"Times that they were not, because the thread was at work."},
    {"idle_caches_blocks", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(idle_nblocks),
	"Blocks that were taken from caches of idle threads."},
    {"idle_caches_bytes", "", COUNTER, CTL_SIZE, AS_IT_IS, GLOBAL(idle_bytes),
	"Bytes of them."},
};

/* Only where there is a limit. */
static const row_t limit_rows[] = {
    {"limit_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(pressure_limit),
	"The limit of memory that is respected."},
    {"limit_usage_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, GLOBAL(pressure_usage),
	"What counts against that limit."},
    {"limit_level", "", GAUGE, CTL_U32, AS_IT_IS, GLOBAL(pressure_level),
	"How near the limit is, from 0."},
    {"limit_looks", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(pressure_nlooks),
	"Times that the usage was looked at."},
    {"limit_purges", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(pressure_npurges),
	"Times that pages were given back for the limit."},
    {"limit_flushes", "", COUNTER, CTL_U64, AS_IT_IS, GLOBAL(pressure_nflushes),
	"Times that threads emptied their caches for the limit."},
};

/* Settings, of single arenas only. */
static const row_t setting_rows[] = {
    {"uptime_seconds", "", GAUGE, CTL_U64, NS, ARENA(uptime),
	"Age of the arena."},
    {"decay_seconds", "state=\"dirty\"", GAUGE, CTL_SSIZE, MS,
	ARENA(dirty_decay_ms), "Time until unused pages go; -1 is never."},
    {"decay_seconds", "state=\"muzzy\"", GAUGE, CTL_SSIZE, MS,
	ARENA(muzzy_decay_ms), ""},
};

static const row_t arena_rows[] = {
    {"threads", "", GAUGE, CTL_UNSIGNED, AS_IT_IS, ARENA(nthreads),
	"Threads that allocate there."},
    {"allocated_bytes", "kind=\"small\"", GAUGE, CTL_SIZE, AS_IT_IS,
	ARENA(small.allocated), "Bytes in blocks, those in caches included."},
    {"allocated_bytes", "kind=\"large\"", GAUGE, CTL_SIZE, AS_IT_IS,
	ARENA(large.allocated), ""},
    {"page_bytes", "state=\"active\"", GAUGE, CTL_SIZE, PAGES, ARENA(pactive),
	"Bytes in pages: with blocks, unused, or offered to the kernel."},
    {"page_bytes", "state=\"dirty\"", GAUGE, CTL_SIZE, PAGES, ARENA(pdirty),
	""},
    {"page_bytes", "state=\"muzzy\"", GAUGE, CTL_SIZE, PAGES, ARENA(pmuzzy),
	""},
    {"mapped_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(mapped),
	"Bytes of address space in use."},
    {"retained_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(retained),
	"Bytes of address space that is kept without memory."},
    {"resident_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(resident),
	"Bytes in pages that may be in memory."},
    {"base_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(base),
	"Bytes of the allocator's lasting data."},
    {"internal_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(internal),
	"Bytes of the allocator's passing data."},
    {"edata_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(metadata_edata),
	"Bytes of descriptors of extents."},
    {"rtree_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(metadata_rtree),
	"Bytes of the page map."},
    {"metadata_huge_pages", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(metadata_thp),
	"Huge pages of the allocator's own data."},
    {"unused_edata", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(extent_avail),
	"Descriptors of extents to spare."},
    {"tcache_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS, ARENA(tcache_bytes),
	"Bytes in caches of threads."},
    {"stashed_bytes", "", GAUGE, CTL_SIZE, AS_IT_IS,
	ARENA(tcache_stashed_bytes), "Freed bytes that wait to be checked."},
    {"abandoned_bytes", "", COUNTER, CTL_SIZE, AS_IT_IS, ARENA(abandoned_vm),
	"Bytes of address space that could not be given back."},
    {"mallocs", "kind=\"small\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(small.nmalloc), "Blocks that left the arena."},
    {"mallocs", "kind=\"large\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(large.nmalloc), ""},
    {"frees", "kind=\"small\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(small.ndalloc), "Blocks that came back to the arena."},
    {"frees", "kind=\"large\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(large.ndalloc), ""},
    {"requests", "kind=\"small\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(small.nrequests), "Requests, those that caches served included."},
    {"requests", "kind=\"large\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(large.nrequests), ""},
    {"fills", "kind=\"small\"", COUNTER, CTL_U64, AS_IT_IS, ARENA(small.nfills),
	"Times that caches were filled."},
    {"fills", "kind=\"large\"", COUNTER, CTL_U64, AS_IT_IS, ARENA(large.nfills),
	""},
    {"flushes", "kind=\"small\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(small.nflushes), "Times that caches gave blocks back."},
    {"flushes", "kind=\"large\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(large.nflushes), ""},
    {"purges", "state=\"dirty\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(dirty_npurge), "Times that unused pages were given back."},
    {"purges", "state=\"muzzy\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(muzzy_npurge), ""},
    {"purge_calls", "state=\"dirty\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(dirty_nmadvise), "System calls that did so."},
    {"purge_calls", "state=\"muzzy\"", COUNTER, CTL_U64, AS_IT_IS,
	ARENA(muzzy_nmadvise), ""},
    {"purged_bytes", "state=\"dirty\"", COUNTER, CTL_U64, PAGES,
	ARENA(dirty_purged), "Bytes in pages that were given back."},
    {"purged_bytes", "state=\"muzzy\"", COUNTER, CTL_U64, PAGES,
	ARENA(muzzy_purged), ""},
};

static const row_t mutex_rows[] = {
    {"ops", "", COUNTER, CTL_U64, AS_IT_IS, MUTEX(n_ops),
	"Times that the lock was taken."},
    {"owner_switches", "", COUNTER, CTL_U64, AS_IT_IS, MUTEX(n_owner_switch),
	"Times that a thread took the lock from another one."},
    {"waits", "", COUNTER, CTL_U64, AS_IT_IS, MUTEX(n_wait),
	"Times that it was taken after sleeping."},
    {"spins", "", COUNTER, CTL_U64, AS_IT_IS, MUTEX(n_spin_acquired),
	"Times that it was taken after spinning only."},
    {"wait_seconds", "", COUNTER, CTL_U64, NS, MUTEX(total_wait_ns),
	"Time slept for the lock."},
    {"longest_wait_seconds", "", GAUGE, CTL_U64, NS, MUTEX(max_wait_ns),
	"Longest sleep for the lock."},
    {"most_waiting", "", GAUGE, CTL_U32, AS_IT_IS, MUTEX(max_n_thds),
	"Most threads that slept at once."},
};

static const row_t bin_rows[] = {
    {"allocated_bytes", "", GAUGE, CTL_SIZE, REGIONS, BIN(curregs),
	"Bytes in blocks of the class."},
    {"slab_bytes", "", GAUGE, CTL_SIZE, SLABS, BIN(curslabs),
	"Bytes in slabs of the class, used and free."},
    {"blocks", "", GAUGE, CTL_SIZE, AS_IT_IS, BIN(curregs),
	"Blocks of the class."},
    {"slabs", "", GAUGE, CTL_SIZE, AS_IT_IS, BIN(curslabs),
	"Slabs of the class."},
    {"nonfull_slabs", "", GAUGE, CTL_SIZE, AS_IT_IS, BIN(nonfull_slabs),
	"Slabs with blocks and with room."},
    {"mallocs", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nmalloc),
	"Blocks that left the bin."},
    {"frees", "", COUNTER, CTL_U64, AS_IT_IS, BIN(ndalloc),
	"Blocks that came back."},
    {"requests", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nrequests),
	"Requests, those that caches served included."},
    {"fills", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nfills),
	"Times that caches were filled."},
    {"flushes", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nflushes),
	"Times that caches gave blocks back."},
    {"new_slabs", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nslabs),
	"Slabs that were made."},
    {"reused_slabs", "", COUNTER, CTL_U64, AS_IT_IS, BIN(nreslabs),
	"Times that a slab with room was taken up again."},
};

static const row_t large_rows[] = {
    {"blocks", "", GAUGE, CTL_SIZE, AS_IT_IS, LARGE(curlextents),
	"Blocks of the class."},
    {"mallocs", "", COUNTER, CTL_U64, AS_IT_IS, LARGE(nmalloc),
	"Blocks that left the arena."},
    {"frees", "", COUNTER, CTL_U64, AS_IT_IS, LARGE(ndalloc),
	"Blocks that came back."},
    {"requests", "", COUNTER, CTL_U64, AS_IT_IS, LARGE(nrequests),
	"Requests, those that caches served included."},
};

static const row_t extent_rows[] = {
    {"extents", "state=\"dirty\"", GAUGE, CTL_SIZE, AS_IT_IS, EXTENT(ndirty),
	"Free extents by the page size class that they can serve."},
    {"extents", "state=\"muzzy\"", GAUGE, CTL_SIZE, AS_IT_IS, EXTENT(nmuzzy),
	""},
    {"extents", "state=\"retained\"", GAUGE, CTL_SIZE, AS_IT_IS,
	EXTENT(nretained), ""},
    {"extent_bytes", "state=\"dirty\"", GAUGE, CTL_SIZE, AS_IT_IS,
	EXTENT(dirty_bytes), "Bytes in such extents."},
    {"extent_bytes", "state=\"muzzy\"", GAUGE, CTL_SIZE, AS_IT_IS,
	EXTENT(muzzy_bytes), ""},
    {"extent_bytes", "state=\"retained\"", GAUGE, CTL_SIZE, AS_IT_IS,
	EXTENT(retained_bytes), ""},
};

static const row_t hpa_rows[] = {
    {"slabs", "", GAUGE, CTL_SIZE, AS_IT_IS, HPA(npageslabs),
	"Huge pages of the huge page allocator."},
    {"page_bytes", "state=\"active\"", GAUGE, CTL_SIZE, PAGES, HPA(nactive),
	"Bytes in pages of its huge pages."},
    {"page_bytes", "state=\"dirty\"", GAUGE, CTL_SIZE, PAGES, HPA(ndirty), ""},
    {"purge_passes", "", COUNTER, CTL_U64, AS_IT_IS, HPA(npurge_passes),
	"Times that it looked for pages to give back."},
    {"purges", "", COUNTER, CTL_U64, AS_IT_IS, HPA(npurges),
	"Huge pages of which pages were given back."},
    {"hugifies", "", COUNTER, CTL_U64, AS_IT_IS, HPA(nhugifies),
	"Times that the kernel was asked for a huge page."},
    {"hugify_failures", "", COUNTER, CTL_U64, AS_IT_IS, HPA(nhugify_failures),
	"Times that there was none."},
    {"dehugifies", "", COUNTER, CTL_U64, AS_IT_IS, HPA(ndehugifies),
	"Times that a huge page was split up."},
};

/* What of a record is one table's. */
typedef enum {
	OF_GLOBAL,
	OF_LIMIT,
	OF_IDLE,
	OF_GLOBAL_MUTEXES,
	OF_SETTINGS,
	OF_ARENA,
	OF_MUTEXES,
	OF_BINS,
	OF_BIN_MUTEXES,
	OF_LARGE,
	OF_EXTENTS,
	OF_HPA
} table_id_t;

typedef struct {
	table_id_t id;
	const row_t *rows;
	size_t nrows;
	const char *prefix; /* of names, behind the scope's */
	size_t at; /* the first object in the record */
	size_t size; /* of one object */
	unsigned n; /* objects */
} table_t;

#define TABLE(id_, rows_, prefix_, at_, size_, n_)                             \
	((table_t){.id = (id_),                                                \
	    .rows = (rows_),                                                   \
	    .nrows = ARRAY_LEN(rows_),                                         \
	    .prefix = (prefix_),                                               \
	    .at = (at_),                                                       \
	    .size = (size_),                                                   \
	    .n = (n_)})

/* Records whose samples have the same names. */
typedef struct {
	const char *prefix;
	size_t first, end; /* indices of arenas; of `global`: 0, 1 */
	bool single; /* a label says which arena */
	bool past; /* there are counters only */
} scope_t;

typedef struct {
	emitter_t *emitter;
	const stats_parts_t *parts;
	const snapshot_t *global;
	snap_arena_t *room;
} output_t;

/* A function, as pointers in a table would have to be relocated. */
static table_t
table_get(table_id_t id)
{
	switch (id) {
	case OF_GLOBAL:
		return TABLE(id, global_rows, "", 0, sizeof(snapshot_t), 1);
	case OF_LIMIT:
		return TABLE(id, limit_rows, "", 0, sizeof(snapshot_t), 1);
	case OF_IDLE:
		return TABLE(id, idle_rows, "", 0, sizeof(snapshot_t), 1);
	case OF_GLOBAL_MUTEXES:
		return TABLE(id, mutex_rows, "mutex_", GLOBAL(mutexes),
		    sizeof(mutex_stats_t), SNAP_NMUTEXES);
	case OF_SETTINGS:
		return TABLE(id, setting_rows, "", 0, ARENA(mutexes), 1);
	case OF_ARENA:
		return TABLE(id, arena_rows, "", 0, ARENA(mutexes), 1);
	case OF_MUTEXES:
		return TABLE(id, mutex_rows, "mutex_", ARENA(mutexes),
		    sizeof(mutex_stats_t), SNAP_ARENA_NMUTEXES);
	case OF_BINS:
		return TABLE(id, bin_rows, "bin_", ARENA(bins),
		    sizeof(snap_bin_t), SC_NBINS);
	case OF_BIN_MUTEXES:
		return TABLE(id, mutex_rows, "bin_mutex_", ARENA(bins),
		    sizeof(snap_bin_t), SC_NBINS);
	case OF_LARGE:
		return TABLE(id, large_rows, "large_", ARENA(lextents),
		    sizeof(snap_lextent_t), SNAP_NLEXTENTS);
	case OF_EXTENTS:
		return TABLE(id, extent_rows, "free_", ARENA(extents),
		    sizeof(snap_extent_t), SC_NPSIZES);
	case OF_HPA:
		return TABLE(id, hpa_rows, "hpa_", ARENA(hpa),
		    sizeof(snap_hpa_t), 1);
	}
	unreachable();
}

/* Is there anything to say about a class? */
static bool
is_used(table_id_t id, const void *object)
{
	const snap_extent_t *extent = object;
	switch (id) {
	case OF_BINS:
	case OF_BIN_MUTEXES:
		return ((const snap_bin_t *)object)->nslabs > 0;
	case OF_LARGE:
		return ((const snap_lextent_t *)object)->nrequests > 0;
	case OF_EXTENTS:
		return extent->ndirty + extent->nmuzzy + extent->nretained > 0;
	default:
		return true;
	}
}

/* The label that tells objects of a table apart, or "". */
static void
object_label(table_id_t id, unsigned j, char text[32])
{
	switch (id) {
	case OF_GLOBAL_MUTEXES:
		(void)io_snprintf(text, 32, "mutex=\"%s\"",
		    stats_global_mutex_names[j]);
		break;
	case OF_MUTEXES:
		(void)io_snprintf(text, 32, "mutex=\"%s\"",
		    stats_arena_mutex_names[j]);
		break;
	case OF_BINS:
	case OF_BIN_MUTEXES:
		(void)io_snprintf(text, 32, "size=\"%zu\"", szind_size(j));
		break;
	case OF_LARGE:
		(void)io_snprintf(text, 32, "size=\"%zu\"",
		    szind_size(SC_NBINS + j));
		break;
	case OF_EXTENTS:
		(void)io_snprintf(text, 32, "size=\"%zu\"", pszind_size(j));
		break;
	default:
		text[0] = '\0';
	}
}

static uint64_t
number_at(const void *at, ctl_type_t type)
{
	switch (type) {
	case CTL_UNSIGNED:
	case CTL_U32:
		return *(const uint32_t *)at;
	case CTL_SSIZE:
		return (uint64_t) * (const ssize_t *)at;
	case CTL_SIZE:
		return *(const size_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static void
value_text(const row_t *row, unsigned j, uint64_t number,
    char text[NUMBER_SIZE])
{
	switch ((scale_t)row->scale) {
	case AS_IT_IS:
		break;
	case PAGES:
		number <<= LG_PAGE;
		break;
	case REGIONS:
		number *= bin_infos[j].reg_size;
		break;
	case SLABS:
		number *= bin_infos[j].slab_size;
		break;
	case MS:
		if ((int64_t)number < 0) {
			memcpy(text, "-1", 3);
			return;
		}
		(void)io_snprintf(text, NUMBER_SIZE, "%ju.%03ju",
		    (uintmax_t)(number / 1000), (uintmax_t)(number % 1000));
		return;
	case NS:
		(void)io_snprintf(text, NUMBER_SIZE, "%ju.%09ju",
		    (uintmax_t)(number / NS_PER_SEC),
		    (uintmax_t)(number % NS_PER_SEC));
		return;
	}
	(void)io_snprintf(text, NUMBER_SIZE, "%ju", (uintmax_t)number);
}

/* All labels of a sample, with braces; "": there are none. */
static void
labels_text(const scope_t *scope, size_t ind, const char *object,
    const char *row, char text[LABELS_SIZE])
{
	const char *comma = "";
	size_t n = 1;
	text[0] = '{';
	if (scope->single) {
		n += io_snprintf(text + n, LABELS_SIZE - n, "arena=\"%zu\"",
		    ind);
		comma = ",";
	}
	if (object[0] != '\0') {
		n += io_snprintf(text + n, LABELS_SIZE - n, "%s%s", comma,
		    object);
		comma = ",";
	}
	if (row[0] != '\0') {
		n += io_snprintf(text + n, LABELS_SIZE - n, "%s%s", comma, row);
	}
	(void)io_snprintf(text + n, LABELS_SIZE - n, "}");
	if (n == 1) {
		text[0] = '\0';
	}
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && strcmp(name + n - m, end) == 0;
}

/* What stands before the first sample of a metric. */
static void
head(emitter_t *emitter, const char *prefix, const char *more, const char *name,
    const char *type, const char *help)
{
	emitter_printf(emitter, "# TYPE %s%s%s %s\n", prefix, more, name, type);
	const char *unit = ends_with(name, "_bytes") ? "bytes"
	    : ends_with(name, "_seconds")            ? "seconds"
						     : NULL;
	if (unit != NULL) {
		emitter_printf(emitter, "# UNIT %s%s%s %s\n", prefix, more,
		    name, unit);
	}
	emitter_printf(emitter, "# HELP %s%s%s %s\n", prefix, more, name, help);
}

/* The part of a record that a table is about; NULL: there is no record. */
static const void *
objects_get(const output_t *output, const table_t *table, size_t ind)
{
	if (table->id <= OF_GLOBAL_MUTEXES) {
		return (const char *)output->global + table->at;
	}
	char *copy = (char *)output->room + table->at;
	mutex_lock(&ctl_lock);
	const snap_arena_t *arena = snapshot_arena(ind);
	if (arena != NULL) {
		memcpy(copy, (const char *)arena + table->at,
		    table->n * table->size);
	}
	mutex_unlock(&ctl_lock);
	return arena == NULL ? NULL : copy;
}

/* The samples of rows first .. end - 1, which are one metric, of an arena. */
static void
samples(const output_t *output, const scope_t *scope, const table_t *table,
    const row_t *first, const row_t *end, size_t ind, bool *begun)
{
	const char *objects = objects_get(output, table, ind);
	if (objects == NULL) {
		return;
	}
	for (unsigned j = 0; j < table->n; j++) {
		const char *object = objects + j * table->size;
		char label[32], labels[LABELS_SIZE], value[NUMBER_SIZE];
		if (!is_used(table->id, object)) {
			continue;
		}
		if (!*begun) {
			head(output->emitter, scope->prefix, table->prefix,
			    first->name,
			    first->kind == COUNTER ? "counter" : "gauge",
			    first->help);
			*begun = true;
		}
		if (table->id == OF_BIN_MUTEXES) {
			object += BIN(mutex);
		}
		object_label(table->id, j, label);
		for (const row_t *row = first; row < end; row++) {
			labels_text(scope, ind, label, row->labels, labels);
			value_text(row, j,
			    number_at(object + row->offset, row->type), value);
			emitter_printf(output->emitter, "%s%s%s%s%s %s\n",
			    scope->prefix, table->prefix, row->name,
			    row->kind == COUNTER ? "_total" : "", labels,
			    value);
		}
	}
}

static void
metrics(const output_t *output, const scope_t *scope, table_id_t id)
{
	table_t table = table_get(id);
	const row_t *first = table.rows, *last = first + table.nrows;
	while (first < last) {
		const row_t *end = first + 1;
		while (end < last && strcmp(end->name, first->name) == 0) {
			end++;
		}
		bool begun = false;
		for (size_t ind = scope->first; ind < scope->end; ind++) {
			if (!scope->past || first->kind == COUNTER) {
				samples(output, scope, &table, first, end, ind,
				    &begun);
			}
		}
		first = end;
	}
}

static void
arenas(const output_t *output, const scope_t *scope)
{
	const stats_parts_t *parts = output->parts;
	if (scope->single) {
		metrics(output, scope, OF_SETTINGS);
	}
	metrics(output, scope, OF_ARENA);
	if (parts->mutexes) {
		metrics(output, scope, OF_MUTEXES);
	}
	if (parts->bins) {
		metrics(output, scope, OF_BINS);
	}
	if (parts->bins && parts->mutexes) {
		metrics(output, scope, OF_BIN_MUTEXES);
	}
	if (parts->large) {
		metrics(output, scope, OF_LARGE);
	}
	if (parts->extents && !scope->past) {
		metrics(output, scope, OF_EXTENTS);
	}
	if (parts->hpa) {
		metrics(output, scope, OF_HPA);
	}
}

static void
process(const output_t *output)
{
	static const char zero[] = "zero_reallocs";
	const scope_t scope = {.prefix = "jemalloc_", .end = 1};
	metrics(output, &scope, OF_GLOBAL);
	head(output->emitter, scope.prefix, "", zero, "counter",
	    "Calls of realloc with a block and the size 0.");
	emitter_printf(output->emitter, "jemalloc_%s_total %zu\n", zero,
	    atomic_load_explicit(&zero_reallocs, memory_order_relaxed));
	if (output->global->pressure_limit != 0) {
		metrics(output, &scope, OF_LIMIT);
	}
	if (output->global->idle_ntaken != 0) {
		metrics(output, &scope, OF_IDLE);
	}
	if (output->parts->mutexes) {
		metrics(output, &scope, OF_GLOBAL_MUTEXES);
	}
}

static void
gauge(emitter_t *emitter, const char *name, const char *help, size_t value)
{
	head(emitter, "jemalloc_", "", name, "gauge", help);
	emitter_printf(emitter, "jemalloc_%s %zu\n", name, value);
}

/* Resident memory by reason; of what is not ours only what the system says. */
static void
resident(emitter_t *emitter)
{
	static const char reason[] = "rss_reason_bytes";
	ledger_t ledger;
	ledger_get(&ledger);
	head(emitter, "jemalloc_", "", reason, "gauge",
	    "Resident bytes by what they are for.");
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		const ledger_entry_t *entry = &ledger_entries[i];
		emitter_printf(emitter, "jemalloc_%s{reason=\"%s\"} %zu\n",
		    reason, entry->key,
		    *(const size_t *)((const char *)&ledger + entry->offset));
	}
	if (!ledger.available) {
		return;
	}
	gauge(emitter, "rss_bytes", "Resident bytes of the process.",
	    ledger.total);
	gauge(emitter, "rss_huge_bytes", "Of these, in huge pages.",
	    ledger.anon_huge);
	gauge(emitter, "rss_lazy_free_bytes",
	    "Of these, what the kernel may take.", ledger.lazy_free);
	gauge(emitter, "swap_bytes", "Bytes that were swapped out.",
	    ledger.swap);
}

/* Free places that partly used slabs keep in memory. */
static void
fragmentation(emitter_t *emitter, bool classes)
{
	static const char pinned_name[] = "bin_pinned_bytes";
	static const char slabs_name[] = "slabs";
	static const char arenas_prefix[] = "jemalloc_arenas_";
	size_t pinned[SC_NBINS];
	frag_lock();
	const frag_t *frag = frag_of(SNAP_ARENAS_ALL);
	frag_count_t all = frag->all;
	for (unsigned i = 0; i < SC_NBINS; i++) {
		pinned[i] = frag->bins[i].pinned;
	}
	mutex_unlock(&ctl_lock);
	head(emitter, arenas_prefix, "", slabs_name, "gauge",
	    "Slabs by how full they are.");
	emitter_printf(emitter,
	    "%s%s{state=\"full\"} %zu\n%s%s{state=\"partial\"} %zu\n"
	    "%s%s{state=\"empty\"} %zu\n",
	    arenas_prefix, slabs_name, all.full, arenas_prefix, slabs_name,
	    all.partial, arenas_prefix, slabs_name, all.empty);
	if (!classes) {
		return;
	}
	head(emitter, arenas_prefix, "", pinned_name, "gauge",
	    "Free bytes in partly used slabs of the class.");
	for (unsigned i = 0; i < SC_NBINS; i++) {
		if (pinned[i] > 0) {
			emitter_printf(emitter, "%s%s{size=\"%zu\"} %zu\n",
			    arenas_prefix, pinned_name, szind_size(i),
			    pinned[i]);
		}
	}
}

/* What does not change, as labels. */
static void
general(emitter_t *emitter)
{
	static const char names[OPT_SOURCE_COUNT][16] = {
	    [OPT_SOURCE_COMPILED_IN] = "compiled_in",
	    [OPT_SOURCE_GLOBAL_VAR] = "global_var",
	    [OPT_SOURCE_SYMLINK] = "symlink",
	    [OPT_SOURCE_ENV] = "env_var",
	    [OPT_SOURCE_GLOBAL_VAR_2] = "global_var_2",
	};
	head(emitter, "jemalloc_", "", "info", "gauge",
	    "The allocator, and the options that were asked for.");
	emitter_printf(emitter, "jemalloc_info{version=");
	emitter_label(emitter, JEMALLOC_VERSION);
	for (unsigned i = OPT_SOURCE_COMPILED_IN; i < OPT_SOURCE_COUNT; i++) {
		const char *text = options_source_text(i);
		if (text != NULL && text[0] != '\0') {
			emitter_printf(emitter, ",%s=", names[i]);
			emitter_label(emitter, text);
		}
	}
	emitter_printf(emitter, "} 1\n");
}

static void
arena_names(const output_t *output, unsigned n)
{
	emitter_t *emitter = output->emitter;
	table_t table = table_get(OF_SETTINGS);
	head(emitter, "jemalloc_arena_", "", "info", "gauge",
	    "Arenas and settings.");
	for (unsigned ind = 0; ind < n; ind++) {
		char path[32], name[ARENA_NAME_SIZE + 1] = "";
		if (objects_get(output, &table, ind) == NULL) {
			continue;
		}
		char *where = name;
		size_t size = sizeof(where);
		(void)io_snprintf(path, sizeof(path), "arena.%u.name", ind);
		(void)ctl_by_name(path, &where, &size, NULL, 0);
		emitter_printf(emitter,
		    "jemalloc_arena_info{arena=\"%u\",name=", ind);
		emitter_label(emitter, name);
		emitter_printf(emitter, ",dss=");
		emitter_label(emitter, output->room->dss);
		emitter_printf(emitter, "} 1\n");
	}
}

void
openmetrics_print(emitter_t *emitter, const stats_parts_t *parts,
    const snapshot_t *global, snap_arena_t *room)
{
	const output_t output = {emitter, parts, global, room};
	if (parts->general) {
		general(emitter);
	}
	if (global != NULL) {
		process(&output);
	}
	if (global != NULL && parts->merged) {
		arenas(&output,
		    &(scope_t){.prefix = "jemalloc_arenas_",
			.first = SNAP_ARENAS_ALL,
			.end = SNAP_ARENAS_ALL + 1});
	}
	if (global != NULL && parts->rss) {
		resident(emitter);
	}
	if (global != NULL && parts->frag && parts->merged) {
		fragmentation(emitter, parts->bins);
	}
	if (global != NULL && parts->destroyed) {
		arenas(&output,
		    &(scope_t){.prefix = "jemalloc_destroyed_arenas_",
			.first = SNAP_ARENAS_DESTROYED,
			.end = SNAP_ARENAS_DESTROYED + 1,
			.past = true});
	}
	if (global != NULL && parts->unmerged) {
		unsigned n = arenas_count();
		arena_names(&output, n);
		arenas(&output,
		    &(scope_t){.prefix = "jemalloc_arena_",
			.end = n,
			.single = true});
	}
	emitter_printf(emitter, "# EOF\n");
}
