#include "ctl/ctl_call.h"

#include "support/harness.h"

static const uint32_t value = 0x11223344;

/* As much as fits goes out; another size than the value's is an error. */
TEST(read)
{
	unsigned char buf[8];
	for (size_t size = 0; size <= 8; size++) {
		size_t length = size;
		ctl_call_t call = {.oldp = buf, .oldlenp = &length};
		memset(buf, 0xff, sizeof(buf));
		assert_int_equal(CTL_READ(&call, value),
		    size == 4 ? 0 : EINVAL);
		size_t fits = size < 4 ? size : 4;
		assert_int_equal(length, fits);
		assert_memory_equal(buf, &value, fits);
		for (size_t i = fits; i < 8; i++) {
			assert_int_equal(buf[i], 0xff);
		}
	}
}

/* Nothing wanted, nothing done. */
TEST(read_nothing)
{
	uint32_t old = 7;
	size_t length = sizeof(old);
	ctl_call_t call = {.oldp = &old};
	assert_false(ctl_wants_old(&call));
	assert_int_equal(CTL_READ(&call, value), 0);
	assert_int_equal(old, 7);
	call = (ctl_call_t){.oldlenp = &length};
	assert_false(ctl_wants_old(&call));
	assert_int_equal(CTL_READ(&call, value), 0);
	assert_int_equal(length, sizeof(old));
}

TEST(write)
{
	uint32_t in = 7;
	ctl_call_t call = {.newp = &value};
	for (call.newlen = 0; call.newlen < 9; call.newlen++) {
		int error = CTL_WRITE(&call, in);
		assert_int_equal(error, call.newlen == 4 ? 0 : EINVAL);
		assert_int_equal(in, call.newlen < 4 ? 7 : value);
	}
}

TEST(refusals)
{
	uint32_t old;
	size_t length = sizeof(old);
	ctl_call_t call = {0};
	assert_int_equal(ctl_refuse_new(&call), 0);
	assert_int_equal(ctl_refuse_old(&call), 0);
	call.newp = &value;
	assert_int_equal(ctl_refuse_new(&call), EPERM);
	call = (ctl_call_t){.newlen = 1};
	assert_int_equal(ctl_refuse_new(&call), EPERM);
	call = (ctl_call_t){.oldp = &old};
	assert_int_equal(ctl_refuse_old(&call), EPERM);
	call = (ctl_call_t){.oldlenp = &length};
	assert_int_equal(ctl_refuse_old(&call), EPERM);
}

/* Names that create something want to be asked for it. */
TEST(demand)
{
	uint32_t old;
	size_t length = sizeof(old);
	ctl_call_t call = {.oldp = &old, .oldlenp = &length};
	assert_int_equal(ctl_demand_old(&call, sizeof(old)), 0);
	assert_int_equal(length, sizeof(old));
	assert_int_equal(ctl_demand_old(&call, 8), EINVAL);
	assert_int_equal(length, 0);
	call = (ctl_call_t){0};
	assert_int_equal(ctl_demand_old(&call, sizeof(old)), EINVAL);
}
