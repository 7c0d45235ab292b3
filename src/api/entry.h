/*
 * entry: the public functions under the names that the sources use, for the
 * files of this layer and for tests; platform/public_names.h says what the
 * world calls them.  Their contract is the manual's.
 */
#ifndef API_ENTRY_H
#define API_ENTRY_H

#include <stdatomic.h>
#include <stddef.h>

#include "api/alloc.h"
#include "api/trace.h"
#include "platform/public_names.h"

void *je_malloc(size_t size);
void *je_calloc(size_t num, size_t size);
void *je_realloc(void *ptr, size_t size);
void je_free(void *ptr);
void je_free_sized(void *ptr, size_t size);
void je_free_aligned_sized(void *ptr, size_t alignment, size_t size);
int je_posix_memalign(void **memptr, size_t alignment, size_t size);
void *je_aligned_alloc(size_t alignment, size_t size);
void *je_memalign(size_t alignment, size_t size);
void *je_valloc(size_t size);
void *je_pvalloc(size_t size);
size_t je_malloc_usable_size(void *ptr);

/* Give the control interface what it needs of this layer. */
void control_boot(void);

/* For api/new.cc: an allocation of operator new failed. */
void cxx_allocation_failed(size_t size);

/*
 * For api/new.cc: as free_sized() and free_aligned_sized(), but a smaller size
 * than the block's is no fault unless all sizes are to be checked.  That is
 * what a compiler says where a program deletes an object as one of its parts
 * (a base class without a virtual destructor), and works everywhere.
 */
void cxx_free_sized(void *ptr, size_t size);
void cxx_free_aligned_sized(void *ptr, size_t alignment, size_t size);

void *je_mallocx(size_t size, int flags);
void *je_rallocx(void *ptr, size_t size, int flags);
size_t je_xallocx(void *ptr, size_t size, size_t extra, int flags);
size_t je_sallocx(const void *ptr, int flags);
void je_dallocx(void *ptr, int flags);
void je_sdallocx(void *ptr, size_t size, int flags);
size_t je_nallocx(size_t size, int flags);

int je_mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen);
int je_mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp);
int je_mallctlbymib(const size_t *mib, size_t miblen, void *oldp,
    size_t *oldlenp, void *newp, size_t newlen);
void je_malloc_stats_print(void (*write_cb)(void *, const char *),
    void *cbopaque, const char *opts);

#endif
