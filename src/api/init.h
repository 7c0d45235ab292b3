/*
 * init: bringing the allocator up, once, from whatever call comes first.
 *
 * State: one atomic word.  The thread that initialises may come back here
 * (recursively) and is told to go on; others wait.  A failed start leaves
 * nothing behind and is tried again by the next call.
 *
 * When the library is loaded, fork handlers are registered and the sources of
 * options are looked at; only if there are any does all start there and then.
 */
#ifndef API_INIT_H
#define API_INIT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "platform/compiler.h"

typedef enum {
	INIT_NONE,
	INIT_RUNNING, /* arena 0 may or may not be there yet */
	INIT_READY
} init_state_t;

extern _Atomic int init_state;

/* True: allocation works.  False: no memory for the start. */
bool init_slow(void) COLD;

static inline bool
init_done(void)
{
	return likely(atomic_load_explicit(&init_state, memory_order_acquire) ==
		   INIT_READY) ||
	    init_slow();
}

void init_prefork(void);
void init_postfork_parent(void);
void init_postfork_child(void);

#endif
