#include "api/trace.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "api/entry.h"
#include "api/init.h"
#include "meta/options.h"
#include "platform/io.h"
#include "platform/os_calls.h"

#if CONFIG_LOG || CONFIG_UTRACE || CONFIG_DEBUG

/* The functions; each has two events, core.NAME.entry and core.NAME.exit. */
#define FUNCTIONS(X)                                                           \
	X(malloc)                                                              \
	X(calloc)                                                              \
	X(realloc)                                                             \
	X(free)                                                                \
	X(free_sized)                                                          \
	X(free_aligned_sized)                                                  \
	X(posix_memalign)                                                      \
	X(aligned_alloc)                                                       \
	X(memalign)                                                            \
	X(valloc)                                                              \
	X(pvalloc)                                                             \
	X(malloc_usable_size)                                                  \
	X(mallocx)                                                             \
	X(rallocx)                                                             \
	X(xallocx)                                                             \
	X(sallocx)                                                             \
	X(dallocx)                                                             \
	X(sdallocx)                                                            \
	X(nallocx)                                                             \
	X(mallctl)                                                             \
	X(mallctlnametomib)                                                    \
	X(mallctlbymib)                                                        \
	X(malloc_stats_print)

#define ID(name) F_##name,
#define NAME(name) #name,
typedef enum { FUNCTIONS(ID) NFUNCTIONS } function_t;
static const char *const names[NFUNCTIONS] = {FUNCTIONS(NAME)};

typedef enum { EVENT_ENTRY, EVENT_EXIT, NEVENTS } event_t;
static const char *const events[NEVENTS] = {"entry", "exit"};

static bool selected[NFUNCTIONS][NEVENTS];
static bool any;

#define LINE_MAX_BYTES 512

/* Does a name of the option stand for an event: is it that, or above it? */
static bool
covers(const char *name, size_t length, const char *event)
{
	return (length == 1 && *name == '.') ||
	    (strncmp(event, name, length) == 0 && length != 0 &&
		(event[length] == '\0' || event[length] == '.'));
}

static bool
is_selected(const char *list, const char *event)
{
	for (const char *name = list;; name++) {
		size_t length = strcspn(name, "|");
		if (covers(name, length, event)) {
			return true;
		}
		name += length;
		if (*name == '\0') {
			return false;
		}
	}
}

void
trace_boot(const char *list)
{
	char event[64];
	any = false;
	for (unsigned i = 0; i < NFUNCTIONS; i++) {
		for (unsigned j = 0; j < NEVENTS; j++) {
			io_snprintf(event, sizeof(event), "core.%s.%s",
			    names[i], events[j]);
			selected[i][j] = is_selected(list, event);
			any |= selected[i][j];
		}
	}
}

static void PRINTF_LIKE(3, 4)
    say(function_t function, event_t event, const char *fmt, ...)
{
	/* The first call of all finds out what is wanted. */
	if (!init_done() || likely(!any) || !selected[function][event]) {
		return;
	}
	char line[LINE_MAX_BYTES];
	size_t length = io_snprintf(line, sizeof(line),
	    "core.%s.%s: ", names[function], events[event]);
	va_list ap;
	va_start(ap, fmt);
	length += io_vsnprintf(line + length, sizeof(line) - length, fmt, ap);
	va_end(ap);
	length = length < sizeof(line) - 2 ? length : sizeof(line) - 2;
	memcpy(line + length, "\n", 2);
	io_message(line);
}

#define SAY_ENTRY(function, ...) say(F_##function, EVENT_ENTRY, __VA_ARGS__)
#define SAY_EXIT(function, ...) say(F_##function, EVENT_EXIT, __VA_ARGS__)

/* For the kernel's trace: one block becomes another; NULL: there is none. */
static void
record(void *ptr, size_t size, void *result)
{
	if (unlikely(opt.utrace) && (ptr != NULL || result != NULL)) {
		int saved = errno;
		os_utrace_t entry = {ptr, size, result};
		os_utrace(&entry, sizeof(entry));
		errno = saved;
	}
}

