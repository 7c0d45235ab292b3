/*
 * compiler: what the code asks of the compiler, under one spelling.
 *
 * Owns hints, attributes and the lock annotations that clang checks with
 * -Wthread-safety.  Everything here is empty or harmless on a compiler that
 * lacks it.  Not for: anything that depends on the operating system.
 */
#ifndef PLATFORM_COMPILER_H
#define PLATFORM_COMPILER_H

#include <stddef.h>

#include "platform/build.h"

#define likely(c) __builtin_expect(!!(c), 1)
#define unlikely(c) __builtin_expect(!!(c), 0)

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((cold, noinline))
#define BOOT __attribute__((section(".text.startup"))) /* at start only */
#define MUST_CHECK __attribute__((warn_unused_result))
#define EXPORT __attribute__((visibility("default")))
#define FALLTHROUGH __attribute__((fallthrough))

/*
 * For arrays of which little is touched: they lie behind all small variables,
 * which so share a page or two (the linker sorts sections by name).
 */
#define LARGE_BSS __attribute__((section(".bss.large")))
/* And for one whose first elements every process touches: between the two. */
#define FIRST_OF_LARGE_BSS __attribute__((section(".bss.first")))
/* Likewise for constants that are seldom read, in objects that often are. */
#define RARE_RODATA __attribute__((section(".rodata.rare")))

/* Is this code instrumented by a sanitizer that wants to know all threads? */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#define UNDER_SANITIZER                                                        \
	(__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define UNDER_SANITIZER 0
#endif

/* The format is argument number `f`, its first value argument number `a`. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* The `type` whose field `member` is at `ptr`. */
#define container_of(ptr, type, member)                                        \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Thread-local variables of a shared library: the initial-exec model costs no
 * function call, and takes its bytes from the static TLS area.  The dynamic
 * model is for a build that is loaded late into a process short of that area.
 */
#if CONFIG_INITIAL_EXEC_TLS
#define TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define TLS_MODEL
#endif

/*
 * Lock annotations.  `l` is an expression over the parameters, such as
 * `cache->lock` or `mutex`.  clang 14 rejects guarded_by on fields of C
 * structs, so GUARDED_BY documents only.
 */
#ifdef __clang__
#define CAPABILITY(name) __attribute__((capability(name)))
#define ACQUIRE(l) __attribute__((acquire_capability(l)))
#define TRY_ACQUIRE(l) __attribute__((try_acquire_capability(1, l)))
#define RELEASE(l) __attribute__((release_capability(l)))
#define REQUIRES(l) __attribute__((requires_capability(l)))
#define EXCLUDES(l) __attribute__((locks_excluded(l)))
#define ASSERT_HELD(l) __attribute__((assert_capability(l)))
#define NO_THREAD_SAFETY __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(name)
#define ACQUIRE(l)
#define TRY_ACQUIRE(l)
#define RELEASE(l)
#define REQUIRES(l)
#define EXCLUDES(l)
#define ASSERT_HELD(l)
#define NO_THREAD_SAFETY
#endif
#define GUARDED_BY(l)

#endif
