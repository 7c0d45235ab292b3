#include "arena/large.h"

#include "support/harness.h"

#include <string.h>

#include "arena/arenas.h"
#include "ds/prng.h"
#include "platform/fatal.h"
#include "support/os_calls_fault.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static arena_t *arena;
static arena_t *other;
static uint64_t prng = 1;

static void
setup(void)
{
	/* In builds without it, too. */
	opt.cache_oblivious = true;
	size_class_boot();
	bin_info_boot();
	opt.narenas = 2;
	assert_int_equal(arenas_boot(), ERR_NONE);
	arena = arenas_get(0);
	other = arenas_get_auto(1);
}

static size_t
usize_of(size_t size)
{
	return align_up(size, PAGE);
}

static char *
alloc(size_t size)
{
	return large_alloc(arena, size, usize_of(size), 1, false, &prng);
}

static size_t
allocated(void)
{
	return atomic_load(&arena->large_allocated) +
	    atomic_load(&other->large_allocated);
}

/* Contents that tell where they belong. */
static void
fill(char *p, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		p[i] = (char)(i ^ i >> 8 ^ i >> 16);
	}
}

static bool
is_filled(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (p[i] != (char)(i ^ i >> 8 ^ i >> 16)) {
			return false;
		}
	}
	return true;
}

