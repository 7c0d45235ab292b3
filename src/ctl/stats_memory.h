/*
 * stats_memory: where memory is, as text and as JSON: the ledger of resident
 * memory (ledger.h) and the view of fragmentation (frag.h).
 *
 * Sections of their own behind those that jemalloc 5.3.1 has.  Takes no lock
 * but ctl_lock, and that not while the output is handed on.
 */
#ifndef CTL_STATS_MEMORY_H
#define CTL_STATS_MEMORY_H

#include "ctl/emitter.h"
#include "ctl/frag.h"
#include "ctl/ledger.h"
#include "ctl/stats_arena.h"

/* The member `rss`, and a table of the entries, largest first. */
void stats_ledger_print(emitter_t *emitter, const ledger_t *ledger);

/*
 * The member `fragmentation`, and a table of the classes that pin most and a
 * line for each arena.  room: for a copy, its content is lost.
 */
void stats_frag_print(emitter_t *emitter, const stats_parts_t *parts,
    frag_t *room) EXCLUDES(ctl_lock);

#endif
