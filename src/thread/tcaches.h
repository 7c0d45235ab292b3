/*
 * tcaches: caches that no thread owns: made, named by a number and used at the
 * program's wish (mallctl tcache.create, MALLOCX_TCACHE).
 *
 * Each is a tsd_t without a thread, of which only the bins are in use, so that
 * all of tcache.h works on it.  One thread at a time may use a cache; that is
 * the program's business.
 *
 * Locking: numbers come and go below a lock; looking one up takes none.
 */
#ifndef THREAD_TCACHES_H
#define THREAD_TCACHES_H

#include "thread/tsd.h"

/* As many as the flags of mallocx() can name. */
#define TCACHES_MAX 4094

/* The number of a new cache.  ERR_NOMEM: no memory, or no number left. */
MUST_CHECK err_t tcaches_create(unsigned *ind);

/* NULL: there is none of that number. */
tsd_t *tcaches_get(unsigned ind);

/*
 * Give back everything that a cache holds; with `destroy` also its number.
 * ERR_INVALID: there is none of that number.
 */
MUST_CHECK err_t tcaches_flush(unsigned ind, bool destroy);

/* Show every cache, whose owner may be using it. */
void tcaches_visit(void (*visit)(const tsd_t *cache, void *arg), void *arg);

void tcaches_prefork(void);
void tcaches_postfork_parent(void);
void tcaches_postfork_child(void);

#endif
