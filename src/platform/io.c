#include "platform/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/assert.h"

#if CONFIG_SYSCALL
#include <sys/syscall.h>
#endif

EXPORT void (*je_malloc_message)(void *cbopaque, const char *s);

/* Formatting. */

/* A bounded buffer that keeps counting when it is full. */
typedef struct {
	char *buf;
	size_t size;
	size_t len;
} sink_t;

/* One conversion, taken apart. */
typedef struct {
	bool minus, plus, space, alternate, zero;
	int width;
	int precision; /* -1: none given */
	size_t nbytes; /* of the argument */
	char type;
} spec_t;

/* Octal needs most: one digit per three bits. */
#define DIGITS_MAX (sizeof(uintmax_t) * CHAR_BIT / 3 + 1)

static void
sink_char(sink_t *sink, char c)
{
	if (sink->len + 1 < sink->size) {
		sink->buf[sink->len] = c;
	}
	sink->len++;
}

static void
sink_repeat(sink_t *sink, char c, int count)
{
	for (int i = 0; i < count; i++) {
		sink_char(sink, c);
	}
}

static void
sink_bytes(sink_t *sink, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sink_char(sink, bytes[i]);
	}
}

/* `text` in a field of its width. */
static void
put_text(sink_t *sink, const spec_t *spec, const char *text, size_t len)
{
	int padding = len < (size_t)spec->width ? spec->width - (int)len : 0;
	sink_repeat(sink, ' ', spec->minus ? 0 : padding);
	sink_bytes(sink, text, len);
	sink_repeat(sink, ' ', spec->minus ? padding : 0);
}

static void
put_string(sink_t *sink, const spec_t *spec, const char *s)
{
	if (s == NULL) {
		s = "(null)";
	}
	size_t len = spec->precision >= 0 ? strnlen(s, (size_t)spec->precision)
					  : strlen(s);
	put_text(sink, spec, s, len);
}

/* The digits of `value` at the end of `digits`; returns how many. */
static int
digits_of(char digits[DIGITS_MAX], uintmax_t value, unsigned base, bool upper)
{
	const char *glyphs = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int count = 0;
	for (; value > 0; value /= base) {
		digits[(int)DIGITS_MAX - ++count] = glyphs[value % base];
	}
	return count;
}

/* prefix, then zeros, then digits, in a field. */
static void
put_number(sink_t *sink, const spec_t *spec, uintmax_t value, unsigned base,
    const char *prefix)
{
	char digits[DIGITS_MAX];
	int ndigits = digits_of(digits, value, base, spec->type == 'X');
	int nprefix = (int)strlen(prefix);
	int nzeros = spec->precision < 0 ? 1 - ndigits
					 : spec->precision - ndigits;
	if (spec->precision < 0 && spec->zero && !spec->minus) {
		int fill = spec->width - nprefix - ndigits;
		nzeros = fill > nzeros ? fill : nzeros;
	}
	if (spec->alternate && base == 8 && nzeros <= 0) {
		nzeros = 1;
	}
	nzeros = nzeros > 0 ? nzeros : 0;
	int padding = spec->width - nprefix - nzeros - ndigits;
	sink_repeat(sink, ' ', spec->minus ? 0 : padding);
	sink_bytes(sink, prefix, (size_t)nprefix);
	sink_repeat(sink, '0', nzeros);
	sink_bytes(sink, digits + DIGITS_MAX - ndigits, (size_t)ndigits);
	sink_repeat(sink, ' ', spec->minus ? padding : 0);
}

/* Bits of a uintmax_t that an argument of `nbytes` does not have. */
static unsigned
bits_unused(size_t nbytes)
{
	return (unsigned)((sizeof(uintmax_t) - nbytes) * CHAR_BIT);
}

/* Types of one size are passed alike; those below int are passed as int. */
static uintmax_t
arg_unsigned(va_list *args, size_t nbytes)
{
	uintmax_t value = nbytes > sizeof(unsigned)
	    ? va_arg(*args, unsigned long long)
	    : va_arg(*args, unsigned);
	return value << bits_unused(nbytes) >> bits_unused(nbytes);
}

