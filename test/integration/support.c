/*
 * support: the model of the size classes, patterns, and children that die
 * with a named fault.
 */
#include "support.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

static size_t
round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

/* Four classes for every doubling, 16 bytes apart at least; 8 is extra. */
static size_t
model_class(size_t size)
{
	if (size <= 8) {
		return 8;
	}
	if (size <= 64) {
		return round_up(size, 16);
	}
	size_t base = 64;
	while (base * 2 < size) {
		base *= 2;
	}
	return round_up(size, base / 4);
}

size_t
model_usize(size_t size)
{
	if (size > LARGE_MAX) {
		return 0;
	}
	return size <= SMALL_MAX ? model_class(size)
				 : round_up(size, TEST_PAGE);
}

size_t
model_usize_aligned(size_t size, size_t alignment)
{
	if (size <= SMALL_MAX && alignment <= TEST_PAGE) {
		size_t usize = model_usize(round_up(size, alignment));
		if (usize < LARGE_MIN) {
			return usize;
		}
	}
	if (alignment > LARGE_MAX) {
		return 0;
	}
	size_t usize = size <= LARGE_MIN ? LARGE_MIN : model_usize(size);
	size_t lead = round_up(alignment, TEST_PAGE) - TEST_PAGE;
	if (usize == 0 || usize + TEST_PAGE + lead < usize) {
		return 0;
	}
	return usize;
}

static unsigned char
pattern_byte(size_t offset, unsigned seed)
{
	return (unsigned char)((offset ^ (offset >> 8)) * 31 + seed * 7 + 1);
}

void
pattern_fill(void *ptr, size_t size, unsigned seed)
{
	unsigned char *bytes = ptr;
	for (size_t i = 0; i < size; i++) {
		bytes[i] = pattern_byte(i, seed);
	}
}

bool
pattern_holds(const void *ptr, size_t size, unsigned seed)
{
	const unsigned char *bytes = ptr;
	unsigned differences = 0;
	for (size_t i = 0; i < size; i++) {
		differences |= bytes[i] ^ pattern_byte(i, seed);
	}
	return differences == 0;
}

bool
is_filled_with(const void *ptr, int byte, size_t size)
{
	const unsigned char *bytes = ptr;
	return size == 0 ||
	    (bytes[0] == (unsigned char)byte &&
		memcmp(bytes, bytes + 1, size - 1) == 0);
}

void
check_failed(const char *file, int line, const char *what)
{
	char text[512];
	int saved = errno;
	int len = snprintf(text, sizeof(text),
	    "%s:%d: check failed: %s "
	    "(errno %d)\n",
	    file, line, what, saved);
	if (len > 0) {
		ssize_t done = write(STDERR_FILENO, text, (size_t)len);
		(void)done;
	}
	_exit(99);
}

static harness_child_t child;

/* Shared with the children. */
static struct {
	const void *ptr;
	char words[256];
} * blamed;

void
blame(const void *ptr, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(blamed->words, sizeof(blamed->words), fmt, ap);
	va_end(ap);
	blamed->ptr = ptr;
}

typedef struct {
	void (*fn)(void *);
	void *arg;
} call_t;

static void
exiting_call(void *opaque)
{
	const call_t *call = opaque;
	call->fn(call->arg);
	exit(0);
}

void
assert_fault(void (*fn)(void *), void *arg, const char *fault)
{
	assert_fault_either(fn, arg, fault, fault);
}

void
assert_fault_either(void (*fn)(void *), void *arg, const char *fault,
    const char *other)
{
	if (blamed == NULL) {
		blamed = mmap(NULL, TEST_PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		assert_true(blamed != MAP_FAILED);
	}
	memset(blamed, 0, sizeof(*blamed));
	call_t call = {fn, arg};
	harness_run_child(exiting_call, &call, &child);
	char hex[32];
	snprintf(hex, sizeof(hex), "0x%jx", (uintmax_t)(uintptr_t)blamed->ptr);
	if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != SIGABRT ||
	    (strstr(child.err, "<jemalloc>: ") == NULL &&
		strstr(child.err, "Invalid deallocation detected") == NULL) ||
	    (strstr(child.err, fault) == NULL &&
		strstr(child.err, other) == NULL) ||
	    strstr(child.err, hex) == NULL) {
		fail_msg("%s: wanted an abort with \"%s\" and %s; got status "
			 "0x%x%s and: %s",
		    blamed->words, fault, hex, (unsigned)child.status,
		    child.timed_out ? " (hung)" : "", child.err);
	}
}

size_t
resident_bytes(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	ssize_t len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0) {
		return 0;
	}
	text[len] = '\0';
	unsigned long total = 0;
	unsigned long resident = 0;
	if (sscanf(text, "%lu %lu", &total, &resident) != 2) {
		return 0;
	}
	return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}
