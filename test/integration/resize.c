/*
 * resize: realloc keeps contents across every change of class, and large
 * objects grow and shrink in place when they can.
 */
#include "support.h"

static const size_t sizes[] = {1, 8, 9, 16, 48, 112, 320, 1000, 1024, 1025,
    4096, 7000, 10240, 14336, 14337, 16384, 16385, 20480, 32768, 32769, 65536,
    100000, 262144, 262145, 1 << 20, (1 << 20) + 1, 3 << 20, 8 << 20,
    (8 << 20) + 1, 30 << 20};

static void
check_all_transitions(void)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t j = 0; j < COUNT(sizes); j++) {
			size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			unsigned seed = (unsigned)(i * 64 + j);
			char *p = hide(malloc(sizes[i]));
			assert_non_null(p);
			pattern_fill(p, kept, seed);
			p[sizes[i] - 1] = p[sizes[i] - 1];
			p = hide(realloc(p, sizes[j]));
			assert_non_null(p);
			assert_int_equal(malloc_usable_size(p),
			    model_usize(sizes[j]));
			assert_true(pattern_holds(p, kept, seed));
			p[sizes[j] - 1] = 1;
			free(p);
		}
	}
}

TEST(contents_survive_every_transition)
{
	check_all_transitions();
}

TEST_CONF(contents_survive_without_caches, "tcache:false")
{
	check_all_transitions();
}

TEST_CONF(contents_survive_without_retaining, "retain:false")
{
	check_all_transitions();
}

TEST_CONF(contents_survive_immediate_purging, "dirty_decay_ms:0")
{
	check_all_transitions();
}

TEST_CONF(contents_survive_in_the_data_segment, "dss:primary")
{
	check_all_transitions();
}

TEST(the_same_class_stays_in_place)
{
	for (size_t size = 2; size < 2 * MIB; size += size / 8 + 1) {
		void *p = hide(malloc(size));
		size_t usize = malloc_usable_size(p);
		void *q = hide(realloc(p, usize));
		assert_ptr_equal(hide(p), q);
		assert_int_equal(malloc_usable_size(q), usize);
		free(q);
	}
	void *p = hide(malloc(1000));
	void *q = hide(realloc(p, 900));
	assert_ptr_equal(hide(p), q);
	free(q);
}

TEST(large_objects_shrink_in_place)
{
	for (size_t size = 64 * KIB; size <= 16 * MIB; size *= 2) {
		char *p = hide(malloc(size));
		pattern_fill(p, size, 1);
		char *q = hide(realloc(p, size / 2));
		assert_ptr_equal(hide(p), q);
		assert_int_equal(malloc_usable_size(q), size / 2);
		q = hide(realloc(q, size / 2 - TEST_PAGE));
		assert_ptr_equal(hide(p), q);
		assert_int_equal(malloc_usable_size(q), size / 2 - TEST_PAGE);
		assert_true(pattern_holds(q, size / 2 - TEST_PAGE, 1));
		free(q);
	}
}

/* What a shrink has cut off lies right behind and is free. */
TEST(large_objects_grow_back_in_place)
{
	for (size_t size = 64 * KIB; size <= 4 * MIB; size *= 2) {
		char *p = hide(malloc(size));
		pattern_fill(p, size / 4, 2);
		assert_int_equal(xallocx(p, size / 4, 0, 0), size / 4);
		assert_int_equal(xallocx(p, size, 0, 0), size);
		assert_int_equal(malloc_usable_size(p), size);
		memset(p + size / 4, 3, size - size / 4);
		assert_true(pattern_holds(p, size / 4, 2));
		free(p);
	}
}

TEST(doubling_up_to_256_mib_keeps_contents)
{
	size_t size = 1;
	char *p = hide(malloc(size));
	*p = 42;
	while (size < 256 * MIB) {
		size_t grown = size * 2;
		p = hide(realloc(p, grown));
		assert_non_null(p);
		assert_int_equal(p[0], 42);
		/* One byte of every page of the new half is enough. */
		for (size_t at = size; at < grown; at += TEST_PAGE) {
			p[at] = (char)(at / TEST_PAGE * 7 + 1);
		}
		size = grown;
	}
	for (size_t at = TEST_PAGE; at < size; at += TEST_PAGE) {
		assert_int_equal(p[at], (char)(at / TEST_PAGE * 7 + 1));
	}
	free(p);
}

/* Grown byte by byte, as a string builder does it. */
TEST(growing_by_single_bytes)
{
	char *p = NULL;
	for (size_t size = 1; size <= 50000; size++) {
		p = hide(realloc(p, size));
		assert_non_null(p);
		p[size - 1] = (char)(size * 11);
	}
	for (size_t size = 1; size <= 50000; size++) {
		assert_int_equal(p[size - 1], (char)(size * 11));
	}
	free(p);
}

TEST(interleaved_growth)
{
	enum { N = 16 };
	char *live[N] = {NULL};
	size_t bytes[N] = {0};
	for (unsigned step = 0; step < 2000; step++) {
		unsigned i = step * 5 % N;
		size_t next = 1 + (size_t)step * 2654435761u % 400000;
		size_t kept = bytes[i] < next ? bytes[i] : next;
		if (step % 7 == 0) {
			next = next % 200 + 1;
			kept = bytes[i] < next ? bytes[i] : next;
		}
		live[i] = hide(realloc(live[i], next));
		assert_non_null(live[i]);
		assert_true(pattern_holds(live[i], kept, i));
		pattern_fill(live[i], next, i);
		bytes[i] = next;
	}
	for (unsigned i = 0; i < N; i++) {
		assert_true(pattern_holds(live[i], bytes[i], i));
		free(live[i]);
	}
}
