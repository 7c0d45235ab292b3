/*
 * programs: tests that need a process of their own from its first moment.
 *
 * The programs lie in prog/ beside this test's program; each exits with 0,
 * or tells what failed.
 */
#include "support.h"

#include <dlfcn.h>
#include <libgen.h>
#include <signal.h>
#include <sys/wait.h>

static harness_child_t child;

typedef struct {
	const char *name;
	const char *conf; /* NULL: as it is */
	const char *arg;
} program_t;

/* Becomes the program. */
static void
execute(void *opaque)
{
	const program_t *program = opaque;
	char self[2048];
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(len > 0);
	self[len] = '\0';
	snprintf(path, sizeof(path), "%s/prog/%s", dirname(self),
	    program->name);
	if (program->conf != NULL) {
		setenv(HARNESS_CONF_ENV, program->conf, 1);
	}
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl(path, program->name, program->arg, (char *)NULL);
	check_failed(path, errno, "execl");
}

static void
run_program(const char *name, const char *conf, const char *arg)
{
	program_t program = {name, conf, arg};
	harness_run_child(execute, &program, &child);
	if (WIFEXITED(child.status) && WEXITSTATUS(child.status) == 77) {
		print_message("%s", child.err);
		skip();
	}
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 0) {
		fail_msg("%s %s: status 0x%x%s: %s", name,
		    conf != NULL ? conf : "", (unsigned)child.status,
		    child.timed_out ? " (hung)" : "", child.err);
	}
}

/* The shared library that this program runs on; NULL if it is linked in. */
static const char *
library_path(void)
{
	Dl_info info;
	Dl_info own;
	if (dladdr(dlsym(RTLD_DEFAULT, HARNESS_PREFIX "mallocx"), &info) == 0 ||
	    dladdr(library_path, &own) == 0 ||
	    info.dli_fbase == own.dli_fbase) {
		return NULL;
	}
	return info.dli_fname;
}

TEST(options_that_the_program_brings)
{
	run_program("conf_sources", "junk:free,zero_realloc:free", NULL);
}

TEST(allocation_before_main)
{
	run_program("preinit", NULL, NULL);
}

/* A warning is the end where that is wanted. */
TEST(warnings_abort)
{
	run_program("no_atfork", "abort:false", NULL);
	if (strstr(child.err, "Error in pthread_atfork()") == NULL) {
		/* It is asked for by another name here. */
		skip();
	}
	program_t program = {"no_atfork", "abort:true", NULL};
	harness_run_child(execute, &program, &child);
	assert_true(
	    WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGABRT);
	assert_non_null(strstr(child.err,
	    "<jemalloc>: Error in "
	    "pthread_atfork()\n"));
}

TEST(address_space_of_800_mib)
{
	run_program("rlimit", NULL, NULL);
}

TEST(address_space_of_800_mib_without_retaining)
{
	run_program("rlimit", "retain:false", "short");
}

TEST(address_space_of_800_mib_without_caches)
{
	run_program("rlimit", "tcache:false", "short");
}

TEST(address_space_of_800_mib_purged_at_once)
{
	run_program("rlimit", "dirty_decay_ms:0", "short");
}

TEST(all_memory_locked)
{
	run_program("mlocked", NULL, NULL);
}

TEST(all_memory_locked_and_purged_at_once)
{
	run_program("mlocked", "dirty_decay_ms:0,muzzy_decay_ms:0", NULL);
	run_program("mlocked", "dirty_decay_ms:0,retain:false", NULL);
}

TEST(loaded_late)
{
	const char *path = library_path();
	if (path == NULL) {
		skip();
	}
	run_program("late_dlopen", NULL, path);
}

TEST(loaded_late_and_closed)
{
	const char *path = library_path();
	if (path == NULL) {
		skip();
	}
	run_program("dlclosed", NULL, path);
}

/* STRESS_SECONDS=600 for the long form. */
TEST(control_group_of_memory)
{
	run_program("cgrouped", NULL, "memory");
}

TEST(control_group_of_processors)
{
	run_program("cgrouped", NULL, "cpu");
}
