/*
 * ctl: names -> values and actions, the door to everything in this layer.
 *
 * Results are 0 or an errno value; errno itself is not used.  The contract of
 * each name is in its row (ctl_names.def) and in the manual.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stddef.h>

int ctl_by_name(const char *name, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen);
int ctl_name_to_mib(const char *name, size_t *mibp, size_t *miblenp);
int ctl_by_mib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen);

/* Calls of realloc(p, 0) so far; counted by that function. */
extern _Atomic size_t zero_reallocs;

/* What the layer above provides. */
typedef struct {
	void *(*mallocx)(size_t size, int flags);
} ctl_ops_t;

extern ctl_ops_t ctl_ops;

/* fork: the locks of this layer, outermost of all. */
void ctl_prefork(void);
void ctl_postfork_parent(void);
void ctl_postfork_child(void);

#endif
