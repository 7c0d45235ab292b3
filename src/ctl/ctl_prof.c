/*
 * ctl_prof: actions that need heap profiling, which is not there yet.
 *
 * Everything answers as it does where profiling is compiled in and switched
 * off; names behind the gate PROF_ON do not exist then.
 */
#include "ctl/ctl_actions.h"
#include "platform/build.h"

bool
ctl_prof_is_on(void)
{
	return false;
}

/* A switch that is off and can not be turned on. */
static int
off(ctl_call_t *call)
{
	bool value = false;
	return call->newp != NULL ? ENOENT : CTL_READ(call, value);
}

int
ctl_thread_prof_active(ctl_call_t *call)
{
	return off(call);
}

int
ctl_prof_thread_active_init(ctl_call_t *call)
{
	return off(call);
}

int
ctl_prof_gdump(ctl_call_t *call)
{
	return off(call);
}

/* Turning it off is no mistake. */
int
ctl_prof_active(ctl_call_t *call)
{
	bool active = false;
	if (call->newp != NULL) {
		if (CTL_WRITE(call, active) != 0) {
			return EINVAL;
		}
		if (active) {
			return ENOENT;
		}
	}
	return CTL_READ(call, active);
}

int
ctl_prof_interval(ctl_call_t *call)
{
	uint64_t interval = 0;
	return CTL_READ(call, interval);
}

int
ctl_prof_lg_sample(ctl_call_t *call)
{
	size_t lg_sample = 0;
	return CTL_READ(call, lg_sample);
}

/* Not reached: the gate is closed. */
static int
absent(ctl_call_t *call)
{
	(void)call;
	return ENOENT;
}

int
ctl_thread_prof_name(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_dump(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_prefix(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_reset(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_log_start(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_log_stop(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_bins_live(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_bins_accum(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_lextents_live(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_lextents_accum(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_recent_alloc_max(ctl_call_t *call)
{
	return absent(call);
}

int
ctl_prof_recent_alloc_dump(ctl_call_t *call)
{
	return absent(call);
}

/* A function that is not installed and can not be. */
static int
no_hook(ctl_call_t *call)
{
	void *hook = NULL;
	if (call->oldp == NULL && call->newp == NULL) {
		return EINVAL;
	}
	int error = CTL_READ(call, hook);
	return error != 0 ? error : call->newp != NULL ? ENOENT : 0;
}

int
ctl_hook_prof_backtrace(ctl_call_t *call)
{
	return no_hook(call);
}

int
ctl_hook_prof_dump(ctl_call_t *call)
{
	return no_hook(call);
}

int
ctl_hook_prof_sample(ctl_call_t *call)
{
	return no_hook(call);
}

int
ctl_hook_prof_sample_free(ctl_call_t *call)
{
	return no_hook(call);
}
