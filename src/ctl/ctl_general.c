/*
 * ctl_general: actions that belong to no arena and no thread.
 */
#include "ctl/ctl.h"
#include "ctl/ctl_actions.h"
#include "ctl/snapshot.h"
#include "meta/options.h"
#include "platform/build.h"
#include "thread/background.h"

int
ctl_version(ctl_call_t *call)
{
	const char *version = JEMALLOC_VERSION;
	return CTL_READ(call, version);
}

int
ctl_epoch(ctl_call_t *call)
{
	uint64_t epoch;
	if (call->newp != NULL && CTL_WRITE(call, epoch) != 0) {
		return EINVAL;
	}
	mutex_lock(&ctl_lock);
	err_t err = call->newp != NULL ? snapshot_refresh() : ERR_NONE;
	epoch = snapshot_epoch();
	mutex_unlock(&ctl_lock);
	return err != ERR_NONE ? EAGAIN : CTL_READ(call, epoch);
}

int
ctl_background_thread(ctl_call_t *call)
{
	bool enable = background_enabled();
	int error = CTL_READ(call, enable);
	if (error != 0 || call->newp == NULL) {
		return error;
	}
	error = CTL_WRITE(call, enable);
	return error != 0                           ? error
	    : background_enable(enable) != ERR_NONE ? EFAULT
						    : 0;
}

int
ctl_max_background_threads(ctl_call_t *call)
{
	size_t max = background_max();
	int error = CTL_READ(call, max);
	if (error != 0 || call->newp == NULL) {
		return error;
	}
	error = CTL_WRITE(call, max);
	if (error != 0) {
		return error;
	}
	err_t err = background_set_max(max);
	return err == ERR_NONE ? 0 : err == ERR_INVALID ? EINVAL : EFAULT;
}

int
ctl_config_malloc_conf(ctl_call_t *call)
{
	const char *text = CONFIG_MALLOC_CONF;
	return CTL_READ(call, text);
}

/* That there is none comes before that it can not be written. */
static int
conf_source(ctl_call_t *call, opt_source_t source)
{
	const char *text = options_source_text(source);
	if (text == NULL) {
		return ENOENT;
	}
	return ctl_refuse_new(call) != 0 ? EPERM : CTL_READ(call, text);
}

int
ctl_conf_symlink(ctl_call_t *call)
{
	return conf_source(call, OPT_SOURCE_SYMLINK);
}

int
ctl_conf_env_var(ctl_call_t *call)
{
	return conf_source(call, OPT_SOURCE_ENV);
}

int
ctl_conf_global_var(ctl_call_t *call)
{
	return conf_source(call, OPT_SOURCE_GLOBAL_VAR);
}

int
ctl_conf_global_var_2(ctl_call_t *call)
{
	return conf_source(call, OPT_SOURCE_GLOBAL_VAR_2);
}

/* Arguments are ignored. */
int
ctl_mutexes_reset(ctl_call_t *call)
{
	(void)call;
	mutex_lock(&ctl_lock);
	snapshot_reset_mutexes();
	mutex_unlock(&ctl_lock);
	return 0;
}

int
ctl_stats_zero_reallocs(ctl_call_t *call)
{
	size_t n = atomic_load_explicit(&zero_reallocs, memory_order_relaxed);
	return CTL_READ(call, n);
}

int
ctl_approximate_active(ctl_call_t *call)
{
	size_t npages = 0;
	unsigned n = arenas_count();
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_hold(ind);
		npages += arena == NULL
		    ? 0
		    : atomic_load_explicit(&arena->pac.nactive,
			  memory_order_relaxed);
		arenas_hold_end();
	}
	size_t bytes = npages << LG_PAGE;
	return CTL_READ(call, bytes);
}

/* What experimental.batch_alloc takes in. */
typedef struct {
	void **ptrs;
	size_t num;
	size_t size;
	int flags;
} batch_t;

int
ctl_batch_alloc(ctl_call_t *call)
{
	batch_t batch;
	size_t filled = 0;
	int error = ctl_demand_old(call, sizeof(filled));
	if (error != 0) {
		return error;
	}
	if (call->newp == NULL || CTL_WRITE(call, batch) != 0) {
		return EINVAL;
	}
	while (filled < batch.num) {
		void *ptr = ctl_ops.mallocx(batch.size, batch.flags);
		if (ptr == NULL) {
			break;
		}
		batch.ptrs[filled++] = ptr;
	}
	return CTL_READ(call, filled);
}
