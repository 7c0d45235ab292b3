#include "platform/pages.h"

#include "support/harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/io.h"
#include "support/os_calls_fault.h"
#include "support/residence.h"

#define MIB ((size_t)1 << 20)

/* Is there a mapping at each page of a range? */
static bool
is_mapped(void *addr, size_t size)
{
	static unsigned char residence[1 << 16];
	return mincore(addr, size, residence) == 0;
}

/* Is any page of a range mapped? */
static bool
is_mapped_anywhere(char *addr, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE) {
		if (is_mapped(addr + i, PAGE)) {
			return true;
		}
	}
	return false;
}

static size_t
count_resident(void *addr, size_t size)
{
	static unsigned char residence[1 << 16];
	need_residence();
	assert_int_equal(mincore(addr, size, residence), 0);
	size_t count = 0;
	for (size_t i = 0; i < size / PAGE; i++) {
		count += residence[i] & 1;
	}
	return count;
}

static bool
is_filled(const char *p, size_t size, char c)
{
	return size == 0 || (p[0] == c && memcmp(p, p + 1, size - 1) == 0);
}

static void *
map(size_t size)
{
	bool commit = true;
	void *p = pages_map(NULL, size, PAGE, &commit);
	assert_non_null(p);
	assert_true(commit);
	return p;
}

/* From here on the kernel's pages are taken to be 64 KiB. */
static void
pretend_big_pages(void)
{
	os_page_size = 64 << 10;
}

TEST(boot_finds_page_size)
{
	pages_boot();
	assert_int_equal(os_page_size, sysconf(_SC_PAGESIZE));
	assert_int_equal(os_fault_count(), 0);
}

TEST(map_and_unmap)
{
	errno = ERANGE;
	char *p = map(3 * PAGE);
	assert_true(is_filled(p, 3 * PAGE, 0));
	memset(p, 1, 3 * PAGE);
	assert_int_equal(pages_unmap(p + PAGE, PAGE), ERR_NONE);
	assert_int_equal(errno, ERANGE);
	assert_false(is_mapped(p + PAGE, PAGE));
	assert_int_equal(p[0] + p[2 * PAGE], 2);
	assert_int_equal(pages_unmap(p, 3 * PAGE), ERR_NONE);
}

/* All alignments, sizes that are multiples of them and others. */
TEST(map_aligned)
{
	static const size_t sizes[] = {PAGE, 3 * PAGE, 2 * MIB, 5 * MIB + PAGE};
	for (size_t alignment = 1; alignment <= 64 * MIB; alignment *= 2) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			bool commit = true;
			char *p = pages_map(NULL, sizes[i], alignment, &commit);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % alignment, 0);
			assert_true(is_mapped(p, sizes[i]));
			p[0] = p[sizes[i] - 1] = 1;
			assert_int_equal(pages_unmap(p, sizes[i]), ERR_NONE);
			assert_false(is_mapped_anywhere(p, sizes[i]));
		}
	}
	assert_int_equal(pages_abandoned_bytes(), 0);
}

TEST(map_too_much)
{
	bool commit = true;
	errno = ERANGE;
	assert_null(pages_map(NULL, SIZE_MAX, PAGE, &commit));
	assert_null(pages_map(NULL, SIZE_MAX / 2, PAGE, &commit));
	assert_null(pages_map(NULL, PAGE, SIZE_MAX / 2 + 1, &commit));
	assert_int_equal(errno, ERANGE);
}

