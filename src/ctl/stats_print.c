#include "ctl/stats_print.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/ctl_table.h"
#include "ctl/openmetrics.h"
#include "ctl/stats_arena.h"
#include "ctl/stats_export.h"
#include "ctl/stats_memory.h"
#include "ds/fixedpoint.h"
#include "platform/io.h"
#include "platform/pages.h"
#include "thread/thread_event.h"

#define BUFFER_SIZE ((size_t)64 << 10)
#define RESERVE_SIZE ((size_t)4 << 10)

/* Copies of what is printed, too much for a stack. */
typedef struct {
	snapshot_t global;
	snap_arena_t arena;
	frag_t frag;
	size_t buffer_size; /* the buffer follows */
} scratch_t;

/* For one printer at a time, when there is no memory. */
static LARGE_BSS struct {
	scratch_t scratch;
	char buffer[RESERVE_SIZE];
} reserve;
static _Atomic bool reserve_taken;

_Static_assert(offsetof(__typeof__(reserve), buffer) == sizeof(scratch_t),
    "the buffer must follow");

/* Where the output goes. */
typedef struct {
	void (*write_cb)(void *, const char *);
	void *cbopaque;
} sink_t;

/* One output. */
typedef struct {
	emitter_t emitter;
	scratch_t *scratch;
	stats_parts_t parts;
	bool prof;
} print_t;

typedef union {
	bool b;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	size_t size;
	ssize_t ssize;
	const char *string;
} value_t;

/* A value of a mallctl name; no label: not in the text. */
typedef struct {
	char name[28];
	char label[40];
	uint8_t type; /* emit_type_t */
} named_t;

static const named_t prof_names[] = {
    {"prof.thread_active_init", "prof.thread_active_init", EMIT_BOOL},
    {"prof.active", "prof.active", EMIT_BOOL},
    {"prof.gdump", "prof.gdump", EMIT_BOOL},
    {"prof.interval", "prof.interval", EMIT_U64},
    {"prof.lg_sample", "prof.lg_sample", EMIT_SSIZE},
};

static const named_t arenas_names[] = {
    {"arenas.narenas", "Arenas", EMIT_U32},
    {"arenas.dirty_decay_ms", "", EMIT_SSIZE},
    {"arenas.muzzy_decay_ms", "", EMIT_SSIZE},
    {"arenas.quantum", "Quantum size", EMIT_SIZE},
    {"arenas.page", "Page size", EMIT_SIZE},
    {"arenas.hugepage", "Hugepage size", EMIT_SIZE},
    {"arenas.tcache_max", "Maximum thread-cached size class", EMIT_SIZE},
    {"arenas.nbins", "Number of bin size classes", EMIT_U32},
    {"arenas.nhbins", "Number of thread-cache bin size classes", EMIT_U32},
};

/* Texts of the sources of options. */
static const struct {
	char key[28];
	char label[48];
	uint8_t source; /* opt_source_t */
} sources[] = {
    {"global_var", "Global variable malloc_conf", OPT_SOURCE_GLOBAL_VAR},
    {"symlink", "Symbolic link malloc.conf", OPT_SOURCE_SYMLINK},
    {"env_var", "Environment variable MALLOC_CONF", OPT_SOURCE_ENV},
    {"global_var_2_conf_harder", "Global variable malloc_conf_2_conf_harder",
	OPT_SOURCE_GLOBAL_VAR_2},
};

/* Options that only start a setting; its name. */
static const struct {
	uint16_t option; /* opt_id_t */
	char name[26];
} live_settings[] = {
    {OPT_ID_background_thread, "background_thread"},
    {OPT_ID_dirty_decay_ms, "arenas.dirty_decay_ms"},
    {OPT_ID_muzzy_decay_ms, "arenas.muzzy_decay_ms"},
    {OPT_ID_prof_active, "prof.active"},
    {OPT_ID_prof_thread_active_init, "prof.thread_active_init"},
    {OPT_ID_lg_prof_sample, "prof.lg_sample"},
};

static size_t
type_size(emit_type_t type)
{
	switch (type) {
	case EMIT_BOOL:
		return sizeof(bool);
	case EMIT_U32:
		return sizeof(uint32_t);
	default:
		return sizeof(uint64_t);
	}
}

