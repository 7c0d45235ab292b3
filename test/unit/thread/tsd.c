#include "thread/tsd.h"

#include "support/harness.h"

#include <pthread.h>
#include <stdatomic.h>

#include "meta/thr.h"
#include "support/os_calls_fault.h"
#include "thread_support.h"

static unsigned
nthreads(unsigned arena)
{
	return atomic_load(&arenas_get(arena)->nthreads);
}

static unsigned
nstates(void)
{
	unsigned n = 0;
	list_t *all = tsd_list_lock();
	for (list_node_t *node = list_first(all); node != NULL;
	     node = list_next(all, node)) {
		n++;
	}
	tsd_list_unlock();
	return n;
}

/* A thread that allocates gets a state, which stays its own. */
TEST(first_use)
{
	thread_setup(2);
	assert_ptr_equal(tsd_tls, TSD_NONE);
	assert_int_equal(nstates(), 0);
	tsd_t *tsd = tsd_get();
	assert_non_null(tsd);
	assert_true(tsd_is_real(tsd));
	assert_ptr_equal(tsd_tls, tsd);
	assert_ptr_equal(tsd_get(), tsd);
	assert_ptr_equal(tsd_get_for_free(), tsd);
	assert_int_equal((uintptr_t)tsd % CACHELINE, 0);
	assert_ptr_equal(tsd->arena, arenas_get(0));
	assert_int_equal(nthreads(0), 1);
	assert_int_equal(nstates(), 1);
	assert_true(tsd->cache_enabled);
}

/* Without a state every fast path ends up in the slow one. */
static void *
have_a_state(void *unused)
{
	(void)unused;
	return tsd_get();
}

TEST(constant_states)
{
	tsd_t *const states[] = {TSD_NONE, TSD_NESTED, TSD_EXITED, TSD_WATCHED};
	char block;
	thread_setup(1);
	/* The rarer ones are filled when they come into use. */
	pthread_t thread;
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_int_equal(pthread_create(&thread, NULL, have_a_state, NULL), 0);
	pthread_join(thread, NULL);
	tsd_watch(true);
	assert_non_null(tsd_get());
	assert_ptr_equal(tsd_tls, TSD_WATCHED);
	tsd_watch(false);
	tsd_rewatch();
	for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
		assert_false(tsd_is_real(states[i]));
		for (unsigned cind = 0; cind < SC_NCIND; cind++) {
			cache_slot_t *slot = tsd_slot(states[i], SC_CODE(cind));
			assert_ptr_equal(slot, &states[i]->slots[cind]);
			assert_null(cache_slot_pop(slot));
			assert_false(cache_slot_push(slot, &block));
		}
	}
}

/* Before boot all codes are 0: one slot is enough. */
TEST(before_boot)
{
	char block;
	cache_slot_t *slot = tsd_slot(tsd_tls, 0);
	assert_null(cache_slot_pop(slot));
	assert_false(cache_slot_push(slot, &block));
	assert_true(tsd_tls->event_at == 0);
}

TEST(foreign_code)
{
	thread_setup(1);
	void *saved = thr_enter_foreign();
	assert_ptr_equal(tsd_tls, TSD_NESTED);
	assert_null(tsd_get());
	assert_null(tsd_get_for_free());
	void *saved_inside = thr_enter_foreign();
	thr_leave_foreign(saved_inside);
	assert_ptr_equal(tsd_tls, TSD_NESTED);
	thr_leave_foreign(saved);
	assert_ptr_equal(tsd_tls, TSD_NONE);
	tsd_t *tsd = tsd_get();
	saved = thr_enter_foreign();
	assert_null(tsd_get());
	thr_leave_foreign(saved);
	assert_ptr_equal(tsd_get(), tsd);
}

/* A thread that only frees does without a state for a while. */
TEST(only_freeing)
{
	thread_setup(1);
	unsigned n = 0;
	while (tsd_get_for_free() == NULL) {
		n++;
		assert_true(n < 10000);
	}
	assert_true(n > 10);
	assert_true(tsd_is_real(tsd_tls));
}

TEST(no_memory)
{
	thread_setup(1);
	exhaust_metadata();
	tsd_t *none = tsd_get();
	(void)os_fault_disarm();
	assert_null(none);
	assert_ptr_equal(tsd_tls, TSD_NONE);
	assert_int_equal(nthreads(0), 0);
	assert_int_equal(nstates(), 0);
	assert_non_null(tsd_get());
}

/* The end of threads */

