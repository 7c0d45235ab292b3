/*
 * misuse: every wrong release is named, with its pointer, and the process
 * dies; at the latest when it exits, because what is still cached is checked
 * there.  Each case runs in a child of its own.
 */
#include "cxx_ops.h"
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

static const size_t sizes[] = {1, 8, 16, 100, 700, 1000, 4096, 10240, 14336,
    20480, 32768, 100000, 307200, 1 << 20, 5 << 20, 9 << 20, 40 << 20};

static const size_t small_sizes[] = {64, 112, 320, 1024, 4096, 14336};
static const size_t large_sizes[] = {20480, 307200, 5 << 20, 9 << 20};

static char in_data[4096] __attribute__((aligned(4096))) = {1};
static const char in_text[64] __attribute__((aligned(64))) = {1};

/*
 * Foreign pointers.  What is done with them is a parameter of each case.
 */
typedef void misuse_t(void *ptr);

static void
by_free(void *ptr)
{
	free(ptr);
}

static void
by_realloc(void *ptr)
{
	ptr = realloc(ptr, 1000);
	hide(ptr);
}

static void
by_usable_size(void *ptr)
{
	hide_size(malloc_usable_size(ptr));
}

static void
by_dallocx(void *ptr)
{
	dallocx(ptr, MALLOCX_TCACHE_NONE);
}

static void
by_rallocx(void *ptr)
{
	ptr = rallocx(ptr, 1000, 0);
	hide(ptr);
}

static void
by_delete(void *ptr)
{
	_ZdlPv(ptr);
}

typedef struct {
	misuse_t *call;
	const char *name;
	bool releases;
} use_t;

static const use_t uses[] = {{by_free, "free", true},
    {by_realloc, "realloc", false},
    {by_usable_size, "malloc_usable_size", false},
    {by_dallocx, "dallocx", true}, {by_rallocx, "rallocx", false},
    {by_delete, "delete", true}};

typedef struct {
	const use_t *use;
	size_t size;
	size_t offset;
	void *ptr;
} case_t;

static void
use_it(const case_t *c, void *ptr)
{
	blame(ptr, "%s, size %zu, offset %zu", c->use->name, c->size,
	    c->offset);
	c->use->call(hide(ptr));
}

static void
use_stack(void *arg)
{
	char on_stack[64] = {1};
	use_it(arg, (char *)hide(on_stack) + ((case_t *)arg)->offset);
}

static void
use_given(void *arg)
{
	const case_t *c = arg;
	/* The allocator must have started; one live object is enough. */
	hide(malloc(100));
	use_it(c, c->ptr);
}

static void
use_mapped(void *arg)
{
	const case_t *c = arg;
	char *map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	use_it(c, map + c->offset);
}

static void
use_unmapped(void *arg)
{
	const case_t *c = arg;
	char *map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED && munmap(map, 4 * MIB) == 0);
	use_it(c, map + c->offset);
}

static void
use_interior(void *arg)
{
	const case_t *c = arg;
	char *p = hide(malloc(c->size));
	CHECK(p != NULL);
	memset(p, 1, c->size);
	use_it(c, p + c->offset);
}

/* A library without the C++ operators has fewer ways. */
static bool
is_there(misuse_t *call)
{
	return call != by_delete || _ZdlPv != NULL;
}

static void
all_uses(void (*fn)(void *), case_t c)
{
	for (size_t i = 0; i < COUNT(uses); i++) {
		if (!is_there(uses[i].call)) {
			continue;
		}
		c.use = &uses[i];
		assert_fault(fn, &c, FAULT_INVALID);
	}
}

TEST(pointer_to_the_stack)
{
	all_uses(use_stack, (case_t){.offset = 0});
	all_uses(use_stack, (case_t){.offset = 16});
}

TEST(pointer_to_data)
{
	all_uses(use_given, (case_t){.ptr = in_data});
	all_uses(use_given, (case_t){.ptr = in_data + 16});
}

TEST(pointer_to_constants_and_code)
{
	all_uses(use_given, (case_t){.ptr = (void *)(uintptr_t)in_text});
	all_uses(use_given, (case_t){.ptr = (void *)(uintptr_t)use_given});
}

TEST(pointer_to_a_mapping)
{
	all_uses(use_mapped, (case_t){.offset = 0});
	all_uses(use_mapped, (case_t){.offset = 64});
	all_uses(use_mapped, (case_t){.offset = 2 * MIB});
}

TEST(pointer_to_nothing)
{
	all_uses(use_unmapped, (case_t){.offset = 0});
	all_uses(use_unmapped, (case_t){.offset = 4096});
}

