/*
 * ctl_hooks: functions of the program that the allocator calls.
 */
#include "ctl/ctl_actions.h"
#include "platform/fatal.h"
#include "thread/hook.h"
#include "thread/thread_event.h"

int
ctl_hooks_install(ctl_call_t *call)
{
	hook_t hooks;
	void *handle;
	if (!ctl_wants_old(call) || call->newp == NULL ||
	    CTL_WRITE(call, hooks) != 0) {
		return EINVAL;
	}
	handle = hook_install(&hooks);
	return handle == NULL ? EAGAIN : CTL_READ(call, handle);
}

int
ctl_hooks_remove(ctl_call_t *call)
{
	void *handle = NULL;
	if (call->newp == NULL || CTL_WRITE(call, handle) != 0 ||
	    handle == NULL) {
		return EINVAL;
	}
	hook_remove(handle);
	return 0;
}

int
ctl_hook_safety_check_abort(ctl_call_t *call)
{
	void (*hook)(const char *) = NULL;
	if (call->newp != NULL && CTL_WRITE(call, hook) != 0) {
		return EINVAL;
	}
	if (call->newp != NULL) {
		fatal_hook = hook;
	}
	return 0;
}

int
ctl_hook_thread_event(ctl_call_t *call)
{
	thread_callback_t callback;
	if (call->newp == NULL || CTL_WRITE(call, callback) != 0 ||
	    callback.callback == NULL || callback.interval == 0) {
		return EINVAL;
	}
	return thread_event_add(&callback) != ERR_NONE ? EINVAL : 0;
}
