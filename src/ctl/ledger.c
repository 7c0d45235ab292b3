#include "ctl/ledger.h"

#include <string.h>

#include "ctl/heap_walk.h"
#include "ctl/snapshot.h"
#include "meta/pagemap.h"
#include "platform/clock.h"
#include "platform/io.h"
#include "platform/pages.h"
#include "thread/idle.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"
#include "thread/tcaches.h"

const char *ledger_source = "/proc/self/smaps";

#define ROW(field, label_, advice_)                                            \
	{                                                                      \
		.key = #field, .label = (label_), .advice = (advice_),         \
		.offset = offsetof(ledger_t, field)                            \
	}

const ledger_entry_t ledger_entries[LEDGER_NENTRIES] = {
    ROW(live, "blocks of the program", "the program; a heap profile says who"),
    ROW(slack, "around large blocks, in their pages", "opt.cache_oblivious"),
    ROW(slab_free, "free blocks in slabs that are in use",
	"opt.dirty_decay_ms, arena.<i>.purge; see fragmentation"),
    ROW(tcache, "caches of threads",
	"opt.tcache_bytes_max, opt.tcache_max; thread.idle"),
    ROW(tcache_explicit, "caches made by tcache.create", "tcache.flush"),
    ROW(handoff, "freed, on the way to a busy class", "arena.<i>.purge"),
    ROW(quarantine, "freed, set aside to detect writes",
	"opt.check, opt.lg_san_uaf_align"),
    ROW(dirty, "free pages, as they were freed (dirty)",
	"opt.dirty_decay_ms; arena.<i>.purge"),
    ROW(kept, "free pages, kept uncut for the next use",
	"opt.dirty_decay_ms; arena.<i>.purge"),
    ROW(muzzy, "free pages that the kernel may take (muzzy)",
	"opt.muzzy_decay_ms; arena.<i>.purge"),
    ROW(thp_bloat, "given back, but in a huge page or locked",
	"opt.thp; mlockall()"),
    ROW(guard, "guard pages", "opt.san_guard_small, opt.san_guard_large"),
    ROW(metadata, "tables of the allocator",
	"fewer arenas and threads (opt.narenas)"),
    ROW(page_map, "page map of the allocator", "grows with the heap"),
    ROW(files, "programs, libraries, mapped files", "not the allocator's"),
    ROW(data, "variables of programs and libraries", "not the allocator's"),
    ROW(stacks, "stacks of threads", "not the allocator's; fewer threads"),
    ROW(other, "memory that others have mapped", "not the allocator's"),
};

/* Kernel pages that are looked at in one call. */
/* Bytes of our own data in one mapping that may be read and never written. */
#define EXCESS_OWN ((size_t)16 << LG_PAGE)

#define WINDOW_PAGES 512

/* A mapping as the system describes it. */
typedef struct {
	uintptr_t start, end;
	bool file;
	bool inaccessible;
	char name; /* the first letters of [stack], [heap], ...; 0: none */
	size_t rss, anon;
} mapping_t;

/* Bytes in memory by what they are known to be before caches are counted. */
typedef struct {
	ledger_t *ledger;
	/* Which pages are in memory, from window_start on. */
	uintptr_t window_start, window_end;
	unsigned char window[WINDOW_PAGES];
	/* Of the mapping that is looked at. */
	uintptr_t mapping_end;
	size_t ours;
	/* An extent that began in an earlier mapping ends here. */
	uintptr_t straddles;
	mapping_t before; /* the mapping that was seen last */
	/* Sums. */
	size_t taken; /* regions of slabs that are not free */
	size_t untouched; /* such regions that are not in memory */
	size_t large, cached;
	size_t excess; /* of metadata */
} walk_t;

static size_t
at_most(size_t value, size_t bound)
{
	return value < bound ? value : bound;
}

/* Move up to `bytes` from one entry to another. */
static void
move(size_t *from, size_t *to, size_t bytes)
{
	bytes = at_most(bytes, *from);
	*from -= bytes;
	*to += bytes;
}

/* Look at pages from `addr` on; those that can't be looked at are not there. */
static void
window_fill(walk_t *walk, uintptr_t addr)
{
	uintptr_t start = align_down(addr, os_page_size);
	size_t npages = WINDOW_PAGES;
	while (pages_resident((void *)start, npages * os_page_size,
		   walk->window) != ERR_NONE) {
		if (npages == 1) {
			walk->window[0] = 0;
			break;
		}
		npages /= 2;
	}
	walk->window_start = start;
	walk->window_end = start + npages * os_page_size;
}

