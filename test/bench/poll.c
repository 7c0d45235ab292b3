/*
 * poll: a library to preload beside the allocator: a thread that looks at the
 * statistics of the process every so often, as a monitor in it would.
 *
 *     POLL_MS       milliseconds between two looks (10); 0: no thread
 *     POLL_PHASE    milliseconds of a phase: every other one is without looks
 *     POLL_LEDGER   seconds after which the ledger of resident memory is
 *                   written, as JSON, to the file POLL_FILE, and beside it
 *                   what the kernel says at that moment
 *
 * A look is a write to `epoch` and a read of twenty counters.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int (*ctl)(const char *, void *, size_t *, void *, size_t);
static void (
    *stats_print)(void (*)(void *, const char *), void *, const char *);
static long period_ms = 10, phase_ms, ledger_after;

static const char *const names[] = {"stats.allocated", "stats.active",
    "stats.metadata", "stats.resident", "stats.mapped", "stats.retained",
    "stats.arenas.4096.small.allocated", "stats.arenas.4096.large.allocated",
    "stats.arenas.4096.pactive", "stats.arenas.4096.pdirty",
    "stats.arenas.4096.pmuzzy", "stats.arenas.4096.small.nmalloc",
    "stats.arenas.4096.small.ndalloc", "stats.arenas.4096.large.nmalloc",
    "stats.arenas.4096.large.ndalloc", "stats.arenas.4096.dirty_purged",
    "stats.arenas.4096.dirty_npurge", "stats.arenas.4096.tcache_bytes",
    "stats.arenas.4096.base", "stats.zero_reallocs"};

static void
look(void)
{
	uint64_t value = 1;
	ctl("epoch", NULL, NULL, &value, sizeof(value));
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = sizeof(value);
		ctl(names[i], &value, &size, NULL, 0);
	}
}

static void
write_text(void *opaque, const char *text)
{
	ssize_t n = write(*(int *)opaque, text, strlen(text));
	(void)n;
}

static void
write_ledger(const char *path)
{
	char text[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int rollup = open("/proc/self/smaps_rollup", O_RDONLY);
	if (fd < 0 || rollup < 0) {
		return;
	}
	stats_print(write_text, &fd, "JgmdaR");
	ssize_t n = read(rollup, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		write_text(&fd, "\n");
		write_text(&fd, text);
	}
	close(rollup);
	close(fd);
}

static void
pause_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

/* By the clock, so that others know which phase it is. */
static int
is_quiet(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return phase_ms > 0 &&
	    (ts.tv_sec * 1000 + ts.tv_nsec / 1000000) / phase_ms % 2 == 0;
}

static void *
run(void *unused)
{
	const char *path = getenv("POLL_FILE");
	if (ledger_after != 0 && path != NULL) {
		char own[512];
		size_t n = strlen(path);
		pause_ms(ledger_after * 1000);
		/* A name for each process. */
		if (n < sizeof(own) - 24) {
			memcpy(own, path, n);
			own[n++] = '.';
			char digits[24];
			unsigned i = 0;
			for (long pid = getpid(); pid != 0; pid /= 10) {
				digits[i++] = (char)('0' + pid % 10);
			}
			while (i > 0) {
				own[n++] = digits[--i];
			}
			own[n] = '\0';
			write_ledger(own);
		}
	}
	while (period_ms > 0) {
		if (!is_quiet()) {
			look();
		}
		pause_ms(period_ms);
	}
	return unused;
}

/* Also in children that are forked and go on as they are. */
static void
start_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, run, NULL) == 0) {
		pthread_detach(thread);
	}
}

__attribute__((constructor)) static void
start(void)
{
	const char *period = getenv("POLL_MS");
	const char *phase = getenv("POLL_PHASE");
	const char *after = getenv("POLL_LEDGER");
	period_ms = period == NULL ? 10 : strtol(period, NULL, 10);
	phase_ms = phase == NULL ? 0 : strtol(phase, NULL, 10);
	ledger_after = after == NULL ? 0 : strtol(after, NULL, 10);
	*(void **)&ctl = dlsym(RTLD_DEFAULT, "mallctl");
	*(void **)&stats_print = dlsym(RTLD_DEFAULT, "malloc_stats_print");
	if (ctl != NULL && stats_print != NULL &&
	    (period_ms > 0 || ledger_after > 0)) {
		start_thread();
		pthread_atfork(NULL, NULL, start_thread);
	}
}
