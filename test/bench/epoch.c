/*
 * epoch: what taking a snapshot of all statistics costs, and whom.
 *
 *     epoch ARENAS THREADS SECONDS PERIOD_US
 *
 * Threads allocate and free in turns of a few hundred blocks, each in an arena
 * of its own among ARENAS that are in use.  Phases with and without a thread
 * that writes `epoch` and reads twenty counters every PERIOD_US microseconds (0:
 * without pause) take turns.  Printed is what one look takes, how much the
 * threads got done, and their longest pause between two turns.
 *
 * To be run with the library preloaded, with narenas at least ARENAS.
 */
#include "bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 6 /* phases of each kind */
#define NTHREADS_MAX 64
#define LIVE 400

typedef int mallctl_t(const char *, void *, size_t *, void *, size_t);
typedef void *mallocx_t(size_t, int);

static mallctl_t *ctl;

/* One per thread, apart from each other. */
typedef struct {
	_Atomic uint64_t turns;
	_Atomic uint64_t pause_ns; /* the longest so far */
	unsigned arena;
	char apart[128];
} worker_t;

static worker_t workers[NTHREADS_MAX];
static unsigned nworkers;
static _Atomic bool stop;

static uint64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *
work(void *arg)
{
	worker_t *worker = arg;
	void *blocks[LIVE] = {NULL};
	uint64_t seed = worker->arena + 1;
	size_t size = sizeof(worker->arena);
	if (ctl("thread.arena", NULL, NULL, &worker->arena, size) != 0) {
		die("thread.arena");
	}
	uint64_t last = now_ns();
	while (!stop) {
		for (unsigned i = 0; i < LIVE; i++) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			void **block = &blocks[(seed >> 40) % LIVE];
			free(*block);
			*block = must(malloc(16 + (seed >> 33) % 3000));
		}
		uint64_t now = now_ns();
		if (now - last > worker->pause_ns) {
			worker->pause_ns = now - last;
		}
		last = now;
		worker->turns++;
	}
	return NULL;
}

/* What a monitor would read. */
static const char *const names[] = {"stats.allocated", "stats.active",
    "stats.metadata", "stats.resident", "stats.mapped", "stats.retained",
    "stats.arenas.4096.small.allocated", "stats.arenas.4096.large.allocated",
    "stats.arenas.4096.pactive", "stats.arenas.4096.pdirty",
    "stats.arenas.4096.pmuzzy", "stats.arenas.4096.small.nmalloc",
    "stats.arenas.4096.small.ndalloc", "stats.arenas.4096.large.nmalloc",
    "stats.arenas.4096.large.ndalloc", "stats.arenas.4096.dirty_purged",
    "stats.arenas.4096.dirty_npurge", "stats.arenas.4096.tcache_bytes",
    "stats.arenas.4096.base", "stats.zero_reallocs"};

static uint64_t
look(void)
{
	uint64_t start = now_ns(), value = 1;
	if (ctl("epoch", NULL, NULL, &value, sizeof(value)) != 0) {
		die("epoch");
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = sizeof(value);
		if (ctl(names[i], &value, &size, NULL, 0) != 0) {
			die(names[i]);
		}
	}
	return now_ns() - start;
}

/* What happened in the phases of one kind. */
typedef struct {
	uint64_t ns, turns, pause_ns;
	uint64_t looks, look_ns, look_max_ns;
} phase_t;

static uint64_t
turns_so_far(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < nworkers; i++) {
		sum += workers[i].turns;
	}
	return sum;
}

static void
run_phase(phase_t *phase, uint64_t ns, long period_us)
{
	for (unsigned i = 0; i < nworkers; i++) {
		workers[i].pause_ns = 0;
	}
	uint64_t start = now_ns(), turns = turns_so_far();
	if (period_us < 0) {
		usleep((useconds_t)(ns / 1000));
	}
	while (period_us >= 0 && now_ns() - start < ns) {
		uint64_t took = look();
		phase->looks++;
		phase->look_ns += took;
		if (took > phase->look_max_ns) {
			phase->look_max_ns = took;
		}
		if (period_us > 0) {
			usleep((useconds_t)period_us);
		}
	}
	phase->ns += now_ns() - start;
	phase->turns += turns_so_far() - turns;
	for (unsigned i = 0; i < nworkers; i++) {
		if (workers[i].pause_ns > phase->pause_ns) {
			phase->pause_ns = workers[i].pause_ns;
		}
	}
}

/* Put every arena to use. */
static void
use_arenas(unsigned n)
{
	mallocx_t *mallocx = (mallocx_t *)dlsym(RTLD_DEFAULT, "mallocx");
	for (unsigned i = 0; mallocx != NULL && i < n; i++) {
		for (size_t size = 16; size <= 65536; size *= 2) {
			/* MALLOCX_ARENA(i) | MALLOCX_TCACHE_NONE */
			opaque(mallocx(size, (int)((i + 1) << 20 | 1 << 8)));
		}
	}
}

static double
rate(const phase_t *phase)
{
	return (double)phase->turns * LIVE * 1e3 / (double)phase->ns;
}

int
main(int argc, char **argv)
{
	if (argc != 5) {
		die("epoch ARENAS THREADS SECONDS PERIOD_US");
	}
	ctl = (mallctl_t *)dlsym(RTLD_DEFAULT, "mallctl");
	if (ctl == NULL) {
		die("no mallctl: preload the library");
	}
	unsigned narenas = (unsigned)strtoul(argv[1], NULL, 10);
	nworkers = (unsigned)strtoul(argv[2], NULL, 10);
	uint64_t ns = (uint64_t)(strtod(argv[3], NULL) * 1e9 / (2 * ROUNDS));
	long period_us = strtol(argv[4], NULL, 10);
	if (narenas == 0 || nworkers == 0 || nworkers > NTHREADS_MAX) {
		die("how many?");
	}
	use_arenas(narenas);
	pthread_t threads[NTHREADS_MAX];
	for (unsigned i = 0; i < nworkers; i++) {
		workers[i].arena = i % narenas;
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
			die("pthread_create");
		}
	}
	phase_t with = {0}, without = {0};
	(void)look();
	for (unsigned i = 0; i < ROUNDS; i++) {
		run_phase(&without, ns, -1);
		run_phase(&with, ns, period_us);
	}
	stop = true;
	for (unsigned i = 0; i < nworkers; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("%6u %7u %9ld %9.1f %9.1f %9.2f %9.2f %7.2f%% %9.0f %9.0f\n",
	    narenas, nworkers, period_us,
	    (double)with.look_ns / 1e3 / (double)with.looks,
	    (double)with.look_max_ns / 1e3, rate(&without), rate(&with),
	    (rate(&without) / rate(&with) - 1) * 100,
	    (double)without.pause_ns / 1e3, (double)with.pause_ns / 1e3);
	return 0;
}
