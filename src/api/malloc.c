/*
 * malloc: the entry points of C, POSIX and C++ below the operators.
 *
 * Here the outside contract is kept: errno, zero sizes, which alignments are
 * valid, what realloc(p, 0) does.  The work is done below.
 */
#include <errno.h>
#include <string.h>

#include "api/entry.h"
#include "api/fastpath.h"
#include "api/hooked.h"
#include "ctl/ctl.h"
#include "meta/options.h"
#include "platform/fatal.h"
#include "platform/public_names.h"

/* No memory: errno, or the end. */
static void *
out_of_memory(const char *function)
{
	if (config_xmalloc && opt.xmalloc) {
		fatal("Error in %s(): out of memory", function);
	}
	errno = ENOMEM;
	return NULL;
}

static NOINLINE void *
malloc_slow(size_t size)
{
	void *ptr = alloc_general(size, &ALLOC_PLAIN);
	hooked_alloc(HOOK_MALLOC, ptr, HOOK_ARGS(size));
	return likely(ptr != NULL) ? ptr : out_of_memory("malloc");
}

static NOINLINE void *
malloc_long(size_t size)
{
	void *ptr = alloc_again(size);
	return likely(ptr != NULL) ? ptr : malloc_slow(size);
}

static NOINLINE COLD void *
malloc_past(void *twice, size_t size)
{
	misuse_report(twice);
	return malloc_slow(size);
}

static NOINLINE void *
malloc_middle(size_t size)
{
	if (size > SC_CACHED_MAX) {
		return malloc_long(size);
	}
	void *twice = NULL;
	void *ptr = fastpath_alloc_middle(size, &twice);
	if (likely(ptr != NULL)) {
		return ptr;
	}
	return likely(twice == NULL) ? malloc_slow(size)
				     : malloc_past(twice, size);
}

ENTRY void *
je_malloc(size_t size)
{
	size_t usize;
	if (unlikely(size > SC_LOOKUP_MAX)) {
		return malloc_middle(size);
	}
	void *ptr = fastpath_alloc(size, &usize);
	return likely(ptr != NULL) ? ptr : malloc_slow(size);
}

static NOINLINE void *
calloc_slow(size_t num, size_t size)
{
	size_t bytes;
	void *ptr = NULL;
	if (!__builtin_mul_overflow(num, size, &bytes)) {
		ptr = alloc_general(bytes,
		    &(alloc_spec_t){.alignment = 1, .zero = true});
	}
	hooked_alloc(HOOK_CALLOC, ptr, HOOK_ARGS(num, size));
	return likely(ptr != NULL) ? ptr : out_of_memory("calloc");
}

ENTRY void *
je_calloc(size_t num, size_t size)
{
	size_t bytes, usize;
	if (unlikely(__builtin_mul_overflow(num, size, &bytes))) {
		return out_of_memory("calloc");
	}
	void *ptr = fastpath_alloc(bytes, &usize);
	return likely(ptr != NULL) ? memset(ptr, 0, usize)
				   : calloc_slow(num, size);
}

static NOINLINE void
free_slow(void *ptr)
{
	int saved = errno;
	hooked_free(HOOK_FREE, ptr, HOOK_ARGS((uintptr_t)ptr));
	alloc_free(ptr, false);
	errno = saved;
}

static NOINLINE void
free_long(void *ptr, edata_t *edata)
{
	if (edata->cind != 0 || !alloc_free_again(edata, ptr)) {
		free_slow(ptr);
	}
}

static NOINLINE void
free_middle(void *ptr, uintptr_t leaf)
{
	edata_t *edata = large_find_below(leaf, ptr);
	if (unlikely(edata == NULL)) {
		free_slow(ptr);
	} else if (unlikely(!fastpath_free_large(edata, ptr))) {
		free_long(ptr, edata);
	}
}

ENTRY void
je_free(void *ptr)
{
	uintptr_t leaf;
	if (unlikely(!fastpath_free(ptr, &leaf))) {
		free_middle(ptr, leaf);
	}
}

static NOINLINE void
free_sized_slow(void *ptr, size_t size, size_t alignment)
{
	int saved = errno;
	hooked_free(HOOK_SDALLOCX, ptr, HOOK_ARGS((uintptr_t)ptr, size));
	alloc_free_sized(ptr, alloc_usize_of(size, alignment), false);
	errno = saved;
}

/* False: take the slow path. */
static ALWAYS_INLINE bool
fastpath_free_sized(void *ptr, size_t size)
{
	if (unlikely(size > SC_LOOKUP_MAX)) {
		return false;
	}
	unsigned code = pagemap_code(ptr);
	return likely(code == size_class_code[(size + 7) >> 3]) &&
	    likely(fastpath_free_code(ptr, code));
}