void *
trace_malloc(size_t size)
{
	SAY_ENTRY(malloc, "size: %zu", size);
	void *result = je_malloc(size);
	record(NULL, size, result);
	SAY_EXIT(malloc, "result: %p", result);
	return result;
}

void *
trace_calloc(size_t num, size_t size)
{
	SAY_ENTRY(calloc, "num: %zu, size: %zu", num, size);
	void *result = je_calloc(num, size);
	record(NULL, num * size, result);
	SAY_EXIT(calloc, "result: %p", result);
	return result;
}

void *
trace_realloc(void *ptr, size_t size)
{
	SAY_ENTRY(realloc, "ptr: %p, size: %zu", (const void *)ptr, size);
	void *result = je_realloc(ptr, size);
	record(ptr, size, result);
	SAY_EXIT(realloc, "result: %p", result);
	return result;
}

void
trace_free(void *ptr)
{
	SAY_ENTRY(free, "ptr: %p", (const void *)ptr);
	record(ptr, 0, NULL);
	je_free(ptr);
	SAY_EXIT(free, "%s", "");
}

void
trace_free_sized(void *ptr, size_t size)
{
	SAY_ENTRY(free_sized, "ptr: %p, size: %zu", (const void *)ptr, size);
	record(ptr, 0, NULL);
	je_free_sized(ptr, size);
	SAY_EXIT(free_sized, "%s", "");
}

void
trace_free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
	SAY_ENTRY(free_aligned_sized, "ptr: %p, alignment: %zu, size: %zu",
	    (const void *)ptr, alignment, size);
	record(ptr, 0, NULL);
	je_free_aligned_sized(ptr, alignment, size);
	SAY_EXIT(free_aligned_sized, "%s", "");
}

int
trace_posix_memalign(void **memptr, size_t alignment, size_t size)
{
	SAY_ENTRY(posix_memalign, "memptr: %p, alignment: %zu, size: %zu",
	    (void *)memptr, alignment, size);
	int result = je_posix_memalign(memptr, alignment, size);
	record(NULL, size, result == 0 ? *memptr : NULL);
	SAY_EXIT(posix_memalign, "result: %d", result);
	return result;
}

void *
trace_aligned_alloc(size_t alignment, size_t size)
{
	SAY_ENTRY(aligned_alloc, "alignment: %zu, size: %zu", alignment, size);
	void *result = je_aligned_alloc(alignment, size);
	record(NULL, size, result);
	SAY_EXIT(aligned_alloc, "result: %p", result);
	return result;
}

void *
trace_memalign(size_t alignment, size_t size)
{
	SAY_ENTRY(memalign, "alignment: %zu, size: %zu", alignment, size);
	void *result = je_memalign(alignment, size);
	record(NULL, size, result);
	SAY_EXIT(memalign, "result: %p", result);
	return result;
}

void *
trace_valloc(size_t size)
{
	SAY_ENTRY(valloc, "size: %zu", size);
	void *result = je_valloc(size);
	record(NULL, size, result);
	SAY_EXIT(valloc, "result: %p", result);
	return result;
}

void *
trace_pvalloc(size_t size)
{
	SAY_ENTRY(pvalloc, "size: %zu", size);
	void *result = je_pvalloc(size);
	record(NULL, size, result);
	SAY_EXIT(pvalloc, "result: %p", result);
	return result;
}

size_t
trace_malloc_usable_size(void *ptr)
{
	SAY_ENTRY(malloc_usable_size, "ptr: %p", (const void *)ptr);
	size_t result = je_malloc_usable_size(ptr);
	SAY_EXIT(malloc_usable_size, "result: %zu", result);
	return result;
}

void *
trace_mallocx(size_t size, int flags)
{
	SAY_ENTRY(mallocx, "size: %zu, flags: %d", size, flags);
	void *result = je_mallocx(size, flags);
	record(NULL, size, result);
	SAY_EXIT(mallocx, "result: %p", result);
	return result;
}

