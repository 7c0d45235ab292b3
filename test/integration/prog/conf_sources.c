/*
 * conf_sources: the options that a program brings along.
 *
 * The program's own string is the weakest source and the second one the
 * strongest; MALLOC_CONF lies between.  Run with MALLOC_CONF set to
 * "junk:free,zero_realloc:free".
 */
#include "check.h"

#include <jemalloc/jemalloc.h>

/* Not overridden: zero.  By the environment: junk.  By both: zero_realloc. */
const char *malloc_conf = "zero:true,junk:alloc,zero_realloc:abort";
const char *malloc_conf_2_conf_harder = "zero_realloc:alloc";

int
main(void)
{
	CHECK(
	    strcmp(getenv(HARNESS_CONF_ENV), "junk:free,zero_realloc:free") == 0);
	unsigned char *p = hide(malloc(1000));
	CHECK(is_filled_with(p, 0, 1000));
	memset(p, 0xdd, 1000);
	free(p);
	p = hide(malloc(1000));
	CHECK(is_filled_with(p, 0, 1000));
	p = hide(realloc(p, hide_size(0)));
	CHECK(p != NULL);
	CHECK(malloc_usable_size(p) == 8);
	free(p);
	return 0;
}
