#include "thread/check.h"

#include <string.h>

#include "arena/misuse.h"
#include "ds/bits.h"
#include "meta/pagemap.h"
#include "platform/fatal.h"
#include "platform/mutex.h"
#include "platform/pages.h"
#include "thread/quarantine.h"

#define LG_NSHARDS 6
#define NSHARDS (1u << LG_NSHARDS)
#define LG_PLACES_MIN 8

/* A table with open addressing, at most half full. */
typedef struct {
	mutex_t lock; /* zeroed memory is unlocked */
	unsigned lg_places; /* 0: no table yet */
	size_t count;
	check_block_t *places;
} shard_t;

static LARGE_BSS shard_t shards[NSHARDS];

static uint64_t
hash_of(const void *ptr)
{
	return ((uintptr_t)ptr >> 3) * 0x9e3779b97f4a7c15u;
}

static shard_t *
shard_of(const void *ptr)
{
	return &shards[hash_of(ptr) >> (64 - LG_NSHARDS)];
}

/* Where the search for a pointer begins. */
static size_t
home_of(const shard_t *shard, const void *ptr)
{
	return (size_t)(hash_of(ptr) << LG_NSHARDS >> (64 - shard->lg_places));
}

/* The place of a pointer, or the empty one where it would go. */
static check_block_t *
place_of(const shard_t *shard, const void *ptr)
{
	size_t mask = ((size_t)1 << shard->lg_places) - 1;
	size_t i = home_of(shard, ptr);
	while (shard->places[i].ptr != NULL && shard->places[i].ptr != ptr) {
		i = (i + 1) & mask;
	}
	return &shard->places[i];
}

static check_block_t *
find(const shard_t *shard, const void *ptr)
{
	if (shard->lg_places == 0) {
		return NULL;
	}
	check_block_t *place = place_of(shard, ptr);
	return place->ptr == NULL ? NULL : place;
}

static bool
grow(shard_t *shard)
{
	shard_t old = *shard;
	unsigned lg = old.lg_places == 0 ? LG_PLACES_MIN : old.lg_places + 1;
	bool commit = true;
	void *places = pages_map(NULL, sizeof(check_block_t) << lg, PAGE,
	    &commit);
	if (places == NULL) {
		return false;
	}
	shard->places = places;
	shard->lg_places = lg;
	if (old.lg_places == 0) {
		return true;
	}
	size_t nplaces = (size_t)1 << old.lg_places;
	for (size_t i = 0; i < nplaces; i++) {
		if (old.places[i].ptr != NULL) {
			*place_of(shard, old.places[i].ptr) = old.places[i];
		}
	}
	(void)!pages_unmap(old.places, sizeof(check_block_t) << old.lg_places);
	return true;
}

/* Empty a place; later ones of the same chain move up. */
static void
erase(shard_t *shard, check_block_t *place)
{
	size_t mask = ((size_t)1 << shard->lg_places) - 1;
	size_t hole = (size_t)(place - shard->places), i = hole;
	shard->count--;
	for (;;) {
		i = (i + 1) & mask;
		check_block_t *next = &shard->places[i];
		if (next->ptr == NULL) {
			break;
		}
		size_t home = home_of(shard, next->ptr);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			shard->places[hole] = *next;
			hole = i;
		}
	}
	shard->places[hole].ptr = NULL;
}

static char
canary(const char *at)
{
	return (char)((uintptr_t)at * 151 + 89);
}

static void
canary_write(const check_block_t *block)
{
	char *end = (char *)block->ptr + block->room;
	for (char *at = (char *)block->ptr + block->size; at < end; at++) {
		*at = canary(at);
	}
}

/* How far behind the block the program wrote; 0: not at all. */
static size_t
overflow_of(const check_block_t *block)
{
	const char *end = (char *)block->ptr + block->size;
	for (size_t i = block->room - block->size; i > 0; i--) {
		if (end[i - 1] != canary(end + i - 1)) {
			return i;
		}
	}
	return 0;
}

static void
report_overflow(const check_block_t *block, size_t distance)
{
	edata_t *edata = pagemap_extent(block->ptr);
	fault("buffer overflow: the block of %zu bytes at %p was written up "
	      "to %zu bytes behind its end (size class %zu, arena %u)",
	    block->size, block->ptr, distance, block->usize,
	    edata == NULL ? 0 : edata_arena_ind(edata));
}

static void
examine(const check_block_t *block)
{
	size_t distance = overflow_of(block);
	if (unlikely(distance != 0)) {
		report_overflow(block, distance);
	}
}

bool
check_note(const check_block_t *block)
{
	shard_t *shard = shard_of(block->ptr);
	canary_write(block);
	mutex_lock(&shard->lock);
	bool room = (shard->lg_places != 0 &&
			shard->count < (size_t)1 << (shard->lg_places - 1)) ||
	    grow(shard);
	if (room) {
		check_block_t *place = place_of(shard, block->ptr);
		shard->count += place->ptr == NULL;
		*place = *block;
	}
	mutex_unlock(&shard->lock);
	return room;
}

