/*
 * Why the protocol of idle.h is sound
 * -----------------------------------
 * What the owner does in a bin, outside of its slow paths:
 *
 *     pop   h = head; head = h + 1; p = *h; if p is NULL: head = h
 *     push  h = head; if h[-1] is not FULL: h[-1] = p; head = h - 1
 *
 * Each is a few instructions that may stop anywhere for any time.  Only the
 * owner writes heads.  (A handler of a signal that comes in between must not
 * allocate, by POSIX; one that did would be handed a block twice as it is.)
 *
 * A barrier B of the taker is a point in each thread: what that thread did
 * before its point is seen by the taker after B, and what the taker did before
 * B is seen by that thread behind its point.  A thread that does not run has
 * its point where it was stopped.
 *
 * 1. The arrays stand still.  The owner stores in_slow_path and then loads
 * taken_from; the taker stores taken_from, has barrier B1, and then loads
 * in_slow_path.  Is the owner's store before its point, the taker sees it and
 * leaves that thread alone.  Otherwise the load is behind the point, sees
 * taken_from, and the owner waits for the lock of the list.  It has that flag
 * up then, so a second taker gives up.  Arrays, capacities and marks are
 * written in slow paths only, so from here on they are the taker's.  Since the
 * lock is held, no thread leaves the list or frees its state (a thread's end is
 * a slow path too), and fork(), which takes all locks, finds no flag up.
 * Threads that make or flush or resize their caches by mallctl() are in a slow
 * path meanwhile; states that are being made carry in_slow_path.
 *
 * 2. The wall.  Let m be a slot, X what the taker's exchange of it with NULL
 * returned, B2 the barrier after it, h the head that is read after B2, B3 one
 * more, and let m hold NULL after B3, and h <= m.  Then X is cached, and the
 * owner takes neither X nor what is older.
 *
 *   - Let W be the owner's last write to m before it stored h.  As h was seen
 *     before B3, W is seen after it, and m holds NULL: so W came before the
 *     exchange.  No write of the owner came between the two: it would be a
 *     push at m + 1, done after h was stored, and the taker, having seen it in
 *     the exchange, would have seen after B2 the head m + 1 that preceded it,
 *     or a later one, and not h.  So X is what W wrote.
 *   - A pop of m between W and the store of h would have moved the head to
 *     m + 1.  From there only a push at m brings it back to m or above, which
 *     would be a later write than W; or the pop itself, having found NULL.
 *   - A pop of m begun after h was stored: if it read the slot before the
 *     owner's point of B2, then it had stored m + 1 to head before, which was
 *     seen after B2, and h was not read.  So it reads behind the point, gets
 *     NULL, and moves the head back.  This is why the head moves first.
 *   - To reach an older slot the owner would have to pop m first.  A push
 *     writes to the slot above its head, which is above m.
 *   - In weakly ordered memory B3 is what makes h prove that the older slots,
 *     and the notes in descriptors of large blocks, are complete: all of them
 *     came before h in the order of the program.  So a large block is noted as
 *     cached before it is pushed.
 *
 * A head may be seen one too far, behind a wall, a mark or the end: a pop that
 * found NULL and has not moved it back.
 *
 * 3. In doubt.  Where h > m, or the slot is written to, the owner was there.
 * X then may have been popped before the exchange was seen, or may not have been
 * in the stack at all; or it is cached, and the owner found NULL.  The taker can
 * not tell, but the owner can, in its next slow path: X is cached if m holds
 * NULL and head <= m.  Popping X moves the head to m + 1, and coming back from
 * there writes to m; and once a pop found NULL at m, none passes it.  So X is
 * noted as the marked pointer of the bin, as collection does, and
 * cache_bin_is_marked() decides.  Until then a later taker treats that mark as a
 * wall that it has placed just now (2 holds with the older exchange), while
 * marks of the owner itself are never passed: what is below one is cached,
 * whatever the head is.
 *
 * 4. Afterwards.  The taker sets the bin's end to the wall: the slot holds NULL
 * as an end does, and the capacity is what is left above, which may be nothing.
 * All of it is written before taken_from is cleared (release), which the owner's
 * slow path reads (acquire).  The array stays as large as it was (lg_array).
 *
 * What was taken is parked here until the locks are dropped, and then given
 * back below idle_lock, which fork() waits for, and which mallctls hold that
 * reset arenas or change their hooks.
 */
