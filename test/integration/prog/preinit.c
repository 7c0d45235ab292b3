/*
 * preinit: allocation before any constructor has run, the library's own and
 * the C library's included, and in constructors of every priority.
 */
#include "check.h"

#include <jemalloc/jemalloc.h>

static char *from_preinit;
static char *from_first_constructor;
static char *from_constructor;

static void
allocate_in_preinit(void)
{
	from_preinit = hide(malloc(100));
	memset(from_preinit, 1, 100);
	free(hide(calloc(10, 1000)));
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(
    void) = allocate_in_preinit;

__attribute__((constructor(101))) static void
allocate_in_first_constructor(void)
{
	from_first_constructor = hide(malloc(20000));
	memset(from_first_constructor, 2, 20000);
	from_preinit = hide(realloc(from_preinit, 5000));
}

__attribute__((constructor)) static void
allocate_in_constructor(void)
{
	from_constructor = hide(aligned_alloc(4096, 300000));
	memset(from_constructor, 3, 300000);
}

__attribute__((destructor)) static void
free_in_destructor(void)
{
	free(from_preinit);
	free(from_constructor);
	free(hide(malloc(1000)));
}

int
main(void)
{
	CHECK(is_filled_with(from_preinit, 1, 100));
	CHECK(is_filled_with(from_first_constructor, 2, 20000));
	CHECK(is_filled_with(from_constructor, 3, 300000));
	from_preinit = hide(realloc(from_preinit, 100000));
	CHECK(is_filled_with(from_preinit, 1, 100));
	free(from_first_constructor);
	return 0;
}
