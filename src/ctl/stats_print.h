/*
 * stats_print: the statistics as text or as JSON.
 *
 * Takes a new snapshot, and copies what it prints out of it, so that no lock
 * is held while the output is handed on: the receiver may do as it likes.
 * Nothing comes from the heap; the buffers are a mapping of their own, or, when
 * there is none to be had, one that is kept for this case.
 *
 * Not for: what an arena's part looks like (stats_arena.h).
 */
#ifndef CTL_STATS_PRINT_H
#define CTL_STATS_PRINT_H

/*
 * write_cb NULL: malloc_message, or standard error.  opts: letters, NULL for
 * none.  J is JSON, O is OpenMetrics (and wins), the others leave out parts: g
 * general information, m the sum of the arenas, d what destroyed ones left, a
 * single arenas, b bins, l large classes, x locks, e extents, h the huge page
 * allocator.
 */
void stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts);

/* Have thread events print as the option stats_interval says. */
void stats_print_boot(void);

#endif