#include "thread/idle.h"

#include "meta/ehooks.h"
#include "platform/barrier.h"
#include "platform/clock.h"
#include "thread/background.h"
#include "thread/tcache.h"

/* Threads that are taken from at once, below one hold of the list's lock. */
#define NVICTIMS 8
/* Threads that are looked at meanwhile. */
#define NLOOKS 256
/* Such holds in one tick. */
#define NROUNDS 16
#define RETRY_NS (100 * NS_PER_MS)
/* Looks in the time after which a thread is idle. */
#define LOOKS_PER_IDLE 4

/* What can be parked: at least what a bin can hold. */
#define NPARKED 8192

typedef struct {
	void **at; /* the wall, NULL: the bin is left alone */
	void *ptr; /* what was there */
	bool sure; /* it is the owner's own mark */
	bool mine; /* what is there and below is the taker's */
} wall_t;

typedef struct {
	tsd_t *tsd; /* NULL: it is left alone */
	bool rest; /* something was left for want of room */
	bool taken; /* something was not */
	wall_t walls[SC_NCIND];
} victim_t;

mutex_t idle_lock = MUTEX_INITIALIZER("idle", LOCK_IDLE);
_Atomic bool idle_watched;
void (*idle_seam)(idle_step_t step);

static LARGE_BSS victim_t victims[NVICTIMS] GUARDED_BY(idle_lock);
static unsigned nvictims GUARDED_BY(idle_lock);
static bool busy GUARDED_BY(idle_lock); /* someone was not to be taken from */

static LARGE_BSS void *parked[NPARKED] GUARDED_BY(idle_lock);
static unsigned nparked GUARDED_BY(idle_lock);
static unsigned nreserved GUARDED_BY(idle_lock);
static uint16_t parked_end[SC_NCIND] GUARDED_BY(idle_lock); /* of each class */
static _Atomic size_t parked_bytes, parked_small_bytes;

static _Atomic uint64_t ntaken, nmissed, nblocks;
static _Atomic size_t nbytes;

static void
seam(idle_step_t step)
{
	if (unlikely(idle_seam != NULL)) {
		idle_seam(step);
	}
}

static void **
head_of(const victim_t *victim, unsigned cind)
{
	return __atomic_load_n(&victim->tsd->slots[cind].head,
	    __ATOMIC_ACQUIRE);
}

