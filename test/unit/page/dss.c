#include "page/dss.h"

#include "support/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/os_calls.h"
#include "support/os_calls_fault.h"

#define MIB ((size_t)1 << 20)

static bool
is_zero(const char *p, size_t size)
{
	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Memory follows memory, aligned, readable as zeros and ours. */
TEST(extends_the_break)
{
	char *end = NULL;
	for (size_t i = 1; i <= 8; i++) {
		size_t size = i * 3 * PAGE;
		char *p = dss_alloc(NULL, size, PAGE);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % PAGE, 0);
		assert_true(end == NULL || p == end);
		assert_true(is_zero(p, size));
		memset(p, 0xa5, size);
		assert_true(dss_contains(p));
		assert_true(dss_contains(p + size - 1));
		assert_false(dss_contains(p + size));
		end = p + size;
	}
	assert_ptr_equal(sbrk(0), end);
}

TEST(contains_nothing_at_first)
{
	int local;
	assert_false(dss_contains(sbrk(0)));
	assert_false(dss_contains((char *)sbrk(0) - 1));
	assert_false(dss_contains(&local));
	assert_false(dss_contains(NULL));
}

TEST(alignment)
{
	for (size_t alignment = PAGE; alignment <= 4 * MIB; alignment *= 2) {
		char *p = dss_alloc(NULL, PAGE, alignment);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignment, 0);
	}
}

/* What others take from the break stays theirs. */
TEST(foreign_memory_is_skipped)
{
	char *ours = dss_alloc(NULL, PAGE, PAGE);
	assert_non_null(ours);
	char *theirs = sbrk(1000);
	memset(theirs, 0x77, 1000);
	char *next = dss_alloc(NULL, 4 * PAGE, PAGE);
	assert_non_null(next);
	assert_true(next >= theirs + 1000);
	memset(next, 0, 4 * PAGE);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(theirs[i], 0x77);
	}
}

/* Only the address at the break can be asked for. */
TEST(at_an_address)
{
	char *p = dss_alloc(NULL, PAGE, PAGE);
	assert_non_null(p);
	assert_null(dss_alloc(p, PAGE, PAGE));
	assert_null(dss_alloc(p + 2 * PAGE, PAGE, PAGE));
	assert_ptr_equal(sbrk(0), p + PAGE);
	assert_ptr_equal(dss_alloc(p + PAGE, 2 * PAGE, PAGE), p + PAGE);
}

TEST(too_much)
{
	void *end = sbrk(0);
	errno = 0;
	assert_null(dss_alloc(NULL, SIZE_MAX & ~(PAGE - 1), PAGE));
	assert_null(dss_alloc(NULL, (size_t)1 << 62, PAGE));
	assert_null(dss_alloc(NULL, PAGE, (size_t)1 << 63));
	assert_ptr_equal(sbrk(0), end);
	assert_int_equal(errno, 0);
}

/* A break that can not be moved is left alone from then on. */
TEST(exhausted)
{
	assert_non_null(dss_alloc(NULL, PAGE, PAGE));
	/* The second call is the one that moves it. */
	os_fault_only(OS_FAULT_SBRK);
	os_fault_arm(2);
	errno = 0;
	assert_null(dss_alloc(NULL, PAGE, PAGE));
	assert_int_equal(errno, 0);
	assert_int_equal(os_fault_disarm(), 1);
	os_fault_arm_from(UINT64_MAX);
	assert_null(dss_alloc(NULL, PAGE, PAGE));
	assert_int_equal(os_fault_count(), 0);
}

/* Not even the question may fail the process. */
TEST(unknown_break)
{
	os_fault_only(OS_FAULT_SBRK);
	os_fault_arm_from(1);
	assert_null(dss_alloc(NULL, PAGE, PAGE));
	assert_true(os_fault_disarm() > 0);
	assert_non_null(dss_alloc(NULL, PAGE, PAGE));
}

/*
 * A filter of system calls makes libc report success, after which the break
 * is nowhere.
 */
TEST(memory_that_is_none)
{
	os_fault_only(OS_FAULT_SBRK);
	os_fault_arm(3);
	assert_null(dss_alloc(NULL, PAGE, PAGE));
	assert_int_equal(os_fault_disarm(), 1);
	assert_null(dss_alloc(NULL, PAGE, PAGE));
}

TEST(precedence)
{
	if (!config_dss) {
		skip();
	}
	assert_int_equal(dss_prec_default(), opt.dss);
	assert_int_equal(dss_prec_of(0), dss_prec_default());
	dss_prec_set(3, DSS_PREC_PRIMARY);
	dss_prec_set(4, DSS_PREC_DISABLED);
	dss_prec_set_default(DSS_PREC_SECONDARY);
	assert_int_equal(dss_prec_default(), DSS_PREC_SECONDARY);
	assert_int_equal(dss_prec_of(3), DSS_PREC_PRIMARY);
	assert_int_equal(dss_prec_of(4), DSS_PREC_DISABLED);
	assert_int_equal(dss_prec_of(5), DSS_PREC_SECONDARY);
	assert_int_equal(dss_prec_of(4095), DSS_PREC_SECONDARY);
	dss_prec_set_default(DSS_PREC_PRIMARY);
	assert_int_equal(dss_prec_of(5), DSS_PREC_PRIMARY);
	assert_int_equal(dss_prec_of(4), DSS_PREC_DISABLED);
}

TEST(fork_handlers)
{
	dss_prefork();
	dss_postfork_parent();
	assert_non_null(dss_alloc(NULL, PAGE, PAGE));
	dss_prefork();
	dss_postfork_child();
	assert_non_null(dss_alloc(NULL, PAGE, PAGE));
}