static bool
is_resident(walk_t *walk, uintptr_t addr)
{
	if (addr < walk->window_start || addr >= walk->window_end) {
		window_fill(walk, addr);
	}
	return (walk->window[(addr - walk->window_start) / os_page_size] & 1) !=
	    0;
}

static size_t
resident_between(walk_t *walk, uintptr_t start, uintptr_t end)
{
	size_t bytes = 0;
	for (uintptr_t addr = start; addr < end; addr += PAGE) {
		bytes += is_resident(walk, addr) ? PAGE : 0;
	}
	return bytes;
}

/*
 * Bytes of ours in memory.  All count, those in the mapping that is looked at
 * also as its own: the rest is left for the mappings that follow.
 */
static size_t
resident(walk_t *walk, uintptr_t start, uintptr_t end)
{
	uintptr_t middle = end < walk->mapping_end ? end : walk->mapping_end;
	middle = middle < start ? start : middle;
	size_t inside = resident_between(walk, start, middle);
	walk->ours += inside;
	if (middle < end) {
		walk->straddles = end;
		inside += resident_between(walk, middle, end);
	}
	return inside;
}

/* Bytes of [start, start + size) that are in pages in memory. */
static size_t
resident_part(walk_t *walk, uintptr_t start, size_t size)
{
	size_t bytes = 0;
	uintptr_t end = start + size;
	for (uintptr_t addr = start; addr < end;) {
		uintptr_t next = align_down(addr, PAGE) + PAGE;
		next = next < end ? next : end;
		bytes += is_resident(walk, addr) ? next - addr : 0;
		addr = next;
	}
	return bytes;
}

static void
add_slab(walk_t *walk, const heap_range_t *slab)
{
	const bin_info_t *info = &bin_infos[slab->szind];
	size_t reg_size = info->reg_size;
	size_t bytes = resident(walk, slab->start, slab->start + slab->size);
	size_t nfree = slab->nfree, ntaken = info->nregs - nfree;
	size_t free_bytes = nfree * reg_size, taken = ntaken * reg_size;
	if (bytes != slab->size) {
		free_bytes = 0;
		for (unsigned i = 0; nfree != 0 && i < info->nregs; i++) {
			if ((slab->free_map[i / 64] >> i % 64 & 1) != 0) {
				free_bytes += resident_part(walk,
				    slab->start + i * reg_size, reg_size);
			}
		}
		free_bytes = free_bytes < bytes ? free_bytes : bytes;
		size_t there = bytes - free_bytes;
		walk->untouched += there < taken ? taken - there : 0;
		taken = there < taken ? there : taken;
	}
	walk->taken += taken;
	walk->ledger->slab_free += free_bytes;
	walk->ledger->slack += bytes - free_bytes - taken;
}

static void
add_large(walk_t *walk, const heap_range_t *range)
{
	size_t room = range->size - range->user;
	size_t usize = range->usize < room ? range->usize : room;
	/* In this order, so that each page is looked at once. */
	size_t rest = resident_part(walk, range->start, range->user);
	size_t bytes = resident(walk, range->start, range->start + range->size);
	rest += resident_part(walk, range->start + range->user + usize,
	    room - usize);
	rest = rest < bytes ? rest : bytes;
	walk->ledger->slack += rest;
	*(range->kind == HEAP_LARGE ? &walk->large : &walk->cached) += bytes -
	    rest;
}

static void
add_range(walk_t *walk, const heap_range_t *range)
{
	ledger_t *ledger = walk->ledger;
	size_t *entry;
	switch (range->kind) {
	case HEAP_SLAB:
		add_slab(walk, range);
		return;
	case HEAP_LARGE:
	case HEAP_CACHED:
		add_large(walk, range);
		return;
	case HEAP_KEPT:
		entry = &ledger->kept;
		break;
	case HEAP_DIRTY:
		entry = &ledger->dirty;
		break;
	case HEAP_MUZZY:
		entry = &ledger->muzzy;
		break;
	case HEAP_GUARD:
		entry = &ledger->guard;
		break;
	default:
		entry = &ledger->thp_bloat;
		break;
	}
	*entry += resident(walk, range->start, range->start + range->size);
}

