/*
 * gen_tables: the manual, with the parts that are derived from tables.
 *
 *	gen_tables < jemalloc.3.in > jemalloc.3
 *	gen_tables --check
 *
 * Copies its input and replaces every line that consists of a marker:
 *
 *	@OPTIONS GROUP@		the options of one chapter, as list items
 *	@DEPARTURES@		rows of a table: options whose default is not
 *				that of jemalloc 5.3.1, or that it lacks
 *	@MALLCTL@		the names of mallctl, as list items
 *
 * --check says what is wrong with the words of the rows, and fails if there is
 * anything.  A new kind of table is a row in `markers` and a function.
 *
 * This is a program of the build, not part of the library.  It includes
 * options.def and ctl_names.def as the library does, but with the sizes of the
 * usual build
 * (64-bit Linux, pages of 4 KiB, no debugging), so that it needs no configure
 * and the manual does not depend on it.
 */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* options.h has the names of values; what else it includes needs configure. */
#define PLATFORM_COMPILER_H
#define MUST_CHECK
#include "meta/options.h"

#define CONFIG_CACHE_OBLIVIOUS true
#define CONFIG_DEBUG false
#define HUGEPAGE ((size_t)1 << 21)
#define LG_PAGE 12
#define PAGE ((size_t)1 << LG_PAGE)
#define SC_LARGE_MAX (UINT64_C(7) << 60)
#define OPT_DEFAULT_RETAIN true
#define OPT_DEFAULT_TRUST_MADVISE false
#define OPT_DEFAULT_ZERO_REALLOC OPT_ZERO_REALLOC_FREE
#define OPT_LG_TCACHE_MAX (LG_PAGE + 3)
#define OPT_PROCESS_MADVISE_MAX 128
#define OPT_TCACHE_MAX ((size_t)1 << OPT_LG_TCACHE_MAX)

/* A row as the manual needs it. */
typedef struct {
	const char *name;
	const char *type;
	const char *gate;
	const char *group;
	const char *visibility;
	const char *alias_of; /* NULL: none */
	/* The default: a number, or a text. */
	int64_t number;
	const char *text;
	/* What is accepted. */
	const char *names;
	unsigned nnames;
	const char *way; /* NULL: as the type says */
	bool clamped;
	int64_t min;
	uint64_t max;
	/* Words. */
	const char *summary;
	const char *later;
	const char *departs_from;
	const char *departs_why;
	bool ours;
} row_t;

#define DEFAULT_BOOL(def) .number = (def)
#define DEFAULT_UNSIGNED(def) .number = (int64_t)(def)
#define DEFAULT_SIZE(def) .number = (int64_t)(def)
#define DEFAULT_SSIZE(def) .number = (def)
#define DEFAULT_INT64(def) .number = (def)
#define DEFAULT_UINT64(def) .number = (int64_t)(def)
#define DEFAULT_FIXED(def) .number = (def)
#define DEFAULT_ENUM(def) .number = (def)
#define DEFAULT_STRING(def) .text = def
#define DEFAULT_LETTERS(def) .text = ""
#define DEFAULT_RANGES(def) .text = NULL

#define ANY .min = 0, .max = UINT64_MAX
#define RANGE(lo, hi) .min = (lo), .max = (hi)
#define CLAMP(lo, hi) .min = (lo), .max = (hi), .clamped = true
#define NAMES(list, count) .names = list, .nnames = (count)
#define WAY(how, lo, hi) .way = #how, .min = (lo), .max = (hi)

#define LATER(what) .later = what
#define DEPARTS(from, why) .departs_from = from, .departs_why = why
#define OURS .ours = true

static const row_t rows[] = {
#define OPT(t, key, def, accept, gate_, group_, vis, ...)                      \
	{.name = #key,                                                         \
	    .type = #t,                                                        \
	    DEFAULT_##t(def),                                                  \
	    accept,                                                            \
	    .gate = #gate_,                                                    \
	    .group = #group_,                                                  \
	    .visibility = #vis,                                                \
	    .summary = __VA_ARGS__},
#define OPT_ALIAS(t, key, field, accept, gate_, group_, vis, ...)              \
	{.name = #key,                                                         \
	    .type = #t,                                                        \
	    accept,                                                            \
	    .alias_of = #field,                                                \
	    .gate = #gate_,                                                    \
	    .group = #group_,                                                  \
	    .visibility = #vis,                                                \
	    .summary = __VA_ARGS__},
#include "meta/options.def"
#undef OPT
#undef OPT_ALIAS
};

