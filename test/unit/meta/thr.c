#include "meta/thr.h"

#include "support/harness.h"

static int saved_by_us;
static int nleft;

static void *
enter(void)
{
	return &saved_by_us;
}

static void
leave(void *saved)
{
	assert_ptr_equal(saved, &saved_by_us);
	nleft++;
}

/* Without anyone above there is nothing to do. */
TEST(nothing_registered)
{
	void *saved = thr_enter_foreign();
	assert_null(saved);
	thr_leave_foreign(saved);
}

TEST(registered)
{
	thr_ops = (thr_ops_t){.enter = enter, .leave = leave};
	void *saved = thr_enter_foreign();
	assert_ptr_equal(saved, &saved_by_us);
	thr_leave_foreign(saved);
	assert_int_equal(nleft, 1);
}
