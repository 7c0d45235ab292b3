#include "thread/quarantine.h"

#include <string.h>

#include "arena/arenas.h"
#include "arena/large.h"
#include "platform/fatal.h"
#include "platform/pages.h"
#include "thread/check.h"

#define NSHARDS 32
#define SHARD_BLOCKS 128
#define SHARD_BYTES ((size_t)256 << 10)

#define FILL_CHECK 0x5a
#define FILL_STASH 0x5b

typedef struct {
	char *ptr;
	size_t size;
	quarantine_kind_t kind;
} entry_t;

typedef struct {
	mutex_t lock; /* zeroed memory is unlocked */
	unsigned first, count; /* a ring */
	size_t bytes;
	entry_t entries[SHARD_BLOCKS];
} shard_t;

static LARGE_BSS shard_t shards[NSHARDS];

static shard_t *
shard_of(const void *ptr)
{
	uint64_t hash = ((uintptr_t)ptr >> LG_QUANTUM) * 0x9e3779b97f4a7c15u;
	return &shards[hash >> 59];
}

_Static_assert(NSHARDS == 1 << (64 - 59), "the hash has as many values");

/* All of a guarded block's extent, until its guards are taken off. */
static void
make_inaccessible(const entry_t *entry)
{
	edata_t *edata = pagemap_extent(entry->ptr);
	(void)!pages_guard(edata->addr, edata->size);
}

/* The parts of a stashed block that are filled: word `i` of three. */
static char *
stash_word(const entry_t *entry, unsigned i)
{
	size_t at = i == 0 ? 0 : i == 1 ? entry->size / 2 : entry->size - 1;
	return entry->ptr + align_down(at, sizeof(uint64_t));
}

static void
fill(const entry_t *entry)
{
	if (entry->kind == QUARANTINE_GUARDED) {
		make_inaccessible(entry);
	} else if (entry->kind == QUARANTINE_CHECK || config_debug) {
		memset(entry->ptr,
		    entry->kind == QUARANTINE_CHECK ? FILL_CHECK : FILL_STASH,
		    entry->size);
	} else {
		for (unsigned i = 0; i < 3; i++) {
			memset(stash_word(entry, i), FILL_STASH,
			    sizeof(uint64_t));
		}
	}
}

static bool
is_filled(const char *ptr, size_t size, int byte)
{
	return *ptr == (char)byte &&
	    (size == 1 || memcmp(ptr, ptr + 1, size - 1) == 0);
}

static bool
is_untouched(const entry_t *entry)
{
	if (entry->kind == QUARANTINE_GUARDED) {
		return true;
	}
	if (entry->kind == QUARANTINE_CHECK || config_debug) {
		return is_filled(entry->ptr, entry->size,
		    entry->kind == QUARANTINE_CHECK ? FILL_CHECK : FILL_STASH);
	}
	bool good = true;
	for (unsigned i = 0; i < 3; i++) {
		good &= is_filled(stash_word(entry, i), sizeof(uint64_t),
		    FILL_STASH);
	}
	return good;
}

static void
report(const entry_t *entry)
{
	fault("Write-after-free detected on deallocated pointer %p (size "
	      "%zu).",
	    (void *)entry->ptr, entry->size);
}

/* Look at a block a last time and return it to its arena. */
static void
leave(const entry_t *entry)
{
	void *ptr = entry->ptr;
	if (!is_untouched(entry)) {
		report(entry);
	}
	if (entry->kind != QUARANTINE_STASH) {
		check_forget(ptr);
	}
	unsigned cind = pagemap_code(ptr) / 2;
	if (cind != 0) {
		arena_flush(cind - 1, &ptr, 1);
	} else {
		large_free(ptr);
	}
}

/* Take the oldest block out; false: there is none. */
static bool NO_THREAD_SAFETY
pop_locked(shard_t *shard, entry_t *entry)
{
	if (shard->count == 0) {
		return false;
	}
	*entry = shard->entries[shard->first];
	shard->first = (shard->first + 1) % SHARD_BLOCKS;
	shard->count--;
	shard->bytes -= entry->size;
	return true;
}

static void NO_THREAD_SAFETY
push_locked(shard_t *shard, const entry_t *entry)
{
	shard->entries[(shard->first + shard->count) % SHARD_BLOCKS] = *entry;
	shard->count++;
	shard->bytes += entry->size;
}

void
quarantine_put(void *ptr, size_t size, quarantine_kind_t kind)
{
	entry_t entry = {ptr, size, kind}, old;
	shard_t *shard = shard_of(ptr);
	fill(&entry);
	mutex_lock(&shard->lock);
	while ((shard->count == SHARD_BLOCKS ||
		   (shard->count != 0 && shard->bytes + size > SHARD_BYTES)) &&
	    pop_locked(shard, &old)) {
		mutex_unlock(&shard->lock);
		leave(&old);
		mutex_lock(&shard->lock);
	}
	push_locked(shard, &entry);
	mutex_unlock(&shard->lock);
}

/* Otherwise nothing is ever in here, nor a lock taken. */
static bool
is_used(void)
{
	return check_on() ||
	    (config_uaf_detection && opt.lg_san_uaf_align >= 0);
}

/* Every block goes once around the ring; those that are to leave do. */
static void
sweep(bool (*leaves)(const entry_t *entry, unsigned arg), unsigned arg)
{
	for (unsigned i = 0; is_used() && i < NSHARDS; i++) {
		shard_t *shard = &shards[i];
		entry_t entry;
		mutex_lock(&shard->lock);
		for (unsigned n = shard->count;
		     n > 0 && pop_locked(shard, &entry); n--) {
			if (!leaves(&entry, arg)) {
				push_locked(shard, &entry);
				continue;
			}
			mutex_unlock(&shard->lock);
			leave(&entry);
			mutex_lock(&shard->lock);
		}
		mutex_unlock(&shard->lock);
	}
}

static bool
is_any(const entry_t *entry, unsigned arg)
{
	(void)entry, (void)arg;
	return true;
}

/* One that is not as it was filled leaves, which reports it. */
static bool
is_bad(const entry_t *entry, unsigned arg)
{
	(void)arg;
	return !is_untouched(entry);
}

static bool
is_of_arena(const entry_t *entry, unsigned arena_ind)
{
	return edata_arena_ind(pagemap_extent(entry->ptr)) == arena_ind;
}

void
quarantine_flush(bool keep)
{
	sweep(keep ? is_bad : is_any, 0);
}

void
quarantine_flush_arena(unsigned arena_ind)
{
	sweep(is_of_arena, arena_ind);
}

size_t
quarantine_bytes(void)
{
	size_t bytes = 0;
	for (unsigned i = 0; is_used() && i < NSHARDS; i++) {
		mutex_lock(&shards[i].lock);
		bytes += shards[i].bytes;
		mutex_unlock(&shards[i].lock);
	}
	return bytes;
}

void NO_THREAD_SAFETY
quarantine_prefork(void)
{
	for (unsigned i = 0; is_used() && i < NSHARDS; i++) {
		mutex_prefork(&shards[i].lock);
	}
}

void NO_THREAD_SAFETY
quarantine_postfork_parent(void)
{
	for (unsigned i = 0; is_used() && i < NSHARDS; i++) {
		mutex_postfork_parent(&shards[i].lock);
	}
}

void NO_THREAD_SAFETY
quarantine_postfork_child(void)
{
	for (unsigned i = 0; is_used() && i < NSHARDS; i++) {
		mutex_postfork_child(&shards[i].lock);
	}
}
