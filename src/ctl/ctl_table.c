#include "ctl/ctl_table.h"

#include "ctl/ctl_actions.h"
#include "ctl/frag.h"
#include "ctl/ledger.h"
#include "platform/assert.h"

/* The actions that rows name, numbered in their order. */
typedef enum {
#define CTL(path, type, access, gate, source, ...) CTL_ENUM_##source
#define CTL_GROUP(...)
#define CTL_OPTIONS(...)
#define CTL_ENUM_CALL(name) CTL_DO_##name,
#define CTL_ENUM_CONST(value)
#define CTL_ENUM_SNAP(field)
#define CTL_ENUM_ARENA(field)
#define CTL_ENUM_BIN(field)
#define CTL_ENUM_LEXTENT(field)
#define CTL_ENUM_EXTENT(field)
#define CTL_ENUM_RSS(field)
#include "ctl/ctl_names.def"
#undef CTL
#undef CTL_GROUP
#undef CTL_OPTIONS
	CTL_NDO
} ctl_do_t;

#define CTL_AT_CALL(name) .source = CTL_SOURCE_CALL, .at = CTL_DO_##name
#define CTL_AT_CONST(value) .source = CTL_SOURCE_CONST, .at = (value)
#define CTL_AT_SNAP(field)                                                     \
	.source = CTL_SOURCE_SNAP, .at = offsetof(snapshot_t, field)
#define CTL_AT_ARENA(field)                                                    \
	.source = CTL_SOURCE_ARENA, .at = offsetof(snap_arena_t, field)
#define CTL_AT_BIN(field)                                                      \
	.source = CTL_SOURCE_BIN, .at = offsetof(snap_bin_t, field)
#define CTL_AT_LEXTENT(field)                                                  \
	.source = CTL_SOURCE_LEXTENT, .at = offsetof(snap_lextent_t, field)
#define CTL_AT_EXTENT(field)                                                   \
	.source = CTL_SOURCE_EXTENT, .at = offsetof(snap_extent_t, field)
#define CTL_AT_FRAG(is_bin) .source = CTL_SOURCE_FRAG, .at = (is_bin)
#define CTL_AT_RSS(field)                                                      \
	.source = CTL_SOURCE_RSS, .at = offsetof(ledger_t, field)
#define CTL_AT_NONFULL .source = CTL_SOURCE_NONFULL, .at = 0

