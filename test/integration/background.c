/*
 * background: threads that purge.  They start, serve, stop and are gone in a
 * child; a process with several threads gets memory back without a call, one
 * with a single thread stays single.
 */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

static unsigned
threads_of_process(void)
{
	char buf[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	(void)close(fd);
	assert_true(n > 0);
	buf[n] = '\0';
	return (unsigned)atoi(strstr(buf, "Threads:") + 8);
}

static void
sleep_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
	(void)nanosleep(&ts, NULL);
}

/*
 * How long to wait for what must come; on a machine that has better things to
 * do it comes late.
 */
enum { PATIENCE_MS = 50000 };

/* Wait until the process has so many threads. */
static bool
threads_become(unsigned n)
{
	for (unsigned i = 0; i < PATIENCE_MS / 10 && threads_of_process() != n;
	     i++) {
		sleep_ms(10);
	}
	return threads_of_process() == n;
}

static bool
enabled(void)
{
	bool value;
	size_t size = sizeof(value);
	assert_int_equal(mallctl("background_thread", &value, &size, NULL, 0),
	    0);
	return value;
}

static int
enable(bool value)
{
	return mallctl("background_thread", NULL, NULL, &value, sizeof(value));
}

static int
set_max(size_t max)
{
	return mallctl("max_background_threads", NULL, NULL, &max, sizeof(max));
}

static size_t
stat_of(const char *name)
{
	uint64_t epoch = 1;
	size_t value, size = sizeof(value);
	(void)mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
	int error = mallctl(name, &value, &size, NULL, 0);
	if (error == ENOENT) {
		/* A build without statistics. */
		skip();
	}
	assert_int_equal(error, 0);
	return value;
}

enum { BLOCKS = 64 };

static void
allocate_and_free(size_t size)
{
	void *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = hide(malloc(size));
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, size);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		free(blocks[i]);
	}
}

/* Does resident memory sink to the limit, without a call? */
static bool
resident_sinks_to(size_t limit)
{
	for (unsigned i = 0; resident_bytes() > limit && i < PATIENCE_MS / 50;
	     i++) {
		sleep_ms(50);
	}
	return resident_bytes() <= limit;
}

static atomic_bool is_there, leave;

static void *
waits(void *arg)
{
	void *block = hide(malloc(1000));
	atomic_store(&is_there, true);
	while (!atomic_load(&leave)) {
		sleep_ms(5);
	}
	free(block);
	return arg;
}

/* A thread that has allocated, and waits. */
static pthread_t
start_waiting(void)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, waits, NULL), 0);
	while (!atomic_load(&is_there)) {
		sleep_ms(1);
	}
	return thread;
}

TEST(off_by_default)
{
	assert_false(enabled());
	assert_int_equal(threads_of_process(), 1);
	assert_int_equal(enable(false), 0);
}

TEST(single_thread_stays_single)
{
	allocate_and_free(4 * MIB);
	allocate_and_free(100 * KIB);
	assert_int_equal(threads_of_process(), 1);
	/* What it keeps is bounded all the same. */
	assert_true(resident_bytes() < 100 * MIB);
}

static bool
has_thread_named(const char *wanted)
{
	char path[300], name[64];
	bool found = false;
	DIR *dir = opendir("/proc/self/task");
	assert_non_null(dir);
	struct dirent *entry;
	while (!found && (entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
		    entry->d_name);
		FILE *file = fopen(path, "r");
		if (file != NULL) {
			found = fgets(name, sizeof(name), file) != NULL &&
			    strcmp(name, wanted) == 0;
			(void)fclose(file);
		}
	}
	(void)closedir(dir);
	return found;
}

TEST_CONF(on_by_option, "background_thread:true")
{
	assert_true(enabled());
	assert_true(threads_become(2));
	const char *name = "jemalloc_bg_thd\n";
	for (int i = 0; i < PATIENCE_MS / 10 && !has_thread_named(name); i++) {
		sleep_ms(10);
	}
	assert_true(has_thread_named(name));
	assert_int_equal(stat_of("stats.background_thread.num_threads"), 1);
}

