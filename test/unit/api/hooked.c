#include "api/hooked.h"

#include "support/harness.h"

#include <string.h>

#include "api/entry.h"

#define MIB ((size_t)1 << 20)

/* Letters of what was called, in order. */
static char trail[32];
static void *freed_contents;

static void
add(char letter)
{
	size_t length = strlen(trail);
	assert_true(length + 1 < sizeof(trail));
	trail[length] = letter;
}

static void
note_alloc(void *extra, int type, void *result, uintptr_t raw,
    uintptr_t args[3])
{
	add(result == NULL ? 'n' : 'a');
}

static void
note_dalloc(void *extra, int type, void *addr, uintptr_t args[3])
{
	/* It is not freed yet. */
	freed_contents = *(void **)addr;
	add('d');
}

static void
note_expand(void *extra, int type, void *addr, size_t old_usize,
    size_t new_usize, uintptr_t raw, uintptr_t args[4])
{
	add('e');
}

static void
assert_trail(const char *letters)
{
	assert_string_equal(trail, letters);
	memset(trail, 0, sizeof(trail));
}

static void
install(void)
{
	static const hook_t hook = {note_alloc, note_dalloc, note_expand, NULL};
	/* The allocator must be up. */
	je_free(je_malloc(1));
	assert_non_null(hook_install(&hook));
}

static void *
resize(void *ptr, size_t size)
{
	return hooked_resize(ptr, size, &ALLOC_PLAIN, &hooked_realloc,
	    HOOK_ARGS((uintptr_t)ptr, size));
}

TEST_CONF(resizing_in_steps, "junk:false")
{
	install();
	void **p = resize(NULL, 100);
	assert_trail("a");
	*p = &trail;
	assert_ptr_equal(resize(p, 112), p);
	assert_trail("e");
	p = resize(p, 113);
	assert_trail("ad");
	assert_ptr_equal(*p, &trail);
	assert_ptr_equal(freed_contents, &trail);
	p = resize(p, 2 * MIB);
	assert_trail("ad");
	void **q = resize(p, MIB);
	assert_ptr_equal(p, q);
	assert_trail("e");
	assert_null(resize(q, SIZE_MAX));
	assert_trail("n");
	assert_ptr_equal(*q, &trail);
	q = resize(q, 10);
	assert_trail("ad");
	assert_ptr_equal(*q, &trail);
	je_free(q);
	assert_trail("d");
}

/* A block of another class, even if it happens to be aligned. */
TEST_CONF(resizing_with_alignment, "junk:false")
{
	install();
	void *p = je_mallocx(100, 0);
	alloc_spec_t spec = {.alignment = 4096, .zero = true};
	void *q = hooked_resize(p, 100, &spec, &hooked_rallocx,
	    HOOK_ARGS((uintptr_t)p, 100, 12));
	assert_int_equal((uintptr_t)q % 4096, 0);
	assert_trail("aad");
	assert_ptr_equal(hooked_resize(q, 90, &spec, &hooked_rallocx,
			     HOOK_ARGS((uintptr_t)q, 90, 12)),
	    q);
	assert_trail("e");
	je_dallocx(q, 0);
	assert_trail("d");
}

TEST_CONF(each_call_is_told_once, "junk:false")
{
	install();
	void *p = je_malloc(10);
	assert_trail("a");
	p = je_realloc(p, 20000);
	assert_trail("ad");
	assert_true(je_xallocx(p, 20480, 0, 0) >= 20480);
	assert_trail("e");
	je_sdallocx(p, 20480, 0);
	assert_trail("d");
	je_free(NULL);
	je_dallocx(NULL, 0x100);
	assert_trail("");
	assert_int_equal(je_posix_memalign(&p, 64, 100), 0);
	assert_trail("a");
	je_free_aligned_sized(p, 64, 100);
	assert_trail("d");
	p = je_pvalloc(1);
	assert_trail("a");
	p = je_rallocx(p, 3 * MIB, 0);
	assert_trail("ad");
	je_dallocx(p, 0x100);
	assert_trail("d");
}
