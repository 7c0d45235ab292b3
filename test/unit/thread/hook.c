#include "thread/hook.h"

#include "support/harness.h"

#include <string.h>

#include "thread/thread_event.h"
#include "thread_support.h"

static unsigned calls[3];
static uintptr_t args_seen[4];

static void
note_alloc(void *extra, int type, void *result, uintptr_t raw,
    uintptr_t args[3])
{
	assert_ptr_equal(extra, calls);
	assert_ptr_equal(tsd_tls, TSD_NESTED);
	assert_int_equal(raw, (uintptr_t)result + 1);
	assert_int_equal(type, HOOK_CALLOC);
	calls[0]++;
	memcpy(args_seen, args, 3 * sizeof(args[0]));
	/* Not seen. */
	hook_run_alloc(HOOK_MALLOC, NULL, 0, args);
}

static void
note_dalloc(void *extra, int type, void *addr, uintptr_t args[3])
{
	assert_int_equal(type, HOOK_SDALLOCX);
	calls[1]++;
	memcpy(args_seen, args, 3 * sizeof(args[0]));
}

static void
note_expand(void *extra, int type, void *addr, size_t old_usize,
    size_t new_usize, uintptr_t raw, uintptr_t args[4])
{
	assert_int_equal(type, HOOK_EXPAND_BY_XALLOCX);
	assert_int_equal(old_usize + 1, new_usize);
	calls[2]++;
	memcpy(args_seen, args, 4 * sizeof(args[0]));
}

static const hook_t all = {note_alloc, note_dalloc, note_expand, calls};
static const uintptr_t args[4] = {11, 12, 13, 14};

static void
run_each(void)
{
	static char block[2];
	hook_run_alloc(HOOK_CALLOC, block, (uintptr_t)block + 1, args);
	hook_run_dalloc(HOOK_SDALLOCX, block, args);
	hook_run_expand(HOOK_EXPAND_BY_XALLOCX, block, 5, 6, 7, args);
}

TEST(hooks_get_what_happened)
{
	thread_setup(1);
	assert_false(hook_any());
	run_each();
	assert_int_equal(calls[0] + calls[1] + calls[2], 0);
	void *handle = hook_install(&all);
	assert_non_null(handle);
	assert_true(hook_any());
	run_each();
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 1);
	assert_int_equal(calls[2], 1);
	assert_memory_equal(args_seen, args, sizeof(args));
	hook_remove(handle);
	assert_false(hook_any());
	run_each();
	assert_int_equal(calls[0], 1);
}

TEST(there_are_four_places)
{
	thread_setup(1);
	void *handles[4];
	for (unsigned i = 0; i < 4; i++) {
		handles[i] = hook_install(&all);
		assert_non_null(handles[i]);
	}
	assert_null(hook_install(&all));
	hook_remove(handles[2]);
	hook_remove(handles[2]);
	assert_ptr_equal(hook_install(&all), handles[2]);
	run_each();
	assert_int_equal(calls[1], 4);
	/* What is no handle is ignored. */
	hook_remove(calls);
	hook_remove(NULL);
	assert_true(hook_any());
	for (unsigned i = 0; i < 4; i++) {
		hook_remove(handles[i]);
	}
	assert_false(hook_any());
}

TEST(functions_may_be_absent)
{
	thread_setup(1);
	static const hook_t none = {NULL, NULL, NULL, NULL};
	assert_non_null(hook_install(&none));
	run_each();
}

/* This thread at once, others at their next event. */
static void *
other_thread(void *arg)
{
	tsd_t *tsd = tsd_get();
	assert_ptr_equal(tsd_tls, TSD_WATCHED);
	assert_ptr_equal(tsd_own(), tsd);
	hook_remove(arg);
	assert_ptr_equal(tsd_tls, tsd);
	return NULL;
}

TEST(threads_are_watched)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_ptr_equal(tsd_tls, tsd);
	void *handle = hook_install(&all);
	assert_ptr_equal(tsd_tls, TSD_WATCHED);
	assert_ptr_equal(tsd_get(), tsd);
	in_thread(other_thread, handle);
	assert_int_equal(tsd->event_at, 0);
	assert_ptr_equal(tsd_tls, TSD_WATCHED);
	thread_count_alloc(tsd, 8);
	assert_ptr_equal(tsd_tls, tsd);
	assert_true(tsd->event_at > 0);
}
