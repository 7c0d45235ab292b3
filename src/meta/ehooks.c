#include "meta/ehooks.h"

#include "meta/thr.h"

extent_hooks_t *ehooks_default_table;

static _Atomic bool any_custom;

void
ehooks_set_table(ehooks_t *ehooks, extent_hooks_t *table)
{
	if (table != ehooks_default_table) {
		atomic_store_explicit(&any_custom, true, memory_order_relaxed);
	}
	atomic_store_explicit(&ehooks->table, table, memory_order_release);
}

bool
ehooks_any_custom(void)
{
	return atomic_load_explicit(&any_custom, memory_order_relaxed);
}

void
ehooks_init(ehooks_t *ehooks, extent_hooks_t *table, unsigned arena_ind)
{
	ehooks_set_table(ehooks, table != NULL ? table : ehooks_default_table);
	ehooks->arena_ind = arena_ind;
}

/* Custom hooks are foreign code, the default ones are not. */
static void *
hooks_enter(const extent_hooks_t *table)
{
	return table == ehooks_default_table ? NULL : thr_enter_foreign();
}

static void
hooks_leave(const extent_hooks_t *table, void *saved)
{
	if (table != ehooks_default_table) {
		thr_leave_foreign(saved);
	}
}

void *
ehooks_alloc(ehooks_t *ehooks, void *new_addr, size_t size, size_t alignment,
    bool *zero, bool *commit)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	void *saved = hooks_enter(table);
	void *addr = table->alloc(table, new_addr, size, alignment, zero,
	    commit, ehooks->arena_ind);
	hooks_leave(table, saved);
	return addr;
}

err_t
ehooks_dalloc(ehooks_t *ehooks, void *addr, size_t size, bool committed)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	if (table->dalloc == NULL) {
		return ERR_REFUSED;
	}
	void *saved = hooks_enter(table);
	bool refused = table->dalloc(table, addr, size, committed,
	    ehooks->arena_ind);
	hooks_leave(table, saved);
	return refused ? ERR_REFUSED : ERR_NONE;
}

void
ehooks_destroy(ehooks_t *ehooks, void *addr, size_t size, bool committed)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	if (table->destroy == NULL) {
		return;
	}
	void *saved = hooks_enter(table);
	table->destroy(table, addr, size, committed, ehooks->arena_ind);
	hooks_leave(table, saved);
}

typedef bool
range_hook_t(extent_hooks_t *, void *, size_t, size_t, size_t, unsigned);

static err_t
range_hook(ehooks_t *ehooks, extent_hooks_t *table, range_hook_t *hook,
    void *addr, size_t size, size_t offset, size_t length)
{
	if (hook == NULL) {
		return ERR_REFUSED;
	}
	void *saved = hooks_enter(table);
	bool refused = hook(table, addr, size, offset, length,
	    ehooks->arena_ind);
	hooks_leave(table, saved);
	return refused ? ERR_REFUSED : ERR_NONE;
}

err_t
ehooks_commit(ehooks_t *ehooks, void *addr, size_t size)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->commit, addr, size, 0, size);
}

err_t
ehooks_decommit(ehooks_t *ehooks, void *addr, size_t size)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->decommit, addr, size, 0, size);
}

err_t
ehooks_purge_lazy(ehooks_t *ehooks, void *addr, size_t size)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->purge_lazy, addr, size, 0,
	    size);
}

err_t
ehooks_purge_forced(ehooks_t *ehooks, void *addr, size_t size)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->purge_forced, addr, size, 0,
	    size);
}

err_t
ehooks_purge_lazy_part(ehooks_t *ehooks, void *addr, size_t size, size_t offset,
    size_t length)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->purge_lazy, addr, size, offset,
	    length);
}

err_t
ehooks_purge_forced_part(ehooks_t *ehooks, void *addr, size_t size,
    size_t offset, size_t length)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	return range_hook(ehooks, table, table->purge_forced, addr, size,
	    offset, length);
}

err_t
ehooks_split(ehooks_t *ehooks, void *addr, size_t size, size_t size_a,
    bool committed)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	if (table == ehooks_default_table) {
		return ERR_NONE;
	}
	if (table->split == NULL) {
		return ERR_REFUSED;
	}
	void *saved = hooks_enter(table);
	bool refused = table->split(table, addr, size, size_a, size - size_a,
	    committed, ehooks->arena_ind);
	hooks_leave(table, saved);
	return refused ? ERR_REFUSED : ERR_NONE;
}

err_t
ehooks_merge(ehooks_t *ehooks, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed)
{
	extent_hooks_t *table = ehooks_table(ehooks);
	if (table->merge == NULL) {
		return ERR_REFUSED;
	}
	void *saved = hooks_enter(table);
	bool refused = table->merge(table, addr_a, size_a, addr_b, size_b,
	    committed, ehooks->arena_ind);
	hooks_leave(table, saved);
	return refused ? ERR_REFUSED : ERR_NONE;
}