void *
trace_rallocx(void *ptr, size_t size, int flags)
{
	SAY_ENTRY(rallocx, "ptr: %p, size: %zu, flags: %d", (const void *)ptr,
	    size, flags);
	void *result = je_rallocx(ptr, size, flags);
	record(ptr, size, result);
	SAY_EXIT(rallocx, "result: %p", result);
	return result;
}

size_t
trace_xallocx(void *ptr, size_t size, size_t extra, int flags)
{
	SAY_ENTRY(xallocx, "ptr: %p, size: %zu, extra: %zu, flags: %d",
	    (const void *)ptr, size, extra, flags);
	size_t result = je_xallocx(ptr, size, extra, flags);
	record(ptr, result, ptr);
	SAY_EXIT(xallocx, "result: %zu", result);
	return result;
}

size_t
trace_sallocx(const void *ptr, int flags)
{
	SAY_ENTRY(sallocx, "ptr: %p, flags: %d", (const void *)ptr, flags);
	size_t result = je_sallocx(ptr, flags);
	SAY_EXIT(sallocx, "result: %zu", result);
	return result;
}

void
trace_dallocx(void *ptr, int flags)
{
	SAY_ENTRY(dallocx, "ptr: %p, flags: %d", (const void *)ptr, flags);
	record(ptr, 0, NULL);
	je_dallocx(ptr, flags);
	SAY_EXIT(dallocx, "%s", "");
}

void
trace_sdallocx(void *ptr, size_t size, int flags)
{
	SAY_ENTRY(sdallocx, "ptr: %p, size: %zu, flags: %d", (const void *)ptr,
	    size, flags);
	record(ptr, 0, NULL);
	je_sdallocx(ptr, size, flags);
	SAY_EXIT(sdallocx, "%s", "");
}

size_t
trace_nallocx(size_t size, int flags)
{
	SAY_ENTRY(nallocx, "size: %zu, flags: %d", size, flags);
	size_t result = je_nallocx(size, flags);
	SAY_EXIT(nallocx, "result: %zu", result);
	return result;
}

int
trace_mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen)
{
	SAY_ENTRY(mallctl,
	    "name: %s, oldp: %p, oldlenp: %p, newp: %p, newlen: %zu",
	    name == NULL ? "(null)" : name, (void *)oldp, (void *)oldlenp,
	    (void *)newp, newlen);
	int result = je_mallctl(name, oldp, oldlenp, newp, newlen);
	SAY_EXIT(mallctl, "result: %d", result);
	return result;
}

int
trace_mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp)
{
	SAY_ENTRY(mallctlnametomib, "name: %s, mibp: %p, miblenp: %p",
	    name == NULL ? "(null)" : name, (void *)mibp, (void *)miblenp);
	int result = je_mallctlnametomib(name, mibp, miblenp);
	SAY_EXIT(mallctlnametomib, "result: %d", result);
	return result;
}

int
trace_mallctlbymib(const size_t *mib, size_t miblen, void *oldp,
    size_t *oldlenp, void *newp, size_t newlen)
{
	SAY_ENTRY(mallctlbymib,
	    "mib: %p, miblen: %zu, oldp: %p, oldlenp: %p, newp: %p, newlen: %zu",
	    (const void *)mib, miblen, (void *)oldp, (void *)oldlenp,
	    (void *)newp, newlen);
	int result = je_mallctlbymib(mib, miblen, oldp, oldlenp, newp, newlen);
	SAY_EXIT(mallctlbymib, "result: %d", result);
	return result;
}

void
trace_malloc_stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts)
{
	SAY_ENTRY(malloc_stats_print, "cbopaque: %p, opts: %s",
	    (void *)cbopaque, opts == NULL ? "(null)" : opts);
	je_malloc_stats_print(write_cb, cbopaque, opts);
	SAY_EXIT(malloc_stats_print, "%s", "");
}

#endif
