/*
 * lifecycle: allocation at exit, exit under load, and the message sink.
 */
#include "support.h"

#include <pthread.h>

static void
allocate_at_exit(void)
{
	for (size_t size = 1; size < 2 * MIB; size *= 3) {
		void *p = hide(malloc(size));
		CHECK(p != NULL);
		memset(p, 1, size);
		p = hide(realloc(p, size * 2));
		CHECK(p != NULL);
		free(p);
	}
}

static void *
exit_from_thread(void *arg)
{
	(void)arg;
	free(hide(malloc(100)));
	exit(0);
}

static void
leave_through_exit(void *from_thread)
{
	CHECK(atexit(allocate_at_exit) == 0);
	void *p = hide(malloc(100));
	CHECK(p != NULL);
	if (from_thread != NULL) {
		pthread_t thread;
		pthread_create(&thread, NULL, exit_from_thread, NULL);
		pthread_join(thread, NULL);
	}
	exit(0);
}

TEST(allocation_in_exit_handlers)
{
	static char yes[] = "from a thread";
	assert_survives(leave_through_exit, NULL);
	assert_survives(leave_through_exit, yes);
}

static void *
churn_forever(void *arg)
{
	void *live[100] = {NULL};
	for (unsigned i = 0;; i++) {
		free(live[i % COUNT(live)]);
		live[i % COUNT(live)] = hide(malloc(i * 31 % 4000 + 1));
	}
	return arg;
}

/* The process ends while others are inside the allocator. */
static void
exit_under_busy_threads(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		pthread_t thread;
		CHECK(pthread_create(&thread, NULL, churn_forever, NULL) == 0);
	}
	usleep(20000);
	exit(0);
}

TEST(exit_while_threads_allocate)
{
	for (int i = 0; i < 20; i++) {
		assert_survives(exit_under_busy_threads, NULL);
	}
}

static char message[4096];
static void *message_opaque = &message;

static void
take_message(void *opaque, const char *text)
{
	size_t used = strlen(message);
	message_opaque = opaque;
	strncat(message, text, sizeof(message) - 1 - used);
	/* The reader is the parent. */
	static const char marker[] = "taken:";
	ssize_t done = write(STDERR_FILENO, marker, sizeof(marker) - 1);
	done = write(STDERR_FILENO, text, strlen(text));
	(void)done;
}

static void
complain_to_the_program(void *arg)
{
	(void)arg;
	malloc_message = take_message;
	void *p = hide(malloc(300000));
	void *again = hide(p);
	free(p);
	free(again);
	exit(0);
}

TEST(malloc_message_is_used)
{
	assert_dies(complain_to_the_program, NULL, "taken:<jemalloc>: ");
}

static void
complain_without_stderr(void *arg)
{
	(void)arg;
	close(STDERR_FILENO);
	void *p = hide(malloc(300000));
	void *again = hide(p);
	free(p);
	free(again);
	exit(0);
}

TEST(a_closed_stderr_still_aborts)
{
	assert_dies(complain_without_stderr, NULL, "");
}

static void
write_nothing(void *opaque, const char *text)
{
	*(size_t *)opaque += strlen(text);
}

TEST(malloc_stats_print_writes_to_the_callback)
{
	size_t written = 0;
	malloc_stats_print(write_nothing, &written, NULL);
	assert_true(written > 0);
}