TEST_CONF(purges_without_calls, "background_thread:true,dirty_decay_ms:400")
{
	size_t before = resident_bytes();
	allocate_and_free(2 * MIB);
	assert_true(resident_sinks_to(before + 3 * MIB));
	/* Runs count when they are over, that is when there is more to do. */
	size_t nruns = 0;
	for (int i = 0; i < PATIENCE_MS / 50 && nruns == 0; i++) {
		allocate_and_free(2 * MIB);
		sleep_ms(50);
		nruns = stat_of("stats.background_thread.num_runs");
	}
	assert_true(nruns > 0);
}

/* Less than a thread has to be woken for is purged as well. */
TEST_CONF(purges_a_little, "background_thread:true,dirty_decay_ms:300")
{
	size_t before = resident_bytes();
	void *block = hide(malloc(3 * MIB));
	memset(block, 1, 3 * MIB);
	free(block);
	assert_true(resident_sinks_to(before + 1 * MIB));
}

TEST_CONF(idle_process_with_threads, "dirty_decay_ms:500")
{
	pthread_t thread = start_waiting();
	size_t before = resident_bytes();
	assert_int_equal(threads_of_process(), 2);
	allocate_and_free(8 * MIB);
	assert_int_equal(threads_of_process(), 3);
	assert_false(enabled());
	assert_true(resident_sinks_to(before + 3 * MIB));
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* The helper goes with it. */
	assert_true(threads_become(1));
	assert_int_equal(stat_of("stats.background_thread.num_threads"), 0);
}

/*
 * Blocks of two pages, of which every other one is freed: no slab is empty, all
 * that can go is pages between blocks that are in use.
 */
enum { NTHINNED = 8192, THINNED_SIZE = 8 * KIB };
static char *thinned[NTHINNED];

static void
thin_out(size_t before)
{
	for (size_t i = 0; i < NTHINNED; i++) {
		thinned[i] = hide(malloc(THINNED_SIZE));
		assert_non_null(thinned[i]);
		memset(thinned[i], (int)i, THINNED_SIZE);
	}
	assert_true(resident_bytes() - before > 60 * MIB);
	for (size_t i = 0; i < NTHINNED; i++) {
		if (i % 2 != 0) {
			free(thinned[i]);
			thinned[i] = NULL;
		}
	}
}

static void
check_and_free_thinned(void)
{
	for (size_t i = 0; i < NTHINNED; i += 2) {
		for (size_t j = 0; j < THINNED_SIZE; j += 512) {
			assert_int_equal((unsigned char)thinned[i][j],
			    (unsigned char)i);
		}
		free(thinned[i]);
	}
}

/* 64 MiB, of which 32 stay and a bit for caches. */
static void
check_thinned(size_t before)
{
	assert_true(resident_sinks_to(before + 36 * MIB));
	check_and_free_thinned();
}

TEST_CONF(purges_slabs_in_use, "background_thread:true,dirty_decay_ms:400")
{
	size_t before = resident_bytes();
	thin_out(before);
	check_thinned(before);
}

