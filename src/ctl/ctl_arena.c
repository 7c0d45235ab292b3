/*
 * ctl_arena: actions on arenas.
 *
 * Settings, resets and destruction are below ctl_lock, so that an arena does
 * not vanish meanwhile.  Extent hooks then run below it too, and must not call
 * mallctl.  Purging only keeps the arena from vanishing, and creation holds
 * nothing.
 */
#include "ctl/ctl_actions.h"
#include "ctl/snapshot.h"
#include "page/dss.h"
#include "platform/clock.h"
#include "thread/background.h"
#include "thread/check.h"
#include "thread/idle.h"
#include "thread/tcache.h"

/* The arena of the call; NULL: there is none (yet, or any more). */
static arena_t *
arena_locked(const ctl_call_t *call) REQUIRES(ctl_lock)
{
	size_t ind = call->index[0];
	return ind < arenas_count() ? arenas_get((unsigned)ind) : NULL;
}

static bool
means_all(const ctl_call_t *call)
{
	return call->index[0] == SNAP_ARENAS_ALL ||
	    call->index[0] == arenas_count();
}

int
ctl_arena_initialized(ctl_call_t *call)
{
	mutex_lock(&ctl_lock);
	bool initialized = snapshot_arena_initialized(call->index[0]);
	mutex_unlock(&ctl_lock);
	return CTL_READ(call, initialized);
}

/* Visit the arena of the call, or all; nothing happens to one not there. */
static int
visit(ctl_call_t *call, void (*act)(arena_t *))
{
	unsigned n = arenas_count();
	if (call->index[0] == SNAP_ARENAS_DESTROYED) {
		return EFAULT;
	}
	bool all = means_all(call);
	for (unsigned ind = 0; ind < n; ind++) {
		if (!all && ind != call->index[0]) {
			continue;
		}
		arena_t *arena = arenas_hold(ind);
		if (arena != NULL) {
			act(arena);
		}
		arenas_hold_end();
	}
	return 0;
}

/* Background threads do it where they run; soon, as they are told. */
static void
decay(arena_t *arena)
{
	if (background_enabled()) {
		background_wake(arena->ind);
	} else {
		arena_tick(arena);
	}
}

int
ctl_arena_decay(ctl_call_t *call)
{
	return visit(call, decay);
}

int
ctl_arena_purge(ctl_call_t *call)
{
	return visit(call, arena_purge);
}

/* An arena that the program made; NULL: it did not, or it is gone. */
static arena_t *
manual_locked(const ctl_call_t *call) REQUIRES(ctl_lock)
{
	arena_t *arena = arena_locked(call);
	return arena != NULL && !arena->automatic ? arena : NULL;
}

int
ctl_arena_reset(ctl_call_t *call)
{
	int error = EFAULT;
	mutex_lock(&ctl_lock);
	arena_t *arena = manual_locked(call);
	if (arena != NULL) {
		check_forget_arena(arena->ind);
		idle_wait();
		arena_reset(arena);
		error = 0;
	}
	mutex_unlock(&ctl_lock);
	return error;
}

int
ctl_arena_destroy(ctl_call_t *call)
{
	int error = EFAULT;
	mutex_lock(&ctl_lock);
	arena_t *arena = manual_locked(call);
	if (arena != NULL &&
	    atomic_load_explicit(&arena->nthreads, memory_order_relaxed) == 0) {
		check_forget_arena(arena->ind);
		idle_wait();
		arena_reset(arena);
		(void)!snapshot_arena_destroyed(arena);
		arenas_destroy(arena);
		error = 0;
	}
	mutex_unlock(&ctl_lock);
	return error;
}

/* The precedence that a text names; false: it names none. */
static bool
dss_parse(const char *text, dss_prec_t *prec)
{
	const opt_row_t *row = &opt_rows[OPT_ID_dss];
	for (unsigned i = 0; opt_enum_name(row, i) != NULL; i++) {
		if (strcmp(opt_enum_name(row, i), text) == 0) {
			*prec = (dss_prec_t)i;
			return true;
		}
	}
	return false;
}

/* For arenas to come: those that have no setting get the default of now. */
static void
dss_set_default(dss_prec_t prec)
{
	for (unsigned ind = 0; ind < arenas_count(); ind++) {
		if (arenas_get(ind) != NULL) {
			dss_prec_set(ind, dss_prec_of(ind));
		}
	}
	dss_prec_set_default(prec);
}

