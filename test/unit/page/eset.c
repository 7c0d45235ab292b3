#include "page/eset.h"

#include "support/harness.h"

#include "ds/prng.h"

#define NEXTENTS 200
#define ANY_LENGTH 64

static eset_t eset;
static eset_classes_t classes;
static edata_t extents[NEXTENTS];
static bool in_set[NEXTENTS];
static uint64_t prng = 11;

static void
set_extent(unsigned i, uintptr_t addr, size_t size, uint64_t serial)
{
	extents[i].addr = (void *)addr;
	extents[i].size = size;
	extents[i].serial = serial;
}

static void
insert(unsigned i)
{
	eset_insert(&eset, &extents[i]);
	in_set[i] = true;
}

static void
take_out(unsigned i)
{
	eset_remove(&eset, &extents[i]);
	in_set[i] = false;
}

/* Sizes from a page up to some MiB, any number of pages. */
static size_t
random_size(void)
{
	size_t npages = (size_t)1 << prng_below(&prng, 11);
	return (npages + prng_below(&prng, npages)) * PAGE;
}

static bool
fits(const edata_t *edata, size_t size, size_t alignment)
{
	uintptr_t start = align_up(edata_base(edata), alignment);
	return start + size <= edata_end(edata);
}

static bool
is_older(const edata_t *a, const edata_t *b)
{
	return a->serial != b->serial ? a->serial < b->serial
				      : a->addr < b->addr;
}

/* The specification, by looking at everything. */
static edata_t *
fit_by_search(size_t size, size_t alignment, unsigned lg_max_fit)
{
	edata_t *best = NULL;
	unsigned best_class = SC_NPSIZES;
	for (unsigned i = 0; i < NEXTENTS; i++) {
		edata_t *edata = &extents[i];
		unsigned pszind = pszind_floor(edata->size);
		if (!in_set[i] || !fits(edata, size, alignment) ||
		    edata->size >> lg_max_fit / 2 >> (lg_max_fit + 1) / 2 >
			size) {
			continue;
		}
		if (pszind < best_class ||
		    (pszind == best_class && is_older(edata, best))) {
			best = edata;
			best_class = pszind;
		}
	}
	return best;
}

TEST(empty)
{
	eset_init(&eset, &classes);
	assert_null(eset_fit(&eset, PAGE, PAGE, ANY_LENGTH));
	assert_null(eset_oldest(&eset));
	assert_int_equal(eset_npages(&eset), 0);
}

/* Sums per class and in all are those of what is inside. */
TEST(counts)
{
	eset_init(&eset, &classes);
	size_t npages = 0;
	for (unsigned i = 0; i < NEXTENTS; i++) {
		set_extent(i, (i + 1) << 24, random_size(), i);
		insert(i);
		npages += extents[i].size / PAGE;
		assert_int_equal(eset_npages(&eset), npages);
	}
	size_t nextents = 0;
	size_t nbytes = 0;
	for (unsigned pszind = 0; pszind < SC_NPSIZES; pszind++) {
		nextents += eset.classes[pszind].nextents;
		nbytes += eset.classes[pszind].nbytes;
		assert_true(eset.classes[pszind].nbytes >=
		    eset.classes[pszind].nextents * pszind_size(pszind));
	}
	assert_int_equal(nextents, NEXTENTS);
	assert_int_equal(nbytes, npages * PAGE);
	for (unsigned i = 0; i < NEXTENTS; i++) {
		take_out(i * 37 % NEXTENTS);
	}
	assert_int_equal(eset_npages(&eset), 0);
	for (unsigned pszind = 0; pszind < SC_NPSIZES; pszind++) {
		assert_int_equal(eset.classes[pszind].nextents, 0);
		assert_int_equal(eset.classes[pszind].nbytes, 0);
	}
	assert_null(eset_fit(&eset, PAGE, PAGE, ANY_LENGTH));
}

/* First in, first out, whatever is taken out in between. */
TEST(oldest)
{
	eset_init(&eset, &classes);
	for (unsigned i = 0; i < NEXTENTS; i++) {
		set_extent(i, (i + 1) << 24, random_size(), NEXTENTS - i);
		insert(i);
	}
	for (unsigned i = 0; i < NEXTENTS; i += 3) {
		take_out(i);
	}
	for (unsigned i = 0; i < NEXTENTS; i++) {
		if (i % 3 != 0) {
			assert_ptr_equal(eset_oldest(&eset), &extents[i]);
			take_out(i);
		}
	}
	assert_null(eset_oldest(&eset));
}

/* The smallest class that has one, then the oldest, then the lowest. */
TEST(fit_by_size_age_address)
{
	eset_init(&eset, &classes);
	set_extent(0, 0x10000000, 16 * PAGE, 1);
	set_extent(1, 0x20000000, 8 * PAGE, 5);
	set_extent(2, 0x40000000, 8 * PAGE, 4);
	set_extent(3, 0x30000000, 8 * PAGE, 4);
	for (unsigned i = 0; i < 4; i++) {
		insert(i);
	}
	static const unsigned order[] = {3, 2, 1, 0};
	for (unsigned i = 0; i < 4; i++) {
		edata_t *edata = eset_fit(&eset, 8 * PAGE, PAGE, ANY_LENGTH);
		assert_ptr_equal(edata, &extents[order[i]]);
		take_out(order[i]);
	}
	assert_null(eset_fit(&eset, 8 * PAGE, PAGE, ANY_LENGTH));
}

