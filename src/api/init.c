#include "api/init.h"

#include <stdlib.h>

#include "api/entry.h"
#include "api/fork.h"
#include "api/trace.h"
#include "arena/bin_info.h"
#include "ctl/stats_print.h"
#include "meta/options.h"
#include "platform/io.h"
#include "platform/mutex.h"
#include "platform/pages.h"
#include "thread/background.h"
#include "thread/check.h"
#include "thread/tcache.h"

_Atomic int init_state = INIT_NONE;

static mutex_t init_lock = MUTEX_INITIALIZER("init", LOCK_INIT);
static _Atomic(void *) init_thread;

/* What of the start is done, so that a second try goes on from there. */
static bool sources_found, options_read, fork_registered;
static options_sources_t sources;

/* There is no allocator of huge pages yet: whoever wants it is told. */
static void
refuse_hpa(void)
{
	io_printf("<jemalloc>: HPA not supported in the current configuration; "
		  "%s.\n",
	    opt.abort_conf ? "aborting" : "disabling");
	if (opt.abort_conf) {
		abort();
	}
	opt.hpa = false;
}

/* Look once for what options are given; is there anything? */
BOOT static bool
find_sources(void)
{
	if (!sources_found) {
		sources_found = true;
		options_sources_system(&sources);
	}
	return options_are_given(&sources);
}

static void
boot_options(void)
{
	if (options_read) {
		return;
	}
	options_read = true;
	(void)find_sources();
	options_boot(&sources);
	if (opt.hpa) {
		refuse_hpa();
	}
	pages_trust_madvise = opt.trust_madvise;
	mutex_max_spin = opt.mutex_max_spin;
	if (config_log) {
		trace_boot(opt.log);
	}
}

/* In order: each needs those before it. */
static bool
boot_low(void)
{
	pages_boot();
	boot_options();
	size_class_boot();
	bin_info_boot();
	tsd_boot();
	if (arenas_boot() != ERR_NONE) {
		return false;
	}
	background_boot();
	return true;
}

static void
print_stats_at_exit(void)
{
	stats_print(NULL, NULL, opt.stats_print_opts);
}

static void
boot_fork(void)
{
	if (!fork_registered) {
		fork_registered = true;
		fork_boot();
	}
}

/* These may allocate, and are served already. */
static void
boot_high(void)
{
	control_boot();
	if (opt.percpu_arena != OPT_PERCPU_DISABLED) {
		arenas_boot_percpu();
	}
	if (opt.narenas > ARENAS_MAX - 1) {
		/* Says so; otherwise the number is found out when needed. */
		(void)arenas_nauto();
	}
	(void)!tsd_boot_key();
	boot_fork();
	if (opt.stats_print) {
		io_keep_stderr();
	}
	if (opt.stats_print && atexit(print_stats_at_exit) != 0) {
		io_message("<jemalloc>: Error in atexit()\n");
		if (opt.abort) {
			abort();
		}
	}
}

bool
init_slow(void)
{
	int state = atomic_load_explicit(&init_state, memory_order_acquire);
	if (state == INIT_READY) {
		return true;
	}
	if (state == INIT_RUNNING &&
	    atomic_load_explicit(&init_thread, memory_order_relaxed) ==
		os_thread_self()) {
		/* Nested in boot_high(), or in a message handler. */
		return arenas_get(0) != NULL;
	}
	mutex_lock(&init_lock);
	bool ready = true;
	if (atomic_load_explicit(&init_state, memory_order_relaxed) !=
	    INIT_READY) {
		atomic_store_explicit(&init_thread, os_thread_self(),
		    memory_order_relaxed);
		atomic_store_explicit(&init_state, INIT_RUNNING,
		    memory_order_release);
		ready = boot_low();
		if (ready) {
			boot_high();
		}
		atomic_store_explicit(&init_state,
		    ready ? INIT_READY : INIT_NONE, memory_order_release);
		atomic_store_explicit(&init_thread, NULL, memory_order_relaxed);
	}
	mutex_unlock(&init_lock);
	return ready;
}

/*
 * Before main(): fork handlers are there before the program's own.  Everything
 * else waits for the first call, which a process that does next to nothing
 * never makes; unless there are options, which may be about other things than
 * calls, or wrong.
 */
__attribute__((constructor)) static void
init_constructor(void)
{
	/* Without a lock: to start a thread takes an allocation. */
	if (atomic_load_explicit(&init_state, memory_order_acquire) ==
		INIT_NONE &&
	    !find_sources()) {
		boot_fork();
	} else if (init_done()) {
		background_boot_threads();
	}
}

/* What is still cached was freed by the program: check that it was right. */
__attribute__((destructor)) static void
init_destructor(void)
{
	tsd_t *tsd = tsd_own();
	if (atomic_load_explicit(&init_state, memory_order_relaxed) ==
		INIT_READY &&
	    tsd != NULL) {
		tcache_flush(tsd);
	}
	if (check_on()) {
		check_all();
	}
}

/*
 * Called last of all, in the place of the C runtime's _fini, which is empty
 * too, but lies behind all other code (see Makefile.in).
 */
void jemalloc_no_fini(void);

BOOT void
jemalloc_no_fini(void)
{
}

void NO_THREAD_SAFETY
init_prefork(void)
{
	mutex_prefork(&init_lock);
}

void NO_THREAD_SAFETY
init_postfork_parent(void)
{
	mutex_postfork_parent(&init_lock);
}

void NO_THREAD_SAFETY
init_postfork_child(void)
{
	mutex_postfork_child(&init_lock);
}