static intmax_t
arg_signed(va_list *args, size_t nbytes)
{
	uintmax_t value = arg_unsigned(args, nbytes);
	return (intmax_t)(value << bits_unused(nbytes)) >> bits_unused(nbytes);
}

static void
put_signed(sink_t *sink, const spec_t *spec, intmax_t value)
{
	const char *sign = value < 0 ? "-"
	    : spec->plus             ? "+"
	    : spec->space            ? " "
				     : "";
	uintmax_t magnitude = value < 0 ? -(uintmax_t)value : (uintmax_t)value;
	put_number(sink, spec, magnitude, 10, sign);
}

static void
put_hex(sink_t *sink, const spec_t *spec, uintmax_t value)
{
	bool marked = spec->alternate && value != 0;
	const char *mark = spec->type == 'X' ? "0X" : "0x";
	put_number(sink, spec, value, 16, marked ? mark : "");
}

/* False: this is no conversion that we know. */
static bool
put_conversion(sink_t *sink, const spec_t *spec, va_list *args)
{
	char c;
	switch (spec->type) {
	case 'd':
	case 'i':
		put_signed(sink, spec, arg_signed(args, spec->nbytes));
		return true;
	case 'u':
		put_number(sink, spec, arg_unsigned(args, spec->nbytes), 10,
		    "");
		return true;
	case 'o':
		put_number(sink, spec, arg_unsigned(args, spec->nbytes), 8, "");
		return true;
	case 'x':
	case 'X':
		put_hex(sink, spec, arg_unsigned(args, spec->nbytes));
		return true;
	case 'p':
		put_number(sink, spec, (uintptr_t)va_arg(*args, void *), 16,
		    "0x");
		return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_text(sink, spec, &c, 1);
		return true;
	case 's':
		put_string(sink, spec, va_arg(*args, const char *));
		return true;
	case '%':
		sink_char(sink, '%');
		return true;
	default:
		return false;
	}
}

static const char *
parse_flags(const char *f, spec_t *spec)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->minus = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '#':
			spec->alternate = true;
			break;
		case '0':
			spec->zero = true;
			break;
		default:
			return f;
		}
	}
}

/* A width or precision: digits, or an argument. */
static const char *
parse_count(const char *f, int *count, va_list *args)
{
	if (*f == '*') {
		*count = va_arg(*args, int);
		return f + 1;
	}
	int value = 0;
	for (; *f >= '0' && *f <= '9'; f++) {
		if (value < INT_MAX / 16) {
			value = value * 10 + (*f - '0');
		}
	}
	*count = value;
	return f;
}

static const char *
parse_length(const char *f, size_t *nbytes)
{
	bool doubled = f[0] != '\0' && f[0] == f[1];
	switch (*f) {
	case 'h':
		*nbytes = doubled ? sizeof(char) : sizeof(short);
		break;
	case 'l':
		*nbytes = doubled ? sizeof(long long) : sizeof(long);
		break;
	case 'z':
		*nbytes = sizeof(size_t);
		return f + 1;
	case 'j':
		*nbytes = sizeof(intmax_t);
		return f + 1;
	case 't':
		*nbytes = sizeof(ptrdiff_t);
		return f + 1;
	default:
		*nbytes = sizeof(int);
		return f;
	}
	return f + (doubled ? 2 : 1);
}

/* `f` is past the '%'; returns the position of the conversion letter. */
static const char *
parse_spec(const char *f, spec_t *spec, va_list *args)
{
	memset(spec, 0, sizeof(*spec));
	spec->precision = -1;
	f = parse_flags(f, spec);
	f = parse_count(f, &spec->width, args);
	if (spec->width < 0) {
		spec->minus = true;
		spec->width = -spec->width;
	}
	if (*f == '.') {
		f = parse_count(f + 1, &spec->precision, args);
	}
	f = parse_length(f, &spec->nbytes);
	spec->type = *f;
	return f;
}

