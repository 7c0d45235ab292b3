#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "api/entry.h"
#include "ctl/ctl.h"
#include "meta/options.h"

#define MIB ((size_t)1 << 20)
#define ERRNO_BEFORE 4711

/* Sizes that no one can have; rounding them up wraps around. */
static const size_t impossible[] = {SC_LARGE_MAX + 1, SIZE_MAX / 2,
    SIZE_MAX / 2 + 1, SIZE_MAX - 3 * PAGE, SIZE_MAX - PAGE + 1, SIZE_MAX - 100,
    SIZE_MAX - 5, SIZE_MAX};
#define NIMPOSSIBLE (sizeof(impossible) / sizeof(impossible[0]))

static bool
is_zero(const unsigned char *p, size_t size)
{
	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

TEST(malloc_sizes)
{
	for (size_t size = 0; size < 8 * MIB; size += size / 9 + 1) {
		errno = ERRNO_BEFORE;
		unsigned char *p = je_malloc(size);
		assert_non_null(p);
		assert_int_equal(errno, ERRNO_BEFORE);
		size_t usize = je_malloc_usable_size(p);
		assert_int_equal(usize, size_class_usize(size));
		assert_int_equal((uintptr_t)p % (size > 8 ? 16 : 8), 0);
		memset(p, 1, usize);
		je_free(p);
		assert_int_equal(errno, ERRNO_BEFORE);
	}
}

TEST(malloc_of_nothing)
{
	void *a = je_malloc(0);
	void *b = je_malloc(0);
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_int_equal(je_malloc_usable_size(a), 8);
	je_free(a);
	je_free(b);
	je_free(NULL);
	assert_int_equal(je_malloc_usable_size(NULL), 0);
}

TEST(impossible_sizes)
{
	for (size_t i = 0; i < NIMPOSSIBLE; i++) {
		size_t size = impossible[i];
		void *const untouched = &size;
		void *p = untouched;
		errno = 0;
		assert_null(je_malloc(size));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(je_calloc(1, size));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(je_realloc(NULL, size));
		assert_int_equal(errno, ENOMEM);
		for (size_t a = 8; a <= 4 * MIB; a *= 2) {
			errno = 0;
			assert_null(je_aligned_alloc(a, size));
			assert_int_equal(errno, ENOMEM);
			assert_null(je_memalign(a, size));
			errno = ERRNO_BEFORE;
			assert_int_equal(je_posix_memalign(&p, a, size),
			    ENOMEM);
			assert_int_equal(errno, ERRNO_BEFORE);
			assert_ptr_equal(p, untouched);
		}
		assert_null(je_valloc(size));
		assert_null(je_pvalloc(size));
	}
}

TEST(calloc_zeroes)
{
	for (size_t size = 1; size < 3 * MIB; size += size / 3 + 1) {
		unsigned char *p = je_calloc(3, size);
		size_t usize = je_malloc_usable_size(p);
		assert_true(is_zero(p, usize));
		memset(p, 0xff, usize);
		je_free(p);
	}
	unsigned char *p = je_calloc(0, 100);
	assert_true(is_zero(p, 8));
	p = je_calloc(100, 0);
	assert_true(is_zero(p, 8));
	static const size_t products[][2] = {{SIZE_MAX, 2}, {2, SIZE_MAX},
	    {(size_t)1 << 32, (size_t)1 << 32},
	    {((size_t)1 << 32) + 1, ((size_t)1 << 32) - 1 + 2},
	    {SIZE_MAX / 16 + 1, 16}};
	for (size_t i = 0; i < 5; i++) {
		errno = 0;
		assert_null(je_calloc(products[i][0], products[i][1]));
		assert_int_equal(errno, ENOMEM);
	}
}

/* Contents survive every way of growing and shrinking. */
TEST(realloc_contents)
{
	unsigned char *p = NULL;
	size_t sizes[] = {1, 8, 9, 100, 100, 5000, 20000, 19000, 200000,
	    1200000, 3000000, 6000000, 700000, 30000, 4000, 10, 1};
	size_t old = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = ERRNO_BEFORE;
		p = je_realloc(p, sizes[i]);
		assert_non_null(p);
		assert_int_equal(errno, ERRNO_BEFORE);
		size_t kept = old < sizes[i] ? old : sizes[i];
		for (size_t j = 0; j < kept; j++) {
			assert_int_equal(p[j], (unsigned char)(j * 7 ^ j >> 8));
		}
		for (size_t j = 0; j < sizes[i]; j++) {
			p[j] = (unsigned char)(j * 7 ^ j >> 8);
		}
		old = sizes[i];
	}
	je_free(p);
}

