/*
 * edata: the descriptor of one extent, a run of pages with one fate.
 *
 * Owned by exactly one of: the user (ACTIVE: a slab or a large block), one
 * free-extent cache (DIRTY, MUZZY, RETAINED), or a cache of unused descriptors
 * (UNUSED).  Descriptors are type-stable: their memory is never given back, so
 * a stale pointer to one may be read, and what it says verified.
 *
 * `owner` packs arena and state in one word because neighbours read it without
 * owning the extent: a reader that holds the lock of arena A's cache of state
 * S and sees (A, S) knows that the extent cannot change under it.  A slab has
 * the number of its bin there too, of those that its class has in the arena.
 *
 * Locking: the fields belong to the owner.  `free_map`, `nfree`, `heap` and
 * `holes` of a slab are below the lock of its bin.
 */
#ifndef META_EDATA_H
#define META_EDATA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ds/bits.h"
#include "ds/list.h"
#include "ds/pairing_heap.h"
#include "platform/build.h"
#include "platform/compiler.h"

typedef enum {
	EXTENT_UNUSED, /* no extent: an unused descriptor */
	EXTENT_ACTIVE, /* in use, or on its way between two owners */
	EXTENT_DIRTY, /* free, contents stale, pages resident */
	EXTENT_MUZZY, /* free, lazily purged */
	EXTENT_RETAINED, /* free address space */
	EXTENT_NSTATES
} extent_state_t;

#define SLAB_REGS_MAX 512
#define SLAB_MAP_WORDS (SLAB_REGS_MAX / 64)
#define SLAB_UNITS_MAX 16

/* Free pages of a slab in use; see arena/slab.h.  One bit per unit of it. */
typedef struct {
	uint16_t seen; /* free when last looked at, nothing taken since */
	uint16_t purged; /* given back to the system */
	uint16_t nhidden; /* free regions that touch purged units */
	uint16_t round; /* of the last look; has HOLES_ROUND_BIT then */
} slab_holes_t;

/*
 * The four share their place with `user`.  Where there was a look, this bit
 * makes them a word that is no address, so that whoever asks for a large block
 * at an address within a slab does not find one.
 */
#define HOLES_ROUND_BIT 0x8000u

/* Written below the lock of the bin, and read as part of `user` without. */
static inline void
slab_holes_set(uint16_t *field, unsigned value)
{
	__atomic_store_n(field, (uint16_t)value, __ATOMIC_RELAXED);
}

typedef struct edata edata_t;
struct edata {
	void *addr;
	size_t size; /* bytes, multiple of PAGE, with pad */
	_Atomic uint32_t owner; /* shard << 20 | arena index << 8 | state */
	uint8_t cind; /* cache index; 0: none */
	bool slab : 1;
	bool committed : 1;
	bool zeroed : 1; /* reads zero, known */
	bool head : 1; /* first of its mapping */
	bool dss : 1; /* from the data segment */
	bool guarded : 1;
	bool huge : 1; /* marked for huge pages, some of it */
	bool watched : 1; /* large: what of it is touched is of interest */
	uint16_t nfree; /* free regions of a slab */
	uint64_t serial; /* age: order of creation in the arena */
	union {
		ph_node_t heap; /* free extents, nonfull slabs, unused */
		list_node_t full; /* full slabs of manual arenas */
	};
	union {
		void *user; /* large: the pointer handed out; else NULL */
		slab_holes_t holes; /* slabs */
	};
	union {
		uint64_t free_map[SLAB_MAP_WORDS]; /* 1 = free region */
		struct {
			list_node_t lru; /* free extents; large list */
			size_t usize; /* large: usable size */
			size_t freed_usize; /* tombstone of a large block */
		};
	};
} __attribute__((aligned(CACHELINE)));

_Static_assert(sizeof(void *) != 8 || sizeof(edata_t) == 128,
    "a descriptor is two cache lines");

static inline uint32_t
edata_owner_word(unsigned arena_ind, extent_state_t state)
{
	return (uint32_t)arena_ind << 8 | (uint32_t)state;
}

#define EDATA_ARENA_BITS 12

static inline uint32_t
edata_slab_word(unsigned arena_ind, unsigned shard)
{
	return (uint32_t)shard << (8 + EDATA_ARENA_BITS) |
	    edata_owner_word(arena_ind, EXTENT_ACTIVE);
}

static inline uint32_t
edata_owner(const edata_t *edata)
{
	return atomic_load_explicit(&edata->owner, memory_order_acquire);
}

static inline extent_state_t
edata_state(const edata_t *edata)
{
	return (extent_state_t)(edata_owner(edata) & 0xff);
}

static inline unsigned
edata_word_arena_ind(uint32_t word)
{
	return word >> 8 & ((1u << EDATA_ARENA_BITS) - 1);
}

static inline unsigned
edata_arena_ind(const edata_t *edata)
{
	return edata_word_arena_ind(edata_owner(edata));
}

/* Which of the bins of its class a slab belongs to. */
static inline unsigned
edata_shard(const edata_t *edata)
{
	return edata_owner(edata) >> (8 + EDATA_ARENA_BITS);
}

static inline void
edata_set_owner(edata_t *edata, unsigned arena_ind, extent_state_t state)
{
	atomic_store_explicit(&edata->owner, edata_owner_word(arena_ind, state),
	    memory_order_release);
}

static inline void
edata_set_shard(edata_t *edata, unsigned shard)
{
	atomic_store_explicit(&edata->owner,
	    edata_slab_word(edata_arena_ind(edata), shard),
	    memory_order_release);
}

/* Whoever gets an extent in a new state knows nothing of bins. */
static inline void
edata_set_state(edata_t *edata, extent_state_t state)
{
	edata_set_owner(edata, edata_arena_ind(edata), state);
}

static inline uintptr_t
edata_base(const edata_t *edata)
{
	return (uintptr_t)edata->addr;
}

/* First address behind the extent. */
static inline uintptr_t
edata_end(const edata_t *edata)
{
	return (uintptr_t)edata->addr + edata->size;
}

static inline size_t
edata_npages(const edata_t *edata)
{
	return edata->size >> LG_PAGE;
}

static inline bool
edata_covers(const edata_t *edata, const void *ptr)
{
	return (uintptr_t)ptr - edata_base(edata) < edata->size;
}

/* Oldest first, then lowest address. */
static inline int
edata_cmp_age(const ph_node_t *a, const ph_node_t *b)
{
	const edata_t *ea = container_of(a, edata_t, heap);
	const edata_t *eb = container_of(b, edata_t, heap);
	if (ea->serial != eb->serial) {
		return ea->serial < eb->serial ? -1 : 1;
	}
	uintptr_t pa = (uintptr_t)ea->addr, pb = (uintptr_t)eb->addr;
	return (pa > pb) - (pa < pb);
}

#endif
