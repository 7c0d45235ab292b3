#include "platform/io.h"

#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Formats are tried as data, so that odd ones draw no warning. */
static const char *
same_as_libc(const char *fmt, ...)
{
	static char ours[512];
	char libcs[512];
	va_list ap;
	va_start(ap, fmt);
	size_t len = io_vsnprintf(ours, sizeof(ours), fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	int libc_len = vsnprintf(libcs, sizeof(libcs), fmt, ap);
	va_end(ap);
	assert_string_equal(ours, libcs);
	assert_int_equal(len, libc_len);
	return ours;
}

/* Every mix of flags, width and precision gives what libc gives. */
TEST(numbers_as_libc)
{
	static const char *flags[] = {"", "-", "+", " ", "0", "#", "-#", "+0",
	    "-0", "# 0", "-+ #0"};
	static const char *widths[] = {"", "1", "9", "40"};
	static const char *precisions[] = {"", ".", ".0", ".1", ".12"};
	static const char *types = "diuxXo";
	static const intmax_t values[] = {0, 1, -1, 7, 4711, -4711, INT_MAX,
	    INT_MIN, INTMAX_MAX, INTMAX_MIN};
	char fmt[32];
	for (size_t f = 0; f < ARRAY_LEN(flags); f++) {
		for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
			for (size_t p = 0; p < ARRAY_LEN(precisions); p++) {
				for (const char *t = types; *t; t++) {
					snprintf(fmt, sizeof(fmt),
					    "<%%%s%s%sj%c>", flags[f],
					    widths[w], precisions[p], *t);
					for (size_t v = 0;
					     v < ARRAY_LEN(values); v++) {
						same_as_libc(fmt, values[v]);
					}
				}
			}
		}
	}
}

TEST(lengths_as_libc)
{
	same_as_libc("%hhd %hhu %hhx", -129, 257, -1);
	same_as_libc("%hd %hu %hx", -32769, 65537, -1);
	same_as_libc("%d %u %x", INT_MIN, UINT_MAX, 0xbeef);
	same_as_libc("%ld %lu %lx", LONG_MIN, ULONG_MAX, 0xbeefUL);
	same_as_libc("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0xbeefULL);
	same_as_libc("%zd %zu %zx", (ssize_t)-5, SIZE_MAX, (size_t)0xbeef);
	same_as_libc("%jd %ju %jx", INTMAX_MIN, UINTMAX_MAX, UINTMAX_MAX);
	same_as_libc("%td", (ptrdiff_t)-5);
}

TEST(text_as_libc)
{
	same_as_libc("plain");
	same_as_libc("%%%s%c%%", "str", 'c');
	same_as_libc("<%10s|%-10s|%.2s|%-10.2s|%.0s>", "abc", "abc", "abc",
	    "abc", "abc");
	same_as_libc("<%5c|%-5c>", 'a', 'b');
	same_as_libc("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	same_as_libc("%.*s|%.*d|%.*d", 2, "abc", 3, 7, -1, 7);
	same_as_libc("%p", (void *)&errno);
}

/* A precision protects from reading on. */
TEST(string_without_terminator)
{
	char *page = malloc(3);
	memcpy(page, "abc", 3);
	char buf[8];
	assert_int_equal(io_snprintf(buf, sizeof(buf), "%.3s", page), 3);
	assert_string_equal(buf, "abc");
	free(page);
}

TEST(odd_arguments)
{
	char buf[64];
	const char *volatile fmt = "%s %y %"; /* no warnings, please */
	io_snprintf(buf, sizeof(buf), fmt, (char *)NULL);
	assert_string_equal(buf, "(null) %y %");
	io_snprintf(buf, sizeof(buf), "%p", (void *)NULL);
	assert_string_equal(buf, "0x0");
}

/* Cut texts are terminated, the length is the whole one. */
TEST(cut_texts)
{
	char buf[8];
	for (size_t size = 0; size <= sizeof(buf); size++) {
		memset(buf, '#', sizeof(buf));
		assert_int_equal(io_snprintf(buf, size, "%d%s", 123, "4567"),
		    7);
		for (size_t i = 0; i < sizeof(buf); i++) {
			char expected = i + 1 < size ? "1234567"[i]
			    : i + 1 == size          ? '\0'
						     : '#';
			assert_int_equal(buf[i], expected);
		}
	}
	assert_int_equal(io_snprintf(NULL, 0, "%s", "abc"), 3);
}

static char sunk[256];
static void *sunk_opaque;

static void
sink(void *opaque, const char *s)
{
	sunk_opaque = opaque;
	strncat(sunk, s, sizeof(sunk) - strlen(sunk) - 1);
	errno = EDOM;
}

/* The application's sink gets the text, and cannot change errno. */
TEST(message_to_sink)
{
	int something;
	je_malloc_message = sink;
	errno = ERANGE;
	io_message("one");
	assert_null(sunk_opaque);
	io_printf(" %d", 2);
	io_message_opaque(&something, " three");
	assert_ptr_equal(sunk_opaque, &something);
	assert_string_equal(sunk, "one 2 three");
	assert_int_equal(errno, ERANGE);
}

static void
print_to_stderr(void *arg)
{
	(void)arg;
	io_message("one");
	io_printf(" %d\n", 2);
}

TEST(message_to_stderr)
{
	static harness_child_t result;
	harness_run_child(print_to_stderr, NULL, &result);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "one 2\n");
}

static void
print_to_nowhere(void *arg)
{
	(void)arg;
	close(STDERR_FILENO);
	errno = ERANGE;
	io_message("lost");
	_exit(errno == ERANGE ? 0 : 1);
}

TEST(message_without_stderr)
{
	assert_survives(print_to_nowhere, NULL);
}

/* One row of the number parser: text, base; the rest is strtoumax's answer. */
static void
parses_as_libc(const char *text, int base)
{
	const char *end;
	char *libc_end;
	uintmax_t value;
	errno = ERANGE;
	bool ok = io_parse_umax(text, &end, base, &value);
	assert_int_equal(errno, ERANGE);
	errno = 0;
	uintmax_t libc_value = strtoumax(text, &libc_end, base);
	assert_true(value == libc_value);
	assert_ptr_equal(end, libc_end);
	assert_int_equal(ok, errno == 0 && libc_end != text);
}

TEST(parse_as_libc)
{
	static const char *texts[] = {"", " ", "0", "7", "07", "010", "08",
	    "0x", "0x1F", "0Xg", "x1", "-", "+", "-1", "+1", " \t\n-12,", "- 1",
	    "4096k", "18446744073709551615", "18446744073709551616",
	    "18446744073709551620x", "-18446744073709551615",
	    "99999999999999999999999", "0xffffffffffffffff",
	    "0x10000000000000000", "01777777777777777777777", "zZ", "1:2"};
	static const int bases[] = {0, 2, 8, 10, 16, 36};
	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		for (size_t b = 0; b < ARRAY_LEN(bases); b++) {
			parses_as_libc(texts[t], bases[b]);
		}
	}
}

