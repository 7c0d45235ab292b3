/*
 * cache_bin: a stack of free pointers, the heart of the fast path.
 *
 * The stack lives in an array that grows downwards:
 *
 *     first                 head                       end
 *     FULL | unused slots ... | newest ... oldest pointer | NULL
 *
 * A pop moves the head and reads what it was at: NULL means empty, and the head
 * goes back.  A push looks at head[-1]: FULL means that there is no slot left.
 * So the hot half of a bin is one word, and no bound has to be compared.  A bin without an array points between the FULL
 * and the NULL of a constant pair: it is empty and full at once, and every
 * operation takes the slow path.  So does every bin of a thread whose caches
 * are off, and of one that has no state yet.
 *
 * Low water without counting: garbage collection replaces the pointer in the
 * middle of the stack by NULL (the mark) and keeps it aside.  A stack that was
 * not popped down to the mark by the next collection did not need what is
 * below; one that was takes the slow path once, which puts the pointer back.
 *
 * Everything belongs to one thread; no locks.  Freed memory is never touched.
 * While the thread is idle, another may take what is in its bins, and relies on
 * what a pop and a push touch, and in which order: thread/idle.h.
 */
#ifndef THREAD_CACHE_BIN_H
#define THREAD_CACHE_BIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/compiler.h"

#define CACHE_BIN_FULL ((void *)1)

/* The hot half; indexed by class code (twice the cache index) in words. */
typedef struct {
	void **head;
	uint64_t usize; /* bytes of one block of the class */
} cache_slot_t;

/* Why a bin was last worked on. */
typedef enum { CACHE_NO_EVENT, CACHE_MISS, CACHE_OVERFLOW } cache_event_t;

/* The cold half. */
typedef struct {
	void **first; /* where FULL is; NULL: no array */
	void **mark; /* where the mark is; NULL: none is set */
	void *marked; /* the pointer that the mark replaced */
	uint16_t capacity; /* slots */
	uint16_t limit; /* most slots that it may get; 0: disabled */
	uint8_t last_event : 2; /* cache_event_t */
	uint8_t idle : 3; /* collections that found it unused, in a row */
	uint8_t mark_in_doubt : 1; /* the owner may have popped it before */
	uint8_t lg_batch : 3; /* batches are capacity >> lg_batch */
	uint8_t lg_array : 5; /* bytes of the array */
	uint8_t nsame; /* events like the last one, in a row */
	/*
	 * Changes of event since the last collection; without an array, large
	 * blocks that were asked for.
	 */
	uint8_t swings;
} cache_bin_t;
_Static_assert(sizeof(void *) != 8 || sizeof(cache_bin_t) == 32,
    "each thread has one for each class");

/* {FULL, NULL}: what bins without an array point into. */
extern void *const cache_bin_none[2];

static inline void **
cache_bin_none_head(void)
{
	return (void **)&cache_bin_none[1];
}

static inline void **
cache_bin_end(const cache_bin_t *bin)
{
	return bin->first + 1 + bin->capacity;
}

/*
 * The owner's accesses beside another thread that takes: aligned words, each
 * read or written once, in the order of the program.  Compilers make more
 * instructions of atomic accesses than of plain ones here; a sanitizer, which
 * has to know, gets atomic ones.
 */
static ALWAYS_INLINE void *
cache_word_load(void **word)
{
#if UNDER_SANITIZER
	return __atomic_load_n(word, __ATOMIC_RELAXED);
#else
	return *word;
#endif
}

static ALWAYS_INLINE void
cache_word_store(void **word, void *ptr)
{
#if UNDER_SANITIZER
	__atomic_store_n(word, ptr, __ATOMIC_RELAXED);
#else
	*word = ptr;
#endif
}

static ALWAYS_INLINE void
cache_head_store(cache_slot_t *slot, void **head)
{
#if UNDER_SANITIZER
	__atomic_store_n(&slot->head, head, __ATOMIC_RELEASE);
#else
	__atomic_signal_fence(__ATOMIC_RELEASE);
	slot->head = head;
#endif
}

/*
 * NULL: empty, or at the mark.  The head moves first, so that whoever has read
 * a pointer can be seen to have it.
 */
static ALWAYS_INLINE void *
cache_slot_pop(cache_slot_t *slot)
{
	void **head = slot->head;
	cache_head_store(slot, head + 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	void *ptr = cache_word_load(head);
	if (unlikely(ptr == NULL)) {
		cache_head_store(slot, head);
	}
	return ptr;
}

static ALWAYS_INLINE bool
cache_slot_is_full(const cache_slot_t *slot)
{
	return cache_word_load(slot->head - 1) == CACHE_BIN_FULL;
}

/* There is room. */
static ALWAYS_INLINE void
cache_slot_push_more(cache_slot_t *slot, void *ptr)
{
	void **head = slot->head;
	cache_word_store(head - 1, ptr);
	cache_head_store(slot, head - 1);
}

static ALWAYS_INLINE bool
cache_slot_push(cache_slot_t *slot, void *ptr)
{
	if (unlikely(cache_slot_is_full(slot))) {
		return false;
	}
	cache_slot_push_more(slot, ptr);
	return true;
}

/*
 * By the owner: is there a mark?  One that someone else placed may have come
 * too late, when the pointer had been popped: then there is none.
 */
static inline bool
cache_bin_is_marked(cache_bin_t *bin, const cache_slot_t *slot)
{
	if (bin->mark != NULL &&
	    (slot->head > bin->mark || *bin->mark != NULL)) {
		bin->mark = NULL;
	}
	return bin->mark != NULL;
}

/* By the owner: put the marked pointer back. */
static inline void
cache_bin_unmark(cache_bin_t *bin, const cache_slot_t *slot)
{
	if (cache_bin_is_marked(bin, slot)) {
		*bin->mark = bin->marked;
		bin->mark = NULL;
	}
}

/* Pointers in the bin. */
static inline unsigned
cache_bin_count(const cache_bin_t *bin, const cache_slot_t *slot)
{
	return bin->first == NULL ? 0
				  : (unsigned)(cache_bin_end(bin) - slot->head);
}

#endif
