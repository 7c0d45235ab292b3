#include "page/hooks_default.h"

#include "meta/options.h"
#include "page/dss.h"
#include "platform/pages.h"

BOOT void
hooks_default_boot(void)
{
	ehooks_default_table = (extent_hooks_t *)&hooks_default;
}

/* Index of the arena of oversize blocks, plus one; 0: there is none. */
static _Atomic unsigned huge_arena;

void
hooks_default_note_huge_arena(unsigned arena_ind)
{
	atomic_store_explicit(&huge_arena, arena_ind + 1, memory_order_relaxed);
}

/* Advise a new mapping as the options have it. */
static void
advise_huge(void *addr, size_t size, unsigned arena_ind)
{
	bool for_huge_arena = opt.huge_arena_pac_thp && size >= HUGEPAGE &&
	    opt.metadata_thp != OPT_METADATA_THP_DISABLED &&
	    opt.thp == OPT_THP_DEFAULT &&
	    arena_ind + 1 ==
		atomic_load_explicit(&huge_arena, memory_order_relaxed);
	if (unlikely(opt.thp == OPT_THP_ALWAYS || for_huge_arena) &&
	    pages_thp_mode() == THP_MODE_MADVISE) {
		(void)!pages_hugify(addr, size);
	} else if (unlikely(opt.thp == OPT_THP_NEVER) &&
	    pages_thp_mode() >= THP_MODE_MADVISE) {
		(void)!pages_nohugify(addr, size);
	}
}

static void *
default_alloc(extent_hooks_t *table, void *new_addr, size_t size,
    size_t alignment, bool *zero, bool *commit, unsigned arena_ind)
{
	(void)table;
	dss_prec_t prec = dss_prec_of(arena_ind);
	void *addr = NULL;
	if (prec == DSS_PREC_PRIMARY) {
		addr = dss_alloc(new_addr, size, alignment);
	}
	if (addr == NULL) {
		addr = pages_map(new_addr, size, alignment, commit);
		if (addr != NULL) {
			*zero = true;
			advise_huge(addr, size, arena_ind);
			return addr;
		}
	}
	if (addr == NULL && prec == DSS_PREC_SECONDARY) {
		addr = dss_alloc(new_addr, size, alignment);
	}
	if (addr != NULL) {
		*zero = true;
		*commit = true;
	}
	return addr;
}

err_t
hooks_default_unmap(void *addr, size_t size)
{
	if (dss_contains(addr)) {
		return ERR_REFUSED;
	}
	return pages_unmap(addr, size);
}

static bool
default_dalloc(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned arena_ind)
{
	(void)table, (void)committed, (void)arena_ind;
	return opt.retain || hooks_default_unmap(addr, size) != ERR_NONE;
}

static void
default_destroy(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned arena_ind)
{
	(void)table, (void)committed, (void)arena_ind;
	(void)!hooks_default_unmap(addr, size);
}

static bool
default_commit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	(void)table, (void)size, (void)arena_ind;
	return pages_commit((char *)addr + offset, length) != ERR_NONE;
}

static bool
default_decommit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned arena_ind)
{
	(void)table, (void)size, (void)arena_ind;
	return dss_contains(addr) ||
	    pages_decommit((char *)addr + offset, length) != ERR_NONE;
}

static bool
default_purge_lazy(extent_hooks_t *table, void *addr, size_t size,
    size_t offset, size_t length, unsigned arena_ind)
{
	(void)table, (void)size, (void)arena_ind;
	return pages_purge_lazy((char *)addr + offset, length) != ERR_NONE;
}

static bool
default_purge_forced(extent_hooks_t *table, void *addr, size_t size,
    size_t offset, size_t length, unsigned arena_ind)
{
	(void)table, (void)size, (void)arena_ind;
	return pages_purge_forced((char *)addr + offset, length) != ERR_NONE;
}

static bool
default_split(extent_hooks_t *table, void *addr, size_t size, size_t size_a,
    size_t size_b, bool committed, unsigned arena_ind)
{
	(void)table, (void)addr, (void)size, (void)size_a, (void)size_b;
	(void)committed, (void)arena_ind;
	return false;
}

static bool
default_merge(extent_hooks_t *table, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed, unsigned arena_ind)
{
	(void)table, (void)size_a, (void)size_b, (void)committed;
	(void)arena_ind;
	return dss_contains(addr_a) != dss_contains(addr_b);
}

const extent_hooks_t hooks_default = {
    .alloc = default_alloc,
    .dalloc = default_dalloc,
    .destroy = default_destroy,
    .commit = default_commit,
    .decommit = default_decommit,
    .purge_lazy = default_purge_lazy,
    .purge_forced = default_purge_forced,
    .split = default_split,
    .merge = default_merge,
};
