/*
 * harness: runs registered tests, each in a process of its own.
 *
 * Owns the list of tests and the counts.  The parent keeps one thread and
 * touches no allocator beyond what libc does by itself, so that every forked
 * child starts from the same clean state.  cmocka runs inside the child: it
 * turns a failed assertion into an exit status and a text, which lands in a
 * memory file that the parent shows when it matters.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The name that the library under test reads its options from. */
/* A build that does not read the environment can not be told options. */
#if __has_include("platform/config.h")
#include "platform/config.h"
#define HAS_USER_CONFIG CONFIG_USER_CONFIG
#else
#define HAS_USER_CONFIG 1
#endif

#ifndef HARNESS_CONF_ENV
#define HARNESS_CONF_ENV "MALLOC_CONF"
#endif

typedef struct {
	unsigned passed;
	unsigned failed;
	unsigned skipped;
} counts_t;

static harness_test_t *first_test;
static harness_test_t **last_link = &first_test;
static char self_path[4096];

static struct {
	const char *only; /* MODULE[:TEST], or a folder of modules */
	const char *except; /* a list of such, with commas */
	const char *counts_file;
	bool verbose;
	bool list;
	bool no_fork;
} choice;

void
harness_register(harness_test_t *test)
{
	*last_link = test;
	last_link = &test->next;
}

/* "../test/unit/page/ecache.c" -> "page/ecache". */
static void
module_of(const harness_test_t *test, char *module, size_t size)
{
	static const char *const roots[] = {"test/unit/", "test/"};
	const char *start = test->file;
	for (size_t i = 0; i < 2; i++) {
		const char *root = strstr(test->file, roots[i]);
		if (root != NULL) {
			start = root + strlen(roots[i]);
			break;
		}
	}
	const char *dot = strrchr(start, '.');
	size_t length = dot != NULL ? (size_t)(dot - start) : strlen(start);
	snprintf(module, size, "%.*s", (int)length, start);
}

/* Does MODULE[:TEST] (`length` bytes) name this test, or a folder of its? */
static bool
names(const char *name, size_t length, const char *module,
    const harness_test_t *test)
{
	const char *colon = memchr(name, ':', length);
	size_t module_length = colon != NULL ? (size_t)(colon - name) : length;
	if (strncmp(module, name, module_length) != 0 ||
	    (module[module_length] != '\0' && module[module_length] != '/')) {
		return false;
	}
	return colon == NULL ||
	    (strlen(test->name) == length - module_length - 1 &&
		strncmp(colon + 1, test->name, strlen(test->name)) == 0);
}

static bool
is_chosen(const harness_test_t *test)
{
	char module[256];
	module_of(test, module, sizeof(module));
	const char *except = choice.except;
	while (except != NULL && except[0] != '\0') {
		size_t length = strcspn(except, ",");
		if (names(except, length, module, test)) {
			return false;
		}
		except += length + (except[length] == ',');
	}
	return choice.only == NULL ||
	    names(choice.only, strlen(choice.only), module, test);
}

/* ------------------------------------------------------------------------- */
/* Children */

static unsigned
seconds_max(void)
{
	const char *patience = getenv("HARNESS_PATIENCE");
	int factor = patience != NULL ? atoi(patience) : 1;
	return HARNESS_SECONDS * (unsigned)(factor > 0 ? factor : 1);
}

static uint64_t
now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Wait for a child that leads a process group; kill the group when it hangs. */
static int
wait_for(pid_t pid, bool *timed_out)
{
	uint64_t deadline = now_ms() + (uint64_t)seconds_max() * 1000;
	long pause_ns = 100 * 1000;
	int status;
	*timed_out = false;
	for (;;) {
		pid_t done = waitpid(pid, &status, *timed_out ? 0 : WNOHANG);
		if (done == pid) {
			break;
		}
		if (done < 0 && errno != EINTR) {
			status = -1;
			break;
		}
		if (now_ms() > deadline) {
			*timed_out = true;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			continue;
		}
		struct timespec pause = {0, pause_ns};
		nanosleep(&pause, NULL);
		pause_ns = pause_ns < 8000000 ? pause_ns * 2 : pause_ns;
	}
	kill(-pid, SIGKILL); /* whatever it left behind */
	return status;
}

static void
enter_child(void)
{
	const struct rlimit no_core = {0, 0};
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
}

/* What cmocka catches must kill the child of a test as it would a program. */
static void
default_signals(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	    SIGSYS, SIGALRM};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_DFL);
	}
}

static size_t
read_back(int fd, char *text, size_t size)
{
	size_t length = 0;
	while (length < size) {
		ssize_t got = pread(fd, text + length, size - length,
		    (off_t)length);
		if (got <= 0) {
			break;
		}
		length += (size_t)got;
	}
	text[length] = '\0';
	return length;
}

