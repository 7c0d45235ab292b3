/*
 * assert: statements about the program that only a bug can falsify.
 *
 * They are compiled in every build, so that they stay correct, and tested
 * only in debug builds.  Mistakes of the user are not assertions: see
 * fatal.h.
 *
 * This file replaces <assert.h>.
 */
#ifndef PLATFORM_ASSERT_H
#define PLATFORM_ASSERT_H

#include "platform/compiler.h"
#include "platform/fatal.h"

#undef assert
#define assert(c)                                                              \
	do {                                                                   \
		if (unlikely(config_debug && !(c))) {                          \
			fatal_assert(__FILE__, __LINE__, #c);                  \
		}                                                              \
	} while (0)

/*
 * For conditions whose test walks a whole structure: --enable-debug=full and
 * unit tests.
 */
#define assert_expensive(c)                                                    \
	do {                                                                   \
		if (unlikely(config_debug_full && !(c))) {                     \
			fatal_assert(__FILE__, __LINE__, #c);                  \
		}                                                              \
	} while (0)

/* Control does not come here; a release build lets the optimizer rely on it. */
#define unreachable()                                                          \
	do {                                                                   \
		if (config_debug) {                                            \
			fatal_unreachable(__FILE__, __LINE__);                 \
		}                                                              \
		__builtin_unreachable();                                       \
	} while (0)

#ifndef static_assert
#define static_assert _Static_assert
#endif

#endif
