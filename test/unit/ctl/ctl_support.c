#include "ctl_support.h"

#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arenas.h"
#include "ctl/stats_print.h"
#include "thread/tsd.h"

/* Until the layer above provides it. */
static void *
from_libc(size_t size, int flags)
{
	return flags == 0 ? malloc(size) : NULL;
}

void
ctl_setup(void)
{
	opt.narenas = 3;
	opt.junk = OPT_JUNK_FALSE;
	opt.debug_double_free_max_scan = 0;
	ctl_ops.mallocx = from_libc;
	size_class_boot();
	bin_info_boot();
	tsd_boot();
	assert_int_equal(arenas_boot(), ERR_NONE);
	assert_non_null(tsd_get());
}

void
setup_with_stats(void)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
}

static void
get(const char *name, void *value, size_t size)
{
	size_t length = size;
	int error = ctl_by_name(name, value, &length, NULL, 0);
	if (error != 0 || length != size) {
		fail_msg("%s: error %d, length %zu", name, error, length);
	}
}

#define GETTER(name, type)                                                     \
	type get_##name(const char *path)                                      \
	{                                                                      \
		type value;                                                    \
		get(path, &value, sizeof(value));                              \
		return value;                                                  \
	}
GETTER(bool, bool)
GETTER(unsigned, unsigned)
GETTER(size, size_t)
GETTER(ssize, ssize_t)
GETTER(u64, uint64_t)
GETTER(text, const char *)

int
try_write(const char *name, const void *value, size_t size)
{
	return ctl_by_name(name, NULL, NULL, (void *)(uintptr_t)value, size);
}

int
try_read(const char *name, size_t size)
{
	char buf[256];
	assert_true(size <= sizeof(buf));
	return ctl_by_name(name, buf, &size, NULL, 0);
}

int
try_act(const char *name)
{
	return ctl_by_name(name, NULL, NULL, NULL, 0);
}

void
new_epoch(void)
{
	uint64_t any = 1;
	assert_int_equal(try_write("epoch", &any, sizeof(any)), 0);
}

const char *
name_of(const char *path, size_t i, size_t j)
{
	static char name[NAME_MAX_LENGTH];
	char *out = name;
	for (const char *p = path; *p != '\0'; p++) {
		size_t room = sizeof(name) - (size_t)(out - name);
		if (*p == '<') {
			out += snprintf(out, room, "%zu", p[1] == 'i' ? i : j);
			p += 2;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	return name;
}

static void
visit_leaf(const char *path, const char *last, ctl_leaf_t leaf,
    void (*visit)(const char *, const ctl_leaf_t *))
{
	char name[NAME_MAX_LENGTH];
	snprintf(name, sizeof(name), "%s%s%s", name_of(path, 0, 0),
	    last == NULL ? "" : ".", last == NULL ? "" : last);
	visit(name, &leaf);
}

static void
visit_options(const char *path, void (*visit)(const char *, const ctl_leaf_t *))
{
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		if (opt_rows[i].visibility != OPT_KEY_ONLY) {
			visit_leaf(path, opt_rows[i].name,
			    (ctl_leaf_t){NULL, NULL, &opt_rows[i]}, visit);
		}
	}
}

void
for_each_leaf(void (*visit)(const char *name, const ctl_leaf_t *leaf))
{
	for (unsigned i = 0; i < ctl_nrows; i++) {
		const ctl_row_t *row = &ctl_rows[i];
		if (row->source == CTL_SOURCE_OPTIONS) {
			visit_options(row->path, visit);
			continue;
		}
		unsigned nfields = 0;
		const ctl_field_t *fields = NULL;
		if (row->fields != CTL_FIELDS_NONE) {
			fields = ctl_fields(row->fields, &nfields);
		} else {
			visit_leaf(row->path, NULL,
			    (ctl_leaf_t){row, NULL, NULL}, visit);
		}
		for (unsigned j = 0; j < nfields; j++) {
			visit_leaf(row->path, fields[j].name,
			    (ctl_leaf_t){row, &fields[j], NULL}, visit);
		}
	}
}

char printed[4 << 20];
size_t printed_length, printed_pieces;

void
printed_clear(void)
{
	printed_length = 0;
	printed_pieces = 0;
	printed[0] = '\0';
}

void
printed_collect(void *opaque, const char *piece)
{
	assert_ptr_equal(opaque, &printed_length);
	size_t n = strlen(piece);
	assert_true(printed_length + n < sizeof(printed));
	memcpy(printed + printed_length, piece, n + 1);
	printed_length += n;
	printed_pieces++;
}

void
print(const char *opts)
{
	printed_clear();
	stats_print(printed_collect, &printed_length, opts);
}

void
assert_has(const char *part)
{
	if (strstr(printed, part) == NULL) {
		fail_msg("no \"%s\" in:\n%s", part, printed);
	}
}

void
assert_lacks(const char *part)
{
	if (strstr(printed, part) != NULL) {
		fail_msg("\"%s\" in:\n%s", part, printed);
	}
}