void
harness_run_child(void (*fn)(void *), void *arg, harness_child_t *child)
{
	int fd = memfd_create("child", MFD_CLOEXEC);
	assert_true(fd >= 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		enter_child();
		default_signals();
		dup2(fd, STDERR_FILENO);
		fn(arg);
		_exit(0);
	}
	setpgid(pid, pid);
	child->status = wait_for(pid, &child->timed_out);
	child->err_length = read_back(fd, child->err, sizeof(child->err) - 1);
	close(fd);
}

static harness_child_t last_child;

void
assert_dies(void (*fn)(void *), void *arg, const char *text)
{
	harness_run_child(fn, arg, &last_child);
	if (!WIFSIGNALED(last_child.status) ||
	    WTERMSIG(last_child.status) != SIGABRT) {
		fail_msg("expected an abort with \"%s\", got status 0x%x: %s",
		    text, (unsigned)last_child.status, last_child.err);
	}
	if (strstr(last_child.err, text) == NULL) {
		fail_msg("expected \"%s\", got: %s", text, last_child.err);
	}
}

void
assert_survives(void (*fn)(void *), void *arg)
{
	harness_run_child(fn, arg, &last_child);
	if (!WIFEXITED(last_child.status) ||
	    WEXITSTATUS(last_child.status) != 0) {
		fail_msg("expected a normal end, got status 0x%x: %s",
		    (unsigned)last_child.status, last_child.err);
	}
}

/* ------------------------------------------------------------------------- */
/* Tests */

/* In this process.  0: passed (or skipped, which the output says). */
static int
run_here(const harness_test_t *test)
{
	const struct CMUnitTest one = {test->name, test->run, NULL, NULL, NULL};
	return _cmocka_run_group_tests(test->name, &one, 1, NULL, NULL);
}

static void
execute_with_conf(const harness_test_t *test)
{
	static char conf[4096];
	static char word[512];
	char module[256];
	module_of(test, module, sizeof(module));
	snprintf(word, sizeof(word), "%s:%s", module, test->name);
	const char *outer = getenv(HARNESS_CONF_ENV);
	bool has_outer = outer != NULL && outer[0] != '\0';
	snprintf(conf, sizeof(conf), "%s%s%s", has_outer ? outer : "",
	    has_outer ? "," : "", test->conf);
	setenv(HARNESS_CONF_ENV, conf, 1);
	char *const argv[] = {self_path, (char *)"-n", (char *)"-m", word,
	    NULL};
	execv(self_path, argv);
	fprintf(stderr, "cannot execute %s: %s\n", self_path, strerror(errno));
	_exit(126);
}

static void
skip_test(void **state)
{
	(void)state;
	skip();
}

static pid_t
start(const harness_test_t *test, int fd)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		enter_child();
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		harness_test_t skipped = *test;
		skipped.run = skip_test;
		if (test->conf != NULL && HAS_USER_CONFIG) {
			execute_with_conf(test);
		}
		exit(run_here(test->conf != NULL ? &skipped : test) == 0 ? 0
									 : 1);
	}
	return pid;
}

static const char *
describe(int status, bool timed_out)
{
	static char text[64];
	if (timed_out) {
		snprintf(text, sizeof(text), "hung for %u s", seconds_max());
	} else if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else {
		snprintf(text, sizeof(text), "exit status %d",
		    WEXITSTATUS(status));
	}
	return text;
}

/* What a test printed, without the frame that cmocka draws around it. */
static void
print_output(char *output)
{
	static const char *const frame[] = {"[===", "[ RUN", "[  PASSED",
	    "[  FAILED", "[       OK", " 1 FAILED"};
	char *rest = output;
	char *line;
	while ((line = strsep(&rest, "\n")) != NULL) {
		bool is_frame = line[0] == '\0';
		for (size_t i = 0; i < sizeof(frame) / sizeof(frame[0]); i++) {
			is_frame |= strncmp(line, frame[i], strlen(frame[i])) ==
			    0;
		}
		if (!is_frame) {
			printf("        %s\n", line);
		}
	}
}