ENTRY void
je_free_sized(void *ptr, size_t size)
{
	if (unlikely(!fastpath_free_sized(ptr, size))) {
		free_sized_slow(ptr, size, 1);
	}
}

ENTRY void
je_free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
	free_sized_slow(ptr, size == 0 ? 1 : size, alignment);
}

static NOINLINE void
cxx_free_slow(void *ptr, size_t size, size_t alignment)
{
	int saved = errno;
	hooked_free(HOOK_SDALLOCX, ptr, HOOK_ARGS((uintptr_t)ptr, size));
	alloc_free_at_least(ptr, alloc_usize_of(size, alignment));
	errno = saved;
}

void
cxx_free_sized(void *ptr, size_t size)
{
	if (unlikely(!fastpath_free_sized(ptr, size))) {
		cxx_free_slow(ptr, size, 1);
	}
}

void
cxx_free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
	cxx_free_slow(ptr, size == 0 ? 1 : size, alignment);
}

/* realloc(ptr, 0), by policy. */
static NOINLINE void *
realloc_to_zero(void *ptr)
{
	atomic_fetch_add_explicit(&zero_reallocs, 1, memory_order_relaxed);
	switch (opt.zero_realloc) {
	case OPT_ZERO_REALLOC_FREE: {
		int saved = errno;
		hooked_free(HOOK_FREE_BY_REALLOC, ptr,
		    HOOK_ARGS((uintptr_t)ptr));
		alloc_free(ptr, false);
		errno = saved;
		return NULL;
	}
	case OPT_ZERO_REALLOC_ALLOC: {
		void *fresh = alloc_resize(ptr, 1,
		    &(alloc_spec_t){.alignment = 1, .uncached = true});
		return fresh != NULL ? fresh : out_of_memory("realloc");
	}
	default:
		fault_text("Called realloc(non-null-ptr, 0) with "
			   "zero_realloc:abort set\n");
		return NULL;
	}
}

/*
 * A small block to another class, both by the cache.  NULL: the long way;
 * nothing changed.
 */
static ALWAYS_INLINE void *
realloc_small(void *ptr, size_t size)
{
	unsigned code = pagemap_code(ptr);
	if (code == 0 ||
	    (size > SC_LOOKUP_MAX && size <= SC_SMALL_MAX &&
		cind_of_small(szind_compute(size)) == code / 2)) {
		/* Large, or of this class. */
		return NULL;
	}
	size_t usize = size;
	void *twice = NULL;
	void *fresh = size <= SC_LOOKUP_MAX
	    ? fastpath_alloc(size, &usize)
	    : fastpath_alloc_middle(size, &twice);
	if (unlikely(twice != NULL)) {
		misuse_report(twice);
	}
	if (unlikely(fresh == NULL)) {
		return NULL;
	}
	size_t old_usize = cind_usize(code / 2);
	memcpy(fresh, ptr, old_usize < usize ? old_usize : usize);
	if (unlikely(!fastpath_free_code(ptr, code))) {
		free_slow(ptr);
	}
	return fresh;
}

/* Everything but realloc(p, 0), told to hooks. */
static NOINLINE void *
realloc_hooked(void *ptr, size_t size)
{
	int saved = errno;
	void *fresh = hooked_resize(ptr, size, &ALLOC_PLAIN, &hooked_realloc,
	    HOOK_ARGS((uintptr_t)ptr, size));
	if (fresh == NULL) {
		return out_of_memory("realloc");
	}
	errno = saved;
	return fresh;
}

static NOINLINE void *
realloc_slow(void *ptr, size_t size)
{
	if (hook_any() && (ptr == NULL || size != 0)) {
		return realloc_hooked(ptr, size);
	}
	if (ptr == NULL) {
		return je_malloc(size);
	}
	if (size == 0) {
		return realloc_to_zero(ptr);
	}
	void *fresh = realloc_small(ptr, size);
	if (likely(fresh != NULL)) {
		return fresh;
	}
	int saved = errno;
	fresh = alloc_resize(ptr, size, &ALLOC_PLAIN);
	if (unlikely(fresh == NULL)) {
		return out_of_memory("realloc");
	}
	errno = saved;
	return fresh;
}

