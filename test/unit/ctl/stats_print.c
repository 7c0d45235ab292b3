#include "ctl/stats_print.h"

#include "support/harness.h"

#include <string.h>

#include "ctl_support.h"

static char text[1 << 20];
static size_t length;

static void
collect(void *opaque, const char *part)
{
	assert_ptr_equal(opaque, &length);
	size_t n = strlen(part);
	assert_true(length + n < sizeof(text));
	memcpy(text + length, part, n + 1);
	length += n;
}

static void
print(const char *opts)
{
	length = 0;
	text[0] = '\0';
	stats_print(collect, &length, opts);
}

TEST(begins_and_ends)
{
	ctl_setup();
	print(NULL);
	assert_non_null(strstr(text, "___ Begin jemalloc statistics ___"));
	assert_non_null(strstr(text, "--- End jemalloc statistics ---"));
	assert_non_null(strstr(text, "Version:"));
	assert_non_null(strstr(text, "Allocated:"));
}

/* Letters leave parts out; unknown ones do no harm. */
TEST(parts)
{
	ctl_setup();
	print("");
	size_t all = length;
	print("g");
	assert_null(strstr(text, "Version:"));
	assert_true(length < all);
	print("gablxehmdJ?!");
	assert_true(length > 0);
}
