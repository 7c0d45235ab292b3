/*
 * ehooks: the extent hooks of one arena behind our own conventions.
 *
 * The outside contract says "false is success" and allows NULL members; this
 * is the only module that speaks it.  Callers get err_t and pointers.
 *
 * A table is kept, not copied, and read anew at every call.  Custom hooks run
 * as foreign code (see meta/thr.h); the default table is ours and does not.
 *
 * Locking: none.  Callers say which locks they hold while a hook runs.
 */
#ifndef META_EHOOKS_H
#define META_EHOOKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "platform/compiler.h"
#include "platform/err.h"

/* The public table; include/jemalloc/jemalloc.h declares the same. */
typedef struct extent_hooks_s extent_hooks_t;
struct extent_hooks_s {
	void *(*alloc)(extent_hooks_t *, void *, size_t, size_t, bool *, bool *,
	    unsigned);
	bool (*dalloc)(extent_hooks_t *, void *, size_t, bool, unsigned);
	void (*destroy)(extent_hooks_t *, void *, size_t, bool, unsigned);
	bool (*commit)(extent_hooks_t *, void *, size_t, size_t, size_t,
	    unsigned);
	bool (*decommit)(extent_hooks_t *, void *, size_t, size_t, size_t,
	    unsigned);
	bool (*purge_lazy)(extent_hooks_t *, void *, size_t, size_t, size_t,
	    unsigned);
	bool (*purge_forced)(extent_hooks_t *, void *, size_t, size_t, size_t,
	    unsigned);
	bool (*split)(extent_hooks_t *, void *, size_t, size_t, size_t, bool,
	    unsigned);
	bool (*merge)(extent_hooks_t *, void *, size_t, void *, size_t, bool,
	    unsigned);
};

typedef struct {
	_Atomic(extent_hooks_t *) table;
	unsigned arena_ind;
} ehooks_t;

/* The table of arenas that were given none; page/hooks_default.c sets it. */
extern extent_hooks_t *ehooks_default_table;

/* Change the table; default is not meant. */
void ehooks_set_table(ehooks_t *ehooks, extent_hooks_t *table);

/* Was any table but the default one ever set? */
bool ehooks_any_custom(void);

void ehooks_init(ehooks_t *ehooks, extent_hooks_t *table, unsigned arena_ind);

static inline extent_hooks_t *
ehooks_table(const ehooks_t *ehooks)
{
	return atomic_load_explicit(&ehooks->table, memory_order_acquire);
}

static inline bool
ehooks_are_default(const ehooks_t *ehooks)
{
	return ehooks_table(ehooks) == ehooks_default_table;
}

/*
 * New memory, NULL when there is none.  *zero and *commit are demands when
 * true, and say what the memory is on return.
 */
void *ehooks_alloc(ehooks_t *ehooks, void *new_addr, size_t size,
    size_t alignment, bool *zero, bool *commit);
/* ERR_NONE: the memory is gone.  ERR_REFUSED: it stays ours. */
MUST_CHECK err_t ehooks_dalloc(ehooks_t *ehooks, void *addr, size_t size,
    bool committed);
void ehooks_destroy(ehooks_t *ehooks, void *addr, size_t size, bool committed);
MUST_CHECK err_t ehooks_commit(ehooks_t *ehooks, void *addr, size_t size);
MUST_CHECK err_t ehooks_decommit(ehooks_t *ehooks, void *addr, size_t size);
MUST_CHECK err_t ehooks_purge_lazy(ehooks_t *ehooks, void *addr, size_t size);
MUST_CHECK err_t ehooks_purge_forced(ehooks_t *ehooks, void *addr, size_t size);
/* The same for `length` bytes at `offset` of an extent in use. */
MUST_CHECK err_t ehooks_purge_lazy_part(ehooks_t *ehooks, void *addr,
    size_t size, size_t offset, size_t length);
MUST_CHECK err_t ehooks_purge_forced_part(ehooks_t *ehooks, void *addr,
    size_t size, size_t offset, size_t length);
MUST_CHECK err_t ehooks_split(ehooks_t *ehooks, void *addr, size_t size,
    size_t size_a, bool committed);
MUST_CHECK err_t ehooks_merge(ehooks_t *ehooks, void *addr_a, size_t size_a,
    void *addr_b, size_t size_b, bool committed);

#endif
