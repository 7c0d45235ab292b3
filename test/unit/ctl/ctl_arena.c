#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "ctl_support.h"
#include "support/fake_hooks.h"

static fake_hooks_t fake;

static unsigned
create(extent_hooks_t *hooks)
{
	unsigned ind = 0;
	size_t length = sizeof(ind);
	assert_int_equal(ctl_by_name("arenas.create", &ind, &length,
			     hooks == NULL ? NULL : (void *)&hooks,
			     hooks == NULL ? 0 : sizeof(hooks)),
	    0);
	return ind;
}

static void *
block_of(unsigned ind, size_t usize)
{
	uint64_t prng = 1;
	void *p = large_alloc(arenas_get(ind), usize, usize, 1, false, &prng);
	assert_non_null(p);
	return p;
}

TEST(create_reset_destroy)
{
	ctl_setup();
	unsigned n = get_unsigned("arenas.narenas");
	unsigned ind = create(NULL);
	assert_int_equal(ind, n);
	assert_int_equal(get_unsigned("arenas.narenas"), n + 1);
	(void)block_of(ind, 100 << 10);
	assert_int_equal(try_act(name_of("arena.<i>.reset", ind, 0)), 0);
	assert_int_equal(atomic_load(&arenas_get(ind)->pac.nactive), 0);
	(void)block_of(ind, 100 << 10);
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), 0);
	assert_null(arenas_get(ind));
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), EFAULT);
	/* What automatic arenas do not allow. */
	assert_int_equal(try_act("arena.0.reset"), EFAULT);
	assert_int_equal(try_act("arena.0.destroy"), EFAULT);
	assert_int_equal(create(NULL), ind);
}

/* Not below a thread that sits on it. */
TEST(destroy_while_bound)
{
	ctl_setup();
	unsigned ind = create(NULL);
	unsigned zero = 0;
	assert_int_equal(try_write("thread.arena", &ind, sizeof(ind)), 0);
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), EFAULT);
	assert_int_equal(try_write("thread.arena", &zero, sizeof(zero)), 0);
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), 0);
}

TEST(create_with_hooks)
{
	ctl_setup();
	fake_hooks_init(&fake, 8192);
	unsigned ind = create(&fake.table);
	assert_true(fake_hooks_owns(&fake, block_of(ind, 1 << 20)));
	extent_hooks_t *hooks = NULL;
	size_t length = sizeof(hooks);
	const char *name = name_of("arena.<i>.extent_hooks", ind, 0);
	assert_int_equal(ctl_by_name(name, &hooks, &length, NULL, 0), 0);
	assert_ptr_equal(hooks, &fake.table);
	assert_int_equal(try_act(name_of("arena.<i>.destroy", ind, 0)), 0);
	assert_int_equal(fake.npages_out, 0);
	/* Without an alloc hook there is nothing to begin with. */
	fake.table.alloc = NULL;
	hooks = &fake.table;
	assert_int_equal(ctl_by_name("arenas.create", &ind, &length, &hooks,
			     sizeof(hooks)),
	    EINVAL);
}

TEST(exchange_hooks)
{
	ctl_setup();
	fake_hooks_init(&fake, 8192);
	extent_hooks_t *hooks = &fake.table;
	extent_hooks_t *old = NULL;
	size_t length = sizeof(old);
	assert_int_equal(ctl_by_name("arena.0.extent_hooks", &old, &length,
			     &hooks, sizeof(hooks)),
	    0);
	assert_ptr_equal(old, ehooks_default_table);
	assert_int_equal(try_act("arena.0.purge"), 0);
	assert_true(fake_hooks_owns(&fake, block_of(0, 20 << 20)));
	assert_int_equal(try_write("arena.0.extent_hooks", &old, sizeof(old)),
	    0);
	/* An automatic arena that does not exist yet is made with them. */
	assert_null(arenas_get(1));
	assert_int_equal(try_write("arena.1.extent_hooks", &hooks,
			     sizeof(hooks)),
	    0);
	assert_true(fake_hooks_owns(&fake, arenas_get(1)));
	hooks = NULL;
	assert_int_equal(try_write("arena.1.extent_hooks", &hooks,
			     sizeof(hooks)),
	    EINVAL);
}

TEST(purge_and_decay)
{
	ctl_setup();
	large_free(block_of(0, 1 << 20));
	assert_true(pac_ndirty(&arenas_get(0)->pac) > 0);
	assert_int_equal(try_act("arena.0.decay"), 0);
	assert_int_equal(try_act("arena.0.purge"), 0);
	assert_int_equal(pac_ndirty(&arenas_get(0)->pac), 0);
	large_free(block_of(0, 1 << 20));
	assert_int_equal(try_act("arena.4096.purge"), 0);
	assert_int_equal(pac_ndirty(&arenas_get(0)->pac), 0);
	/* An arena that is not there has nothing to purge. */
	assert_int_equal(try_act("arena.2.purge"), 0);
	assert_int_equal(try_act("arena.4097.purge"), EFAULT);
}

