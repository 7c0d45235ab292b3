/*
 * clock: time as a count of nanoseconds.
 *
 * The low layers take the time as an argument; these functions are what the
 * callers at the top pass in.  errno is preserved.
 */
#ifndef PLATFORM_CLOCK_H
#define PLATFORM_CLOCK_H

#include "platform/build.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/*
 * Monotonic and cheap: the clock of the last timer tick where ticks are at
 * most 5 ms apart, else the precise clock.  Never goes back.
 */
uint64_t clock_ns(void);

/* Monotonic and precise, for durations of single operations. */
uint64_t clock_precise_ns(void);

/* Time since 1970, for people. */
uint64_t clock_realtime_ns(void);

#endif
