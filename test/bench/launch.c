/*
 * launch: run one program under a preloaded library and report what it used.
 *
 *	launch FD PRELOAD PROGRAM [ARGUMENT...]
 *
 * PRELOAD is the path of a library, or "-" for none.  One line goes to file
 * descriptor FD: wait status, user and system time and wall time in
 * microseconds, peak RSS in KiB, minor faults, voluntary and involuntary
 * context switches.
 *
 * Why not from Python: the kernel carries the peak RSS of the address space
 * that called exec over to the new program, so a child of a 10 MiB
 * interpreter never reports less than 10 MiB.  This program is small (linked
 * statically where possible) and never allocates.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static long long
timeval_us(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

/* The environment for the child: ours with LD_PRELOAD set or left out. */
static char **
child_environment(const char *preload)
{
	static char *list[256];
	static char entry[4096] = "LD_PRELOAD=";
	size_t n = 0;
	char **e;

	for (e = environ; *e != NULL && n < 254; e++) {
		if (strncmp(*e, "LD_PRELOAD=", 11) != 0) {
			list[n++] = *e;
		}
	}
	if (strcmp(preload, "-") != 0) {
		strncat(entry, preload, sizeof(entry) - 12);
		list[n++] = entry;
	}
	return list;
}

int
main(int argc, char **argv)
{
	struct rusage used;
	char line[256];
	char **env;
	long long start;
	pid_t pid;
	int status, fd, length;

	if (argc < 4) {
		return 125;
	}
	fd = atoi(argv[1]);
	env = child_environment(argv[2]);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	start = now_us();
	pid = vfork();
	if (pid == 0) {
		execve(argv[3], argv + 3, env);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
		return 125;
	}
	length = snprintf(line, sizeof(line),
	    "%d %lld %lld %lld %ld %ld %ld %ld\n", status,
	    timeval_us(used.ru_utime), timeval_us(used.ru_stime),
	    now_us() - start, used.ru_maxrss, used.ru_minflt, used.ru_nvcsw,
	    used.ru_nivcsw);
	return write(fd, line, (size_t)length) == length ? 0 : 125;
}
