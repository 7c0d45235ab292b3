#include "platform/fatal.h"

#include "support/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "platform/io.h"

static harness_child_t result;

static void
warn_twice(void *arg)
{
	(void)arg;
	errno = ERANGE;
	warn("one %d", 1);
	warn("two");
	assert_int_equal(errno, ERANGE);
}

TEST(warn_goes_on)
{
	harness_run_child(warn_twice, NULL, &result);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "<jemalloc>: one 1\n<jemalloc>: two\n");
}

static void
die(void *arg)
{
	fatal("the end of %s", (const char *)arg);
}

TEST(fatal_aborts)
{
	assert_dies(die, "it", "<jemalloc>: the end of it\n");
}

/* A text that is too long loses its end, but not its newline. */
static void
die_at_length(void *arg)
{
	(void)arg;
	char text[10000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fatal("%s", text);
}

TEST(fatal_cuts_long_texts)
{
	assert_dies(die_at_length, NULL, "xxxxxxxx\n");
}

static void
commit_fault(void *arg)
{
	(void)arg;
	fault("double free of %p", (void *)0x1234);
}

TEST(fault_aborts)
{
	assert_dies(commit_fault, NULL, "<jemalloc>: double free of 0x1234\n");
}

static char hooked[128];

static void
hook(const char *text)
{
	strncpy(hooked, text, sizeof(hooked) - 1);
	errno = EDOM;
}

/* With a hook a fault is told there, bare, and control comes back. */
TEST(fault_calls_hook)
{
	fatal_hook = hook;
	errno = ERANGE;
	fault("double free of %p", (void *)0x1234);
	assert_int_equal(errno, ERANGE);
	assert_string_equal(hooked, "double free of 0x1234");
}

static void
commit_fault_text(void *arg)
{
	fault_text(arg);
}

/* A whole text goes out as it is, or to the hook. */
TEST(fault_text_is_bare)
{
	static const char text[] = "bare\n";
	harness_run_child(commit_fault_text, (void *)text, &result);
	assert_true(WIFSIGNALED(result.status));
	assert_string_equal(result.err, text);
	fatal_hook = hook;
	fault_text(text);
	assert_string_equal(hooked, text);
}

static char sunk[128];

static void
sink(void *opaque, const char *s)
{
	(void)opaque;
	strncpy(sunk, s, sizeof(sunk) - 1);
}

/* One call of the sink for each message. */
TEST(warn_in_one_piece)
{
	je_malloc_message = sink;
	warn("a %s", "b");
	assert_string_equal(sunk, "<jemalloc>: a b\n");
}
