#include "meta/base.h"

#include "ds/bits.h"
#include "meta/options.h"
#include "platform/assert.h"
#include "platform/build.h"
#include "platform/pages.h"

#include <string.h>

struct base_block {
	base_block_t *next;
	size_t size; /* bytes, with this header */
	size_t used; /* bytes, with this header */
	bool zeroed;
};

/* Later blocks; the first of arena 0 also takes the page map's first leaf. */
#define BLOCK_SIZE ((size_t)2 << 20)
#define FIRST_BLOCK_SIZE ((size_t)4 << 20)
#define BLOCK_SIZE_MIN ((size_t)64 << 10)

/* So many of the newest blocks are asked before another one is mapped. */
#define BLOCKS_TRIED 4

void
base_init(base_t *base, extent_hooks_t *table, unsigned arena_ind)
{
	mutex_init(&base->lock, "base", LOCK_BASE);
	ehooks_init(&base->ehooks, table, arena_ind);
	base->blocks = NULL;
	base->allocated = 0;
	base->mapped = 0;
	base->nblocks = 0;
	base->huge = false;
}

/*
 * Where the kernel waits to be asked, metadata may be in huge pages: with
 * metadata_thp:auto once there are so many blocks, then all of them.
 */
#define BLOCKS_TO_HUGE 2
#define BLOCKS_TO_HUGE_FIRST 5 /* of arena 0, which serves all */

static bool
blocks_are_huge(base_t *base)
{
	if (likely(opt.metadata_thp == OPT_METADATA_THP_DISABLED) ||
	    base->huge) {
		return base->huge;
	}
	unsigned enough = opt.metadata_thp == OPT_METADATA_THP_ALWAYS ? 1
	    : base->ehooks.arena_ind == 0 ? BLOCKS_TO_HUGE_FIRST
					  : BLOCKS_TO_HUGE;
	if (base->nblocks + 1 < enough ||
	    pages_thp_mode() != THP_MODE_MADVISE) {
		return false;
	}
	base->huge = true;
	for (base_block_t *b = base->blocks; b != NULL; b = b->next) {
		(void)!pages_hugify(b, b->size);
	}
	return true;
}

/* Custom hooks may allocate: they run without the lock. */
static void *NO_THREAD_SAFETY
hook_alloc(base_t *base, size_t size, size_t alignment, bool *zero,
    bool *commit)
{
	bool custom = !ehooks_are_default(&base->ehooks);
	if (custom) {
		mutex_unlock(&base->lock);
	}
	void *block = ehooks_alloc(&base->ehooks, NULL, size, alignment, zero,
	    commit);
	if (custom) {
		mutex_lock(&base->lock);
	}
	return block;
}

static base_block_t *
block_map(base_t *base, size_t size)
{
	bool zero = true, commit = true;
	bool huge = blocks_are_huge(base);
	size_t alignment = ehooks_are_default(&base->ehooks) && !huge
	    ? PAGE
	    : HUGEPAGE;
	base_block_t *block = hook_alloc(base, size, alignment, &zero, &commit);
	if (block == NULL) {
		return NULL;
	}
	if (huge) {
		(void)!pages_hugify(block, size);
	}
	base->nblocks++;
	block->size = size;
	block->used = sizeof(base_block_t);
	block->next = base->blocks;
	block->zeroed = zero;
	base->blocks = block;
	base->mapped += size;
	return block;
}

/* A block with room for `need` bytes; a small one when memory is scarce. */
static base_block_t *
block_add(base_t *base, size_t need)
{
	need += sizeof(base_block_t);
	size_t size = base->blocks == NULL && base->ehooks.arena_ind == 0
	    ? FIRST_BLOCK_SIZE
	    : BLOCK_SIZE;
	if (need > size) {
		size = align_up(need, BLOCK_SIZE);
	}
	base_block_t *block = block_map(base, size);
	if (block == NULL && ehooks_are_default(&base->ehooks)) {
		block = block_map(base, align_up(need, BLOCK_SIZE_MIN));
	}
	return block;
}

static void *
block_take(base_block_t *block, size_t size, size_t alignment)
{
	uintptr_t start = align_up((uintptr_t)block + block->used, alignment);
	size_t used = start - (uintptr_t)block + size;
	if (used > block->size) {
		return NULL;
	}
	block->used = used;
	if (!block->zeroed) {
		memset((void *)start, 0, size);
	}
	return (void *)start;
}

void *
base_alloc(base_t *base, size_t size, size_t alignment)
{
	assert(alignment <= PAGE && bits_is_pow2(alignment));
	void *mem = NULL;
	mutex_lock(&base->lock);
	base_block_t *b = base->blocks;
	for (int i = 0; i < BLOCKS_TRIED && b != NULL && mem == NULL; i++) {
		mem = block_take(b, size, alignment);
		b = b->next;
	}
	if (mem == NULL) {
		base_block_t *block = block_add(base, size + alignment);
		mem = block == NULL ? NULL : block_take(block, size, alignment);
	}
	if (mem != NULL) {
		base->allocated += size;
	}
	mutex_unlock(&base->lock);
	return mem;
}

size_t
base_nhuge(base_t *base)
{
	size_t n = 0;
	mutex_lock(&base->lock);
	for (base_block_t *b = base->huge ? base->blocks : NULL; b != NULL;
	     b = b->next) {
		uintptr_t start = align_up((uintptr_t)b, HUGEPAGE);
		uintptr_t used = (uintptr_t)b + b->used;
		uintptr_t end = align_down((uintptr_t)b + b->size, HUGEPAGE);
		end = align_up(used, HUGEPAGE) < end ? align_up(used, HUGEPAGE)
						     : end;
		n += start < end ? (end - start) >> LG_HUGEPAGE : 0;
	}
	mutex_unlock(&base->lock);
	return n;
}

/*
 * The default hooks refuse where address space is retained.  Nobody retains
 * ours, so it is unmapped, but for what came from the data segment, which is
 * only purged.
 */
static void
block_unmap(base_t *base, base_block_t *block, size_t size)
{
	ehooks_t *ehooks = &base->ehooks;
	if (ehooks_dalloc(ehooks, block, size, true) == ERR_NONE) {
		return;
	}
	if (ehooks_are_default(ehooks)) {
		(void)!ehooks_purge_forced(ehooks, block, size);
		ehooks_destroy(ehooks, block, size, true);
	} else if (ehooks_decommit(ehooks, block, size) != ERR_NONE &&
	    ehooks_purge_forced(ehooks, block, size) != ERR_NONE) {
		(void)!ehooks_purge_lazy(ehooks, block, size);
	}
}

bool
base_block_in(base_t *base, uintptr_t from, uintptr_t to, uintptr_t *start,
    size_t *size)
{
	bool found = false;
	mutex_lock(&base->lock);
	for (base_block_t *b = base->blocks; b != NULL; b = b->next) {
		uintptr_t addr = (uintptr_t)b;
		if (addr < to && addr + b->size > from &&
		    (!found || addr < *start)) {
			found = true;
			*start = addr;
			*size = b->size;
		}
	}
	mutex_unlock(&base->lock);
	return found;
}

void
base_destroy(base_t *base)
{
	base_block_t *next;
	for (base_block_t *b = base->blocks; b != NULL; b = next) {
		next = b->next;
		block_unmap(base, b, b->size);
	}
	base->blocks = NULL;
}
