#include "platform/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/io.h"

/* What a call must leave as it was. */
typedef struct {
	int error;
	int cancel_state;
} saved_t;

static saved_t
begin(void)
{
	saved_t saved = {.error = errno};
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE,
	    &saved.cancel_state);
	return saved;
}

static int
end(saved_t saved, int error)
{
	(void)pthread_setcancelstate(saved.cancel_state, NULL);
	errno = saved.error;
	return error;
}

/* Is the file one that we may write?  *size is its length. */
static int
check(int fd, uint64_t *size)
{
	struct stat status;
	if (fstat(fd, &status) != 0) {
		return errno;
	}
	/* One of several names may be someone's trap. */
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    status.st_nlink > 1) {
		return EPERM;
	}
	*size = (uint64_t)status.st_size;
	return 0;
}

/* Open for writing; *fd is -1 where that fails. */
static int
open_checked(const char *path, int flags, int *fd, uint64_t *size)
{
	*fd = open(path,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
		O_NOCTTY | flags,
	    0644);
	if (*fd < 0) {
		return errno == ENXIO || errno == EISDIR ? EPERM : errno;
	}
	int error = check(*fd, size);
	if (error != 0) {
		(void)close(*fd);
		*fd = -1;
	}
	return error;
}

/* A file that is larger costs the process a signal. */
static bool
is_allowed(uint64_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

/* All of it behind `before` bytes, or nothing. */
static int
write_all(int fd, uint64_t before, const void *data, size_t size)
{
	if (!is_allowed(before + size)) {
		return EFBIG;
	}
	if (io_write(fd, data, size)) {
		return 0;
	}
	return ftruncate(fd, (off_t)before) == 0 ? ENOSPC : EIO;
}

/* The path with something behind it. */
static int
path_with(const char *path, const char *suffix, char text[OUTFILE_PATH_MAX])
{
	return io_snprintf(text, OUTFILE_PATH_MAX, "%s%s", path, suffix) <
		OUTFILE_PATH_MAX
	    ? 0
	    : ENAMETOOLONG;
}

/* Put a full file aside. */
static int
put_aside(const char *path)
{
	char old[OUTFILE_PATH_MAX];
	int error = path_with(path, ".old", old);
	if (error == 0 && rename(path, old) != 0) {
		error = errno;
	}
	return error;
}

int
outfile_append(const char *path, const void *data, size_t size,
    uint64_t size_max)
{
	saved_t saved = begin();
	int fd;
	if (size > size_max || !is_allowed(size)) {
		return end(saved, EFBIG);
	}
	uint64_t before = 0;
	int error = open_checked(path, O_APPEND, &fd, &before);
	if (error == 0 && before > 0 &&
	    (before > size_max - size || !is_allowed(before + size))) {
		(void)close(fd);
		fd = -1;
		error = put_aside(path);
		if (error == 0) {
			error = open_checked(path, O_APPEND, &fd, &before);
		}
	}
	if (error == 0) {
		error = write_all(fd, before, data, size);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return end(saved, error);
}

int
outfile_replace(const char *path, const void *data, size_t size)
{
	char new[OUTFILE_PATH_MAX];
	saved_t saved = begin();
	int fd = -1;
	uint64_t before = 0;
	int error = path_with(path, ".new", new);
	if (error == 0) {
		/* Emptied only once it is known to be ours. */
		error = open_checked(new, 0, &fd, &before);
	}
	if (error == 0) {
		error = before != 0 && ftruncate(fd, 0) != 0
		    ? EIO
		    : write_all(fd, 0, data, size);
		(void)close(fd);
		if (error == 0 && rename(new, path) != 0) {
			error = errno;
		}
		if (error != 0) {
			(void)unlink(new);
		}
	}
	return end(saved, error);
}

static int
send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? errno : EAGAIN;
		}
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int
outfile_send(const char *path, const void *data, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	if (length >= sizeof(address.sun_path)) {
		return ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, length + 1);
	saved_t saved = begin();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return end(saved, errno);
	}
	/* Room for all of it, as far as the system allows. */
	int room = size < INT32_MAX ? (int)size : INT32_MAX;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	int error = 0;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		error = errno;
	} else {
		error = send_all(fd, data, size);
	}
	(void)close(fd);
	return end(saved, error);
}

const char *
outfile_error(int error)
{
	switch (error) {
	case EPERM:
		return ": not a regular file of this user with one name";
	case EACCES:
		return ": permission denied";
	case ENOENT:
		return ": no such folder";
	case ENOTDIR:
		return ": a part of the path is no folder";
	case ELOOP:
		return ": symbolic links are not followed";
	case EROFS:
		return ": file system is read-only";
	case EFBIG:
		return ": the statistics are larger than the file may be";
	case ENOSPC:
		return ": no space left";
	case ENAMETOOLONG:
		return ": the path is too long";
	default:
		return "";
	}
}
