/*
 * wakeup: one thread sleeps until others wake it or time runs out.
 *
 * One word: nothing happened, someone was woken, someone sleeps.  A wake-up
 * that comes before the sleep is not lost; several count as one.  Zeroed memory
 * is valid.  Nothing here allocates, and errno is preserved.
 *
 * Not for more than one sleeper.
 */
#ifndef PLATFORM_WAKEUP_H
#define PLATFORM_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	_Atomic(uint32_t) state;
} wakeup_t;

#define WAKEUP_FOREVER UINT64_MAX

/*
 * Sleep for at most so many nanoseconds; true: someone woke us.  May return
 * early for no reason.
 */
bool wakeup_wait(wakeup_t *wakeup, uint64_t ns);

/* From any thread; no system call unless someone sleeps. */
void wakeup_signal(wakeup_t *wakeup);

/* In a fork's child: nobody sleeps, nothing happened. */
void wakeup_reset(wakeup_t *wakeup);

#endif
