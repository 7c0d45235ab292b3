/*
 * thr: what low layers may ask of the running thread.
 *
 * Code that is not ours (extent hooks, handlers) may allocate while we are in
 * the middle of an operation.  It runs between thr_enter_foreign() and
 * thr_leave_foreign(): inside, every allocation of the thread takes the slow
 * path, which knows that it is nested and goes to arena 0 without a cache.
 *
 * The thread layer, which owns the thread's state, registers the two
 * operations at boot; without it (unit tests of low layers) they do nothing.
 */
#ifndef META_THR_H
#define META_THR_H

#include <stddef.h>

#include "platform/compiler.h"
#include "platform/witness.h"

typedef struct {
	void *(*enter)(void); /* returns what leave() wants back */
	void (*leave)(void *saved);
} thr_ops_t;

extern thr_ops_t thr_ops;

static inline void *
thr_enter_foreign(void)
{
	if (config_debug) {
		witness_foreign_enter();
	}
	return thr_ops.enter == NULL ? NULL : thr_ops.enter();
}

static inline void
thr_leave_foreign(void *saved)
{
	if (thr_ops.leave != NULL) {
		thr_ops.leave(saved);
	}
	if (config_debug) {
		witness_foreign_leave();
	}
}

#endif