static void
run_apart(const harness_test_t *test, const char *module, counts_t *counts)
{
	uint64_t start_ms = now_ms();
	static char output[64 * 1024 + 1];
	int fd = memfd_create("output", MFD_CLOEXEC);
	pid_t pid = fd < 0 ? -1 : start(test, fd);
	if (pid < 0) {
		perror("cannot start a test");
		exit(1);
	}
	setpgid(pid, pid);
	bool timed_out;
	int status = wait_for(pid, &timed_out);
	read_back(fd, output, sizeof(output) - 1);
	close(fd);
	const char *verdict = "ok  ";
	if (status != 0) {
		counts->failed++;
		verdict = "FAIL";
	} else if (strstr(output, "[  SKIPPED ]") != NULL) {
		counts->skipped++;
		verdict = "skip";
	} else {
		counts->passed++;
	}
	if (status != 0 || choice.verbose) {
		printf("  %s  %s:%s%s%s, %.1f s\n", verdict, module, test->name,
		    status != 0 ? ": " : "",
		    status != 0 ? describe(status, timed_out) : "",
		    (double)(now_ms() - start_ms) / 1000);
		print_output(output);
	}
}

/* Print the line of a module once its last test is done. */
static void
close_module(const char *module, const counts_t *counts, uint64_t ms)
{
	if (module[0] == '\0') {
		return;
	}
	printf("  %s  %-32s %3u tests", counts->failed != 0 ? "FAIL" : "ok  ",
	    module, counts->passed + counts->failed + counts->skipped);
	if (counts->skipped != 0) {
		printf(", %u skipped", counts->skipped);
	}
	printf(", %.1f s\n", (double)ms / 1000);
}

static counts_t
run_all(void)
{
	counts_t total = {0, 0, 0};
	counts_t counts = {0, 0, 0};
	char current[256] = "";
	uint64_t start_ms = now_ms();
	for (harness_test_t *test = first_test; test != NULL;
	     test = test->next) {
		if (!is_chosen(test)) {
			continue;
		}
		char module[256];
		module_of(test, module, sizeof(module));
		if (strcmp(module, current) != 0) {
			close_module(current, &counts, now_ms() - start_ms);
			memcpy(current, module, sizeof(current));
			counts = (counts_t){0, 0, 0};
			start_ms = now_ms();
		}
		counts_t before = counts;
		run_apart(test, module, &counts);
		total.passed += counts.passed - before.passed;
		total.failed += counts.failed - before.failed;
		total.skipped += counts.skipped - before.skipped;
	}
	close_module(current, &counts, now_ms() - start_ms);
	return total;
}

static int
run_without_fork(void)
{
	int failed = 0;
	for (harness_test_t *test = first_test; test != NULL;
	     test = test->next) {
		if (is_chosen(test)) {
			failed += run_here(test) != 0;
		}
	}
	return failed;
}

static void
list_tests(void)
{
	for (harness_test_t *test = first_test; test != NULL;
	     test = test->next) {
		char module[256];
		module_of(test, module, sizeof(module));
		printf("%s:%s%s%s\n", module, test->name,
		    test->conf != NULL ? "  " : "",
		    test->conf != NULL ? test->conf : "");
	}
}

static void
write_counts(const counts_t *counts)
{
	FILE *file = fopen(choice.counts_file, "a");
	if (file == NULL) {
		perror(choice.counts_file);
		exit(1);
	}
	fprintf(file, "%u %u %u\n", counts->passed, counts->failed,
	    counts->skipped);
	fclose(file);
}

static void
parse_arguments(int argc, char **argv)
{
	int letter;
	while ((letter = getopt(argc, argv, "lm:x:o:vn")) != -1) {
		switch (letter) {
		case 'l':
			choice.list = true;
			break;
		case 'm':
			choice.only = optarg;
			break;
		case 'x':
			choice.except = optarg;
			break;
		case 'o':
			choice.counts_file = optarg;
			break;
		case 'v':
			choice.verbose = true;
			break;
		case 'n':
			choice.no_fork = true;
			break;
		default:
			fprintf(stderr,
			    "usage: %s [-l] [-m MODULE[:TEST]] [-x LIST] "
			    "[-o FILE] [-v] [-n]\n",
			    argv[0]);
			exit(2);
		}
	}
}

/*
 * Where the kernel gives huge pages unasked, much more is in memory than was
 * touched, or soon will be: tests that count pages could not do so.
 */
static void
refuse_huge_pages(void)
{
	char text[128] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled",
	    O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	    strstr(text, "[always]") != NULL) {
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	}
	if (fd >= 0) {
		close(fd);
	}
}

int
main(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self_path,
	    sizeof(self_path) - 1);
	if (length <= 0) {
		perror("/proc/self/exe");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	refuse_huge_pages();
	parse_arguments(argc, argv);
	if (choice.list) {
		list_tests();
		return 0;
	}
	if (choice.no_fork) {
		return run_without_fork() == 0 ? 0 : 1;
	}
	counts_t total = run_all();
	if (choice.counts_file != NULL) {
		write_counts(&total);
	} else {
		printf("%u passed, %u failed\n", total.passed, total.failed);
	}
	return total.failed == 0 ? 0 : 1;
}
