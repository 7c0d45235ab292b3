#include "ctl/stats_memory.h"

#include <string.h>

#include "platform/assert.h"
#include "platform/io.h"

/* Classes in the table, those that pin most. */
#define NCLASSES 16

#define BAR_WIDTH 20

/* Digits of a bar that is one line high. */
static const char heights[] = " .:-=+*#%@";

static size_t
value_of(const ledger_t *ledger, const ledger_entry_t *entry)
{
	return *(const size_t *)((const char *)ledger + entry->offset);
}

/* Thousandths. */
static unsigned
permille(size_t part, size_t whole)
{
	return whole == 0
	    ? 0
	    : (unsigned)((double)part * 1000 / (double)whole + 0.5);
}

static void
ledger_members(emitter_t *emitter, const ledger_t *ledger)
{
	emitter_member(emitter, "available", EMIT_BOOL, &ledger->available);
	emitter_member(emitter, "total", EMIT_SIZE, &ledger->total);
	emitter_member(emitter, "sum", EMIT_SIZE, &ledger->sum);
	emitter_object_begin(emitter, "entries");
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		size_t value = value_of(ledger, &ledger_entries[i]);
		emitter_member(emitter, ledger_entries[i].key, EMIT_SIZE,
		    &value);
	}
	emitter_object_end(emitter);
	emitter_member(emitter, "anon_huge", EMIT_SIZE, &ledger->anon_huge);
	emitter_member(emitter, "lazy_free", EMIT_SIZE, &ledger->lazy_free);
	emitter_member(emitter, "swap", EMIT_SIZE, &ledger->swap);
}

/* The entries by size, largest first; those of the same size as they are. */
static void
sort_entries(const ledger_t *ledger, uint8_t order[LEDGER_NENTRIES])
{
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		size_t value = value_of(ledger, &ledger_entries[i]);
		unsigned j = i;
		for (; j > 0 &&
		     value_of(ledger, &ledger_entries[order[j - 1]]) < value;
		     j--) {
			order[j] = order[j - 1];
		}
		order[j] = (uint8_t)i;
	}
}

static void
ledger_table(emitter_t *emitter, const ledger_t *ledger)
{
	uint8_t order[LEDGER_NENTRIES];
	sort_entries(ledger, order);
	emitter_printf(emitter, "%16s %6s  %-42s %s\n", "bytes", "share",
	    "what it is", "what changes it");
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		const ledger_entry_t *entry = &ledger_entries[order[i]];
		size_t value = value_of(ledger, entry);
		unsigned tenths = permille(value, ledger->sum);
		if (value != 0) {
			emitter_printf(emitter, "%16zu %4u.%u%%  %-42s %s\n",
			    value, tenths / 10, tenths % 10, entry->label,
			    entry->advice);
		}
	}
}

static void
ledger_threads(emitter_t *emitter, const ledger_t *ledger)
{
	emitter_array_begin(emitter, "threads");
	if (ledger->nthreads != 0) {
		emitter_printf(emitter,
		    "Largest caches of threads:\n"
		    "%16s %6s %12s  %s\n",
		    "bytes", "arena", "unused ms", "thread");
	}
	for (unsigned i = 0; i < ledger->nthreads; i++) {
		const ledger_thread_t *thread = &ledger->threads[i];
		uint64_t idle_ms = thread->idle_ns / 1000000;
		char name[24];
		(void)io_snprintf(name, sizeof(name), "0x%jx",
		    (uintmax_t)thread->thread);
		emitter_object_begin(emitter, NULL);
		emitter_member(emitter, "thread", EMIT_CHARS, name);
		emitter_member(emitter, "arena", EMIT_U32, &thread->arena_ind);
		emitter_member(emitter, "bytes", EMIT_SIZE, &thread->bytes);
		emitter_member(emitter, "idle_ms", EMIT_U64, &idle_ms);
		emitter_object_end(emitter);
		emitter_printf(emitter, "%16zu %6u %12ju  %s\n", thread->bytes,
		    thread->arena_ind, (uintmax_t)idle_ms, name);
	}
	emitter_array_end(emitter);
}

void
stats_ledger_print(emitter_t *emitter, const ledger_t *ledger)
{
	emitter_object_begin(emitter, "rss");
	ledger_members(emitter, ledger);
	if (ledger->available) {
		unsigned tenths = permille(ledger->sum, ledger->total);
		emitter_printf(emitter,
		    "RSS ledger: %zu bytes in memory, %zu (%u.%u%%) found:\n",
		    ledger->total, ledger->sum, tenths / 10, tenths % 10);
	} else {
		emitter_printf(emitter,
		    "RSS ledger: %zu bytes of the allocator in memory "
		    "(what is not its own is not known here):\n",
		    ledger->sum);
	}
	ledger_table(emitter, ledger);
	if (ledger->available) {
		emitter_printf(emitter,
		    "Of these in huge pages: %zu, lazily freed: %zu; "
		    "swapped out beside: %zu\n",
		    ledger->anon_huge, ledger->lazy_free, ledger->swap);
	}
	ledger_threads(emitter, ledger);
	emitter_object_end(emitter);
}

