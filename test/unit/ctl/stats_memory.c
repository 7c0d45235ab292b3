#include "ctl/stats_memory.h"

#include "support/harness.h"
#include "support/json.h"

#include <stdio.h>
#include <string.h>

#include "ctl_support.h"
#include "platform/io.h"

static void
print_ledger(const ledger_t *ledger, emit_format_t format)
{
	emitter_t emitter;
	char buffer[100];
	printed_clear();
	emitter_begin(&emitter, format, printed_collect, &printed_length,
	    buffer, sizeof(buffer));
	emitter_object_begin(&emitter, NULL);
	stats_ledger_print(&emitter, ledger);
	emitter_object_end(&emitter);
	emitter_end(&emitter);
}

static void
print_frag(const stats_parts_t *parts, emit_format_t format)
{
	static frag_t room;
	emitter_t emitter;
	char buffer[100];
	printed_clear();
	emitter_begin(&emitter, format, printed_collect, &printed_length,
	    buffer, sizeof(buffer));
	emitter_object_begin(&emitter, NULL);
	stats_frag_print(&emitter, parts, &room);
	emitter_object_end(&emitter);
	emitter_end(&emitter);
}

static unsigned nleaves;

static void
count_leaf(void *arg, const char *path, json_kind_t kind, const char *value,
    size_t size)
{
	(void)arg, (void)path, (void)value, (void)size;
	nleaves += kind != JSON_OBJECT && kind != JSON_ARRAY;
}

static void
assert_json(void)
{
	const char *end;
	nleaves = 0;
	if (!json_parse(printed, count_leaf, NULL, &end)) {
		fail_msg("no JSON from here on: %.80s", end);
	}
}

static const ledger_t made_up = {
    .available = true,
    .total = 200000,
    .sum = 199000,
    .live = 20000,
    .dirty = 100000,
    .files = 70000,
    .tcache = 9000,
    .anon_huge = 5,
    .lazy_free = 6,
    .swap = 7,
    .nthreads = 2,
    .threads = {{0xabc0, 3, 8000, 12000000}, {0xdef0, 1, 1000, 999999}},
};

/* Largest first, nothing that is zero, and what to do about it. */
TEST(ledger_text)
{
	print_ledger(&made_up, EMIT_TEXT);
	assert_has("RSS ledger: 200000 bytes in memory, 199000 (99.5%) found:");
	const char *dirty = strstr(printed,
	    "          100000   50.3%  free pages");
	const char *files = strstr(printed,
	    "           70000   35.2%  programs");
	const char *live = strstr(printed, "           20000   10.1%  blocks");
	assert_true(dirty != NULL && files > dirty && live > files);
	assert_has("opt.dirty_decay_ms; arena.<i>.purge\n");
	assert_lacks("quarantine");
	assert_lacks("set aside");
	assert_has("Of these in huge pages: 5, lazily freed: 6; "
		   "swapped out beside: 7\n");
	assert_has("            8000      3           12  0xabc0\n"
		   "            1000      1            0  0xdef0\n");
	/* No line is longer than a terminal of 132 columns. */
	for (const char *line = printed; *line != '\0';) {
		const char *end = strchr(line, '\n');
		assert_true(end - line < 132);
		line = end + 1;
	}
	ledger_t unknown = made_up;
	unknown.available = false;
	print_ledger(&unknown, EMIT_TEXT);
	assert_has("RSS ledger: 199000 bytes of the allocator in memory");
	assert_lacks("swapped");
}

TEST(ledger_json)
{
	print_ledger(&made_up, EMIT_JSON);
	assert_json();
	assert_int_equal(nleaves, 3 + LEDGER_NENTRIES + 3 + 2 * 4);
	assert_has("{\"rss\":{\"available\":true,\"total\":200000,"
		   "\"sum\":199000,\"entries\":{\"live\":20000,");
	assert_has("\"quarantine\":0,");
	assert_has("\"threads\":[{\"thread\":\"0xabc0\",\"arena\":3,"
		   "\"bytes\":8000,\"idle_ms\":12},{");
}

