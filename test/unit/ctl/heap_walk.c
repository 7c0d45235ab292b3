#include "ctl/heap_walk.h"

#include "support/harness.h"

#include <string.h>

#include "arena/large.h"
#include "ctl_support.h"
#include "ds/prng.h"
#include "page/guard.h"
#include "platform/pages.h"

/* Bytes and ranges of each kind. */
static size_t bytes[HEAP_NKINDS], counts[HEAP_NKINDS];

static void
walk(uintptr_t from, uintptr_t to)
{
	heap_range_t range = {.size = 0};
	uintptr_t at = from, before = 0;
	memset(bytes, 0, sizeof(bytes));
	memset(counts, 0, sizeof(counts));
	while (heap_walk_next(&at, to, &range)) {
		/* In order, nothing twice. */
		assert_true(range.start >= before && range.start < to);
		assert_true(range.size >= PAGE);
		before = range.start + range.size;
		assert_int_equal(at, before);
		bytes[range.kind] += range.size;
		counts[range.kind]++;
	}
}

static size_t
pages_of(size_t (*npages)(arena_t *arena))
{
	size_t sum = 0;
	for (unsigned i = 0; i < arenas_count(); i++) {
		arena_t *arena = arenas_get(i);
		sum += arena == NULL ? 0 : npages(arena);
	}
	return sum << LG_PAGE;
}

static size_t
active(arena_t *arena)
{
	return atomic_load(&arena->pac.nactive);
}

static size_t
dirty(arena_t *arena)
{
	return ecache_npages(&arena->pac.dirty);
}

static size_t
kept(arena_t *arena)
{
	return sec_npages(&arena->pac.sec);
}

static size_t
retained(arena_t *arena)
{
	return ecache_npages(&arena->pac.retained);
}

/* Each page that an arena has is in one range of the right kind. */
TEST(all_pages)
{
	uint64_t prng = 3;
	void *regs[20], *blocks[100] = {NULL};
	bool contended;
	ctl_setup();
	walk(0, UINTPTR_MAX);
	assert_int_equal(counts[HEAP_SLAB] + counts[HEAP_LARGE], 0);
	for (unsigned i = 0; i < 3000; i++) {
		arena_t *arena = arenas_get_auto(i % 3);
		unsigned szind = (unsigned)prng_below(&prng, SC_NBINS);
		unsigned n = arena_fill(arena, szind, 0, regs, 20, &contended);
		if (i % 5 != 0) {
			arena_flush(szind, regs, n);
		}
		void **block = &blocks[prng_below(&prng, 100)];
		if (*block != NULL) {
			large_free(*block);
		}
		size_t usize = SC_LARGE_MIN + prng_below(&prng, 900) * PAGE;
		*block = large_alloc(arena, usize, usize, 1, false, &prng);
	}
	size_t nblocks = 0, ncached = 0;
	for (unsigned i = 0; i < 100; i++) {
		if (blocks[i] != NULL && i % 4 == 0) {
			large_note_cached(pagemap_extent(blocks[i]), blocks[i]);
			ncached++;
		}
		nblocks += blocks[i] != NULL;
	}
	walk(0, UINTPTR_MAX);
	assert_int_equal(counts[HEAP_LARGE], nblocks - ncached);
	assert_int_equal(counts[HEAP_CACHED], ncached);
	assert_int_equal(bytes[HEAP_SLAB] + bytes[HEAP_LARGE] +
		bytes[HEAP_CACHED],
	    pages_of(active));
	assert_int_equal(bytes[HEAP_DIRTY], pages_of(dirty));
	assert_int_equal(bytes[HEAP_KEPT], pages_of(kept));
	assert_int_equal(bytes[HEAP_RETAINED], pages_of(retained));
	assert_int_equal(counts[HEAP_GUARD], 0);
}

/* What is said of a slab and of a block is what is so. */
TEST(facts)
{
	uint64_t prng = 1;
	void *regs[10];
	bool contended;
	ctl_setup();
	arena_t *arena = arenas_get_auto(1);
	unsigned szind = szind_of(320);
	assert_int_equal(arena_fill(arena, szind, 0, regs, 10, &contended), 10);
	arena_flush(szind, regs, 3);
	char *block = large_alloc(arena, 50000, 53248, 1, false, &prng);
	assert_non_null(block);

	heap_range_t range = {.size = 0};
	uintptr_t at = edata_base(pagemap_extent(regs[5]));
	assert_true(heap_walk_next(&at, UINTPTR_MAX, &range));
	assert_int_equal(range.kind, HEAP_SLAB);
	assert_int_equal(range.szind, szind);
	assert_int_equal(range.arena_ind, 1);
	assert_int_equal(range.nfree, bin_infos[szind].nregs - 7);
	assert_int_equal(range.free_map[0] & 0x3ff, 7);

	at = edata_base(pagemap_extent(block));
	range.size = 0;
	assert_true(heap_walk_next(&at, UINTPTR_MAX, &range));
	assert_int_equal(range.kind, HEAP_LARGE);
	assert_int_equal(range.usize, 53248);
	assert_ptr_equal(range.start + range.user, block);
	/* Not beyond the end that is given. */
	at = 0;
	range.size = 0;
	assert_false(heap_walk_next(&at, PAGE, &range));
	assert_int_equal(at, PAGE);
}

/* Guard pages belong to no extent, and are found all the same. */
TEST(guards)
{
	ctl_setup();
	if (os_page_size != PAGE) {
		skip();
	}
	arena_t *arena = arenas_get_auto(0);
	for (unsigned i = 0; i < 3; i++) {
		assert_non_null(guard_alloc(&arena->pac, 4 * PAGE));
	}
	walk(0, UINTPTR_MAX);
	assert_int_equal(counts[HEAP_GUARD], 6);
	assert_int_equal(bytes[HEAP_GUARD], 6 * PAGE);
}
