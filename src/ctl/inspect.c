#include "ctl/inspect.h"

#include <string.h>

#include "arena/arenas.h"
#include "ctl/ctl_actions.h"
#include "ctl/snapshot.h"
#include "meta/pagemap.h"

/* The extent around an address as far as the page map knows; NULL: none. */
static edata_t *
extent_of(const void *ptr)
{
	edata_t *edata = pagemap_extent(ptr);
	if (edata == NULL || !edata_covers(edata, ptr)) {
		return NULL;
	}
	extent_state_t state = edata_state(edata);
	return state == EXTENT_UNUSED || state == EXTENT_RETAINED ? NULL
								  : edata;
}

bool
inspect_arena(const void *ptr, unsigned *arena_ind)
{
	const edata_t *edata = extent_of(ptr);
	if (edata == NULL) {
		return false;
	}
	*arena_ind = edata_arena_ind(edata);
	return true;
}

static void
slab_usage(const edata_t *slab, inspect_usage_t *usage)
{
	unsigned szind = slab->cind - 1u;
	arena_t *arena = arena_of(slab);
	if (arena == NULL || szind >= SC_NBINS) {
		return;
	}
	bin_t *bin = arena_bin(arena, szind,
	    edata_shard(slab) % arena_nshards(arena, szind));
	mutex_lock(&bin->lock);
	const edata_t *next = bin->current;
	if ((next == NULL || next->nfree == 0) && !ph_is_empty(&bin->nonfull)) {
		next = container_of(ph_first(&bin->nonfull), edata_t, heap);
	}
	usage->slabcur = next == NULL ? NULL : next->addr;
	usage->nregs = bin_infos[szind].nregs;
	usage->nfree = slab->nfree;
	usage->bin_nregs = bin->stats.curslabs * bin_infos[szind].nregs;
	usage->bin_nfree = usage->bin_nregs -
	    (size_t)(bin->stats.nmalloc - bin->stats.ndalloc -
		bin->stats.nreset);
	mutex_unlock(&bin->lock);
}

inspect_usage_t
inspect_usage(const void *ptr)
{
	inspect_usage_t usage;
	memset(&usage, 0, sizeof(usage));
	const edata_t *edata = extent_of(ptr);
	if (edata == NULL || edata_state(edata) != EXTENT_ACTIVE) {
		return usage;
	}
	usage.size = edata->size;
	if (edata->slab) {
		slab_usage(edata, &usage);
	} else {
		usage.nregs = 1;
	}
	return usage;
}

int
ctl_arenas_lookup(ctl_call_t *call)
{
	void *ptr = NULL;
	unsigned ind;
	if (call->newp == NULL || CTL_WRITE(call, ptr) != 0 || ptr == NULL ||
	    !inspect_arena(ptr, &ind)) {
		return EINVAL;
	}
	return CTL_READ(call, ind);
}

int
ctl_utilization_query(ctl_call_t *call)
{
	void *ptr;
	inspect_usage_t usage;
	if (call->newp == NULL || !ctl_wants_old(call) ||
	    *call->oldlenp != sizeof(usage) || CTL_WRITE(call, ptr) != 0) {
		return EINVAL;
	}
	mutex_lock(&ctl_lock);
	usage = inspect_usage(ptr);
	mutex_unlock(&ctl_lock);
	return CTL_READ(call, usage);
}

int
ctl_utilization_batch_query(ctl_call_t *call)
{
	struct {
		size_t nfree, nregs, size;
	} out;
	size_t n = call->newlen / sizeof(void *);
	if (call->newp == NULL || !ctl_wants_old(call) || n == 0 ||
	    call->newlen != n * sizeof(void *) ||
	    *call->oldlenp != n * sizeof(out)) {
		return EINVAL;
	}
	mutex_lock(&ctl_lock);
	for (size_t i = 0; i < n; i++) {
		void *ptr;
		memcpy(&ptr, (const char *)call->newp + i * sizeof(ptr),
		    sizeof(ptr));
		inspect_usage_t usage = inspect_usage(ptr);
		out.nfree = usage.nfree;
		out.nregs = usage.nregs;
		out.size = usage.size;
		memcpy((char *)call->oldp + i * sizeof(out), &out, sizeof(out));
	}
	mutex_unlock(&ctl_lock);
	return 0;
}
