#include "api/entry.h"

#include "support/harness.h"

#include <dlfcn.h>

#include "ctl/ctl.h"

/* The names that sources use are those that the world calls. */
TEST(public_names)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} rows[] = {
#if CONFIG_LOG || CONFIG_UTRACE
#define ROW(name) {CONFIG_PREFIX_STR #name, (void (*)(void))trace_##name}
#else
#define ROW(name)                                                              \
	{                                                                      \
		CONFIG_PREFIX_STR #name, (void (*)(void))je_##name             \
	}
#endif
		ROW(malloc),
		ROW(calloc),
		ROW(realloc),
		ROW(free),
		ROW(posix_memalign),
		ROW(aligned_alloc),
		ROW(malloc_usable_size),
#undef ROW
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *found = dlsym(RTLD_DEFAULT, rows[i].name);
		/* The linker exports what libraries of the program call. */
		if (found != NULL) {
			assert_ptr_equal(found,
			    (void *)(uintptr_t)rows[i].function);
		}
	}
}

TEST(zero_reallocs_are_counted)
{
	size_t before = atomic_load(&zero_reallocs);
	(void)je_realloc(je_malloc(10), 0);
	assert_int_equal(atomic_load(&zero_reallocs), before + 1);
}