/* A place that is free is had, one that is not is left alone. */
TEST(map_at_address)
{
	bool commit = true;
	char *p = map(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	assert_null(pages_map(p + PAGE, PAGE, PAGE, &commit));
	assert_true(is_filled(p, 4 * PAGE, 1));
	assert_int_equal(pages_unmap(p + PAGE, PAGE), ERR_NONE);
	assert_null(pages_map(p + PAGE, 2 * PAGE, PAGE, &commit));
	assert_false(is_mapped(p + PAGE, PAGE));
	assert_ptr_equal(pages_map(p + PAGE, PAGE, PAGE, &commit), p + PAGE);
	assert_true(is_filled(p + PAGE, PAGE, 0));
}

/* What a mapping costs when the kernel has no luck with the alignment. */
TEST(map_aligned_is_cheap)
{
	bool commit = true;
	os_fault_arm(0);
	char *p = pages_map(NULL, 2 * MIB, 2 * MIB, &commit);
	assert_non_null(p);
	assert_in_range(os_fault_count(), 1, 3);
	os_fault_arm(0);
	assert_non_null(pages_map(NULL, PAGE, PAGE, &commit));
	assert_int_equal(os_fault_count(), 1);
}

static void
limit_address_space(void *arg)
{
	(void)arg;
	char *p = map(PAGE);
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_AS, &none);
	bool commit = true;
	errno = ERANGE;
	bool failed = pages_map(NULL, 16 * PAGE, PAGE, &commit) == NULL &&
	    pages_map(NULL, PAGE, 2 * MIB, &commit) == NULL;
	failed = failed && pages_unmap(p, PAGE) == ERR_NONE;
	_exit(failed && errno == ERANGE ? 0 : 1);
}

TEST(map_without_address_space)
{
	assert_survives(limit_address_space, NULL);
}

/*
 * Any one of the calls fails: there is no mapping, or there is one as asked
 * for and at worst something abandoned.
 */
TEST(map_with_faults)
{
	static const size_t alignments[] = {PAGE, 2 * MIB, 16 * MIB};
	for (size_t i = 0; i < ARRAY_LEN(alignments); i++) {
		for (uint64_t n = 1, failed = 1; failed > 0; n++) {
			bool commit = true;
			errno = ERANGE;
			os_fault_arm(n);
			char *p = pages_map(NULL, 3 * PAGE, alignments[i],
			    &commit);
			failed = os_fault_disarm();
			assert_int_equal(errno, ERANGE);
			if (p == NULL) {
				assert_int_equal(failed, 1);
				continue;
			}
			assert_int_equal((uintptr_t)p % alignments[i], 0);
			assert_true(is_filled(p, 3 * PAGE, 0));
			assert_int_equal(pages_unmap(p, 3 * PAGE), ERR_NONE);
		}
	}
}

/* Cuts that fail are counted, and do no other harm. */
TEST(abandoned_cuts)
{
	bool commit = true;
	os_fault_only(OS_FAULT_MUNMAP);
	os_fault_arm_from(1);
	char *p = NULL;
	for (int i = 0; i < 10 && pages_abandoned_bytes() == 0; i++) {
		p = pages_map(NULL, PAGE, 16 * MIB, &commit);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % (16 * MIB), 0);
	}
	os_fault_disarm();
	assert_true(pages_abandoned_bytes() > 0);
	assert_int_equal(pages_unmap(p, PAGE), ERR_NONE);
}

