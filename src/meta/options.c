/*
 * options: the values in force, the table of rows, and look-ups in it.
 *
 * See options.h for the invariants.
 */
#include "meta/options.h"

#include <limits.h>
#include <string.h>

#include "meta/size_class.h"
#include "platform/assert.h"
#include "platform/build.h"
#include "platform/io.h"

/* Bounds and defaults that the platform decides. */
#ifdef __linux__
#define OPT_DEFAULT_TRUST_MADVISE false
#define OPT_DEFAULT_ZERO_REALLOC OPT_ZERO_REALLOC_FREE
#define OPT_PROCESS_MADVISE_MAX 128
#else
#define OPT_DEFAULT_TRUST_MADVISE true
#define OPT_DEFAULT_ZERO_REALLOC OPT_ZERO_REALLOC_ALLOC
#define OPT_PROCESS_MADVISE_MAX 0
#endif
#define OPT_DEFAULT_RETAIN (sizeof(void *) == 8)
#define OPT_LG_TCACHE_MAX (LG_PAGE + 3)
#define OPT_TCACHE_MAX ((size_t)1 << OPT_LG_TCACHE_MAX)

/* The build features that keys depend on. */
#define OPT_GATE_ALWAYS 1
#define OPT_GATE_FILL CONFIG_FILL
#define OPT_GATE_UTRACE CONFIG_UTRACE
#define OPT_GATE_XMALLOC CONFIG_XMALLOC
#define OPT_GATE_CXX CONFIG_CXX
#define OPT_GATE_PROF CONFIG_PROF
#define OPT_GATE_LOG CONFIG_LOG
#define OPT_GATE_UAF (CONFIG_UAF_DETECTION || CONFIG_DEBUG)

#define OPT_INIT_BOOL(name, def) .name = (def),
#define OPT_INIT_UNSIGNED(name, def) .name = (def),
#define OPT_INIT_SIZE(name, def) .name = (def),
#define OPT_INIT_SSIZE(name, def) .name = (def),
#define OPT_INIT_INT64(name, def) .name = (def),
#define OPT_INIT_UINT64(name, def) .name = (def),
#define OPT_INIT_FIXED(name, def) .name = (def),
#define OPT_INIT_ENUM(name, def) .name = (def),
#define OPT_INIT_STRING(name, def) .name = (def),
/* These start empty. */
#define OPT_INIT_LETTERS(name, def)
#define OPT_INIT_RANGES(name, def)

options_t opt = {
#define OPT(type, name, def, ...) OPT_INIT_##type(name, def)
#define OPT_ALIAS(...)
#include "meta/options.def"
#undef OPT
#undef OPT_ALIAS
};

#define ANY .min = 0, .max = UINT64_MAX
#define RANGE(lo, hi) .min = (lo), .max = (hi)
#define CLAMP(lo, hi) .min = (lo), .max = (hi), .bound = OPT_CLAMPED
/* NOLINTNEXTLINE(bugprone-macro-parentheses): fills an array */
#define NAMES(list, count) .names = list, .max = (count)-1
#define WAY(how, lo, hi) .min = (lo), .max = (hi), .syntax = OPT_SYNTAX_##how

RARE_RODATA const opt_row_t opt_rows[OPT_COUNT] = {
#define OPT(t, key, def, accept, gate, group, vis, ...)                        \
	{.name = #key,                                                         \
	    .type = OPT_TYPE_##t,                                              \
	    accept,                                                            \
	    .offset = offsetof(options_t, key),                                \
	    .visibility = OPT_##vis,                                           \
	    .available = OPT_GATE_##gate},
#define OPT_ALIAS(t, key, field, accept, gate, group, vis, ...)                \
	{.name = #key,                                                         \
	    .type = OPT_TYPE_##t,                                              \
	    accept,                                                            \
	    .alias = true,                                                     \
	    .offset = offsetof(options_t, field),                              \
	    .visibility = OPT_##vis,                                           \
	    .available = OPT_GATE_##gate},
#include "meta/options.def"
#undef OPT
#undef OPT_ALIAS
};

uint8_t opt_set_by[OPT_COUNT];

_Static_assert(sizeof(options_t) <= UINT16_MAX, "offsets must fit");
_Static_assert(sizeof(opt_row_t) <= 112, "rows must stay small");

const opt_row_t *
opt_find(const char *key, size_t length)
{
	if (length >= OPT_NAME_SIZE) {
		return NULL;
	}
	for (const opt_row_t *row = opt_rows; row < opt_rows + OPT_COUNT;
	     row++) {
		if (memcmp(row->name, key, length) == 0 &&
		    row->name[length] == '\0') {
			return row->available ? row : NULL;
		}
	}
	return NULL;
}

const char *
opt_enum_name(const opt_row_t *row, unsigned value)
{
	assert(row->type == OPT_TYPE_ENUM);
	const char *name = row->names;
	for (; value > 0 && *name != '\0'; value--) {
		name += strlen(name) + 1;
	}
	return *name != '\0' ? name : NULL;
}

const char *
opt_text(const opt_row_t *row)
{
	const void *field = opt_field(row);
	switch (row->type) {
	case OPT_TYPE_ENUM:
		return opt_enum_name(row, *(const uint8_t *)field);
	case OPT_TYPE_STRING:
		return *(const char *const *)field;
	case OPT_TYPE_LETTERS:
		return field;
	default:
		unreachable();
	}
}

bool
opt_ranges_add(opt_ranges_t *ranges, opt_range_t range)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < ranges->count; i++) {
		opt_range_t *old = &ranges->range[i];
		if (range.lo > old->lo || range.hi < old->hi) {
			ranges->range[kept++] = *old;
		}
	}
	ranges->count = kept;
	if (kept == OPT_RANGES_MAX) {
		return false;
	}
	ranges->range[ranges->count++] = range;
	return true;
}

bool
opt_ranges_find(const opt_ranges_t *ranges, size_t size, size_t below,
    uint32_t *value)
{
	assert(below < size);
	for (unsigned i = ranges->count; i-- > 0;) {
		const opt_range_t *range = &ranges->range[i];
		if (range->lo <= size && below < range->hi) {
			*value = range->value;
			return true;
		}
	}
	return false;
}

/* One number of a range; what does not fit counts as UINT32_MAX. */
static bool
range_number(const char **text, uint32_t *number)
{
	uintmax_t value;
	if (!io_parse_umax(*text, text, 10, &value)) {
		return false;
	}
	*number = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
	return true;
}

bool
opt_range_parse(const char **text, const char *end, opt_range_t *range)
{
	const char *p = *text;
	if (!range_number(&p, &range->lo) || *p++ != '-' ||
	    !range_number(&p, &range->hi) || *p++ != ':' ||
	    !range_number(&p, &range->value)) {
		return false;
	}
	if (p != end && *p++ != '|') {
		return false;
	}
	*text = p;
	return true;
}