/* A name of mallctl, or several. */
typedef struct {
	const char *path;
	const char *type; /* NULL: several, of a struct or an option each */
	const char *access;
	const char *gate;
	const char *words;
} name_t;

static const name_t names[] = {
#define CTL(path_, type_, access_, gate_, source_, words_)                     \
	{.path = path_,                                                        \
	    .type = #type_,                                                    \
	    .access = #access_,                                                \
	    .gate = #gate_,                                                    \
	    .words = words_},
#define CTL_GROUP(path_, fields_, gate_, source_, words_)                      \
	{.path = path_, .access = "RO", .gate = #gate_, .words = words_},
#define CTL_OPTIONS(path_, words_)                                             \
	{.path = path_, .access = "RO", .gate = "ALWAYS", .words = words_},
#include "ctl/ctl_names.def"
#undef CTL
#undef CTL_GROUP
#undef CTL_OPTIONS
};

static const name_t *const names_end = names + sizeof(names) / sizeof(names[0]);

#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const row_t *const rows_end = rows + NROWS;

static bool
is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

/*
 * A word as roff has to see it, split into what is marked up and the stop
 * behind it: `abort().` is a function, `madvise(2)` another manual,
 * `prof_final:` an option.
 */
typedef struct {
	char text[80];
	char stop[4];
	char section;
	const char *macro; /* NULL: plain */
} word_t;

static const char *
word_macro(word_t *word)
{
	size_t length = strlen(word->text);
	char *paren = strchr(word->text, '(');
	if (paren > word->text && is(paren, "()")) {
		*paren = '\0';
		return "Fn";
	}
	if (paren > word->text && length > 3 &&
	    isdigit((unsigned char)paren[1]) && is(paren + 2, ")")) {
		word->section = paren[1];
		*paren = '\0';
		return "Xr";
	}
	if (strspn(word->text, "abcdefghijklmnopqrstuvwxyz0123456789_.:") ==
		length &&
	    strchr(word->text, '_') != NULL) {
		return "Cm";
	}
	return NULL;
}

/* Take a word off the front of *text. */
static word_t
word_take(const char **text)
{
	word_t word = {.stop = ""};
	size_t length = strcspn(*text, " ");

	snprintf(word.text, sizeof(word.text), "%.*s", (int)length, *text);
	*text += length;
	length = strlen(word.text);
	if (length > 1 && strchr(".,;:", word.text[length - 1]) != NULL) {
		snprintf(word.stop, sizeof(word.stop), "%c",
		    word.text[length - 1]);
		word.text[length - 1] = '\0';
	}
	word.macro = word_macro(&word);
	return word;
}

/* Running text: sentences (two blanks apart) on new lines, lines short. */
static void
put_text(const char *text)
{
	size_t column = 0;
	while (*text != '\0') {
		word_t word = word_take(&text);
		size_t length = strlen(word.text) + strlen(word.stop);
		if (column > 0 &&
		    (word.macro != NULL || column + 1 + length > 78)) {
			putchar('\n');
			column = 0;
		}
		if (word.macro != NULL) {
			printf(".%s %s", word.macro, word.text);
			if (word.section != '\0') {
				printf(" %c", word.section);
			}
			printf("%s%s\n", *word.stop != '\0' ? " " : "",
			    word.stop);
		} else {
			printf("%s%s%s%s", column > 0 ? " " : "",
			    strchr(".'", word.text[0]) != NULL ? "\\&" : "",
			    word.text, word.stop);
			column += (column > 0) + length;
		}
		size_t blanks = strspn(text, " ");
		text += blanks;
		if (column > 0 && (blanks > 1 || *text == '\0')) {
			putchar('\n');
			column = 0;
		}
	}
}

/* Name number `value` of a row. */
static const char *
name_of(const row_t *row, int64_t value)
{
	const char *name = row->names;
	while (value-- > 0) {
		name += strlen(name) + 1;
	}
	return name;
}

/* The default of a row as a user would write it; NULL: the words say it. */
static const char *
default_text(const row_t *row, char *buf, size_t size)
{
	const row_t *source = row;
	for (const row_t *r = rows; r < rows_end; r++) {
		if (is(row->alias_of, r->name)) {
			source = r;
		}
	}
	if (is(row->way, "NARENAS")) {
		return NULL;
	}
	if (is(row->way, "BYTES_OR_AUTO")) {
		return "auto";
	}
	if (source != row) {
		return NULL;
	}
	if (is(row->type, "BOOL")) {
		return row->number ? "true" : "false";
	}
	if (is(row->type, "ENUM")) {
		return name_of(row, row->number);
	}
	if (is(row->type, "FIXED")) {
		snprintf(buf, size, "%g", (double)row->number / 65536);
		return buf;
	}
	if (is(row->type, "STRING") || is(row->type, "LETTERS")) {
		return *row->text != '\0' ? row->text : "empty";
	}
	if (is(row->type, "RANGES")) {
		return NULL;
	}
	snprintf(buf, size, "%lld", (long long)row->number);
	return buf;
}

static void
put_names(const row_t *row)
{
	for (unsigned i = 0; i < row->nnames; i++) {
		printf("%s%s",
		    i == 0                     ? ""
			: i + 1 == row->nnames ? " or "
					       : ", ",
		    name_of(row, i));
	}
}

/* The bounds of a number, in words. */
static void
put_bounds(const row_t *row)
{
	const char *moved = row->clamped ? ", moved into" : ", from";
	bool is_signed = is(row->type, "SSIZE") || is(row->type, "INT64");
	uint64_t none = is_signed       ? INT64_MAX
	    : is(row->type, "UNSIGNED") ? UINT_MAX
					: UINT64_MAX;

	if (row->max >= none) {
		if (row->min != 0) {
			printf(", %s %lld",
			    row->clamped ? "raised to at least" : "at least",
			    (long long)row->min);
		}
		return;
	}
	printf("%s %lld to %llu", moved, (long long)row->min,
	    (unsigned long long)row->max);
}

/* What can be written. */
static void
put_accepted(const row_t *row)
{
	static const char ways[][2][40] = {
	    {"NARENAS", "integer from 1, or default"},
	    {"FIXED_OR_NEVER", "fraction, or -1"},
	    {"HUGEPAGE_RATIO", "fraction from 0 to 1"},
	    {"LG_SIZE", "integer"},
	    {"BACKGROUND_THREADS", "integer, raised to at least 1"},
	    {"DEBUG_ONLY", "integer"},
	    {"BYTES_OR_AUTO", "integer, or auto"},
	    {"UAF_ALIGN", "-1, or integer, moved into 12 to 63"},
	    {"RANGES", "list of LO-HI:N"},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (is(row->way, ways[i][0])) {
			fputs(ways[i][1], stdout);
			if (is(row->way, "LG_SIZE")) {
				printf(", moved into %lld to %llu",
				    (long long)row->min,
				    (unsigned long long)row->max);
			}
			return;
		}
	}
	if (is(row->type, "ENUM")) {
		put_names(row);
	} else if (is(row->type, "BOOL")) {
		fputs("true or false", stdout);
	} else if (is(row->type, "FIXED")) {
		fputs("fraction", stdout);
	} else if (is(row->type, "STRING")) {
		fputs("text", stdout);
	} else if (is(row->type, "LETTERS")) {
		fputs("letters", stdout);
	} else {
		fputs("integer", stdout);
		put_bounds(row);
	}
}

/* The switch of configure that a gate stands for, NULL for none. */
static const char *
gate_text(const row_t *row)
{
	static const char gates[][2][64] = {
	    {"FILL", "Not in builds with --disable-fill."},
	    {"CXX", "Not in builds with --disable-cxx."},
	    {"UTRACE", "Only in builds with --enable-utrace."},
	    {"XMALLOC", "Only in builds with --enable-xmalloc."},
	    {"PROF", "Only in builds with heap profiling."},
	    {"LOG", "Only in builds with --enable-log."},
	    {"UAF", "Only in builds with --enable-uaf-detection."},
	};
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		if (is(row->gate, gates[i][0])) {
			return gates[i][1];
		}
	}
	return NULL;
}

