/*
 * tsd: the state of a thread, and its life cycle.
 *
 * Static TLS holds one pointer.  It always leads to a state: to the thread's
 * own, in metadata, or to one of four constant ones whose caches are empty
 * and full at once, so that every fast path ends up in a slow path, which
 * looks at where the pointer leads:
 *
 *   TSD_NONE     nothing allocated yet: the slow path makes a state
 *   TSD_NESTED   inside foreign code: arena 0, no cache
 *   TSD_EXITED   after the key destructor: arena 0, no cache, for good
 *   TSD_WATCHED  every call has to be seen (blocks are filled, say): the slow
 *                path works with the thread's own state
 *
 * A state is made by the first allocation of a thread (or when it has freed
 * many blocks), and recycled after the thread's end.
 *
 * Locking: the list of all states below `tsd_lock`; a state's fields belong to
 * its thread.
 */
#ifndef THREAD_TSD_H
#define THREAD_TSD_H

#include "arena/arenas.h"
#include "ds/list.h"
#include "meta/size_class.h"
#include "platform/tls.h"
#include "thread/cache_bin.h"
#include "thread/internal_alloc.h"

#define THREAD_CALLBACKS_MAX 4

typedef struct tsd {
	/* Hot: counters, and the heads of the cache bins. */
	uint64_t allocated; /* bytes, by usable size, ever */
	uint64_t event_at; /* value of `allocated` to stop at */
	uint64_t deallocated; /* bytes, by usable size, ever */
	cache_slot_t slots[SC_NCIND];
	bool cache_enabled;

	/* Cold; the constant states end here. */
	arena_t *arena;
	uint64_t prng;
	size_t cache_bytes; /* capacity of the bins, in bytes */
	size_t cache_bytes_large; /* of which for large blocks */
	uint32_t nslow; /* slow operations since the last tick */
	uint32_t ncontended; /* locks found taken */
	unsigned shard; /* which bins of the arena to use */
	uint16_t gc_next; /* bin to be looked at next */
	_Atomic bool in_slow_path; /* what others may not take: idle.h */
	_Atomic bool taken_from; /* by another thread, just now */
	bool settled; /* all that can be taken was */
	bool arena_chosen; /* contention does not change it */
	size_t cache_max; /* largest size that is cached */
	uint32_t flushes; /* of caches, that were asked for */
	bool peak_watched; /* someone asks for the peak */
	uint8_t ncallbacks; /* of the program, that were seen */
	uint64_t gc_at; /* `allocated` at the next collection */
	uint64_t gc_round_at; /* and at the next round, old manner */
	uint64_t event_last; /* `allocated` at the last event */
	uint64_t interval_last; /* and when it was last reported */
	int64_t peak; /* most bytes in use above peak_base */
	int64_t peak_base;
	uint64_t called[THREAD_CALLBACKS_MAX][2]; /* counters then */
	list_node_t link; /* all states, or the unused ones */
	uintptr_t thread; /* what pthread_self() says, to show */
	uint64_t seen_work; /* bytes allocated and freed, when last looked at */
	uint64_t seen_at; /* and when they were first found so */
	uint64_t settled_work; /* seen_work when it was settled */
	uint64_t active_bins[(SC_NCIND + 63) / 64]; /* that have an array */
	internal_own_t arrays; /* unused ones, for bins */
	cache_bin_t bins[SC_NCIND];
} tsd_t;

extern __thread tsd_t *tsd_tls TLS_MODEL;

/* Only as much of a state as anyone looks at whose pointer leads there. */
typedef struct {
	uint64_t counters[3];
	cache_slot_t slots[SC_NCIND];
	bool cache_enabled;
} tsd_constant_t;

_Static_assert(offsetof(tsd_constant_t, slots) == offsetof(tsd_t, slots) &&
	offsetof(tsd_constant_t, cache_enabled) ==
	    offsetof(tsd_t, cache_enabled),
    "a constant state is the beginning of one");

extern tsd_constant_t tsd_constant_none, tsd_constant_nested,
    tsd_constant_exited, tsd_constant_watched;
#define TSD_NONE ((tsd_t *)&tsd_constant_none)
#define TSD_NESTED ((tsd_t *)&tsd_constant_nested)
#define TSD_EXITED ((tsd_t *)&tsd_constant_exited)
#define TSD_WATCHED ((tsd_t *)&tsd_constant_watched)

/* The slot of a class code: two words each, so the code is the word index. */
static ALWAYS_INLINE cache_slot_t *
tsd_slot(tsd_t *tsd, unsigned code)
{
	return (cache_slot_t *)((uint64_t *)tsd->slots + code);
}

static inline bool
tsd_is_real(const tsd_t *tsd)
{
	return tsd != TSD_NONE && tsd != TSD_NESTED && tsd != TSD_EXITED &&
	    tsd != TSD_WATCHED;
}

/* Before anything else of this layer. */
void tsd_boot(void);
/* Once allocation works: registers the key.  ERR_NOMEM: no key. */
MUST_CHECK err_t tsd_boot_key(void);

/*
 * The state of the running thread, made if need be.  NULL: none can be had
 * (nested, exited, no memory): allocate from arena 0 without a cache.
 */
tsd_t *tsd_get_slow(void);

static inline tsd_t *
tsd_get(void)
{
	tsd_t *tsd = tsd_tls;
	return likely(tsd_is_real(tsd)) ? tsd : tsd_get_slow();
}

/* One more, or one less, who wants to see every call of all threads. */
void tsd_watch(bool more);
/* Have the calling thread watched, or not, as is wanted now. */
void tsd_rewatch(void);

/* The thread's state, inside foreign code too; NULL: it has none. */
tsd_t *tsd_behind(void);

/* The thread's own state if it has one already; NULL: it has none to use. */
tsd_t *tsd_own(void);

/* As tsd_get(), for a thread that only frees: it gets a state later. */
tsd_t *tsd_get_for_free(void);

/* With percpu_arena: on to the arena of the processor that it runs on. */
static inline void
tsd_follow_cpu(tsd_t *tsd)
{
	if (unlikely(opt.percpu_arena != OPT_PERCPU_DISABLED) &&
	    !tsd->arena_chosen) {
		tsd->arena = arenas_follow_cpu(tsd->arena, &tsd->shard);
	}
}

/* Threads that have a state now. */
unsigned tsd_count(void);

/* All states, newest first; the caller holds the lock meanwhile. */
list_t *tsd_list_lock(void);
void tsd_list_unlock(void);

/*
 * Below the lock: the next state of a round through the list that goes on
 * where it was left, whatever comes and goes.  NULL: the round is over.
 */
tsd_t *tsd_list_step(void);
mutex_t *tsd_list_mutex(void);

/*
 * Since when at least the thread of a state has neither allocated nor freed, as
 * far as was seen when this was called.  Below the lock of the list.
 */
uint64_t tsd_idle_since(tsd_t *tsd, uint64_t now_ns);

void tsd_prefork(void);
void tsd_postfork_parent(void);
void tsd_postfork_child(void);

#endif
