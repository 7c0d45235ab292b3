/*
 * ctl_table: the rows of all names, and what a row stands for.
 *
 * Owns the table made of ctl_names.def: where the value of each name is, or
 * who handles it.  A row holds no pointer, so that the loader has nothing to
 * relocate, and the table costs nothing before the first mallctl call.
 *
 * Not for: names as text and as mibs (ctl_tree.h).
 */
#ifndef CTL_CTL_TABLE_H
#define CTL_CTL_TABLE_H

#include "ctl/ctl_call.h"
#include "ctl/snapshot.h"
#include "meta/options.h"
#include "meta/size_class.h"

typedef enum {
	CTL_BOOL,
	CTL_UNSIGNED,
	CTL_U32,
	CTL_U64,
	CTL_SIZE,
	CTL_SSIZE,
	CTL_STRING,
	CTL_PTR,
	CTL_VOID,
	/* Known to their handlers only. */
	CTL_U64_PTR,
	CTL_SIZE_PTR,
	CTL_SIZE_SIZE,
	CTL_TEXT,
	CTL_HOOKS,
	CTL_UNSIGNED_HOOKS,
	CTL_UNSIGNED_PTR,
	CTL_UNSIGNED_CONFIG,
	CTL_PROF_COUNT,
	CTL_PROF_RECENT,
	CTL_HOOK_INSTALL,
	CTL_THREAD_EVENT,
	CTL_QUERY,
	CTL_BATCH,
	CTL_FN
} ctl_type_t;

typedef enum {
	CTL_RO,
	CTL_RW,
	CTL_WO,
	CTL_ACT,
	CTL_ANY,
	/* For the manual. */
	CTL_ANY_RO = CTL_ANY,
	CTL_ANY_RW = CTL_ANY,
	CTL_ANY_WO = CTL_ANY
} ctl_access_t;

typedef enum {
	CTL_GATE_ALWAYS,
	CTL_GATE_STATS,
	CTL_GATE_PROF,
	CTL_GATE_PROF_ON,
	CTL_GATE_PROF_HOOK, /* resolved always; the handler knows */
	CTL_GATE_RETAIN,
	CTL_GATE_BACKGROUND
} ctl_gate_t;

/* Where the value comes from; `at` is then ... */
typedef enum {
	CTL_SOURCE_CONST, /* ... the value */
	CTL_SOURCE_SNAP, /* ... an offset in snapshot_t */
	CTL_SOURCE_ARENA, /* ... in snap_arena_t */
	CTL_SOURCE_BIN, /* ... in its bins[j] */
	CTL_SOURCE_LEXTENT,
	CTL_SOURCE_EXTENT,
	CTL_SOURCE_NONFULL,
	CTL_SOURCE_FRAG, /* ... 1 for a bin, 0 for an arena: a frag_count_t */
	CTL_SOURCE_RSS, /* ... an offset in ledger_t */
	CTL_SOURCE_CALL, /* ... a ctl_do_t */
	CTL_SOURCE_OPTIONS /* ... nothing: a row for many */
} ctl_source_t;

typedef enum {
	CTL_FIELDS_NONE,
	CTL_FIELDS_MUTEX,
	CTL_FIELDS_SLABS,
	CTL_FIELDS_FRAG
} ctl_fields_t;

#define CTL_PATH_SIZE 52

typedef struct {
	char path[CTL_PATH_SIZE];
	uint32_t at;
	uint8_t type; /* ctl_type_t */
	uint8_t access; /* ctl_access_t */
	uint8_t gate; /* ctl_gate_t */
	uint8_t source; /* ctl_source_t */
	uint8_t fields; /* ctl_fields_t: the row stands for these */
} ctl_row_t;

/* A field of a row that stands for several. */
typedef struct {
	char name[24];
	uint16_t offset;
	uint8_t type;
} ctl_field_t;

/* The number of each row. */
extern const ctl_row_t ctl_rows[];
extern const unsigned ctl_nrows;

/* The fields of a kind; *n says how many. */
const ctl_field_t *ctl_fields(ctl_fields_t fields, unsigned *n);

/* Is what the row needs in this build, and switched on? */
bool ctl_gate_open(ctl_gate_t gate);

/* Bytes of a value of the type; 0: only the handler knows. */
size_t ctl_type_size(ctl_type_t type);

/* Do what a row says, `field` (or NULL) being one of its fields. */
int
ctl_row_do(const ctl_row_t *row, const ctl_field_t *field, ctl_call_t *call);

/* The same for a row of options. */
int ctl_option_do(const opt_row_t *row, ctl_call_t *call);

#endif