/* The helper does it as well. */
TEST_CONF(purges_slabs_of_idle_process, "dirty_decay_ms:1000")
{
	pthread_t thread = start_waiting();
	size_t before = resident_bytes();
	thin_out(before);
	check_thinned(before);
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* System calls that want a single thread work once the others are joined. */
TEST_CONF(single_again, "dirty_decay_ms:500")
{
	pthread_t thread = start_waiting();
	size_t before = resident_bytes();
	allocate_and_free(8 * MIB);
	assert_true(threads_become(3));
	assert_true(resident_sinks_to(before + 8 * MIB));
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* What was joined may still be there for the kernel. */
	assert_true(threads_become(1));
	if (unshare(CLONE_NEWUSER) != 0) {
		assert_int_not_equal(errno, EINVAL);
	}
}

static size_t resident_with_all;

static void *
leaves_much(void *arg)
{
	/* Blocks that each become dirty, and not too many to be kept. */
	char *blocks[6];
	for (unsigned i = 0; i < 6; i++) {
		blocks[i] = hide(malloc(8 * MIB));
		memset(blocks[i], 1, 8 * MIB);
	}
	resident_with_all = resident_bytes();
	for (unsigned i = 0; i < 6; i++) {
		free(blocks[i]);
	}
	return arg;
}

/* What threads leave behind is purged, though one is left that makes no call. */
TEST_CONF(idle_after_threads, "dirty_decay_ms:500")
{
	pthread_t thread;
	free(hide(malloc(1)));
	size_t before = resident_bytes();
	assert_int_equal(pthread_create(&thread, NULL, leaves_much, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(resident_with_all > before + 40 * MIB);
	assert_true(resident_sinks_to(before + 20 * MIB));
	assert_true(threads_become(1));
}

/* What the threads' locks count is shown, the greatest of each. */
TEST_CONF(locks_are_counted, "background_thread:true,dirty_decay_ms:100")
{
	/* Skips where there are no statistics. */
	(void)stat_of("stats.background_thread.num_threads");
	allocate_and_free(2 * MIB);
	uint64_t ops = 0, epoch = 1;
	size_t size = sizeof(ops);
	for (int i = 0; i < PATIENCE_MS / 10 && ops == 0; i++) {
		sleep_ms(10);
		(void)mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
		assert_int_equal(mallctl("stats.mutexes.max_per_bg_thd.num_ops",
				     &ops, &size, NULL, 0),
		    0);
	}
	assert_true(ops > 0);
	assert_true(stat_of("stats.background_thread.num_threads") >= 1);
	assert_int_equal(enable(false), 0);
	assert_int_equal(stat_of("stats.background_thread.num_threads"), 0);
	assert_int_equal(stat_of("stats.background_thread.num_runs"), 0);
	assert_int_equal(stat_of("stats.background_thread.run_interval"), 0);
}

/* The call leaves it to the threads, and tells them. */
TEST_CONF(decay_is_passed_on, "background_thread:true,dirty_decay_ms:200")
{
	size_t before = resident_bytes();
	allocate_and_free(2 * MIB);
	sleep_ms(250);
	assert_int_equal(mallctl("arena.4096.decay", NULL, NULL, NULL, 0), 0);
	assert_true(resident_sinks_to(before + 3 * MIB));
}

TEST_CONF(idle_process_with_late_thread, "dirty_decay_ms:500")
{
	size_t before = resident_bytes();
	void *block = hide(malloc(256 * MIB));
	memset(block, 1, 256 * MIB);
	assert_int_equal(threads_of_process(), 1);
	/* The large block was there before this thread. */
	pthread_t thread = start_waiting();
	assert_true(threads_become(3));
	free(block);
	assert_true(resident_sinks_to(before + 3 * MIB));
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST_CONF(no_helper_where_refused, "background_thread:false")
{
	pthread_t thread = start_waiting();
	allocate_and_free(4 * MIB);
	assert_int_equal(threads_of_process(), 2);
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST(no_helper_for_little)
{
	pthread_t thread = start_waiting();
	allocate_and_free(100 * KIB);
	assert_int_equal(threads_of_process(), 2);
	atomic_store(&leave, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST(switched_at_run_time)
{
	for (int i = 0; i < 20; i++) {
		assert_int_equal(enable(true), 0);
		assert_true(enabled());
		assert_int_equal(threads_of_process(), 2);
		assert_int_equal(enable(true), 0);
		assert_int_equal(enable(false), 0);
		assert_false(enabled());
		assert_true(threads_become(1));
	}
}

TEST(how_many)
{
	unsigned arena;
	size_t size = sizeof(arena), max;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(mallctl("arenas.create", &arena, &size, NULL,
				     0),
		    0);
	}
	for (int i = 0; i < 12; i++) {
		assert_int_equal(mallctl("arenas.create", &arena, &size, NULL,
				     0),
		    0);
	}
	assert_int_equal(enable(true), 0);
	assert_true(threads_become(1 + 4));
	size = sizeof(max);
	assert_int_equal(mallctl("max_background_threads", &max, &size, NULL,
			     0),
	    0);
	assert_int_equal(max, 4);
	assert_int_equal(set_max(0), EINVAL);
	assert_int_equal(set_max(5), EINVAL);
	assert_int_equal(set_max(2), 0);
	assert_true(threads_become(1 + 2));
	assert_int_equal(set_max(4), 0);
	assert_true(threads_become(1 + 4));
	assert_int_equal(stat_of("stats.background_thread.num_threads"), 4);
	assert_int_equal(enable(false), 0);
	assert_true(threads_become(1));
}

TEST_CONF(as_many_as_the_option_says,
    "background_thread:true,max_background_threads:2")
{
	unsigned arena;
	size_t size = sizeof(arena), max;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(mallctl("arenas.create", &arena, &size, NULL,
				     0),
		    0);
	}
	assert_int_equal(enable(false), 0);
	assert_int_equal(enable(true), 0);
	assert_true(threads_become(1 + 2));
	size = sizeof(max);
	assert_int_equal(mallctl("opt.max_background_threads", &max, &size,
			     NULL, 0),
	    0);
	assert_int_equal(max, 2);
	assert_int_equal(set_max(3), EINVAL);
}

static void
check_child(void *arg)
{
	(void)arg;
	CHECK(!enabled());
	CHECK(threads_of_process() == 1);
	CHECK(enable(true) == 0);
	CHECK(enabled());
	CHECK(threads_of_process() == 2);
	CHECK(enable(false) == 0);
	CHECK(enable(true) == 0);
}

TEST_CONF(child_has_none, "background_thread:true")
{
	assert_true(enabled());
	for (int i = 0; i < 20; i++) {
		assert_survives(check_child, NULL);
	}
	assert_true(enabled());
	assert_int_equal(threads_of_process(), 2);
}

static void *
allocates(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	void *live[100] = {NULL};
	while (!atomic_load_explicit(&leave, memory_order_relaxed)) {
		seed = seed * 1103515245u + 12345u;
		unsigned at = (seed >> 16) % COUNT(live);
		free(live[at]);
		size_t size = (seed >> 8) % (seed % 50 == 0 ? 3000000 : 20000);
		live[at] = hide(malloc(size));
	}
	for (size_t i = 0; i < COUNT(live); i++) {
		free(live[i]);
	}
	return NULL;
}

TEST_CONF(switched_under_load, "dirty_decay_ms:50,muzzy_decay_ms:50")
{
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, allocates,
				     (void *)(uintptr_t)(i + 1)),
		    0);
	}
	for (int i = 0; i < 60; i++) {
		assert_int_equal(enable(i % 2 == 0), 0);
		assert_int_equal(set_max((size_t)i % 4 + 1), 0);
		sleep_ms((unsigned)i % 7 * 5);
		if (i % 10 == 3) {
			assert_survives(check_child, NULL);
		}
	}
	atomic_store(&leave, true);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

/* Arenas go while a thread purges them. */
TEST_CONF(arenas_destroyed_meanwhile, "background_thread:true,dirty_decay_ms:1")
{
	for (int i = 0; i < 100; i++) {
		unsigned arena;
		size_t size = sizeof(arena), mib[3], n = 3;
		assert_int_equal(mallctl("arenas.create", &arena, &size, NULL,
				     0),
		    0);
		for (int j = 0; j < 20; j++) {
			dallocx(mallocx(MIB,
				    MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE),
			    MALLOCX_TCACHE_NONE);
		}
		sleep_ms((unsigned)i % 3 * 10);
		assert_int_equal(mallctlnametomib("arena.0.destroy", mib, &n),
		    0);
		mib[1] = arena;
		assert_int_equal(mallctlbymib(mib, n, NULL, NULL, NULL, 0), 0);
	}
}

static void
exits_at_once(void *arg)
{
	(void)arg;
	CHECK(enable(true) == 0);
	allocate_and_free(MIB);
	exit(0);
}

TEST(process_exit)
{
	for (int i = 0; i < 30; i++) {
		assert_survives(exits_at_once, NULL);
	}
}