static void
add_heap(walk_t *walk, uintptr_t start, uintptr_t end)
{
	heap_range_t range = {.size = 0};
	uintptr_t at = start;
	if (walk->straddles > start) {
		at = walk->straddles < end ? walk->straddles : end;
		walk->ours += resident_between(walk, start, at);
	}
	while (heap_walk_next(&at, end, &range)) {
		add_range(walk, &range);
	}
}

/* Of our own data, what lies in the mapping. */
static void
add_metadata(walk_t *walk, uintptr_t from, uintptr_t to, uintptr_t start,
    size_t size)
{
	uintptr_t end = start + size;
	start = start < from ? from : start;
	end = end < to ? end : to;
	if (start < end) {
		walk->ledger->metadata += resident(walk, start, end);
	}
}

static void
add_base(walk_t *walk, base_t *base, uintptr_t from, uintptr_t to)
{
	uintptr_t start;
	size_t size;
	for (uintptr_t at = from; base_block_in(base, at, to, &start, &size);
	     at = start + size) {
		add_metadata(walk, from, to, start, size);
	}
}

static void
add_bases(walk_t *walk, uintptr_t from, uintptr_t to)
{
	add_base(walk, arenas_base0(), from, to);
	unsigned n = arenas_count();
	for (unsigned ind = 1; ind < n; ind++) {
		if (arenas_get(ind) == NULL) {
			continue;
		}
		/* Held for as long as one block takes, not for system calls. */
		uintptr_t start, at = from;
		size_t size;
		for (bool found = true; found; at = start + size) {
			arena_t *arena = arenas_hold(ind);
			found = arena != NULL &&
			    arena->base->ehooks.arena_ind == ind &&
			    base_block_in(arena->base, at, to, &start, &size);
			arenas_hold_end();
			if (!found) {
				break;
			}
			add_metadata(walk, from, to, start, size);
		}
	}
	uintptr_t root = align_up((uintptr_t)pagemap_root, os_page_size);
	uintptr_t root_end =
	    align_down((uintptr_t)(pagemap_root + PAGEMAP_NROOT), os_page_size);
	add_metadata(walk, from, to, root, root_end - root);
}

/* The part of our own data that is the page map. */
static void
split_page_map(walk_t *walk)
{
	ledger_t *ledger = walk->ledger;
	uintptr_t root = align_up((uintptr_t)pagemap_root, os_page_size);
	size_t bytes = resident_between(walk, root,
	    align_down((uintptr_t)(pagemap_root + PAGEMAP_NROOT),
		os_page_size));
	void *leaf;
	size_t size;
	for (unsigned i = 0; pagemap_leaf(i, &leaf, &size); i++) {
		bytes += resident_between(walk, (uintptr_t)leaf,
		    align_up((uintptr_t)leaf + size, PAGE));
	}
	move(&ledger->metadata, &ledger->page_map, bytes);
	size_t cut = at_most(walk->excess, ledger->metadata);
	ledger->metadata -= cut;
	ledger->page_map -= at_most(walk->excess - cut, ledger->page_map);
}

/* Whose is memory that is not ours? */
static size_t *
entry_of_others(walk_t *walk, const mapping_t *mapping)
{
	const mapping_t *before = &walk->before;
	ledger_t *ledger = walk->ledger;
	bool adjacent = before->end == mapping->start;
	switch (mapping->name) {
	case 's': /* [stack] */
		return &ledger->stacks;
	case 'v': /* [vdso], [vvar], [vsyscall] */
		return &ledger->files;
	case '\0':
		break;
	default:
		return &ledger->other;
	}
	/* What is not in the file of a program follows what is. */
	if (adjacent && before->file) {
		return &ledger->data;
	}
	/* A stack that a library maps has a guard below. */
	if (adjacent && before->inaccessible &&
	    before->end - before->start <= (size_t)1 << 20) {
		return &ledger->stacks;
	}
	return &ledger->other;
}

