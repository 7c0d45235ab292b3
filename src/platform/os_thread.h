/*
 * os_thread: what the system says about processors and threads.
 *
 * Nothing here allocates, reads a file or changes errno.
 */
#ifndef PLATFORM_OS_THREAD_H
#define PLATFORM_OS_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "platform/compiler.h"

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define OS_KNOWS_SINGLE_THREADED 1 /* glibc 2.32 and later */
#define OS_SINGLE_THREADED (__libc_single_threaded != 0)
#endif
#endif
#ifndef OS_SINGLE_THREADED
#define OS_KNOWS_SINGLE_THREADED 0
#define OS_SINGLE_THREADED 1
#endif

/*
 * Is it certain that the process has no thread but this one?  False also where
 * the C library does not say.
 */
static inline bool
os_is_single_threaded(void)
{
	return OS_KNOWS_SINGLE_THREADED && OS_SINGLE_THREADED;
}

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

/* Set before the process gets its second thread, and for ever. */
extern _Atomic(bool) os_threaded;

static inline void
os_note_threaded(void)
{
	atomic_store_explicit(&os_threaded, true, memory_order_relaxed);
}

/* False: nobody else can be here.  Only with --enable-lazy-lock it is. */
static inline bool
os_is_threaded(void)
{
	if (!config_lazy_lock ||
	    atomic_load_explicit(&os_threaded, memory_order_relaxed)) {
		return true;
	}
	if (OS_SINGLE_THREADED) {
		return false;
	}
	os_note_threaded();
	return true;
}

/* A number that differs between any two threads alive, never NULL. */
static inline void *
os_thread_self(void)
{
	return __builtin_thread_pointer();
}

#endif