/* False: there is no such name in this build. */
static bool
read_name(const char *name, emit_type_t type, value_t *value)
{
	size_t size = type_size(type);
	return ctl_by_name(name, value, &size, NULL, 0) == 0;
}

/* The last component of a name. */
static const char *
last_of(const char *name)
{
	return strrchr(name, '.') + 1;
}

static void
print_named(print_t *print, const named_t *named)
{
	value_t value;
	if (!read_name(named->name, named->type, &value)) {
		return;
	}
	if (named->label[0] == '\0') {
		emitter_member(&print->emitter, last_of(named->name),
		    named->type, &value);
	} else {
		emitter_kv(&print->emitter, last_of(named->name), named->label,
		    named->type, &value);
	}
}

static void
print_config(print_t *print)
{
	static const char prefix[] = "config.";
	emitter_dict_begin(&print->emitter, "config",
	    "Build-time option settings");
	for (unsigned i = 0; i < ctl_nrows; i++) {
		const ctl_row_t *row = &ctl_rows[i];
		value_t value;
		emit_type_t type = row->type == CTL_BOOL ? EMIT_BOOL
							 : EMIT_STRING;
		if (strncmp(row->path, prefix, sizeof(prefix) - 1) == 0 &&
		    read_name(row->path, type, &value)) {
			emitter_kv(&print->emitter, last_of(row->path),
			    row->path, type, &value);
		}
	}
	emitter_dict_end(&print->emitter);
}

static void
print_system(print_t *print)
{
	static const char modes[][16] = {
	    [THP_MODE_UNSUPPORTED] = "not supported",
	    [THP_MODE_NEVER] = "never",
	    [THP_MODE_MADVISE] = "madvise",
	    [THP_MODE_ALWAYS] = "always",
	};
	const char *mode = modes[pages_thp_mode()];
	emitter_dict_begin(&print->emitter, "system", "System configuration");
	emitter_kv(&print->emitter, "thp_mode", "system.thp_mode", EMIT_STRING,
	    &mode);
	emitter_dict_end(&print->emitter);
}

static emit_type_t
option_emit_type(const opt_row_t *row)
{
	switch (row->type) {
	case OPT_TYPE_BOOL:
		return EMIT_BOOL;
	case OPT_TYPE_UNSIGNED:
		return EMIT_U32;
	case OPT_TYPE_SIZE:
		return EMIT_SIZE;
	case OPT_TYPE_SSIZE:
		return EMIT_SSIZE;
	case OPT_TYPE_INT64:
		return EMIT_I64;
	case OPT_TYPE_UINT64:
		return EMIT_U64;
	default:
		return EMIT_STRING;
	}
}

/* The value of an option; a fraction as text, for which there is `text`. */
static bool
read_option(const opt_row_t *row, value_t *value,
    char text[FIXEDPOINT_TEXT_MAX])
{
	size_t size = row->type == OPT_TYPE_FIXED
	    ? sizeof(uint32_t)
	    : type_size(option_emit_type(row));
	ctl_call_t call = {.oldp = value, .oldlenp = &size};
	if (ctl_option_do(row, &call) != 0) {
		return false;
	}
	if (row->type == OPT_TYPE_FIXED) {
		if (value->u32 == OPT_FIXED_NEVER) {
			memcpy(text, "-1", 3);
		} else {
			fixedpoint_print(value->u32, text);
		}
		value->string = text;
	}
	return true;
}

/* The name of the setting that the option starts; NULL: there is none. */
static const char *
live_name(unsigned option)
{
	for (size_t i = 0; i < ARRAY_LEN(live_settings); i++) {
		if (live_settings[i].option == option) {
			return live_settings[i].name;
		}
	}
	return NULL;
}

