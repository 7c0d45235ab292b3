#include "ctl/stats_export.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arenas.h"
#include "ctl/ctl.h"
#include "ctl/emitter.h"
#include "ctl/snapshot.h"
#include "ctl/stats_print.h"
#include "meta/options.h"
#include "platform/assert.h"
#include "platform/clock.h"
#include "platform/fatal.h"
#include "platform/io.h"
#include "platform/os_thread.h"
#include "platform/outfile.h"
#include "platform/pages.h"
#include "thread/background.h"
#include "thread/thread_event.h"

/* What is larger is not exported.  Only what is used is touched. */
#define TEXT_MAX ((size_t)16 << 20)

/* What is left out unless letters say something else. */
#define LETTERS_DEFAULT "ah"

/*
 * The ledger of resident memory looks at every page, 20 ms for a GiB.  Threads
 * of the program do so only while it is small; and nobody for more than a
 * hundredth of the time.
 */
#define LEDGER_RSS_MAX ((uint64_t)256 << 20)
#define LEDGER_PAUSE 100

#define UNIX_PREFIX "unix:"

/* Whose time it is. */
typedef enum { IN_PROGRAM, IN_BACKGROUND, AT_EXIT } patience_t;

/* The output so far. */
typedef struct {
	char *at;
	size_t used;
	bool is_cut;
} text_t;

/* 0: off. */
static pid_t boot_pid;
static _Atomic uint64_t next_ns;
static _Atomic pid_t busy_pid;
static _Atomic bool has_complained;
static uint64_t ledger_next_ns; /* of who has set busy_pid */

bool
stats_export_enabled(void)
{
	return boot_pid != 0;
}

static void
complain(const char *path, int error)
{
	if (!atomic_exchange_explicit(&has_complained, true,
		memory_order_relaxed)) {
		warn("stats_export: cannot write \"%s\"%s (error %d)", path,
		    outfile_error(error), error);
	}
}

/* The path with %p replaced by the process and %% by %. */
static bool
path_expand(char path[OUTFILE_PATH_MAX], const char *pattern, pid_t pid)
{
	size_t n = 0;
	for (; *pattern != '\0' && n < OUTFILE_PATH_MAX; pattern++) {
		char c = *pattern;
		if (c == '%' && pattern[1] == 'p') {
			n += io_snprintf(path + n, OUTFILE_PATH_MAX - n, "%d",
			    (int)pid);
			pattern++;
			continue;
		}
		pattern += c == '%' && pattern[1] == '%';
		path[n++] = c;
	}
	if (n >= OUTFILE_PATH_MAX) {
		path[OUTFILE_PATH_MAX - 1] = '\0';
		return false;
	}
	path[n] = '\0';
	return true;
}

static bool
is_own_path(void)
{
	const char *at = opt.stats_export;
	while ((at = strchr(at, '%')) != NULL && at[1] == '%') {
		at += 2;
	}
	return at != NULL && at[1] == 'p';
}

static void
collect(void *opaque, const char *piece)
{
	text_t *text = opaque;
	size_t n = strlen(piece);
	if (n >= TEXT_MAX - text->used) {
		text->is_cut = true;
		return;
	}
	memcpy(text->at + text->used, piece, n);
	text->used += n;
}

/* Resident bytes, as the kernel counts. */
static uint64_t
rss_read(void)
{
	char text[128];
	const char *at = text;
	uintmax_t npages = 0;
	if (io_read_file("/proc/self/statm", text, sizeof(text)) < 0 ||
	    !io_parse_umax(at, &at, 10, &npages) ||
	    !io_parse_umax(at, &at, 10, &npages)) {
		return 0;
	}
	return npages * os_page_size;
}

static void
member(emitter_t *emitter, const char *key, uint64_t value)
{
	emitter_member(emitter, key, EMIT_U64, &value);
}

/* The totals of an arena, if it exists. */
static void
put_arena(emitter_t *emitter, unsigned ind)
{
	/* Copied, so that no lock is held while something is put out. */
	struct {
		size_t allocated, active, dirty, muzzy, retained, resident;
		size_t tcache;
		unsigned nthreads;
	} totals;
	char path[32], name[ARENA_NAME_SIZE + 1] = "";
	mutex_lock(&ctl_lock);
	const snap_arena_t *arena = snapshot_arena(ind);
	bool is_there = arena != NULL;
	if (is_there) {
		totals.allocated = arena->small.allocated +
		    arena->large.allocated;
		totals.active = arena->pactive << LG_PAGE;
		totals.dirty = arena->pdirty << LG_PAGE;
		totals.muzzy = arena->pmuzzy << LG_PAGE;
		totals.retained = arena->retained;
		totals.resident = arena->resident;
		totals.tcache = arena->tcache_bytes;
		totals.nthreads = arena->nthreads;
	}
	mutex_unlock(&ctl_lock);
	if (!is_there) {
		return;
	}
	char *where = name;
	size_t size = sizeof(where);
	(void)io_snprintf(path, sizeof(path), "arena.%u.name", ind);
	(void)ctl_by_name(path, &where, &size, NULL, 0);
	emitter_object_begin(emitter, NULL);
	member(emitter, "ind", ind);
	emitter_member(emitter, "name", EMIT_CHARS, name);
	member(emitter, "nthreads", totals.nthreads);
	member(emitter, "allocated", totals.allocated);
	member(emitter, "active", totals.active);
	member(emitter, "dirty", totals.dirty);
	member(emitter, "muzzy", totals.muzzy);
	member(emitter, "retained", totals.retained);
	member(emitter, "resident", totals.resident);
	member(emitter, "tcache_bytes", totals.tcache);
	emitter_object_end(emitter);
}

