#include "api/checked.h"

#include "support/faults.h"
#include "support/harness.h"

#include <string.h>

#include "api/entry.h"
#include "platform/fatal.h"
#include "thread/tcache.h"
#include "support/os_calls_fault.h"

static char *
hide(void *ptr)
{
	__asm__ volatile("" : "+r"(ptr) : : "memory");
	return ptr;
}

/* Sizes are what they are without the option. */
TEST_CONF(sizes, "check:true")
{
	for (size_t size = 1; size < 300000; size += 1 + size / 7) {
		void *ptr = je_malloc(size);
		assert_int_equal(je_malloc_usable_size(ptr),
		    size_class_usize(size));
		memset(ptr, 1, size_class_usize(size));
		je_sdallocx(ptr, size, 0);
		ptr = je_aligned_alloc(256, size);
		assert_true(is_aligned((uintptr_t)ptr, 256));
		assert_int_equal(je_sallocx(ptr, 0),
		    size_class_aligned_usize(size, 256));
		je_free(ptr);
	}
	assert_null(je_malloc(SC_LARGE_MAX));
	assert_null(je_malloc(SC_LARGE_MAX - 1));
}

TEST_CONF(contents, "check:true")
{
	for (size_t size = 1; size < 300000; size += 1 + size / 3) {
		char *ptr = je_calloc(1, size);
		size_t usize = je_malloc_usable_size(ptr);
		for (size_t i = 0; i < usize; i++) {
			assert_int_equal(ptr[i], 0);
		}
		memset(ptr, 7, usize);
		char *moved = je_realloc(ptr, 2 * size);
		assert_ptr_not_equal(moved, ptr);
		for (size_t i = 0; i < usize && i < 2 * size; i++) {
			assert_int_equal(moved[i], 7);
		}
		moved = je_rallocx(moved, 1, 0);
		assert_int_equal(moved[0], 7);
		assert_int_equal(je_xallocx(moved, 100000, 0, 0), 8);
		je_dallocx(moved, 0);
	}
}

/* Also within a class, where a block would stay otherwise. */
TEST_CONF(resizing_moves, "check:true")
{
	static const size_t sizes[] = {1, 100, 4000, 5000, 20000, 300000};
	for (unsigned i = 0; i < 6; i++) {
		void *ptr = je_malloc(sizes[i]);
		assert_ptr_not_equal(je_realloc(ptr, sizes[i] + 1), ptr);
		ptr = je_malloc(sizes[i]);
		assert_ptr_not_equal(je_rallocx(ptr, sizes[i], 0), ptr);
	}
}

/* Not so many that the process runs out of mappings. */
TEST_CONF(samples_are_limited, "check:true")
{
	unsigned n = 0;
	for (unsigned i = 0; i < 400000; i++) {
		edata_t *edata = pagemap_extent(je_malloc(24));
		n += edata != NULL && edata->guarded;
	}
	assert_int_equal(n, CHECK_SAMPLES_MAX);
}

/* With a handler that returns, the program goes on. */
TEST_CONF(faults, "check:true")
{
	fatal_hook = note_fault;
	char *ptr = hide(je_malloc(100));
	ptr[100] = 1;
	je_free(ptr);
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault, "up to 1 bytes behind its end"));
	je_free(ptr);
	assert_int_equal(nfaults, 2);
	assert_non_null(strstr(last_fault, "double free"));
	assert_null(je_realloc(ptr, 10));
	assert_int_equal(nfaults, 3);
	assert_int_equal(je_malloc_usable_size(ptr), 0);
	assert_int_equal(nfaults, 4);
	char *other = je_malloc(100);
	je_sdallocx(other, 1000, 0);
	assert_int_equal(nfaults, 5);
	assert_non_null(strstr(last_fault, "size mismatch"));
	je_free(other);
	assert_int_equal(nfaults, 5);
}

TEST_CONF(no_memory, "check:true")
{
	for (uint64_t n = 1;; n++) {
		os_fault_arm(n);
		for (unsigned i = 0; i < 2000; i++) {
			size_t size = i % 100 == 0 ? 50000 : i;
			void *ptr = je_malloc(size);
			if (ptr != NULL) {
				memset(ptr, 1, size);
			}
			je_free(ptr);
		}
		if (os_fault_disarm() == 0) {
			break;
		}
		assert_true(arenas_verify());
	}
}

TEST_CONF(double_free_in_the_cache, "junk:false,debug_double_free_max_scan:4")
{
	fatal_hook = note_fault;
	void *ptr = je_malloc(100), *others[5];
	for (unsigned i = 0; i < 5; i++) {
		others[i] = je_malloc(100);
	}
	je_free(ptr);
	je_free(hide(ptr));
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault,
	    "Invalid deallocation detected: double free of pointer 0x"));
	/* Further down nobody looks. */
	for (unsigned i = 0; i < 4; i++) {
		je_free(others[i]);
	}
	je_free(hide(ptr));
	assert_int_equal(nfaults, 1);
	/* It is found when the cache is flushed. */
	tcache_flush(tsd_own());
	assert_int_equal(nfaults, 2);
	je_free(others[4]);
}

TEST_CONF(stash, "junk:false,lg_san_uaf_align:12,debug_double_free_max_scan:0")
{
	fatal_hook = note_fault;
	char *aligned = hide(je_aligned_alloc(4096, 4096));
	char *other = hide(je_malloc(100));
	if (((uintptr_t)other & 4095) == 0) {
		other = hide(je_malloc(100));
	}
	je_free(aligned);
	je_free(other);
	assert_int_equal(aligned[0], 0x5b);
	assert_int_not_equal(other[0], 0x5b);
	aligned[5] = 0;
	tcache_flush(tsd_own());
	assert_int_equal(nfaults, 1);
	assert_non_null(strstr(last_fault, "(size 4096)."));
}