static void
print_option(print_t *print, unsigned option)
{
	const opt_row_t *row = &opt_rows[option];
	value_t value, live;
	char fraction[FIXEDPOINT_TEXT_MAX], label[OPT_NAME_SIZE + 8];
	if (row->visibility != OPT_SHOWN || row->alias ||
	    !read_option(row, &value, fraction)) {
		return;
	}
	(void)io_snprintf(label, sizeof(label), "opt.%s", row->name);
	emit_type_t type = option_emit_type(row);
	const char *name = live_name(option);
	if (name != NULL && !read_name(name, type, &live)) {
		name = NULL;
	}
	emitter_kv_note(&print->emitter, row->name, label, type, &value, name,
	    &live);
}

static void
print_options(print_t *print)
{
	emitter_dict_begin(&print->emitter, "opt", "Run-time option settings");
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const char *text = options_source_text(sources[i].source);
		if (text == NULL) {
			if (sources[i].source == OPT_SOURCE_GLOBAL_VAR_2) {
				continue;
			}
			text = "";
		}
		emitter_kv(&print->emitter, sources[i].key, sources[i].label,
		    EMIT_STRING, &text);
	}
	for (unsigned option = 0; option < OPT_COUNT; option++) {
		print_option(print, option);
	}
	emitter_dict_end(&print->emitter);
}

static void
print_classes(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	emitter_array_begin(emitter, "bin");
	for (unsigned i = 0; i < SC_NBINS; i++) {
		const bin_info_t *info = &bin_infos[i];
		size_t size = info->reg_size, slab_size = info->slab_size;
		uint32_t nshards = arenas_nshards(i);
		emitter_object_begin(emitter, NULL);
		emitter_member(emitter, "size", EMIT_SIZE, &size);
		emitter_member(emitter, "nregs", EMIT_U32, &info->nregs);
		emitter_member(emitter, "slab_size", EMIT_SIZE, &slab_size);
		emitter_member(emitter, "nshards", EMIT_U32, &nshards);
		emitter_object_end(emitter);
	}
	emitter_array_end(emitter);
	unsigned n = SNAP_NLEXTENTS;
	emitter_kv(emitter, "nlextents", "Number of large size classes",
	    EMIT_U32, &n);
	emitter_array_begin(emitter, "lextent");
	for (unsigned i = SC_NBINS; i < SC_NSIZES; i++) {
		size_t size = szind_size(i);
		emitter_object_begin(emitter, NULL);
		emitter_member(emitter, "size", EMIT_SIZE, &size);
		emitter_object_end(emitter);
	}
	emitter_array_end(emitter);
}

static void
print_general(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	const char *version = JEMALLOC_VERSION;
	emitter_kv(emitter, "version", "Version", EMIT_STRING, &version);
	print_config(print);
	print_system(print);
	print_options(print);
	if (config_prof) {
		emitter_dict_begin(emitter, "prof", "Profiling settings");
		for (size_t i = 0; i < ARRAY_LEN(prof_names); i++) {
			print_named(print, &prof_names[i]);
		}
		emitter_dict_end(emitter);
	}
	emitter_object_begin(emitter, "arenas");
	for (size_t i = 0; i < ARRAY_LEN(arenas_names); i++) {
		print_named(print, &arenas_names[i]);
	}
	print_classes(print);
	emitter_object_end(emitter);
}

static void
print_bytes(print_t *print, size_t zero_reallocs_now)
{
	emitter_t *emitter = &print->emitter;
	const snapshot_t *s = &print->scratch->global;
	emitter_member(emitter, "allocated", EMIT_SIZE, &s->allocated);
	emitter_member(emitter, "active", EMIT_SIZE, &s->active);
	emitter_member(emitter, "metadata", EMIT_SIZE, &s->metadata);
	emitter_member(emitter, "metadata_edata", EMIT_SIZE,
	    &s->metadata_edata);
	emitter_member(emitter, "metadata_rtree", EMIT_SIZE,
	    &s->metadata_rtree);
	emitter_member(emitter, "metadata_thp", EMIT_SIZE, &s->metadata_thp);
	emitter_member(emitter, "resident", EMIT_SIZE, &s->resident);
	emitter_member(emitter, "mapped", EMIT_SIZE, &s->mapped);
	emitter_member(emitter, "retained", EMIT_SIZE, &s->retained);
	emitter_member(emitter, "zero_reallocs", EMIT_SIZE, &zero_reallocs_now);
	emitter_printf(emitter,
	    "Allocated: %zu, active: %zu, metadata: %zu "
	    "(n_thp %zu, edata %zu, rtree %zu), resident: %zu, mapped: %zu, "
	    "retained: %zu\n",
	    s->allocated, s->active, s->metadata, s->metadata_thp,
	    s->metadata_edata, s->metadata_rtree, s->resident, s->mapped,
	    s->retained);
	emitter_printf(emitter,
	    "Count of realloc(non-null-ptr, 0) calls: "
	    "%zu\n",
	    zero_reallocs_now);
}

