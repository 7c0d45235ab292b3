/*
 * support: what the integration tests share.
 *
 * Everything here knows the library through its public header only.  The
 * model of the size classes is written from the size-class series, not from
 * the library's table, so that the two can disagree.
 *
 * Not for unit tests: those see the library's own headers and fakes.
 */
#ifndef TEST_INTEGRATION_SUPPORT_H
#define TEST_INTEGRATION_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jemalloc/jemalloc.h"
#include "support/harness.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define TEST_PAGE ((size_t)4096)
#define SMALL_MAX ((size_t)14336)
#define LARGE_MIN ((size_t)16384)
#define LARGE_MAX ((size_t)0x7000000000000000)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Words that the message of a fault contains. */
#define FAULT_DOUBLE_FREE "double free"
#define FAULT_INVALID "invalid pointer"
#define FAULT_SIZE "size mismatch"

/* The compiler must not know what an allocator does with these. */
static inline void *
hide(void *ptr)
{
	__asm__ volatile("" : "+r"(ptr) : : "memory");
	return ptr;
}

static inline size_t
hide_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

static inline bool
is_aligned_to(const void *ptr, size_t alignment)
{
	return ((uintptr_t)ptr & (alignment - 1)) == 0;
}

/* The usable size that a request must get; 0 when none can serve it. */
size_t model_usize(size_t size);
size_t model_usize_aligned(size_t size, size_t alignment);

/* A content that depends on the seed and the offset. */
void pattern_fill(void *ptr, size_t size, unsigned seed);
bool pattern_holds(const void *ptr, size_t size, unsigned seed);
bool is_filled_with(const void *ptr, int byte, size_t size);

/*
 * Run fn in a forked child and demand an abort whose message starts with the
 * library's name and contains both `fault` and the pointer that fn told us by
 * blame(), with words on the case for the reader of a failure.  The child
 * leaves by exit() if nothing happened before.
 */
void assert_fault(void (*fn)(void *), void *arg, const char *fault);
/* As above; once memory was reused, the second name is as right. */
void assert_fault_either(void (*fn)(void *), void *arg, const char *fault,
    const char *other);
void blame(const void *ptr, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* In a child: say what is wrong and leave. */
#define CHECK(c)                                                               \
	do {                                                                   \
		if (!(c)) {                                                    \
			check_failed(__FILE__, __LINE__, #c);                  \
		}                                                              \
	} while (0)
_Noreturn void check_failed(const char *file, int line, const char *what);

/* Bytes of resident memory of this process. */
size_t resident_bytes(void);

#endif
