/*
 * many_cpus: what differs where there are more than two processors.
 *
 * The number is pretended: the library asks sched_getaffinity() when there is a
 * second thread, and that is here.
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool pretended;

__attribute__((visibility("default"))) int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	if (!pretended) {
		return syscall(SYS_sched_getaffinity, pid, size, set) < 0 ? -1
									  : 0;
	}
	memset(set, 0, size);
	for (unsigned i = 0; i < 16; i++) {
		CPU_SET_S(i, size, set);
	}
	return 0;
}

enum { NTHREADS = 6, NBLOCKS = 3000 };

static pthread_barrier_t barrier;

typedef struct {
	pthread_t thread;
	unsigned char mark;
	size_t size;
	unsigned char *blocks[NBLOCKS];
} worker_t;

static worker_t workers[NTHREADS];

static void
check(const worker_t *worker, const unsigned char *block)
{
	for (size_t i = 0; i < worker->size; i++) {
		assert_int_equal(block[i], worker->mark);
	}
}

/* Allocate, wait for the others, and free what the neighbour has. */
static void *
work(void *arg)
{
	worker_t *self = arg, *next = self + 1;
	if (next == workers + NTHREADS) {
		next = workers;
	}
	for (unsigned i = 0; i < NBLOCKS; i++) {
		self->blocks[i] = malloc(self->size);
		memset(self->blocks[i], self->mark, self->size);
	}
	(void)pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < NBLOCKS; i++) {
		check(next, next->blocks[i]);
		free(next->blocks[i]);
	}
	return NULL;
}

static void
run(size_t size)
{
	assert_int_equal(pthread_barrier_init(&barrier, NULL, NTHREADS), 0);
	for (unsigned i = 0; i < NTHREADS; i++) {
		workers[i].mark = (unsigned char)(1 + i);
		workers[i].size = size;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	}
	assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

static unsigned
nshards(unsigned class)
{
	char name[64];
	unsigned value = 0;
	size_t length = sizeof(value);
	(void)snprintf(name, sizeof(name), "arenas.bin.%u.nshards", class);
	assert_int_equal(mallctl(name, &value, &length, NULL, 0), 0);
	return value;
}

/* As many as processors (or less: a control group's quota), powers of two. */
static unsigned
nshards_expected(void)
{
	pretended = true;
	unsigned n = nshards(0);
	assert_in_range(n, 1, 16);
	assert_int_equal(n & (n - 1), 0);
	if (n == 1) {
		print_message("a quota of two processors or less\n");
		skip();
	}
	return n;
}

TEST(small_classes_have_several_bins)
{
	unsigned n = nshards_expected();
	for (unsigned class = 0; class < 36; class ++) {
		unsigned has = nshards(class);
		assert_int_equal(has, class <= 8 ? n : 1);
	}
}

static void *
one_of_16(void *arg)
{
	(void)arg;
	return mallocx(16, MALLOCX_TCACHE_NONE);
}

/* Blocks of two threads are not neighbours, and those of one are. */
TEST(threads_do_not_share_lines)
{
	pthread_t thread;
	void *other;
	(void)nshards_expected();
	/* This thread comes first, where nobody has allocated for it yet. */
	free(hide(malloc(8000)));
	assert_int_equal(pthread_create(&thread, NULL, one_of_16, NULL), 0);
	assert_int_equal(pthread_join(thread, &other), 0);
	assert_int_equal(pthread_create(&thread, NULL, one_of_16, NULL), 0);
	char *mine = one_of_16(NULL);
	char *more = one_of_16(NULL);
	void *third;
	assert_int_equal(pthread_join(thread, &third), 0);
	assert_int_equal(more - mine, 16);
	/* The second came after the first had gone, and has its number. */
	assert_int_equal((char *)third - (char *)other, 16);
	assert_true(mine > (char *)third + 4096 || (char *)third > mine + 4096);
	dallocx(mine, MALLOCX_TCACHE_NONE);
	dallocx(more, MALLOCX_TCACHE_NONE);
	dallocx(other, MALLOCX_TCACHE_NONE);
	dallocx(third, MALLOCX_TCACHE_NONE);
}

/* Contents, and statistics afterwards, of threads that free for each other. */
TEST(remote_frees)
{
	(void)nshards_expected();
	for (size_t size = 1; size <= 160; size += 13) {
		run(size);
	}
	run(128);
	/* With what was left at busy bins. */
	assert_int_equal(mallctl("arena.4096.purge", NULL, NULL, NULL, 0), 0);
	char *check = malloc(64);
	free(check);
	size_t before = 0, after = 0, length = sizeof(before);
	uint64_t epoch = 1;
	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)),
	    0);
	if (mallctl("stats.allocated", &before, &length, NULL, 0) == ENOENT) {
		print_message("no statistics\n");
		skip();
	}
	run(48);
	assert_int_equal(mallctl("arena.4096.purge", NULL, NULL, NULL, 0), 0);
	assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)),
	    0);
	assert_int_equal(mallctl("stats.allocated", &after, &length, NULL, 0),
	    0);
	assert_int_equal(after, before);
}
