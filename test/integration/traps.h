/*
 * traps: system calls that do not happen.
 *
 * A seccomp filter catches one system call, optionally only with a certain
 * argument, counts it, and makes it return what the test wants.  For the rest
 * of the process's life.
 */
#ifndef TEST_INTEGRATION_TRAPS_H
#define TEST_INTEGRATION_TRAPS_H

#include <sys/syscall.h>

/*
 * Calls of `nr` whose argument number `arg` is `value` (arg < 0: all) return
 * `result`, which is -errno for a failure.  Skips the test where there is no
 * seccomp.
 */
void trap_syscall(int nr, int arg, unsigned value, long result);

/* The calls that were caught. */
unsigned trap_count(void);

/* Arguments of the last one. */
unsigned long trap_argument(int arg);

#endif