static void
format(sink_t *sink, const char *f, va_list *args)
{
	while (*f != '\0') {
		if (*f != '%') {
			sink_char(sink, *f++);
			continue;
		}
		spec_t spec;
		const char *type = parse_spec(f + 1, &spec, args);
		const char *next = *type != '\0' ? type + 1 : type;
		if (!put_conversion(sink, &spec, args)) {
			sink_bytes(sink, f, (size_t)(next - f));
		}
		f = next;
	}
}

size_t
io_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	sink_t sink = {buf, size, 0};
	/* A parameter may be a pointer in disguise; a copy is what it says. */
	va_list args;
	va_copy(args, ap);
	format(&sink, fmt, &args);
	va_end(args);
	if (size > 0) {
		buf[sink.len < size ? sink.len : size - 1] = '\0';
	}
	return sink.len;
}

size_t
io_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t len = io_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

/*
 * System calls.  Through syscall() where there is one: the functions of libc
 * are cancellation points, and popular targets of interposers that allocate.
 */

static ssize_t
fd_write(int fd, const void *data, size_t len)
{
#if CONFIG_SYSCALL && defined(SYS_write)
	return syscall(SYS_write, fd, data, len);
#else
	return write(fd, data, len);
#endif
}

static ssize_t
fd_read(int fd, void *data, size_t len)
{
#if CONFIG_SYSCALL && defined(SYS_read)
	return syscall(SYS_read, fd, data, len);
#else
	return read(fd, data, len);
#endif
}

static int
fd_open(const char *path)
{
#if CONFIG_SYSCALL && defined(SYS_openat)
	return (
	    int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
#else
	return open(path, O_RDONLY | O_CLOEXEC);
#endif
}

static void
fd_close(int fd)
{
#if CONFIG_SYSCALL && defined(SYS_close)
	(void)syscall(SYS_close, fd);
#else
	(void)close(fd);
#endif
}

BOOT ssize_t
io_read_link(const char *path, char *buf, size_t size)
{
	int saved_errno = errno;
#if CONFIG_SYSCALL && defined(SYS_readlink) && !CONFIG_READLINKAT
	ssize_t length = syscall(SYS_readlink, path, buf, size);
#elif CONFIG_SYSCALL && defined(SYS_readlinkat)
	ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, path, buf, size);
#elif CONFIG_READLINKAT
	ssize_t length = readlinkat(AT_FDCWD, path, buf, size);
#else
	ssize_t length = readlink(path, buf, size);
#endif
	errno = saved_errno;
	return length;
}

bool
io_write(int fd, const void *data, size_t len)
{
	int saved_errno = errno;
	const char *next = data;
	while (len > 0) {
		ssize_t n = fd_write(fd, next, len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			break;
		}
		next += n;
		len -= (size_t)n;
	}
	errno = saved_errno;
	return len == 0;
}

ssize_t
io_read_file(const char *path, char *buf, size_t size)
{
	assert(size > 0);
	int saved_errno = errno;
	int fd;
	do {
		fd = fd_open(path);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		errno = saved_errno;
		return -1;
	}
	size_t len = 0;
	ssize_t n = 1;
	while (n != 0 && len < size - 1) {
		n = fd_read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno != EINTR) {
			break;
		}
		len += n > 0 ? (size_t)n : 0;
	}
	buf[len] = '\0';
	fd_close(fd);
	errno = saved_errno;
	return n < 0 && len < size - 1 ? -1 : (ssize_t)len;
}

bool
io_lines_open(io_lines_t *lines, const char *path)
{
	int saved_errno = errno;
	do {
		lines->fd = fd_open(path);
	} while (lines->fd < 0 && errno == EINTR);
	lines->at = lines->end = 0;
	errno = saved_errno;
	return lines->fd >= 0;
}

/* False: nothing is left of the file. */
static bool
lines_refill(io_lines_t *lines)
{
	int saved_errno = errno;
	ssize_t n;
	do {
		n = fd_read(lines->fd, lines->buf, sizeof(lines->buf));
	} while (n < 0 && errno == EINTR);
	errno = saved_errno;
	lines->at = 0;
	lines->end = n > 0 ? (unsigned)n : 0;
	return n > 0;
}