static void
add_mapping(walk_t *walk, const mapping_t *mapping)
{
	ledger_t *ledger = walk->ledger;
	walk->mapping_end = mapping->end;
	walk->ours = 0;
	if (!mapping->file || mapping->rss != 0) {
		add_heap(walk, mapping->start, mapping->end);
	}
	size_t heap = walk->ours;
	if (!mapping->file) {
		add_bases(walk, mapping->start, mapping->end);
	}
	ledger->total += mapping->rss;
	size_t rest = mapping->rss - walk->ours;
	if (walk->ours > mapping->rss) {
		/*
		 * Or pages that came since the system looked, or the page of
		 * zeros where something was read and never written: a few in
		 * our own data, the others in blocks.
		 */
		size_t excess = walk->ours - mapping->rss;
		size_t own = heap == 0 ? excess
				       : at_most(walk->ours - heap, EXCESS_OWN);
		own = at_most(own, excess);
		walk->excess += own;
		ledger->excess += excess - own;
		rest = 0;
	}
	if (mapping->file) {
		size_t anon = mapping->anon < rest ? mapping->anon : rest;
		ledger->data += anon;
		ledger->files += rest - anon;
	} else {
		*entry_of_others(walk, mapping) += rest;
	}
	walk->before = *mapping;
}

/* 7f0000000000-7f0000001000 rw-p 00000000 00:00 0     [name] */
static bool
parse_mapping(const char *line, mapping_t *mapping)
{
	uintmax_t start, end, inode;
	if (!io_parse_umax(line, &line, 16, &start) || *line++ != '-' ||
	    !io_parse_umax(line, &line, 16, &end) || strlen(line) < 6) {
		return false;
	}
	*mapping = (mapping_t){.start = (uintptr_t)start,
	    .end = (uintptr_t)end,
	    .inaccessible = strncmp(line, " ---", 4) == 0};
	/* Protection, offset, device. */
	for (unsigned i = 0; i < 3; i++) {
		line += strspn(line, " ");
		line += strcspn(line, " ");
	}
	if (!io_parse_umax(line, &line, 10, &inode)) {
		return false;
	}
	line += strspn(line, " ");
	mapping->file = inode != 0 || *line == '/';
	mapping->name = *line == '[' ? line[1] : '\0';
	return start < end;
}

/* "Rss:    12 kB": its value in bytes, if that is the line. */
static bool
parse_value(const char *line, const char *key, size_t *value)
{
	size_t length = strlen(key);
	uintmax_t number;
	const char *end;
	if (strncmp(line, key, length) != 0 || line[length] != ':' ||
	    !io_parse_umax(line + length + 1, &end, 10, &number)) {
		return false;
	}
	*value += (size_t)number << 10;
	return true;
}

static bool
add_system(walk_t *walk)
{
	io_lines_t lines;
	char line[128];
	mapping_t mapping = {.end = 0};
	if (!io_lines_open(&lines, ledger_source)) {
		return false;
	}
	ledger_t *ledger = walk->ledger;
	while (io_lines_next(&lines, line, sizeof(line))) {
		mapping_t next;
		if (line[0] < 'A' || line[0] > 'Z') {
			if (parse_mapping(line, &next)) {
				if (mapping.end != 0) {
					add_mapping(walk, &mapping);
				}
				mapping = next;
			}
		} else if (!parse_value(line, "Rss", &mapping.rss) &&
		    !parse_value(line, "Anonymous", &mapping.anon) &&
		    !parse_value(line, "AnonHugePages", &ledger->anon_huge) &&
		    !parse_value(line, "LazyFree", &ledger->lazy_free)) {
			(void)parse_value(line, "Swap", &ledger->swap);
		}
	}
	if (mapping.end != 0) {
		add_mapping(walk, &mapping);
	}
	io_lines_close(&lines);
	return ledger->total != 0;
}

/* The system does not tell: our own alone. */
static void
add_own(walk_t *walk)
{
	*walk->ledger = (ledger_t){.available = false};
	walk->taken = walk->untouched = walk->large = walk->cached = 0;
	walk->straddles = 0;
	walk->mapping_end = UINTPTR_MAX;
	add_heap(walk, 0, UINTPTR_MAX);
	add_bases(walk, 0, UINTPTR_MAX);
}

/* What is cached, by those who know the number of blocks. */
typedef struct {
	size_t small, all; /* of threads */
	size_t explicit_small, explicit_all;
	size_t handoff;
} cached_t;

static void
add_cache(const tsd_t *cache, void *arg)
{
	cached_t *cached = arg;
	cached->explicit_small += tcache_small_bytes_seen(cache);
	cached->explicit_all += tcache_bytes_seen(cache);
}