TEST(pointer_that_is_garbage)
{
	static const uintptr_t garbage[] = {0x1, 0x8, 0x10, 0xfff, 0x1000,
	    0xdeadbeef, 0xdeadbeef000, 0x7fffffffffff, 0x7ffffffff000,
	    0x800000000000, 0xdeadbeefdeadbeef, 0x4141414141414141,
	    0x8000000000000000, 0xffff800000000000, 0xfffffffffffff000,
	    0xffffffffffffffff};
	for (size_t i = 0; i < COUNT(garbage); i++) {
		all_uses(use_given, (case_t){.ptr = (void *)garbage[i]});
	}
}

TEST(pointer_into_a_small_object)
{
	for (size_t i = 0; i < COUNT(small_sizes); i++) {
		size_t size = small_sizes[i];
		const size_t offsets[] = {1, 8, 16, 32, size / 2, size - 1};
		for (size_t j = 0; j < COUNT(offsets); j++) {
			for (size_t k = 0; k < COUNT(uses); k++) {
				case_t c = {&uses[k], size, offsets[j], NULL};
				if (uses[k].releases &&
				    is_there(uses[k].call)) {
					assert_fault(use_interior, &c,
					    FAULT_INVALID);
				}
			}
		}
	}
}

TEST(pointer_into_a_large_object)
{
	for (size_t i = 0; i < COUNT(large_sizes); i++) {
		size_t size = large_sizes[i];
		const size_t offsets[] = {1, 8, 16, 64, 4096, size / 2,
		    size - 64, size - 1};
		for (size_t j = 0; j < COUNT(offsets); j++) {
			all_uses(use_interior,
			    (case_t){.size = size, .offset = offsets[j]});
		}
	}
}

/*
 * Double frees.
 */
static void
double_free_at_once(void *arg)
{
	void *p = hide(malloc(*(size_t *)arg));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	free(again);
}

TEST(double_free_of_every_kind)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(double_free_at_once, &size, FAULT_DOUBLE_FREE);
	}
}

TEST_CONF(double_free_without_caches, "tcache:false")
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(double_free_at_once, &size, FAULT_DOUBLE_FREE);
	}
}

static void
double_free_past_the_cache(void *arg)
{
	void *p = hide(mallocx(*(size_t *)arg, 0));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	dallocx(p, MALLOCX_TCACHE_NONE);
	dallocx(again, MALLOCX_TCACHE_NONE);
}

TEST(double_free_past_the_cache_is_seen)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(double_free_past_the_cache, &size,
		    FAULT_DOUBLE_FREE);
	}
}

enum { OTHERS = 1000, MEMORY_LIMIT = 200 << 20 };

static void
double_free_later(void *arg)
{
	size_t size = *(size_t *)arg;
	void *others[OTHERS];
	size_t count = size * OTHERS > MEMORY_LIMIT ? MEMORY_LIMIT / size
						    : OTHERS;
	for (size_t i = 0; i < count; i++) {
		others[i] = hide(malloc(size));
	}
	void *p = hide(malloc(size));
	void *again = hide(p);
	blame(p, "size %zu", size);
	free(p);
	for (size_t i = 0; i < count; i++) {
		free(others[i]);
	}
	free(again);
}

TEST(double_free_after_many_other_frees)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		/* The pages may have gone back in the meantime. */
		assert_fault_either(double_free_later, &size, FAULT_DOUBLE_FREE,
		    FAULT_INVALID);
	}
}

/* A-B-A, the form that fools a look at the last pointer. */
static void
double_free_around_another(void *arg)
{
	void *p = hide(malloc(*(size_t *)arg));
	void *q = hide(malloc(*(size_t *)arg));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	free(q);
	free(again);
}

TEST(double_free_around_another_free)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(double_free_around_another, &size,
		    FAULT_DOUBLE_FREE);
	}
}

/*
 * A thread that frees what it is given.  It is there before the block is, since
 * starting it allocates and might take pages that the first free gave up.
 */
typedef struct {
	pthread_t thread;
	sem_t asked, done;
	void *ptr;
} freer_t;

static void *
freer_run(void *arg)
{
	freer_t *freer = arg;
	free(hide(malloc(1)));
	sem_post(&freer->done);
	for (;;) {
		sem_wait(&freer->asked);
		if (freer->ptr == NULL) {
			return NULL;
		}
		free(freer->ptr);
		sem_post(&freer->done);
	}
}

static void
freer_start(freer_t *freer)
{
	CHECK(sem_init(&freer->asked, 0, 0) == 0);
	CHECK(sem_init(&freer->done, 0, 0) == 0);
	CHECK(pthread_create(&freer->thread, NULL, freer_run, freer) == 0);
	sem_wait(&freer->done);
}

static void
freer_free(freer_t *freer, void *ptr)
{
	freer->ptr = ptr;
	sem_post(&freer->asked);
	sem_wait(&freer->done);
}

static void
freer_stop(freer_t *freer)
{
	freer->ptr = NULL;
	sem_post(&freer->asked);
	CHECK(pthread_join(freer->thread, NULL) == 0);
}