bool
io_lines_next(io_lines_t *lines, char *line, size_t size)
{
	assert(size > 0);
	size_t length = 0;
	bool any = false, ended = false;
	while (!ended && (lines->at != lines->end || lines_refill(lines))) {
		const char *from = lines->buf + lines->at;
		size_t n = lines->end - lines->at;
		const char *newline = memchr(from, '\n', n);
		ended = newline != NULL;
		n = ended ? (size_t)(newline - from) : n;
		size_t room = size - 1 - length;
		size_t kept = n < room ? n : room;
		memcpy(line + length, from, kept);
		length += kept;
		lines->at += (unsigned)(n + ended);
		any = true;
	}
	line[length] = '\0';
	return any;
}

void
io_lines_close(io_lines_t *lines)
{
	int saved_errno = errno;
	fd_close(lines->fd);
	errno = saved_errno;
}

/* Messages. */

/* A duplicate of 2, and the file that it was made of. */
static int kept_fd = -1;
static struct stat kept;

/* Beyond what programs that count their files come to use. */
#define KEPT_FD_MIN 200

void
io_keep_stderr(void)
{
	int saved_errno = errno;
	if (kept_fd < 0 && fstat(STDERR_FILENO, &kept) == 0) {
		kept_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, KEPT_FD_MIN);
	}
	errno = saved_errno;
}

static int
message_fd(void)
{
	struct stat now;
	bool use_kept = kept_fd >= 0 && fcntl(STDERR_FILENO, F_GETFD) == -1 &&
	    fstat(kept_fd, &now) == 0 && now.st_dev == kept.st_dev &&
	    now.st_ino == kept.st_ino;
	return use_kept ? kept_fd : STDERR_FILENO;
}

void
io_message_opaque(void *cbopaque, const char *s)
{
	int saved_errno = errno;
	void (*callback)(void *, const char *) = je_malloc_message;
	if (callback != NULL) {
		callback(cbopaque, s);
	} else {
		(void)io_write(message_fd(), s, strlen(s));
	}
	errno = saved_errno;
}

void
io_message(const char *s)
{
	io_message_opaque(NULL, s);
}

void
io_printf(const char *fmt, ...)
{
	char buf[IO_PRINTF_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)io_vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	io_message(buf);
}

/* Numbers. */

/* The value of a digit in any base up to 36, or 36. */
static unsigned
digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned)(c - '0');
	}
	if (c >= 'a' && c <= 'z') {
		return (unsigned)(c - 'a') + 10;
	}
	if (c >= 'A' && c <= 'Z') {
		return (unsigned)(c - 'A') + 10;
	}
	return 36;
}

/* A "0x" counts only when a digit follows. */
static const char *
skip_base(const char *s, unsigned *base)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') &&
	    digit_value(s[2]) < 16;
	if (hex && (*base == 0 || *base == 16)) {
		*base = 16;
		return s + 2;
	}
	if (*base == 0) {
		*base = s[0] == '0' ? 8 : 10;
	}
	return s;
}

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || (*s >= '\t' && *s <= '\r')) {
		s++;
	}
	return s;
}

bool
io_parse_umax(const char *s, const char **end, int base, uintmax_t *out)
{
	assert(base == 0 || (base >= 2 && base <= 36));
	unsigned b = (unsigned)base;
	const char *p = skip_blanks(s);
	bool negative = *p == '-';
	p += *p == '-' || *p == '+';
	p = skip_base(p, &b);
	const char *first = p;
	uintmax_t value = 0;
	bool fits = true;
	for (; digit_value(*p) < b; p++) {
		fits = fits &&
		    !__builtin_mul_overflow(value, (uintmax_t)b, &value) &&
		    !__builtin_add_overflow(value, digit_value(*p), &value);
	}
	bool found = p != first;
	*end = found ? p : s;
	*out = fits ? (negative ? -value : value) : UINTMAX_MAX;
	return found && fits;
}
