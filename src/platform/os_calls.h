/*
 * os_calls: the only file that makes system calls about memory.
 *
 * Thin by contract: each function is one call, returns what the system
 * returned (MAP_FAILED or -1 with errno set on failure) and adds nothing.
 * Tests replace this object at link time to make the n-th call fail.
 * Not for: policy, rounding, errno handling (all in pages.c).
 */
#ifndef PLATFORM_OS_CALLS_H
#define PLATFORM_OS_CALLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "platform/build.h"

/* Anonymous memory; `flags` are completed with MAP_ANONYMOUS. */
void *os_mmap(void *addr, size_t len, int prot, int flags);
int os_munmap(void *addr, size_t len);
int os_madvise(void *addr, size_t len, int advice);
int os_mprotect(void *addr, size_t len, int prot);

/* MAP_FAILED with ENOSYS where there is no such call. */
void *os_mremap(void *old_addr, size_t old_len, size_t new_len, int flags,
    void *new_addr);

/*
 * The same advice for n ranges of this process; the bytes that were advised.
 * -1 with ENOSYS where there is no such call.
 */
ssize_t os_madvise_all(const struct iovec *ranges, size_t n, int advice);

/* Which pages are in memory: bit 0 of a byte for each kernel page. */
int os_mincore(void *addr, size_t len, unsigned char *resident);

/* A barrier in all threads of the process; registered for before. */
enum { OS_MEMBARRIER_ALL = 8, OS_MEMBARRIER_REGISTER = 16 };
/* -1 with ENOSYS where there is no such call. */
int os_membarrier(int command);

/* Move the end of the data segment; the old end, or (void *)-1. */
void *os_sbrk(intptr_t increment);

/* What /proc/PID/maps is to call it; systems that cannot refuse. */
void os_name_memory(void *addr, size_t len, const char *name);

/* What utrace(2) is told of an allocation, a resizing or a deallocation. */
typedef struct {
	void *ptr;
	size_t size;
	void *result;
} os_utrace_t;

/* Does nothing where there is no such call. */
void os_utrace(const void *record, size_t size);

#endif
