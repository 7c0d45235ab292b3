#include "platform/clock.h"

#include "support/harness.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* No clock goes back, and errno stays. */
TEST(clocks_do_not_go_back)
{
	errno = ERANGE;
	uint64_t coarse = clock_ns();
	uint64_t precise = clock_precise_ns();
	for (int i = 0; i < 100000; i++) {
		uint64_t coarse_next = clock_ns();
		uint64_t precise_next = clock_precise_ns();
		assert_true(coarse_next >= coarse);
		assert_true(precise_next >= precise);
		coarse = coarse_next;
		precise = precise_next;
	}
	assert_int_equal(errno, ERANGE);
}

/* A clock may be late, or be set, at one time or the other, not all the time. */
static bool
holds_soon(bool (*holds)(void))
{
	for (int i = 0; i < 1000 && !holds(); i++) {
		(void)usleep(10000);
	}
	return holds();
}

/*
 * The cheap clock is at most a tick behind; where the processor that keeps it
 * was taken away from us, by that time as well.
 */
static bool
clocks_agree(void)
{
	uint64_t before = clock_precise_ns();
	uint64_t coarse = clock_ns();
	uint64_t after = clock_precise_ns();
	assert_true(coarse <= after);
	return coarse + 100 * NS_PER_MS >= before;
}

TEST(clocks_agree)
{
	assert_true(holds_soon(clocks_agree));
}

static bool
realtime_is_now(void)
{
	uint64_t before = (uint64_t)time(NULL);
	uint64_t now = clock_realtime_ns() / NS_PER_SEC;
	uint64_t after = (uint64_t)time(NULL);
	/* time() may lag behind by a tick. */
	return now >= before && now <= after + 1;
}

TEST(realtime_is_now)
{
	assert_true(holds_soon(realtime_is_now));
}