/* A file, longer and shorter than the buffer, and one that is not there. */
TEST(read_file)
{
	char path[] = "/tmp/io_read_file.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_true(io_write(fd, "0123456789", 10));
	close(fd);
	char buf[32];
	errno = ERANGE;
	assert_int_equal(io_read_file(path, buf, sizeof(buf)), 10);
	assert_string_equal(buf, "0123456789");
	assert_int_equal(io_read_file(path, buf, 11), 10);
	assert_string_equal(buf, "0123456789");
	assert_int_equal(io_read_file(path, buf, 5), 4);
	assert_string_equal(buf, "0123");
	assert_int_equal(io_read_file(path, buf, 1), 0);
	assert_string_equal(buf, "");
	unlink(path);
	assert_int_equal(io_read_file(path, buf, sizeof(buf)), -1);
	assert_int_equal(io_read_file("/", buf, sizeof(buf)), -1);
	assert_int_equal(errno, ERANGE);
}

/* Lines are the same whatever their length and that of the buffer. */
TEST(lines)
{
	char path[] = "/tmp/io_lines.XXXXXX";
	static char text[3 * IO_LINES_BUFFER];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	size_t length = 0;
	/* The i-th line has i letters, and the last one no end. */
	for (unsigned i = 0; length + i < sizeof(text); i++) {
		memset(text + length, 'a' + i % 26, i);
		length += i;
		text[length++] = '\n';
	}
	length--;
	assert_true(io_write(fd, text, length));
	close(fd);
	io_lines_t lines;
	char line[64];
	errno = ERANGE;
	assert_true(io_lines_open(&lines, path));
	unsigned n = 0;
	for (; io_lines_next(&lines, line, sizeof(line)); n++) {
		size_t expected = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
		assert_int_equal(strlen(line), expected);
		for (size_t i = 0; i < expected; i++) {
			assert_int_equal(line[i], 'a' + n % 26);
		}
	}
	assert_true(n * (n + 1) / 2 == length + 1);
	assert_false(io_lines_next(&lines, line, sizeof(line)));
	io_lines_close(&lines);
	unlink(path);
	assert_false(io_lines_open(&lines, path));
	assert_true(io_lines_open(&lines, "/"));
	assert_false(io_lines_next(&lines, line, sizeof(line)));
	io_lines_close(&lines);
	assert_int_equal(errno, ERANGE);
}

/* Messages arrive where they would have, also once 2 is closed. */
TEST(kept_stderr)
{
	int ends[2];
	char buf[64];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	io_message("lost?");
	io_keep_stderr();
	io_message("open");
	close(STDERR_FILENO);
	errno = ERANGE;
	io_message("closed");
	assert_int_equal(errno, ERANGE);
	ssize_t n = read(ends[0], buf, sizeof(buf) - 1);
	assert_int_equal(n, 15);
	buf[n] = '\0';
	assert_string_equal(buf, "lost?openclosed");
	/* Nor where something else has taken its place. */
	int other = open("/dev/null", O_WRONLY);
	for (int fd = 200; fd < 220; fd++) {
		dup2(other, fd);
	}
	close(STDERR_FILENO);
	io_message("lost");
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(read(ends[0], buf, sizeof(buf)) <= 0);
}

TEST(read_link)
{
	char path[] = "/tmp/io_read_link.XXXXXX", buf[100];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	errno = 77;
	assert_int_equal(io_read_link(path, buf, sizeof(buf)), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(io_read_link(path, buf, sizeof(buf)), -1);
	assert_int_equal(symlink("the text", path), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(io_read_link(path, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "the textx", 9);
	assert_int_equal(io_read_link(path, buf, 3), 3);
	assert_int_equal(errno, 77);
	assert_int_equal(unlink(path), 0);
}
