/*
 * control: mallctl and the statistics as entry points.
 */
#include <errno.h>

#include "api/entry.h"
#include "api/init.h"
#include "ctl/ctl.h"
#include "ctl/stats_print.h"

BOOT void
control_boot(void)
{
	ctl_ops.mallocx = je_mallocx;
	stats_print_boot();
}

ENTRY int
je_mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen)
{
	return init_done() ? ctl_by_name(name, oldp, oldlenp, newp, newlen)
			   : EAGAIN;
}

ENTRY int
je_mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp)
{
	return init_done() ? ctl_name_to_mib(name, mibp, miblenp) : EAGAIN;
}

ENTRY int
je_mallctlbymib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen)
{
	return init_done()
	    ? ctl_by_mib(mib, miblen, oldp, oldlenp, newp, newlen)
	    : EAGAIN;
}

ENTRY void
je_malloc_stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts)
{
	if (init_done()) {
		stats_print(write_cb, cbopaque, opts);
	}
}
