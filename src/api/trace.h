/*
 * trace: a line, or a record for the kernel, for each call of an entry point.
 *
 * In builds with --enable-log or --enable-utrace these functions have the
 * public names, and those of the other files of this layer are `plain_malloc`
 * and so on behind them; in all other builds this is left out, so that it
 * costs nothing.  Options: log, utrace.
 *
 * The trace calls nothing that allocates, and keeps errno.
 */
#ifndef API_TRACE_H
#define API_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/compiler.h"
#include "platform/public_names.h"

#if CONFIG_LOG || CONFIG_UTRACE
#define ENTRY /* the world sees these functions instead */
#define TRACE_TEXT(name) #name
#define TRACE_LABEL(prefix, name) __asm__(TRACE_TEXT(prefix) TRACE_TEXT(name))
#define TRACE_PUBLIC(name) TRACE_LABEL(__USER_LABEL_PREFIX__, name) EXPORT
#else
#define ENTRY EXPORT
#define TRACE_PUBLIC(name)
#endif

/* Which events the option `log` selects; once the options are read. */
void trace_boot(const char *names);

void *trace_malloc(size_t size) TRACE_PUBLIC(je_malloc);
void *trace_calloc(size_t num, size_t size) TRACE_PUBLIC(je_calloc);
void *trace_realloc(void *ptr, size_t size) TRACE_PUBLIC(je_realloc);
void trace_free(void *ptr) TRACE_PUBLIC(je_free);
void trace_free_sized(void *ptr, size_t size) TRACE_PUBLIC(je_free_sized);
void trace_free_aligned_sized(void *ptr, size_t alignment, size_t size)
    TRACE_PUBLIC(je_free_aligned_sized);
int trace_posix_memalign(void **memptr, size_t alignment, size_t size)
    TRACE_PUBLIC(je_posix_memalign);
void *trace_aligned_alloc(size_t alignment, size_t size)
    TRACE_PUBLIC(je_aligned_alloc);
void *trace_memalign(size_t alignment, size_t size) TRACE_PUBLIC(je_memalign);
void *trace_valloc(size_t size) TRACE_PUBLIC(je_valloc);
void *trace_pvalloc(size_t size) TRACE_PUBLIC(je_pvalloc);
size_t trace_malloc_usable_size(void *ptr) TRACE_PUBLIC(je_malloc_usable_size);
void *trace_mallocx(size_t size, int flags) TRACE_PUBLIC(je_mallocx);
void *trace_rallocx(void *ptr, size_t size, int flags) TRACE_PUBLIC(je_rallocx);
size_t trace_xallocx(void *ptr, size_t size, size_t extra, int flags)
    TRACE_PUBLIC(je_xallocx);
size_t trace_sallocx(const void *ptr, int flags) TRACE_PUBLIC(je_sallocx);
void trace_dallocx(void *ptr, int flags) TRACE_PUBLIC(je_dallocx);
void
trace_sdallocx(void *ptr, size_t size, int flags) TRACE_PUBLIC(je_sdallocx);
size_t trace_nallocx(size_t size, int flags) TRACE_PUBLIC(je_nallocx);
int trace_mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen) TRACE_PUBLIC(je_mallctl);
int trace_mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp)
    TRACE_PUBLIC(je_mallctlnametomib);
int trace_mallctlbymib(const size_t *mib, size_t miblen, void *oldp,
    size_t *oldlenp, void *newp, size_t newlen) TRACE_PUBLIC(je_mallctlbymib);
void trace_malloc_stats_print(void (*write_cb)(void *, const char *),
    void *cbopaque, const char *opts) TRACE_PUBLIC(je_malloc_stats_print);

#if CONFIG_LOG || CONFIG_UTRACE
#undef je_malloc
#define je_malloc plain_malloc
#undef je_calloc
#define je_calloc plain_calloc
#undef je_realloc
#define je_realloc plain_realloc
#undef je_free
#define je_free plain_free
#undef je_free_sized
#define je_free_sized plain_free_sized
#undef je_free_aligned_sized
#define je_free_aligned_sized plain_free_aligned_sized
#undef je_posix_memalign
#define je_posix_memalign plain_posix_memalign
#undef je_aligned_alloc
#define je_aligned_alloc plain_aligned_alloc
#undef je_memalign
#define je_memalign plain_memalign
#undef je_valloc
#define je_valloc plain_valloc
#undef je_pvalloc
#define je_pvalloc plain_pvalloc
#undef je_malloc_usable_size
#define je_malloc_usable_size plain_malloc_usable_size
#undef je_mallocx
#define je_mallocx plain_mallocx
#undef je_rallocx
#define je_rallocx plain_rallocx
#undef je_xallocx
#define je_xallocx plain_xallocx
#undef je_sallocx
#define je_sallocx plain_sallocx
#undef je_dallocx
#define je_dallocx plain_dallocx
#undef je_sdallocx
#define je_sdallocx plain_sdallocx
#undef je_nallocx
#define je_nallocx plain_nallocx
#undef je_mallctl
#define je_mallctl plain_mallctl
#undef je_mallctlnametomib
#define je_mallctlnametomib plain_mallctlnametomib
#undef je_mallctlbymib
#define je_mallctlbymib plain_mallctlbymib
#undef je_malloc_stats_print
#define je_malloc_stats_print plain_malloc_stats_print
#endif

#endif