/* Only where there is a limit of memory. */
static void
print_pressure(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	const snapshot_t *s = &print->scratch->global;
	if (s->pressure_limit == 0) {
		return;
	}
	emitter_object_begin(emitter, "pressure");
	emitter_member(emitter, "limit", EMIT_SIZE, &s->pressure_limit);
	emitter_member(emitter, "usage", EMIT_SIZE, &s->pressure_usage);
	emitter_member(emitter, "level", EMIT_U32, &s->pressure_level);
	emitter_member(emitter, "num_looks", EMIT_U64, &s->pressure_nlooks);
	emitter_member(emitter, "num_purges", EMIT_U64, &s->pressure_npurges);
	emitter_member(emitter, "num_flushes", EMIT_U64, &s->pressure_nflushes);
	emitter_object_end(emitter);
	emitter_printf(emitter,
	    "Limit of memory: %zu, usage: %zu, level: %u, "
	    "num_looks: %ju, num_purges: %ju, num_flushes: %ju\n",
	    s->pressure_limit, s->pressure_usage, s->pressure_level,
	    (uintmax_t)s->pressure_nlooks, (uintmax_t)s->pressure_npurges,
	    (uintmax_t)s->pressure_nflushes);
}

/* Only where something was taken, or could not be. */
static void
print_idle_caches(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	const snapshot_t *s = &print->scratch->global;
	if (s->idle_ntaken == 0 && s->idle_nmissed == 0) {
		return;
	}
	emitter_object_begin(emitter, "idle_caches");
	emitter_member(emitter, "num_taken", EMIT_U64, &s->idle_ntaken);
	emitter_member(emitter, "num_missed", EMIT_U64, &s->idle_nmissed);
	emitter_member(emitter, "num_blocks", EMIT_U64, &s->idle_nblocks);
	emitter_member(emitter, "bytes", EMIT_SIZE, &s->idle_bytes);
	emitter_object_end(emitter);
	emitter_printf(emitter,
	    "Caches of idle threads: num_taken: %ju, num_missed: %ju, "
	    "num_blocks: %ju, bytes: %zu\n",
	    (uintmax_t)s->idle_ntaken, (uintmax_t)s->idle_nmissed,
	    (uintmax_t)s->idle_nblocks, s->idle_bytes);
}

static void
print_summary(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	const snapshot_t *s = &print->scratch->global;
	emitter_object_begin(emitter, "stats");
	print_bytes(print,
	    atomic_load_explicit(&zero_reallocs, memory_order_relaxed));
	emitter_object_begin(emitter, "background_thread");
	emitter_member(emitter, "num_threads", EMIT_SIZE,
	    &s->background_num_threads);
	emitter_member(emitter, "num_runs", EMIT_U64, &s->background_num_runs);
	emitter_member(emitter, "run_interval", EMIT_U64,
	    &s->background_run_interval);
	emitter_object_end(emitter);
	emitter_printf(emitter,
	    "Background threads: %zu, num_runs: %ju, "
	    "run_interval: %ju ns\n",
	    s->background_num_threads, (uintmax_t)s->background_num_runs,
	    (uintmax_t)s->background_run_interval);
	print_pressure(print);
	print_idle_caches(print);
	if (print->parts.mutexes) {
		stats_global_mutexes_print(emitter, s->mutexes,
		    print->scratch->arena.uptime);
	}
	emitter_object_end(emitter);
}

/* Copy the numbers of an arena; false: there is none. */
static bool
copy_arena(print_t *print, size_t ind)
{
	mutex_lock(&ctl_lock);
	const snap_arena_t *arena = snapshot_arena(ind);
	if (arena != NULL) {
		print->scratch->arena = *arena;
	}
	mutex_unlock(&ctl_lock);
	return arena != NULL;
}

