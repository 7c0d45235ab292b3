/*
 * spawn: short processes.
 *
 *	spawn exec PROCESSES PROGRAM   start PROGRAM and wait, one at a time
 *	spawn fork PROCESSES	       fork from a 16 MiB heap; the child
 *				       allocates, frees some of the parent's
 *				       blocks and exits: a shell's subshells
 *
 * LD_PRELOAD is inherited, so the started program runs on the allocator too.
 */
#include <sys/wait.h>

#include "bench.h"

#define PARENT_BLOCKS 100000
#define CHILD_BLOCKS 2000

extern char **environ;

static void *blocks[PARENT_BLOCKS];

static void
child_wait(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		die("spawn: a child failed");
	}
}

/* On its own: what is in registers does not survive a vfork. */
__attribute__((noinline)) static pid_t
child_start(char *program)
{
	char *argv[] = {program, NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		execve(program, argv, environ);
		_exit(127);
	}
	return pid;
}

static void
run_exec(size_t processes, char *program)
{
	size_t i;

	for (i = 0; i < processes; i++) {
		child_wait(child_start(program));
	}
}

/* What a subshell does: some new blocks, some of the old ones freed. */
_Noreturn static void
child_live(uint64_t rng)
{
	void *own[CHILD_BLOCKS];
	tally_t tally = {0, 0, 0};
	size_t first = rng_below(&rng, PARENT_BLOCKS - CHILD_BLOCKS);
	size_t i;

	for (i = 0; i < CHILD_BLOCKS; i++) {
		own[i] = block_new(rng_skewed(&rng, 16, 1024), i, &tally);
		if (i % 16 == 0) {
			block_end(blocks[first + i], &tally);
		}
	}
	for (i = 0; i < CHILD_BLOCKS; i++) {
		block_end(own[i], &tally);
	}
	_exit(0);
}

static void
run_fork(size_t processes, tally_t *tally)
{
	uint64_t rng = 10;
	size_t i;

	for (i = 0; i < PARENT_BLOCKS; i++) {
		blocks[i] = block_new(rng_skewed(&rng, 32, 1024), i, tally);
	}
	for (i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			child_live(i);
		}
		child_wait(pid);
	}
	for (i = 0; i < PARENT_BLOCKS; i++) {
		block_end(blocks[i], tally);
	}
}

int
main(int argc, char **argv)
{
	static char preset[] = "/bin/true";
	size_t processes = arg_at(argc, argv, 2, 100);
	tally_t tally = {0, 0, 0};

	if (argc > 1 && strcmp(argv[1], "fork") == 0) {
		run_fork(processes, &tally);
	} else {
		run_exec(processes, argc > 3 ? argv[3] : preset);
	}
	tally.ops = processes;
	return bench_end(&tally);
}
