/*
 * barrier: a memory barrier in every thread of the process at once, by one of
 * them, so that the others need none of their own.
 *
 * That is membarrier(2) in its private, expedited form (Linux 4.14): it costs
 * an interrupt for each processor that runs one of our threads.  The process
 * registers once.  Where the kernel has no such call, or a filter refuses it,
 * there is no barrier.
 *
 * Locking: none.  errno is as the caller had it.
 */
#ifndef PLATFORM_BARRIER_H
#define PLATFORM_BARRIER_H

#include <stdbool.h>

/* Can it be had?  The first call registers, which may take milliseconds. */
bool barrier_ready(void);

/*
 * What other threads did before is seen by us, and they see what we did.
 * False: no memory for it just now; nothing is known.
 */
bool barrier_all(void);

/* In the child of fork: register anew. */
void barrier_forget(void);

#endif
