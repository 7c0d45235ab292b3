/*
 * cache_bin: a stack of free pointers, the heart of the fast path.
 *
 * The stack lives in an array that grows downwards:
 *
 *     first                 head                       end
 *     FULL | unused slots ... | newest ... oldest pointer | NULL
 *
 * A pop reads *head: NULL means empty.  A push looks at head[-1]: FULL means
 * that there is no slot left.  So the hot half of a bin is one word, and no
 * bound has to be compared.  A bin without an array points between the FULL
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
	uint8_t last_event; /* cache_event_t */
	uint8_t nsame; /* events like the last one, in a row */
	/*
	 * Changes of event since the last collection; without an array, large
	 * blocks that were asked for.
	 */
	uint8_t swings;
	uint8_t idle; /* collections that found it unused, in a row */
	uint8_t lg_batch; /* batches are capacity >> lg_batch */
} cache_bin_t;

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

/* NULL: empty, or at the mark. */
static ALWAYS_INLINE void *
cache_slot_pop(cache_slot_t *slot)
{
	void **head = slot->head;
	void *ptr = *head;
	if (likely(ptr != NULL)) {
		slot->head = head + 1;
	}
	return ptr;
}

static ALWAYS_INLINE bool
cache_slot_push(cache_slot_t *slot, void *ptr)
{
	void **head = slot->head;
	if (unlikely(head[-1] == CACHE_BIN_FULL)) {
		return false;
	}
	head[-1] = ptr;
	slot->head = head - 1;
	return true;
}

/* Put the marked pointer back. */
static inline void
cache_bin_unmark(cache_bin_t *bin)
{
	if (bin->mark != NULL) {
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