static void
count_members(emitter_t *emitter, const frag_count_t *count)
{
	emitter_member(emitter, "slabs", EMIT_SIZE, &count->slabs);
	emitter_member(emitter, "full", EMIT_SIZE, &count->full);
	emitter_member(emitter, "partial", EMIT_SIZE, &count->partial);
	emitter_member(emitter, "empty", EMIT_SIZE, &count->empty);
	emitter_member(emitter, "pinned", EMIT_SIZE, &count->pinned);
	emitter_member(emitter, "purged", EMIT_SIZE, &count->purged);
	emitter_array_begin(emitter, "util");
	for (unsigned i = 0; i < FRAG_NUTIL; i++) {
		emitter_member(emitter, NULL, EMIT_SIZE, &count->util[i]);
	}
	emitter_array_end(emitter);
}

static void
frag_object(emitter_t *emitter, const char *key, const frag_t *frag, bool bins)
{
	emitter_object_begin(emitter, key);
	count_members(emitter, &frag->all);
	if (bins) {
		emitter_array_begin(emitter, "bins");
		for (unsigned i = 0; i < SC_NBINS; i++) {
			emitter_object_begin(emitter, NULL);
			count_members(emitter, &frag->bins[i]);
			emitter_object_end(emitter);
		}
		emitter_array_end(emitter);
	}
	emitter_object_end(emitter);
}

/* A character for each tenth, as high as its share of the highest. */
static void
draw_util(const frag_count_t *count, char text[FRAG_NUTIL + 1])
{
	size_t max = 1;
	for (unsigned i = 0; i < FRAG_NUTIL; i++) {
		max = count->util[i] > max ? count->util[i] : max;
	}
	for (unsigned i = 0; i < FRAG_NUTIL; i++) {
		size_t n = count->util[i];
		text[i] = heights[(n * (sizeof(heights) - 2) + max - 1) / max];
	}
	text[FRAG_NUTIL] = '\0';
}

static void
draw_bar(size_t value, size_t max, char text[BAR_WIDTH + 1])
{
	size_t n = max == 0 ? 0
			    : (permille(value, max) * BAR_WIDTH + 999) / 1000;
	memset(text, '#', n);
	text[n] = '\0';
}

static void
frag_row(emitter_t *emitter, const frag_count_t *count, unsigned szind,
    size_t max)
{
	char util[FRAG_NUTIL + 1], bar[BAR_WIDTH + 1];
	draw_util(count, util);
	draw_bar(count->pinned, max, bar);
	emitter_printf(emitter,
	    "%10zu %3u %14zu %10zu %10zu %10zu %7zu  |%s|  %s\n",
	    szind_size(szind), szind, count->pinned, count->slabs, count->full,
	    count->partial, count->empty, util, bar);
}

/* The class that pins most of those that were not shown; SC_NBINS: none. */
static unsigned
next_class(const frag_t *frag, uint64_t shown)
{
	unsigned best = SC_NBINS;
	for (unsigned i = 0; i < SC_NBINS; i++) {
		if ((shown >> i & 1) == 0 && frag->bins[i].pinned != 0 &&
		    (best == SC_NBINS ||
			frag->bins[i].pinned > frag->bins[best].pinned)) {
			best = i;
		}
	}
	return best;
}

_Static_assert(SC_NBINS <= 64, "a bit for each class");

static void
frag_table(emitter_t *emitter, const frag_t *frag)
{
	if (frag->all.pinned == 0) {
		return;
	}
	emitter_printf(emitter, "%10s %3s %14s %10s %10s %10s %7s  %-12s  %s\n",
	    "size", "ind", "pinned bytes", "slabs", "full", "partial", "empty",
	    "0 used 100%", "pinned");
	uint64_t shown = 0;
	unsigned szind = next_class(frag, shown);
	size_t max = frag->bins[szind].pinned;
	for (unsigned i = 0; i < NCLASSES && szind != SC_NBINS; i++) {
		frag_row(emitter, &frag->bins[szind], szind, max);
		shown |= (uint64_t)1 << szind;
		szind = next_class(frag, shown);
	}
}

static void
frag_line(emitter_t *emitter, const char *what, const frag_count_t *count)
{
	emitter_printf(emitter,
	    "%s: %zu slabs: %zu full, %zu partly used, %zu empty; "
	    "pinned: %zu, given back: %zu\n",
	    what, count->slabs, count->full, count->partial, count->empty,
	    count->pinned, count->purged);
}

static void
copy(size_t ind, frag_t *room)
{
	frag_lock();
	*room = *frag_of(ind);
	mutex_unlock(&ctl_lock);
}

void
stats_frag_print(emitter_t *emitter, const stats_parts_t *parts, frag_t *room)
{
	char name[24];
	if (!parts->merged && !parts->unmerged) {
		return;
	}
	emitter_object_begin(emitter, "fragmentation");
	if (parts->merged) {
		copy(SNAP_ARENAS_ALL, room);
		frag_line(emitter, "Fragmentation", &room->all);
		frag_object(emitter, "merged", room, parts->bins);
		if (parts->bins) {
			frag_table(emitter, room);
		}
	}
	unsigned n = arenas_count();
	for (unsigned ind = 0; parts->unmerged && ind < n; ind++) {
		copy(ind, room);
		if (room->all.slabs == 0) {
			continue;
		}
		(void)io_snprintf(name, sizeof(name), "  arenas[%u]", ind);
		frag_line(emitter, name, &room->all);
		(void)io_snprintf(name, sizeof(name), "%u", ind);
		frag_object(emitter, name, room, parts->bins);
	}
	emitter_object_end(emitter);
}
