/*
 * quarantine: freed blocks that are not given out again for a while.
 *
 * A block that comes here is filled; when it leaves, the filling is looked at:
 * whoever wrote to it did so after it was freed.  Blocks leave in the order in
 * which they came, when there are too many of them, or when they are flushed.
 *
 * Serves the options check (every block up to QUARANTINE_SIZE_MAX) and
 * lg_san_uaf_align (blocks at certain addresses).
 *
 * Locking: shards by address, each below a leaf lock, which is not held while
 * a fault is reported or memory returns to its arena.
 */
#ifndef THREAD_QUARANTINE_H
#define THREAD_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

#define QUARANTINE_SIZE_MAX ((size_t)128 << 10)

typedef enum {
	QUARANTINE_CHECK, /* all of it filled with 0x5a */
	QUARANTINE_STASH, /* 0x5b: the ends and the middle at least */
	QUARANTINE_GUARDED /* inaccessible, not filled */
} quarantine_kind_t;

/* Take in a freed block of `size` usable bytes; others may leave. */
void quarantine_put(void *ptr, size_t size, quarantine_kind_t kind);

/* Let all out, or (keep) only look at all. */
void quarantine_flush(bool keep);

/* Let out what is an arena's. */
void quarantine_flush_arena(unsigned arena_ind);

/* Bytes in here. */
size_t quarantine_bytes(void);

void quarantine_prefork(void);
void quarantine_postfork_parent(void);
void quarantine_postfork_child(void);

#endif