ENTRY void *
je_realloc(void *ptr, size_t size)
{
	if (likely(size - 1 < SC_LOOKUP_MAX)) {
		unsigned code = pagemap_code(ptr);
		tsd_t *tsd = tsd_tls;
		cache_slot_t *slot = tsd_slot(tsd, code);
		uint64_t allocated = tsd->allocated + slot->usize;
		/* Code 0 (a large block, NULL) is no small size's. */
		if (code == size_class_code[(size + 7) >> 3] &&
		    likely(allocated < tsd->event_at)) {
			tsd->allocated = allocated;
			tsd->deallocated += slot->usize;
			return ptr;
		}
	}
	return realloc_slow(ptr, size);
}

/* An aligned block, size 0 being 1; NULL with *error set. */
static void *
alloc_aligned(size_t alignment, size_t size, size_t alignment_min, int *error)
{
	if (alignment < alignment_min || !bits_is_pow2(alignment)) {
		if (config_xmalloc && opt.xmalloc) {
			fatal("Error allocating aligned memory: invalid "
			      "alignment");
		}
		*error = EINVAL;
		return NULL;
	}
	void *ptr = alloc_general(size == 0 ? 1 : size,
	    &(alloc_spec_t){.alignment = alignment});
	if (ptr == NULL) {
		if (config_xmalloc && opt.xmalloc) {
			fatal("Error allocating aligned memory: out of "
			      "memory");
		}
		*error = ENOMEM;
	}
	return ptr;
}

/*
 * Small sizes rounded up to the alignment fall into classes that have it by
 * nature.  NULL: take the slow path.
 */
static ALWAYS_INLINE void *
fastpath_alloc_aligned(size_t alignment, size_t size)
{
	size_t usize;
	/* Far from where rounding up would wrap. */
	if (unlikely(!bits_is_pow2(alignment) || alignment > PAGE ||
		size > SC_LOOKUP_MAX)) {
		return NULL;
	}
	size = align_up(size + (size == 0), alignment);
	return fastpath_alloc(size, &usize);
}

ENTRY int
je_posix_memalign(void **memptr, size_t alignment, size_t size)
{
	if (likely(alignment >= sizeof(void *))) {
		void *hit = fastpath_alloc_aligned(alignment, size);
		if (likely(hit != NULL)) {
			*memptr = hit;
			return 0;
		}
	}
	int saved = errno, error = 0;
	void *ptr = alloc_aligned(alignment, size, sizeof(void *), &error);
	if (ptr != NULL) {
		*memptr = ptr;
	}
	if (hook_any()) {
		hook_run_alloc(HOOK_POSIX_MEMALIGN, ptr, (uintptr_t)error,
		    HOOK_ARGS((uintptr_t)memptr, alignment, size));
	}
	errno = saved;
	return error;
}

/* `bytes` is what is allocated for `size`. */
static NOINLINE void *
aligned_slow(size_t alignment, size_t bytes, hook_alloc_t type, size_t size)
{
	int error;
	void *ptr = alloc_aligned(alignment, bytes, 1, &error);
	bool paged = type == HOOK_VALLOC || type == HOOK_PVALLOC;
	hooked_alloc(type, ptr,
	    paged ? HOOK_ARGS(size) : HOOK_ARGS(alignment, size));
	if (unlikely(ptr == NULL)) {
		errno = error;
	}
	return ptr;
}

static ALWAYS_INLINE void *
aligned(size_t alignment, size_t bytes, hook_alloc_t type, size_t size)
{
	void *hit = fastpath_alloc_aligned(alignment, bytes);
	return likely(hit != NULL) ? hit
				   : aligned_slow(alignment, bytes, type, size);
}

ENTRY void *
je_aligned_alloc(size_t alignment, size_t size)
{
	return aligned(alignment, size, HOOK_ALIGNED_ALLOC, size);
}

ENTRY void *
je_memalign(size_t alignment, size_t size)
{
	return aligned(alignment, size, HOOK_MEMALIGN, size);
}

ENTRY void *
je_valloc(size_t size)
{
	return aligned(PAGE, size, HOOK_VALLOC, size);
}

ENTRY void *
je_pvalloc(size_t size)
{
	size_t bytes = size == 0 ? PAGE : align_up(size, PAGE);
	if (bytes < size) {
		return out_of_memory("pvalloc");
	}
	return aligned(PAGE, bytes, HOOK_PVALLOC, size);
}

ENTRY size_t
je_malloc_usable_size(void *ptr)
{
	return alloc_usable_size(ptr);
}

/* operator new found no memory: the end, if that is wanted (api/new.cc). */
void
cxx_allocation_failed(size_t size)
{
	if (config_cxx && opt.experimental_infallible_new) {
		fault("Allocation of size %zu failed. %s"
		      "opt.experimental_infallible_new is true. Aborting.",
		    size,
		    size >= (size_t)1 << 30
			? "This is likely caused by heap corruption. "
			: "");
	}
}
