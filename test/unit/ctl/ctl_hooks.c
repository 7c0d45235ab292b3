#include "support/harness.h"

#include <errno.h>
#include <string.h>

#include "ctl_support.h"
#include "platform/fatal.h"
#include "thread/hook.h"
#include "thread/thread_event.h"

static char last_text[100];

static void
note_text(const char *text)
{
	strncpy(last_text, text, sizeof(last_text) - 1);
}

TEST(safety_check_abort)
{
	void (*hook)(const char *) = note_text;
	const char *name = "experimental.hooks.safety_check_abort";
	ctl_setup();
	assert_int_equal(try_write(name, &hook, sizeof(hook)), 0);
	fault("a fault of %d", 7);
	assert_string_equal(last_text, "a fault of 7");
	assert_int_equal(try_write(name, &hook, 1), EINVAL);
	hook = NULL;
	assert_int_equal(try_write(name, &hook, sizeof(hook)), 0);
	assert_null(fatal_hook);
}

static void
nothing(bool is_alloc, uint64_t allocated, uint64_t deallocated)
{
	(void)is_alloc, (void)allocated, (void)deallocated;
}

TEST(thread_event)
{
	thread_callback_t callback = {nothing, 1000, true};
	const char *name = "experimental.hooks.thread_event";
	ctl_setup();
	assert_int_equal(try_write(name, &callback, sizeof(callback)), 0);
	callback.callback = NULL;
	assert_int_equal(try_write(name, &callback, sizeof(callback)), EINVAL);
	assert_int_equal(try_write(name, &callback, 8), EINVAL);
	assert_int_equal(try_act(name), EINVAL);
}

TEST(install_and_remove)
{
	hook_t hooks = {NULL, NULL, NULL, NULL};
	void *handle = NULL;
	size_t length = sizeof(handle);
	ctl_setup();
	assert_int_equal(ctl_by_name("experimental.hooks.install", &handle,
			     &length, &hooks, sizeof(hooks)),
	    0);
	assert_non_null(handle);
	assert_true(hook_any());
	assert_int_equal(try_write("experimental.hooks.remove", &handle,
			     sizeof(handle)),
	    0);
	assert_false(hook_any());
	handle = NULL;
	assert_int_equal(try_write("experimental.hooks.remove", &handle,
			     sizeof(handle)),
	    EINVAL);
	assert_int_equal(try_act("experimental.hooks.install"), EINVAL);
}