static void *
slot_load(void **slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

/* Who has been idle for long enough, and was not taken from since. */
static void
choose_locked(uint64_t now_ns, uint64_t idle_ns, bool *over) REQUIRES(idle_lock)
{
	nvictims = 0;
	*over = false;
	for (unsigned i = 0; i < NLOOKS && nvictims < NVICTIMS; i++) {
		tsd_t *tsd = tsd_list_step();
		if (tsd == NULL) {
			*over = true;
			return;
		}
		uint64_t since = tsd_idle_since(tsd, now_ns);
		if (tsd->settled && tsd->settled_work == tsd->seen_work) {
			continue;
		}
		tsd->settled = false;
		if (now_ns < since || now_ns - since < idle_ns) {
			busy = true;
			continue;
		}
		victims[nvictims].rest = false;
		victims[nvictims].taken = false;
		victims[nvictims++].tsd = tsd;
	}
}

static void
flag_locked(bool on) REQUIRES(idle_lock)
{
	for (unsigned i = 0; i < nvictims; i++) {
		if (victims[i].tsd != NULL) {
			atomic_store_explicit(&victims[i].tsd->taken_from, on,
			    memory_order_release);
		}
	}
}

static void
leave_alone_locked(victim_t *victim) REQUIRES(idle_lock)
{
	atomic_store_explicit(&victim->tsd->taken_from, false,
	    memory_order_release);
	victim->tsd = NULL;
	busy = true;
	atomic_fetch_add_explicit(&nmissed, 1, memory_order_relaxed);
}

/* Keep the chosen ones out of their slow paths; drop those that are in one. */
static void
hold_owners_locked(void) REQUIRES(idle_lock)
{
	flag_locked(true);
	seam(IDLE_STEP_FLAGS);
	bool done = barrier_all();
	for (unsigned i = 0; i < nvictims; i++) {
		if (!done ||
		    atomic_load_explicit(&victims[i].tsd->in_slow_path,
			memory_order_acquire)) {
			leave_alone_locked(&victims[i]);
		}
	}
}

/* Place a wall, if there is something below it and room for that. */
static void
wall_place_locked(victim_t *victim, unsigned cind) REQUIRES(idle_lock)
{
	cache_bin_t *bin = &victim->tsd->bins[cind];
	wall_t *wall = &victim->walls[cind];
	*wall = (wall_t){NULL};
	if (bin->first == NULL) {
		return;
	}
	if (bin->mark != NULL && slot_load(bin->mark) != NULL) {
		/* In doubt no more: the owner came back over it. */
		bin->mark = NULL;
	}
	void **end = cache_bin_end(bin);
	void **at = head_of(victim, cind);
	bool is_mark = bin->mark != NULL &&
	    (bin->mark_in_doubt || bin->mark <= at);
	if (is_mark) {
		at = bin->mark;
	}
	/* The head may be one too far: a pop that finds nothing moves it back. */
	if (at >= end) {
		return;
	}
	if (nreserved + (unsigned)(end - at) > NPARKED) {
		victim->rest = true;
		return;
	}
	nreserved += (unsigned)(end - at);
	*wall = (wall_t){at, bin->marked, !bin->mark_in_doubt, false};
	if (!is_mark) {
		seam(IDLE_STEP_HEAD);
		wall->ptr = __atomic_exchange_n(at, NULL, __ATOMIC_ACQ_REL);
		wall->sure = false;
	}
}

static void
for_each_wall_locked(void (*visit)(victim_t *, unsigned)) REQUIRES(idle_lock)
{
	for (unsigned cind = 1; cind < SC_NCIND; cind++) {
		for (unsigned i = 0; i < nvictims; i++) {
			if (victims[i].tsd != NULL) {
				visit(&victims[i], cind);
			}
		}
		parked_end[cind] = (uint16_t)nparked;
	}
}

static void
head_look_locked(victim_t *victim, unsigned cind) REQUIRES(idle_lock)
{
	wall_t *wall = &victim->walls[cind];
	wall->mine = wall->at != NULL && wall->ptr != NULL &&
	    (wall->sure || head_of(victim, cind) <= wall->at);
}

static void
wall_look_locked(victim_t *victim, unsigned cind) REQUIRES(idle_lock)
{
	wall_t *wall = &victim->walls[cind];
	if (wall->mine && slot_load(wall->at) != NULL) {
		wall->mine = false;
	}
}

static void
wall_distrust_locked(victim_t *victim, unsigned cind) REQUIRES(idle_lock)
{
	wall_t *wall = &victim->walls[cind];
	wall->mine &= wall->sure;
}

/* Find out which walls were in time. */
static void
judge_locked(void) REQUIRES(idle_lock)
{
	bool done = barrier_all();
	seam(IDLE_STEP_WALLS_SEEN);
	for_each_wall_locked(head_look_locked);
	seam(IDLE_STEP_HEADS);
	done &= barrier_all();
	seam(IDLE_STEP_HEADS_SEEN);
	for_each_wall_locked(done ? wall_look_locked : wall_distrust_locked);
}

/*
 * May a thread that is not the program's give this block back?  Not where the
 * program destroyed the arena and left the block in a cache.
 */
static bool
may_return(void *ptr)
{
	edata_t *edata = pagemap_extent(ptr);
	arena_t *arena = edata == NULL ? NULL : arena_of(edata);
	return arena != NULL && ehooks_are_default(&arena->ehooks);
}

static void
park_locked(void *ptr) REQUIRES(idle_lock)
{
	parked[nparked++] = ptr;
}

/*
 * All from `at` on is ours, `ptr` being the first: park it, and end the bin
 * there, or with `look` behind those blocks that have to stay.  The first of
 * these is left marked: in weakly ordered memory, an owner that found it in its
 * slot might find what was in the next one before.
 */
static void
cut_locked(victim_t *victim, unsigned cind, void **at, void *ptr, bool look)
    REQUIRES(idle_lock)
{
	cache_bin_t *bin = &victim->tsd->bins[cind];
	unsigned before = nparked;
	void *first_kept = NULL;
	void **end = at;
	for (void **slot = at; slot < cache_bin_end(bin); slot++) {
		void *old = slot == at ? ptr : slot_load(slot);
		if (old == NULL) {
			old = bin->marked;
		}
		if (!look || may_return(old)) {
			park_locked(old);
		} else if (first_kept == NULL) {
			first_kept = old;
			end++;
		} else {
			__atomic_store_n(end++, old, __ATOMIC_RELAXED);
		}
	}
	__atomic_store_n(end, NULL, __ATOMIC_RELAXED);
	unsigned capacity = (unsigned)(end - bin->first) - 1;
	tcache_note_capacity(victim->tsd, cind, bin->capacity, capacity);
	bin->capacity = (uint16_t)capacity;
	bin->mark = first_kept == NULL ? NULL : at;
	bin->marked = first_kept;
	bin->mark_in_doubt = false;
	victim->taken |= nparked != before;
	size_t bytes = (nparked - before) * cind_usize(cind);
	atomic_fetch_add_explicit(&parked_bytes, bytes, memory_order_relaxed);
	if (cind_is_small(cind)) {
		atomic_fetch_add_explicit(&parked_small_bytes, bytes,
		    memory_order_relaxed);
	}
}

static void
take_locked(victim_t *victim, unsigned cind) REQUIRES(idle_lock)
{
	cache_bin_t *bin = &victim->tsd->bins[cind];
	wall_t *wall = &victim->walls[cind];
	if (wall->at == NULL) {
		return;
	}
	bool look = ehooks_any_custom();
	if (wall->mine) {
		cut_locked(victim, cind, wall->at, wall->ptr, look);
		/* Above a mark that was in doubt there may be more. */
		victim->rest |= head_of(victim, cind) < wall->at;
		return;
	}
	if (wall->ptr == NULL || wall->at == bin->mark) {
		return;
	}
	if (bin->mark != NULL && look) {
		/* Some might have to stay, and there is one mark only. */
		__atomic_store_n(bin->mark, bin->marked, __ATOMIC_RELEASE);
	} else if (bin->mark != NULL) {
		/* The owner's own, further down: so much is certain. */
		cut_locked(victim, cind, bin->mark, bin->marked, false);
	}
	bin->mark = wall->at;
	bin->marked = wall->ptr;
	bin->mark_in_doubt = true;
}

static void
settle_locked(void) REQUIRES(idle_lock)
{
	for (unsigned i = 0; i < nvictims; i++) {
		victim_t *victim = &victims[i];
		if (victim->tsd != NULL) {
			victim->tsd->settled = !victim->rest;
			victim->tsd->settled_work = victim->tsd->seen_work;
			busy |= victim->rest;
			atomic_fetch_add_explicit(&ntaken, victim->taken,
			    memory_order_relaxed);
		}
	}
}

/* One hold of the list's lock.  True: the round through it is over. */
static bool
take_from_some_locked(uint64_t now_ns, uint64_t idle_ns) REQUIRES(idle_lock)
{
	bool over;
	(void)tsd_list_lock();
	choose_locked(now_ns, idle_ns, &over);
	if (nvictims != 0) {
		nreserved = 0;
		nparked = 0;
		hold_owners_locked();
		seam(IDLE_STEP_HELD);
		for_each_wall_locked(wall_place_locked);
		seam(IDLE_STEP_WALLS);
		judge_locked();
		for_each_wall_locked(take_locked);
		settle_locked();
		flag_locked(false);
	}
	tsd_list_unlock();
	return over;
}

static void
return_parked_locked(void) REQUIRES(idle_lock)
{
	unsigned begin = 0;
	for (unsigned cind = 1; nparked != 0 && cind < SC_NCIND; cind++) {
		unsigned n = parked_end[cind] - begin;
		if (n != 0) {
			tcache_return(cind, &parked[begin], n);
			atomic_fetch_add_explicit(&nblocks, n,
			    memory_order_relaxed);
			atomic_fetch_add_explicit(&nbytes, n * cind_usize(cind),
			    memory_order_relaxed);
		}
		begin = parked_end[cind];
	}
	nparked = 0;
	atomic_store_explicit(&parked_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&parked_small_bytes, 0, memory_order_relaxed);
}

/* True: all threads were looked at. */
static bool
round_locked(uint64_t now_ns, uint64_t idle_ns) REQUIRES(idle_lock)
{
	bool over = false;
	for (unsigned i = 0; i < NROUNDS && !over; i++) {
		over = take_from_some_locked(now_ns, idle_ns);
		if (nvictims != 0) {
			seam(IDLE_STEP_TAKEN);
			return_parked_locked();
		}
	}
	return over;
}

static uint64_t
tick_locked(uint64_t now_ns) REQUIRES(idle_lock)
{
	ssize_t ms = arenas_dirty_decay_ms();
	if (ms < 0 || !barrier_ready()) {
		return UINT64_MAX;
	}
	uint64_t idle_ns = (uint64_t)ms * NS_PER_MS;
	idle_ns = idle_ns < IDLE_MIN_NS ? IDLE_MIN_NS : idle_ns;
	if (!round_locked(now_ns, idle_ns)) {
		return RETRY_NS;
	}
	bool was_busy = busy;
	busy = false;
	/* Whoever works between the look and the watch is seen once more. */
	bool watched = !was_busy &&
	    atomic_exchange_explicit(&idle_watched, true, memory_order_relaxed);
	return watched ? UINT64_MAX : idle_ns / LOOKS_PER_IDLE;
}

uint64_t
idle_tick(uint64_t now_ns)
{
	if (!mutex_trylock(&idle_lock)) {
		return RETRY_NS;
	}
	uint64_t ns = tick_locked(now_ns);
	mutex_unlock(&idle_lock);
	return ns;
}

void
idle_take_all(uint64_t now_ns)
{
	if (arenas_dirty_decay_ms() < 0 || !mutex_trylock(&idle_lock)) {
		return;
	}
	if (barrier_ready()) {
		(void)round_locked(now_ns, IDLE_MIN_NS);
	}
	mutex_unlock(&idle_lock);
}

void
idle_tell_watcher(void)
{
	if (atomic_exchange_explicit(&idle_watched, false,
		memory_order_relaxed)) {
		background_wake(0);
	}
}

void
idle_owner_wait(void)
{
	(void)tsd_list_lock();
	tsd_list_unlock();
}

void
idle_wait(void)
{
	mutex_lock(&idle_lock);
	mutex_unlock(&idle_lock);
}

void
idle_stats(idle_stats_t *stats)
{
	stats->ntaken = atomic_load_explicit(&ntaken, memory_order_relaxed);
	stats->nmissed = atomic_load_explicit(&nmissed, memory_order_relaxed);
	stats->nblocks = atomic_load_explicit(&nblocks, memory_order_relaxed);
	stats->bytes = atomic_load_explicit(&nbytes, memory_order_relaxed);
}

size_t
idle_parked_small_bytes(void)
{
	return atomic_load_explicit(&parked_small_bytes, memory_order_relaxed);
}

size_t
idle_parked_bytes(void)
{
	return atomic_load_explicit(&parked_bytes, memory_order_relaxed);
}

void NO_THREAD_SAFETY
idle_prefork(void)
{
	mutex_prefork(&idle_lock);
}

void NO_THREAD_SAFETY
idle_postfork_parent(void)
{
	mutex_postfork_parent(&idle_lock);
}

void NO_THREAD_SAFETY
idle_postfork_child(void)
{
	barrier_forget();
	atomic_store_explicit(&idle_watched, false, memory_order_relaxed);
	mutex_postfork_child(&idle_lock);
}
