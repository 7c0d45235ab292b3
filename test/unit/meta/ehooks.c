#include "meta/ehooks.h"

#include "support/harness.h"

#include "meta/thr.h"
#include "platform/build.h"
#include "support/fake_hooks.h"

#define ARENA 12

static fake_hooks_t fake;
static ehooks_t ehooks;
static char *mem;

/* How deep in foreign code we are, and how often we were. */
static unsigned depth;
static unsigned nentries;

static void *
enter(void)
{
	depth++;
	nentries++;
	return &fake;
}

static void
leave(void *saved)
{
	assert_ptr_equal(saved, &fake);
	assert_int_equal(depth, 1);
	depth--;
}

static void
setup(void)
{
	fake_hooks_init(&fake, 256);
	ehooks_init(&ehooks, &fake.table, ARENA);
	thr_ops = (thr_ops_t){.enter = enter, .leave = leave};
	bool zero = false;
	bool commit = true;
	mem = ehooks_alloc(&ehooks, NULL, 16 * PAGE, 4 * PAGE, &zero, &commit);
	assert_non_null(mem);
	nentries = 0;
}

TEST(init)
{
	setup();
	assert_ptr_equal(ehooks_table(&ehooks), &fake.table);
	assert_false(ehooks_are_default(&ehooks));
	ehooks_default_table = &fake.table;
	ehooks_init(&ehooks, NULL, 0);
	assert_ptr_equal(ehooks_table(&ehooks), &fake.table);
	assert_true(ehooks_are_default(&ehooks));
}

/* Arguments pass, demands and answers too. */
TEST(alloc)
{
	setup();
	bool zero = true;
	bool commit = false;
	fake.uncommitted = true;
	char *p = ehooks_alloc(&ehooks, mem + 32 * PAGE, 8 * PAGE, 2 * PAGE,
	    &zero, &commit);
	assert_ptr_equal(p, mem + 32 * PAGE);
	assert_int_equal(fake.last_size, 8 * PAGE);
	assert_int_equal(fake.last_alignment, 2 * PAGE);
	assert_int_equal(fake.last_arena_ind, ARENA);
	assert_true(zero);
	assert_false(commit);
	fake.refuse[FAKE_ALLOC] = true;
	assert_null(ehooks_alloc(&ehooks, NULL, PAGE, PAGE, &zero, &commit));
}

/* All that can be refused, with one call each. */
static err_t
call(fake_hook_t hook)
{
	switch (hook) {
	case FAKE_DALLOC:
		return ehooks_dalloc(&ehooks, mem, 16 * PAGE, false);
	case FAKE_COMMIT:
		return ehooks_commit(&ehooks, mem, 16 * PAGE);
	case FAKE_DECOMMIT:
		return ehooks_decommit(&ehooks, mem, 16 * PAGE);
	case FAKE_PURGE_LAZY:
		return ehooks_purge_lazy(&ehooks, mem, 16 * PAGE);
	case FAKE_PURGE_FORCED:
		return ehooks_purge_forced(&ehooks, mem, 16 * PAGE);
	case FAKE_SPLIT:
		return ehooks_split(&ehooks, mem, 16 * PAGE, 4 * PAGE, true);
	case FAKE_MERGE:
		return ehooks_merge(&ehooks, mem, 4 * PAGE, mem + 4 * PAGE,
		    12 * PAGE, true);
	default:
		fail_msg("no such call");
		return ERR_NONE;
	}
}

static const fake_hook_t refusable[] = {FAKE_COMMIT, FAKE_DECOMMIT,
    FAKE_PURGE_LAZY, FAKE_PURGE_FORCED, FAKE_SPLIT, FAKE_MERGE, FAKE_DALLOC};
#define NREFUSABLE (sizeof(refusable) / sizeof(refusable[0]))