/* Among the threads with the largest caches, largest first. */
static void
note_thread(ledger_t *ledger, const ledger_thread_t *thread)
{
	unsigned i = ledger->nthreads;
	if (i == LEDGER_NTHREADS) {
		if (ledger->threads[--i].bytes >= thread->bytes) {
			return;
		}
	} else {
		ledger->nthreads++;
	}
	for (; i > 0 && ledger->threads[i - 1].bytes < thread->bytes; i--) {
		ledger->threads[i] = ledger->threads[i - 1];
	}
	ledger->threads[i] = *thread;
}

static void
count_threads(ledger_t *ledger, cached_t *cached)
{
	/* No arena is destroyed meanwhile. */
	(void)arenas_hold(0);
	list_t *states = tsd_list_lock();
	/* Not before: another's look at the threads may come first. */
	uint64_t now = clock_ns();
	for (list_node_t *node = list_first(states); node != NULL;
	     node = list_next(states, node)) {
		tsd_t *tsd = container_of(node, tsd_t, link);
		const arena_t *arena = tcache_arena_seen(tsd);
		uint64_t since = tsd_idle_since(tsd, now);
		ledger_thread_t thread = {.thread = tsd->thread,
		    .arena_ind = arena == NULL ? 0 : arena->ind,
		    .bytes = tcache_bytes_seen(tsd),
		    .idle_ns = now > since ? now - since : 0};
		cached->small += tcache_small_bytes_seen(tsd);
		cached->all += thread.bytes;
		if (thread.bytes != 0) {
			note_thread(ledger, &thread);
		}
	}
	/* What left the caches and did not arrive. */
	cached->small += idle_parked_small_bytes();
	cached->all += idle_parked_bytes();
	tsd_list_unlock();
	arenas_hold_end();
}

static void
count_handoff(cached_t *cached)
{
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_hold(ind);
		for (unsigned i = 0; arena != NULL && i < SC_NBINS; i++) {
			cached->handoff += bin_handoff_seen(&arena->bins[i]) *
			    szind_size(i);
		}
		arenas_hold_end();
	}
}

/* value * part / whole */
static size_t
share(size_t value, size_t part, size_t whole)
{
	return whole == 0
	    ? 0
	    : (size_t)((double)value * (double)part / (double)whole);
}

/* Of what is taken, which is the program's? */
static void
split_taken(walk_t *walk)
{
	ledger_t *ledger = walk->ledger;
	cached_t cached = {.small = 0};
	count_threads(ledger, &cached);
	tcaches_visit(add_cache, &cached);
	count_handoff(&cached);

	/* Small blocks: as many of them are in memory as can be. */
	size_t small = cached.small + cached.explicit_small;
	size_t there = small - at_most(small, walk->untouched);
	size_t part = share(there, cached.explicit_small, small);
	move(&walk->taken, &ledger->tcache_explicit, part);
	move(&walk->taken, &ledger->tcache, there - part);
	move(&walk->taken, &ledger->handoff, cached.handoff);

	/* Large ones are known one by one. */
	part = share(walk->cached, cached.explicit_all - cached.explicit_small,
	    cached.all + cached.explicit_all - small);
	move(&walk->cached, &ledger->tcache_explicit, part);
	move(&walk->cached, &ledger->tcache, walk->cached);

	ledger->live = walk->taken + walk->large;
	move(&ledger->live, &ledger->quarantine, quarantine_bytes());
	/* Memory that was only read is not in memory for us. */
	ledger->live -= at_most(ledger->live, ledger->excess);
}

void
ledger_take(ledger_t *ledger)
{
	walk_t walk = {.ledger = ledger};
	*ledger = (ledger_t){.available = true};
	if (!add_system(&walk)) {
		add_own(&walk);
	}
	split_page_map(&walk);
	split_taken(&walk);
	for (unsigned i = 0; i < LEDGER_NENTRIES; i++) {
		ledger->sum += *(
		    size_t *)((char *)ledger + ledger_entries[i].offset);
	}
}

static LARGE_BSS ledger_t last;

void
ledger_get(ledger_t *ledger)
{
	mutex_lock(&ctl_lock);
	uint64_t epoch = snapshot_epoch();
	*ledger = last;
	mutex_unlock(&ctl_lock);
	if (ledger->epoch == epoch) {
		return;
	}
	ledger_take(ledger);
	ledger->epoch = epoch;
	mutex_lock(&ctl_lock);
	if (last.epoch == epoch) {
		/* Someone else was first. */
		*ledger = last;
	} else if (epoch == snapshot_epoch()) {
		last = *ledger;
	}
	mutex_unlock(&ctl_lock);
}
