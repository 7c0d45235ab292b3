#include "meta/pagemap.h"

#include "support/harness.h"

#include "ds/prng.h"
#include "platform/build.h"
#include "support/fake_hooks.h"

#define LEAF_SPAN ((uintptr_t)1 << PAGEMAP_LG_LEAF)

static fake_hooks_t fake;
static base_t base;

static void
setup(void)
{
	fake_hooks_init(&fake, 65536);
	base_init(&base, &fake.table, 0);
}

static edata_t
extent_at(uintptr_t addr, size_t npages)
{
	return (edata_t){.addr = (void *)addr, .size = npages * PAGE};
}

/* Nothing is known of addresses that were never reserved, valid or not. */
TEST(foreign_addresses)
{
	int local;
	const uintptr_t top = (uintptr_t)1 << LG_VADDR;
	const uintptr_t foreign[] = {0, 1, PAGE, (uintptr_t)&local,
	    (uintptr_t)&setup, top / 2 - 1, top / 2, top / 2 + PAGE, top - 1,
	    top, top + PAGE, UINTPTR_MAX / 2, UINTPTR_MAX / 2 + 1,
	    UINTPTR_MAX - PAGE, UINTPTR_MAX};
	setup();
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		assert_int_equal(pagemap_code((void *)foreign[i]), 0);
		assert_null(pagemap_extent((void *)foreign[i]));
	}
	/* The same with leaves elsewhere. */
	assert_int_equal(pagemap_reserve(&base, (void *)(7 * LEAF_SPAN), PAGE),
	    ERR_NONE);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		assert_int_equal(pagemap_code((void *)foreign[i]), 0);
		assert_null(pagemap_extent((void *)foreign[i]));
	}
}

TEST(boundaries)
{
	setup();
	edata_t edata = extent_at(3 * LEAF_SPAN + 100 * PAGE, 10);
	char *addr = edata.addr;
	assert_int_equal(pagemap_reserve(&base, addr, edata.size), ERR_NONE);
	pagemap_set_boundaries(&edata);
	assert_ptr_equal(pagemap_extent(addr), &edata);
	assert_ptr_equal(pagemap_extent(addr + PAGE - 1), &edata);
	assert_ptr_equal(pagemap_extent(addr + 9 * PAGE), &edata);
	assert_ptr_equal(pagemap_extent(addr + 10 * PAGE - 1), &edata);
	assert_null(pagemap_extent(addr - 1));
	assert_null(pagemap_extent(addr + PAGE));
	assert_null(pagemap_extent(addr + 10 * PAGE));
	assert_int_equal(pagemap_code(addr), 0);
	pagemap_forget(&edata);
	assert_null(pagemap_extent(addr));
	assert_null(pagemap_extent(addr + 9 * PAGE));
	pagemap_set_last(&edata);
	assert_null(pagemap_extent(addr));
	assert_ptr_equal(pagemap_extent(addr + 9 * PAGE), &edata);
	pagemap_forget(&edata);
	pagemap_set_first(&edata);
	assert_ptr_equal(pagemap_extent(addr), &edata);
	assert_null(pagemap_extent(addr + 9 * PAGE));
}

TEST(slabs)
{
	setup();
	edata_t edata = extent_at(3 * LEAF_SPAN + 100 * PAGE, 7);
	char *addr = edata.addr;
	assert_int_equal(pagemap_reserve(&base, addr, edata.size), ERR_NONE);
	pagemap_set_slab(&edata, 42);
	for (char *p = addr; p < addr + 7 * PAGE; p += 1000) {
		assert_int_equal(pagemap_code(p), 42);
		assert_ptr_equal(pagemap_extent(p), &edata);
	}
	assert_int_equal(pagemap_code(addr - 1), 0);
	assert_int_equal(pagemap_code(addr + 7 * PAGE), 0);
	pagemap_set_code(addr, 255);
	assert_int_equal(pagemap_code(addr), 255);
	assert_int_equal(pagemap_code(addr + PAGE), 42);
	pagemap_clear_slab(&edata);
	for (char *p = addr; p < addr + 7 * PAGE; p += PAGE) {
		assert_int_equal(pagemap_code(p), 0);
	}
}