static bool
is_zero(const char *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

TEST(alloc_and_free)
{
	setup();
	for (size_t size = 16 * KIB; size < 20 * MIB; size += size / 3 + 100) {
		char *p = alloc(size);
		assert_non_null(p);
		edata_t *edata = large_find(p);
		assert_non_null(edata);
		assert_ptr_equal(arena_of(edata), arena);
		assert_int_equal(edata->usize, usize_of(size));
		assert_int_equal(allocated(), usize_of(size));
		assert_true(p + usize_of(size) <= (char *)edata_end(edata));
		assert_int_equal(pagemap_code(p), 0);
		memset(p, 0x5a, usize_of(size));
		large_free(p);
		assert_int_equal(allocated(), 0);
		assert_null(large_find(p));
	}
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	assert_true(arena_verify(arena));
}

/* Counts per size class. */
TEST(statistics)
{
	setup();
	char *a = alloc(16 * KIB);
	char *b = alloc(36 * KIB);
	char *c = alloc(37 * KIB);
	unsigned lowest = szind_of(16 * KIB) - SC_NBINS;
	unsigned forty = szind_of(40 * KIB) - SC_NBINS;
	assert_int_equal(lowest, 0);
	assert_int_equal(atomic_load(&arena->lextents[lowest].nmalloc), 1);
	assert_int_equal(atomic_load(&arena->lextents[forty].nmalloc), 2);
	large_free(a);
	large_free(b);
	large_free(c);
	assert_int_equal(atomic_load(&arena->lextents[lowest].ndalloc), 1);
	assert_int_equal(atomic_load(&arena->lextents[forty].ndalloc), 2);
}

TEST(alignment)
{
	setup();
	for (size_t alignment = 1; alignment <= 8 * MIB; alignment *= 2) {
		for (unsigned i = 0; i < 5; i++) {
			char *p = large_alloc(arena, 70 * KIB, 72 * KIB,
			    alignment, false, &prng);
			assert_int_equal((uintptr_t)p % alignment, 0);
			assert_int_equal((uintptr_t)p % CACHELINE, 0);
			memset(p, 1, 72 * KIB);
		}
	}
	assert_true(arena_verify(arena));
}

/* How many different places in a page, and whether the last byte fits. */
static unsigned
count_colours(size_t size)
{
	bool seen[PAGE / CACHELINE] = {false};
	unsigned ncolours = 0;
	for (unsigned i = 0; i < 300; i++) {
		char *p = alloc(size);
		edata_t *edata = large_find(p);
		size_t offset = (uintptr_t)p % PAGE;
		assert_int_equal(offset % CACHELINE, 0);
		assert_true(p + edata->usize <= (char *)edata_end(edata));
		ncolours += !seen[offset / CACHELINE];
		seen[offset / CACHELINE] = true;
		large_free(p);
	}
	return ncolours;
}

/* Blocks start all over the first page, so as not to share cache sets. */
TEST(colours)
{
	setup();
	assert_true(count_colours(100 * KIB) > 40);
	assert_true(count_colours(5 * MIB) > 40);
	/* Short ones within what the request leaves of its last page. */
	assert_int_equal(count_colours(20 * KIB), 1);
	assert_true(count_colours(20 * KIB - 1000) > 8);
	assert_true(count_colours(20 * KIB - 1000) <= 16);
}

TEST(colours_keep_the_pad_page_untouched)
{
	setup();
	for (unsigned i = 0; i < 200; i++) {
		size_t size = 16 * KIB + prng_below(&prng, 40 * KIB);
		char *p = alloc(size);
		edata_t *edata = large_find(p);
		assert_true(p + size <= (char *)edata_end(edata) - PAGE);
	}
}

TEST(no_colours)
{
	setup();
	opt.cache_oblivious = false;
	assert_int_equal(count_colours(100 * KIB), 1);
	char *p = alloc(100 * KIB);
	assert_int_equal((uintptr_t)p % PAGE, 0);
	assert_int_equal(large_find(p)->size, 100 * KIB);
}

/* Zero means zero, whatever the memory was used for. */
TEST(zero)
{
	static const size_t sizes[] = {20 * KIB, 100 * KIB, 3 * MIB, 10 * MIB};
	setup();
	for (size_t i = 0; i < 8; i++) {
		size_t size = sizes[i % 4];
		for (unsigned round = 0; round < 2; round++) {
			char *p = large_alloc(arena, size, size, 1, true,
			    &prng);
			assert_true(is_zero(p, size));
			memset(p, 0xff, size);
			large_free(p);
		}
	}
}

/* Nor does it depend on the system's help. */
TEST(zero_without_the_system)
{
	setup();
	char *p = alloc(10 * MIB);
	memset(p, 0xff, 10 * MIB);
	large_free(p);
	os_fault_arm_from(1);
	p = large_alloc(arena, 10 * MIB, 10 * MIB, 1, true, &prng);
	(void)os_fault_disarm();
	assert_non_null(p);
	assert_true(is_zero(p, 10 * MIB));
}

/* Only the very address of a live block is found. */
TEST(find)
{
	char local;
	setup();
	char *p = alloc(100 * KIB);
	assert_non_null(large_find(p));
	assert_null(large_find(p + 1));
	assert_null(large_find(p - 1));
	assert_null(large_find(p + CACHELINE));
	assert_null(large_find(p + PAGE));
	assert_null(large_find((char *)large_find(p)->addr + PAGE));
	assert_null(large_find(NULL));
	assert_null(large_find(&local));
	assert_null(large_find((void *)UINTPTR_MAX));
	void *reg;
	bool contended;
	assert_int_equal(arena_fill(arena, 4, 0, &reg, 1, &contended), 1);
	assert_null(large_find(reg));
	assert_null(large_find(pagemap_extent(reg)->addr));
}

/* In a thread's cache a block is not live, and yet not free. */
TEST(cached)
{
	setup();
	char *p = alloc(100 * KIB);
	large_note_cached(large_find(p), p);
	assert_null(large_find(p));
	assert_true(large_note_uncached(p));
	assert_non_null(large_find(p));
	large_free(p);
}

/* Have blocks of a length come back as they were freed. */
static void
warm(size_t size)
{
	for (unsigned i = 0; i <= SEC_STREAK_MIN; i++) {
		large_free(alloc(size));
	}
	assert_int_equal(sec_npages_long(&arena->pac.sec),
	    (size + PAGE) >> LG_PAGE);
}

/* What was freed again and again comes back at once, and is as any block. */
TEST(again)
{
	setup();
	assert_null(large_alloc_again(arena, MIB, &prng));
	warm(MIB);
	unsigned szind = szind_of(MIB) - SC_NBINS;
	uint64_t nmalloc = atomic_load(&arena->lextents[szind].nmalloc);
	size_t dirty = pac_ndirty(&arena->pac);
	assert_null(large_alloc_again(arena, MIB + PAGE, &prng));
	char *p = large_alloc_again(arena, MIB, &prng);
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % CACHELINE, 0);
	edata_t *edata = large_find(p);
	assert_non_null(edata);
	assert_int_equal(edata->usize, MIB);
	assert_int_equal(edata->cind, 0);
	assert_int_equal(edata->size, MIB + PAGE);
	assert_int_equal(allocated(), MIB);
	assert_int_equal(pac_ndirty(&arena->pac), dirty - MIB / PAGE - 1);
	assert_int_equal(atomic_load(&arena->pac.nactive), MIB / PAGE + 1);
	assert_int_equal(atomic_load(&arena->lextents[szind].nmalloc),
	    nmalloc + 1);
	assert_null(large_alloc_again(arena, MIB, &prng));
	assert_true(large_free_again(arena, edata, p));
	assert_int_equal(allocated(), 0);
	assert_int_equal(pac_ndirty(&arena->pac), dirty);
	assert_null(large_find(p));
	assert_false(large_free_again(arena, edata, p));
	assert_int_equal(allocated(), 0);
	assert_int_equal(pac_ndirty(&arena->pac), dirty);
}

