#include "support/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arenas.h"
#include "ctl_support.h"

TEST(version)
{
	ctl_setup();
	assert_string_equal(get_text("version"), JEMALLOC_VERSION);
	assert_string_equal(get_text("config.malloc_conf"), CONFIG_MALLOC_CONF);
}

/* Any write starts a new epoch; reading after it gives its number. */
TEST(epoch)
{
	ctl_setup();
	uint64_t epoch = get_u64("epoch");
	assert_int_equal(get_u64("epoch"), epoch);
	for (unsigned i = 1; i < 5; i++) {
		uint64_t value = 77;
		size_t length = sizeof(value);
		assert_int_equal(ctl_by_name("epoch", &value, &length, &value,
				     sizeof(value)),
		    0);
		assert_int_equal(value, epoch + i);
	}
	uint32_t half = 1;
	assert_int_equal(try_write("epoch", &half, sizeof(half)), EINVAL);
	assert_int_equal(get_u64("epoch"), epoch + 4);
}

TEST(background_threads)
{
	if (!config_stats) {
		skip();
	}
	bool yes = true;
	bool no = false;
	ctl_setup();
	assert_false(get_bool("background_thread"));
	assert_int_equal(try_write("background_thread", &no, 1), 0);
	assert_int_equal(try_write("background_thread", &yes, 2), EINVAL);
	assert_false(get_bool("background_thread"));
	assert_int_equal(try_write("background_thread", &yes, 1), 0);
	assert_true(get_bool("background_thread"));
	new_epoch();
	assert_int_equal(get_size("stats.background_thread.num_threads"), 1);
	assert_int_equal(try_write("background_thread", &no, 1), 0);
	assert_false(get_bool("background_thread"));
	size_t max = get_size("max_background_threads");
	size_t more = max + 1;
	size_t none = 0;
	size_t one = 1;
	assert_int_equal(try_write("max_background_threads", &more,
			     sizeof(more)),
	    EINVAL);
	assert_int_equal(try_write("max_background_threads", &none,
			     sizeof(none)),
	    EINVAL);
	assert_int_equal(try_write("max_background_threads", &one, sizeof(one)),
	    0);
	assert_int_equal(get_size("max_background_threads"), 1);
	assert_int_equal(try_write("max_background_threads", &max, sizeof(max)),
	    0);
}

/* Where a source was absent there is nothing to read. */
TEST(sources_of_options)
{
	ctl_setup();
	assert_int_equal(try_read("opt.malloc_conf.symlink", sizeof(char *)),
	    ENOENT);
	static const char text[] = "retain:true";
	options_sources_t sources = {.text = {[OPT_SOURCE_ENV] = text}};
	options_boot(&sources);
	assert_string_equal(get_text("opt.malloc_conf.env_var"), text);
	assert_int_equal(try_read("opt.malloc_conf.global_var", sizeof(char *)),
	    ENOENT);
	assert_int_equal(try_write("opt.malloc_conf.env_var", &sources,
			     sizeof(char *)),
	    EPERM);
	assert_int_equal(try_write("opt.malloc_conf.global_var", &sources,
			     sizeof(char *)),
	    ENOENT);
}

TEST(zero_reallocs_are_read)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	assert_int_equal(get_size("stats.zero_reallocs"), 0);
	atomic_store(&zero_reallocs, 5);
	assert_int_equal(get_size("stats.zero_reallocs"), 5);
}

TEST(mutexes_reset)
{
	if (!config_stats) {
		skip();
	}
	ctl_setup();
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(try_act("arena.0.purge"), 0);
	}
	new_epoch();
	uint64_t before = get_u64("stats.arenas.0.mutexes.decay_dirty.num_ops");
	assert_true(before >= 100);
	assert_int_equal(try_act("stats.mutexes.reset"), 0);
	new_epoch();
	assert_true(
	    get_u64("stats.arenas.0.mutexes.decay_dirty.num_ops") < before / 2);
}

TEST(approximate_active)
{
	ctl_setup();
	const char *name = "approximate_stats.active";
	size_t before = get_size(name);
	void *reg;
	bool contended;
	assert_int_equal(arena_fill(arenas_get(0), 5, 0, &reg, 1, &contended),
	    1);
	assert_true(get_size(name) >= before + PAGE);
}

TEST(batch_alloc)
{
	void *ptrs[10] = {NULL};
	struct {
		void **ptrs;
		size_t num;
		size_t size;
		int flags;
	} batch = {ptrs, 10, 100, 0};
	size_t filled = 0;
	size_t length = sizeof(filled);
	ctl_setup();
	assert_int_equal(ctl_by_name("experimental.batch_alloc", &filled,
			     &length, &batch, sizeof(batch)),
	    0);
	assert_int_equal(filled, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_non_null(ptrs[i]);
		free(ptrs[i]);
	}
	/* Whatever could be had. */
	batch.flags = 1;
	assert_int_equal(ctl_by_name("experimental.batch_alloc", &filled,
			     &length, &batch, sizeof(batch)),
	    0);
	assert_int_equal(filled, 0);
	assert_int_equal(try_write("experimental.batch_alloc", &batch,
			     sizeof(batch)),
	    EINVAL);
}
