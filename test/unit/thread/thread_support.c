#include "thread_support.h"

#include "support/harness.h"

#include <pthread.h>

#include "arena/arenas.h"
#include "support/os_calls_fault.h"

void
thread_setup(unsigned narenas)
{
	opt.narenas = narenas;
	opt.junk = OPT_JUNK_FALSE;
	opt.debug_double_free_max_scan = 0;
	size_class_boot();
	bin_info_boot();
	tsd_boot();
	assert_int_equal(arenas_boot(), ERR_NONE);
}

void
in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

void *
cached_alloc(tsd_t *tsd, unsigned cind)
{
	void *ptr = tcache_pop(tsd, cind);
	return ptr != NULL
	    ? ptr
	    : tcache_alloc_slow(tsd, NULL, cind, cind_usize(cind));
}

void
cached_free(tsd_t *tsd, unsigned cind, void *ptr)
{
	if (!cind_is_small(cind)) {
		large_note_cached(large_find(ptr), ptr);
	}
	if (!cache_slot_push(&tsd->slots[cind], ptr)) {
		tcache_free_slow(tsd, cind, ptr);
	}
}

size_t
live_in_arenas(unsigned cind)
{
	size_t live = 0;
	for (unsigned i = 0; i < arenas_count(); i++) {
		arena_t *arena = arenas_get(i);
		if (arena != NULL) {
			/* Including what was left at a busy bin. */
			arena_release_empty_slabs(arena);
		}
		if (arena != NULL && cind_is_small(cind)) {
			bin_stats_t *stats = &arena->bins[cind - 1].stats;
			live += (size_t)(stats->nmalloc - stats->ndalloc);
		} else if (arena != NULL) {
			unsigned j = szind_of(cind_usize(cind)) - SC_NBINS;
			live += (size_t)(arena->lextents[j].nmalloc -
			    arena->lextents[j].ndalloc);
		}
	}
	return live;
}

void
exhaust_metadata(void)
{
	for (size_t size = PAGE; size >= CACHELINE; size /= 2) {
		while (base_alloc(arenas_base0(), size, CACHELINE) != NULL) {
			os_fault_arm_from(1);
		}
	}
}
