/*
 * cgrouped: a program in a control group of its own, made for it: "memory"
 * churns 400 MiB (by usable size) below a limit of 512 MiB for STRESS_SECONDS, "cpu" counts its
 * arenas below a quota of one processor.  Skipped where groups can't be made.
 */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <jemalloc/jemalloc.h>

#define ROOT "/sys/fs/cgroup"
#define LIMIT (512 * MIB)
#define LIVE (400 * MIB)
enum { SLOTS = 1 << 16 };

static char group[128]; /* the directory */
static bool is_v2;

static bool
put(const char *file, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", group, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	ssize_t done = write(fd, text, strlen(text));
	(void)close(fd);
	return done == (ssize_t)strlen(text);
}

static unsigned long
get(const char *file)
{
	char path[256], text[64] = "";
	(void)snprintf(path, sizeof(path), "%s/%s", group, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	return strtoul(text, NULL, 10);
}

/* A group with the setting; false: this version of groups is not to be had. */
static bool
make(const char *root, const char *file, const char *text)
{
	(void)snprintf(group, sizeof(group), "%s/jemalloc_test.%d", root,
	    (int)getpid());
	if (mkdir(group, 0755) != 0) {
		return false;
	}
	if (put(file, text)) {
		return true;
	}
	(void)rmdir(group);
	return false;
}

static void
make_group(bool memory)
{
	char bytes[32];
	(void)snprintf(bytes, sizeof(bytes), "%zu", LIMIT);
	is_v2 = true;
	if (memory ? make(ROOT, "memory.max", bytes)
		   : make(ROOT, "cpu.max", "100000 100000")) {
		(void)put("memory.swap.max", "0");
		return;
	}
	is_v2 = false;
	if (memory ? make(ROOT "/memory", "memory.limit_in_bytes", bytes)
		   : make(ROOT "/cpu", "cpu.cfs_quota_us", "100000")) {
		(void)put("memory.memsw.limit_in_bytes", bytes);
		return;
	}
	prog_skip("control groups can't be made here\n");
}

static unsigned long
ctl_count(const char *name)
{
	uint64_t value = 0, epoch = 1;
	unsigned number = 0;
	size_t size = sizeof(value), epoch_size = sizeof(epoch);
	(void)mallctl("epoch", NULL, NULL, &epoch, epoch_size);
	int error = mallctl(name, &value, &size, NULL, 0);
	if (error == EINVAL) {
		size = sizeof(number);
		error = mallctl(name, &number, &size, NULL, 0);
		value = number;
	}
	return error == 0 ? value : 0;
}

/* Sizes change all the time, so that much memory lies unused between. */
static void
churn(unsigned seconds)
{
	static char *blocks[SLOTS];
	static size_t sizes[SLOTS];
	size_t now = 0;
	unsigned seed = 1;
	time_t end = time(NULL) + seconds;
	for (unsigned long i = 0; i % 1024 != 0 || time(NULL) < end; i++) {
		size_t scale = (size_t)1 << (9 + i / 50000 % 11);
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 8) % SLOTS;
		free(blocks[at]);
		now -= sizes[at];
		seed = seed * 1103515245u + 12345u;
		size_t size = scale / 2 + (seed >> 8) % scale;
		size = nallocx(size, 0);
		bool fits = now + size <= LIVE;
		if (!fits) {
			/* Make room, somewhere else. */
			unsigned other = (at * 7u + 1) % SLOTS;
			free(blocks[other]);
			now -= sizes[other];
			sizes[other] = 0;
			blocks[other] = NULL;
		}
		sizes[at] = fits ? size : 0;
		now += sizes[at];
		blocks[at] = fits ? hide(malloc(size)) : NULL;
		if (fits) {
			CHECK(blocks[at] != NULL);
			memset(blocks[at], 1, size);
		}
	}
	printf("live %zu MiB, purged for the limit %lu times, of %lu MiB\n",
	    now / MIB, ctl_count("stats.pressure.num_purges"),
	    ctl_count("stats.pressure.limit") / MIB);
}

static void
in_group(const char *what)
{
	if (strcmp(what, "memory") == 0) {
		const char *seconds = getenv("STRESS_SECONDS");
		churn(seconds == NULL ? 3 : (unsigned)atoi(seconds));
		return;
	}
	cpu_set_t set;
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	CHECK(ctl_count("opt.narenas") == 1);
	printf("%d processors, %lu arenas\n", CPU_COUNT(&set),
	    ctl_count("opt.narenas"));
}

int
main(int argc, char **argv)
{
	CHECK(argc >= 2);
	if (argc > 2) {
		in_group(argv[2]);
		return 0;
	}
	bool memory = strcmp(argv[1], "memory") == 0;
	make_group(memory);
	pid_t pid = fork();
	if (pid == 0) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%d", (int)getpid());
		CHECK(put("cgroup.procs", text));
		(void)execl("/proc/self/exe", "cgrouped", "in", argv[1],
		    (char *)NULL);
		_exit(1);
	}
	int status = -1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (memory) {
		printf("at most %lu MiB in the group, %lu times at the limit\n",
		    get(is_v2 ? "memory.peak" : "memory.max_usage_in_bytes") /
			MIB,
		    is_v2 ? 0 : get("memory.failcnt"));
	}
	(void)fflush(stdout);
	for (int i = 0; i < 100 && rmdir(group) != 0; i++) {
		(void)usleep(20000);
	}
	printf("status 0x%x\n", (unsigned)status);
	(void)fflush(stdout);
	/* Killed for want of memory: status 9. */
	CHECK(status == 0);
	return 0;
}
