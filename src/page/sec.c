#include "page/sec.h"

#include <string.h>

#include "platform/assert.h"

void
sec_init(sec_t *sec)
{
	for (unsigned i = 0; config_debug && i < SEC_NLOCKS; i++) {
		mutex_init(&sec->locks[i], "sec", LOCK_SEC_SHARD);
	}
}

static mutex_t *
lock_of(sec_t *sec, size_t npages)
{
	return &sec->locks[npages % SEC_LONG_LOCK];
}

static void
count(sec_t *sec, size_t npages)
{
	atomic_fetch_add_explicit(&sec->npages, npages, memory_order_relaxed);
}

edata_t *
sec_take(sec_t *sec, size_t npages)
{
	if (npages > SEC_NPAGES_MAX ||
	    atomic_load_explicit(&sec->npages, memory_order_relaxed) < npages ||
	    !mutex_trylock(lock_of(sec, npages))) {
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
	if (npages > SEC_NPAGES_MAX ||
	    atomic_load_explicit(&sec->npages, memory_order_relaxed) + npages >
		npages_max ||
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
	for (size_t npages = lock;
	     lock != SEC_LONG_LOCK && npages <= SEC_NPAGES_MAX;
	     npages += SEC_LONG_LOCK) {
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

void
sec_note_asked(sec_t *sec, size_t npages)
{
	if (npages <= SEC_NPAGES_MAX || npages > SEC_LONG_NPAGES_MAX ||
	    !mutex_trylock(&sec->locks[SEC_LONG_LOCK])) {
		return;
	}
	bool same = sec_get(&sec->streak_npages) == npages;
	sec_set(&sec->streak, same ? sec_get(&sec->streak) + 1 : 1);
	sec_set(&sec->streak_npages, (uint32_t)npages);
	sec_long_t *slot = sec_long_of(sec, npages);
	uint32_t asked = sec_get(&slot->asked);
	if (sec_get(&slot->npages) == npages) {
		sec_set(&slot->asked, asked + (asked < SEC_ASKED_MIN));
	} else if (sec_get(&slot->count) == 0) {
		sec_set(&slot->npages, (uint32_t)npages);
		sec_set(&slot->asked, 1);
	}
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
}

unsigned
sec_count_long(sec_t *sec, unsigned slot, size_t *npages)
{
	mutex_lock(&sec->locks[SEC_LONG_LOCK]);
	*npages = sec_get(&sec->longs[slot].npages);
	unsigned n = sec_get(&sec->longs[slot].count);
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
	return n;
}

unsigned
sec_collect_long(sec_t *sec, unsigned slot, bool all, edata_t **out)
{
	sec_long_t *from = &sec->longs[slot];
	mutex_lock(&sec->locks[SEC_LONG_LOCK]);
	unsigned n = all || !from->used ? sec_get(&from->count) : 0;
	memcpy(out, from->extents, n * sizeof(*out));
	sec_set(&from->count, sec_get(&from->count) - n);
	if (!from->used) {
		/* Once more from the beginning. */
		sec_set(&from->asked, 0);
	}
	from->used = false;
	sec_add_long(sec, (size_t)0 - n * (size_t)sec_get(&from->npages));
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
	return n;
}

/* Take one out of so many; false: it is not among them. */
static bool
remove_one(edata_t **extents, unsigned n, const edata_t *edata,
    const void *addr)
{
	for (unsigned i = 0; i < n; i++) {
		if (extents[i] == edata && edata->addr == addr) {
			extents[i] = extents[n - 1];
			return true;
		}
	}
	return false;
}

static bool
take_at_long(sec_t *sec, size_t npages, const edata_t *edata, const void *addr)
{
	sec_long_t *slot = sec_long_of(sec, npages);
	mutex_lock(&sec->locks[SEC_LONG_LOCK]);
	uint32_t n = sec_get(&slot->count);
	bool found = sec_get(&slot->npages) == npages &&
	    remove_one(slot->extents, n, edata, addr);
	if (found) {
		sec_set(&slot->count, n - 1);
		sec_add_long(sec, (size_t)0 - npages);
	}
	mutex_unlock(&sec->locks[SEC_LONG_LOCK]);
	return found;
}

static bool
take_at_short(sec_t *sec, size_t npages, const edata_t *edata, const void *addr)
{
	sec_bin_t *bin = &sec->bins[npages];
	mutex_lock(lock_of(sec, npages));
	bool found = remove_one(bin->extents, bin->count, edata, addr);
	if (found) {
		bin->count--;
		count(sec, (size_t)0 - npages);
	}
	mutex_unlock(lock_of(sec, npages));
	return found;
}

/* Its owner may be changing it: what it says is where to look. */
__attribute__((no_sanitize("thread"))) static size_t
npages_seen(const edata_t *edata)
{
	return *(const volatile size_t *)&edata->size >> LG_PAGE;
}

bool
sec_take_at(sec_t *sec, const edata_t *edata, const void *addr)
{
	size_t npages = npages_seen(edata);
	return npages <= SEC_NPAGES_MAX
	    ? take_at_short(sec, npages, edata, addr)
	    : take_at_long(sec, npages, edata, addr);
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
