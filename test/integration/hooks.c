/*
 * hooks: functions of the program that see every call.
 */
#include "mallctl_support.h"

#include <malloc.h>
#include <pthread.h>

typedef struct {
	char kind; /* a, d or e; 0: nothing was called */
	int type;
	void *ptr;
	uintptr_t raw;
	uintptr_t args[4];
	size_t old_usize, new_usize;
} event_t;

static event_t events[64];
static unsigned nevents;

static event_t *
event_new(char kind, void *extra, int type, void *ptr)
{
	if (extra != events) {
		abort();
	}
	/* What a hook does itself is not seen. */
	free(hide(malloc(100)));
	free(hide(realloc(hide(malloc(8)), 100000)));
	event_t *e = &events[nevents++ % COUNT(events)];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->type = type;
	e->ptr = ptr;
	return e;
}

static void
on_alloc(void *extra, int type, void *result, uintptr_t raw, uintptr_t args[3])
{
	event_t *e = event_new('a', extra, type, result);
	e->raw = raw;
	memcpy(e->args, args, 3 * sizeof(args[0]));
}

static void
on_dalloc(void *extra, int type, void *addr, uintptr_t args[3])
{
	event_t *e = event_new('d', extra, type, addr);
	memcpy(e->args, args, 3 * sizeof(args[0]));
}

static void
on_expand(void *extra, int type, void *addr, size_t old_usize, size_t new_usize,
    uintptr_t raw, uintptr_t args[4])
{
	event_t *e = event_new('e', extra, type, addr);
	e->raw = raw;
	e->old_usize = old_usize;
	e->new_usize = new_usize;
	memcpy(e->args, args, 4 * sizeof(args[0]));
}

typedef struct {
	void (*alloc)(void *, int, void *, uintptr_t, uintptr_t[3]);
	void (*dalloc)(void *, int, void *, uintptr_t[3]);
	void (*expand)(void *, int, void *, size_t, size_t, uintptr_t,
	    uintptr_t[4]);
	void *extra;
} hooks_t;

static hooks_t hooks = {on_alloc, on_dalloc, on_expand, events};

static void *
install(void)
{
	void *handle = NULL;
	size_t length = sizeof(handle);
	assert_int_equal(mallctl("experimental.hooks.install", &handle, &length,
			     &hooks, sizeof(hooks)),
	    0);
	assert_non_null(handle);
	return handle;
}

/* Number n from the last one back is this; what came after is forgotten. */
#define saw(n, kind_, type_, ptr_, arg0, arg1)                                 \
	do {                                                                   \
		assert_true(nevents > (n));                                    \
		event_t *e_ = &events[(nevents - 1 - (n)) % COUNT(events)];    \
		assert_int_equal(e_->kind, kind_);                             \
		assert_int_equal(e_->type, type_);                             \
		assert_ptr_equal(e_->ptr, ptr_);                               \
		assert_int_equal(e_->args[0], (uintptr_t)(arg0));              \
		assert_int_equal(e_->args[1], (uintptr_t)(arg1));              \
	} while (0)

static unsigned seen;

#define saw_count(n)                                                           \
	do {                                                                   \
		assert_int_equal(nevents - seen, n);                           \
		seen = nevents;                                                \
	} while (0)

TEST(standard_calls_are_seen)
{
	install();
	void *p = hide(malloc(10));
	saw(0, 'a', 0, p, 10, 0);
	free(p);
	saw(0, 'd', 0, p, p, 0);
	p = hide(calloc(3, 20));
	saw(0, 'a', 3, p, 3, 20);
	free(p);
	p = hide(aligned_alloc(64, 100));
	saw(0, 'a', 2, p, 64, 100);
	free(p);
	p = hide(memalign(64, 100));
	saw(0, 'a', 4, p, 64, 100);
	free(p);
	p = hide(valloc(100));
	saw(0, 'a', 5, p, 100, 0);
	free(p);
	p = hide(pvalloc(100));
	saw(0, 'a', 6, p, 100, 0);
	free(p);
	saw_count(12);
	assert_int_equal(posix_memalign(&p, 128, 1000), 0);
	saw(0, 'a', 1, p, &p, 128);
	assert_int_equal(events[(nevents - 1) % COUNT(events)].raw, 0);
	free_sized(p, 1024);
	saw(0, 'd', 2, p, p, 1024);
	free(NULL);
	saw_count(2);
	assert_int_equal(posix_memalign(&p, 3, 1000), EINVAL);
	saw(0, 'a', 1, NULL, &p, 3);
	assert_int_equal(events[(nevents - 1) % COUNT(events)].raw, EINVAL);
	assert_null(hide(malloc(hide_size(SIZE_MAX))));
	saw(0, 'a', 0, NULL, SIZE_MAX, 0);
	p = hide(malloc(100000));
	saw(0, 'a', 0, p, 100000, 0);
	free(p);
	saw(0, 'd', 0, p, p, 0);
	saw_count(4);
}

