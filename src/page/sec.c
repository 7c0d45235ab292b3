#include "page/sec.h"

#include <string.h>

#include "platform/assert.h"

void
sec_init(sec_t *sec)
{
	for (unsigned i = 0; i < SEC_NLOCKS; i++) {
		mutex_init(&sec->locks[i], "sec", LOCK_SEC_SHARD);
	}
}

static mutex_t *
lock_of(sec_t *sec, size_t npages)
{
	return &sec->locks[npages % SEC_NLOCKS];
}

static void
count(sec_t *sec, size_t npages)
{
	atomic_fetch_add_explicit(&sec->npages, npages, memory_order_relaxed);
}

edata_t *
sec_take(sec_t *sec, size_t npages)
{
	if (npages > SEC_NPAGES_MAX || !mutex_trylock(lock_of(sec, npages))) {
		return NULL;
	}
	sec_bin_t *bin = &sec->bins[npages];
	edata_t *edata = NULL;
	if (bin->count != 0) {
		edata = bin->extents[--bin->count];
		bin->used = true;
		count(sec, (size_t)0 - npages);
	}
	mutex_unlock(lock_of(sec, npages));
	return edata;
}

bool
sec_put(sec_t *sec, edata_t *edata, size_t npages_max)
{
	size_t npages = edata_npages(edata);
	assert(edata_state(edata) == EXTENT_ACTIVE);
	if (npages > SEC_NPAGES_MAX || sec_npages(sec) + npages > npages_max ||
	    !mutex_trylock(lock_of(sec, npages))) {
		return false;
	}
	sec_bin_t *bin = &sec->bins[npages];
	bool room = bin->count < SEC_DEPTH;
	if (room) {
		bin->extents[bin->count++] = edata;
		count(sec, npages);
	}
	mutex_unlock(lock_of(sec, npages));
	return room;
}

mutex_stats_t
sec_counts(sec_t *sec, unsigned lock, unsigned counts[SEC_NPAGES_MAX + 1])
{
	mutex_lock(&sec->locks[lock]);
	for (size_t npages = lock; npages <= SEC_NPAGES_MAX;
	     npages += SEC_NLOCKS) {
		counts[npages] += sec->bins[npages].count;
	}
	mutex_stats_t stats = sec->locks[lock].stats;
	mutex_unlock(&sec->locks[lock]);
	return stats;
}

unsigned
sec_collect(sec_t *sec, size_t npages, bool all, edata_t **out)
{
	sec_bin_t *bin = &sec->bins[npages];
	mutex_lock(lock_of(sec, npages));
	unsigned n = all || !bin->used ? bin->count : 0;
	memcpy(out, bin->extents, n * sizeof(*out));
	bin->count = (uint8_t)(bin->count - n);
	bin->used = false;
	count(sec, (size_t)0 - n * npages);
	mutex_unlock(lock_of(sec, npages));
	return n;
}

void NO_THREAD_SAFETY
sec_prefork(sec_t *sec)
{
	for (unsigned i = 0; i < SEC_NLOCKS; i++) {
		mutex_prefork(&sec->locks[i]);
	}
}

void NO_THREAD_SAFETY
sec_postfork_parent(sec_t *sec)
{
	for (unsigned i = SEC_NLOCKS; i-- > 0;) {
		mutex_postfork_parent(&sec->locks[i]);
	}
}

void NO_THREAD_SAFETY
sec_postfork_child(sec_t *sec)
{
	for (unsigned i = SEC_NLOCKS; i-- > 0;) {
		mutex_postfork_child(&sec->locks[i]);
	}
}