TEST(again_zeroed)
{
	setup();
	warm(MIB);
	char *p = alloc(MIB);
	memset(p, 1, MIB);
	large_free(p);
	p = large_alloc(arena, MIB, MIB, 1, true, &prng);
	assert_true(is_zero(p, MIB));
}

/* One length may wait, while no other is asked for; the others are dirty. */
TEST(again_is_bounded)
{
	setup();
	char *p = alloc(MIB), *q = alloc(MIB);
	warm(MIB);
	assert_true(large_free_again(arena, large_find(p), p) == false);
	assert_ptr_equal(large_find(p)->user, p);
	large_free(p);
	large_free(q);
	assert_int_equal(sec_npages_long(&arena->pac.sec), MIB / PAGE + 1);
	p = large_alloc_again(arena, MIB, &prng);
	large_free(alloc(2 * MIB));
	assert_false(large_free_again(arena, large_find(p), p));
	/* A 16th of what is in use may. */
	q = alloc(20 * MIB);
	assert_true(large_free_again(arena, large_find(p), p));
	assert_int_equal(allocated(), 20 * MIB);
}

/* What waits goes with the dirty pages, and before new memory is taken. */
TEST(again_is_dirty_memory)
{
	setup();
	warm(MIB);
	pac_purge_all(&arena->pac);
	assert_int_equal(pac_ndirty(&arena->pac), 0);
	assert_null(large_alloc_again(arena, MIB, &prng));
	warm(MIB);
	size_t mapped = atomic_load(&arena->pac.mapped);
	(void)alloc(MIB / 2);
	assert_int_equal(atomic_load(&arena->pac.mapped), mapped);
	assert_int_equal(sec_npages_long(&arena->pac.sec), 0);
}

/* A block grows over what waits behind it. */
TEST(again_is_in_nobodys_way)
{
	setup();
	large_free(alloc(8 * MIB));
	char *p = alloc(MIB), *q = alloc(MIB);
	assert_int_equal((char *)large_find(q)->addr -
		(char *)large_find(p)->addr,
	    MIB + PAGE);
	char *r = alloc(20 * MIB);
	warm(MIB);
	assert_true(large_free_again(arena, large_find(q), q) == false);
	void *again = large_alloc_again(arena, MIB, &prng);
	assert_true(large_free_again(arena, large_find(q), q));
	assert_true(large_resize(large_find(p), 2 * MIB, 2 * MIB, false));
	assert_int_equal(sec_npages_long(&arena->pac.sec), 0);
	large_free(again);
	large_free(p);
	large_free(r);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	assert_true(arena_verify(arena));
}

TEST(again_is_for_automatic_arenas)
{
	setup();
	arena_t *manual = arenas_create(NULL, true);
	assert_non_null(manual);
	for (unsigned i = 0; i <= SEC_STREAK_MIN; i++) {
		large_free(large_alloc(manual, MIB, MIB, 1, false, &prng));
	}
	assert_null(large_alloc_again(manual, MIB, &prng));
	char *p = large_alloc(manual, MIB, MIB, 1, false, &prng);
	assert_false(large_free_again(manual, large_find(p), p));
	large_free(p);
}

static void
free_twice(void *p)
{
	large_free(p);
	large_free(p);
}

static void
free_cached(void *p)
{
	large_note_cached(large_find(p), p);
	large_free(p);
}

static void
free_inside(void *p)
{
	large_free((char *)p + PAGE);
}