/* What is wrong with a pointer that is no live block's. */
static void
report_dead(void *ptr, const check_block_t *block)
{
	if (block->ptr == NULL) {
		misuse_report(ptr);
		return;
	}
	edata_t *edata = pagemap_extent(ptr);
	misuse_report_double_free(ptr, block->usize,
	    edata == NULL ? 0 : edata_arena_ind(edata));
}

/* Copy what is known of a pointer; mark it as freed. */
static bool
look_up(void *ptr, bool frees, check_block_t *block)
{
	shard_t *shard = shard_of(ptr);
	*block = (check_block_t){0};
	mutex_lock(&shard->lock);
	check_block_t *place = find(shard, ptr);
	if (place != NULL) {
		*block = *place;
		place->freed |= frees;
	}
	mutex_unlock(&shard->lock);
	if (unlikely(block->ptr == NULL || block->freed)) {
		report_dead(ptr, block);
		return false;
	}
	examine(block);
	return true;
}

bool
check_find(void *ptr, check_block_t *block)
{
	return look_up(ptr, false, block);
}

bool
check_free(void *ptr, check_block_t *block)
{
	return look_up(ptr, true, block);
}

size_t
check_grant(void *ptr)
{
	check_block_t block;
	if (!check_find(ptr, &block)) {
		return 0;
	}
	if (block.size != block.usize) {
		shard_t *shard = shard_of(ptr);
		mutex_lock(&shard->lock);
		check_block_t *place = find(shard, ptr);
		if (place != NULL && !place->freed) {
			/* check_all() must not see the canary half gone. */
			memset((char *)ptr + place->size,
			    place->zero ? 0 : CHECK_JUNK,
			    place->usize - place->size);
			place->size = place->usize;
		}
		mutex_unlock(&shard->lock);
	}
	return block.usize;
}

void
check_forget(void *ptr)
{
	shard_t *shard = shard_of(ptr);
	mutex_lock(&shard->lock);
	check_block_t *place = find(shard, ptr);
	if (place != NULL) {
		erase(shard, place);
	}
	mutex_unlock(&shard->lock);
}

static void
forget_in_shard(shard_t *shard, unsigned arena_ind)
{
	mutex_lock(&shard->lock);
	size_t nplaces = shard->lg_places == 0 ? 0
					       : (size_t)1 << shard->lg_places;
	for (size_t i = 0; i < nplaces; i++) {
		check_block_t *place = &shard->places[i];
		/* What moves up into the place is looked at as well. */
		while (place->ptr != NULL &&
		    edata_arena_ind(pagemap_extent(place->ptr)) == arena_ind) {
			erase(shard, place);
		}
	}
	mutex_unlock(&shard->lock);
}

void
check_forget_arena(unsigned arena_ind)
{
	quarantine_flush_arena(arena_ind);
	for (unsigned i = 0; check_on() && i < NSHARDS; i++) {
		forget_in_shard(&shards[i], arena_ind);
	}
}

/* Find a live block with a damaged canary. */
static size_t
find_damaged(shard_t *shard, check_block_t *damaged)
{
	size_t distance = 0;
	mutex_lock(&shard->lock);
	size_t nplaces = shard->lg_places == 0 ? 0
					       : (size_t)1 << shard->lg_places;
	for (size_t i = 0; i < nplaces && distance == 0; i++) {
		const check_block_t *place = &shard->places[i];
		if (place->ptr != NULL && !place->freed) {
			distance = overflow_of(place);
			*damaged = *place;
		}
	}
	mutex_unlock(&shard->lock);
	return distance;
}

void
check_all(void)
{
	for (unsigned i = 0; i < NSHARDS; i++) {
		check_block_t block = {0};
		size_t distance = find_damaged(&shards[i], &block);
		if (distance != 0) {
			report_overflow(&block, distance);
		}
	}
	quarantine_flush(true);
}

void NO_THREAD_SAFETY
check_prefork(void)
{
	quarantine_prefork();
	for (unsigned i = 0; check_on() && i < NSHARDS; i++) {
		mutex_prefork(&shards[i].lock);
	}
}

void NO_THREAD_SAFETY
check_postfork_parent(void)
{
	for (unsigned i = 0; check_on() && i < NSHARDS; i++) {
		mutex_postfork_parent(&shards[i].lock);
	}
	quarantine_postfork_parent();
}

void NO_THREAD_SAFETY
check_postfork_child(void)
{
	for (unsigned i = 0; check_on() && i < NSHARDS; i++) {
		mutex_postfork_child(&shards[i].lock);
	}
	quarantine_postfork_child();
}
