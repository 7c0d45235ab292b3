/*
 * idle: what threads have cached goes back while they make no call, the
 * process gets smaller, and they go on as if nothing had been.  Nothing goes
 * where it is not wanted or can not be had.
 */
#include "mallctl_support.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define CONF "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0"
#define NTHREADS 48
#define NLIVE 200
#define WORK_BYTES (256 * KIB)

static pthread_barrier_t starts, rests, goes_on;
static _Atomic unsigned nwrong;

/* The most that was resident when one of the threads had done its work. */
static _Atomic size_t resident_most;

static void
note_resident(void)
{
	size_t now = resident_bytes(), most = resident_most;
	while (now > most &&
	    !atomic_compare_exchange_weak(&resident_most, &most, now)) {
	}
}

static bool
has_membarrier(void)
{
	/* MEMBARRIER_CMD_QUERY, and the bit of PRIVATE_EXPEDITED. */
	long commands = syscall(SYS_membarrier, 0, 0, 0);
	return commands > 0 && (commands & 8) != 0;
}

static void
sleep_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
	(void)nanosleep(&ts, NULL);
}

static size_t
next_size(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	uint64_t random = *state >> 33;
	return 1 + (random % 8 == 0 ? random % 20000 : random % 700);
}

/* Blocks of mixed sizes, each with its content, all freed but a few. */
static void
work(uint64_t *prng, unsigned char *kept[4])
{
	for (size_t bytes = 0; bytes < WORK_BYTES;) {
		unsigned char *live[NLIVE];
		size_t sizes[NLIVE];
		for (unsigned i = 0; i < NLIVE; i++) {
			sizes[i] = next_size(prng);
			live[i] = hide(malloc(sizes[i]));
			if (live[i] == NULL) {
				nwrong++;
				return;
			}
			pattern_fill(live[i], sizes[i], i);
			bytes += sizes[i];
		}
		for (unsigned i = 0; i < NLIVE; i++) {
			nwrong += !pattern_holds(live[i], sizes[i], i);
			free(live[i]);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		kept[i] = hide(malloc(100 << i));
		if (kept[i] != NULL) {
			pattern_fill(kept[i], 100 << i, i);
		}
	}
}

static void *
worker(void *arg)
{
	uint64_t prng = (uintptr_t)arg;
	unsigned char *kept[4];
	pthread_barrier_wait(&starts);
	for (unsigned round = 0; round < 2; round++) {
		work(&prng, kept);
		note_resident();
		pthread_barrier_wait(&rests);
		pthread_barrier_wait(&goes_on);
		for (unsigned i = 0; i < 4; i++) {
			nwrong += !pattern_holds(kept[i], 100 << i, i);
			free(kept[i]);
		}
	}
	return NULL;
}

static size_t
cached_bytes(void)
{
	uint64_t epoch = 1;
	assert_int_equal(ctl_put(&epoch, sizeof(epoch), "epoch"), 0);
	return ctl_size("stats.arenas.4096.tcache_bytes");
}

static void
wait_for_less_cached(size_t than)
{
	while (cached_bytes() >= than) {
		sleep_ms(50);
	}
}

static bool
can_be_tested(void)
{
	return ctl_bool("config.stats") && has_membarrier() &&
	    ctl_bool("background_thread");
}

TEST_CONF(goes_back, CONF)
{
	pthread_t threads[NTHREADS];
	if (!can_be_tested()) {
		skip();
	}
	assert_int_equal(pthread_barrier_init(&starts, NULL, NTHREADS), 0);
	assert_int_equal(pthread_barrier_init(&rests, NULL, NTHREADS + 1), 0);
	assert_int_equal(pthread_barrier_init(&goes_on, NULL, NTHREADS + 1), 0);
	for (uintptr_t i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, worker,
				     (void *)(i + 1)),
		    0);
	}
	for (unsigned round = 0; round < 2; round++) {
		pthread_barrier_wait(&rests);
		/* Some may have been at rest for long by now. */
		size_t resident = resident_most;
		wait_for_less_cached(NTHREADS * 128 * KIB);
		while (ctl_u64("stats.idle_caches.num_taken") <
		    (round + 1) * NTHREADS) {
			sleep_ms(50);
			(void)cached_bytes();
		}
		assert_true(ctl_u64("stats.idle_caches.num_blocks") >=
		    (round + 1) * NTHREADS);
		assert_true(
		    ctl_size("stats.idle_caches.bytes") > NTHREADS * 32 * KIB);
		/* In time the pages go too. */
		while (round == 0 && resident_bytes() >= resident - MIB) {
			sleep_ms(50);
		}
		pthread_barrier_wait(&goes_on);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(nwrong, 0);
}

/* Refused by a filter: as it was, and no word about it. */
static void
without_membarrier(void *unused)
{
	(void)unused;
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(filter), filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		return;
	}
	bool enable = true;
	CHECK(mallctl("background_thread", NULL, NULL, &enable,
		  sizeof(enable)) == 0);
	uint64_t prng = 1;
	unsigned char *kept[4];
	work(&prng, kept);
	size_t before = cached_bytes();
	sleep_ms(3000);
	CHECK(cached_bytes() == before);
	CHECK(ctl_u64("stats.idle_caches.num_taken") == 0);
	for (unsigned i = 0; i < 4; i++) {
		free(kept[i]);
	}
}

TEST_CONF(not_without_the_system_call, "dirty_decay_ms:1000")
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	assert_survives(without_membarrier, NULL);
}

/* Children go on as their parent, whatever was on its way at the fork. */
TEST_CONF(forks_meanwhile, CONF)
{
	uint64_t prng = 1;
	for (unsigned i = 0; i < 20; i++) {
		unsigned char *kept[4];
		work(&prng, kept);
		sleep_ms(i % 4 == 0 ? 600 : 50);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			unsigned char *more[4];
			work(&prng, more);
			for (unsigned j = 0; j < 4; j++) {
				nwrong += !pattern_holds(kept[j], 100 << j, j);
				free(kept[j]);
				free(more[j]);
			}
			_exit(nwrong == 0 ? 0 : 1);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		for (unsigned j = 0; j < 4; j++) {
			assert_true(pattern_holds(kept[j], 100 << j, j));
			free(kept[j]);
		}
	}
}

TEST_CONF(never_where_nothing_goes, "background_thread:true,dirty_decay_ms:-1")
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	uint64_t prng = 1;
	unsigned char *kept[4];
	work(&prng, kept);
	size_t before = cached_bytes();
	sleep_ms(2500);
	assert_int_equal(cached_bytes(), before);
	assert_int_equal(ctl_u64("stats.idle_caches.num_taken"), 0);
	for (unsigned i = 0; i < 4; i++) {
		free(kept[i]);
	}
}