int
ctl_arena_dss(ctl_call_t *call)
{
	const char *text = NULL;
	dss_prec_t prec = DSS_PREC_DISABLED;
	if (call->newp != NULL && CTL_WRITE(call, text) != 0) {
		return EINVAL;
	}
	if (text != NULL && !dss_parse(text, &prec)) {
		return EINVAL;
	}
	if (text != NULL && !config_dss && prec != DSS_PREC_DISABLED) {
		return EFAULT;
	}
	bool all = means_all(call);
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	bool exists = all || arena != NULL;
	if (exists && text != NULL) {
		if (all) {
			dss_set_default(prec);
		} else {
			dss_prec_set(arena->ind, prec);
		}
	}
	if (exists) {
		prec = all ? dss_prec_default() : dss_prec_of(arena->ind);
	}
	mutex_unlock(&ctl_lock);
	text = opt_enum_name(&opt_rows[OPT_ID_dss], prec);
	return exists ? CTL_READ(call, text) : EFAULT;
}

int
ctl_arena_oversize_threshold(ctl_call_t *call)
{
	int error = EFAULT;
	size_t threshold;
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	if (arena != NULL) {
		threshold = atomic_load_explicit(&arena->oversize_threshold,
		    memory_order_relaxed);
		error = CTL_READ(call, threshold);
	}
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, threshold);
		if (error == 0) {
			atomic_store_explicit(&arena->oversize_threshold,
			    threshold, memory_order_relaxed);
		}
	}
	mutex_unlock(&ctl_lock);
	return error;
}

static int
decay_ms(ctl_call_t *call, extent_state_t state)
{
	int error = EFAULT;
	ssize_t ms;
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	if (arena != NULL) {
		ms = state == EXTENT_DIRTY ? pac_dirty_decay_ms(&arena->pac)
					   : pac_muzzy_decay_ms(&arena->pac);
		error = CTL_READ(call, ms);
	}
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, ms);
		if (error == 0 &&
		    pac_set_decay_ms(&arena->pac, state, ms, clock_ns()) !=
			ERR_NONE) {
			error = EFAULT;
		} else if (error == 0 && ms == 0) {
			arena_release_empty_slabs(arena);
		}
	}
	mutex_unlock(&ctl_lock);
	return error;
}

int
ctl_arena_dirty_decay_ms(ctl_call_t *call)
{
	return decay_ms(call, EXTENT_DIRTY);
}

int
ctl_arena_muzzy_decay_ms(ctl_call_t *call)
{
	return decay_ms(call, EXTENT_MUZZY);
}

/* Exchange the hooks of an arena, or create an automatic one with them. */
static int
set_hooks_locked(ctl_call_t *call, arena_t *arena, extent_hooks_t *hooks)
    REQUIRES(ctl_lock)
{
	if (arena != NULL) {
		/* Nothing that was taken is on its way to the old ones. */
		mutex_lock(&idle_lock);
		ehooks_set_table(&arena->ehooks, hooks);
		mutex_unlock(&idle_lock);
		return 0;
	}
	return arenas_create_auto((unsigned)call->index[0], hooks) == NULL
	    ? EFAULT
	    : 0;
}

int
ctl_arena_extent_hooks(ctl_call_t *call)
{
	extent_hooks_t *hooks = NULL;
	if (call->newp != NULL &&
	    (CTL_WRITE(call, hooks) != 0 || hooks == NULL ||
		hooks->alloc == NULL)) {
		return EINVAL;
	}
	/* Not the reserved index: oversize blocks create that arena. */
	bool can_be_made = call->index[0] < arenas_nauto();
	int error = EFAULT;
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	extent_hooks_t *old = arena == NULL ? ehooks_default_table
					    : ehooks_table(&arena->ehooks);
	if (arena != NULL || can_be_made) {
		error = hooks == NULL ? 0
				      : set_hooks_locked(call, arena, hooks);
	}
	mutex_unlock(&ctl_lock);
	return error != 0 ? error : CTL_READ(call, old);
}

int
ctl_arena_retain_grow_limit(ctl_call_t *call)
{
	size_t limit = 0;
	if (call->newp != NULL && CTL_WRITE(call, limit) != 0) {
		return EINVAL;
	}
	if (call->newp != NULL && (limit < PAGE || limit == SIZE_MAX)) {
		return EFAULT;
	}
	size_t old = 0;
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	if (arena != NULL) {
		old = pac_grow_limit(&arena->pac);
		if (call->newp != NULL) {
			pac_set_grow_limit(&arena->pac, limit);
		}
	}
	mutex_unlock(&ctl_lock);
	return arena == NULL ? EFAULT : CTL_READ(call, old);
}

static int
name_locked(ctl_call_t *call, arena_t *arena) REQUIRES(ctl_lock)
{
	char *buf;
	if (ctl_wants_old(call)) {
		if (*call->oldlenp != sizeof(buf)) {
			return EINVAL;
		}
		memcpy(&buf, call->oldp, sizeof(buf));
		if (buf == NULL) {
			return EINVAL;
		}
		memcpy(buf, arena->name, ARENA_NAME_SIZE);
	}
	if (call->newp != NULL) {
		if (CTL_WRITE(call, buf) != 0 || buf == NULL) {
			return EINVAL;
		}
		size_t length = strnlen(buf, ARENA_NAME_SIZE - 1);
		memcpy(arena->name, buf, length);
		memset(arena->name + length, 0, ARENA_NAME_SIZE - length);
	}
	return 0;
}