/* A size between two classes may be served by the class below. */
TEST(fit_between_classes)
{
	eset_init(&eset, &classes);
	/* 9 pages are filed under 8, 11 under 10. */
	set_extent(0, 0x10000000, 8 * PAGE, 1);
	set_extent(1, 0x20000000, 9 * PAGE, 2);
	set_extent(2, 0x30000000, 11 * PAGE, 3);
	for (unsigned i = 0; i < 3; i++) {
		insert(i);
	}
	assert_ptr_equal(eset_fit(&eset, 9 * PAGE, PAGE, ANY_LENGTH),
	    &extents[1]);
	assert_ptr_equal(eset_fit(&eset, 10 * PAGE, PAGE, ANY_LENGTH),
	    &extents[2]);
	assert_ptr_equal(eset_fit(&eset, 11 * PAGE, PAGE, ANY_LENGTH),
	    &extents[2]);
	assert_null(eset_fit(&eset, 12 * PAGE, PAGE, ANY_LENGTH));
}

TEST(alignment)
{
	eset_init(&eset, &classes);
	set_extent(0, 0x10001000, 16 * PAGE, 1);
	set_extent(1, 0x20000000, 20 * PAGE, 2);
	insert(0);
	assert_null(eset_fit(&eset, 16 * PAGE, 16 * PAGE, ANY_LENGTH));
	assert_ptr_equal(eset_fit(&eset, PAGE, 16 * PAGE, ANY_LENGTH),
	    &extents[0]);
	assert_null(eset_fit(&eset, 2 * PAGE, 16 * PAGE, ANY_LENGTH));
	insert(1);
	assert_ptr_equal(eset_fit(&eset, 16 * PAGE, 16 * PAGE, ANY_LENGTH),
	    &extents[1]);
	assert_null(eset_fit(&eset, PAGE, (size_t)1 << 63, ANY_LENGTH));
	assert_null(eset_fit(&eset, SC_LARGE_MAX, HUGEPAGE, ANY_LENGTH));
}

/* Long extents are not broken up for short requests. */
TEST(longest_fit)
{
	eset_init(&eset, &classes);
	set_extent(0, 0x10000000, 64 * PAGE, 1);
	insert(0);
	assert_null(eset_fit(&eset, 7 * PAGE, PAGE, 3));
	assert_ptr_equal(eset_fit(&eset, 8 * PAGE, PAGE, 3), &extents[0]);
	assert_ptr_equal(eset_fit(&eset, PAGE, PAGE, 6), &extents[0]);
	assert_null(eset_fit(&eset, PAGE, PAGE, 5));
	assert_ptr_equal(eset_fit(&eset, PAGE, PAGE, 63), &extents[0]);
}

/* What loses its beginning stays where it belongs, and is the newest. */
TEST(cut_front)
{
	eset_init(&eset, &classes);
	for (unsigned i = 0; i < 3; i++) {
		set_extent(i, (uintptr_t)(i + 1) << 24, 100 * PAGE, 1);
		insert(i);
	}
	/* 96 to 111 pages are a class, 80 to 95 the one below. */
	eset_cut_front(&eset, &extents[0], 2 * PAGE);
	assert_ptr_equal(extents[0].addr, (1 << 24) + 2 * PAGE);
	assert_int_equal(extents[0].size, 98 * PAGE);
	assert_int_equal(eset_npages(&eset), 298);
	unsigned pszind = pszind_floor(96 * PAGE);
	assert_int_equal(eset.classes[pszind].nextents, 3);
	assert_int_equal(eset.classes[pszind].nbytes, 298 * PAGE);
	assert_ptr_equal(eset_oldest(&eset), &extents[1]);
	assert_ptr_equal(eset_fit(&eset, 96 * PAGE, PAGE, ANY_LENGTH),
	    &extents[0]);
	eset_cut_front(&eset, &extents[0], 10 * PAGE);
	assert_int_equal(extents[0].size, 88 * PAGE);
	assert_int_equal(eset_npages(&eset), 288);
	assert_int_equal(eset.classes[pszind].nextents, 2);
	assert_int_equal(eset.classes[pszind - 1].nbytes, 88 * PAGE);
	assert_ptr_equal(eset_fit(&eset, 96 * PAGE, PAGE, ANY_LENGTH),
	    &extents[1]);
	assert_ptr_equal(eset_fit(&eset, 80 * PAGE, PAGE, ANY_LENGTH),
	    &extents[0]);
}

/*
 * Against the specification.  Few enough extents share a class that the
 * search among those that may be too short is exhaustive.
 */
TEST(random_operations)
{
	eset_init(&eset, &classes);
	unsigned per_class[SC_NPSIZES] = {0};
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)prng_below(&prng, NEXTENTS);
		if (in_set[i]) {
			per_class[pszind_floor(extents[i].size)]--;
			take_out(i);
		} else {
			set_extent(i, prng_below(&prng, 1 << 20) * PAGE,
			    random_size(), prng_below(&prng, 5));
			unsigned pszind = pszind_floor(extents[i].size);
			if (per_class[pszind] < 12) {
				per_class[pszind]++;
				insert(i);
			}
		}
		size_t size = random_size();
		size_t alignment = prng_below(&prng, 2) != 0
		    ? PAGE
		    : PAGE << prng_below(&prng, 6);
		unsigned lg_max_fit = prng_below(&prng, 2) != 0 ? 6 : 40;
		assert_ptr_equal(eset_fit(&eset, size, alignment, lg_max_fit),
		    fit_by_search(size, alignment, lg_max_fit));
	}
}
