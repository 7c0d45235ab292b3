/*
 * ctl_tree: names as text and as numbers (mibs), and the rows behind them.
 *
 * The tree is derived from the paths of the rows when the first name is looked
 * up: one node per component, in the order of the table, so that the mib of a
 * named component is its position among its siblings.  A component <i> or <j>
 * is one node that stands for all valid indices; its mib is the index.
 *
 * The nodes are in BSS, which costs nothing before they are written, so that
 * there is nothing to fail.
 *
 * Locking: built below ctl_lock, constant afterwards.
 */
#ifndef CTL_CTL_TREE_H
#define CTL_CTL_TREE_H

#include "ctl/ctl_table.h"

/* What a name leads to. */
typedef struct {
	const ctl_row_t *row; /* NULL: an option */
	const ctl_field_t *field; /* NULL: the row itself */
	const opt_row_t *option;
	size_t index[2]; /* <i>, <j> */
} ctl_target_t;

/* Build the tree, once; cheap afterwards. */
void ctl_tree_boot(void) EXCLUDES(ctl_lock);

/*
 * Translate up to *miblen components of a name; *miblen becomes their number.
 * False: there is no such name; *miblen is as it was.
 */
MUST_CHECK bool ctl_tree_mib(const char *name, size_t *mib, size_t *miblen);

/* What a mib leads to; false: nothing, or not to a value. */
MUST_CHECK bool
ctl_tree_target(const size_t *mib, size_t miblen, ctl_target_t *target);

/* The number of nodes in use, and of names that lead to a value. */
unsigned ctl_tree_nnodes(void);
unsigned ctl_tree_nleaves(void);

#endif
