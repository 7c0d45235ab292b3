/*
 * alloc: the general paths behind all entry points.
 *
 * The fast paths (api/fastpath.h) serve small requests from the thread's
 * cache; everything else ends here.  These functions choose between cache,
 * arena and large blocks, count, fill, and report misuse.  They neither set
 * nor clear errno: that is the entry points' contract.
 */
#ifndef API_ALLOC_H
#define API_ALLOC_H

#include "thread/tsd.h"

/* What an allocation asks for, beyond its size. */
typedef struct {
	size_t alignment; /* power of two; 1: none */
	bool zero; /* all of the usable size reads zero */
	bool uncached; /* not from (or to) the thread's cache */
	arena_t *arena; /* NULL: the thread's */
	tsd_t *cache; /* thread/tcaches.h; NULL: the thread's */
} alloc_spec_t;

#define ALLOC_PLAIN ((alloc_spec_t){.alignment = 1})

/* NULL: no memory, or the size can not be had. */
void *alloc_general(size_t size, const alloc_spec_t *spec);

/* As above after the checks: the usable size is known.  For api/checked.c. */
void *alloc_of_usize(size_t size, size_t usize, const alloc_spec_t *spec);

/*
 * A block of more than SC_CACHED_MAX as one of that length was freed, and such
 * a block to where it can be had again.  NULL, false: the long way.  errno
 * stays.
 */
void *alloc_again(size_t size);
bool alloc_free_again(edata_t *edata, void *ptr);

static inline size_t
alloc_usize_of(size_t size, size_t alignment)
{
	return alignment <= 1 ? size_class_usize(size)
			      : size_class_aligned_usize(size, alignment);
}

/*
 * Fill freed blocks with `byte` and new ones with its complement from now on;
 * 0: fill none.  Threads notice it with time.
 */
void alloc_perturb(uint8_t byte);

/* A live block's usable size; 0 for NULL; misuse is reported. */
size_t alloc_usable_size(const void *ptr);

/* Free whatever it is. */
void alloc_free(void *ptr, bool uncached);

/* Where freed blocks go if not to a cache, for the two functions below. */
#define ALLOC_NO_CACHE (TSD_NONE)

/* As alloc_free() and alloc_free_sized(), into a cache; NULL: the thread's. */
void alloc_free_into(void *ptr, tsd_t *cache);
void alloc_free_sized_into(void *ptr, size_t usize, tsd_t *cache);

/* Free, having been told a usable size: another class is a fault. */
void alloc_free_sized(void *ptr, size_t usize, bool uncached);

/* As above, but the block may have more than that. */
void alloc_free_at_least(void *ptr, size_t usize);

/*
 * A block with the contents of `ptr`, of which up to the smaller usable size
 * is kept; at the same address if possible.  NULL: no memory, `ptr` is as it
 * was.
 */
void *alloc_resize(void *ptr, size_t size, const alloc_spec_t *spec);

/* In place only: the usable size that results. */
size_t alloc_resize_in_place(void *ptr, size_t size, size_t extra,
    size_t alignment, bool zero);

#endif
