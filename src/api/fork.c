#include "api/fork.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/init.h"
#include "ctl/ctl.h"
#include "meta/options.h"
#include "page/dss.h"
#include "platform/fatal.h"
#include "platform/os_thread.h"
#include "thread/background.h"
#include "thread/check.h"
#include "thread/idle.h"
#include "thread/tcaches.h"
#include "thread/tsd.h"

/*
 * A process with one thread has nobody who could hold a lock, and its child
 * nobody to forget.  Each page that locks lie in would be written to three times:
 * by the parent before and after, which copies it once more, and by the child.
 */
static _Atomic bool alone; /* written to when it changes only */

static bool
is_alone(void)
{
	return atomic_load_explicit(&alone, memory_order_relaxed);
}

static void
prefork(void)
{
	/* Several may be here at once, who say the same. */
	bool now = os_is_single_threaded();
	if (is_alone() != now) {
		atomic_store_explicit(&alone, now, memory_order_relaxed);
	}
	if (now) {
		return;
	}
	init_prefork();
	ctl_prefork();
	tcaches_prefork();
	arenas_prefork_table();
	background_prefork();
	idle_prefork();
	tsd_prefork();
	arenas_prefork();
	dss_prefork();
	check_prefork();
}

static void
postfork_parent(void)
{
	if (is_alone()) {
		return;
	}
	check_postfork_parent();
	dss_postfork_parent();
	arenas_postfork_parent();
	tsd_postfork_parent();
	idle_postfork_parent();
	background_postfork_parent();
	tcaches_postfork_parent();
	ctl_postfork_parent();
	init_postfork_parent();
}

static void
postfork_child(void)
{
	if (is_alone()) {
		return;
	}
	tsd_t *tsd = tsd_behind();
	check_postfork_child();
	dss_postfork_child();
	arenas_postfork_child(tsd != NULL ? tsd->arena : NULL,
	    tsd != NULL ? tsd->shard : 0);
	tsd_postfork_child();
	idle_postfork_child();
	background_postfork_child();
	tcaches_postfork_child();
	ctl_postfork_child();
	init_postfork_child();
}

#ifdef __GLIBC__
/*
 * What pthread_atfork calls.  That one is in an archive, so that our copy would
 * lie behind all other code of the library, in pages of its own.
 */
extern int
__register_atfork(void (*)(void), void (*)(void), void (*)(void), void *);
extern void *__dso_handle __attribute__((visibility("hidden")));

BOOT static int
register_handlers(void)
{
	return __register_atfork(prefork, postfork_parent, postfork_child,
	    __dso_handle);
}
#else
static int
register_handlers(void)
{
	return pthread_atfork(prefork, postfork_parent, postfork_child);
}
#endif

BOOT void
fork_boot(void)
{
	if (register_handlers() != 0) {
		warn("Error in pthread_atfork()");
		if (opt.abort) {
			abort();
		}
	}
}