const ctl_row_t ctl_rows[] = {
#define CTL(path_, type_, access_, gate_, source_, ...)                        \
	{.path = (path_),                                                      \
	    .type = CTL_##type_,                                               \
	    .access = CTL_##access_,                                           \
	    .gate = CTL_GATE_##gate_,                                          \
	    CTL_AT_##source_},
#define CTL_GROUP(path_, fields_, gate_, source_, ...)                         \
	{.path = (path_),                                                      \
	    .access = CTL_RO,                                                  \
	    .gate = CTL_GATE_##gate_,                                          \
	    .fields = CTL_FIELDS_##fields_,                                    \
	    CTL_AT_##source_},
#define CTL_OPTIONS(path_, ...)                                                \
	{.path = (path_), .access = CTL_RO, .source = CTL_SOURCE_OPTIONS},
#include "ctl/ctl_names.def"
#undef CTL
#undef CTL_GROUP
#undef CTL_OPTIONS
};

const unsigned ctl_nrows = ARRAY_LEN(ctl_rows);

static const ctl_field_t mutex_fields[] = {
    {"num_ops", offsetof(mutex_stats_t, n_ops), CTL_U64},
    {"num_wait", offsetof(mutex_stats_t, n_wait), CTL_U64},
    {"num_spin_acq", offsetof(mutex_stats_t, n_spin_acquired), CTL_U64},
    {"num_owner_switch", offsetof(mutex_stats_t, n_owner_switch), CTL_U64},
    {"total_wait_time", offsetof(mutex_stats_t, total_wait_ns), CTL_U64},
    {"max_wait_time", offsetof(mutex_stats_t, max_wait_ns), CTL_U64},
    {"max_num_thds", offsetof(mutex_stats_t, max_n_thds), CTL_U32},
};

static const ctl_field_t slabs_fields[] = {
    {"npageslabs_nonhuge", offsetof(snap_slabs_t, npageslabs_nonhuge),
	CTL_SIZE},
    {"npageslabs_huge", offsetof(snap_slabs_t, npageslabs_huge), CTL_SIZE},
    {"nactive_nonhuge", offsetof(snap_slabs_t, nactive_nonhuge), CTL_SIZE},
    {"nactive_huge", offsetof(snap_slabs_t, nactive_huge), CTL_SIZE},
    {"ndirty_nonhuge", offsetof(snap_slabs_t, ndirty_nonhuge), CTL_SIZE},
    {"ndirty_huge", offsetof(snap_slabs_t, ndirty_huge), CTL_SIZE},
};

#define UTIL(i)                                                                \
	{                                                                      \
		"util_" #i, offsetof(frag_count_t, util[i]), CTL_SIZE          \
	}

static const ctl_field_t frag_fields[] = {
    {"slabs", offsetof(frag_count_t, slabs), CTL_SIZE},
    {"full", offsetof(frag_count_t, full), CTL_SIZE},
    {"partial", offsetof(frag_count_t, partial), CTL_SIZE},
    {"empty", offsetof(frag_count_t, empty), CTL_SIZE},
    {"pinned", offsetof(frag_count_t, pinned), CTL_SIZE},
    {"purged", offsetof(frag_count_t, purged), CTL_SIZE},
    UTIL(0),
    UTIL(1),
    UTIL(2),
    UTIL(3),
    UTIL(4),
    UTIL(5),
    UTIL(6),
    UTIL(7),
    UTIL(8),
    UTIL(9),
};

const ctl_field_t *
ctl_fields(ctl_fields_t fields, unsigned *n)
{
	if (fields == CTL_FIELDS_MUTEX) {
		*n = ARRAY_LEN(mutex_fields);
		return mutex_fields;
	}
	if (fields == CTL_FIELDS_FRAG) {
		*n = ARRAY_LEN(frag_fields);
		return frag_fields;
	}
	*n = ARRAY_LEN(slabs_fields);
	return slabs_fields;
}

bool
ctl_gate_open(ctl_gate_t gate)
{
	switch (gate) {
	case CTL_GATE_STATS:
		return config_stats;
	case CTL_GATE_PROF:
		return config_prof;
	case CTL_GATE_PROF_ON:
		return ctl_prof_is_on();
	case CTL_GATE_RETAIN:
		return opt.retain;
	case CTL_GATE_ALWAYS:
	case CTL_GATE_PROF_HOOK:
	case CTL_GATE_BACKGROUND:
		break;
	}
	return true;
}

size_t
ctl_type_size(ctl_type_t type)
{
	switch (type) {
	case CTL_BOOL:
		return sizeof(bool);
	case CTL_UNSIGNED:
	case CTL_U32:
		return sizeof(uint32_t);
	case CTL_U64:
		return sizeof(uint64_t);
	case CTL_SIZE:
	case CTL_SSIZE:
		return sizeof(size_t);
	case CTL_STRING:
	case CTL_PTR:
	case CTL_U64_PTR:
	case CTL_SIZE_PTR:
	case CTL_TEXT:
	case CTL_HOOKS:
	case CTL_FN:
		return sizeof(void *);
	default:
		return 0;
	}
}

static int
action(ctl_do_t what, ctl_call_t *call)
{
	switch (what) {
#define CTL(path, type, access, gate, source, ...) CTL_CASE_##source
#define CTL_GROUP(...)
#define CTL_OPTIONS(...)
#define CTL_CASE_CALL(name)                                                    \
	case CTL_DO_##name:                                                    \
		return ctl_##name(call);
#define CTL_CASE_CONST(value)
#define CTL_CASE_SNAP(field)
#define CTL_CASE_ARENA(field)
#define CTL_CASE_BIN(field)
#define CTL_CASE_LEXTENT(field)
#define CTL_CASE_EXTENT(field)
#define CTL_CASE_RSS(field)
#include "ctl/ctl_names.def"
#undef CTL
#undef CTL_GROUP
#undef CTL_OPTIONS
	case CTL_NDO:
		break;
	}
	unreachable();
}

static int
constant(const ctl_row_t *row, ctl_call_t *call)
{
	if (row->type == CTL_BOOL) {
		bool value = row->at != 0;
		return CTL_READ(call, value);
	}
	if (row->type == CTL_SIZE) {
		size_t value = row->at;
		return CTL_READ(call, value);
	}
	unsigned value = row->at;
	return CTL_READ(call, value);
}

/* The struct in the snapshot that a row's offset counts from; NULL: none. */
static const void *
snap_object(const ctl_row_t *row, const ctl_call_t *call) REQUIRES(ctl_lock);

static const void *
snap_object(const ctl_row_t *row, const ctl_call_t *call)
{
	if (row->source == CTL_SOURCE_SNAP) {
		return snapshot_global();
	}
	const snap_arena_t *arena = snapshot_arena(call->index[0]);
	size_t j = call->index[1];
	if (arena == NULL) {
		return NULL;
	}
	switch (row->source) {
	case CTL_SOURCE_BIN:
		return &arena->bins[j];
	case CTL_SOURCE_LEXTENT:
		return &arena->lextents[j];
	case CTL_SOURCE_EXTENT:
		return &arena->extents[j];
	case CTL_SOURCE_NONFULL:
		return &arena->hpa.nonfull_slabs[j];
	default:
		return arena;
	}
}

static int
snapped(const ctl_row_t *row, const ctl_field_t *field, ctl_call_t *call)
{
	size_t at = row->at + (field == NULL ? 0 : field->offset);
	size_t size = ctl_type_size(field == NULL ? row->type : field->type);
	mutex_lock(&ctl_lock);
	const char *object = snap_object(row, call);
	int error = object == NULL ? ENOENT : ctl_read(call, object + at, size);
	mutex_unlock(&ctl_lock);
	return error;
}

/* What is counted when it is asked for. */
static int
counted(const ctl_row_t *row, const ctl_field_t *field, ctl_call_t *call)
{
	if (row->source == CTL_SOURCE_RSS) {
		ledger_t ledger;
		ledger_get(&ledger);
		return ctl_read(call, (const char *)&ledger + row->at,
		    ctl_type_size(row->type));
	}
	frag_lock();
	const frag_t *frag = frag_of(call->index[0]);
	const frag_count_t *count = row->at == 0 ? &frag->all
						 : &frag->bins[call->index[1]];
	int error = snapshot_arena(call->index[0]) == NULL
	    ? ENOENT
	    : ctl_read(call, (const char *)count + field->offset,
		  ctl_type_size(field->type));
	mutex_unlock(&ctl_lock);
	return error;
}

static int
check_access(ctl_access_t access, const ctl_call_t *call)
{
	int error = 0;
	if (access == CTL_RO || access == CTL_ACT) {
		error = ctl_refuse_new(call);
	}
	if (error == 0 && (access == CTL_WO || access == CTL_ACT)) {
		error = ctl_refuse_old(call);
	}
	return error;
}

int
ctl_row_do(const ctl_row_t *row, const ctl_field_t *field, ctl_call_t *call)
{
	if (!ctl_gate_open(row->gate)) {
		return ENOENT;
	}
	int error = check_access(row->access, call);
	if (error != 0) {
		return error;
	}
	switch (row->source) {
	case CTL_SOURCE_CALL:
		return action((ctl_do_t)row->at, call);
	case CTL_SOURCE_CONST:
		return constant(row, call);
	case CTL_SOURCE_FRAG:
	case CTL_SOURCE_RSS:
		return counted(row, field, call);
	default:
		return snapped(row, field, call);
	}
}

int
ctl_option_do(const opt_row_t *row, ctl_call_t *call)
{
	if (!row->available) {
		return ENOENT;
	}
	int error = ctl_refuse_new(call);
	if (error != 0) {
		return error;
	}
	const void *field = opt_field(row);
	const char *text;
	unsigned number;
	switch (row->type) {
	case OPT_TYPE_BOOL:
		return ctl_read(call, field, sizeof(bool));
	case OPT_TYPE_UNSIGNED:
		number = *(const unsigned *)field;
		if (field == &opt.narenas && number == 0) {
			number = arenas_nauto();
		}
		return CTL_READ(call, number);
	case OPT_TYPE_FIXED:
		return ctl_read(call, field, sizeof(uint32_t));
	case OPT_TYPE_SIZE:
	case OPT_TYPE_SSIZE:
		return ctl_read(call, field, sizeof(size_t));
	case OPT_TYPE_INT64:
	case OPT_TYPE_UINT64:
		return ctl_read(call, field, sizeof(uint64_t));
	case OPT_TYPE_ENUM:
	case OPT_TYPE_STRING:
	case OPT_TYPE_LETTERS:
		text = opt_text(row);
		return CTL_READ(call, text);
	default:
		return ENOENT;
	}
}
