/*
 * os_thread: what the system says about processors and threads.
 *
 * Nothing here allocates, reads a file or changes errno.
 */
#ifndef PLATFORM_OS_THREAD_H
#define PLATFORM_OS_THREAD_H

#include "platform/compiler.h"

/* Processors this thread may run on, at least 1.  Asks anew on each call. */
unsigned os_ncpus(void);

/* The processor this thread runs on now, or -1 where one cannot know. */
int os_cpu_current(void);

void os_yield(void);

/* Of the running thread; up to 15 characters. */
void os_thread_set_name(const char *name);
/* Keep the running thread on one processor, if it may run there. */
void os_thread_pin(unsigned cpu);

/* Let this thread run where the process's first thread may. */
void os_thread_unpin(void);

/* A number that differs between any two threads alive, never NULL. */
static inline void *
os_thread_self(void)
{
	return __builtin_thread_pointer();
}

#endif
