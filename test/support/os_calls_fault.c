/*
 * os_calls_fault: the seam between platform/os_calls and everything above it.
 *
 * Owns the counters; atomics, since tests run threads.
 */
#include "support/os_calls_fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "platform/os_calls.h"

static _Atomic uint64_t fail_first = UINT64_MAX;
static _Atomic uint64_t fail_last;
static _Atomic uint64_t ncalls;
static _Atomic uint64_t nfailed;
static atomic_uint kinds_counted = OS_FAULT_ALL;

static void
arm(uint64_t first, uint64_t last)
{
	atomic_store(&fail_first, UINT64_MAX);
	atomic_store(&ncalls, 0);
	atomic_store(&nfailed, 0);
	atomic_store(&fail_last, last);
	atomic_store(&fail_first, first);
}

void
os_fault_arm(uint64_t n)
{
	arm(n, n);
}

void
os_fault_arm_from(uint64_t n)
{
	arm(n, UINT64_MAX);
}

void
os_fault_only(unsigned kinds)
{
	atomic_store(&kinds_counted, kinds);
}

uint64_t
os_fault_count(void)
{
	return atomic_load(&ncalls);
}

uint64_t
os_fault_disarm(void)
{
	atomic_store(&fail_first, UINT64_MAX);
	return atomic_load(&nfailed);
}

__attribute__((constructor(101))) static void
arm_from_environment(void)
{
	const char *at = getenv("OS_FAULT_AT");
	const char *from = getenv("OS_FAULT_FROM");
	if (at != NULL) {
		os_fault_arm(strtoull(at, NULL, 10));
	} else if (from != NULL) {
		os_fault_arm_from(strtoull(from, NULL, 10));
	}
}

/* Is this call to fail?  Sets errno if so. */
static bool
fails(unsigned kind)
{
	if ((atomic_load(&kinds_counted) & kind) == 0) {
		return false;
	}
	uint64_t n = atomic_fetch_add(&ncalls, 1) + 1;
	if (n < atomic_load(&fail_first) || n > atomic_load(&fail_last)) {
		return false;
	}
	atomic_fetch_add(&nfailed, 1);
	errno = ENOMEM;
	return true;
}

void *__real_os_mmap(void *addr, size_t len, int prot, int flags);
void *__wrap_os_mmap(void *addr, size_t len, int prot, int flags);
void *
__wrap_os_mmap(void *addr, size_t len, int prot, int flags)
{
	return fails(OS_FAULT_MMAP) ? MAP_FAILED
				    : __real_os_mmap(addr, len, prot, flags);
}

int __real_os_munmap(void *addr, size_t len);
int __wrap_os_munmap(void *addr, size_t len);
int
__wrap_os_munmap(void *addr, size_t len)
{
	return fails(OS_FAULT_MUNMAP) ? -1 : __real_os_munmap(addr, len);
}

int __real_os_madvise(void *addr, size_t len, int advice);
int __wrap_os_madvise(void *addr, size_t len, int advice);
int
__wrap_os_madvise(void *addr, size_t len, int advice)
{
	return fails(OS_FAULT_MADVISE) ? -1
				       : __real_os_madvise(addr, len, advice);
}

int __real_os_mprotect(void *addr, size_t len, int prot);
int __wrap_os_mprotect(void *addr, size_t len, int prot);
int
__wrap_os_mprotect(void *addr, size_t len, int prot)
{
	return fails(OS_FAULT_MPROTECT) ? -1
					: __real_os_mprotect(addr, len, prot);
}

void *__real_os_mremap(void *old_addr, size_t old_len, size_t new_len,
    int flags, void *new_addr);
void *__wrap_os_mremap(void *old_addr, size_t old_len, size_t new_len,
    int flags, void *new_addr);
void *
__wrap_os_mremap(void *old_addr, size_t old_len, size_t new_len, int flags,
    void *new_addr)
{
	return fails(OS_FAULT_MREMAP)
	    ? MAP_FAILED
	    : __real_os_mremap(old_addr, old_len, new_len, flags, new_addr);
}

int __real_os_membarrier(int command);
int __wrap_os_membarrier(int command);
int
__wrap_os_membarrier(int command)
{
	return fails(OS_FAULT_MEMBARRIER) ? -1 : __real_os_membarrier(command);
}

void *__real_os_sbrk(intptr_t increment);
void *__wrap_os_sbrk(intptr_t increment);
void *
__wrap_os_sbrk(intptr_t increment)
{
	return fails(OS_FAULT_SBRK) ? (void *)-1 : __real_os_sbrk(increment);
}

const char *os_name_last;

void __wrap_os_name_memory(void *addr, size_t len, const char *name);
void
__wrap_os_name_memory(void *addr, size_t len, const char *name)
{
	(void)addr;
	(void)len;
	os_name_last = name;
	errno = EINVAL;
}

os_utrace_t os_utrace_last;
unsigned os_utrace_count;

void __wrap_os_utrace(const void *record, size_t size);
void
__wrap_os_utrace(const void *record, size_t size)
{
	if (size == sizeof(os_utrace_last)) {
		os_utrace_last = *(const os_utrace_t *)record;
		os_utrace_count++;
	}
	errno = EINVAL;
}
