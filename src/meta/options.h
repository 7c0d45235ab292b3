/*
 * options: what can be set from outside when the process starts.
 *
 * Owns the one row of each option (options.def), the values in force (`opt`)
 * and the record of where they came from.  `opt` is initialised with the
 * defaults at compile time, so that a start without any setting has nothing
 * to do.
 *
 * Reading the sources is conf_source.c, their grammar and precedence conf.c,
 * the syntax of one value conf_value.c.  None of them allocates.
 *
 * Locking: none.  Values are written by options_boot(), while the process has
 * one thread or every other one waits for the boot, and are constant after
 * it.  A module that corrects its option during its own boot (narenas,
 * background_thread) writes the field before the boot ends.
 *
 * Not for: settings that change while the process runs.  Those start from an
 * option and live in the module that they steer.
 */
#ifndef META_OPTIONS_H
#define META_OPTIONS_H

#include "platform/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Values of the ENUM options; each equals the index of its name in the row. */
enum { OPT_DSS_DISABLED, OPT_DSS_PRIMARY, OPT_DSS_SECONDARY };
enum { OPT_PERCPU_DISABLED, OPT_PERCPU_PERCPU, OPT_PERCPU_PHYCPU };
enum { OPT_HUGIFY_AUTO, OPT_HUGIFY_NONE, OPT_HUGIFY_EAGER, OPT_HUGIFY_LAZY };
enum {
	OPT_METADATA_THP_DISABLED,
	OPT_METADATA_THP_AUTO,
	OPT_METADATA_THP_ALWAYS
};
/* Two bits: fill on allocation, fill on free. */
enum { OPT_JUNK_FALSE, OPT_JUNK_ALLOC, OPT_JUNK_FREE, OPT_JUNK_TRUE };
enum { OPT_THP_DEFAULT, OPT_THP_ALWAYS, OPT_THP_NEVER, OPT_THP_NOT_SUPPORTED };
enum { OPT_ZERO_REALLOC_ALLOC, OPT_ZERO_REALLOC_FREE, OPT_ZERO_REALLOC_ABORT };
enum { OPT_PROF_TIME_DEFAULT, OPT_PROF_TIME_HIGH };

/* Values of FIXED options: 16 bits of whole number, 16 bits of fraction. */
#define OPT_FIXED(whole) ((uint32_t)(whole) << 16)
#define OPT_FIXED_NEVER UINT32_MAX

/* mem_limit: ask the control group. */
#define OPT_MEM_LIMIT_AUTO SIZE_MAX

/* dirty_decay_ms, muzzy_decay_ms: so many milliseconds still fit 64 bits of
 * nanoseconds. */
#define OPT_DECAY_MS_MAX INT64_C(18446744072000)

/* The letters that malloc_stats_print() knows, and room for each once. */
#define OPT_LETTERS "JgmdablxehOrfR"
#define OPT_LETTERS_SIZE sizeof(OPT_LETTERS)

/* Longest text of a STRING option. */
#define OPT_STRING_MAX 4096

/*
 * One LO-HI:N setting for sizes lo .. hi.  Numbers that do not fit are kept as
 * UINT32_MAX, which is above every size that has such settings.
 */
typedef struct {
	uint32_t lo;
	uint32_t hi;
	uint32_t value;
} opt_range_t;

#define OPT_RANGES_MAX 64

/* The settings of a RANGES option; where two overlap, the later one holds. */
typedef struct {
	unsigned count;
	opt_range_t range[OPT_RANGES_MAX];
} opt_ranges_t;

typedef enum {
	OPT_TYPE_BOOL, /* bool */
	OPT_TYPE_UNSIGNED, /* unsigned */
	OPT_TYPE_SIZE, /* size_t */
	OPT_TYPE_SSIZE, /* ssize_t */
	OPT_TYPE_INT64, /* int64_t */
	OPT_TYPE_UINT64, /* uint64_t */
	OPT_TYPE_FIXED, /* uint32_t, 16.16 */
	OPT_TYPE_ENUM, /* uint8_t, an index into the row's names */
	OPT_TYPE_STRING, /* const char * */
	OPT_TYPE_LETTERS, /* char[OPT_LETTERS_SIZE] */
	OPT_TYPE_RANGES /* opt_ranges_t */
} opt_type_t;

/* The fields of options_t: one for each row that is no alias. */
#define OPT_FIELD_BOOL(name) bool name;
#define OPT_FIELD_UNSIGNED(name) unsigned name;
#define OPT_FIELD_SIZE(name) size_t name;
#define OPT_FIELD_SSIZE(name) ssize_t name;
#define OPT_FIELD_INT64(name) int64_t name;
#define OPT_FIELD_UINT64(name) uint64_t name;
#define OPT_FIELD_FIXED(name) uint32_t name;
#define OPT_FIELD_ENUM(name) uint8_t name;
#define OPT_FIELD_STRING(name) const char *name;
#define OPT_FIELD_LETTERS(name) char name[OPT_LETTERS_SIZE];
#define OPT_FIELD_RANGES(name) opt_ranges_t name;

typedef struct {
#define OPT(type, name, ...) OPT_FIELD_##type(name)
#define OPT_ALIAS(type, name, ...)
#include "meta/options.def"
#undef OPT
#undef OPT_ALIAS
} options_t;

/* The values in force. */
extern options_t opt;

/* The number of each row: OPT_ID_retain, ... */
typedef enum {
#define OPT(type, name, ...) OPT_ID_##name,
#define OPT_ALIAS(type, name, ...) OPT_ID_##name,
#include "meta/options.def"
#undef OPT
#undef OPT_ALIAS
	OPT_COUNT
} opt_id_t;