int
ctl_arena_name(ctl_call_t *call)
{
	if (call->index[0] >= arenas_count()) {
		return EINVAL;
	}
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	int error = arena == NULL ? EFAULT : name_locked(call, arena);
	mutex_unlock(&ctl_lock);
	return error;
}

int
ctl_narenas(ctl_call_t *call)
{
	unsigned n = arenas_count();
	return CTL_READ(call, n);
}

static int
default_decay_ms(ctl_call_t *call, ssize_t (*get)(void), err_t (*set)(ssize_t))
{
	ssize_t ms = get();
	int error = CTL_READ(call, ms);
	if (error != 0 || call->newp == NULL) {
		return error;
	}
	error = CTL_WRITE(call, ms);
	return error != 0 ? error : set(ms) != ERR_NONE ? EFAULT : 0;
}

int
ctl_arenas_dirty_decay_ms(ctl_call_t *call)
{
	return default_decay_ms(call, arenas_dirty_decay_ms,
	    arenas_set_dirty_decay_ms);
}

int
ctl_arenas_muzzy_decay_ms(ctl_call_t *call)
{
	return default_decay_ms(call, arenas_muzzy_decay_ms,
	    arenas_set_muzzy_decay_ms);
}

int
ctl_arenas_tcache_max(ctl_call_t *call)
{
	size_t max = tcache_max_of(opt.tcache_max);
	return CTL_READ(call, max);
}

int
ctl_arenas_nhbins(ctl_call_t *call)
{
	unsigned n = szind_compute(tcache_max_of(opt.tcache_max)) + 1;
	return CTL_READ(call, n);
}

int
ctl_bin_size(ctl_call_t *call)
{
	size_t size = bin_infos[call->index[0]].reg_size;
	return CTL_READ(call, size);
}

int
ctl_bin_nregs(ctl_call_t *call)
{
	uint32_t nregs = bin_infos[call->index[0]].nregs;
	return CTL_READ(call, nregs);
}

int
ctl_bin_slab_size(ctl_call_t *call)
{
	size_t size = bin_infos[call->index[0]].slab_size;
	return CTL_READ(call, size);
}

int
ctl_bin_nshards(ctl_call_t *call)
{
	uint32_t nshards = arenas_nshards((unsigned)call->index[0]);
	return CTL_READ(call, nshards);
}

int
ctl_lextent_size(ctl_call_t *call)
{
	size_t size = szind_size(SC_NBINS + (unsigned)call->index[0]);
	return CTL_READ(call, size);
}

/* What experimental.arenas_create_ext takes in. */
typedef struct {
	extent_hooks_t *extent_hooks;
	bool metadata_use_hooks;
} arena_config_t;

static int
create(ctl_call_t *call, const arena_config_t *config)
{
	if (config->extent_hooks != NULL &&
	    config->extent_hooks->alloc == NULL) {
		return EINVAL;
	}
	arena_t *arena = arenas_create(config->extent_hooks,
	    config->metadata_use_hooks);
	if (arena == NULL) {
		return EAGAIN;
	}
	unsigned ind = arena->ind;
	return CTL_READ(call, ind);
}

int
ctl_arenas_create(ctl_call_t *call)
{
	arena_config_t config = {.metadata_use_hooks = true};
	int error = ctl_demand_old(call, sizeof(unsigned));
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, config.extent_hooks);
		if (error == 0 && config.extent_hooks == NULL) {
			error = EINVAL;
		}
	}
	return error != 0 ? error : create(call, &config);
}

int
ctl_arenas_create_ext(ctl_call_t *call)
{
	arena_config_t config = {.metadata_use_hooks = true};
	int error = ctl_demand_old(call, sizeof(unsigned));
	if (error == 0 && call->newp != NULL) {
		error = CTL_WRITE(call, config);
	}
	return error != 0 ? error : create(call, &config);
}

int
ctl_arenas_pactivep(ctl_call_t *call)
{
	size_t *address = NULL;
	if (!ctl_wants_old(call) || *call->oldlenp != sizeof(address)) {
		return EINVAL;
	}
	mutex_lock(&ctl_lock);
	arena_t *arena = arena_locked(call);
	if (arena != NULL) {
		address = (size_t *)&arena->pac.nactive;
	}
	mutex_unlock(&ctl_lock);
	return address == NULL ? EFAULT : CTL_READ(call, address);
}