static void
put_option(const row_t *row)
{
	char buf[64];
	const char *preset = default_text(row, buf, sizeof(buf));
	const char *gate = gate_text(row);

	printf(".It Cm %s Pq ", row->name);
	put_accepted(row);
	if (preset != NULL) {
		printf(" ; default %s", preset);
	}
	putchar('\n');
	put_text(row->summary);
	if (gate != NULL) {
		put_text(gate);
	}
	if (is(row->visibility, "KEY_ONLY")) {
		put_text("Cannot be read back.");
	}
	if (row->ours) {
		put_text("Not in jemalloc 5.3.1.");
	}
	if (row->later != NULL) {
		printf("Without effect in this version, which lacks\n%s.\n",
		    row->later);
	}
}

static void
put_options(const char *group)
{
	unsigned count = 0;
	for (const row_t *row = rows; row < rows_end; row++) {
		if (is(row->group, group)) {
			put_option(row);
			count++;
		}
	}
	if (count == 0) {
		fprintf(stderr, "gen_tables: no options in \"%s\"\n", group);
		exit(1);
	}
}

static void
put_departures(const char *unused)
{
	char buf[64];
	(void)unused;
	for (const row_t *row = rows; row < rows_end; row++) {
		const char *preset = default_text(row, buf, sizeof(buf));
		if (row->departs_from != NULL) {
			printf(".It Cm %s Ta %s Ta %s Ta %s\n", row->name,
			    row->departs_from,
			    preset != NULL ? preset : "see above",
			    row->departs_why);
		} else if (row->ours) {
			printf(".It Cm %s Ta none Ta %s Ta new option\n",
			    row->name, preset);
		}
	}
}

