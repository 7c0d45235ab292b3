/*
 * outfile: whole messages to files and sockets, beside the work of a program.
 *
 * Every call opens, writes and closes: nothing stays open that the program
 * could close under us, or that a child would inherit.  Files are regular ones
 * of our own user with one name, never reached by a symbolic link, and never
 * larger than the process is allowed to make them; others are refused (EPERM,
 * ELOOP, EFBIG).
 * What a socket does not take at once is dropped.  Nothing here waits for
 * another process, raises a signal, allocates or takes a lock; it is no
 * cancellation point, and errno is preserved.
 *
 * All functions return 0 or the number of an error.
 */
#ifndef PLATFORM_OUTFILE_H
#define PLATFORM_OUTFILE_H

#include <stddef.h>
#include <stdint.h>

#include "platform/compiler.h"

/* The longest path that is accepted, its NUL included. */
#define OUTFILE_PATH_MAX 1024

/*
 * Add data, in one piece, to the end of a file.  If it would grow above
 * size_max bytes, it is renamed to PATH.old first, and a new one begun.
 */
MUST_CHECK int outfile_append(const char *path, const void *data, size_t size,
    uint64_t size_max);

/* Have a file with this data, whatever was there; readers never see a part. */
MUST_CHECK int outfile_replace(const char *path, const void *data, size_t size);

/*
 * To whoever listens at a stream socket; EAGAIN: only a part went, or nothing.
 */
MUST_CHECK int outfile_send(const char *path, const void *data, size_t size);

/* Words for an error, "" where there are none. */
const char *outfile_error(int error);

#endif
