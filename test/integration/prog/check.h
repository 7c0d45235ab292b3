/*
 * check: for the small programs that must be processes of their own.
 *
 * A program exits with 0, or says what failed and exits with 1, or exits with
 * PROG_SKIPPED and a reason where the machine does not allow the test.
 */
#ifndef TEST_INTEGRATION_PROG_CHECK_H
#define TEST_INTEGRATION_PROG_CHECK_H

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

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define PROG_SKIPPED 77

#define CHECK(c)                                                               \
	do {                                                                   \
		if (!(c)) {                                                    \
			prog_fail(__FILE__, __LINE__, #c);                     \
		}                                                              \
	} while (0)

/* Allocates nothing: the failed check may be about that. */
_Noreturn static inline void
prog_fail(const char *file, int line, const char *what)
{
	char text[512];
	int saved = errno;
	int len = snprintf(text, sizeof(text),
	    "%s:%d: check failed: %s (errno %d)\n", file, line, what, saved);
	ssize_t done = write(STDERR_FILENO, text, (size_t)len);
	(void)done;
	_exit(1);
}

_Noreturn static inline void
prog_skip(const char *why)
{
	ssize_t done = write(STDERR_FILENO, why, strlen(why));
	(void)done;
	_exit(PROG_SKIPPED);
}

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
is_filled_with(const void *ptr, int byte, size_t size)
{
	const unsigned char *bytes = ptr;
	return size == 0 ||
	    (bytes[0] == (unsigned char)byte &&
		memcmp(bytes, bytes + 1, size - 1) == 0);
}

#endif
