#include "mallctl_support.h"

#include <limits.h>

static const char *
name_make(char *buf, size_t size, const char *fmt, va_list ap)
{
	int length = vsnprintf(buf, size, fmt, ap);
	assert_in_range(length, 0, size - 1);
	return buf;
}

#define DEFINE_NAME(fmt)                                                       \
	char name[256];                                                        \
	va_list ap;                                                            \
	va_start(ap, fmt);                                                     \
	name_make(name, sizeof(name), fmt, ap);                                \
	va_end(ap)

static void
get(const char *name, void *value, size_t size)
{
	size_t length = size;
	int error = mallctl(name, value, &length, NULL, 0);
	if (error != 0 || length != size) {
		print_error("%s: %d, %zu bytes\n", name, error, length);
	}
	assert_int_equal(error, 0);
	assert_int_equal(length, size);
}

size_t
ctl_size(const char *fmt, ...)
{
	size_t value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

ssize_t
ctl_ssize(const char *fmt, ...)
{
	ssize_t value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

unsigned
ctl_unsigned(const char *fmt, ...)
{
	unsigned value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

uint64_t
ctl_u64(const char *fmt, ...)
{
	uint64_t value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

bool
ctl_bool(const char *fmt, ...)
{
	bool value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

const char *
ctl_text(const char *fmt, ...)
{
	const char *value;
	DEFINE_NAME(fmt);
	get(name, &value, sizeof(value));
	return value;
}

int
ctl_act(const char *fmt, ...)
{
	DEFINE_NAME(fmt);
	return mallctl(name, NULL, NULL, NULL, 0);
}

int
ctl_put(const void *value, size_t size, const char *fmt, ...)
{
	DEFINE_NAME(fmt);
	return mallctl(name, NULL, NULL, (void *)(uintptr_t)value, size);
}

void
ctl_epoch(void)
{
	uint64_t epoch = 1;
	assert_int_equal(CTL_PUT(epoch, "epoch"), 0);
}

unsigned
ctl_arena_new(extent_hooks_t *hooks)
{
	unsigned ind;
	size_t length = sizeof(ind);
	int error = hooks == NULL
	    ? mallctl("arenas.create", &ind, &length, NULL, 0)
	    : mallctl("arenas.create", &ind, &length, &hooks, sizeof(hooks));
	assert_int_equal(error, 0);
	return ind;
}

unsigned
ctl_arena_of(const void *ptr)
{
	unsigned ind;
	size_t length = sizeof(ind);
	int error = mallctl("arenas.lookup", &ind, &length, &ptr, sizeof(ptr));
	return error == 0 ? ind : UINT_MAX;
}