TEST(resizing_is_seen)
{
	install();
	void *p = hide(realloc(NULL, 100));
	saw(0, 'a', 8, p, NULL, 100);
	assert_ptr_equal(hide(realloc(p, 105)), p);
	saw(0, 'e', 0, p, p, 105);
	saw_count(2);
	memset(p, 7, 105);
	void *q = hide(realloc(p, 1000));
	saw(1, 'a', 8, q, p, 1000);
	saw(0, 'd', 3, p, p, 1000);
	assert_true(is_filled_with(q, 7, 105));
	saw_count(2);
	assert_null(hide(realloc(q, 0)));
	saw(0, 'd', 3, q, q, 0);
	saw_count(1);
	/* Large blocks shrink in place. */
	p = hide(mallocx(500000, 0));
	saw(0, 'a', 7, p, 500000, 0);
	q = hide(rallocx(p, 200000, 0));
	assert_ptr_equal(p, q);
	saw(0, 'e', 1, p, p, 200000);
	assert_int_equal(xallocx(p, 100000, 0, 0), 102400);
	saw(0, 'e', 2, p, p, 100000);
	event_t *e = &events[(nevents - 1) % COUNT(events)];
	assert_int_equal(e->raw, 102400);
	assert_int_equal(e->new_usize, 102400);
	assert_int_equal(e->old_usize, 200704);
	saw_count(3);
	q = hide(rallocx(p, 100, 0));
	saw(1, 'a', 9, q, p, 100);
	saw(0, 'd', 4, p, p, 100);
	dallocx(q, 0);
	saw(0, 'd', 1, q, q, 0);
	p = hide(mallocx(40, MALLOCX_ALIGN(32)));
	sdallocx(p, 40, MALLOCX_ALIGN(32));
	saw(0, 'd', 2, p, p, 40);
	assert_null(hide(realloc(NULL, hide_size(SIZE_MAX))));
	saw(0, 'a', 8, NULL, NULL, SIZE_MAX);
}

TEST(hooks_come_and_go)
{
	void *handles[4], *handle, *none = NULL;
	size_t length = sizeof(handle);
	for (int i = 0; i < 4; i++) {
		handles[i] = install();
	}
	assert_int_equal(mallctl("experimental.hooks.install", &handle, &length,
			     &hooks, sizeof(hooks)),
	    EAGAIN);
	free(hide(malloc(10)));
	saw_count(8);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(CTL_PUT(handles[i],
				     "experimental.hooks.remove"),
		    0);
		free(hide(malloc(10)));
		saw_count(2u * (3 - (unsigned)i));
	}
	for (int i = 0; i < 100; i++) {
		free(hide(malloc((size_t)i * 100)));
	}
	saw_count(0);
	assert_int_equal(CTL_PUT(none, "experimental.hooks.remove"), EINVAL);
	assert_int_equal(mallctl("experimental.hooks.remove", NULL, NULL, NULL,
			     0),
	    EINVAL);
	assert_int_equal(mallctl("experimental.hooks.install", NULL, NULL,
			     &hooks, sizeof(hooks)),
	    EINVAL);
	assert_int_equal(mallctl("experimental.hooks.install", &handle, &length,
			     NULL, 0),
	    EINVAL);
	hooks_t partly = {NULL, on_dalloc, NULL, events};
	assert_int_equal(mallctl("experimental.hooks.install", &handle, &length,
			     &partly, sizeof(partly)),
	    0);
	free(hide(malloc(10)));
	saw_count(1);
}

/* Another thread: from its first call, or at a slow one if it runs already. */
static unsigned counted;

static void
count_alloc(void *extra, int type, void *result, uintptr_t raw,
    uintptr_t args[3])
{
	__atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
}

static void *
allocate_some(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		free(hide(malloc(100)));
	}
	return NULL;
}

TEST(other_threads_are_seen)
{
	pthread_t threads[3];
	void *handle;
	size_t length = sizeof(handle);
	hooks_t counter = {count_alloc, NULL, NULL, NULL};
	assert_int_equal(mallctl("experimental.hooks.install", &handle, &length,
			     &counter, sizeof(counter)),
	    0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_create(&threads[i], NULL, allocate_some, NULL);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
	assert_in_range(counted, 30000, 30100);
}