static void
double_free_here_then_there(void *arg)
{
	freer_t freer;
	freer_start(&freer);
	void *p = hide(malloc(*(size_t *)arg));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	freer_free(&freer, again);
	freer_stop(&freer);
}

static void
double_free_there_then_here(void *arg)
{
	freer_t freer;
	freer_start(&freer);
	void *p = hide(malloc(*(size_t *)arg));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	freer_free(&freer, p);
	free(again);
	freer_stop(&freer);
}

static void
double_free_in_two_threads(void *arg)
{
	freer_t one, two;
	freer_start(&one);
	freer_start(&two);
	void *p = hide(malloc(*(size_t *)arg));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	freer_free(&one, p);
	freer_free(&two, again);
	freer_stop(&one);
	freer_stop(&two);
}

static void
check_double_free_across_threads(void)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		/* The first one's thread may have ended, and flushed. */
		assert_fault_either(double_free_here_then_there, &size,
		    FAULT_DOUBLE_FREE, FAULT_INVALID);
		assert_fault_either(double_free_there_then_here, &size,
		    FAULT_DOUBLE_FREE, FAULT_INVALID);
		assert_fault_either(double_free_in_two_threads, &size,
		    FAULT_DOUBLE_FREE, FAULT_INVALID);
	}
}

TEST(double_free_across_threads)
{
	check_double_free_across_threads();
}

TEST_CONF(double_free_across_threads_when_junk_is_filled, "junk:true")
{
	check_double_free_across_threads();
}

TEST_CONF(double_free_across_threads_and_arenas, "narenas:8")
{
	check_double_free_across_threads();
}

static pthread_barrier_t freed;

static void *
thread_frees_and_waits(void *ptr)
{
	void *again = hide(ptr);
	free(ptr);
	free(again);
	pthread_barrier_wait(&freed);
	pause();
	return NULL;
}

/* The cache of a thread that is alive, and asleep, at exit. */
static void
double_free_in_a_sleeping_thread(void *arg)
{
	pthread_t thread;
	void *p = hide(malloc(*(size_t *)arg));
	blame(p, "size %zu", *(size_t *)arg);
	pthread_barrier_init(&freed, NULL, 2);
	CHECK(pthread_create(&thread, NULL, thread_frees_and_waits, p) == 0);
	pthread_barrier_wait(&freed);
}

TEST(double_free_by_a_thread_that_sleeps_at_exit)
{
	for (size_t i = 0; i < COUNT(small_sizes); i++) {
		size_t size = small_sizes[i];
		assert_fault(double_free_in_a_sleeping_thread, &size,
		    FAULT_DOUBLE_FREE);
	}
}

static void
double_free_after_realloc(void *arg)
{
	size_t size = *(size_t *)arg;
	void *p = hide(malloc(size));
	void *old = hide(p);
	void *barrier = hide(malloc(size));
	p = hide(realloc(p, size * 3 + 100));
	CHECK(p != NULL && barrier != NULL);
	if (p == old) {
		/* Grown in place: nothing is wrong then, so make it so. */
		free(p);
	}
	blame(old, "size %zu", size);
	free(old);
}

TEST(double_free_after_realloc_moved)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		/* The pages of a large one may have been moved away. */
		assert_fault_either(double_free_after_realloc, &size,
		    FAULT_DOUBLE_FREE, FAULT_INVALID);
	}
}

static void
realloc_of_freed(void *arg)
{
	size_t size = *(size_t *)arg;
	void *p = hide(malloc(size));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	p = hide(realloc(again, size * 3 + 100));
}

TEST(realloc_of_a_freed_object)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(realloc_of_freed, &size, FAULT_DOUBLE_FREE);
	}
}

static void
realloc_of_freed_to_the_same_size(void *arg)
{
	size_t size = *(size_t *)arg;
	void *p = hide(malloc(size));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	free(hide(realloc(again, size)));
}

TEST(realloc_of_a_freed_object_in_its_class)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(realloc_of_freed_to_the_same_size, &size,
		    FAULT_DOUBLE_FREE);
	}
}

static void
double_free_sized(void *arg)
{
	size_t size = *(size_t *)arg;
	void *p = hide(malloc(size));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	sdallocx(p, size, 0);
	sdallocx(again, size, 0);
}

TEST(double_free_by_sized_calls)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];
		assert_fault(double_free_sized, &size, FAULT_DOUBLE_FREE);
	}
}

static void
double_free_aligned(void *arg)
{
	void *p = hide(aligned_alloc(*(size_t *)arg, 100));
	void *again = hide(p);
	blame(p, "size %zu", *(size_t *)arg);
	free(p);
	free(again);
}

TEST(double_free_of_aligned_objects)
{
	for (size_t align = 16; align <= 4 * MIB; align *= 4) {
		assert_fault(double_free_aligned, &align, FAULT_DOUBLE_FREE);
	}
}