/* The numbers of the process, and of the sum of arenas. */
static bool
copy_global(print_t *print)
{
	mutex_lock(&ctl_lock);
	const snapshot_t *global = snapshot_global();
	if (global != NULL) {
		print->scratch->global = *global;
	}
	mutex_unlock(&ctl_lock);
	return global != NULL && copy_arena(print, SNAP_ARENAS_ALL);
}

static void
print_sum(print_t *print, size_t ind, const char *key, const char *heading,
    bool prof)
{
	if (!copy_arena(print, ind)) {
		return;
	}
	emitter_object_begin(&print->emitter, key);
	emitter_printf(&print->emitter, "%s\n", heading);
	stats_arena_print(&print->emitter, &print->scratch->arena, NULL,
	    &print->parts, prof);
	emitter_object_end(&print->emitter);
}

static void
print_arena(print_t *print, unsigned ind)
{
	char path[32], key[12], name[ARENA_NAME_SIZE + 1] = "";
	if (!copy_arena(print, ind)) {
		return;
	}
	(void)io_snprintf(path, sizeof(path), "arena.%u.name", ind);
	char *where = name;
	size_t size = sizeof(where);
	(void)ctl_by_name(path, &where, &size, NULL, 0);
	(void)io_snprintf(key, sizeof(key), "%u", ind);
	emitter_object_begin(&print->emitter, key);
	emitter_printf(&print->emitter, "arenas[%u]:\n", ind);
	stats_arena_print(&print->emitter, &print->scratch->arena, name,
	    &print->parts, false);
	emitter_object_end(&print->emitter);
}

static bool
is_initialized(size_t ind)
{
	mutex_lock(&ctl_lock);
	bool initialized = snapshot_arena_initialized(ind);
	mutex_unlock(&ctl_lock);
	return initialized;
}

static void
print_arenas(print_t *print)
{
	const stats_parts_t *parts = &print->parts;
	if (!parts->merged && !parts->destroyed && !parts->unmerged) {
		return;
	}
	unsigned n = arenas_count(), ninitialized = 0;
	for (unsigned ind = 0; ind < n; ind++) {
		ninitialized += is_initialized(ind);
	}
	emitter_object_begin(&print->emitter, "stats.arenas");
	if (parts->merged && (ninitialized > 1 || !parts->unmerged)) {
		print_sum(print, SNAP_ARENAS_ALL, "merged",
		    "Merged arenas stats:", print->prof);
	}
	if (parts->destroyed && is_initialized(SNAP_ARENAS_DESTROYED)) {
		print_sum(print, SNAP_ARENAS_DESTROYED, "destroyed",
		    "Destroyed arenas stats:", false);
	}
	for (unsigned ind = 0; parts->unmerged && ind < n; ind++) {
		print_arena(print, ind);
	}
	emitter_object_end(&print->emitter);
}

static void
print_memory(print_t *print)
{
	if (print->parts.rss) {
		ledger_t ledger;
		ledger_get(&ledger);
		stats_ledger_print(&print->emitter, &ledger);
	}
	if (print->parts.frag) {
		stats_frag_print(&print->emitter, &print->parts,
		    &print->scratch->frag);
	}
}

static void
print_all(print_t *print)
{
	emitter_t *emitter = &print->emitter;
	emitter_printf(emitter, "___ Begin jemalloc statistics ___\n");
	emitter_object_begin(emitter, NULL);
	emitter_object_begin(emitter, "jemalloc");
	if (print->parts.general) {
		print_general(print);
	}
	if (config_stats && copy_global(print)) {
		print_summary(print);
		print_arenas(print);
		print_memory(print);
	}
	emitter_object_end(emitter);
	emitter_object_end(emitter);
	emitter_printf(emitter, "--- End jemalloc statistics ---\n");
}

static void
print_metrics(print_t *print)
{
	bool has_stats = config_stats && copy_global(print);
	openmetrics_print(&print->emitter, &print->parts,
	    has_stats ? &print->scratch->global : NULL, &print->scratch->arena);
}