TEST(misuse)
{
	setup();
	char *p = alloc(100 * KIB);
	assert_dies(free_twice, p, "double free");
	assert_dies(free_cached, p, "double free");
	assert_dies(free_inside, p, "invalid pointer");
	assert_survives(large_free, p);
	warm(MIB);
	p = large_alloc_again(arena, MIB, &prng);
	assert_dies(free_twice, p, "double free");
	assert_survives(large_free, p);
}

TEST(no_memory)
{
	setup();
	os_fault_arm_from(1);
	char *p = alloc(30 * MIB);
	(void)os_fault_disarm();
	assert_null(p);
	assert_int_equal(allocated(), 0);
	assert_true(arena_verify(arena));
}

/* In place */

TEST(resize)
{
	setup();
	char *p = alloc(100 * KIB);
	edata_t *edata = large_find(p);
	fill(p, 100 * KIB);
	assert_true(large_resize(edata, 200 * KIB, 200 * KIB, false));
	assert_int_equal(edata->usize, 200 * KIB);
	assert_true(is_filled(p, 100 * KIB));
	memset(p + 100 * KIB, 1, 100 * KIB);
	assert_int_equal(allocated(), 200 * KIB);
	assert_true(large_resize(edata, 40 * KIB, 40 * KIB, false));
	assert_int_equal(edata->usize, 40 * KIB);
	assert_true(is_filled(p, 40 * KIB));
	assert_int_equal(allocated(), 40 * KIB);
	assert_ptr_equal(large_find(p), edata);
	/* In the range already. */
	assert_true(large_resize(edata, 20 * KIB, 40 * KIB, false));
	assert_int_equal(edata->usize, 40 * KIB);
	assert_true(arena_verify(arena));
	large_free(p);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
}

/* As much as there is, down to the least that is asked for. */
TEST(resize_range)
{
	setup();
	/* Side by side, in memory that was one block before. */
	large_free(alloc(8 * MIB));
	char *p = alloc(MIB);
	char *block = alloc(MIB);
	assert_non_null(alloc(MIB));
	edata_t *edata = large_find(p);
	assert_false(large_resize(edata, MIB + 16 * KIB, 2 * MIB, false));
	assert_int_equal(edata->usize, MIB);
	/* In the way until now; its pad page is free as well. */
	large_free(block);
	assert_false(large_resize(edata, 2 * MIB + 8 * KIB, 3 * MIB, false));
	assert_true(large_resize(edata, MIB + 512 * KIB, 3 * MIB, false));
	assert_int_equal(edata->usize, MIB + 512 * KIB);
	assert_true(large_resize(edata, 60 * KIB, 80 * KIB, false));
	assert_int_equal(edata->usize, 80 * KIB);
	assert_true(arena_verify(arena));
}

/* What is gained reads zero, the old pad page and dirty memory included. */
TEST(resize_zeroes)
{
	setup();
	for (unsigned round = 0; round < 50; round++) {
		char *p = alloc(100 * KIB);
		edata_t *edata = large_find(p);
		memset(p, 0xff, edata_end(edata) - (uintptr_t)p);
		if (large_resize(edata, 200 * KIB, 200 * KIB, true)) {
			assert_true(is_zero(p + 100 * KIB, 100 * KIB));
			memset(p, 0xff, edata_end(edata) - (uintptr_t)p);
		}
		assert_true(large_resize(edata, 60 * KIB, 60 * KIB, true));
		if (large_resize(edata, 70 * KIB / PAGE * PAGE,
			70 * KIB / PAGE * PAGE, true)) {
			assert_true(is_zero(p + 60 * KIB,
			    70 * KIB / PAGE * PAGE - 60 * KIB));
		}
		if (round % 2 != 0) {
			large_free(p);
		}
	}
}

/* Moving */

TEST(move_keeps_contents)
{
	setup();
	for (size_t usize = 512 * KIB; usize <= 8 * MIB; usize *= 2) {
		char *p = alloc(usize);
		fill(p, usize);
		char *moved = large_move(arena, large_find(p), 2 * usize,
		    false);
		if (moved == NULL) {
			/* The kernel can not do it. */
			skip();
		}
		assert_ptr_not_equal(moved, p);
		assert_null(large_find(p));
		assert_true(is_filled(moved, usize));
		assert_int_equal(large_find(moved)->usize, 2 * usize);
		assert_int_equal((uintptr_t)moved % PAGE, (uintptr_t)p % PAGE);
		assert_int_equal(allocated(), 2 * usize);
		memset(moved + usize, 1, usize);
		assert_true(arena_verify(arena));
		large_free(moved);
	}
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
}

