/*
 * ctl: names -> values and actions.  Results are 0 or an errno value.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stddef.h>

int ctl_by_name(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen);
int ctl_name_to_mib(const char *name, size_t *mibp, size_t *miblenp);
int ctl_by_mib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen);

#endif
