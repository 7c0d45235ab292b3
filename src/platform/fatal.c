#include "platform/fatal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "platform/io.h"

#define PREFIX "<jemalloc>: "

/*
 * A warning may quote a whole configuration string.  A fault may strike on a
 * small stack.
 */
#define WARN_TEXT_MAX 4096
#define FATAL_TEXT_MAX 768

void (*fatal_hook)(const char *text);

/*
 * Prefix, text and newline in `buf`; a text that does not fit is cut, its
 * newline is not.
 */
static void
message_build(char *buf, size_t size, const char *fmt, va_list ap)
{
	size_t used = io_snprintf(buf, size, "%s", PREFIX);
	size_t room = size - used - 1;
	size_t len = io_vsnprintf(buf + used, room, fmt, ap);
	used += len < room ? len : room - 1;
	buf[used] = '\n';
	buf[used + 1] = '\0';
}

static void
fatal_message(const char *fmt, va_list ap)
{
	char buf[FATAL_TEXT_MAX];
	message_build(buf, sizeof(buf), fmt, ap);
	io_message(buf);
}

void
warn(const char *fmt, ...)
{
	char buf[WARN_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	message_build(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	io_message(buf);
}

_Noreturn void
fatal(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fatal_message(fmt, ap);
	va_end(ap);
	abort();
}

static void
fault_call_hook(void (*hook)(const char *), const char *fmt, va_list ap)
{
	char buf[FATAL_TEXT_MAX];
	(void)io_vsnprintf(buf, sizeof(buf), fmt, ap);
	hook(buf);
}

void
fault(const char *fmt, ...)
{
	void (*hook)(const char *) = fatal_hook;
	va_list ap;
	va_start(ap, fmt);
	if (hook != NULL) {
		int saved_errno = errno;
		fault_call_hook(hook, fmt, ap);
		errno = saved_errno;
		va_end(ap);
		return;
	}
	fatal_message(fmt, ap);
	va_end(ap);
	abort();
}

_Noreturn void
fatal_assert(const char *file, int line, const char *expr)
{
	fatal("%s:%d: Failed assertion: \"%s\"", file, line, expr);
}

_Noreturn void
fatal_unreachable(const char *file, int line)
{
	fatal("%s:%d: Unreachable code reached", file, line);
}

void
fault_text(const char *text)
{
	void (*hook)(const char *) = fatal_hook;
	if (hook != NULL) {
		int saved_errno = errno;
		hook(text);
		errno = saved_errno;
		return;
	}
	io_message(text);
	abort();
}
