#include "ctl/frag.h"

#include <string.h>

#include "ctl/heap_walk.h"

/* Ranges between two times that the lock is free. */
#define STEP_RANGES 2048

static LARGE_BSS frag_t all;
static LARGE_BSS frag_t *records[ARENAS_MAX];
static const frag_t none;

static uint64_t epoch_done, epoch_begun;
static bool walking;
static uintptr_t walked_to;

static void
walk_begin(void) REQUIRES(ctl_lock)
{
	memset(&all, 0, sizeof(all));
	for (unsigned ind = 0; ind < ARENAS_MAX; ind++) {
		if (records[ind] != NULL) {
			memset(records[ind], 0, sizeof(frag_t));
		}
	}
	epoch_begun = snapshot_epoch();
	walked_to = 0;
	walking = true;
}

/* NULL: no memory for it. */
static frag_t *
record_of(unsigned ind)
{
	if (ind >= ARENAS_MAX) {
		return NULL;
	}
	if (records[ind] == NULL) {
		records[ind] = base_alloc(arenas_base0(), sizeof(frag_t),
		    CACHELINE);
	}
	return records[ind];
}

static void
add(frag_count_t *count, const heap_range_t *slab)
{
	const bin_info_t *info = &bin_infos[slab->szind];
	count->slabs++;
	count->purged += slab->purged;
	if (slab->nfree == 0) {
		count->full++;
	} else if (slab->nfree == info->nregs) {
		count->empty++;
	} else {
		unsigned used = info->nregs - slab->nfree;
		count->partial++;
		count->pinned += (size_t)slab->nfree * info->reg_size;
		count->util[used * FRAG_NUTIL / info->nregs]++;
	}
}

/* False: the walk is at its end. */
static bool
walk_step(void)
{
	heap_range_t range = {.size = 0};
	for (unsigned i = 0; i < STEP_RANGES; i++) {
		if (!heap_walk_next(&walked_to, UINTPTR_MAX, &range)) {
			return false;
		}
		if (range.kind != HEAP_SLAB) {
			continue;
		}
		add(&all.all, &range);
		add(&all.bins[range.szind], &range);
		frag_t *record = record_of(range.arena_ind);
		if (record != NULL) {
			add(&record->all, &range);
			add(&record->bins[range.szind], &range);
		}
	}
	return true;
}

void NO_THREAD_SAFETY
frag_lock(void)
{
	mutex_lock(&ctl_lock);
	uint64_t wanted = snapshot_epoch();
	/* Whoever waits for the end of a walk helps with it. */
	while (walking || epoch_done < wanted) {
		if (!walking) {
			walk_begin();
		}
		if (!walk_step()) {
			walking = false;
			epoch_done = epoch_begun;
		} else {
			mutex_unlock(&ctl_lock);
			mutex_lock(&ctl_lock);
		}
	}
}

const frag_t *
frag_of(size_t ind)
{
	if (ind == SNAP_ARENAS_ALL || ind == arenas_count()) {
		return &all;
	}
	return ind < ARENAS_MAX && records[ind] != NULL ? records[ind] : &none;
}
