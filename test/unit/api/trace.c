#include "api/trace.h"

#include "support/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/entry.h"
#include "meta/options.h"
#include "platform/io.h"
#include "support/os_calls_fault.h"

static char text[1 << 16];
static size_t used;

static void
note(void *cbopaque, const char *s)
{
	size_t length = strlen(s);
	assert_true(used + length < sizeof(text));
	memcpy(text + used, s, length + 1);
	used += length;
}

static void
setup(const char *names)
{
	je_free(je_malloc(1));
	je_malloc_message = note;
	trace_boot(names);
	text[0] = '\0';
	used = 0;
}

static unsigned
nlines(void)
{
	unsigned n = 0;
	for (const char *p = text; *p != '\0'; p++) {
		n += *p == '\n';
	}
	return n;
}

static void
assert_said(const char *line)
{
	if (strstr(text, line) == NULL) {
		fail_msg("no \"%s\" in:\n%s", line, text);
	}
}

TEST(lines_of_malloc_and_free)
{
	char line[128];
	setup("core.malloc|core.free.entry");
	errno = 77;
	void *ptr = trace_malloc(10);
	assert_non_null(ptr);
	(void)snprintf(line, sizeof(line),
	    "core.malloc.entry: size: 10\ncore.malloc.exit: result: %p\n", ptr);
	assert_string_equal(text, line);
	used = 0;
	trace_free(ptr);
	(void)snprintf(line, sizeof(line), "core.free.entry: ptr: %p\n", ptr);
	assert_string_equal(text, line);
	assert_int_equal(errno, 77);
}

/* Which names select core.malloc.entry, and which its exit too. */
TEST(names)
{
	static const struct {
		const char *names;
		unsigned lines;
	} cases[] = {{"", 0}, {"|", 0}, {".", 2}, {"core", 2}, {"cor", 0},
	    {"core.", 0}, {"core.malloc", 2}, {"core.mallo", 0},
	    {"core.mallocx", 0}, {"core.malloc.entry", 1},
	    {"core.malloc.exit", 1}, {"core.malloc.entry.x", 0},
	    {"core.free|core.malloc.exit", 1},
	    {"core.malloc.exit|core.malloc.entry", 2}, {"x|.", 2},
	    {"nothing|like|that", 0}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(cases[i].names);
		trace_free(trace_malloc(1));
		trace_boot("");
		unsigned n = 0;
		for (const char *p = text;
		     (p = strstr(p, "core.malloc")) != NULL; p++) {
			n++;
		}
		assert_int_equal(n, cases[i].lines);
	}
}

/* Every function says what it was asked for and what it gave. */
TEST(all_functions)
{
	void *ptr;
	size_t length = 2, mib[2], page, size = sizeof(page);
	setup(".");
	trace_free(trace_calloc(3, 5));
	assert_said("core.calloc.entry: num: 3, size: 5\n");
	assert_said("core.calloc.exit: result: 0x");
	ptr = trace_realloc(NULL, 7);
	ptr = trace_realloc(ptr, 700);
	assert_said("core.realloc.entry: ptr: 0x");
	assert_said(", size: 700\n");
	trace_free_sized(ptr, 700);
	assert_said("core.free_sized.entry: ptr: 0x");
	trace_free_aligned_sized(trace_aligned_alloc(64, 128), 64, 128);
	assert_said("core.aligned_alloc.entry: alignment: 64, size: 128\n");
	assert_said(", alignment: 64, size: 128\n");
	assert_int_equal(trace_posix_memalign(&ptr, 3, 8), EINVAL);
	assert_said("core.posix_memalign.exit: result: 22\n");
	trace_free(trace_memalign(64, 1));
	assert_said("core.memalign.entry: alignment: 64, size: 1\n");
	trace_free(trace_valloc(5));
	assert_said("core.valloc.entry: size: 5\n");
	trace_free(trace_pvalloc(6));
	assert_said("core.pvalloc.entry: size: 6\n");
	ptr = trace_mallocx(100, 3);
	assert_said("core.mallocx.entry: size: 100, flags: 3\n");
	ptr = trace_rallocx(ptr, 200, 4);
	assert_said(", size: 200, flags: 4\n");
	assert_int_equal(trace_malloc_usable_size(ptr), 224);
	assert_said("core.malloc_usable_size.exit: result: 224\n");
	assert_int_equal(trace_sallocx(ptr, 0), 224);
	assert_said("core.sallocx.exit: result: 224\n");
	assert_int_equal(trace_xallocx(ptr, 224, 1, 0), 224);
	assert_said(", size: 224, extra: 1, flags: 0\n");
	assert_int_equal(trace_nallocx(1, 0), 8);
	assert_said("core.nallocx.entry: size: 1, flags: 0\n");
	trace_sdallocx(ptr, 224, 0);
	assert_said(", size: 224, flags: 0\n");
	trace_dallocx(trace_malloc(8), 0);
	assert_said("core.dallocx.entry: ptr: 0x");
	assert_int_equal(trace_mallctl("arenas.page", &page, &size, NULL, 0),
	    0);
	assert_said("core.mallctl.entry: name: arenas.page, oldp: 0x");
	assert_int_equal(trace_mallctlnametomib("arenas.page", mib, &length),
	    0);
	assert_said("core.mallctlnametomib.exit: result: 0\n");
	assert_int_equal(trace_mallctlbymib(mib, 2, &page, &size, NULL, 0), 0);
	assert_said("core.mallctlbymib.entry: mib: 0x");
	trace_malloc_stats_print(note, NULL, "Jgmdablxeh");
	assert_said("opts: Jgmdablxeh\n");
	assert_said("core.malloc_stats_print.exit: \n");
	assert_int_equal(os_utrace_count, 0);
}

/* A name of any length fits the line. */
TEST(long_arguments)
{
	char name[3000];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setup("core.mallctl.entry");
	assert_int_equal(trace_mallctl(name, NULL, NULL, NULL, 0), ENOENT);
	assert_int_equal(nlines(), 1);
	assert_true(used < 600);
	assert_int_equal(text[used - 1], '\n');
}

static void
assert_record(void *ptr, size_t size, void *result)
{
	assert_ptr_equal(os_utrace_last.ptr, ptr);
	assert_int_equal(os_utrace_last.size, size);
	assert_ptr_equal(os_utrace_last.result, result);
	assert_int_equal(errno, 77);
}

TEST(records)
{
	setup("");
	opt.utrace = true;
	errno = 77;
	void *ptr = trace_malloc(10);
	assert_record(NULL, 10, ptr);
	void *other = trace_realloc(ptr, 1000);
	assert_record(ptr, 1000, other);
	trace_free(other);
	assert_record(other, 0, NULL);
	ptr = trace_calloc(3, 4);
	assert_record(NULL, 12, ptr);
	trace_sdallocx(ptr, 12, 0);
	assert_record(ptr, 0, NULL);
	assert_int_equal(trace_posix_memalign(&ptr, 64, 65), 0);
	assert_record(NULL, 65, ptr);
	assert_int_equal(trace_xallocx(ptr, 1, 0, 0), 128);
	assert_record(ptr, 128, ptr);
	assert_int_equal(os_utrace_count, 7);
	trace_free(NULL);
	assert_int_equal(os_utrace_count, 7);
	assert_int_equal(used, 0);
}