static void *
use_cache(void *seen)
{
	tsd_t *tsd = tsd_get();
	*(tsd_t **)seen = tsd;
	for (unsigned i = 0; i < 100; i++) {
		void *block = cached_alloc(tsd, 5);
		cached_free(tsd, 5, block);
		block = cached_alloc(tsd, SC_NBINS + 3);
		cached_free(tsd, SC_NBINS + 3, block);
	}
	return NULL;
}

/* Everything goes back, and the next thread gets the same state. */
TEST(exit_and_recycling)
{
	thread_setup(1);
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	tsd_t *first = NULL;
	in_thread(use_cache, &first);
	assert_non_null(first);
	assert_int_equal(live_in_arenas(5), 0);
	assert_int_equal(live_in_arenas(SC_NBINS + 3), 0);
	assert_int_equal(nthreads(0), 0);
	assert_int_equal(nstates(), 0);
	size_t metadata = arenas_base0()->allocated;
	for (unsigned i = 0; i < 50; i++) {
		tsd_t *next = NULL;
		in_thread(use_cache, &next);
		assert_ptr_equal(next, first);
	}
	assert_int_equal(arenas_base0()->allocated, metadata);
}

static pthread_key_t late_key;
static atomic_uint nlate;

/* A destructor that allocates, however late it runs. */
static void
late_destructor(void *value)
{
	tsd_t *tsd = tsd_get();
	if (tsd != NULL) {
		cached_free(tsd, 5, cached_alloc(tsd, 5));
	}
	if (atomic_fetch_add(&nlate, 1) + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
		(void)pthread_setspecific(late_key, value);
	}
}

static void *
use_late_key(void *seen)
{
	(void)use_cache(seen);
	(void)pthread_setspecific(late_key, seen);
	return NULL;
}

TEST(key_destructors)
{
	thread_setup(1);
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
	tsd_t *seen;
	in_thread(use_late_key, &seen);
	assert_int_equal(atomic_load(&nlate), PTHREAD_DESTRUCTOR_ITERATIONS);
	assert_int_equal(nstates(), 0);
	assert_int_equal(live_in_arenas(5), 0);
	assert_int_equal(nthreads(0), 0);
}

/* A thread that had a state before there was a key gives it back as well. */
static void *
boot_key_late(void *seen)
{
	(void)use_cache(seen);
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	return NULL;
}

TEST(state_before_key)
{
	thread_setup(1);
	tsd_t *seen;
	in_thread(boot_key_late, &seen);
	assert_int_equal(nstates(), 0);
	assert_int_equal(live_in_arenas(5), 0);
}

/* Many at once */

static pthread_barrier_t barrier;

static void *
meet(void *seen)
{
	(void)use_cache(seen);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

TEST(several_threads)
{
	enum { NTHREADS = 8 };
	pthread_t threads[NTHREADS];
	tsd_t *seen[NTHREADS];
	thread_setup(1);
	assert_int_equal(tsd_boot_key(), ERR_NONE);
	pthread_barrier_init(&barrier, NULL, NTHREADS + 1);
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, meet,
				     &seen[i]),
		    0);
	}
	pthread_barrier_wait(&barrier);
	assert_int_equal(nstates(), NTHREADS);
	assert_int_equal(nthreads(0), NTHREADS);
	for (unsigned i = 0; i < NTHREADS; i++) {
		for (unsigned j = 0; j < i; j++) {
			assert_ptr_not_equal(seen[i], seen[j]);
		}
	}
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(nstates(), 0);
	assert_int_equal(live_in_arenas(5), 0);
}

/* In a child only the forking thread's state is left. */
TEST(fork_handlers)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	tsd_prefork();
	tsd_postfork_parent();
	assert_int_equal(nstates(), 1);
	tsd_prefork();
	tsd_postfork_child();
	assert_int_equal(nstates(), 1);
	assert_ptr_equal(tsd_get(), tsd);
}

TEST(options)
{
	opt.tcache = false;
	thread_setup(1);
	assert_false(tsd_get()->cache_enabled);
}

/* A thread is idle from when it was last seen to have done something. */
TEST(idle_since)
{
	thread_setup(1);
	tsd_t *tsd = tsd_get();
	assert_non_null(tsd);
	assert_int_equal(tsd->thread, (uintptr_t)pthread_self());
	(void)tsd_list_lock();
	assert_int_equal(tsd_idle_since(tsd, 1000), 1000);
	assert_int_equal(tsd_idle_since(tsd, 2000), 1000);
	tsd->allocated += 16;
	assert_int_equal(tsd_idle_since(tsd, 3000), 3000);
	tsd->deallocated += 16;
	assert_int_equal(tsd_idle_since(tsd, 4000), 4000);
	assert_int_equal(tsd_idle_since(tsd, 5000), 4000);
	tsd_list_unlock();
}
