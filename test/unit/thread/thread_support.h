/*
 * thread_support: boot up to this layer, and a cache used as malloc does.
 */
#ifndef TEST_UNIT_THREAD_THREAD_SUPPORT_H
#define TEST_UNIT_THREAD_THREAD_SUPPORT_H

#include "thread/tcache.h"

/* Boot with `narenas` arenas; blocks are not filled. */
void thread_setup(unsigned narenas);

/* Run fn(arg) in a thread to its end. */
void in_thread(void *(*fn)(void *), void *arg);

/* A block of a class, and back; from the cache if possible. */
void *cached_alloc(tsd_t *tsd, unsigned cind);
void cached_free(tsd_t *tsd, unsigned cind, void *ptr);

/* Blocks of a class that left the arenas and did not come back. */
size_t live_in_arenas(unsigned cind);

/* Let no metadata be had any more until os_fault_disarm(). */
void exhaust_metadata(void);

#endif /* TEST_UNIT_THREAD_THREAD_SUPPORT_H */
