/*
 * inspect: questions about one pointer, whatever it is.
 *
 * Answers come from the page map and the descriptors, and are no stronger than
 * what other threads leave valid meanwhile.  Memory of others is recognised.
 *
 * Locking: takes the lock of the bin that a pointer belongs to.
 */
#ifndef CTL_INSPECT_H
#define CTL_INSPECT_H

#include <stdbool.h>
#include <stddef.h>

/* How well the extent around a pointer is used; mallctl's struct. */
typedef struct {
	void *slabcur; /* slab that the bin allocates from next */
	size_t nfree; /* free regions of the slab */
	size_t nregs; /* its regions; 1 for a large block */
	size_t size; /* bytes of the extent */
	size_t bin_nfree;
	size_t bin_nregs;
} inspect_usage_t;

/* All zero for memory of others. */
inspect_usage_t inspect_usage(const void *ptr);

/* The arena of an address; false: it is not ours, or not known to be. */
bool inspect_arena(const void *ptr, unsigned *arena_ind);

#endif