/* Each entry is said once, and what changes it exists. */
TEST(entries)
{
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		const ledger_entry_t *entry = &ledger_entries[i];
		assert_true(strlen(entry->label) > 5 && *entry->advice != '\0');
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(entry->key,
			    ledger_entries[j].key);
			assert_int_not_equal(entry->offset,
			    ledger_entries[j].offset);
		}
		char name[48];
		snprintf(name, sizeof(name), "stats.rss.%s", entry->key);
		bool found = false;
		for (unsigned j = 0; j < ctl_nrows && !found; j++) {
			found = strcmp(ctl_rows[j].path, name) == 0 &&
			    ctl_rows[j].at == entry->offset;
		}
		assert_true(found);
		/* Options that are named there are options. */
		for (const char *at = entry->advice;
		     (at = strstr(at, "opt.")) != NULL;) {
			at += 4;
			size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
			bool is_option = false;
			for (unsigned j = 0; j < OPT_COUNT; j++) {
				is_option |= strlen(opt_rows[j].name) == n &&
				    strncmp(opt_rows[j].name, at, n) == 0;
			}
			assert_true(is_option);
		}
	}
}

static void
fill(unsigned arena_ind, size_t size, unsigned nslabs)
{
	void *regs[2] = {NULL};
	bool contended;
	arena_t *arena = arenas_get_auto(arena_ind);
	unsigned szind = szind_of(size);
	for (unsigned i = 0; i < nslabs * bin_infos[szind].nregs; i++) {
		assert_int_equal(arena_fill(arena, szind, 0, regs, 1,
				     &contended),
		    1);
	}
	arena_flush(szind, regs, 1);
}

static const stats_parts_t everything = {.merged = true,
    .unmerged = true,
    .bins = true};

TEST(frag_text)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	fill(0, 512, 3);
	fill(1, 4096, 2);
	new_epoch();
	print_frag(&everything, EMIT_TEXT);
	assert_has("Fragmentation: 5 slabs: 3 full, 2 partly used, 0 empty; "
		   "pinned: 4608, given back: 0\n");
	const char *large = strstr(printed,
	    "      4096  28           4096          2          1          1"
	    "       0  |");
	const char *small = strstr(printed, "       512  16");
	if (large == NULL) {
		fail_msg("%s", printed);
	}
	assert_true(small > large);
	assert_has("|  ####################\n");
	assert_has("|         @|  ###\n");
	assert_has("  arenas[0]: 3 slabs: 2 full, 1 partly used, 0 empty; "
		   "pinned: 512, given back: 0\n");
	assert_has("  arenas[1]: 2 slabs: ");
	assert_lacks("arenas[2]");
}

TEST(frag_json)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	fill(0, 512, 3);
	fill(1, 4096, 2);
	new_epoch();
	print_frag(&everything, EMIT_JSON);
	assert_json();
	assert_int_equal(nleaves, 3 * 16 * (1 + SC_NBINS));
	assert_has(
	    "{\"fragmentation\":{\"merged\":{\"slabs\":5,\"full\":3,"
	    "\"partial\":2,\"empty\":0,\"pinned\":4608,\"purged\":0,\"util\":[0,");
	assert_has("},\"1\":{\"slabs\":2,");
	/* Parts can be left out. */
	print_frag(&(stats_parts_t){.merged = true}, EMIT_JSON);
	assert_json();
	assert_int_equal(nleaves, 16);
	print_frag(&(stats_parts_t){.unmerged = true}, EMIT_JSON);
	assert_json();
	assert_lacks("merged");
	assert_int_equal(nleaves, 2 * 16);
	print_frag(&(stats_parts_t){.merged = false}, EMIT_JSON);
	assert_string_equal(printed, "{}");
}
