/*
 * os_calls_fault: make the n-th system call for memory fail.
 *
 * Linked into every unit test program, in front of platform/os_calls (the
 * linker's --wrap).  Calls are counted from the moment of arming, over all
 * threads; a failing call does nothing and reports ENOMEM.  OS_FAULT_AT=n and
 * OS_FAULT_FROM=n in the environment arm before main.
 *
 *	for (uint64_t n = 1;; n++) {
 *		os_fault_arm(n);
 *		workload();
 *		if (os_fault_disarm() == 0) {
 *			break;		no call was left to fail
 *		}
 *		verify();
 *	}
 */
#ifndef TEST_SUPPORT_OS_CALLS_FAULT_H
#define TEST_SUPPORT_OS_CALLS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/os_calls.h"

/* Kinds of calls, to restrict faults to some of them. */
enum {
	OS_FAULT_MMAP = 1,
	OS_FAULT_MUNMAP = 2,
	OS_FAULT_MADVISE = 4,
	OS_FAULT_MPROTECT = 8,
	OS_FAULT_MREMAP = 16,
	OS_FAULT_SBRK = 32,
	OS_FAULT_MEMBARRIER = 64,
	OS_FAULT_ALL = 127,
};

/* The n-th call (from 1) fails; all from the n-th on fail. */
void os_fault_arm(uint64_t n);
void os_fault_arm_from(uint64_t n);

/* Count and fail these kinds only; holds until changed. */
void os_fault_only(unsigned kinds);

/* Calls since the last arming, failed ones included. */
uint64_t os_fault_count(void);

/* End of faults; how many calls failed since arming. */
uint64_t os_fault_disarm(void);

/* What was last told to be the name of memory. */
extern const char *os_name_last;

/* The last record for utrace(2), and how many there were. */
extern os_utrace_t os_utrace_last;
extern unsigned os_utrace_count;

#endif /* TEST_SUPPORT_OS_CALLS_FAULT_H */
