/*
 * wakeup: wakes, does not lose a wake-up, times out, counts several as one.
 */
#include "platform/wakeup.h"

#include "support/harness.h"

#include <errno.h>
#include <pthread.h>

#include "platform/clock.h"

static wakeup_t wakeup;

TEST(times_out)
{
	errno = 77;
	assert_false(wakeup_wait(&wakeup, NS_PER_MS));
	assert_false(wakeup_wait(&wakeup, 0));
	assert_int_equal(errno, 77);
}

TEST(early_signal_is_kept)
{
	wakeup_signal(&wakeup);
	wakeup_signal(&wakeup);
	assert_true(wakeup_wait(&wakeup, WAKEUP_FOREVER));
	assert_false(wakeup_wait(&wakeup, NS_PER_MS));
}

TEST(reset_forgets)
{
	wakeup_signal(&wakeup);
	wakeup_reset(&wakeup);
	assert_false(wakeup_wait(&wakeup, NS_PER_MS));
}

static void *
sleeps(void *arg)
{
	while (!wakeup_wait(&wakeup, WAKEUP_FOREVER)) {
	}
	return arg;
}

TEST(wakes)
{
	for (int i = 0; i < 1000; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, sleeps, NULL),
		    0);
		wakeup_signal(&wakeup);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}
