#include "ctl/ctl_tree.h"

#include "platform/assert.h"
#include "platform/io.h"

/* What an index counts. */
typedef enum {
	INDEX_NONE,
	INDEX_ARENA,
	INDEX_STATS_ARENA,
	INDEX_BIN,
	INDEX_LEXTENT,
	INDEX_EXTENT,
	INDEX_NONFULL,
	INDEX_PROF_BIN,
	INDEX_PROF_LEXTENT
} index_kind_t;

/* By the component before the index. */
static const struct {
	char parent[16];
	uint8_t kind;
} index_kinds[] = {
    {"arena", INDEX_ARENA},
    {"arenas", INDEX_STATS_ARENA},
    {"bin", INDEX_BIN},
    {"bins", INDEX_BIN},
    {"lextent", INDEX_LEXTENT},
    {"lextents", INDEX_LEXTENT},
    {"extents", INDEX_EXTENT},
    {"nonfull_slabs", INDEX_NONFULL},
};

/* The children of a node stand together. */
typedef struct {
	const char *name; /* not terminated */
	uint16_t row;
	uint16_t first; /* child */
	uint16_t nchildren;
	uint8_t length;
	uint8_t index; /* index_kind_t: an <i> */
	uint8_t field; /* 1 + the field of the row; 0: none */
	bool leaf;
	bool option; /* `row` is one of opt_rows */
} node_t;

#define NNODES 1152
#define NROWS 320

/* nodes[0] is the root. */
static LARGE_BSS node_t nodes[NNODES];
static unsigned nnodes, nleaves;
static _Atomic bool built;

/* Bytes up to a dot or the end; names are short, and so is the loop. */
static size_t
component_length(const char *name)
{
	size_t length = 0;
	while (name[length] != '.' && name[length] != '\0') {
		length++;
	}
	return length;
}

static bool
node_is(const node_t *node, const char *name, size_t length)
{
	return node->length == length &&
	    node->name[length - 1] == name[length - 1] &&
	    memcmp(node->name, name, length) == 0;
}

/* The children of the parent must be the last nodes, or none. */
static node_t *
child_add(node_t *parent, const char *name, size_t length)
{
	assert(nnodes < NNODES && length <= UINT8_MAX);
	node_t *child = &nodes[nnodes];
	if (parent->nchildren == 0) {
		parent->first = (uint16_t)nnodes;
	}
	assert(parent->first + parent->nchildren == nnodes);
	nnodes++;
	parent->nchildren++;
	child->name = name;
	child->length = (uint8_t)length;
	return child;
}

static void
set_leaf(node_t *node, unsigned row)
{
	node->leaf = true;
	node->row = (uint16_t)row;
	nleaves++;
}

/* What an index below the node stands for. */
static index_kind_t
kind_below(const node_t *parent, bool prof)
{
	for (unsigned i = 0; i < ARRAY_LEN(index_kinds); i++) {
		if (node_is(parent, index_kinds[i].parent,
			strlen(index_kinds[i].parent))) {
			index_kind_t kind = index_kinds[i].kind;
			if (!prof) {
				return kind;
			}
			return kind == INDEX_BIN ? INDEX_PROF_BIN
						 : INDEX_PROF_LEXTENT;
		}
	}
	unreachable();
}

/* The child of a name; made where it is not the one of the row before. */
static node_t *
child_of(node_t *parent, const ctl_row_t *row, const char *name, size_t length)
{
	if (parent->nchildren != 0) {
		node_t *last = &nodes[parent->first + parent->nchildren - 1];
		if (node_is(last, name, length)) {
			return last;
		}
	}
	node_t *child = child_add(parent, name, length);
	if (*name == '<') {
		bool prof = strncmp(row->path, "prof", 4) == 0;
		child->index = (uint8_t)kind_below(parent, prof);
	}
	return child;
}

static void
add_options(node_t *parent)
{
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		const char *name = opt_rows[i].name;
		if (opt_rows[i].visibility != OPT_KEY_ONLY) {
			node_t *child = child_add(parent, name, strlen(name));
			set_leaf(child, i);
			child->option = true;
		}
	}
}

static void
add_fields(node_t *parent, unsigned row)
{
	unsigned n;
	const ctl_field_t *fields = ctl_fields(ctl_rows[row].fields, &n);
	for (unsigned i = 0; i < n; i++) {
		node_t *child = child_add(parent, fields[i].name,
		    strlen(fields[i].name));
		set_leaf(child, row);
		child->field = (uint8_t)(i + 1);
	}
}

/* How far a row has got. */
typedef struct {
	uint16_t node;
	uint16_t done; /* bytes of its path */
} progress_t;

/* One component further; what a row stands for comes after its last one. */
static void
step(unsigned i, progress_t *at)
{
	const ctl_row_t *row = &ctl_rows[i];
	node_t *node = &nodes[at->node];
	const char *name = row->path + at->done;
	size_t length = component_length(name);
	if (length == 0) {
		if (row->source == CTL_SOURCE_OPTIONS) {
			add_options(node);
		} else if (row->fields != CTL_FIELDS_NONE) {
			add_fields(node, i);
		}
		at->done = CTL_PATH_SIZE;
		return;
	}
	node_t *child = child_of(node, row, name, length);
	at->node = (uint16_t)(child - nodes);
	at->done = (uint16_t)(at->done + length + (name[length] == '.'));
	if (name[length] == '\0' && row->fields == CTL_FIELDS_NONE &&
	    row->source != CTL_SOURCE_OPTIONS) {
		set_leaf(child, i);
	}
}