/* A failure leaves the block alone. */
TEST(realloc_fails)
{
	static const size_t sizes[] = {20, 3000, 60000, 3 * MIB};
	for (size_t i = 0; i < 4; i++) {
		unsigned char *p = je_malloc(sizes[i]);
		memset(p, 0x3c, sizes[i]);
		for (size_t j = 0; j < NIMPOSSIBLE; j++) {
			errno = 0;
			assert_null(je_realloc(p, impossible[j]));
			assert_int_equal(errno, ENOMEM);
		}
		assert_null(je_realloc(p, (size_t)1 << 55));
		assert_int_equal(p[0], 0x3c);
		assert_int_equal(p[sizes[i] - 1], 0x3c);
		je_free(p);
	}
}

TEST_CONF(realloc_to_zero_frees, "zero_realloc:free")
{
	size_t before = atomic_load(&zero_reallocs);
	void *p = je_malloc(100);
	errno = ERRNO_BEFORE;
	assert_null(je_realloc(p, 0));
	assert_int_equal(errno, ERRNO_BEFORE);
	assert_int_equal(atomic_load(&zero_reallocs), before + 1);
	p = je_realloc(NULL, 0);
	assert_int_equal(je_malloc_usable_size(p), 8);
	assert_int_equal(atomic_load(&zero_reallocs), before + 1);
}

TEST_CONF(realloc_to_zero_allocates, "zero_realloc:alloc")
{
	size_t before = atomic_load(&zero_reallocs);
	void *p = je_realloc(je_malloc(100), 0);
	assert_non_null(p);
	assert_int_equal(je_malloc_usable_size(p), 8);
	p = je_realloc(je_malloc(100000), 0);
	assert_int_equal(je_malloc_usable_size(p), 8);
	assert_int_equal(atomic_load(&zero_reallocs), before + 2);
}

static void
realloc_to_zero(void *p)
{
	(void)je_realloc(p, 0);
}

TEST_CONF(realloc_to_zero_aborts, "zero_realloc:abort")
{
	assert_dies(realloc_to_zero, je_malloc(100),
	    "Called realloc(non-null-ptr, 0) with zero_realloc:abort set");
}

TEST(alignments)
{
	for (size_t a = 1; a <= 8 * MIB; a *= 2) {
		static const size_t sizes[] = {0, 1, 100, 4096, 5000, 14336,
		    14337, 100000};
		for (size_t i = 0; i < 8; i++) {
			unsigned char *p = je_aligned_alloc(a, sizes[i]);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % a, 0);
			assert_int_equal(je_malloc_usable_size(p),
			    size_class_aligned_usize(sizes[i] == 0 ? 1
								   : sizes[i],
				a));
			memset(p, 1, je_malloc_usable_size(p));
			je_free(p);
			if (a >= sizeof(void *)) {
				void *q = NULL;
				assert_int_equal(je_posix_memalign(&q, a,
						     sizes[i]),
				    0);
				assert_int_equal((uintptr_t)q % a, 0);
				je_free(q);
			}
			p = je_memalign(a, sizes[i]);
			assert_int_equal((uintptr_t)p % a, 0);
			je_free_aligned_sized(p, a, sizes[i]);
		}
	}
}

TEST(invalid_alignments)
{
	static const size_t alignments[] = {0, 3, 24, 100, SIZE_MAX,
	    ((size_t)1 << 63) + 1};
	void *p = &p;
	for (size_t i = 0; i < 6; i++) {
		errno = 0;
		assert_null(je_aligned_alloc(alignments[i], 8));
		assert_int_equal(errno, EINVAL);
		assert_null(je_memalign(alignments[i], 8));
		errno = ERRNO_BEFORE;
		assert_int_equal(je_posix_memalign(&p, alignments[i], 8),
		    EINVAL);
		assert_int_equal(errno, ERRNO_BEFORE);
		assert_ptr_equal(p, &p);
	}
	/* Fine elsewhere, too small there. */
	assert_int_equal(je_posix_memalign(&p, 4, 8), EINVAL);
	assert_int_equal(je_posix_memalign(&p, 1, 8), EINVAL);
	errno = 0;
	assert_null(je_aligned_alloc((size_t)1 << 63, 8));
	assert_int_equal(errno, ENOMEM);
}

