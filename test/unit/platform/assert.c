#include "platform/assert.h"

#include "support/harness.h"

static void
assert_falsely(void *arg)
{
	int n = *(int *)arg;
	assert(n == 7);
	assert_expensive(n == 7);
}

/* The file, the expression as it stands, and nothing when it holds. */
TEST(assert_tells)
{
	int seven = 7;
	int eight = 8;
	assert_survives(assert_falsely, &seven);
	assert_dies(assert_falsely, &eight, "unit/platform/assert.c:");
	assert_dies(assert_falsely, &eight, ": Failed assertion: \"n == 7\"\n");
}

static void
assert_expensively(void *arg)
{
	int n = *(int *)arg;
	assert_expensive(n == 7);
}

TEST(assert_expensive_tells)
{
	int eight = 8;
	assert_dies(assert_expensively, &eight,
	    ": Failed assertion: \"n == 7\"\n");
}

static void
go_astray(void *arg)
{
	if (arg == NULL) {
		unreachable();
	}
}

TEST(unreachable_tells)
{
	assert_dies(go_astray, NULL, ": Unreachable code reached\n");
}