/* Behind `{"jemalloc":{...}}`, whose last brace goes: who and when. */
static void
put_export(text_t *text, pid_t pid)
{
	emitter_t emitter;
	char buffer[512], program[64];
	ssize_t n = io_read_file("/proc/self/comm", program, sizeof(program));
	program[n > 0 ? n - 1 : 0] = '\0';
	text->used--;
	collect(text, ",\"export\":");
	emitter_begin(&emitter, EMIT_JSON, collect, text, buffer,
	    sizeof(buffer));
	emitter_object_begin(&emitter, NULL);
	member(&emitter, "time_ms", clock_realtime_ns() / NS_PER_MS);
	member(&emitter, "pid", (uint64_t)pid);
	emitter_member(&emitter, "program", EMIT_CHARS, program);
	member(&emitter, "rss", rss_read());
	emitter_array_begin(&emitter, "arenas");
	unsigned narenas = arenas_count();
	for (unsigned ind = 0; ind < narenas; ind++) {
		put_arena(&emitter, ind);
	}
	emitter_array_end(&emitter);
	emitter_object_end(&emitter);
	emitter_end(&emitter);
	collect(text, "}\n");
}

static int
deliver(const char *path, bool is_metrics, const text_t *text)
{
	size_t n = strlen(UNIX_PREFIX);
	if (text->is_cut) {
		return EFBIG;
	}
	if (strncmp(path, UNIX_PREFIX, n) == 0) {
		/* No viewer, or one that does not read: none of our worries. */
		int error = outfile_send(path + n, text->at, text->used);
		return error == ENAMETOOLONG || error == EACCES ? error : 0;
	}
	return is_metrics
	    ? outfile_replace(path, text->at, text->used)
	    : outfile_append(path, text->at, text->used, opt.stats_export_max);
}

/* The statistics, with the ledger if that is due. */
static void
put_stats(text_t *text, patience_t patience)
{
	char letters[OPT_LETTERS_SIZE + sizeof("J" LETTERS_DEFAULT "r")];
	const char *given = opt.stats_export_opts;
	uint64_t start = clock_precise_ns();
	bool has_ledger = patience == AT_EXIT ||
	    (start >= ledger_next_ns &&
		(patience == IN_BACKGROUND || rss_read() <= LEDGER_RSS_MAX));
	(void)io_snprintf(letters, sizeof(letters), "J%s%s",
	    given[0] == '\0' ? LETTERS_DEFAULT : given, has_ledger ? "" : "r");
	stats_print(collect, text, letters);
	if (has_ledger) {
		uint64_t now = clock_precise_ns();
		ledger_next_ns = now + (now - start) * LEDGER_PAUSE;
	}
}

static void
export_as(pid_t pid, patience_t patience)
{
	char path[OUTFILE_PATH_MAX];
	if (!path_expand(path, opt.stats_export, pid)) {
		complain(path, ENAMETOOLONG);
		return;
	}
	bool commit = true;
	text_t text = {.at = pages_map(NULL, TEXT_MAX, os_page_size, &commit)};
	if (text.at == NULL) {
		return;
	}
	/* A huge page would be more than all of the text. */
	err_t err = pages_nohugify(text.at, TEXT_MAX);
	(void)err;
	bool is_metrics = strchr(opt.stats_export_opts, 'O') != NULL;
	put_stats(&text, patience);
	/* Else a message says that there is no memory. */
	if (text.used > 0 && text.at[0] == (is_metrics ? '#' : '{')) {
		if (!is_metrics) {
			put_export(&text, pid);
		}
		int error = deliver(path, is_metrics, &text);
		if (error != 0) {
			complain(path, error);
		}
	}
	err = pages_unmap(text.at, TEXT_MAX);
	assert(err == ERR_NONE);
	(void)err;
}

static void
export_now(patience_t patience)
{
	int saved_errno = errno;
	pid_t pid = getpid(), busy = 0;
	busy = atomic_load_explicit(&busy_pid, memory_order_relaxed);
	/* A parent that was busy while it forked is not, here. */
	if (busy != pid &&
	    atomic_compare_exchange_strong_explicit(&busy_pid, &busy, pid,
		memory_order_acquire, memory_order_relaxed)) {
		if (pid == boot_pid || is_own_path()) {
			export_as(pid, patience);
		}
		atomic_store_explicit(&busy_pid, 0, memory_order_release);
	}
	errno = saved_errno;
}

void
stats_export_now(void)
{
	export_now(IN_PROGRAM);
}

static void
export_at_exit(void)
{
	export_now(AT_EXIT);
}

static uint64_t
tick(patience_t patience)
{
	if (boot_pid == 0 || opt.stats_export_ms < 0) {
		return UINT64_MAX;
	}
	uint64_t period = (uint64_t)opt.stats_export_ms * NS_PER_MS;
	uint64_t now = clock_ns();
	uint64_t next = atomic_load_explicit(&next_ns, memory_order_relaxed);
	if (now < next) {
		return next - now;
	}
	if (atomic_compare_exchange_strong_explicit(&next_ns, &next,
		now + period, memory_order_relaxed, memory_order_relaxed)) {
		export_now(patience);
	}
	return period;
}

uint64_t
stats_export_tick(void)
{
	return tick(IN_BACKGROUND);
}

static void
tick_of_thread(void)
{
	(void)tick(IN_PROGRAM);
}

BOOT void
stats_export_boot(void)
{
	if (opt.stats_export[0] == '\0') {
		return;
	}
	if (!config_stats) {
		warn("stats_export: there are no statistics in this build");
		return;
	}
	boot_pid = getpid();
	thread_event_set_tick(tick_of_thread);
	background_set_tick(stats_export_tick);
	if (atexit(export_at_exit) != 0) {
		warn("stats_export: no export at exit");
	}
}