/* The ends of the address space are no special cases. */
TEST(first_and_last_pages)
{
	const uintptr_t top = (uintptr_t)1 << LG_VADDR;
	const uintptr_t addrs[] = {0, LEAF_SPAN - PAGE, LEAF_SPAN,
	    top / 2 - PAGE, top - PAGE};
	setup();
	edata_t edata[5];
	for (unsigned i = 0; i < 5; i++) {
		edata[i] = extent_at(addrs[i], 1);
		assert_int_equal(pagemap_reserve(&base, edata[i].addr, PAGE),
		    ERR_NONE);
		pagemap_set_slab(&edata[i], (uint8_t)(i + 1));
	}
	for (unsigned i = 0; i < 5; i++) {
		char *p = (char *)addrs[i] + PAGE - 1;
		assert_int_equal(pagemap_code(p), i + 1);
		assert_ptr_equal(pagemap_extent(p), &edata[i]);
	}
	assert_int_equal(pagemap_code((void *)top), 0);
}

/* An extent may lie across leaves. */
TEST(several_leaves)
{
	setup();
	size_t before = pagemap_mapped();
	edata_t edata = extent_at(9 * LEAF_SPAN - 3 * PAGE,
	    2 * PAGEMAP_LEAF_PAGES + 6);
	assert_int_equal(pagemap_reserve(&base, edata.addr, edata.size),
	    ERR_NONE);
	size_t leaf = (pagemap_mapped() - before) / 4;
	size_t arrays = PAGEMAP_LEAF_PAGES * (1 + sizeof(void *));
	assert_true(leaf > arrays && leaf <= arrays + PAGE);
	pagemap_set_slab(&edata, 7);
	uint64_t prng = 1;
	for (unsigned i = 0; i < 10000; i++) {
		uintptr_t p = edata_base(&edata) +
		    prng_below(&prng, edata.size);
		assert_int_equal(pagemap_code((void *)p), 7);
		assert_ptr_equal(pagemap_extent((void *)p), &edata);
	}
	assert_null(pagemap_extent((void *)edata_end(&edata)));
	assert_null(pagemap_extent((void *)(edata_base(&edata) - 1)));
	/* Known leaves are not made again. */
	before = pagemap_mapped();
	assert_int_equal(pagemap_reserve(&base, edata.addr, edata.size),
	    ERR_NONE);
	assert_int_equal(pagemap_mapped(), before);
}

/* Only pages with entries of reserved ranges count as touched. */
TEST(touched)
{
	const uintptr_t window = (uintptr_t)1 << PAGEMAP_LG_WINDOW;
	const uintptr_t at = 40 * LEAF_SPAN;
	setup();
	assert_int_equal(pagemap_touched(), 0);
	/* The notes of the leaf, a page of codes and one of extents. */
	assert_int_equal(pagemap_reserve(&base, (void *)at, PAGE), ERR_NONE);
	assert_int_equal(pagemap_touched(), 3 * PAGE);
	assert_int_equal(pagemap_reserve(&base, (void *)(at + PAGE), PAGE),
	    ERR_NONE);
	assert_int_equal(pagemap_touched(), 3 * PAGE);
	/* Another window of the same page of codes, and one of the next. */
	assert_int_equal(pagemap_reserve(&base, (void *)(at + 7 * window),
			     2 * window),
	    ERR_NONE);
	assert_int_equal(pagemap_touched(), 6 * PAGE);
	/* A whole leaf. */
	assert_int_equal(pagemap_reserve(&base, (void *)at, LEAF_SPAN),
	    ERR_NONE);
	assert_int_equal(pagemap_touched(), (1 + 512 + 64) * PAGE);
}

