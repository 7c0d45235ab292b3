#include "api/checked.h"

#include <string.h>

#include "arena/large.h"
#include "arena/misuse.h"
#include "page/guard.h"
#include "platform/fatal.h"
#include "platform/io.h"
#include "thread/idle.h"
#include "thread/quarantine.h"
#include "thread/thread_event.h"

/* Blocks in use that end at an inaccessible page. */
static _Atomic unsigned nsamples;

static size_t
room_of(const void *ptr)
{
	unsigned cind = pagemap_code(ptr) / 2;
	return cind != 0 ? cind_usize(cind) : pagemap_extent(ptr)->usize;
}

/* A small block that ends at an inaccessible page; NULL: not this time. */
static void *
sample(size_t usize, const alloc_spec_t *spec)
{
	if (usize > PAGE || spec->alignment > QUANTUM || spec->arena != NULL ||
	    atomic_load_explicit(&nsamples, memory_order_relaxed) >=
		CHECK_SAMPLES_MAX ||
	    !guard_count(GUARD_SAMPLE, CHECK_SAMPLE)) {
		return NULL;
	}
	tsd_t *tsd = tsd_get();
	void *ptr = tsd == NULL
	    ? NULL
	    : large_alloc_guarded(tsd->arena, usize, spec->zero);
	if (ptr != NULL) {
		atomic_fetch_add_explicit(&nsamples, 1, memory_order_relaxed);
	}
	return ptr;
}

/* Give a block back that no one has seen. */
static void
give_back(void *ptr)
{
	unsigned cind = pagemap_code(ptr) / 2;
	if (cind != 0) {
		arena_flush(cind - 1, &ptr, 1);
	} else {
		large_free(ptr);
	}
}

void *
checked_alloc(size_t size, size_t usize, const alloc_spec_t *spec)
{
	check_block_t block = {
	    .ptr = sample(usize, spec),
	    .size = size,
	    .usize = usize,
	    .room = align_up(usize, QUANTUM),
	    .zero = spec->zero || (config_fill && opt.zero),
	};
	block.guarded = block.ptr != NULL;
	if (!block.guarded) {
		size_t more = size > SC_LARGE_MAX - CHECK_TAIL
		    ? 0
		    : alloc_usize_of(usize + CHECK_TAIL, spec->alignment);
		block.ptr = more == 0
		    ? NULL
		    : alloc_of_usize(usize + CHECK_TAIL, more, spec);
		if (block.ptr == NULL) {
			return NULL;
		}
		block.room = room_of(block.ptr);
	}
	if (!block.zero) {
		memset(block.ptr, CHECK_JUNK, size);
	}
	if (!check_note(&block)) {
		if (block.guarded) {
			atomic_fetch_sub_explicit(&nsamples, 1,
			    memory_order_relaxed);
		}
		give_back(block.ptr);
		return NULL;
	}
	return block.ptr;
}

static void
retire(const check_block_t *block)
{
	void *ptr = block->ptr;
	tsd_t *tsd = tsd_own();
	if (tsd != NULL && !block->guarded) {
		thread_count_free(tsd, block->room);
	}
	if (block->guarded) {
		atomic_fetch_sub_explicit(&nsamples, 1, memory_order_relaxed);
		quarantine_put(ptr, block->room, QUARANTINE_GUARDED);
	} else if (block->room <= QUARANTINE_SIZE_MAX) {
		quarantine_put(ptr, block->room, QUARANTINE_CHECK);
	} else {
		check_forget(ptr);
		give_back(ptr);
	}
}

void
checked_free(void *ptr)
{
	check_block_t block;
	if (ptr != NULL && check_free(ptr, &block)) {
		retire(&block);
	}
}

void
checked_free_sized(void *ptr, size_t usize)
{
	check_block_t block;
	if (!check_find(ptr, &block)) {
		return;
	}
	if (block.usize != usize) {
		misuse_report_size(ptr, block.usize, usize);
		return;
	}
	checked_free(ptr);
}

/* A stale pointer to the old place is found: blocks always move. */
void *
checked_resize(void *ptr, size_t size, const alloc_spec_t *spec)
{
	check_block_t block;
	if (!check_find(ptr, &block)) {
		return NULL;
	}
	void *fresh = alloc_general(size, spec);
	if (fresh == NULL) {
		return NULL;
	}
	memcpy(fresh, ptr, block.size < size ? block.size : size);
	checked_free(ptr);
	return fresh;
}

static bool
is_cached(const tsd_t *tsd, unsigned cind, const void *ptr)
{
	unsigned n = cache_bin_count(&tsd->bins[cind], &tsd->slots[cind]);
	if (n > opt.debug_double_free_max_scan) {
		n = opt.debug_double_free_max_scan;
	}
	void **head = tsd->slots[cind].head;
	for (unsigned i = 0; i < n; i++) {
		if (head[i] == ptr) {
			return true;
		}
	}
	return false;
}

bool
checked_find_double(tsd_t *tsd, unsigned cind, const void *ptr)
{
	idle_owner_enter(tsd);
	bool found = is_cached(tsd, cind, ptr);
	idle_owner_leave(tsd);
	if (found) {
		char text[96];
		io_snprintf(text, sizeof(text),
		    "Invalid deallocation "
		    "detected: double free of pointer %p\n",
		    ptr);
		fault_text(text);
	}
	return found;
}

bool
checked_put_stash(tsd_t *tsd, void *ptr, size_t usize)
{
	if (tsd == NULL || !tsd->cache_enabled || usize > QUARANTINE_SIZE_MAX) {
		return false;
	}
	thread_count_free(tsd, usize);
	quarantine_put(ptr, usize, QUARANTINE_STASH);
	return true;
}
