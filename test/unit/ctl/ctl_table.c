#include "ctl/ctl_table.h"

#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "arena/arenas.h"
#include "ctl_support.h"

static size_t
size_of(const ctl_leaf_t *leaf)
{
	if (leaf->option != NULL) {
		switch (leaf->option->type) {
		case OPT_TYPE_BOOL:
			return sizeof(bool);
		case OPT_TYPE_UNSIGNED:
		case OPT_TYPE_FIXED:
			return sizeof(uint32_t);
		default:
			return sizeof(uint64_t);
		}
	}
	return ctl_type_size(
	    leaf->field != NULL ? leaf->field->type : leaf->row->type);
}

/* A value that is there whenever the row is. */
static bool
is_plain(const ctl_leaf_t *leaf)
{
	return leaf->option != NULL
	    ? leaf->option->available && leaf->option->type != OPT_TYPE_RANGES
	    : leaf->row->source != CTL_SOURCE_CALL &&
		ctl_gate_open(leaf->row->gate);
}

/* Read in the right size, in wrong ones, and try to write. */
static void
check_plain(const char *name, const ctl_leaf_t *leaf)
{
	unsigned char right[16];
	unsigned char wrong[16];
	size_t size = size_of(leaf);
	if (!is_plain(leaf)) {
		return;
	}
	assert_in_range(size, 1, 8);
	size_t length = size;
	memset(right, 0x5a, sizeof(right));
	if (ctl_by_name(name, right, &length, NULL, 0) != 0) {
		fail_msg("%s can not be read", name);
	}
	assert_int_equal(length, size);
	assert_int_equal(right[size], 0x5a);
	for (size_t other = 0; other <= sizeof(wrong); other++) {
		size_t fits = other < size ? other : size;
		if (other == size) {
			continue;
		}
		length = other;
		memset(wrong, 0x5a, sizeof(wrong));
		assert_int_equal(ctl_by_name(name, wrong, &length, NULL, 0),
		    EINVAL);
		/* As much as fits, and not one byte more. */
		assert_int_equal(length, fits);
		assert_int_equal(wrong[fits], 0x5a);
		assert_memory_equal(wrong, right, fits);
	}
	assert_int_equal(try_act(name), 0);
	assert_int_equal(try_write(name, right, size), EPERM);
	assert_int_equal(try_write(name, right, 1), EPERM);
}

TEST(every_plain_value)
{
	ctl_setup();
	for_each_leaf(check_plain);
}

/* Rows that are only read refuse to be written, and so on. */
static void
check_access(const char *name, const ctl_leaf_t *leaf)
{
	uint64_t value = 0;
	if (leaf->row == NULL || !ctl_gate_open(leaf->row->gate)) {
		return;
	}
	size_t length = sizeof(value);
	switch (leaf->row->access) {
	case CTL_RO:
		assert_int_equal(try_write(name, &value, sizeof(value)), EPERM);
		break;
	case CTL_WO:
		assert_int_equal(ctl_by_name(name, &value, &length, NULL, 0),
		    EPERM);
		break;
	case CTL_ACT:
		assert_int_equal(try_write(name, &value, sizeof(value)), EPERM);
		assert_int_equal(ctl_by_name(name, &value, &length, NULL, 0),
		    EPERM);
		break;
	default:
		break;
	}
}

TEST(access_of_every_row)
{
	ctl_setup();
	for_each_leaf(check_access);
}

/* What is behind a closed gate does not exist. */
static void
check_gate(const char *name, const ctl_leaf_t *leaf)
{
	if (leaf->row != NULL && !ctl_gate_open(leaf->row->gate)) {
		assert_int_equal(try_act(name), ENOENT);
	}
	if (leaf->option != NULL && !leaf->option->available) {
		assert_int_equal(try_act(name), ENOENT);
	}
}

TEST(gates)
{
	ctl_setup();
	for_each_leaf(check_gate);
	assert_true(ctl_gate_open(CTL_GATE_ALWAYS));
	assert_int_equal(ctl_gate_open(CTL_GATE_STATS), config_stats);
	opt.retain = false;
	assert_false(ctl_gate_open(CTL_GATE_RETAIN));
	opt.retain = true;
	assert_true(ctl_gate_open(CTL_GATE_RETAIN));
}

/* Calls of all kinds in wrong sizes: errors, but no damage. */
static void
check_wild(const char *name, const ctl_leaf_t *leaf)
{
	static const size_t sizes[] = {0, 1, 3, 5, 7, 9, 15};
	unsigned char buf[64];
	if (leaf->row == NULL || leaf->row->source != CTL_SOURCE_CALL) {
		return;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			size_t length = sizes[i];
			memset(buf, 0, sizeof(buf));
			(void)ctl_by_name(name, buf, &length, buf + 32,
			    sizes[j]);
			assert_true(length <= 15);
			assert_int_equal(buf[16], 0);
			(void)ctl_by_name(name, NULL, &length, NULL, sizes[j]);
			(void)ctl_by_name(name, buf, NULL, NULL, 0);
		}
	}
	(void)try_act(name);
}

TEST(wild_calls)
{
	ctl_setup();
	for_each_leaf(check_wild);
	assert_true(arenas_verify());
	assert_non_null(get_text("version"));
}

TEST(constants)
{
	ctl_setup();
	assert_int_equal(get_bool("config.debug"), config_debug);
	assert_int_equal(get_bool("config.stats"), config_stats);
	assert_int_equal(get_bool("config.fill"), config_fill);
	assert_int_equal(get_bool("config.prof"), config_prof);
	assert_int_equal(get_size("arenas.quantum"), 16);
	assert_int_equal(get_size("arenas.page"), PAGE);
	assert_int_equal(get_size("arenas.hugepage"), HUGEPAGE);
	assert_int_equal(get_unsigned("arenas.nbins"), 36);
	assert_int_equal(get_unsigned("arenas.nlextents"), 196);
}

/* Options as they are in force. */
TEST(options)
{
	if (!config_fill) {
		skip();
	}
	ctl_setup();
	assert_int_equal(get_bool("opt.retain"), opt.retain);
	assert_int_equal(get_unsigned("opt.narenas"), 3);
	assert_int_equal(get_ssize("opt.dirty_decay_ms"), opt.dirty_decay_ms);
	assert_int_equal(get_size("opt.oversize_threshold"),
	    opt.oversize_threshold);
	assert_string_equal(get_text("opt.junk"), "false");
	opt.dss = OPT_DSS_PRIMARY;
	assert_string_equal(get_text("opt.dss"), "primary");
	opt.narenas = 0;
	assert_int_equal(get_unsigned("opt.narenas"), arenas_nauto());
}