/* What was reserved is known, by windows; so are the leaves. */
TEST(known)
{
	const uintptr_t window = (uintptr_t)1 << PAGEMAP_LG_WINDOW;
	const uintptr_t at = 50 * LEAF_SPAN, top = (uintptr_t)1 << LG_VADDR;
	void *start;
	size_t size;
	setup();
	assert_false(pagemap_leaf(0, &start, &size));
	assert_int_equal(pagemap_known(0, top), top);
	assert_int_equal(pagemap_reserve(&base, (void *)(at + 3 * window),
			     PAGE),
	    ERR_NONE);
	assert_int_equal(pagemap_reserve(&base, (void *)(at + 9 * LEAF_SPAN),
			     PAGE),
	    ERR_NONE);
	assert_int_equal(pagemap_known(0, top), at + 3 * window);
	assert_int_equal(pagemap_known(0, at), at);
	assert_int_equal(pagemap_known(at + 3 * window + 5 * PAGE, top),
	    at + 3 * window + 5 * PAGE);
	assert_int_equal(pagemap_known(at + 4 * window, top),
	    at + 9 * LEAF_SPAN);
	assert_int_equal(pagemap_known(at + 10 * LEAF_SPAN, top), top);
	/* Newest first. */
	for (unsigned i = 0; i < 2; i++) {
		assert_true(pagemap_leaf(i, &start, &size));
		assert_true(size > PAGEMAP_LEAF_PAGES);
		uintptr_t addr = at + (i == 0 ? 9 * LEAF_SPAN : 0);
		assert_int_equal(pagemap_leaf_biased(addr) + (addr >> LG_PAGE),
		    (uintptr_t)start);
	}
	assert_false(pagemap_leaf(2, &start, &size));
}

TEST(reserve_out_of_range)
{
	const uintptr_t top = (uintptr_t)1 << LG_VADDR;
	setup();
	assert_int_equal(pagemap_reserve(&base, (void *)top, PAGE), ERR_NOMEM);
	assert_int_equal(pagemap_reserve(&base, (void *)(top - PAGE), 2 * PAGE),
	    ERR_NOMEM);
	assert_int_equal(pagemap_reserve(&base,
			     (void *)(UINTPTR_MAX - PAGE + 1), 2 * PAGE),
	    ERR_NOMEM);
	assert_int_equal(pagemap_mapped(), 0);
}

/* Leaves that could be had stay; the rest is made when there is memory. */
TEST(no_memory)
{
	setup();
	void *addr = (void *)(20 * LEAF_SPAN);
	fake.refuse[FAKE_ALLOC] = true;
	assert_int_equal(pagemap_reserve(&base, addr, 3 * LEAF_SPAN),
	    ERR_NOMEM);
	assert_int_equal(pagemap_mapped(), 0);
	assert_null(pagemap_extent(addr));
	fake_hooks_obey(&fake);
	assert_int_equal(pagemap_reserve(&base, addr, PAGE), ERR_NONE);
	fake.refuse[FAKE_ALLOC] = true;
	assert_int_equal(pagemap_reserve(&base, addr, PAGE), ERR_NONE);
	err_t err = ERR_NONE;
	for (uintptr_t n = 1; n < 100 && err == ERR_NONE; n++) {
		err = pagemap_reserve(&base, addr, n * LEAF_SPAN);
	}
	assert_int_equal(err, ERR_NOMEM);
	fake_hooks_obey(&fake);
	assert_int_equal(pagemap_reserve(&base, addr, 5 * LEAF_SPAN), ERR_NONE);
}

/* Against an array, over a few leaves. */
TEST(random_operations)
{
	enum { NPAGES = 3000 };
	static edata_t edatas[16];
	static uint8_t codes[NPAGES];
	static edata_t *owners[NPAGES];
	uint64_t prng = 5;
	char *start = (char *)(5 * LEAF_SPAN - NPAGES / 2 * PAGE);
	setup();
	assert_int_equal(pagemap_reserve(&base, start, NPAGES * PAGE),
	    ERR_NONE);
	for (unsigned step = 0; step < 3000; step++) {
		edata_t *edata = &edatas[step % 16];
		size_t first = prng_below(&prng, NPAGES - 8);
		size_t npages = 1 + prng_below(&prng, 7);
		*edata = extent_at((uintptr_t)start + first * PAGE, npages);
		uint8_t code = (uint8_t)prng_next(&prng);
		pagemap_set_slab(edata, code);
		for (size_t i = first; i < first + npages; i++) {
			codes[i] = code;
			owners[i] = edata;
		}
		for (unsigned i = 0; i < 20; i++) {
			size_t page = prng_below(&prng, NPAGES);
			char *p = start + page * PAGE + prng_below(&prng, PAGE);
			assert_int_equal(pagemap_code(p), codes[page]);
			assert_ptr_equal(pagemap_extent(p), owners[page]);
		}
	}
}

TEST(fork_handlers)
{
	setup();
	pagemap_prefork();
	pagemap_postfork_parent();
	pagemap_prefork();
	pagemap_postfork_child();
	assert_int_equal(pagemap_reserve(&base, (void *)LEAF_SPAN, PAGE),
	    ERR_NONE);
}