/* A type as C has it: what is read, and what is written if that differs. */
static const char *
type_text(const char *type)
{
	static const char texts[][2][56] = {
	    {"BOOL", "bool"},
	    {"UNSIGNED", "unsigned"},
	    {"U32", "uint32_t"},
	    {"U64", "uint64_t"},
	    {"SIZE", "size_t"},
	    {"SSIZE", "ssize_t"},
	    {"STRING", "const char *"},
	    {"PTR", "void *"},
	    {"U64_PTR", "uint64_t *"},
	    {"SIZE_PTR", "size_t *"},
	    {"SIZE_SIZE", "size_t; takes a size_t"},
	    {"TEXT", "char *"},
	    {"HOOKS", "extent_hooks_t *"},
	    {"UNSIGNED_HOOKS", "unsigned; takes an extent_hooks_t *"},
	    {"UNSIGNED_PTR", "unsigned; takes a void *"},
	    {"UNSIGNED_CONFIG", "unsigned; takes a struct"},
	    {"PROF_COUNT", "struct of two uint64_t"},
	    {"PROF_RECENT", "struct of a function and its argument"},
	    {"HOOK_INSTALL", "void *; takes a struct"},
	    {"THREAD_EVENT", "struct"},
	    {"QUERY", "size_t; takes a void *"},
	    {"BATCH", "size_t; takes a struct"},
	    {"FN", "pointer to a function"},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (is(type, texts[i][0])) {
			return texts[i][1];
		}
	}
	return NULL;
}

/* When a name is not there; NULL: never, or the text around says it. */
static const char *
absence_text(const name_t *name)
{
	if (is(name->gate, "PROF")) {
		return "Only in builds with heap profiling.";
	}
	if (is(name->gate, "PROF_ON") || is(name->gate, "PROF_HOOK")) {
		return "Only while heap profiling runs.";
	}
	if (is(name->gate, "RETAIN")) {
		return "Only with the option retain.";
	}
	return NULL;
}