/* Level by level, so that the children of each node come to stand together. */
static void
build(void)
{
	progress_t at[NROWS];
	assert(ctl_nrows <= NROWS);
	memset(at, 0, sizeof(at));
	nnodes = 1;
	for (unsigned depth = 0; depth <= CTL_DEPTH_MAX; depth++) {
		for (unsigned i = 0; i < ctl_nrows; i++) {
			if (at[i].done < CTL_PATH_SIZE) {
				step(i, &at[i]);
			}
		}
	}
}

void
ctl_tree_boot(void)
{
	if (likely(atomic_load_explicit(&built, memory_order_acquire))) {
		return;
	}
	mutex_lock(&ctl_lock);
	if (!atomic_load_explicit(&built, memory_order_relaxed)) {
		build();
		snapshot_begin();
		atomic_store_explicit(&built, true, memory_order_release);
	}
	mutex_unlock(&ctl_lock);
}

unsigned
ctl_tree_nnodes(void)
{
	return nnodes;
}

unsigned
ctl_tree_nleaves(void)
{
	return nleaves;
}

static bool
stats_arena_valid(size_t index)
{
	mutex_lock(&ctl_lock);
	bool valid = snapshot_arena_initialized(index);
	mutex_unlock(&ctl_lock);
	return valid;
}

static bool
index_valid(index_kind_t kind, size_t index)
{
	switch (kind) {
	case INDEX_ARENA:
		return index <= arenas_count() || index == SNAP_ARENAS_ALL ||
		    index == SNAP_ARENAS_DESTROYED;
	case INDEX_STATS_ARENA:
		return stats_arena_valid(index);
	case INDEX_BIN:
		return index < SC_NBINS;
	case INDEX_LEXTENT:
		return index < SNAP_NLEXTENTS;
	case INDEX_EXTENT:
		return index < SC_NPSIZES;
	case INDEX_NONFULL:
		return index < SNAP_NNONFULL;
	case INDEX_PROF_BIN:
		return ctl_gate_open(CTL_GATE_PROF_ON) && opt.prof_stats &&
		    index < SC_NBINS;
	case INDEX_PROF_LEXTENT:
		return ctl_gate_open(CTL_GATE_PROF_ON) && opt.prof_stats &&
		    index < SNAP_NLEXTENTS;
	case INDEX_NONE:
		break;
	}
	return false;
}

/* An index as text: blanks and a sign before it, anything after it. */
static bool
index_parse(const char *text, size_t *index)
{
	uintmax_t value;
	const char *end;
	if (!io_parse_umax(text, &end, 10, &value) || value > SIZE_MAX) {
		return false;
	}
	*index = (size_t)value;
	return true;
}

/* The child that a component of a name means, and its number; 0: none. */
static unsigned
child_by_name(unsigned parent, const char *name, size_t length, size_t *number)
{
	unsigned first = nodes[parent].first;
	if (first != 0 && nodes[first].index != INDEX_NONE) {
		return index_parse(name, number) &&
			index_valid(nodes[first].index, *number)
		    ? first
		    : 0;
	}
	for (unsigned i = 0; i < nodes[parent].nchildren; i++) {
		if (node_is(&nodes[first + i], name, length)) {
			*number = i;
			return first + i;
		}
	}
	return 0;
}

bool
ctl_tree_mib(const char *name, size_t *mib, size_t *miblen)
{
	size_t depth = 0;
	unsigned node = 0;
	if (*name == '\0' || *name == '.') {
		return false;
	}
	for (; depth < *miblen; depth++) {
		size_t length = component_length(name);
		size_t number;
		if (length == 0) {
			return false;
		}
		node = child_by_name(node, name, length, &number);
		if (node == 0) {
			return false;
		}
		mib[depth] = number;
		name += length;
		if (*name == '\0') {
			depth++;
			break;
		}
		if (nodes[node].leaf) {
			return false;
		}
		name++;
	}
	*miblen = depth;
	return true;
}

static unsigned
child_by_number(unsigned parent, size_t number)
{
	unsigned first = nodes[parent].first;
	if (first != 0 && nodes[first].index != INDEX_NONE) {
		return index_valid(nodes[first].index, number) ? first : 0;
	}
	return number < nodes[parent].nchildren ? first + (unsigned)number : 0;
}

bool
ctl_tree_target(const size_t *mib, size_t miblen, ctl_target_t *target)
{
	unsigned node = 0, nindices = 0;
	for (size_t i = 0; i < miblen; i++) {
		node = child_by_number(node, mib[i]);
		if (node == 0) {
			return false;
		}
		if (nodes[node].index != INDEX_NONE) {
			target->index[nindices++] = mib[i];
		}
	}
	const node_t *leaf = &nodes[node];
	if (!leaf->leaf) {
		return false;
	}
	target->row = NULL;
	target->field = NULL;
	target->option = NULL;
	if (leaf->option) {
		target->option = &opt_rows[leaf->row];
		return true;
	}
	const ctl_row_t *row = &ctl_rows[leaf->row];
	target->row = row;
	if (leaf->field != 0) {
		unsigned n;
		target->field = &ctl_fields(row->fields, &n)[leaf->field - 1];
	}
	return true;
}
