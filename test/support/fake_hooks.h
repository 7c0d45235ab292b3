/*
 * fake_hooks: an extent hook table over a fixed pool, that counts and refuses.
 *
 * Every hook checks that it is called for memory that was handed out and not
 * given back since, and fails the test if not.  Memory that is not committed
 * can not be touched.  Hooks refuse when they are told to: always, or at
 * random one time in so many.
 */
#ifndef TEST_SUPPORT_FAKE_HOOKS_H
#define TEST_SUPPORT_FAKE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meta/ehooks.h"
#include "platform/build.h"

typedef enum {
	FAKE_ALLOC,
	FAKE_DALLOC,
	FAKE_DESTROY,
	FAKE_COMMIT,
	FAKE_DECOMMIT,
	FAKE_PURGE_LAZY,
	FAKE_PURGE_FORCED,
	FAKE_SPLIT,
	FAKE_MERGE,
	FAKE_NHOOKS
} fake_hook_t;

typedef struct {
	extent_hooks_t table; /* first: hooks are called with its address */
	char *pool;
	size_t npages;
	size_t npages_out; /* handed out */
	uint8_t *page_out; /* one per page: handed out? */
	uint64_t prng;

	bool refuse[FAKE_NHOOKS];
	unsigned refuse_one_in[FAKE_NHOOKS]; /* 0: never */
	bool uncommitted; /* alloc commits only what must be */
	bool stale; /* what alloc returns reads 0xee, if it may */
	bool never_zero; /* and if it may not */

	unsigned ncalls[FAKE_NHOOKS]; /* refused ones included */
	/* Arguments of the last call of any hook. */
	void *last_addr;
	size_t last_size;
	size_t last_offset; /* commit, decommit, purge */
	size_t last_length;
	size_t last_alignment;
	size_t last_size_a; /* split, merge */
	bool last_committed;
	unsigned last_arena_ind;
} fake_hooks_t;

/* A pool of npages pages, aligned to a huge page. */
void fake_hooks_init(fake_hooks_t *fake, size_t npages);

/* No refusals any more. */
void fake_hooks_obey(fake_hooks_t *fake);

unsigned fake_hooks_ncalls(const fake_hooks_t *fake);

static inline bool
fake_hooks_owns(const fake_hooks_t *fake, const void *ptr)
{
	return (uintptr_t)ptr - (uintptr_t)fake->pool < fake->npages * PAGE;
}

#endif /* TEST_SUPPORT_FAKE_HOOKS_H */