TEST(valloc_and_pvalloc)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
	for (size_t i = 0; i < 6; i++) {
		void *p = je_valloc(sizes[i]);
		assert_int_equal((uintptr_t)p % PAGE, 0);
		assert_true(je_malloc_usable_size(p) >= sizes[i]);
		je_free(p);
		p = je_pvalloc(sizes[i]);
		assert_int_equal((uintptr_t)p % PAGE, 0);
		assert_true(je_malloc_usable_size(p) >=
		    align_up(sizes[i] == 0 ? 1 : sizes[i], PAGE));
		je_free(p);
	}
}

/* Frees that name the size. */
TEST(sized_frees)
{
	for (size_t size = 0; size < 4 * MIB; size += size / 5 + 1) {
		je_free_sized(je_malloc(size), size);
		je_free_aligned_sized(je_aligned_alloc(64, size), 64, size);
		je_free_aligned_sized(je_aligned_alloc(8192, size), 8192, size);
	}
	je_free_sized(NULL, 100);
	je_free_aligned_sized(NULL, 64, 100);
}

static void
free_with_wrong_size(void *p)
{
	je_free_sized(p, 5000);
}

static void
delete_as_part(void *p)
{
	cxx_free_sized(p, 50);
}

TEST(wrong_sizes)
{
	assert_dies(free_with_wrong_size, je_malloc(100), "size mismatch");
	assert_dies(free_with_wrong_size, je_malloc(100000), "size mismatch");
	/* Builds for debugging check these, too. */
	assert_dies(delete_as_part, je_malloc(100), "size mismatch");
	assert_dies(delete_as_part, je_malloc(100000), "size mismatch");
}

/* The thread's counters are exact. */
static void
check_counters(void)
{
	tsd_t *tsd = tsd_get();
	uint64_t allocated = tsd->allocated;
	uint64_t deallocated = tsd->deallocated;
	for (size_t size = 0; size < 2 * MIB; size += size / 7 + 1) {
		size_t usize = size_class_usize(size);
		void *p = je_malloc(size);
		allocated += usize;
		assert_int_equal(tsd->allocated, allocated);
		p = je_realloc(p, 2 * size + 1);
		size_t grown = je_malloc_usable_size(p);
		allocated += grown;
		deallocated += usize;
		assert_int_equal(tsd->allocated, allocated);
		assert_int_equal(tsd->deallocated, deallocated);
		je_free(p);
		deallocated += grown;
		assert_int_equal(tsd->deallocated, deallocated);
	}
}

TEST_CONF(counters, "junk:false,debug_double_free_max_scan:0")
{
	check_counters();
}

TEST_CONF(counters_without_cache,
    "junk:false,debug_double_free_max_scan:0,tcache:false")
{
	check_counters();
}

TEST_CONF(counters_when_filling, "junk:true")
{
	check_counters();
}

/* Filling */

static bool
is_filled(const unsigned char *p, size_t from, size_t to, unsigned char byte)
{
	for (size_t i = from; i < to; i++) {
		if (p[i] != byte) {
			return false;
		}
	}
	return true;
}

TEST_CONF(junk, "junk:alloc")
{
	for (size_t size = 1; size < 3 * MIB; size += size / 3 + 1) {
		unsigned char *p = je_malloc(size);
		size_t usize = je_malloc_usable_size(p);
		assert_true(is_filled(p, 0, usize, 0xa5));
		memset(p, 1, usize);
		p = je_realloc(p, 2 * size);
		assert_true(is_filled(p, 0, usize, 1));
		assert_true(
		    is_filled(p, usize, je_malloc_usable_size(p), 0xa5));
		je_free(p);
		p = je_calloc(1, size);
		assert_true(is_zero(p, usize));
		je_free(p);
	}
}

TEST_CONF(zero, "zero:true,junk:false,debug_double_free_max_scan:0")
{
	for (unsigned round = 0; round < 2; round++) {
		for (size_t size = 1; size < 3 * MIB; size += size / 3 + 1) {
			unsigned char *p = je_malloc(size);
			size_t usize = je_malloc_usable_size(p);
			assert_true(is_filled(p, 0, usize, 0));
			memset(p, 1, usize);
			p = je_realloc(p, 2 * size);
			assert_true(is_filled(p, 0, usize, 1));
			assert_true(
			    is_filled(p, usize, je_malloc_usable_size(p), 0));
			memset(p, 1, je_malloc_usable_size(p));
			je_free(p);
		}
	}
}

static void
too_much(void *arg)
{
	(void)arg;
	(void)je_malloc(SIZE_MAX);
}

TEST_CONF(xmalloc, "abort_conf:false,xmalloc:true")
{
	if (!config_xmalloc) {
		skip();
	}
	assert_dies(too_much, NULL, "out of memory");
}
