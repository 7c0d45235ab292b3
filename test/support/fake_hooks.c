#include "support/fake_hooks.h"

#include "support/harness.h"

#include <string.h>
#include <sys/mman.h>

#include "ds/prng.h"
#include "platform/build.h"

#define STALE_BYTE 0xee

static bool
refuses(fake_hooks_t *fake, fake_hook_t hook)
{
	fake->ncalls[hook]++;
	unsigned one_in = fake->refuse_one_in[hook];
	return fake->refuse[hook] ||
	    (one_in != 0 && prng_below(&fake->prng, one_in) == 0);
}

static size_t
page_of(const fake_hooks_t *fake, const void *addr)
{
	return (size_t)((const char *)addr - fake->pool) / PAGE;
}

/* The range was handed out, and is noted as the last one. */
static void
note_range(fake_hooks_t *fake, void *addr, size_t size, unsigned arena_ind)
{
	assert_true(size > 0 && ((uintptr_t)addr | size) % PAGE == 0);
	assert_true(fake_hooks_owns(fake, addr));
	assert_true(fake_hooks_owns(fake, (char *)addr + size - 1));
	for (size_t i = 0; i < size / PAGE; i++) {
		assert_true(fake->page_out[page_of(fake, addr) + i]);
	}
	fake->last_addr = addr;
	fake->last_size = size;
	fake->last_arena_ind = arena_ind;
}

static void
protect(void *addr, size_t size, bool usable)
{
	assert_int_equal(mprotect(addr, size,
			     usable ? PROT_READ | PROT_WRITE : PROT_NONE),
	    0);
}

/* The lowest free pages that fit; npages of the pool when there are none. */
static size_t
find_free(const fake_hooks_t *fake, size_t npages, size_t alignment)
{
	size_t run = 0;
	for (size_t i = 0; i < fake->npages; i++) {
		bool can_start = (uintptr_t)(fake->pool + i * PAGE) %
			alignment ==
		    0;
		run = fake->page_out[i] || (run == 0 && !can_start) ? 0
								    : run + 1;
		if (run == npages) {
			return i + 1 - npages;
		}
	}
	return fake->npages;
}

static void *
hook_alloc(extent_hooks_t *table, void *new_addr, size_t size, size_t alignment,
    bool *zero, bool *commit, unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	fake->last_alignment = alignment;
	assert_true(size > 0 && size % PAGE == 0);
	assert_true(alignment >= PAGE && (alignment & (alignment - 1)) == 0);
	if (refuses(fake, FAKE_ALLOC) || size / PAGE > fake->npages) {
		return NULL;
	}
	size_t first = find_free(fake, size / PAGE, alignment);
	if (new_addr != NULL) {
		bool here = fake_hooks_owns(fake, new_addr) &&
		    page_of(fake, new_addr) + size / PAGE <= fake->npages;
		for (size_t i = 0; here && i < size / PAGE; i++) {
			here = !fake->page_out[page_of(fake, new_addr) + i];
		}
		first = here ? page_of(fake, new_addr) : fake->npages;
	}
	if (first == fake->npages) {
		return NULL;
	}
	char *addr = fake->pool + first * PAGE;
	memset(fake->page_out + first, 1, size / PAGE);
	fake->npages_out += size / PAGE;
	note_range(fake, addr, size, arena_ind);
	*commit = *commit || !fake->uncommitted;
	if (fake->stale && *commit && (!*zero || fake->never_zero)) {
		memset(addr, STALE_BYTE, size);
		*zero = false;
	} else {
		*zero = true;
	}
	protect(addr, size, *commit);
	return addr;
}

/* Back to the pool, where unused memory reads zero. */
static void
take_back(fake_hooks_t *fake, void *addr, size_t size)
{
	assert_int_equal(madvise(addr, size, MADV_DONTNEED), 0);
	protect(addr, size, true);
	memset(fake->page_out + page_of(fake, addr), 0, size / PAGE);
	fake->npages_out -= size / PAGE;
}

