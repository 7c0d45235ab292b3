#include "page/huge.h"

#include "support/harness.h"

#include <string.h>

#include "env_support.h"
#include "meta/options.h"
#include "page/pac.h"
#include "platform/clock.h"
#include "platform/pages.h"
#include "support/fake_clock.h"

#define MIB ((size_t)1 << 20)
#define SLAB (16 * (size_t)1024)

static env_fixture_t fixture;
static pac_t pac;
static unsigned nasked;
static uintptr_t asked;
static bool has_none;

static err_t
fake_make(void *piece, size_t rest)
{
	assert_int_equal((uintptr_t)piece % HUGEPAGE, 0);
	assert_int_equal(rest % PAGE, 0);
	nasked++;
	asked = (uintptr_t)piece;
	return has_none ? ERR_REFUSED : ERR_NONE;
}

static void
setup(size_t mib)
{
	env_setup(&fixture, mib * MIB / PAGE);
	memset(&pac, 0, sizeof(pac));
	pac_init(&pac, &fixture.ehooks, &fixture.base0, ENV_ARENA, 10000, 0, 1);
	ehooks_default_table = fixture.ehooks.table;
	huge_make = fake_make;
	nasked = 0;
	/* What a huge page takes is what the test says. */
	fake_clock_set(NS_PER_SEC);
	if (pages_thp_mode() != THP_MODE_MADVISE) {
		skip();
	}
}

static edata_t *
slab_new(void)
{
	edata_t *slab = pac_alloc(&pac, SLAB, PAGE, PAC_REUSE);
	assert_non_null(slab);
	if (slab->zeroed) {
		huge_note_slab(&pac, slab);
	}
	return slab;
}

static void
slabs_new(size_t bytes)
{
	for (size_t i = 0; i < bytes / SLAB; i++) {
		slab_new();
	}
}

TEST(none_for_the_first_megabytes)
{
	setup(128);
	slabs_new(HUGE_FLOOR - SLAB);
	assert_int_equal(nasked, 0);
}

TEST(dense_slabs_get_them)
{
	setup(256);
	slabs_new(HUGE_FLOOR);
	for (unsigned i = 0; i < 64 * MIB / SLAB; i++) {
		unsigned before = nasked;
		edata_t *slab = slab_new();
		/* Before its first touch, where it begins. */
		assert_true(
		    nasked == before || edata_covers(slab, (void *)asked));
	}
	/* Pieces at the ends of mappings are not whole. */
	assert_in_range(nasked, 20, 32);
	assert_int_equal(pac.huge.nmade, nasked);
}

/* Between slabs others take most: what becomes resident is bounded. */
TEST(bounded_by_what_slabs_take)
{
	setup(512);
	slabs_new(HUGE_FLOOR);
	unsigned nslabs = 0;
	for (; nslabs < 1024; nslabs++) {
		slab_new();
		assert_non_null(pac_alloc(&pac, 3 * SLAB, PAGE, PAC_REUSE));
	}
	assert_true(nasked * HUGEPAGE <= nslabs * SLAB / 3 * 4 + HUGEPAGE);
}

/* Dirty memory is reused before, and is in small pages. */
TEST(reuse_asks_for_none)
{
	edata_t *slabs[512];
	setup(128);
	slabs_new(HUGE_FLOOR + 8 * MIB);
	for (unsigned i = 0; i < 512; i++) {
		slabs[i] = slab_new();
	}
	unsigned before = nasked;
	for (unsigned i = 0; i < 512; i++) {
		pac_dalloc(&pac, slabs[i]);
	}
	for (unsigned i = 0; i < 512; i++) {
		slab_new();
	}
	assert_int_equal(nasked, before);
}

TEST(kernel_without_huge_pages_is_asked_less_often)
{
	setup(512);
	has_none = true;
	slabs_new(160 * MIB);
	assert_in_range(nasked, 3, 12);
	has_none = false;
}

