/*
 * size_class: requested size -> size class -> usable size.
 *
 * Sizes follow one geometric series with four classes per doubling, after a
 * few quantum-spaced ones: 8, 16, 32, 48, 64, 80, 96, 112, 128, 160 ... 7<<60.
 * Three indices are in use, and never mixed:
 *
 *   szind   position in the series, 0 .. SC_NSIZES - 1;
 *   pszind  position among the classes that are a multiple of PAGE;
 *   cind    "cache index", the number of a thread-cache bin: 0 is no bin,
 *           1 .. SC_NBINS are the slab classes (szind + 1), and above them
 *           one bin for every exact page count up to SC_CACHED_PAGES_MAX.
 *
 * Slab classes are those up to SC_SMALL_MAX.  Larger usable sizes are page
 * multiples (or members of the series, see disable_large_size_classes).
 *
 * Everything here is arithmetic on constants: no locks, no state but the
 * look-up tables, which are filled once by size_class_boot().
 */
#ifndef META_SIZE_CLASS_H
#define META_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "ds/bits.h"
#include "meta/options.h"
#include "platform/build.h"
#include "platform/compiler.h"

#define QUANTUM ((size_t)1 << LG_QUANTUM)
#define SC_NTINY (LG_QUANTUM - 3)
#define SC_SMALL_MAX ((size_t)7 << (LG_PAGE - 1))
#define SC_LARGE_MIN ((size_t)4 << LG_PAGE)
#define SC_LARGE_MAX ((size_t)7 << (8 * sizeof(size_t) - 4))
#define SC_NBINS (SC_NTINY + 4 * (LG_PAGE - LG_QUANTUM) + 3)
#define SC_NSIZES (SC_NTINY + 4 * (8 * sizeof(size_t) - 3 - LG_QUANTUM) + 3)
#define SC_NPSIZES (SC_NSIZES - (SC_NBINS - 3))
#define SC_LOOKUP_MAX ((size_t)4096)

/* Blocks up to this many pages have a thread-cache bin of their own. */
#define SC_CACHED_PAGES_MAX ((size_t)1 << (18 - LG_PAGE < 3 ? 3 : 18 - LG_PAGE))
#define SC_CACHED_MAX (SC_CACHED_PAGES_MAX << LG_PAGE)
#define SC_NCIND (SC_NBINS + SC_CACHED_PAGES_MAX - 3 + 1)

/* Hot tables hold twice the cache index: see thread/cache_bin.h. */
#define SC_CODE(cind) ((uint8_t)((cind)*2))

_Static_assert(SC_NCIND * 2 <= 256, "a class code must fit a byte");

extern uint8_t size_class_code[(SC_LOOKUP_MAX >> 3) + 1];

/* The slab classes above that are multiples of SC_MIDDLE_STEP. */
#define SC_MIDDLE_STEP (SC_LOOKUP_MAX / 4)
extern uint8_t size_class_middle[SC_SMALL_MAX / SC_MIDDLE_STEP + 1];

void size_class_boot(void);

/* Position in the series of the smallest class >= size.  size <= SC_LARGE_MAX. */
static inline unsigned
szind_compute(size_t size)
{
	if (size <= ((size_t)1 << LG_QUANTUM)) {
		unsigned lg = size <= 8 ? 3 : bits_lg_ceil(size);
		return lg - 3;
	}
	unsigned x = bits_lg_floor(2 * size - 1);
	unsigned lg_delta = x < LG_QUANTUM + 3 ? LG_QUANTUM : x - 3;
	unsigned group = x < LG_QUANTUM + 2 ? 0 : x - (LG_QUANTUM + 2);
	return SC_NTINY + group * 4 + (((size - 1) >> lg_delta) & 3);
}

/* Cache index of a slab class.  SC_LOOKUP_MAX < size <= SC_SMALL_MAX. */
static inline unsigned
cind_of_middle(size_t size)
{
	return size_class_middle[(size + SC_MIDDLE_STEP - 1) / SC_MIDDLE_STEP];
}

static inline unsigned
szind_of(size_t size)
{
	if (likely(size <= SC_LOOKUP_MAX)) {
		return size_class_code[(size + 7) >> 3] / 2 - 1;
	}
	return szind_compute(size);
}

/* Size of a class.  szind < SC_NSIZES. */
static inline size_t
szind_size(unsigned szind)
{
	if (szind < SC_NTINY) {
		return (size_t)8 << szind;
	}
	unsigned i = szind - SC_NTINY;
	unsigned group = i / 4, mod = i % 4;
	if (group == 0) {
		return (size_t)(mod + 1) << LG_QUANTUM;
	}
	return ((size_t)(4 + mod + 1) << (LG_QUANTUM + group - 1));
}

/* Usable size of a large request (above SC_SMALL_MAX), 0 when too large. */
static inline size_t
size_class_large_usize(size_t size)
{
	if (unlikely(size > SC_LARGE_MAX)) {
		return 0;
	}
	if (likely(opt.disable_large_size_classes)) {
		return align_up(size, PAGE);
	}
	return szind_size(szind_compute(size));
}

/* Usable size of a request without alignment, 0 when it is too large. */
static inline size_t
size_class_usize(size_t size)
{
	if (likely(size <= SC_SMALL_MAX)) {
		return szind_size(szind_of(size));
	}
	return size_class_large_usize(size);
}

/*
 * Usable size of a request with an alignment (a power of two; 1 and less than
 * the quantum included), 0 when it cannot be represented.
 */
size_t size_class_aligned_usize(size_t size, size_t alignment);

static inline unsigned
cind_of_small(unsigned szind)
{
	return szind + 1;
}

/* Cache index of a large usable size; only when usize <= SC_CACHED_MAX. */
static inline unsigned
cind_of_large(size_t usize)
{
	return (unsigned)(SC_NBINS + (usize >> LG_PAGE) - 3);
}

/* Cache index of a usable size, 0 when blocks of that size are not cached. */
static inline unsigned
cind_of_usize(size_t usize)
{
	if (usize <= SC_SMALL_MAX) {
		return cind_of_small(szind_of(usize));
	}
	return usize <= SC_CACHED_MAX ? cind_of_large(usize) : 0;
}

static inline size_t
cind_usize(unsigned cind)
{
	if (cind <= SC_NBINS) {
		return szind_size(cind - 1);
	}
	return (size_t)(cind - SC_NBINS + 3) << LG_PAGE;
}

static inline bool
cind_is_small(unsigned cind)
{
	return cind <= SC_NBINS;
}

/* Smallest page class >= size (a page multiple, <= SC_LARGE_MAX). */
static inline unsigned
pszind_ceil(size_t size)
{
	size_t npages = size >> LG_PAGE;
	if (npages <= 4) {
		return (unsigned)npages - 1;
	}
	return szind_compute(size) - (unsigned)(SC_NBINS - 3);
}

static inline size_t
pszind_size(unsigned pszind)
{
	if (pszind < 4) {
		return ((size_t)pszind + 1) << LG_PAGE;
	}
	return szind_size(pszind + (unsigned)(SC_NBINS - 3));
}

/* Largest page class <= size (a page multiple >= PAGE). */
static inline unsigned
pszind_floor(size_t size)
{
	if (size >= SC_LARGE_MAX) {
		return SC_NPSIZES - 1;
	}
	unsigned pszind = pszind_ceil(size);
	return pszind_size(pszind) == size ? pszind : pszind - 1;
}

#endif
