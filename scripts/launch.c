/*
 * launch: run a program with a library preloaded and see that it is there.
 *
 *	launch REPORT LIBRARY PROGRAM [ARGUMENT...]
 *
 * LIBRARY is an absolute path, or "-" for none.  REPORT receives one line: the
 * wait status, wall time and CPU time in milliseconds, peak RSS in KiB, and
 * whether the process had LIBRARY in its map (1 or 0).  The library is looked
 * for in /proc/PID/maps while the program runs, since nothing is left to look
 * at afterwards.
 *
 * Used by scripts/quickstart.  Small on purpose: the kernel counts the peak
 * RSS of what calls exec as the new program's own.
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

/* How long to look for the library without a pause, and in all. */
#define HURRIED_US 20000
#define LOOK_US 2000000

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

/* Read the map in overlapping pieces; a path may straddle two of them. */
static int
map_has(pid_t pid, const char *library)
{
	static char text[64 * 1024];
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	size_t kept = 0;
	int found = 0;
	ssize_t got;
	while (!found &&
	    (got = read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
		size_t length = kept + (size_t)got;
		text[length] = '\0';
		found = strstr(text, library) != NULL;
		size_t tail = strlen(library);
		kept = length < tail ? length : tail;
		memmove(text, text + length - kept, kept);
	}
	close(fd);
	return found;
}

/* Wait for the end of pid, looking at its map until the library was seen. */
static int
wait_and_look(pid_t pid, const char *library, struct rusage *used, int *seen)
{
	int status = 0;
	long long start = now_us();
	long long looked = library[0] == '/' ? 0 : LOOK_US;
	*seen = 0;
	while (looked < LOOK_US && !*seen) {
		if (wait4(pid, &status, WNOHANG, used) == pid) {
			return status;
		}
		*seen = map_has(pid, library);
		looked = now_us() - start;
		if (looked > HURRIED_US) {
			usleep(10000);
		}
	}
	if (wait4(pid, &status, 0, used) != pid) {
		return -1;
	}
	return status;
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr,
		    "usage: launch REPORT LIBRARY|- PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	const char *library = argv[2];
	int report = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0666);
	if (report < 0) {
		perror(argv[1]);
		return 125;
	}
	if (library[0] == '/') {
		setenv("LD_PRELOAD", library, 1);
	} else {
		unsetenv("LD_PRELOAD");
	}
	long long start = now_us();
	pid_t pid = vfork();
	if (pid == 0) {
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	struct rusage used;
	int seen;
	int status = pid < 0 ? -1 : wait_and_look(pid, library, &used, &seen);
	if (status == -1) {
		perror("launch");
		return 125;
	}
	dprintf(report, "%d %lld %lld %ld %d\n", status,
	    (now_us() - start) / 1000,
	    (timeval_us(used.ru_utime) + timeval_us(used.ru_stime)) / 1000,
	    used.ru_maxrss, seen);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