static err_t
slow_make(void *piece, size_t rest)
{
	fake_clock_advance(2 * NS_PER_MS);
	return fake_make(piece, rest);
}

/* A huge page that takes longer than small ones would is as good as none. */
TEST(dear_huge_pages_are_asked_for_less_often)
{
	setup(512);
	huge_make = slow_make;
	slabs_new(160 * MIB);
	assert_in_range(nasked, 3, 12);
}

TEST(not_where_it_is_not_wanted)
{
	setup(512);
	opt.thp_dense = false;
	slabs_new(64 * MIB);
	assert_int_equal(nasked, 0);
	opt.thp_dense = true;
	opt.thp = OPT_THP_NEVER;
	slabs_new(8 * MIB);
	assert_int_equal(nasked, 0);
	opt.thp = OPT_THP_DEFAULT;
	/* Limited memory. */
	atomic_store(&pac_headroom, (int64_t)1 << 40);
	slabs_new(8 * MIB);
	assert_int_equal(nasked, 0);
	atomic_store(&pac_headroom, PAC_HEADROOM_NONE);
	/* Memory from hooks of the program. */
	extent_hooks_t *table = ehooks_default_table;
	ehooks_default_table = NULL;
	slabs_new(8 * MIB);
	assert_int_equal(nasked, 0);
	ehooks_default_table = table;
	slabs_new(8 * MIB);
	assert_true(nasked > 0);
}

static size_t mapped;

static size_t
fake_mapped(void)
{
	return mapped;
}

/* A large block comes and goes; was it marked? */
static bool
large_was_marked(size_t size, bool is_touched)
{
	edata_t *edata = pac_alloc(&pac, size, HUGEPAGE, PAC_UNTOUCHED);
	assert_non_null(edata);
	assert_true(edata->zeroed);
	huge_note_large(&pac, edata);
	bool marked = edata->huge;
	assert_true(!marked || !edata->watched);
	if (is_touched) {
		memset(edata->addr, 1, size);
	}
	if (edata->watched) {
		huge_note_large_freed(&pac, edata);
	}
	return marked;
}

/* How many of n blocks are marked. */
static unsigned
larges_marked(unsigned n, size_t size, bool are_touched)
{
	unsigned marked = 0;
	for (unsigned i = 0; i < n; i++) {
		marked += large_was_marked(size, are_touched);
	}
	return marked;
}

static void
setup_large(void)
{
	setup(1024);
	mapped = 1024 * MIB;
	huge_mapped = fake_mapped;
}

TEST(large_blocks_get_them_once_others_were_used)
{
	setup_large();
	assert_int_equal(larges_marked(4, 4 * MIB, true), 0);
	assert_in_range(larges_marked(8, 4 * MIB, true), 6, 7);
	/* Those that are not touched are found out. */
	larges_marked(40, 4 * MIB, false);
	assert_int_equal(larges_marked(8, 4 * MIB, false), 0);
}

/* What is much larger may be of another kind: a table, mostly empty. */
TEST(much_larger_blocks_are_not_marked)
{
	setup_large();
	/* The last of these is one in LARGE_PROBE, so that the next are not. */
	larges_marked(9, 4 * MIB, true);
	assert_int_equal(larges_marked(3, 64 * MIB, false), 0);
	setup_large();
	larges_marked(8, 4 * MIB, true);
	assert_in_range(larges_marked(8, 8 * MIB, true), 6, 7);
	assert_in_range(larges_marked(8, 16 * MIB, true), 6, 7);
}

/* Each is a mapping for the kernel, which has a limit. */
TEST(small_blocks_of_large_processes_are_not_marked)
{
	setup_large();
	larges_marked(8, 4 * MIB, true);
	mapped = (size_t)64 << 30;
	assert_int_equal(larges_marked(8, 4 * MIB, true), 0);
	larges_marked(16, 16 * MIB, true);
	assert_in_range(larges_marked(8, 16 * MIB, true), 6, 7);
}
