/*
 * fork: every lock is taken before, and let go or made anew after.
 *
 * Locks are taken in rank order, stage by stage over all arenas, so that no
 * other thread is in the middle of anything when the process is copied.  The
 * child has one thread: locks are re-initialised there, counts of threads
 * reset, and the states of the other threads forgotten.
 *
 * Where the C library knows that there is one thread, nothing is done at all.
 */
#ifndef API_FORK_H
#define API_FORK_H

/* Register the handlers with the C library; may allocate. */
void fork_boot(void);

#endif
