/*
 * mallocx: the *allocx family.
 *
 * Flag word: bits 0-5 lg of the alignment, bit 6 zero, bits 8-19 the cache
 * (0 automatic, 1 none, else id + 2), bits 20-31 the arena (0 automatic, else
 * index + 1).  Failure is the return value alone; errno is as it was.
 */
#include <errno.h>

#include "api/entry.h"
#include "api/fastpath.h"
#include "api/hooked.h"
#include "api/init.h"
#include "platform/fatal.h"
#include "thread/tcaches.h"

#define FLAG_ZERO 0x40
#define FLAG_TCACHE_SHIFT 8
#define FLAG_TCACHE_MASK 0xfff
#define TCACHE_AUTOMATIC 0
#define TCACHE_NONE 1
#define TCACHE_FIRST_ID 2
#define FLAG_ARENA_SHIFT 20

static size_t
flags_alignment(int flags)
{
	return (size_t)1 << (flags & 0x3f);
}

/* The cache that the flags name; NULL: the thread's. */
static tsd_t *
flags_cache(int flags)
{
	unsigned tcache = (unsigned)flags >> FLAG_TCACHE_SHIFT &
	    FLAG_TCACHE_MASK;
	if (likely(tcache == TCACHE_AUTOMATIC)) {
		return NULL;
	}
	if (tcache == TCACHE_NONE) {
		return ALLOC_NO_CACHE;
	}
	tsd_t *cache = tcaches_get(tcache - TCACHE_FIRST_ID);
	if (unlikely(cache == NULL)) {
		fault("invalid tcache id (%u).", tcache - TCACHE_FIRST_ID);
		return ALLOC_NO_CACHE;
	}
	return cache;
}

/* False: the flags name an arena that does not exist. */
static bool
spec_from_flags(int flags, alloc_spec_t *spec)
{
	tsd_t *cache = flags_cache(flags);
	*spec = (alloc_spec_t){
	    .alignment = flags_alignment(flags),
	    .zero = (flags & FLAG_ZERO) != 0,
	    .uncached = cache == ALLOC_NO_CACHE,
	    .cache = cache,
	};
	unsigned arena = (unsigned)flags >> FLAG_ARENA_SHIFT;
	if (unlikely(arena != 0)) {
		if (!init_done()) {
			return false;
		}
		spec->arena = arenas_get_auto(arena - 1);
		return spec->arena != NULL;
	}
	return true;
}

static void
xmalloc_check(const void *ptr, const char *function)
{
	if (config_xmalloc && ptr == NULL && opt.xmalloc) {
		fatal("Error in %s(): out of memory", function);
	}
}

static NOINLINE void *
mallocx_slow(size_t size, int flags)
{
	int saved = errno;
	alloc_spec_t spec;
	void *ptr = spec_from_flags(flags, &spec) ? alloc_general(size, &spec)
						  : NULL;
	hooked_alloc(HOOK_MALLOCX, ptr, HOOK_ARGS(size, (uintptr_t)flags));
	xmalloc_check(ptr, "mallocx");
	errno = saved;
	return ptr;
}

ENTRY void *
je_mallocx(size_t size, int flags)
{
	if (likely(flags == 0)) {
		size_t usize;
		void *ptr = fastpath_alloc(size, &usize);
		if (likely(ptr != NULL)) {
			return ptr;
		}
	}
	return mallocx_slow(size, flags);
}

#if CONFIG_EXPERIMENTAL_SMALLOCX
/*
 * For measurements: mallocx() that also tells the usable size.  Its name has
 * the commit in it and no header declares it: it promises nothing to the next
 * version.
 */
typedef struct {
	void *ptr; /* NULL: no memory */
	size_t size;
} smallocx_return_t;

smallocx_return_t je_smallocx(size_t size, int flags);

EXPORT smallocx_return_t
je_smallocx(size_t size, int flags)
{
	void *ptr = je_mallocx(size, flags);
	return (smallocx_return_t){ptr, alloc_usable_size(ptr)};
}
#endif

ENTRY void *
je_rallocx(void *ptr, size_t size, int flags)
{
	int saved = errno;
	alloc_spec_t spec;
	void *fresh = !spec_from_flags(flags, &spec) ? NULL
	    : hook_any()
	    ? hooked_resize(ptr, size, &spec, &hooked_rallocx,
		  HOOK_ARGS((uintptr_t)ptr, size, (uintptr_t)flags))
	    : alloc_resize(ptr, size, &spec);
	xmalloc_check(fresh, "rallocx");
	errno = saved;
	return fresh;
}

ENTRY size_t
je_xallocx(void *ptr, size_t size, size_t extra, int flags)
{
	int saved = errno;
	size_t old_usize = hook_any() ? alloc_usable_size(ptr) : 0;
	size_t usize = alloc_resize_in_place(ptr, size, extra,
	    flags_alignment(flags), (flags & FLAG_ZERO) != 0);
	if (hook_any()) {
		hook_run_expand(HOOK_EXPAND_BY_XALLOCX, ptr, old_usize, usize,
		    usize,
		    HOOK_ARGS((uintptr_t)ptr, size, extra, (uintptr_t)flags));
	}
	errno = saved;
	return usize;
}

ENTRY size_t
je_sallocx(const void *ptr, int flags)
{
	(void)flags;
	return alloc_usable_size(ptr);
}

ENTRY void
je_dallocx(void *ptr, int flags)
{
	uintptr_t leaf;
	if (likely(flags == 0) && likely(fastpath_free(ptr, &leaf))) {
		return;
	}
	int saved = errno;
	hooked_free(HOOK_DALLOCX, ptr,
	    HOOK_ARGS((uintptr_t)ptr, (uintptr_t)flags));
	alloc_free_into(ptr, flags_cache(flags));
	errno = saved;
}

ENTRY size_t
je_nallocx(size_t size, int flags)
{
	if (unlikely(!init_done())) {
		return 0;
	}
	size_t alignment = flags_alignment(flags);
	if (size == 0) {
		return szind_size(0);
	}
	return alignment <= 1 ? size_class_usize(size)
			      : size_class_aligned_usize(size, alignment);
}

ENTRY void
je_sdallocx(void *ptr, size_t size, int flags)
{
	if (likely(flags == 0)) {
		je_free_sized(ptr, size);
		return;
	}
	int saved = errno;
	hooked_free(HOOK_SDALLOCX, ptr,
	    HOOK_ARGS((uintptr_t)ptr, size, (uintptr_t)flags));
	alloc_free_sized_into(ptr, je_nallocx(size, flags), flags_cache(flags));
	errno = saved;
}
