/*
 * switches: what configure can add to the library.
 *
 * Builds without a switch skip its tests; scripts/check makes one with all.
 */
#include "support.h"

#include <pthread.h>

typedef struct {
	void *ptr;
	size_t size;
} smallocx_return_t;

/* No header declares it; the name has the commit in it. */
extern smallocx_return_t smallocx(size_t size, int flags) __asm__(
    HARNESS_PREFIX "smallocx_" JEMALLOC_VERSION_GID) __attribute__((weak));

TEST(smallocx_tells_the_usable_size)
{
	static const int alignments[] = {0, 3, 6, 12, 16};
	if (smallocx == NULL) {
		skip();
	}
	for (size_t size = 1; size < 5 * MIB; size += size / 3 + 1) {
		for (size_t i = 0; i < COUNT(alignments); i++) {
			int flags = MALLOCX_LG_ALIGN(alignments[i]);
			smallocx_return_t got = smallocx(size,
			    flags | MALLOCX_ZERO);
			assert_non_null(got.ptr);
			assert_int_equal(got.size, nallocx(size, flags));
			assert_int_equal(got.size, sallocx(got.ptr, 0));
			assert_true(is_filled_with(got.ptr, 0, got.size));
			assert_true(
			    is_aligned_to(got.ptr, (size_t)1 << alignments[i]));
			sdallocx(got.ptr, size, flags);
		}
	}
}

TEST(smallocx_fails_like_mallocx)
{
	if (smallocx == NULL) {
		skip();
	}
	errno = 77;
	smallocx_return_t got = smallocx(LARGE_MAX + 1, 0);
	assert_null(got.ptr);
	assert_int_equal(got.size, 0);
	assert_int_equal(errno, 77);
}

/* The library's pthread_create, where it has one, creates threads. */
static void *
allocate(void *arg)
{
	return malloc((size_t)arg);
}

TEST(threads_are_created)
{
	bool lazy;
	size_t len = sizeof(lazy);
	assert_int_equal(mallctl("config.lazy_lock", &lazy, &len, NULL, 0), 0);
	for (size_t i = 1; i < 20; i++) {
		pthread_t thread;
		void *got;
		assert_int_equal(pthread_create(&thread, NULL, allocate,
				     (void *)(i * 999)),
		    0);
		assert_int_equal(pthread_join(thread, &got), 0);
		assert_true(malloc_usable_size(got) >= i * 999);
		free(got);
	}
}
