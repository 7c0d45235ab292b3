#include "page/hooks_default.h"

#include "support/harness.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "meta/options.h"
#include "page/dss.h"
#include "platform/pages.h"
#include "support/os_calls_fault.h"

#define MIB ((size_t)1 << 20)

static extent_hooks_t *
hooks(void)
{
	hooks_default_boot();
	return ehooks_default_table;
}

static bool
is_mapped(void *addr)
{
	unsigned char residence;
	return mincore(addr, PAGE, &residence) == 0;
}

static char *
alloc(unsigned arena_ind, size_t size, size_t alignment)
{
	bool zero = false;
	bool commit = true;
	extent_hooks_t *table = hooks();
	char *addr = table->alloc(table, NULL, size, alignment, &zero, &commit,
	    arena_ind);
	if (addr != NULL) {
		/* A new mapping is usable and reads zero, asked or not. */
		assert_true(zero);
		assert_true(commit);
		assert_int_equal((uintptr_t)addr % alignment, 0);
		for (size_t i = 0; i < size; i += PAGE) {
			assert_int_equal(addr[i], 0);
		}
		memset(addr, 0x5a, size);
	}
	return addr;
}

TEST(boot)
{
	assert_ptr_equal(hooks(), &hooks_default);
}

TEST(alloc_maps)
{
	assert_non_null(alloc(0, PAGE, PAGE));
	assert_non_null(alloc(0, 3 * MIB, PAGE));
	assert_non_null(alloc(0, MIB, 2 * MIB));
	assert_null(alloc(0, (size_t)1 << 62, PAGE));
}

TEST(alloc_at_an_address)
{
	extent_hooks_t *table = hooks();
	char *addr = alloc(0, 8 * PAGE, PAGE);
	bool zero = false;
	bool commit = true;
	assert_null(table->alloc(table, addr, PAGE, PAGE, &zero, &commit, 0));
	opt.retain = false;
	char *hole = addr + 4 * PAGE;
	assert_false(table->dalloc(table, hole, 4 * PAGE, true, 0));
	assert_ptr_equal(table->alloc(table, hole, 2 * PAGE, PAGE, &zero,
			     &commit, 0),
	    hole);
}

/* Only without retain does memory go; arena destruction always takes it. */
TEST(dalloc_and_destroy)
{
	extent_hooks_t *table = hooks();
	opt.retain = true;
	char *addr = alloc(0, 4 * PAGE, PAGE);
	assert_true(table->dalloc(table, addr, 4 * PAGE, true, 0));
	assert_true(is_mapped(addr));
	opt.retain = false;
	assert_false(table->dalloc(table, addr, 4 * PAGE, true, 0));
	assert_false(is_mapped(addr));
	opt.retain = true;
	addr = alloc(0, 4 * PAGE, PAGE);
	table->destroy(table, addr, 4 * PAGE, true, 0);
	assert_false(is_mapped(addr));
	addr = alloc(0, 4 * PAGE, PAGE);
	assert_int_equal(hooks_default_unmap(addr, 4 * PAGE), ERR_NONE);
	assert_false(is_mapped(addr));
}

TEST(a_failing_system_refuses)
{
	extent_hooks_t *table = hooks();
	char *addr = alloc(0, 4 * PAGE, PAGE);
	opt.retain = false;
	os_fault_arm_from(1);
	bool zero = false;
	bool commit = true;
	bool refused = table->dalloc(table, addr, 4 * PAGE, true, 0) &&
	    table->commit(table, addr, 4 * PAGE, 0, PAGE, 0) &&
	    table->purge_lazy(table, addr, 4 * PAGE, 0, PAGE, 0) &&
	    table->purge_forced(table, addr, 4 * PAGE, 0, PAGE, 0) &&
	    hooks_default_unmap(addr, 4 * PAGE) != ERR_NONE &&
	    table->alloc(table, NULL, PAGE, PAGE, &zero, &commit, 0) == NULL;
	assert_int_not_equal(os_fault_disarm(), 0);
	assert_true(refused);
	assert_int_equal(addr[4 * PAGE - 1], 0x5a);
}

/* Offset and length are respected. */
TEST(purge_a_part)
{
	extent_hooks_t *table = hooks();
	char *addr = alloc(0, 8 * PAGE, PAGE);
	assert_false(
	    table->purge_forced(table, addr, 8 * PAGE, 2 * PAGE, 3 * PAGE, 0));
	for (size_t page = 0; page < 8; page++) {
		assert_int_equal(addr[page * PAGE],
		    page >= 2 && page < 5 ? 0 : 0x5a);
	}
	assert_false(
	    table->purge_lazy(table, addr, 8 * PAGE, 5 * PAGE, PAGE, 0));
	assert_int_equal(addr[6 * PAGE], 0x5a);
}