/* What happens to a number outside min .. max. */
typedef enum { OPT_REFUSED, OPT_CLAMPED } opt_bound_t;

/* How a value is written, where its type does not say it all. */
typedef enum {
	OPT_SYNTAX_TYPE, /* as all values of the type */
	OPT_SYNTAX_NARENAS, /* or the word default */
	OPT_SYNTAX_FIXED_OR_NEVER, /* or -1 */
	OPT_SYNTAX_HUGEPAGE_RATIO, /* 0 .. 1 of a huge page */
	OPT_SYNTAX_LG_SIZE, /* the power of two to set */
	OPT_SYNTAX_BACKGROUND_THREADS, /* only downwards; > 4095: default */
	OPT_SYNTAX_DEBUG_ONLY, /* without effect in other builds */
	OPT_SYNTAX_BYTES_OR_AUTO, /* or the word auto */
	OPT_SYNTAX_UAF_ALIGN, /* -1, else clamped */
	OPT_SYNTAX_RANGES /* LO-HI:N|...; slab_sizes: default */
} opt_syntax_t;

typedef enum {
	OPT_SHOWN, /* in mallctl opt.* and in the statistics */
	OPT_QUIET, /* in mallctl opt.* only */
	OPT_KEY_ONLY /* can be set, not read */
} opt_visibility_t;

#define OPT_NAME_SIZE 44
#define OPT_NAMES_SIZE 40

/*
 * The row of one option.  It holds no pointer, so that the loader of a shared
 * library has nothing to relocate in the table.
 */
typedef struct {
	char name[OPT_NAME_SIZE];
	/* ENUM: the names, each ended by a NUL, a second one after the last. */
	char names[OPT_NAMES_SIZE];
	/* Bounds of a number; ENUM: max is the last value that can be set. */
	int64_t min;
	uint64_t max;
	uint16_t offset; /* of the field in options_t */
	uint8_t type; /* opt_type_t */
	uint8_t bound; /* opt_bound_t */
	uint8_t syntax; /* opt_syntax_t */
	uint8_t visibility; /* opt_visibility_t */
	bool alias; /* the field is another row's */
	bool available; /* the build has the feature */
} opt_row_t;

extern const opt_row_t opt_rows[OPT_COUNT];

/* Where settings come from, in rising precedence. */
typedef enum {
	OPT_SOURCE_DEFAULT,
	OPT_SOURCE_COMPILED_IN, /* --with-malloc-conf */
	OPT_SOURCE_GLOBAL_VAR, /* malloc_conf */
	OPT_SOURCE_SYMLINK, /* /etc/malloc.conf */
	OPT_SOURCE_ENV, /* MALLOC_CONF */
	OPT_SOURCE_GLOBAL_VAR_2, /* malloc_conf_2_conf_harder */
	OPT_SOURCE_COUNT
} opt_source_t;

/* The text of each source; NULL where it is absent.  text[0] is not used. */
typedef struct {
	const char *text[OPT_SOURCE_COUNT];
} options_sources_t;

/*
 * Fill in the sources of this process.  The texts stay where they are (the
 * symbolic link's in a buffer of ours).  errno is left alone.
 */
void options_sources_system(options_sources_t *sources);

/*
 * Text of the symbolic link at `path`, read into buf[0 .. size - 1] and cut to
 * fit; NULL when there is none.  errno is left alone.
 */
const char *options_read_symlink(const char *path, char *buf, size_t size);

/*
 * Apply the sources to `opt`, which holds the defaults, and report what is
 * wrong with them.  Does not return when there are errors and abort_conf is
 * true.  `sources` is copied, its texts are not: they stay readable through
 * options_source_text() for as long as their owners keep them.
 */
void options_boot(const options_sources_t *sources);

/* Does any of the sources say anything? */
bool options_are_given(const options_sources_t *sources);

/* Text of a source as options_boot() found it; NULL when it was absent. */
const char *options_source_text(opt_source_t source);

/* The source (opt_source_t) that set each row last.  Only conf.c writes it. */
extern uint8_t opt_set_by[OPT_COUNT];

/* The row of a key, NULL when it is unknown or its feature was not built. */
const opt_row_t *opt_find(const char *key, size_t length);

/* Name number `value` of an ENUM row; NULL when there are fewer. */
const char *opt_enum_name(const opt_row_t *row, unsigned value);

/* The field of a row; its type is the one that row->type stands for. */
static inline void *
opt_field(const opt_row_t *row)
{
	return (char *)&opt + row->offset;
}

/* The value of an ENUM, STRING or LETTERS row as text. */
const char *opt_text(const opt_row_t *row);

/*
 * Add a setting behind the others.  Settings that it hides are dropped.
 * False, and nothing has changed, when there is no room.
 */
MUST_CHECK bool opt_ranges_add(opt_ranges_t *ranges, opt_range_t range);

/*
 * The setting for a size class.  `size` is its size, `below` the size of the
 * class under it (0 for the smallest): bounds that are no class sizes count as
 * rounded up to one.  False, and *value is untouched, when there is none.
 */
MUST_CHECK bool opt_ranges_find(const opt_ranges_t *ranges, size_t size,
    size_t below, uint32_t *value);

/*
 * Read LO-HI:N at *text, which ends at `end`, and the separator after it.
 * On success *text is the start of the next one, or `end`.  *end must be a
 * character that no number can contain.  Also for mallctl
 * thread.tcache.ncached_max.write.
 */
MUST_CHECK bool
opt_range_parse(const char **text, const char *end, opt_range_t *range);

#endif
