/*
 * cxx_ops: the C++ operators as C functions, and what only C++ can ask.
 *
 * The operators are called by their link names, so the test needs no
 * compiler that agrees about overloads.  The scenarios are C++ code that
 * reports a failed check through its result: NULL, or what was wrong.
 *
 * In C everything here is weak: a library without the operators and a build
 * without C++ leave them NULL, and the tests are skipped.
 */
#ifndef TEST_INTEGRATION_CXX_OPS_H
#define TEST_INTEGRATION_CXX_OPS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#else
#pragma weak _Znwm
#pragma weak _Znam
#pragma weak _ZnwmRKSt9nothrow_t
#pragma weak _ZnamRKSt9nothrow_t
#pragma weak _ZnwmSt11align_val_t
#pragma weak _ZnamSt11align_val_t
#pragma weak _ZnwmSt11align_val_tRKSt9nothrow_t
#pragma weak _ZnamSt11align_val_tRKSt9nothrow_t
#pragma weak _ZdlPv
#pragma weak _ZdaPv
#pragma weak _ZdlPvRKSt9nothrow_t
#pragma weak _ZdaPvRKSt9nothrow_t
#pragma weak _ZdlPvm
#pragma weak _ZdaPvm
#pragma weak _ZdlPvSt11align_val_t
#pragma weak _ZdaPvSt11align_val_t
#pragma weak _ZdlPvSt11align_val_tRKSt9nothrow_t
#pragma weak _ZdaPvSt11align_val_tRKSt9nothrow_t
#pragma weak _ZdlPvmSt11align_val_t
#pragma weak _ZdaPvmSt11align_val_t
#pragma weak cxx_throws_bad_alloc
#pragma weak cxx_nothrow_returns_null
#pragma weak cxx_handler_is_fetched_every_round
#pragma weak cxx_handler_throws_bad_alloc
#pragma weak cxx_handler_throws_another
#pragma weak cxx_handler_makes_room
#pragma weak cxx_containers_and_expressions
#pragma weak cxx_thread_local_destructors
#pragma weak cxx_exceptions_under_threads
#pragma weak cxx_nothrow_handler_throws_another
void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag);
void *_ZnamRKSt9nothrow_t(size_t size, const void *tag);
void *_ZnwmSt11align_val_t(size_t size, size_t align);
void *_ZnamSt11align_val_t(size_t size, size_t align);
void *
_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *tag);
void *
_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *tag);
void _ZdlPv(void *ptr);
void _ZdaPv(void *ptr);
void _ZdlPvRKSt9nothrow_t(void *ptr, const void *tag);
void _ZdaPvRKSt9nothrow_t(void *ptr, const void *tag);
void _ZdlPvm(void *ptr, size_t size);
void _ZdaPvm(void *ptr, size_t size);
void _ZdlPvSt11align_val_t(void *ptr, size_t align);
void _ZdaPvSt11align_val_t(void *ptr, size_t align);
void
_ZdlPvSt11align_val_tRKSt9nothrow_t(void *ptr, size_t align, const void *tag);
void
_ZdaPvSt11align_val_tRKSt9nothrow_t(void *ptr, size_t align, const void *tag);
void _ZdlPvmSt11align_val_t(void *ptr, size_t size, size_t align);
void _ZdaPvmSt11align_val_t(void *ptr, size_t size, size_t align);
#endif

const char *cxx_throws_bad_alloc(void);
const char *cxx_nothrow_returns_null(void);
const char *cxx_handler_is_fetched_every_round(void);
const char *cxx_handler_throws_bad_alloc(void);
const char *cxx_handler_throws_another(void);
const char *cxx_handler_makes_room(int form);
const char *cxx_containers_and_expressions(void);
const char *cxx_thread_local_destructors(void);
const char *cxx_exceptions_under_threads(void);
void cxx_nothrow_handler_throws_another(void *arg);

#ifdef __cplusplus
}
#endif

#endif
