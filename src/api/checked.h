/*
 * checked: allocation and deallocation under the options that look for errors
 * of the program: check, and in debug builds debug_double_free_max_scan, and
 * with --enable-uaf-detection lg_san_uaf_align.
 *
 * All of it is in the slow path: where one of these options is set, every call
 * of every thread is watched (thread/tsd.h).
 *
 * Not for: what is checked always (arena/misuse.h).
 */
#ifndef API_CHECKED_H
#define API_CHECKED_H

#include "api/alloc.h"
#include "platform/build.h"
#include "thread/check.h"

/* With check:true these take the place of the functions of api/alloc.h. */
void *checked_alloc(size_t size, size_t usize, const alloc_spec_t *spec) COLD;
void *checked_resize(void *ptr, size_t size, const alloc_spec_t *spec) COLD;
void checked_free(void *ptr) COLD;
void checked_free_sized(void *ptr, size_t usize) COLD;

bool checked_find_double(tsd_t *tsd, unsigned cind, const void *ptr) COLD;
bool checked_put_stash(tsd_t *tsd, void *ptr, size_t usize) COLD;

/* Is a block that is being freed in the cache already?  Reported if so. */
static inline bool
checked_is_double(tsd_t *tsd, unsigned cind, const void *ptr)
{
	return config_debug && opt.debug_double_free_max_scan != 0 &&
	    tsd != NULL && checked_find_double(tsd, cind, ptr);
}

/* Is it one to be set aside instead of being cached?  Then it was. */
static inline bool
checked_stash(tsd_t *tsd, void *ptr, size_t usize)
{
	return config_uaf_detection && opt.lg_san_uaf_align >= 0 &&
	    ((uintptr_t)ptr & (((uintptr_t)1 << opt.lg_san_uaf_align) - 1)) ==
	    0 &&
	    checked_put_stash(tsd, ptr, usize);
}

#endif
