/*
 * io: text without stdio: formatting, messages to the user, numbers, files.
 *
 * Nothing here allocates or takes a lock, and errno is preserved throughout.
 * Not for: reports (fatal.h), statistics layout (ctl/).
 */
#ifndef PLATFORM_IO_H
#define PLATFORM_IO_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/compiler.h"
#include "platform/public_names.h"

/*
 * Public variable: where messages go instead of file descriptor 2.  Set by
 * the application, which promises not to allocate in it.
 */
extern void (*je_malloc_message)(void *cbopaque, const char *s);

/*
 * As vsnprintf: d i u x X o c s p %, flags "-+ #0", width, precision, lengths
 * hh h l ll z j t.  Always terminated when `size` > 0.  Returns the length
 * that the whole text has.  An unknown conversion is copied as it stands.
 */
size_t io_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
    PRINTF_LIKE(3, 0);
size_t
io_snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Keep file descriptor 2 for messages: many programs close it at their end,
 * before the last of ours is written.  Its duplicate is used only while 2 is
 * closed, and while it is what it was.
 */
void io_keep_stderr(void);

/* To malloc_message, or to file descriptor 2. */
void io_message(const char *s);

/* Likewise, with an argument for malloc_message. */
void io_message_opaque(void *cbopaque, const char *s);

/* A message of up to IO_PRINTF_MAX - 1 bytes; the rest is cut. */
#define IO_PRINTF_MAX 4096
void io_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* All of `len` bytes, unless an error comes between.  Is all written? */
bool io_write(int fd, const void *data, size_t len);

/*
 * As strtoumax: blanks, a sign, 0x or 0 with base 0 or 16, digits; `*end` is
 * past the last digit, or `s` if there is none.  A minus sign negates modulo
 * 2^64.  Is there a number, and did it fit?  If it did not fit, `*out` is
 * UINTMAX_MAX.
 */
bool io_parse_umax(const char *s, const char **end, int base, uintmax_t *out);

/*
 * The first `size` - 1 bytes of a file, terminated.  Returns their number, or
 * -1.
 */
ssize_t io_read_file(const char *path, char *buf, size_t size);

/* What a symbolic link says, not terminated.  Its length, or -1. */
ssize_t io_read_link(const char *path, char *buf, size_t size);

/* A file that is read line by line, whatever its length. */
#define IO_LINES_BUFFER 2048
typedef struct {
	int fd;
	unsigned at, end; /* what is left in the buffer */
	char buf[IO_LINES_BUFFER];
} io_lines_t;

/* False: it can't be opened, and need not be closed. */
bool io_lines_open(io_lines_t *lines, const char *path);

/*
 * The next line without its end, cut to `size` - 1 bytes and terminated.
 * False: there is none, or an error.
 */
bool io_lines_next(io_lines_t *lines, char *line, size_t size);

void io_lines_close(io_lines_t *lines);

#endif
