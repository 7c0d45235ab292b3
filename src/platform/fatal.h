/*
 * fatal: the one place that prints and dies.
 *
 * A message is formatted into a buffer on the stack, prefixed with
 * "<jemalloc>: ", ended with a newline and written in one piece through
 * io_message.  Nothing here allocates or takes a lock, so everything may be
 * called with any lock held and from a signal handler.  errno is preserved.
 *
 * Three grades: `warn` tells and goes on, `fatal` tells and aborts, `fault`
 * reports a mistake of the program that uses the allocator and can be
 * redirected by that program.
 */
#ifndef PLATFORM_FATAL_H
#define PLATFORM_FATAL_H

#include "platform/compiler.h"

/*
 * When set, fault() calls it with the bare text instead of aborting.  Written
 * by the control interface, read without synchronisation.
 */
extern void (*fatal_hook)(const char *text);

void warn(const char *fmt, ...) PRINTF_LIKE(1, 2) COLD;

_Noreturn void fatal(const char *fmt, ...) PRINTF_LIKE(1, 2) COLD;

/*
 * Returns only when `fatal_hook` is set; the caller must then do whatever
 * leaves the allocator whole, usually nothing.
 */
void fault(const char *fmt, ...) PRINTF_LIKE(1, 2) COLD;

/* As fault(), for a text that goes out as it is, without prefix. */
void fault_text(const char *text) COLD;

/* For the macros of assert.h. */
_Noreturn void fatal_assert(const char *file, int line, const char *expr) COLD;
_Noreturn void fatal_unreachable(const char *file, int line) COLD;

#endif
