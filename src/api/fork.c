#include "api/fork.h"

#include <pthread.h>
#include <stdlib.h>

#include "ctl/ctl.h"
#include "meta/options.h"
#include "page/dss.h"
#include "platform/fatal.h"
#include "thread/background.h"
#include "thread/check.h"
#include "thread/tcaches.h"
#include "thread/tsd.h"

static void
prefork(void)
{
	ctl_prefork();
	tcaches_prefork();
	arenas_prefork_table();
	background_prefork();
	tsd_prefork();
	arenas_prefork();
	dss_prefork();
	check_prefork();
}

static void
postfork_parent(void)
{
	check_postfork_parent();
	dss_postfork_parent();
	arenas_postfork_parent();
	tsd_postfork_parent();
	background_postfork_parent();
	tcaches_postfork_parent();
	ctl_postfork_parent();
}

static void
postfork_child(void)
{
	tsd_t *tsd = tsd_behind();
	check_postfork_child();
	dss_postfork_child();
	arenas_postfork_child(tsd != NULL ? tsd->arena : NULL);
	tsd_postfork_child();
	background_postfork_child();
	tcaches_postfork_child();
	ctl_postfork_child();
}

BOOT void
fork_boot(void)
{
	if (pthread_atfork(prefork, postfork_parent, postfork_child) != 0) {
		warn("Error in pthread_atfork()");
		if (opt.abort) {
			abort();
		}
	}
}
