#include "thread/internal_alloc.h"

#include "arena/arenas.h"
#include "platform/assert.h"

/* Bytes, and blocks, that move from the common lists to others at once. */
#define BATCH_BYTES ((size_t)1 << 10)
#define BATCH_BLOCKS 8

struct internal_block {
	internal_block_t *next;
};

static mutex_t lock = MUTEX_INITIALIZER("internal", LOCK_INTERNAL);
static internal_list_t unused[INTERNAL_LG_MAX + 1];
static size_t nbytes;

static void
push(internal_list_t *list, internal_block_t *block)
{
	block->next = list->first;
	list->first = block;
	if (list->n++ == 0) {
		list->last = block;
	}
}

static internal_block_t *
pop(internal_list_t *list)
{
	internal_block_t *block = list->first;
	if (block != NULL) {
		list->first = block->next;
		list->n--;
	}
	return block;
}

/* All of a list, to the front of another one. */
static void
splice(internal_list_t *to, internal_list_t *from)
{
	if (from->n == 0) {
		return;
	}
	from->last->next = to->first;
	to->first = from->first;
	if (to->n == 0) {
		to->last = from->last;
	}
	to->n += from->n;
	*from = (internal_list_t){0};
}

static size_t
batch_of(unsigned lg_size)
{
	size_t n = BATCH_BYTES >> lg_size;
	return n < BATCH_BLOCKS ? n : BATCH_BLOCKS;
}

_Static_assert(BATCH_BYTES >> INTERNAL_LG_OWN_MAX != 0, "one at least");

/* NULL: blocks of that size come and go one by one. */
static internal_list_t *
own_list(internal_own_t *own, unsigned lg_size)
{
	return lg_size <= INTERNAL_LG_OWN_MAX
	    ? &own->lists[lg_size - INTERNAL_LG_MIN]
	    : NULL;
}

/* One for use, and the rest of a batch where there are used ones. */
static internal_block_t *
take(internal_list_t *list, unsigned lg_size)
{
	mutex_lock(&lock);
	internal_block_t *block = pop(&unused[lg_size]);
	if (block == NULL) {
		block = base_alloc(arenas_base0(), (size_t)1 << lg_size,
		    CACHELINE);
		nbytes += block == NULL ? 0 : (size_t)1 << lg_size;
	}
	while (list != NULL && list->n + 1 < batch_of(lg_size) &&
	    unused[lg_size].n != 0) {
		push(list, pop(&unused[lg_size]));
	}
	mutex_unlock(&lock);
	return block;
}

void *
internal_alloc(internal_own_t *own, unsigned lg_size)
{
	assert(lg_size >= INTERNAL_LG_MIN && lg_size <= INTERNAL_LG_MAX);
	internal_list_t *list = own_list(own, lg_size);
	internal_block_t *block = list == NULL ? NULL : pop(list);
	return block != NULL ? block : take(list, lg_size);
}

void
internal_free(internal_own_t *own, void *mem, unsigned lg_size)
{
	internal_list_t single = {0}, *list = own_list(own, lg_size);
	list = list == NULL ? &single : list;
	push(list, mem);
	if (list == &single || list->n > batch_of(lg_size)) {
		mutex_lock(&lock);
		splice(&unused[lg_size], list);
		mutex_unlock(&lock);
	}
}

void
internal_give_back(internal_own_t *own)
{
	size_t n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(own->lists); i++) {
		n += own->lists[i].n;
	}
	if (n == 0) {
		return;
	}
	mutex_lock(&lock);
	for (unsigned lg = INTERNAL_LG_MIN; lg <= INTERNAL_LG_OWN_MAX; lg++) {
		splice(&unused[lg], own_list(own, lg));
	}
	mutex_unlock(&lock);
}

size_t
internal_bytes(void)
{
	mutex_lock(&lock);
	size_t bytes = nbytes;
	mutex_unlock(&lock);
	return bytes;
}

void NO_THREAD_SAFETY
internal_prefork(void)
{
	mutex_prefork(&lock);
}

void NO_THREAD_SAFETY
internal_postfork_parent(void)
{
	mutex_postfork_parent(&lock);
}

void NO_THREAD_SAFETY
internal_postfork_child(void)
{
	mutex_postfork_child(&lock);
}