static void
write_to_sink(void *opaque, const char *text)
{
	const sink_t *sink = opaque;
	if (sink->write_cb != NULL) {
		sink->write_cb(sink->cbopaque, text);
	} else {
		io_message_opaque(sink->cbopaque, text);
	}
}

static bool
lacks(const char *opts, char letter)
{
	return strchr(opts, letter) == NULL;
}

/* ERR_NONE: there is a new snapshot. */
static bool
refresh(sink_t *sink)
{
	uint64_t epoch = 1;
	int error = ctl_by_name("epoch", NULL, NULL, &epoch, sizeof(epoch));
	if (error == 0) {
		return true;
	}
	if (error == EAGAIN) {
		write_to_sink(sink,
		    "<jemalloc>: Memory allocation failure in "
		    "mallctl(\"epoch\", ...)\n");
		return false;
	}
	write_to_sink(sink, "<jemalloc>: Failure in mallctl(\"epoch\", ...)\n");
	abort();
}

static size_t
scratch_mapped(void)
{
	return align_up(sizeof(scratch_t) + BUFFER_SIZE, os_page_size);
}

/* NULL: there is no memory, and someone else has the reserve. */
static scratch_t *
scratch_get(void)
{
	bool commit = true;
	scratch_t *scratch = pages_map(NULL, scratch_mapped(), os_page_size,
	    &commit);
	if (scratch != NULL) {
		scratch->buffer_size = BUFFER_SIZE;
		return scratch;
	}
	if (atomic_exchange_explicit(&reserve_taken, true,
		memory_order_acquire)) {
		return NULL;
	}
	reserve.scratch.buffer_size = RESERVE_SIZE;
	return &reserve.scratch;
}

static void
scratch_put(scratch_t *scratch)
{
	if (scratch == &reserve.scratch) {
		atomic_store_explicit(&reserve_taken, false,
		    memory_order_release);
		return;
	}
	err_t err = pages_unmap(scratch, scratch_mapped());
	assert(err == ERR_NONE);
	(void)err;
}

void
stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts)
{
	sink_t sink = {write_cb, cbopaque};
	opts = opts == NULL ? "" : opts;
	if (!refresh(&sink)) {
		return;
	}
	scratch_t *scratch = scratch_get();
	if (scratch == NULL) {
		write_to_sink(&sink,
		    "<jemalloc>: Memory allocation failure in "
		    "malloc_stats_print()\n");
		return;
	}
	/* Without arenas nothing is printed that 5.3.1 does not, unasked. */
	bool arenas = lacks(opts, 'm') || lacks(opts, 'd') || lacks(opts, 'a');
	print_t print = {
	    .scratch = scratch,
	    .parts =
		{
		    .general = lacks(opts, 'g'),
		    .merged = lacks(opts, 'm'),
		    .destroyed = lacks(opts, 'd'),
		    .unmerged = lacks(opts, 'a'),
		    .mutexes = lacks(opts, 'x'),
		    .bins = lacks(opts, 'b'),
		    .large = lacks(opts, 'l'),
		    .extents = lacks(opts, 'e'),
		    .hpa = lacks(opts, 'h'),
		    .rss = lacks(opts, 'r') && (arenas || !lacks(opts, 'R')),
		    .frag = lacks(opts, 'f'),
		},
	    .prof = config_prof && opt.prof && opt.prof_stats,
	};
	bool metrics = !lacks(opts, 'O');
	emitter_begin(&print.emitter,
	    metrics || lacks(opts, 'J') ? EMIT_TEXT : EMIT_JSON, write_to_sink,
	    &sink, (char *)(scratch + 1), scratch->buffer_size);
	if (metrics) {
		print_metrics(&print);
	} else {
		print_all(&print);
	}
	emitter_end(&print.emitter);
	scratch_put(scratch);
}

static void
print_interval(void)
{
	if (stats_export_enabled()) {
		stats_export_now();
	} else {
		stats_print(NULL, NULL, opt.stats_interval_opts);
	}
}

BOOT void
stats_print_boot(void)
{
	thread_event_set_interval(print_interval);
	stats_export_boot();
}