static void
put_access(const name_t *name)
{
	if (is(name->type, "VOID")) {
		return;
	}
	const char *access = name->access;
	if (strncmp(access, "ANY_", 4) == 0) {
		access += 4;
	}
	printf(" Pq %s%s", name->type == NULL ? "" : type_text(name->type),
	    name->type == NULL     ? "read"
		: is(access, "RO") ? ", read"
		: is(access, "WO") ? ", write"
				   : ", read and write");
}

static void
put_mallctl(const char *unused)
{
	(void)unused;
	for (const name_t *name = names; name < names_end; name++) {
		const char *absence = absence_text(name);
		printf(".It Li %s%s", name->path,
		    name->type == NULL ? ".*" : "");
		put_access(name);
		putchar('\n');
		put_text(name->words);
		if (absence != NULL) {
			put_text(absence);
		}
	}
}

static const struct {
	const char *name;
	void (*put)(const char *argument);
} markers[] = {
    {"OPTIONS", put_options},
    {"DEPARTURES", put_departures},
    {"MALLCTL", put_mallctl},
};

/* Put what a marker stands for.  False: the line is no marker. */
static bool
put_marker(const char *line)
{
	char name[32], argument[32] = "";
	size_t length = strlen(line);
	if (length < 3 || line[0] != '@' || line[length - 2] != '@' ||
	    sscanf(line, "@%31[A-Z] %31[A-Z]", name, argument) < 1) {
		return false;
	}
	for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++) {
		if (is(name, markers[i].name)) {
			markers[i].put(argument);
			return true;
		}
	}
	fprintf(stderr, "gen_tables: unknown marker %s", line);
	exit(1);
}

/* What is wrong with the words of a row, NULL if nothing is. */
static const char *
complaint(const row_t *row)
{
	size_t length = strlen(row->summary);
	if (length < 20) {
		return "has no summary";
	}
	if (!isupper((unsigned char)row->summary[0]) &&
	    strncmp(row->summary, "calloc()", 8) != 0) {
		return "has a summary that does not begin as a sentence does";
	}
	if (row->summary[length - 1] != '.') {
		return "has a summary without a full stop";
	}
	if (strchr(row->summary, '\n') != NULL ||
	    strchr(row->summary, '"') != NULL) {
		return "has a summary that roff would misunderstand";
	}
	if (is(row->departs_from, "") || is(row->departs_why, "") ||
	    is(row->later, "")) {
		return "has an empty note";
	}
	if (gate_text(row) == NULL && !is(row->gate, "ALWAYS")) {
		return "depends on a build feature that has no words";
	}
	return NULL;
}

/* The same for a name of mallctl. */
static const char *
name_complaint(const name_t *name)
{
	size_t length = strlen(name->words);
	if (length < 12) {
		return "has no words";
	}
	if (!isupper((unsigned char)name->words[0]) ||
	    name->words[length - 1] != '.') {
		return "has words that are no sentence";
	}
	if (strchr(name->words, '\n') != NULL ||
	    strchr(name->words, '"') != NULL) {
		return "has words that roff would misunderstand";
	}
	if (name->type != NULL && !is(name->type, "VOID") &&
	    type_text(name->type) == NULL) {
		return "has a type that has no words";
	}
	return NULL;
}

static int
check(void)
{
	int status = 0;
	for (const row_t *row = rows; row < rows_end; row++) {
		const char *what = complaint(row);
		if (what != NULL) {
			printf("options.def: %s %s\n", row->name, what);
			status = 1;
		}
	}
	for (const name_t *name = names; name < names_end; name++) {
		const char *what = name_complaint(name);
		if (what != NULL) {
			printf("ctl_names.def: %s %s\n", name->path, what);
			status = 1;
		}
	}
	return status;
}

int
main(int argc, char **argv)
{
	char line[1024];

	if (argc > 1) {
		if (is(argv[1], "--check")) {
			return check();
		}
		fprintf(stderr, "usage: gen_tables [--check] < in > out\n");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (!put_marker(line)) {
			fputs(line, stdout);
		}
	}
	return ferror(stdin) || fflush(stdout) != 0;
}