/* To another arena, and zeroed behind the old end. */
TEST(move_between_arenas)
{
	setup();
	char *p = alloc(MIB);
	fill(p, MIB);
	edata_t *edata = large_find(p);
	memset(p + MIB, 0xff, edata_end(edata) - (uintptr_t)(p + MIB));
	char *moved = large_move(other, edata, 3 * MIB, true);
	if (moved == NULL) {
		skip();
	}
	assert_true(is_filled(moved, MIB));
	assert_true(is_zero(moved + MIB, 2 * MIB));
	assert_ptr_equal(arena_of(large_find(moved)), other);
	assert_int_equal(atomic_load(&arena->large_allocated), 0);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	assert_true(arenas_verify());
	/* What the old place holds is known to be zero. */
	p = large_alloc(arena, MIB, MIB, 1, true, &prng);
	assert_true(is_zero(p, MIB));
}

/* Not worth it, or not possible: nothing changes. */
TEST(move_is_declined)
{
	setup();
	char *small = alloc(100 * KIB);
	assert_null(large_move(arena, large_find(small), 200 * KIB, false));
	char *p = alloc(2 * MIB);
	fill(p, 2 * MIB);
	assert_null(large_move(arena, large_find(p), MIB, false));
	size_t before = allocated();
	for (uint64_t n = 1;; n++) {
		os_fault_arm(n);
		char *moved = large_move(arena, large_find(p), 4 * MIB, false);
		uint64_t nfailed = os_fault_disarm();
		if (moved == NULL) {
			assert_int_equal(allocated(), before);
		} else {
			assert_null(large_find(p));
			p = moved;
			assert_true(large_resize(large_find(p), 2 * MIB,
			    2 * MIB, false));
		}
		assert_int_equal(large_find(p)->usize, 2 * MIB);
		assert_true(is_filled(p, 2 * MIB));
		assert_true(arena_verify(arena));
		if (nfailed == 0) {
			break;
		}
	}
}

/* A second free of the old address is still named. */
TEST(moved_blocks_are_remembered)
{
	setup();
	char *p = alloc(MIB);
	char *moved = large_move(arena, large_find(p), 2 * MIB, false);
	if (moved == NULL) {
		skip();
	}
	assert_dies(large_free, p, "free");
	assert_survives(large_free, moved);
}

/* Random operations */

TEST(random_operations)
{
	enum { NBLOCKS = 40 };
	static struct {
		char *p;
		size_t usize;
	} blocks[NBLOCKS];
	setup();
	for (unsigned step = 0; step < 3000; step++) {
		unsigned i = (unsigned)prng_below(&prng, NBLOCKS);
		char *p = blocks[i].p;
		size_t size = 16 * KIB +
		    prng_below(&prng, (uint64_t)1 << prng_below(&prng, 21));
		if (p == NULL) {
			arena_t *from = prng_below(&prng, 2) != 0 ? arena
								  : other;
			p = large_alloc(from, size, usize_of(size), 1,
			    prng_below(&prng, 2) != 0, &prng);
			assert_non_null(p);
			blocks[i].p = p;
			blocks[i].usize = usize_of(size);
		} else {
			/* Its marks are where they were left. */
			edata_t *edata = large_find(p);
			assert_int_equal(edata->usize, blocks[i].usize);
			assert_int_equal(p[0], (char)i);
			assert_int_equal(p[blocks[i].usize - 1], (char)~i);
			if (prng_below(&prng, 3) == 0) {
				large_free(p);
				blocks[i].p = NULL;
				continue;
			}
			(void)large_resize(edata, usize_of(size),
			    usize_of(size), prng_below(&prng, 2) != 0);
			blocks[i].usize = edata->usize;
			assert_int_equal(p[0], (char)i);
		}
		p[0] = (char)i;
		p[blocks[i].usize - 1] = (char)~i;
		assert_true(arenas_verify());
	}
	for (unsigned i = 0; i < NBLOCKS; i++) {
		if (blocks[i].p != NULL) {
			large_free(blocks[i].p);
		}
	}
	assert_int_equal(allocated(), 0);
	assert_int_equal(atomic_load(&arena->pac.nactive), 0);
	assert_int_equal(atomic_load(&other->pac.nactive), 0);
}