/*
 * Wrong sizes.
 */
typedef struct {
	size_t true_size;
	size_t said_size;
	void (*release)(void *ptr, size_t size);
} wrong_t;

static void
by_free_sized(void *ptr, size_t size)
{
	free_sized(ptr, size);
}

static void
by_sdallocx(void *ptr, size_t size)
{
	sdallocx(ptr, size, 0);
}

static void
by_sdallocx_uncached(void *ptr, size_t size)
{
	sdallocx(ptr, size, MALLOCX_TCACHE_NONE);
}

static void
by_sized_delete(void *ptr, size_t size)
{
	_ZdlPvm(ptr, size);
}

static void
by_sized_delete_array(void *ptr, size_t size)
{
	_ZdaPvm(ptr, size);
}

static void
release_wrongly(void *arg)
{
	const wrong_t *wrong = arg;
	void *p = hide(malloc(wrong->true_size));
	CHECK(p != NULL);
	blame(p, "size %zu said to be %zu", wrong->true_size, wrong->said_size);
	wrong->release(p, wrong->said_size);
}

TEST(wrong_size_of_a_sized_release)
{
	static const size_t pairs[][2] = {{64, 200}, {200, 64}, {8, 16},
	    {16, 8}, {100, 113}, {100, 96}, {4096, 14336}, {100, 20480},
	    {20480, 100}, {14336, 16384}, {16384, 14336}, {20480, 24576},
	    {307200, 20480}, {307200, 5 << 20}, {5 << 20, 307200},
	    {9 << 20, 100}, {100, 9 << 20}};
	static void (*const releases[])(void *, size_t) = {by_free_sized,
	    by_sdallocx, by_sdallocx_uncached, by_sized_delete,
	    by_sized_delete_array};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		for (size_t j = 0; j < COUNT(releases); j++) {
			bool is_cxx = releases[j] == by_sized_delete ||
			    releases[j] == by_sized_delete_array;
			if (is_cxx &&
			    (_ZdlPv == NULL || pairs[i][1] < pairs[i][0])) {
				/* Too little is no fault there: see below. */
				continue;
			}
			wrong_t wrong = {pairs[i][0], pairs[i][1], releases[j]};
			assert_fault(release_wrongly, &wrong, FAULT_SIZE);
		}
	}
}

/*
 * Objects that are deleted as one of their parts, which real programs do (and
 * get away with): all of the block is free again, and in its own class.
 */
TEST(sized_delete_of_less_than_the_object)
{
	static const size_t pairs[][2] = {{28, 16}, {200, 1}, {4096, 8},
	    {14336, 4096}, {20480, 100}, {307200, 20480}, {9 << 20, 64}};
	static void (*const releases[])(void *, size_t) = {by_sized_delete,
	    by_sized_delete_array};
	if (_ZdlPv == NULL) {
		skip();
	}
	for (size_t i = 0; i < COUNT(pairs); i++) {
		for (size_t j = 0; j < COUNT(releases); j++) {
			wrong_t wrong = {pairs[i][0], pairs[i][1], releases[j]};
			if (HARNESS_SIZE_CHECKS) {
				assert_fault(release_wrongly, &wrong,
				    FAULT_SIZE);
				continue;
			}
			uint64_t before, after;
			size_t len = sizeof(before);
			mallctl("thread.deallocated", &before, &len, NULL, 0);
			releases[j](hide(malloc(pairs[i][0])), pairs[i][1]);
			mallctl("thread.deallocated", &after, &len, NULL, 0);
			assert_int_equal(after - before,
			    model_usize(wrong.true_size));
		}
	}
}

static void
free_sized_foreign(void *arg)
{
	hide(malloc(100));
	blame(arg, "free_sized");
	free_sized(hide(arg), 100);
}

TEST(sized_release_of_a_foreign_pointer)
{
	static void *const foreign[] = {in_data, (void *)0x10,
	    (void *)0xdeadbeef000, (void *)0xdeadbeefdeadbeef};
	for (size_t i = 0; i < COUNT(foreign); i++) {
		assert_fault(free_sized_foreign, foreign[i], FAULT_INVALID);
	}
}

/* What is cached when a thread ends is checked then, or at exit. */
static void *
thread_frees_interior(void *ptr)
{
	free(ptr);
	return NULL;
}

static void
interior_in_thread(void *arg)
{
	(void)arg;
	char *p = hide(malloc(64));
	pthread_t thread;
	blame(p + 16, "16 into 64 bytes");
	CHECK(pthread_create(&thread, NULL, thread_frees_interior,
		  hide(p + 16)) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

TEST(pointer_into_an_object_freed_by_another_thread)
{
	assert_fault(interior_in_thread, NULL, FAULT_INVALID);
}
