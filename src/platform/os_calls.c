#include "platform/os_calls.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#if CONFIG_UTRACE
#include <sys/param.h>
#include <sys/time.h>
#include <sys/ktrace.h>
#endif

/* Headers may be older than the kernel. */
#if defined(__linux__) && !defined(PR_SET_VMA)
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

/* The calling process, for calls that take a pidfd (Linux 6.14). */
#define PIDFD_SELF_NUMBER (-10000)

#if CONFIG_SYS_PROCESS_MADVISE != 0
#define PROCESS_MADVISE_NUMBER CONFIG_SYS_PROCESS_MADVISE
#elif defined(SYS_process_madvise)
#define PROCESS_MADVISE_NUMBER SYS_process_madvise
#endif

void *
os_mmap(void *addr, size_t len, int prot, int flags)
{
	return mmap(addr, len, prot, flags | MAP_ANONYMOUS, -1, 0);
}

int
os_munmap(void *addr, size_t len)
{
	return munmap(addr, len);
}

int
os_madvise(void *addr, size_t len, int advice)
{
	return madvise(addr, len, advice);
}

int
os_mprotect(void *addr, size_t len, int prot)
{
	return mprotect(addr, len, prot);
}

void *
os_mremap(void *old_addr, size_t old_len, size_t new_len, int flags,
    void *new_addr)
{
#if HAVE_MREMAP
	return mremap(old_addr, old_len, new_len, flags, new_addr);
#else
	(void)old_addr;
	(void)old_len;
	(void)new_len;
	(void)flags;
	(void)new_addr;
	errno = ENOSYS;
	return MAP_FAILED;
#endif
}

ssize_t
os_madvise_all(const struct iovec *ranges, size_t n, int advice)
{
#ifdef PROCESS_MADVISE_NUMBER
	return syscall(PROCESS_MADVISE_NUMBER, PIDFD_SELF_NUMBER, ranges, n,
	    advice, 0);
#else
	(void)ranges;
	(void)n;
	(void)advice;
	errno = ENOSYS;
	return -1;
#endif
}

int
os_mincore(void *addr, size_t len, unsigned char *resident)
{
	/* The type of the last argument depends on the system. */
	return mincore(addr, len, (void *)resident);
}

int
os_membarrier(int command)
{
#if defined(__linux__) && defined(SYS_membarrier)
	return (int)syscall(SYS_membarrier, command, 0, 0);
#else
	(void)command;
	errno = ENOSYS;
	return -1;
#endif
}

void *
os_sbrk(intptr_t increment)
{
#if HAVE_SBRK
	return sbrk(increment);
#else
	(void)increment;
	errno = ENOMEM;
	return (void *)-1;
#endif
}

void
os_name_memory(void *addr, size_t len, const char *name)
{
#ifdef PR_SET_VMA
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, len, name);
#else
	(void)addr;
	(void)len;
	(void)name;
#endif
}

void
os_utrace(const void *record, size_t size)
{
#if CONFIG_UTRACE
	(void)utrace(record, size);
#else
	(void)record;
	(void)size;
#endif
}
