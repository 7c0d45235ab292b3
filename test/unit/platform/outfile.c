/*
 * Files and sockets get whole messages or none, whatever lies at the path, and
 * nothing waits or dies.
 */
#include "platform/outfile.h"

#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX UINT64_C(1000000)

static char folder[64];

/* The path of a name in a folder of this test. */
static const char *
at(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];
	if (folder[0] == '\0') {
		strcpy(folder, "/tmp/outfile.XXXXXX");
		assert_non_null(mkdtemp(folder));
	}
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void
assert_content(const char *path, const char *content)
{
	char text[256];
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(close(fd), 0);
	assert_string_equal(text, content);
}

/* Lines are added; a full file is put aside, so that there are two at most. */
TEST(append)
{
	const char *path = at("lines");
	errno = 77;
	assert_int_equal(outfile_append(path, "one\n", 4, 10), 0);
	assert_int_equal(outfile_append(path, "two\n", 4, 10), 0);
	assert_content(path, "one\ntwo\n");
	assert_int_equal(outfile_append(path, "three\n", 6, 10), 0);
	assert_content(path, "three\n");
	assert_content(at("lines.old"), "one\ntwo\n");
	assert_int_equal(outfile_append(path, "four\n", 5, 10), 0);
	assert_content(path, "four\n");
	assert_content(at("lines.old"), "three\n");
	assert_int_equal(outfile_append(path, "too much", 8, 7), EFBIG);
	assert_content(path, "four\n");
	assert_int_equal(errno, 77);
}

TEST(replace)
{
	const char *path = at("whole");
	errno = 77;
	assert_int_equal(outfile_replace(path, "a long one", 10), 0);
	assert_int_equal(outfile_replace(path, "short", 5), 0);
	assert_content(path, "short");
	assert_int_equal(access(at("whole.new"), F_OK), -1);
	/* What an interrupted call left behind. */
	assert_int_equal(outfile_append(at("whole.new"), "leftovers", 9, MAX),
	    0);
	assert_int_equal(outfile_replace(path, "new", 3), 0);
	assert_content(path, "new");
	assert_int_equal(mkdir(at("there"), 0700), 0);
	assert_int_equal(outfile_replace(at("there"), "x", 1), EISDIR);
	assert_int_equal(access(at("there.new"), F_OK), -1);
}

static int
any(bool replace, const char *path)
{
	return replace ? outfile_replace(path, "x", 1)
		       : outfile_append(path, "x", 1, MAX);
}

/* What is no file of ours is left alone, and does not stop us. */
TEST(hostile_paths)
{
	char deep[2 * OUTFILE_PATH_MAX];
	memset(deep, 'x', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(symlink("target", at("link")), 0);
	assert_int_equal(symlink("target", at("other.new")), 0);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(mkfifo(at("another.new"), 0600), 0);
	for (int replace = 0; replace < 2; replace++) {
		assert_int_equal(any(replace, at("no/such/folder")), ENOENT);
		assert_int_not_equal(any(replace, "/dev/null/x"), 0);
		assert_int_not_equal(any(replace, ""), 0);
		assert_int_equal(any(replace, deep), ENAMETOOLONG);
	}
	assert_int_equal(any(false, at("link")), ELOOP);
	assert_int_equal(any(true, at("other")), ELOOP);
	assert_int_equal(access(at("target"), F_OK), -1);
	assert_int_equal(any(false, at("fifo")), EPERM);
	assert_int_equal(any(true, at("another")), EPERM);
	assert_int_equal(any(false, "/dev/full"), EPERM);
	assert_int_equal(any(false, folder), EPERM);
	assert_int_equal(outfile_append(at("named"), "x", 1, MAX), 0);
	assert_int_equal(link(at("named"), at("named twice")), 0);
	assert_int_equal(any(false, at("named twice")), EPERM);
	assert_content(at("named"), "x");
	assert_int_equal(link(at("named"), at("third.new")), 0);
	assert_int_equal(any(true, at("third")), EPERM);
	assert_content(at("named"), "x");
	/* Replacing a link replaces the link. */
	assert_int_equal(any(true, at("link")), 0);
	assert_int_equal(access(at("target"), F_OK), -1);
	assert_content(at("link"), "x");
	/* A reader of a fifo is no invitation. */
	int fd = open(at("fifo"), O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(any(false, at("fifo")), EPERM);
	assert_int_equal(close(fd), 0);
}

/* Above the limit of the process, a signal would end it. */
TEST(file_size_limit)
{
	const struct rlimit limit = {20, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	const char *path = at("limited");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(outfile_append(path, "0123456789abcde", 15, MAX), 0);
	assert_int_equal(outfile_append(path, "0123456789", 10, MAX), 0);
	assert_content(path, "0123456789");
	assert_int_equal(outfile_append(path, "0123456789abcdef012345", 22,
			     MAX),
	    EFBIG);
	assert_content(path, "0123456789");
	assert_int_equal(outfile_replace(path, "0123456789abcdef012345", 22),
	    EFBIG);
	/* What the test itself writes is longer. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
	    0);
	assert_int_equal(listen(fd, 2), 0);
	return fd;
}

/* A listener gets the message, and the end of it. */
TEST(socket_message)
{
	char text[16];
	errno = 77;
	assert_int_equal(outfile_send(at("socket"), "hello", 5), ENOENT);
	int fd = listen_at(at("socket"));
	assert_int_equal(outfile_send(at("socket"), "hello", 5), 0);
	int connection = accept(fd, NULL, NULL);
	assert_true(connection >= 0);
	assert_int_equal(read(connection, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(read(connection, text, sizeof(text)), 0);
	assert_int_equal(close(connection), 0);
	assert_int_equal(errno, 77);
}

/* One who is gone, or does not read, costs nothing. */
TEST(socket_dead)
{
	static char big[8 << 20];
	int fd = listen_at(at("deaf"));
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(outfile_send(at("deaf"), big, sizeof(big)),
		    EAGAIN);
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(outfile_send(at("deaf"), big, sizeof(big)),
	    ECONNREFUSED);
	memset(big, 'x', 200);
	big[200] = '\0';
	assert_int_equal(outfile_send(big, "x", 1), ENAMETOOLONG);
}

TEST(words)
{
	assert_string_equal(outfile_error(0), "");
	assert_non_null(strstr(outfile_error(EPERM), "regular file"));
	assert_non_null(strstr(outfile_error(EACCES), "permission"));
}
