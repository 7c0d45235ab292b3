/*
 * harness: how tests are written and run, on top of cmocka.
 *
 *	TEST(merges_neighbours) { assert_int_equal(...); }
 *	TEST_CONF(purges_at_once, "dirty_decay_ms:0") { ... }
 *
 * A test registers itself; its module is its file's path without test/, unit/
 * and the extension (page/ecache, integration/fork).  Every test runs in a
 * process of its own, forked from a parent that does nothing but fork, so a
 * crash or a hang is one failed test and no test sees what another left
 * behind.  A test with options is executed anew, with MALLOC_CONF set.
 * What a test prints is shown when it fails.
 *
 * The program takes the words -l (list), -m MODULE[:TEST] (these only), -x
 * LIST (not these, separated by commas), -o FILE (write the counts
 * there), -v (show all output), -n (no fork, for debuggers).
 *
 * Not for: knowledge of the library.  The harness uses libc only, so that it
 * serves unit tests of any layer and tests of the finished library alike.
 */
#ifndef TEST_SUPPORT_HARNESS_H
#define TEST_SUPPORT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Seconds after which a test counts as hung; times HARNESS_PATIENCE.  None
 * takes a tenth of that, but on a machine that has better things to do.
 */
#define HARNESS_SECONDS 180

typedef struct harness_test harness_test_t;
struct harness_test {
	const char *file; /* source file, as the compiler was given it */
	const char *name;
	const char *conf; /* options that it needs; NULL: none */
	void (*run)(void **state);
	harness_test_t *next;
};

void harness_register(harness_test_t *test);

#define TEST(name) HARNESS_TEST(name, NULL)
#define TEST_CONF(name, conf) HARNESS_TEST(name, conf)

#define HARNESS_TEST(name_, conf_)                                             \
	static void test_##name_(void **state);                                \
	static harness_test_t harness_test_##name_ = {__FILE__, #name_, conf_, \
	    test_##name_, NULL};                                               \
	__attribute__((constructor)) static void harness_register_##name_(     \
	    void)                                                              \
	{                                                                      \
		harness_register(&harness_test_##name_);                       \
	}                                                                      \
	static void test_##name_(void **state __attribute__((unused)))

/* How a child ended, and the first 64 KiB of what it wrote to stderr. */
typedef struct {
	int status; /* as waitpid reports it */
	bool timed_out; /* it hung and was killed */
	size_t err_length;
	char err[64 * 1024 + 1];
} harness_child_t;

/*
 * Run fn(arg) in a forked child, which exits with 0 if fn returns.  Nothing is
 * allocated between fork and fn.
 */
void harness_run_child(void (*fn)(void *), void *arg, harness_child_t *child);

/* As above, and fail the test unless it aborts having written `text`. */
void assert_dies(void (*fn)(void *), void *arg, const char *text);

/* As above, and fail the test unless fn returns (or exits with 0). */
void assert_survives(void (*fn)(void *), void *arg);

#endif /* TEST_SUPPORT_HARNESS_H */
