#include "ctl/ctl_actions.h"

#include "support/harness.h"

#include "ctl_support.h"

static unsigned nactions;

/* An action for each row that has one, and none of them needs anything. */
static void
act(const char *name, const ctl_leaf_t *leaf)
{
	if (leaf->row != NULL && leaf->row->source == CTL_SOURCE_CALL) {
		ctl_call_t call = {0};
		(void)name;
		(void)ctl_row_do(leaf->row, NULL, &call);
		nactions++;
	}
}

TEST(every_action_alone)
{
	ctl_setup();
	new_epoch();
	for_each_leaf(act);
	assert_true(nactions > 80);
}