static bool
hook_dalloc(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	note_range(fake, addr, size, arena_ind);
	fake->last_committed = committed;
	if (refuses(fake, FAKE_DALLOC)) {
		return true;
	}
	take_back(fake, addr, size);
	return false;
}

static void
hook_destroy(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	note_range(fake, addr, size, arena_ind);
	fake->last_committed = committed;
	fake->ncalls[FAKE_DESTROY]++;
	take_back(fake, addr, size);
}

/* One of the hooks for a part of an extent; false: it refused. */
static bool
range_hook(extent_hooks_t *table, fake_hook_t hook, void *addr, size_t size,
    size_t offset, size_t length, unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	assert_true(offset + length <= size);
	note_range(fake, addr, size, arena_ind);
	fake->last_offset = offset;
	fake->last_length = length;
	return !refuses(fake, hook);
}

static bool
hook_commit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	if (!range_hook(table, FAKE_COMMIT, addr, size, offset, length,
		arena_ind)) {
		return true;
	}
	protect((char *)addr + offset, length, true);
	return false;
}

static bool
hook_decommit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	if (!range_hook(table, FAKE_DECOMMIT, addr, size, offset, length,
		arena_ind)) {
		return true;
	}
	assert_int_equal(madvise((char *)addr + offset, length, MADV_DONTNEED),
	    0);
	protect((char *)addr + offset, length, false);
	return false;
}

/* What is purged lazily keeps its contents here: that is the worst case. */
static bool
hook_purge_lazy(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	return !range_hook(table, FAKE_PURGE_LAZY, addr, size, offset, length,
	    arena_ind);
}

static bool
hook_purge_forced(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	if (!range_hook(table, FAKE_PURGE_FORCED, addr, size, offset, length,
		arena_ind)) {
		return true;
	}
	assert_int_equal(madvise((char *)addr + offset, length, MADV_DONTNEED),
	    0);
	return false;
}

static bool
hook_split(extent_hooks_t *table, void *addr, size_t size, size_t size_a,
    size_t size_b, bool committed, unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	note_range(fake, addr, size, arena_ind);
	assert_true(size_a > 0 && size_b > 0 && size_a + size_b == size);
	assert_true((size_a | size_b) % PAGE == 0);
	fake->last_size_a = size_a;
	fake->last_committed = committed;
	return refuses(fake, FAKE_SPLIT);
}

static bool
hook_merge(extent_hooks_t *table, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed, unsigned arena_ind)
{
	fake_hooks_t *fake = (fake_hooks_t *)table;
	note_range(fake, addr_a, size_a, arena_ind);
	note_range(fake, addr_a, size_a + size_b, arena_ind);
	assert_ptr_equal((char *)addr_a + size_a, addr_b);
	fake->last_size_a = size_a;
	fake->last_committed = committed;
	return refuses(fake, FAKE_MERGE);
}

void
fake_hooks_init(fake_hooks_t *fake, size_t npages)
{
	memset(fake, 0, sizeof(*fake));
	size_t size = npages * PAGE + HUGEPAGE + npages;
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	fake->pool = (char *)(((uintptr_t)mem + HUGEPAGE - 1) &
	    ~(uintptr_t)(HUGEPAGE - 1));
	fake->page_out = (uint8_t *)mem + size - npages;
	fake->npages = npages;
	fake->table = (extent_hooks_t){
	    .alloc = hook_alloc,
	    .dalloc = hook_dalloc,
	    .destroy = hook_destroy,
	    .commit = hook_commit,
	    .decommit = hook_decommit,
	    .purge_lazy = hook_purge_lazy,
	    .purge_forced = hook_purge_forced,
	    .split = hook_split,
	    .merge = hook_merge,
	};
}

void
fake_hooks_obey(fake_hooks_t *fake)
{
	memset(fake->refuse, 0, sizeof(fake->refuse));
	memset(fake->refuse_one_in, 0, sizeof(fake->refuse_one_in));
}

unsigned
fake_hooks_ncalls(const fake_hooks_t *fake)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < FAKE_NHOOKS; i++) {
		sum += fake->ncalls[i];
	}
	return sum;
}
