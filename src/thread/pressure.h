/*
 * pressure: how near the process is to its limit of memory, and what is done.
 *
 * The limit is the option mem_limit, in resident bytes, or that of the control
 * group.  A group is looked for when the process has grown to 64 MiB; one
 * without a limit is never asked again, and nothing below costs anything.
 *
 * Usage is read once a second on ticks, and when memory comes into use that
 * was not: half of what is left to 90 %, 1/64 of the limit at least.
 *
 *   80 %  half of the unused memory goes each second: decay gets steep
 *   90 %  at each look so much of it that 85 % are reached, half at least
 *   95 %  all of it, empty slabs too, and threads are asked to flush their
 *         caches, which they do soon after
 *
 * Locking: one thread looks, others pass by; no lock is held.
 */
#ifndef THREAD_PRESSURE_H
#define THREAD_PRESSURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/compiler.h"

typedef struct {
	size_t limit; /* bytes; 0: none */
	size_t usage; /* at the last look */
	unsigned level; /* 0 .. 3: thresholds passed then */
	uint64_t nlooks;
	uint64_t npurges; /* times that something had to be done */
	uint64_t nflushes; /* times that caches were asked for */
} pressure_stats_t;

/* Once there are arenas and options. */
void pressure_boot(void);

/* So much is mapped: is it time to look for a limit?  Below any lock. */
void pressure_note_grown(size_t total);

/* Should someone look for a limit, without locks? */
extern _Atomic bool pressure_due;
static inline bool
pressure_is_due(void)
{
	return atomic_load_explicit(&pressure_due, memory_order_relaxed);
}
void pressure_find_limit(void) COLD;

/* Time passes; also called by ticks.  Not below a lock that purging needs. */
void pressure_tick(uint64_t now_ns);

/* Changes when all threads should flush their caches. */
extern _Atomic uint32_t pressure_flushes;

void pressure_stats(pressure_stats_t *stats);

void pressure_postfork_child(void);

#endif
