#include "thread/internal_alloc.h"

#include "arena/arenas.h"
#include "platform/assert.h"

typedef struct block {
	struct block *next;
} block_t;

static mutex_t lock = MUTEX_INITIALIZER("internal", LOCK_INTERNAL);
static block_t *unused[INTERNAL_LG_MAX + 1];
static size_t nbytes;

void *
internal_alloc(unsigned lg_size)
{
	assert(lg_size >= INTERNAL_LG_MIN && lg_size <= INTERNAL_LG_MAX);
	mutex_lock(&lock);
	block_t *block = unused[lg_size];
	if (block != NULL) {
		unused[lg_size] = block->next;
	} else {
		block = base_alloc(arenas_base0(), (size_t)1 << lg_size,
		    CACHELINE);
		nbytes += block == NULL ? 0 : (size_t)1 << lg_size;
	}
	mutex_unlock(&lock);
	return block;
}

void
internal_free(void *mem, unsigned lg_size)
{
	block_t *block = mem;
	mutex_lock(&lock);
	block->next = unused[lg_size];
	unused[lg_size] = block;
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
