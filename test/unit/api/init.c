#include "api/init.h"

#include "support/harness.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/entry.h"
#include "arena/arenas.h"
#include "support/os_calls_fault.h"

static int state_at_load = -1;

/* Nothing has been allocated so far. */
__attribute__((constructor)) static void
note_state(void)
{
	state_at_load = atomic_load(&init_state);
}

/* There with a sanitizer of undefined behaviour, which allocates as it loads. */
extern void __ubsan_handle_add_overflow(void) __attribute__((weak));

/* Without options, loading the program starts nothing. */
TEST(waits_for_first_call)
{
	if (__ubsan_handle_add_overflow != NULL) {
		print_message("the sanitizer has allocated\n");
		skip();
	}
	assert_int_equal(state_at_load, INIT_NONE);
}

/* The first call starts the allocator, once and for all. */
TEST(ready)
{
	assert_true(init_done());
	assert_int_equal(atomic_load(&init_state), INIT_READY);
	arena_t *arena = arenas_get(0);
	assert_non_null(arena);
	assert_true(init_slow());
	assert_ptr_equal(arenas_get(0), arena);
}

static void *
start(void *arg)
{
	*(bool *)arg = init_slow();
	return NULL;
}

/* Several threads may find it unfinished: one of them goes on. */
TEST(several_threads)
{
	enum { NTHREADS = 4 };
	pthread_t threads[NTHREADS];
	bool ready[NTHREADS] = {false};
	/* Where malloc is not ours, this is the first call. */
	assert_true(init_done());
	arena_t *arena = arenas_get(0);
	assert_non_null(arena);
	/* As after a start that failed when all else was there. */
	atomic_store(&init_state, INIT_NONE);
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, start,
				     &ready[i]),
		    0);
	}
	for (unsigned i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(ready[i]);
	}
	assert_int_equal(atomic_load(&init_state), INIT_READY);
	assert_ptr_equal(arenas_get(0), arena);
}

/* Options are in force before anything is served. */
TEST_CONF(options_are_read, "narenas:3,tcache:false,dirty_decay_ms:77")
{
	assert_int_equal(arenas_nauto(), 3);
	assert_int_equal(pac_dirty_decay_ms(&arenas_get(0)->pac), 77);
	assert_false(tsd_get()->cache_enabled);
}

static void
double_free_late(void *arg)
{
	/* Still in the cache when the process ends. */
	void *p = je_malloc(40);
	void *volatile again = p;
	je_free(p);
	je_free(again);
	(void)arg;
	exit(0);
}

/* What is still cached at the end is checked then. */
TEST_CONF(cache_is_checked_at_exit, "junk:false,debug_double_free_max_scan:0")
{
	assert_dies(double_free_late, NULL, "double free");
}