TEST(decay_times)
{
	ssize_t ms = 77;
	ctl_setup();
	assert_int_equal(try_write("arena.0.dirty_decay_ms", &ms, sizeof(ms)),
	    0);
	assert_int_equal(get_ssize("arena.0.dirty_decay_ms"), 77);
	ms = -1;
	assert_int_equal(try_write("arena.0.muzzy_decay_ms", &ms, sizeof(ms)),
	    0);
	assert_int_equal(get_ssize("arena.0.muzzy_decay_ms"), -1);
	ms = -2;
	assert_int_equal(try_write("arena.0.dirty_decay_ms", &ms, sizeof(ms)),
	    EFAULT);
	assert_int_equal(try_write("arenas.dirty_decay_ms", &ms, sizeof(ms)),
	    EFAULT);
	assert_int_equal(try_read("arena.2.dirty_decay_ms", 8), EFAULT);
	ms = 5;
	assert_int_equal(try_write("arenas.dirty_decay_ms", &ms, sizeof(ms)),
	    0);
	assert_int_equal(try_write("arenas.muzzy_decay_ms", &ms, sizeof(ms)),
	    0);
	unsigned ind = create(NULL);
	assert_int_equal(get_ssize(name_of("arena.<i>.dirty_decay_ms", ind, 0)),
	    5);
	assert_int_equal(get_ssize("arenas.muzzy_decay_ms"), 5);
}

TEST(dss)
{
	if (!config_dss) {
		skip();
	}
	const char *text = "primary";
	ctl_setup();
	assert_int_equal(try_write("arena.0.dss", &text, sizeof(text)), 0);
	assert_string_equal(get_text("arena.0.dss"), "primary");
	text = "disabled";
	assert_int_equal(try_write("arena.4096.dss", &text, sizeof(text)), 0);
	/* For arenas to come. */
	assert_string_equal(get_text("arena.0.dss"), "primary");
	unsigned ind = create(NULL);
	assert_string_equal(get_text(name_of("arena.<i>.dss", ind, 0)),
	    "disabled");
	text = "nonsense";
	assert_int_equal(try_write("arena.0.dss", &text, sizeof(text)), EINVAL);
	assert_int_equal(try_read("arena.2.dss", sizeof(text)), EFAULT);
}

TEST(name)
{
	char buf[ARENA_NAME_SIZE];
	char *p = buf;
	size_t length = sizeof(p);
	const char *name = "a name that is far too long for the space it has";
	ctl_setup();
	assert_int_equal(ctl_by_name("arena.0.name", &p, &length, NULL, 0), 0);
	assert_string_equal(buf, "auto_0");
	assert_int_equal(try_write("arena.0.name", &name, sizeof(name)), 0);
	assert_int_equal(ctl_by_name("arena.0.name", &p, &length, NULL, 0), 0);
	assert_int_equal(strlen(buf), ARENA_NAME_SIZE - 1);
	assert_memory_equal(buf, name, ARENA_NAME_SIZE - 1);
	name = NULL;
	assert_int_equal(try_write("arena.0.name", &name, sizeof(name)),
	    EINVAL);
	name = "x";
	assert_int_equal(try_write("arena.2.name", &name, sizeof(name)),
	    EFAULT);
	assert_int_equal(try_write("arena.4096.name", &name, sizeof(name)),
	    EINVAL);
}

TEST(limits)
{
	size_t limit = ((size_t)3 << 20) - 1;
	ctl_setup();
	const char *name = "arena.0.retain_grow_limit";
	assert_int_equal(try_write(name, &limit, sizeof(limit)), 0);
	assert_int_equal(get_size(name), (size_t)5 << 19);
	limit = PAGE - 1;
	assert_int_equal(try_write(name, &limit, sizeof(limit)), EFAULT);
	limit = SIZE_MAX;
	assert_int_equal(try_write(name, &limit, sizeof(limit)), EFAULT);
	limit = 1 << 20;
	assert_int_equal(try_write("arena.0.oversize_threshold", &limit,
			     sizeof(limit)),
	    0);
	assert_int_equal(get_size("arena.0.oversize_threshold"), 1 << 20);
	assert_int_equal(arenas_for_large(arenas_get(0), 1 << 20)->ind, 3);
}

TEST(classes)
{
	ctl_setup();
	for (unsigned i = 0; i < SC_NBINS; i++) {
		size_t size = get_size(name_of("arenas.bin.<i>.size", i, 0));
		size_t slab = get_size(
		    name_of("arenas.bin.<i>.slab_size", i, 0));
		unsigned nregs = get_unsigned(
		    name_of("arenas.bin.<i>.nregs", i, 0));
		assert_int_equal(size, szind_size(i));
		assert_true(nregs * size <= slab);
		assert_true(
		    get_unsigned(name_of("arenas.bin.<i>.nshards", i, 0)) >= 1);
	}
	for (unsigned i = 0; i < SC_NSIZES - SC_NBINS; i++) {
		assert_int_equal(get_size(
				     name_of("arenas.lextent.<i>.size", i, 0)),
		    szind_size(SC_NBINS + i));
	}
	assert_int_equal(get_size("arenas.tcache_max"), 32768);
	assert_int_equal(get_unsigned("arenas.nhbins"), 41);
}

TEST(initialized)
{
	ctl_setup();
	new_epoch();
	assert_true(get_bool("arena.0.initialized"));
	assert_false(get_bool("arena.1.initialized"));
	assert_non_null(arenas_get_auto(1));
	assert_false(get_bool("arena.1.initialized"));
	new_epoch();
	assert_true(get_bool("arena.1.initialized"));
	assert_true(get_bool("arena.4096.initialized"));
	assert_false(get_bool("arena.4097.initialized"));
}
