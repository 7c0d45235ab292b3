#include "ctl/ctl.h"

#include <errno.h>

#include "ctl/ctl_tree.h"

_Atomic size_t zero_reallocs;
ctl_ops_t ctl_ops;

int
ctl_name_to_mib(const char *name, size_t *mibp, size_t *miblenp)
{
	if (name == NULL || mibp == NULL || miblenp == NULL) {
		return EINVAL;
	}
	ctl_tree_boot();
	return ctl_tree_mib(name, mibp, miblenp) ? 0 : ENOENT;
}

int
ctl_by_mib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen)
{
	if (mib == NULL) {
		return EINVAL;
	}
	ctl_tree_boot();
	ctl_target_t target = {.index = {0, 0}};
	if (!ctl_tree_target(mib, miblen, &target)) {
		return ENOENT;
	}
	ctl_call_t call = {
	    .oldp = oldp,
	    .oldlenp = oldlenp,
	    .newp = newp,
	    .newlen = newlen,
	    .index = {target.index[0], target.index[1]},
	};
	int saved = errno;
	int error = target.option != NULL
	    ? ctl_option_do(target.option, &call)
	    : ctl_row_do(target.row, target.field, &call);
	errno = saved;
	return error;
}

int
ctl_by_name(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen)
{
	size_t mib[CTL_DEPTH_MAX];
	size_t miblen = CTL_DEPTH_MAX;
	int error = ctl_name_to_mib(name, mib, &miblen);
	return error != 0
	    ? error
	    : ctl_by_mib(mib, miblen, oldp, oldlenp, newp, newlen);
}

void NO_THREAD_SAFETY
ctl_prefork(void)
{
	mutex_prefork(&ctl_lock);
}

void NO_THREAD_SAFETY
ctl_postfork_parent(void)
{
	mutex_postfork_parent(&ctl_lock);
}

void NO_THREAD_SAFETY
ctl_postfork_child(void)
{
	mutex_postfork_child(&ctl_lock);
}
