/*
 * null_alloc: an allocator that does nothing, to be subtracted.
 *
 * Every request is answered with the same static buffer, so malloc is two
 * instructions and free is one.  A program that allocates nothing it relies
 * on, and whose path does not depend on what its blocks contain, executes
 * the same instructions around it as around a real allocator: the difference
 * of two such runs is the allocator's own work, calls not counted.
 *
 * Not an allocator for anything else: threads and stdio break under it.
 */
#include <stddef.h>

#define NULL_BYTES ((size_t)64 << 20)
#define EXPORT __attribute__((visibility("default")))

static char null_buffer[NULL_BYTES] __attribute__((aligned(4096)));

EXPORT void *
malloc(size_t size)
{
	(void)size;
	return null_buffer;
}

EXPORT void
free(void *p)
{
	(void)p;
}

EXPORT void *
calloc(size_t count, size_t size)
{
	(void)count;
	(void)size;
	return null_buffer;
}

EXPORT void *
realloc(void *p, size_t size)
{
	(void)p;
	(void)size;
	return null_buffer;
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
	(void)alignment;
	(void)size;
	return null_buffer;
}

EXPORT int
posix_memalign(void **out, size_t alignment, size_t size)
{
	(void)alignment;
	(void)size;
	*out = null_buffer;
	return 0;
}

/* The sized forms, C23's, jemalloc's and C++'s (mangled by hand). */
void free_sized(void *p, size_t size);
void sdallocx(void *p, size_t size, int flags);
void *_Znwm(size_t size);
void _ZdlPv(void *p);
void _ZdlPvm(void *p, size_t size);

EXPORT void
free_sized(void *p, size_t size)
{
	(void)p;
	(void)size;
}

EXPORT void
sdallocx(void *p, size_t size, int flags)
{
	(void)p;
	(void)size;
	(void)flags;
}

EXPORT void *
_Znwm(size_t size)
{
	(void)size;
	return null_buffer;
}

EXPORT void
_ZdlPv(void *p)
{
	(void)p;
}

EXPORT void
_ZdlPvm(void *p, size_t size)
{
	(void)p;
	(void)size;
}
