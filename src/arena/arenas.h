/*
 * arenas: the table of all arenas, and which one serves whom.
 *
 * Indices 0 .. nauto - 1 are automatic arenas, created when they are needed;
 * index nauto is reserved for oversize blocks; later ones are created by hand.
 *
 * Threads share arenas until contention is seen: then one more automatic
 * arena is opened, up to nauto.  Memory that several arenas hold is memory
 * that none of them can use for the others.
 *
 * Regions shorter than a line or two are another matter: threads whose regions
 * alternate in a slab take its lines from each other without any lock.  So where
 * there are more than two processors, an arena gets several bins for each of the
 * smallest classes when its second thread comes, and each thread one of them.
 * (16 threads that replace blocks of 16 to 128 bytes on 16 cores: 5.7 s of CPU
 * time with one bin, 3.7 with 16, 3.9 with an arena for each thread.)
 *
 * Locking: creation and removal below `arenas_lock`; looking up takes no lock.
 */
#ifndef ARENA_ARENAS_H
#define ARENA_ARENAS_H

#include "arena/arena.h"

#define ARENAS_MAX 4095 /* indices 0 .. ARENAS_MAX - 1 */

/* Create arena 0.  ERR_NOMEM: nothing happened, may be tried again. */
MUST_CHECK err_t arenas_boot(void);

/* Automatic arenas, from the options or the number of CPUs. */
unsigned arenas_nauto(void);
/* All indices in use or reserved. */
unsigned arenas_count(void);

/* NULL: there is no such arena (yet). */
arena_t *arenas_get(unsigned ind);

/*
 * As arenas_get(), for those who do not know that the arena stays: it is not
 * destroyed until arenas_hold_end(), which is due also after NULL.
 */
arena_t *arenas_hold(unsigned ind);
void arenas_hold_end(void);

/* Metadata of arena 0, which serves all. */
base_t *arenas_base0(void);

/*
 * The automatic (or reserved) arena of an index, created when it is not there.
 * NULL: no memory, or the index is not automatic.
 */
arena_t *arenas_get_auto(unsigned ind);

/*
 * As above with extent hooks, from which its metadata come as well.  NULL also
 * when the arena exists.
 */
arena_t *arenas_create_auto(unsigned ind, extent_hooks_t *table);

/*
 * A new arena outside of the automatic ones.  table: NULL for the default
 * hooks; its metadata come from the hooks or from the system.  NULL: no memory
 * or no index left.
 */
arena_t *arenas_create(extent_hooks_t *table, bool metadata_use_hooks);

/* Remove such an arena, with all that is in it.  Nobody may be using it. */
void arenas_destroy(arena_t *arena);

/* Is the index one of an automatic arena, or the reserved one? */
bool arenas_is_auto(unsigned ind);

/*
 * Bind a thread to the arena that it should use; never NULL after boot.
 * *shard: the number of its bins there.
 */
arena_t *arenas_bind(unsigned *shard);
/* Bind it to a certain one. */
arena_t *arenas_bind_to(arena_t *arena, unsigned *shard);
void arenas_unbind(arena_t *arena, unsigned shard);
/* The thread met contention in `arena`: the arena to go on with. */
arena_t *arenas_rebind(arena_t *arena, unsigned *shard);

/* Bins that a slab class has in arenas that several threads share. */
unsigned arenas_nshards(unsigned szind);

/*
 * percpu_arena, once arena 0 serves: finds out whether it can be had, and says
 * why not.
 */
void arenas_boot_percpu(void);
/* Arenas 0 .. n - 1 belong to processors; 0: none does. */
unsigned arenas_npercpu(void);
/* The thread may have moved to another processor: the arena to go on with. */
arena_t *arenas_follow_cpu(arena_t *arena, unsigned *shard);

/* Where a large block of `usize` bytes comes from for a thread of `arena`. */
arena_t *arenas_for_large(arena_t *arena, size_t usize);

/* Decay times of arenas to be created. */
ssize_t arenas_dirty_decay_ms(void);
ssize_t arenas_muzzy_decay_ms(void);
/* ERR_INVALID: out of range. */
MUST_CHECK err_t arenas_set_dirty_decay_ms(ssize_t ms);
MUST_CHECK err_t arenas_set_muzzy_decay_ms(ssize_t ms);

/* Show every arena, below the lock of the table; or one: false, no such. */
void arenas_visit(void (*visit)(arena_t *arena, void *arg), void *arg);
bool arenas_visit_one(unsigned ind, void (*visit)(arena_t *arena, void *arg),
    void *arg);

/* Contention opens no more than n automatic arenas from now on. */
void arenas_limit_open(unsigned n);

/* The system is out of memory: give back what is unused, anywhere. */
bool arenas_reclaim(void);

bool arenas_verify(void);

/* fork: the table's lock first, then (after other layers') the arenas'. */
void arenas_prefork_table(void);
void arenas_prefork(void);
void arenas_postfork_parent(void);
/* Only the forking thread is left, bound to `arena` (or NULL) and `shard`. */
void arenas_postfork_child(arena_t *arena, unsigned shard);

#endif
