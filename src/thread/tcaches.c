#include "thread/tcaches.h"

#include "platform/assert.h"
#include "thread/tcache.h"

static mutex_t tcaches_lock = MUTEX_INITIALIZER("tcaches", LOCK_TCACHES);
static LARGE_BSS _Atomic(tsd_t *) table[TCACHES_MAX];

/* Numbers below nused were in use once; the free ones of them, last first. */
static unsigned nused GUARDED_BY(tcaches_lock);
static LARGE_BSS uint16_t unused[TCACHES_MAX] GUARDED_BY(tcaches_lock);
static unsigned nunused GUARDED_BY(tcaches_lock);

/* Memory of destroyed caches. */
static list_t spare GUARDED_BY(tcaches_lock);

static tsd_t *
cache_new_locked(void)
{
	if (spare.head.next == NULL) {
		list_init(&spare);
	}
	list_node_t *node = list_pop_front(&spare);
	tsd_t *cache = node != NULL
	    ? container_of(node, tsd_t, link)
	    : base_alloc(arenas_base0(), sizeof(tsd_t), CACHELINE);
	if (cache != NULL) {
		tcache_init(cache);
		tcache_enable(cache);
		cache->prng = (uintptr_t)cache;
		cache->nslow = 0;
		cache->ncontended = 0;
		cache->arena = NULL;
		cache->arena_chosen = true;
	}
	return cache;
}

err_t
tcaches_create(unsigned *ind)
{
	mutex_lock(&tcaches_lock);
	err_t err = ERR_NOMEM;
	*ind = nunused != 0 ? unused[nunused - 1] : nused;
	tsd_t *cache = *ind < TCACHES_MAX ? cache_new_locked() : NULL;
	if (cache != NULL) {
		if (nunused != 0) {
			nunused--;
		} else {
			nused++;
		}
		atomic_store_explicit(&table[*ind], cache,
		    memory_order_release);
		err = ERR_NONE;
	}
	mutex_unlock(&tcaches_lock);
	return err;
}

tsd_t *
tcaches_get(unsigned ind)
{
	return ind >= TCACHES_MAX
	    ? NULL
	    : atomic_load_explicit(&table[ind], memory_order_acquire);
}

err_t
tcaches_flush(unsigned ind, bool destroy)
{
	tsd_t *cache = tcaches_get(ind);
	if (cache == NULL) {
		return ERR_INVALID;
	}
	/* Flushing locks arenas and may run hooks: not below our lock. */
	if (!destroy) {
		tcache_flush(cache);
		return ERR_NONE;
	}
	if (!atomic_compare_exchange_strong_explicit(&table[ind], &cache, NULL,
		memory_order_acq_rel, memory_order_relaxed)) {
		return ERR_INVALID;
	}
	tcache_disable(cache);
	mutex_lock(&tcaches_lock);
	list_push_front(&spare, &cache->link);
	unused[nunused++] = (uint16_t)ind;
	mutex_unlock(&tcaches_lock);
	return ERR_NONE;
}

void
tcaches_visit(void (*visit)(const tsd_t *cache, void *arg), void *arg)
{
	mutex_lock(&tcaches_lock);
	for (unsigned ind = 0; ind < nused; ind++) {
		const tsd_t *cache = tcaches_get(ind);
		if (cache != NULL) {
			visit(cache, arg);
		}
	}
	mutex_unlock(&tcaches_lock);
}

void NO_THREAD_SAFETY
tcaches_prefork(void)
{
	mutex_prefork(&tcaches_lock);
}

void NO_THREAD_SAFETY
tcaches_postfork_parent(void)
{
	mutex_postfork_parent(&tcaches_lock);
}

void NO_THREAD_SAFETY
tcaches_postfork_child(void)
{
	mutex_postfork_child(&tcaches_lock);
}
