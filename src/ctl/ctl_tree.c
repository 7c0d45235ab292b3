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
	{ "arena", INDEX_ARENA },
	{ "arenas", INDEX_STATS_ARENA },
	{ "bin", INDEX_BIN },
	{ "bins", INDEX_BIN },
	{ "lextent", INDEX_LEXTENT },
	{ "lextents", INDEX_LEXTENT },
	{ "extents", INDEX_EXTENT },
	{ "nonfull_slabs", INDEX_NONFULL },
};

typedef struct {
	const char *name;	/* not terminated */
	uint8_t length;
	uint8_t index;		/* index_kind_t: an <i> */
	uint8_t field;		/* 1 + the field of the row; 0: none */
	bool leaf;
	bool option;		/* `row` is one of opt_rows */
	uint16_t row;
	uint16_t first, last;	/* children; 0: none */
	uint16_t next;		/* sibling; 0: none */
	uint16_t nchildren;
} node_t;

#define NNODES	1024

/* nodes[0] is the root. */
static node_t nodes[NNODES];
static unsigned nnodes, nleaves;
static _Atomic bool built;

static bool
node_is(const node_t *node, const char *name, size_t length)
{
	return node->length == length && memcmp(node->name, name, length) == 0;
}

static unsigned
child_find(unsigned parent, const char *name, size_t length)
{
	unsigned child = nodes[parent].first;
	while (child != 0 && !node_is(&nodes[child], name, length)) {
		child = nodes[child].next;
	}
	return child;
}

static unsigned
child_add(unsigned parent, const char *name, size_t length)
{
	assert(nnodes < NNODES && length <= UINT8_MAX);
	unsigned child = nnodes++;
	nodes[child].name = name;
	nodes[child].length = (uint8_t)length;
	if (nodes[parent].last == 0) {
		nodes[parent].first = (uint16_t)child;
	} else {
		nodes[nodes[parent].last].next = (uint16_t)child;
	}
	nodes[parent].last = (uint16_t)child;
	nodes[parent].nchildren++;
	return child;
}

static void
leaf_add(unsigned parent, const char *name, unsigned row, unsigned field)
{
	unsigned leaf = child_add(parent, name, strlen(name));
	nodes[leaf].leaf = true;
	nodes[leaf].row = (uint16_t)row;
	nodes[leaf].field = (uint8_t)field;
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
			return !prof ? kind : kind == INDEX_BIN ?
			    INDEX_PROF_BIN : INDEX_PROF_LEXTENT;
		}
	}
	unreachable();
}

/* The node of a path, made with all above it where they are missing. */
static unsigned
path_add(const char *path)
{
	unsigned node = 0;
	for (const char *name = path; ; ) {
		size_t length = strcspn(name, ".");
		unsigned child = nodes[node].last;
		if (child == 0 || !node_is(&nodes[child], name, length)) {
			child = child_find(node, name, length);
		}
		if (child == 0) {
			child = child_add(node, name, length);
			if (*name == '<') {
				nodes[child].index = (uint8_t)kind_below(
				    &nodes[node], *path == 'p');
			}
		}
		node = child;
		if (name[length] == '\0') {
			return node;
		}
		name += length + 1;
	}
}

static void
options_add(unsigned parent)
{
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		if (opt_rows[i].visibility != OPT_KEY_ONLY) {
			leaf_add(parent, opt_rows[i].name, i, 0);
			nodes[nnodes - 1].option = true;
		}
	}
}

static void
build(void)
{
	nnodes = 1;
	for (unsigned i = 0; i < ctl_nrows; i++) {
		const ctl_row_t *row = &ctl_rows[i];
		unsigned node = path_add(row->path);
		if (row->source == CTL_SOURCE_OPTIONS) {
			options_add(node);
		} else if (row->fields != CTL_FIELDS_NONE) {
			unsigned n;
			const ctl_field_t *fields = ctl_fields(row->fields,
			    &n);
			for (unsigned j = 0; j < n; j++) {
				leaf_add(node, fields[j].name, i, j + 1);
			}
		} else {
			nodes[node].leaf = true;
			nodes[node].row = (uint16_t)i;
			nleaves++;
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
	unsigned child = nodes[parent].first;
	if (child != 0 && nodes[child].index != INDEX_NONE) {
		return index_parse(name, number) &&
		    index_valid(nodes[child].index, *number) ? child : 0;
	}
	*number = 0;
	while (child != 0 && !node_is(&nodes[child], name, length)) {
		child = nodes[child].next;
		(*number)++;
	}
	return child;
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
		size_t length = strcspn(name, ".");
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
	unsigned child = nodes[parent].first;
	if (child != 0 && nodes[child].index != INDEX_NONE) {
		return index_valid(nodes[child].index, number) ? child : 0;
	}
	if (number >= nodes[parent].nchildren) {
		return 0;
	}
	while (number-- > 0) {
		child = nodes[child].next;
	}
	return child;
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
	target->row = leaf->option ? NULL : &ctl_rows[leaf->row];
	target->option = leaf->option ? &opt_rows[leaf->row] : NULL;
	target->field = NULL;
	if (leaf->field != 0) {
		unsigned n;
		target->field = &ctl_fields(target->row->fields, &n)
		    [leaf->field - 1];
	}
	return true;
}
