/*
 * fake_clock: decide what time it is.
 *
 * Linked into every unit test program, in front of platform/clock.  Until
 * fake_clock_set is called the real clocks are read; from then on all of them
 * stand still at the time that was set.
 */
#ifndef TEST_SUPPORT_FAKE_CLOCK_H
#define TEST_SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

void fake_clock_set(uint64_t ns);
void fake_clock_advance(uint64_t ns);

/* Back to the real clocks. */
void fake_clock_stop(void);

#endif /* TEST_SUPPORT_FAKE_CLOCK_H */