/* Every other operation fails without a trace. */
TEST(operations_with_faults)
{
	char *p = map(4 * PAGE);
	char *q = map(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	memset(q, 2, 4 * PAGE);
	pages_assume_overcommit(false);
	errno = ERANGE;
	os_fault_arm_from(1);
	assert_int_equal(pages_unmap(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_commit(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_decommit(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_purge_lazy(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_purge_forced(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_guard(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_unguard(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_hugify(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_nohugify(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_collapse(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_populate(p, 4 * PAGE), ERR_NOMEM);
	assert_int_equal(pages_move(p, q, 4 * PAGE, 4 * PAGE), ERR_REFUSED);
	assert_int_equal(os_fault_disarm(), 12);
	assert_int_equal(errno, ERANGE);
	assert_true(is_filled(p, 4 * PAGE, 1));
	assert_true(is_filled(q, 4 * PAGE, 2));
}

TEST(purge_forced_zeroes)
{
	char *p = map(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	errno = ERANGE;
	assert_int_equal(pages_purge_forced(p + PAGE, 2 * PAGE), ERR_NONE);
	assert_int_equal(count_resident(p, 4 * PAGE), 2);
	assert_true(is_filled(p + PAGE, 2 * PAGE, 0));
	assert_int_equal(p[0] + p[3 * PAGE], 2);
	assert_int_equal(errno, ERANGE);
}

TEST(purge_lazy_keeps_or_zeroes)
{
	char *p = map(4 * PAGE);
	memset(p, 1, 4 * PAGE);
	assert_int_equal(pages_purge_lazy(p, 4 * PAGE), ERR_NONE);
	for (size_t i = 0; i < 4; i++) {
		assert_true(is_filled(p + i * PAGE, PAGE, 0) ||
		    is_filled(p + i * PAGE, PAGE, 1));
	}
}

/* The kernel's pages are bigger than ours: all of the range is zero anyway. */
TEST(purge_forced_with_big_pages)
{
	char *base = map(256 << 10);
	pretend_big_pages();
	char *p = (char *)(((uintptr_t)base + 0xffff) & ~(uintptr_t)0xffff);
	memset(base, 1, 256 << 10);
	assert_int_equal(pages_purge_forced(p + PAGE, 34 * PAGE), ERR_NONE);
	assert_int_equal(count_resident(p, 48 * PAGE), 32);
	assert_int_equal(p[0] + p[35 * PAGE], 2);
	assert_true(is_filled(p + PAGE, 34 * PAGE, 0));
	memset(base, 1, 256 << 10);
	/* No whole page inside. */
	assert_int_equal(pages_purge_forced(p + PAGE, 30 * PAGE), ERR_REFUSED);
	assert_int_equal(pages_purge_forced(p, 15 * PAGE), ERR_REFUSED);
	assert_int_equal(pages_purge_lazy(p + PAGE, 30 * PAGE), ERR_REFUSED);
	assert_true(is_filled(p, 32 * PAGE, 1));
	assert_int_equal(pages_guard(p, PAGE), ERR_REFUSED);
	assert_int_equal(pages_populate(p, PAGE), ERR_REFUSED);
	/* That was no reason to believe that the system cannot do it. */
	assert_int_equal(pages_purge_lazy(p, 16 * PAGE), ERR_NONE);
}

TEST(map_with_big_pages)
{
	bool commit = true;
	pretend_big_pages();
	char *p = pages_map(NULL, PAGE, PAGE, &commit);
	assert_int_equal((uintptr_t)p % os_page_size, 0);
	assert_true(is_mapped(p, os_page_size));
	assert_int_equal(pages_unmap(p, PAGE), ERR_NONE);
	assert_false(is_mapped_anywhere(p, os_page_size));
	p = pages_map(NULL, os_page_size + 1, 2 * MIB, &commit);
	assert_int_equal((uintptr_t)p % (2 * MIB), 0);
	assert_true(is_mapped(p, 2 * os_page_size));
}

TEST(dontneed_is_tested_once)
{
	os_fault_arm(1);
	assert_false(pages_dontneed_zeroes()); /* no page for the test */
	os_fault_arm(0);
	assert_true(pages_dontneed_zeroes());
	assert_int_equal(os_fault_count(), 3);
	assert_true(pages_dontneed_zeroes());
	assert_int_equal(os_fault_count(), 3);
}

TEST(dontneed_is_trusted)
{
	pages_trust_madvise = true;
	os_fault_arm(0);
	assert_true(pages_dontneed_zeroes());
	assert_int_equal(os_fault_count(), 0);
}

/* Without the answer to the test the memory is zeroed by hand. */
TEST(purge_forced_without_test)
{
	char *p = map(2 * PAGE);
	memset(p, 1, 2 * PAGE);
	os_fault_arm(2);
	assert_int_equal(pages_purge_forced(p, 2 * PAGE), ERR_NONE);
	assert_int_equal(os_fault_disarm(), 1);
	assert_true(is_filled(p, 2 * PAGE, 0));
}

static void
touch(void *arg)
{
	*(volatile char *)arg = 1;
}

TEST(guard_and_unguard)
{
	static harness_child_t result;
	char *p = map(3 * PAGE);
	memset(p, 1, 3 * PAGE);
	assert_int_equal(pages_guard(p + PAGE, PAGE), ERR_NONE);
	harness_run_child(touch, p + PAGE, &result);
	assert_true(
	    WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGSEGV);
	assert_survives(touch, p);
	assert_survives(touch, p + 2 * PAGE);
	assert_int_equal(pages_unguard(p + PAGE, PAGE), ERR_NONE);
	assert_true(is_filled(p, 3 * PAGE, 1));
}

/* A system that overcommits gives memory unasked and wants none back. */
TEST(commit_under_overcommit)
{
	pages_assume_overcommit(true);
	bool commit = false;
	char *p = pages_map(NULL, PAGE, PAGE, &commit);
	assert_true(commit);
	p[0] = 1;
	assert_int_equal(pages_decommit(p, PAGE), ERR_REFUSED);
	assert_int_equal(p[0], 1);
}

TEST(commit_under_strict_accounting)
{
	static harness_child_t result;
	pages_assume_overcommit(false);
	bool commit = false;
	char *p = pages_map(NULL, 2 * PAGE, PAGE, &commit);
	assert_false(commit);
	harness_run_child(touch, p, &result);
	assert_true(WIFSIGNALED(result.status));
	assert_int_equal(pages_commit(p, 2 * PAGE), ERR_NONE);
	memset(p, 1, 2 * PAGE);
	assert_int_equal(pages_decommit(p, PAGE), ERR_NONE);
	harness_run_child(touch, p, &result);
	assert_true(WIFSIGNALED(result.status));
	assert_int_equal(pages_commit(p, PAGE), ERR_NONE);
	assert_true(is_filled(p, PAGE, 0));
	assert_true(is_filled(p + PAGE, PAGE, 1));
	commit = true;
	touch(pages_map(NULL, PAGE, PAGE, &commit));
	assert_true(commit);
}

/* Populating is not changing; a kernel that cannot is asked only once. */
TEST(populate)
{
	char *p = map(8 * PAGE);
	p[PAGE] = 1;
	err_t err = pages_populate(p, 8 * PAGE);
	if (err == ERR_NONE) {
		assert_int_equal(count_resident(p, 8 * PAGE), 8);
		assert_int_equal(p[PAGE], 1);
	} else {
		assert_int_equal(err, ERR_REFUSED);
	}
	/* An odd address is refused as unknown advice is. */
	os_page_size = 1;
	assert_int_equal(pages_populate(p + 1, PAGE), ERR_REFUSED);
	os_page_size = PAGE;
	os_fault_arm(0);
	assert_int_equal(pages_populate(p, PAGE), ERR_REFUSED);
	assert_int_equal(os_fault_count(), 0);
}

/* Advice on huge pages changes no contents, whatever the answer. */
TEST(huge_pages)
{
	bool commit = true;
	char *p = pages_map(NULL, 2 * MIB, 2 * MIB, &commit);
	memset(p, 1, 2 * MIB);
	bool supported = pages_thp_mode() != THP_MODE_UNSUPPORTED;
	err_t refused = supported ? ERR_NONE : ERR_REFUSED;
	assert_int_equal(pages_hugify(p, 2 * MIB), refused);
	err_t err = pages_collapse(p, 2 * MIB);
	assert_true(supported || err != ERR_NONE);
	assert_int_equal(pages_nohugify(p, 2 * MIB), refused);
	assert_true(is_filled(p, 2 * MIB, 1));
	err = pages_collapse(p, PAGE);
	assert_int_not_equal(err, ERR_NOMEM);
}

/* The mode is the word in brackets. */
TEST(thp_mode)
{
	static const char *words[] = {
	    [THP_MODE_NEVER] = "[never]",
	    [THP_MODE_MADVISE] = "[madvise]",
	    [THP_MODE_ALWAYS] = "[always]",
	};
	char text[64] = "";
	errno = ERANGE;
	thp_mode_t mode = pages_thp_mode();
	io_read_file("/sys/kernel/mm/transparent_hugepage/enabled", text,
	    sizeof(text));
	assert_int_equal(errno, ERANGE);
	if (mode == THP_MODE_UNSUPPORTED) {
		assert_null(strchr(text, '['));
	} else {
		assert_non_null(strstr(text, words[mode]));
	}
	assert_int_equal(pages_thp_mode(), mode);
}

/* One fault brings 2 MiB in, and what is purged comes back in small pages. */
TEST(make_huge)
{
	char *p = map(4 * HUGEPAGE);
	char *piece = p + (-(uintptr_t)p & (HUGEPAGE - 1));
	unsigned char residence[HUGEPAGE / PAGE];
	errno = ERANGE;
	err_t err = pages_make_huge(piece, HUGEPAGE);
	assert_int_equal(errno, ERANGE);
	if (err == ERR_REFUSED) {
		skip();
	}
	need_residence();
	assert_true(is_filled(piece, HUGEPAGE, 0));
	assert_int_equal(pages_purge_forced(piece, HUGEPAGE), ERR_NONE);
	piece[0] = 1;
	assert_int_equal(mincore(piece, HUGEPAGE, residence), 0);
	assert_int_equal(residence[0] & 1, 1);
	assert_int_equal(residence[HUGEPAGE / PAGE - 1] & 1, 0);
	/* A piece that is in use in small pages stays as it is. */
	assert_int_equal(pages_make_huge(piece, HUGEPAGE), ERR_REFUSED);
	assert_int_equal(piece[0], 1);
	os_fault_arm(1);
	assert_int_equal(pages_make_huge(piece + HUGEPAGE, 0), ERR_REFUSED);
	os_fault_disarm();
}

/* Mappings that the kernel has between two addresses. */
static unsigned
nmappings(const char *start, const char *end)
{
	io_lines_t lines;
	char line[128];
	unsigned n = 0;
	assert_true(io_lines_open(&lines, "/proc/self/maps"));
	while (io_lines_next(&lines, line, sizeof(line))) {
		const char *at = line;
		uintmax_t from, to;
		assert_true(io_parse_umax(at, &at, 16, &from));
		assert_true(io_parse_umax(at + 1, &at, 16, &to));
		n += from < (uintptr_t)end && to > (uintptr_t)start;
	}
	io_lines_close(&lines);
	return n;
}

/* There is a limit to how many a process can have. */
TEST(make_huge_takes_no_mappings)
{
	char *p = map(17 * HUGEPAGE);
	char *piece = p + (-(uintptr_t)p & (HUGEPAGE - 1));
	char *end = piece + 16 * HUGEPAGE;
	for (; piece < end; piece += 3 * HUGEPAGE) {
		err_t err = pages_make_huge(piece,
		    (size_t)(end - piece) - HUGEPAGE);
		/* What lies between is used in small pages. */
		piece[HUGEPAGE] = (char)(err == ERR_NONE);
	}
	assert_in_range(nmappings(p, end), 1, 3);
}

TEST(move)
{
	size_t size = 3 * MIB;
	char *p = map(size);
	char *q = map(size);
	memset(p, 1, size);
	p[size - 1] = 3;
	memset(q, 2, size);
	errno = ERANGE;
	err_t err = pages_move(p, q, size, size);
	assert_int_equal(errno, ERANGE);
	if (err == ERR_REFUSED) {
		assert_true(is_filled(p, size - 1, 1));
		assert_true(is_filled(q, size, 2));
		return;
	}
	assert_int_equal(err, ERR_NONE);
	assert_true(is_filled(q, size - 1, 1));
	assert_int_equal(q[size - 1], 3);
	assert_true(is_filled(p, size, 0));
	/* Both are ordinary memory afterwards, there and back. */
	memset(p, 4, size);
	assert_int_equal(pages_move(q, p, size, size), ERR_NONE);
	assert_true(is_filled(p, size - 1, 1));
	assert_true(is_filled(q, size, 0));
	assert_int_equal(pages_unmap(p, size), ERR_NONE);
	assert_int_equal(pages_unmap(q, size), ERR_NONE);
}

/* A source of several mappings, which begin and end anywhere, moves whole. */
TEST(move_of_several_mappings)
{
	enum { NPAGES = 64 };
	char *p = map(NPAGES * PAGE);
	char *q = map((NPAGES + 8) * PAGE);
	char *r = map(PAGE);
	bool can_move = pages_move(r, q, PAGE, PAGE) == ERR_NONE;
	for (unsigned i = 0; i < NPAGES; i++) {
		memset(p + i * PAGE, (int)i + 1, PAGE);
	}
	/* Mappings of 1, 1, 11 and 51 pages. */
	madvise(p + PAGE, PAGE, MADV_DONTDUMP);
	madvise(p + 13 * PAGE, 51 * PAGE, MADV_DONTDUMP);
	err_t err = pages_move(p, q, NPAGES * PAGE, (NPAGES + 8) * PAGE);
	assert_int_equal(err == ERR_NONE, can_move);
	assert_true(is_mapped(p, NPAGES * PAGE));
	assert_true(is_mapped(q, (NPAGES + 8) * PAGE));
	for (unsigned i = 0; i < NPAGES; i++) {
		assert_true(
		    is_filled(p + i * PAGE, PAGE, can_move ? 0 : (int)i + 1));
		assert_true(
		    !can_move || is_filled(q + i * PAGE, PAGE, (int)i + 1));
	}
	memset(q, 7, (NPAGES + 8) * PAGE);
}

/* Any call fails: what began to move arrives all the same. */
TEST(move_with_faults)
{
	char *p = map(4 * PAGE);
	char *q = map(4 * PAGE);
	madvise(p + PAGE, PAGE, MADV_DONTDUMP);
	unsigned moved_despite = 0;
	for (uint64_t n = 1, failed = 1; failed > 0; n++) {
		memset(p, 1, 4 * PAGE);
		memset(q, 2, 4 * PAGE);
		os_fault_arm(n);
		bool moved = pages_move(p, q, 4 * PAGE, 4 * PAGE) == ERR_NONE;
		failed = os_fault_disarm();
		moved_despite += moved && failed > 0;
		assert_true(is_filled(p, 4 * PAGE, moved ? 0 : 1));
		assert_true(!moved || is_filled(q, 4 * PAGE, 1));
	}
	/* The second step of the first mapping, and all of the second. */
	assert_true(moved_despite >= 3);
}

/* Resident are pages that were written to, and not purged since. */
TEST(resident)
{
	unsigned char resident[16];
	bool commit = true;
	need_residence();
	char *p = pages_map(NULL, 16 * os_page_size, os_page_size, &commit);
	assert_non_null(p);
	for (unsigned i = 0; i < 16; i += 3) {
		p[i * os_page_size] = 1;
	}
	assert_int_equal(pages_purge_forced(p + 9 * os_page_size, os_page_size),
	    ERR_NONE);
	errno = ERANGE;
	assert_int_equal(pages_resident(p, 16 * os_page_size, resident),
	    ERR_NONE);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(resident[i] & 1, i % 3 == 0 && i != 9);
	}
	assert_int_equal(pages_unmap(p + 8 * os_page_size, 8 * os_page_size),
	    ERR_NONE);
	assert_int_not_equal(pages_resident(p, 16 * os_page_size, resident),
	    ERR_NONE);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(pages_unmap(p, 8 * os_page_size), ERR_NONE);
}

/* Whose memory it is; that the kernel refuses changes nothing. */
TEST(names_of_mappings)
{
	bool commit = true;
	errno = 77;
	assert_non_null(pages_map(NULL, MIB, PAGE, &commit));
	assert_int_equal(errno, 77);
	if (!config_pageid) {
		assert_null(os_name_last);
		return;
	}
	assert_memory_equal(os_name_last, "jemalloc_pg", 11);
}
