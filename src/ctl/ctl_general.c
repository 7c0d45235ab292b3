/*
 * ctl_general: actions that belong to no arena and no thread.
 */
#include "ctl/ctl.h"
#include "ctl/ctl_actions.h"
#include "ctl/snapshot.h"
#include "meta/options.h"
#include "platform/build.h"

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

/* There are no background threads: they can not be started. */
int
ctl_background_thread(ctl_call_t *call)
{
	bool enabled = false, wanted = false;
	int error = CTL_READ(call, enabled);
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, wanted);
	}
	return error != 0 ? error : wanted != enabled ? EFAULT : 0;
}

int
ctl_max_background_threads(ctl_call_t *call)
{
	static size_t lowered;	/* 0: as the option says */
	size_t max;
	mutex_lock(&ctl_lock);
	size_t before = lowered != 0 ? lowered : opt.max_background_threads;
	int error = CTL_READ(call, before);
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, max);
		if (error == 0 && (max == 0 ||
		    max > opt.max_background_threads)) {
			error = EINVAL;
		}
		if (error == 0) {
			lowered = max;
		}
	}
	mutex_unlock(&ctl_lock);
	return error;
}

int
ctl_config_malloc_conf(ctl_call_t *call)
{
	const char *text = CONFIG_MALLOC_CONF;
	return CTL_READ(call, text);
}

static int
conf_source(ctl_call_t *call, opt_source_t source)
{
	const char *text = options_source_text(source);
	return text == NULL ? ENOENT : CTL_READ(call, text);
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
	/* An arena must not vanish meanwhile. */
	mutex_lock(&ctl_lock);
	for (unsigned ind = 0; ind < n; ind++) {
		arena_t *arena = arenas_get(ind);
		npages += arena == NULL ? 0 : atomic_load_explicit(
		    &arena->pac.nactive, memory_order_relaxed);
	}
	mutex_unlock(&ctl_lock);
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
