#include "ctl/ctl.h"

#include <errno.h>

int
ctl_by_name(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen)
{
	(void)name, (void)oldp, (void)oldlenp, (void)newp, (void)newlen;
	return ENOENT;
}

int
ctl_name_to_mib(const char *name, size_t *mibp, size_t *miblenp)
{
	(void)name, (void)mibp, (void)miblenp;
	return ENOENT;
}

int
ctl_by_mib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen)
{
	(void)mib, (void)miblen, (void)oldp, (void)oldlenp, (void)newp;
	(void)newlen;
	return ENOENT;
}
