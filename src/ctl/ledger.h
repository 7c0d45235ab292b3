/*
 * ledger: what the resident memory of the process is for.
 *
 * Each resident page is in one entry, found out in two ways that have to meet:
 * the system says how much of each mapping is in memory (/proc/self/smaps),
 * and a walk over our extents and blocks of metadata says which pages of them
 * are (mincore), and what they are used for.  What is left of a mapping is not
 * ours.  Where the system does not tell, only our own entries are known.
 *
 * Blocks in thread caches are known by number, not by page: where pages of
 * slabs are taken but not in memory, that is put down to cached blocks, which a
 * refill does not touch.
 *
 * Takes as long as the heap has pages: for each 2 MiB a system call, 10 to 40
 * milliseconds for a GiB, most of them in the system.  No lock is held over
 * system calls, nothing is allocated, errno is kept, and the stack needed is
 * below 8 KiB.
 */
#ifndef CTL_LEDGER_H
#define CTL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_NTHREADS 8

/* The cache of a thread. */
typedef struct {
	uintptr_t thread; /* what pthread_self() says there */
	unsigned arena_ind;
	size_t bytes;
	uint64_t idle_ns; /* at least so long it has not been used */
} ledger_thread_t;

typedef struct {
	uint64_t epoch;
	bool available; /* the system tells what is in memory */
	size_t total; /* by the system; 0: not available */
	size_t sum; /* of the entries */

	/* Entries; bytes in memory. */
	size_t live;
	size_t slack;
	size_t slab_free;
	size_t tcache;
	size_t tcache_explicit;
	size_t handoff;
	size_t quarantine;
	size_t dirty;
	size_t kept;
	size_t muzzy;
	size_t thp_bloat;
	size_t guard;
	size_t metadata;
	size_t page_map;
	size_t files;
	size_t data;
	size_t stacks;
	size_t other;

	/* Not entries. */
	size_t anon_huge;
	size_t lazy_free;
	size_t swap;
	/* More of ours in a mapping than the system says: pages of zeros. */
	size_t excess;
	unsigned nthreads; /* of those with the largest caches */
	ledger_thread_t threads[LEDGER_NTHREADS];
} ledger_t;

/* An entry, for those who show all. */
typedef struct {
	char key[16];
	char label[52];
	char advice[60]; /* what changes it */
	uint16_t offset; /* in ledger_t, a size_t */
} ledger_entry_t;

#define LEDGER_NENTRIES 18
extern const ledger_entry_t ledger_entries[LEDGER_NENTRIES];

/* Where the system tells of mappings. */
extern const char *ledger_source;

/* As it is now. */
void ledger_take(ledger_t *ledger);

/* As it was when someone first asked in this epoch. */
void ledger_get(ledger_t *ledger);

#endif
