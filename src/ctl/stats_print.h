/*
 * stats_print: the statistics as text.
 *
 * Walks the arenas and writes through a callback, without allocating.  Takes
 * the locks that guard what it reads, one at a time.
 */
#ifndef CTL_STATS_PRINT_H
#define CTL_STATS_PRINT_H

/*
 * write_cb NULL: malloc_message, or standard error.  opts: letters of parts to
 * leave out, NULL for none.
 */
void stats_print(void (*write_cb)(void *, const char *), void *cbopaque,
    const char *opts);

#endif
