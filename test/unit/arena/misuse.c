#include "arena/misuse.h"

#include "support/faults.h"
#include "support/harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "platform/fatal.h"

#define KIB ((size_t)1 << 10)

static void
setup(void)
{
	size_class_boot();
	bin_info_boot();
	assert_int_equal(arenas_boot(), ERR_NONE);
	fatal_hook = note_fault;
}

/* What is said about a pointer: all of these words. */
static void
assert_says(const void *ptr, const char *first, const char *second)
{
	char address[32];
	snprintf(address, sizeof(address), "%p", ptr);
	last_fault[0] = '\0';
	misuse_report(ptr);
	if (strstr(last_fault, first) == NULL ||
	    strstr(last_fault, second) == NULL ||
	    strstr(last_fault, address) == NULL) {
		fail_msg("%s: %s", address, last_fault);
	}
}

static char *
region(size_t size)
{
	void *reg;
	bool contended;
	assert_int_equal(arena_fill(arenas_get(0), szind_of(size), 0, &reg, 1,
			     &contended),
	    1);
	return reg;
}

static char *
large(size_t usize)
{
	uint64_t prng = 1;
	return large_alloc(arenas_get(0), usize, usize, 1, false, &prng);
}

TEST(foreign_pointers)
{
	static int data;
	int local;
	setup();
	assert_says(&local, "invalid pointer", "not memory of this allocator");
	assert_says(&data, "invalid pointer", "not memory of this allocator");
	assert_says((void *)1, "invalid pointer", "not memory");
	assert_says((void *)UINTPTR_MAX, "invalid pointer", "not memory");
	assert_says((void *)((uintptr_t)1 << 63), "invalid pointer",
	    "not memory");
	void *mapped = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	assert_says(mapped, "invalid pointer", "not memory");
}

/* The object around an interior pointer is named. */
TEST(inside_a_region)
{
	char text[64];
	setup();
	char *reg = region(100);
	snprintf(text, sizeof(text), "16 bytes into an object of 112 bytes");
	assert_says(reg + 16, "invalid pointer", text);
	snprintf(text, sizeof(text), "at %p", (void *)reg);
	assert_says(reg + 111, "invalid pointer", text);
	assert_says(reg + 1, "invalid pointer", "arena 0");
}

TEST(free_region)
{
	setup();
	char *reg = region(100);
	char *kept = region(100);
	void *array[] = {reg};
	arena_flush(szind_of(100), array, 1);
	assert_says(reg, "double free", "size class 112");
	assert_says(reg, "double free", "arena 0");
	array[0] = kept;
	arena_flush(szind_of(100), array, 1);
	arena_purge(arenas_get(0));
	assert_says(reg, "double free", "free memory");
}

TEST(inside_a_large_block)
{
	char text[64];
	setup();
	char *p = large(300 * KIB);
	snprintf(text, sizeof(text), "inside the block of %zu bytes at %p",
	    300 * KIB, (void *)p);
	assert_says(p + CACHELINE, "invalid pointer", text);
	assert_says(p + 100 * KIB, "invalid pointer", text);
	assert_says(p + 300 * KIB - 1, "invalid pointer", text);
}

TEST(freed_large_block)
{
	setup();
	char *p = large(300 * KIB);
	large_note_cached(large_find(p), p);
	assert_says(p, "double free", "307200");
	assert_says(p + PAGE, "invalid pointer", "inside the block");
	assert_true(large_note_uncached(p));
	large_free(p);
	assert_says(p, "double free", "free memory");
	assert_says(p + 100 * KIB, "double free", "free memory");
}

/* A block that is gone from the address space is foreign. */
TEST(unmapped_memory)
{
	setup();
	char *p = large(300 * KIB);
	large_free(p);
	(void)arenas_reclaim();
	last_fault[0] = '\0';
	misuse_report(p);
	assert_non_null(strstr(last_fault, "invalid pointer"));
}

TEST(wrong_size)
{
	setup();
	misuse_report_size((void *)0x1230, 112, 128);
	assert_string_equal(last_fault,
	    "size mismatch detected (true size 112 vs input size 128) when "
	    "freeing pointer 0x1230, likely caused by application sized "
	    "deallocation bugs");
}

TEST(double_free_text)
{
	setup();
	misuse_report_double_free((void *)0x1230, 64, 3);
	assert_string_equal(last_fault,
	    "double free of pointer 0x1230 (size class 64, arena 3)");
}

static void
report(void *ptr)
{
	fatal_hook = NULL;
	misuse_report(ptr);
}

TEST(faults_are_fatal)
{
	setup();
	assert_dies(report, &last_fault, "<jemalloc>: invalid pointer 0x");
}
