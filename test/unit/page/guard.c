#include "page/guard.h"

#include "support/harness.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "env_support.h"
#include "page/hooks_default.h"
#include "platform/pages.h"
#include "support/os_calls_fault.h"

static base_t base;
static ehooks_t ehooks;
static pac_t pac;
static harness_child_t child;

/* Real memory: the pages are protected for good. */
static void
setup(void)
{
	pages_boot();
	hooks_default_boot();
	base_init(&base, NULL, 0);
	ehooks_init(&ehooks, NULL, 0);
	memset(&pac, 0, sizeof(pac));
	pac_init(&pac, &ehooks, &base, 0, -1, -1, 1);
}

static void
touch(void *ptr)
{
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)ptr = 1;
}

static bool
touching_kills(void *ptr)
{
	harness_run_child(touch, ptr, &child);
	return WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSEGV;
}

/* Both neighbours fault, and are usual pages once the extent is back. */
TEST(pages_on_both_sides)
{
	setup();
	edata_t *edata = guard_alloc(&pac, 4 * PAGE);
	assert_non_null(edata);
	assert_int_equal(edata->size, 4 * PAGE);
	assert_true(edata->guarded);
	assert_true(env_has_boundaries(edata));
	char *addr = edata->addr;
	memset(addr, 1, 4 * PAGE);
	assert_true(touching_kills(addr - 1));
	assert_true(touching_kills(addr + 4 * PAGE));
	assert_null(pagemap_extent(addr - 1));
	assert_null(pagemap_extent(addr + 4 * PAGE));
	assert_int_equal(atomic_load(&pac.nactive), 6);
	pac_dalloc(&pac, edata);
	assert_int_equal(atomic_load(&pac.nactive), 0);
	edata = pac_alloc(&pac, 6 * PAGE, PAGE, PAC_REUSE);
	assert_ptr_equal(edata->addr, addr - PAGE);
	memset(edata->addr, 2, 6 * PAGE);
	assert_true(pac_verify(&pac));
}

/* What can't be guarded is given back, not lost. */
TEST(protection_fails)
{
	setup();
	edata_t *edata = pac_alloc(&pac, 8 * PAGE, PAGE, PAC_REUSE);
	void *addr = edata->addr;
	pac_dalloc(&pac, edata);
	for (uint64_t n = 1; n <= 2; n++) {
		os_fault_only(OS_FAULT_MPROTECT);
		os_fault_arm(n);
		assert_null(guard_alloc(&pac, 6 * PAGE));
		assert_int_equal(os_fault_disarm(), 1);
		assert_int_equal(atomic_load(&pac.nactive), 0);
		edata = pac_alloc(&pac, 8 * PAGE, PAGE, PAC_REUSE);
		assert_ptr_equal(edata->addr, addr);
		memset(addr, 1, 8 * PAGE);
		pac_dalloc(&pac, edata);
	}
	assert_true(pac_verify(&pac));
}

/* What can't be made accessible again is not given out again. */
TEST(protection_stays)
{
	setup();
	edata_t *edata = guard_alloc(&pac, 6 * PAGE);
	char *addr = edata->addr;
	os_fault_only(OS_FAULT_MPROTECT | OS_FAULT_MUNMAP);
	for (unsigned munmap_too = 0; munmap_too < 2; munmap_too++) {
		os_fault_arm(1);
		if (munmap_too) {
			os_fault_arm_from(1);
		}
		pac_dalloc(&pac, edata);
		assert_int_equal(os_fault_disarm(), 1 + munmap_too);
		assert_int_equal(atomic_load(&pac.nactive), 0);
		assert_int_equal(atomic_load(&pac.mapped), 0);
		assert_int_equal(atomic_load(&pac.abandoned),
		    munmap_too * 8 * PAGE);
		assert_null(pagemap_extent(addr - PAGE));
		edata = guard_alloc(&pac, 6 * PAGE);
		assert_ptr_not_equal(edata->addr, addr);
		addr = edata->addr;
	}
	assert_true(pac_verify(&pac));
}

TEST(not_with_hooks_of_the_program)
{
	static env_fixture_t fixture;
	env_setup(&fixture, 1000);
	pac_init(&pac, &fixture.ehooks, &fixture.base0, ENV_ARENA, -1, -1, 1);
	assert_null(guard_alloc(&pac, 4 * PAGE));
	assert_int_equal(fixture.fake.npages_out, 0);
}

/* The kinds are counted apart, and by the option's number. */
TEST(every_third)
{
	opt.san_guard_small = 3;
	opt.san_guard_large = 0;
	unsigned n = 0;
	for (unsigned i = 1; i <= 9; i++) {
		bool due = guard_due(GUARD_SLAB);
		assert_int_equal(due, i % 3 == 0);
		n += guard_due(GUARD_LARGE);
	}
	assert_int_equal(n, 0);
	opt.san_guard_large = 1;
	assert_true(guard_due(GUARD_LARGE));
	assert_true(guard_due(GUARD_LARGE));
}