/* Under strict accounting, decommitted memory is out of reach. */
TEST(decommit_and_commit)
{
	extent_hooks_t *table = hooks();
	char *addr = alloc(0, 4 * PAGE, PAGE);
	pages_assume_overcommit(true);
	assert_true(table->decommit(table, addr, 4 * PAGE, 0, PAGE, 0));
	pages_assume_overcommit(false);
	assert_false(table->decommit(table, addr, 4 * PAGE, PAGE, 2 * PAGE, 0));
	assert_int_equal(addr[0], 0x5a);
	assert_int_equal(addr[3 * PAGE], 0x5a);
	assert_int_equal(write(-1, NULL, 0), -1);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], addr + PAGE, 1), -1);
	assert_false(table->commit(table, addr, 4 * PAGE, PAGE, 2 * PAGE, 0));
	assert_int_equal(addr[PAGE], 0);
	assert_int_equal(write(fds[1], addr + PAGE, 1), 1);
}

TEST(split_and_merge)
{
	extent_hooks_t *table = hooks();
	char *addr = alloc(0, 4 * PAGE, PAGE);
	assert_false(
	    table->split(table, addr, 4 * PAGE, PAGE, 3 * PAGE, true, 0));
	assert_false(
	    table->merge(table, addr, PAGE, addr + PAGE, 3 * PAGE, true, 0));
}

/* The precedence decides which source is asked first. */
TEST(dss_precedence)
{
	if (!config_dss) {
		skip();
	}
	dss_prec_set(1, DSS_PREC_DISABLED);
	dss_prec_set(2, DSS_PREC_PRIMARY);
	dss_prec_set(3, DSS_PREC_SECONDARY);
	assert_false(dss_contains(alloc(1, 2 * PAGE, PAGE)));
	assert_false(dss_contains(alloc(3, 2 * PAGE, PAGE)));
	assert_true(dss_contains(alloc(2, 2 * PAGE, PAGE)));
	os_fault_only(OS_FAULT_MMAP);
	os_fault_arm_from(1);
	char *none = alloc(1, 2 * PAGE, PAGE);
	char *second = alloc(3, 2 * PAGE, PAGE);
	(void)os_fault_disarm();
	assert_null(none);
	assert_true(dss_contains(second));
	os_fault_only(OS_FAULT_SBRK);
	os_fault_arm_from(1);
	char *mapped = alloc(2, 2 * PAGE, PAGE);
	(void)os_fault_disarm();
	assert_non_null(mapped);
	assert_false(dss_contains(mapped));
}

/* Memory of the data segment neither goes nor joins other memory. */
TEST(dss_memory_stays)
{
	if (!config_dss) {
		skip();
	}
	extent_hooks_t *table = hooks();
	dss_prec_set(2, DSS_PREC_PRIMARY);
	char *addr = alloc(2, 4 * PAGE, PAGE);
	char *other = alloc(1, PAGE, PAGE);
	opt.retain = false;
	pages_assume_overcommit(false);
	assert_true(table->dalloc(table, addr, 4 * PAGE, true, 2));
	assert_true(table->decommit(table, addr, 4 * PAGE, 0, 4 * PAGE, 2));
	assert_int_equal(hooks_default_unmap(addr, 4 * PAGE), ERR_REFUSED);
	table->destroy(table, addr, 4 * PAGE, true, 2);
	assert_true(is_mapped(addr));
	assert_false(
	    table->merge(table, addr, PAGE, addr + PAGE, PAGE, true, 2));
	assert_true(table->merge(table, addr, PAGE, other, PAGE, true, 2));
	assert_true(table->merge(table, other, PAGE, addr, PAGE, true, 2));
}

static uint64_t
nadvices_of_a_mapping(unsigned thp)
{
	opt.thp = (uint8_t)thp;
	os_fault_only(OS_FAULT_MADVISE);
	os_fault_arm(UINT64_MAX);
	assert_non_null(alloc(0, 4 * MIB, HUGEPAGE));
	uint64_t count = os_fault_count();
	(void)os_fault_disarm();
	return count;
}

/* Advice on huge pages is given when it changes something. */
TEST(huge_page_advice)
{
	assert_int_equal(nadvices_of_a_mapping(OPT_THP_DEFAULT), 0);
	assert_int_equal(nadvices_of_a_mapping(OPT_THP_NEVER), 1);
	assert_int_equal(nadvices_of_a_mapping(OPT_THP_ALWAYS),
	    pages_thp_mode() == THP_MODE_MADVISE);
}