/* False is success there and ERR_NONE here; true is ERR_REFUSED. */
TEST(answers_are_translated)
{
	setup();
	for (size_t i = 0; i < NREFUSABLE; i++) {
		fake_hook_t hook = refusable[i];
		fake.refuse[hook] = true;
		assert_int_equal(call(hook), ERR_REFUSED);
		fake.refuse[hook] = false;
		assert_int_equal(call(hook), ERR_NONE);
		assert_int_equal(fake.ncalls[hook], 2);
		assert_ptr_equal(fake.last_addr, mem);
		assert_int_equal(fake.last_size, 16 * PAGE);
		assert_int_equal(fake.last_arena_ind, ARENA);
	}
	assert_int_equal(fake.last_committed, false);
	assert_int_equal(fake.npages_out, 0);
}

TEST(split_and_merge_arguments)
{
	setup();
	assert_int_equal(call(FAKE_SPLIT), ERR_NONE);
	assert_int_equal(fake.last_size_a, 4 * PAGE);
	assert_true(fake.last_committed);
	fake.last_size_a = 0;
	assert_int_equal(call(FAKE_MERGE), ERR_NONE);
	assert_int_equal(fake.last_size_a, 4 * PAGE);
}

/* A part of an extent. */
TEST(purging_parts)
{
	setup();
	assert_int_equal(ehooks_purge_forced_part(&ehooks, mem, 16 * PAGE,
			     2 * PAGE, 3 * PAGE),
	    ERR_NONE);
	assert_int_equal(fake.ncalls[FAKE_PURGE_FORCED], 1);
	assert_int_equal(fake.last_size, 16 * PAGE);
	assert_int_equal(fake.last_offset, 2 * PAGE);
	assert_int_equal(fake.last_length, 3 * PAGE);
	fake.refuse[FAKE_PURGE_LAZY] = true;
	assert_int_equal(ehooks_purge_lazy_part(&ehooks, mem, 16 * PAGE, 0,
			     PAGE),
	    ERR_REFUSED);
	assert_int_equal(fake.ncalls[FAKE_PURGE_LAZY], 1);
	assert_int_equal(fake.last_offset, 0);
}

/* A missing hook refuses. */
TEST(missing_hooks)
{
	setup();
	fake.table = (extent_hooks_t){.alloc = fake.table.alloc};
	for (size_t i = 0; i < NREFUSABLE; i++) {
		assert_int_equal(call(refusable[i]), ERR_REFUSED);
	}
	ehooks_destroy(&ehooks, mem, 16 * PAGE, true);
	assert_int_equal(fake.npages_out, 16);
}

TEST(destroy)
{
	setup();
	ehooks_destroy(&ehooks, mem, 16 * PAGE, true);
	assert_int_equal(fake.ncalls[FAKE_DESTROY], 1);
	assert_int_equal(fake.npages_out, 0);
	assert_int_equal(nentries, 1);
}

/* Hooks run as foreign code, missing ones do not. */
TEST(hooks_are_foreign_code)
{
	setup();
	for (size_t i = 0; i < NREFUSABLE; i++) {
		nentries = 0;
		assert_int_equal(call(refusable[i]), ERR_NONE);
		assert_int_equal(nentries, 1);
		assert_int_equal(depth, 0);
	}
	fake.table = (extent_hooks_t){.alloc = fake.table.alloc};
	nentries = 0;
	for (size_t i = 0; i < NREFUSABLE; i++) {
		assert_int_equal(call(refusable[i]), ERR_REFUSED);
	}
	assert_int_equal(nentries, 0);
}

/* The default ones are ours; splitting our mappings needs no call at all. */
TEST(default_hooks_are_not)
{
	setup();
	ehooks_default_table = &fake.table;
	for (size_t i = 0; i < NREFUSABLE; i++) {
		assert_int_equal(call(refusable[i]), ERR_NONE);
		assert_int_equal(fake.ncalls[refusable[i]],
		    refusable[i] != FAKE_SPLIT);
	}
	assert_int_equal(nentries, 0);
}

/* The table is read anew each time, not copied. */
TEST(table_is_not_copied)
{
	setup();
	static fake_hooks_t other;
	fake_hooks_init(&other, 16);
	atomic_store(&ehooks.table, &other.table);
	bool zero = false;
	bool commit = true;
	char *p = ehooks_alloc(&ehooks, NULL, PAGE, PAGE, &zero, &commit);
	assert_true(fake_hooks_owns(&other, p));
}
