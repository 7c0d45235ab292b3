#include "ctl/ctl_actions.h"

#include "support/harness.h"

#include <errno.h>

#include "ctl_support.h"

/* Compiled in or not, it does not run. */
TEST(profiling_is_off)
{
	ctl_setup();
	assert_false(ctl_prof_is_on());
	if (!config_prof) {
		assert_int_equal(try_read("prof.active", 1), ENOENT);
		skip();
	}
	bool yes = true;
	assert_false(get_bool("prof.active"));
	assert_int_equal(try_write("prof.active", &yes, 1), ENOENT);
	assert_int_equal(try_act("prof.dump"), ENOENT);
}
