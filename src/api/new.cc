/*
 * new: the replaceable operators of C++.
 *
 * A hit costs what malloc costs.  Only a failure needs the C++ runtime: to ask
 * for the new_handler, to throw, to catch what the handler throws.  The shared
 * library must load into programs that have no C++ runtime, so there all
 * references to it are weak (CXX_RUNTIME_WEAK); what is not bound when it is
 * needed is looked for among the libraries loaded meanwhile.
 */
#include <new>

#include <errno.h>
#include <stddef.h>

#include "platform/build.h"
#include "platform/compiler.h"
#include "platform/public_names.h"

#ifndef CXX_RUNTIME_WEAK
#define CXX_RUNTIME_WEAK 1
#endif

#if CXX_RUNTIME_WEAK
#include <dlfcn.h>
__asm__(".weak _ZSt15get_new_handlerv\n"
	".weak _ZSt17__throw_bad_allocv\n"
	".weak _ZSt9terminatev\n"
	".weak _ZTISt9bad_alloc\n"
	".weak __gxx_personality_v0\n"
	".weak __cxa_begin_catch\n"
	".weak __cxa_end_catch\n"
	".weak __cxa_rethrow\n"
	".weak __cxa_call_terminate\n"
	".weak _Unwind_Resume\n");
#endif

extern "C" {
void *je_malloc(size_t) noexcept;
void *je_aligned_alloc(size_t, size_t) noexcept;
void je_free(void *) noexcept;
void cxx_allocation_failed(size_t size) noexcept;
#if CONFIG_LOG || CONFIG_UTRACE
/* Builds that trace calls see these, and let no wrong size pass. */
void je_free_sized(void *, size_t) noexcept;
void je_free_aligned_sized(void *, size_t, size_t) noexcept;
#define cxx_free_sized je_free_sized
#define cxx_free_aligned_sized je_free_aligned_sized
#else
void cxx_free_sized(void *, size_t) noexcept;
void cxx_free_aligned_sized(void *, size_t, size_t) noexcept;
#endif
}

namespace std
{
/* Of the runtime; declared here because <new> does not. */
void __throw_bad_alloc() __attribute__((__noreturn__));
} // namespace std

typedef void (*throw_fn)();
typedef std::new_handler (*get_handler_fn)();

#if CXX_RUNTIME_WEAK
/* A symbol of a runtime that was loaded after us, or out of our sight. */
static void *
runtime_symbol(const char *name)
{
	static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1",
	    "libc++abi.so.1"};
	void *symbol = dlsym(RTLD_DEFAULT, name);
	for (size_t i = 0; symbol == nullptr && i < 3; i++) {
		void *handle = dlopen(libraries[i], RTLD_NOLOAD | RTLD_LAZY);
		if (handle != nullptr) {
			symbol = dlsym(handle, name);
			dlclose(handle);
		}
	}
	return symbol;
}

static get_handler_fn
find_get_handler()
{
	get_handler_fn bound = &std::get_new_handler;
	return bound != nullptr ? bound
				: reinterpret_cast<get_handler_fn>(
				      runtime_symbol("_ZSt15get_new_handlerv"));
}

static throw_fn
find_throw()
{
	throw_fn bound = &std::__throw_bad_alloc;
	return bound != nullptr ? bound
				: reinterpret_cast<throw_fn>(runtime_symbol(
				      "_ZSt17__throw_bad_allocv"));
}
#else
static get_handler_fn
find_get_handler()
{
	return &std::get_new_handler;
}

static throw_fn
find_throw()
{
	return &std::__throw_bad_alloc;
}
#endif

static std::new_handler
current_handler()
{
	get_handler_fn get = find_get_handler();
	return get != nullptr ? get() : nullptr;
}

static void *
try_alloc(size_t size, size_t alignment)
{
	return alignment == 0 ? je_malloc(size)
			      : je_aligned_alloc(alignment, size);
}

/*
 * No memory: as long as there is a handler, let it free some and try again.
 * Its exceptions pass through.
 */
static NOINLINE void *
retry_with_handler(size_t size, size_t alignment)
{
	cxx_allocation_failed(size);
	void *ptr = nullptr;
	while (ptr == nullptr) {
		std::new_handler handler = current_handler();
		if (handler == nullptr) {
			return nullptr;
		}
		handler();
		ptr = try_alloc(size, alignment);
	}
	return ptr;
}

static NOINLINE void *
new_slow(size_t size, size_t alignment)
{
	void *ptr = retry_with_handler(size, alignment);
	if (ptr == nullptr) {
		throw_fn raise = find_throw();
		if (raise != nullptr) {
			raise();
		}
		__builtin_trap();
	}
	return ptr;
}

static NOINLINE void *
new_slow_nothrow(size_t size, size_t alignment) noexcept
{
	void *ptr = nullptr;
	try {
		ptr = retry_with_handler(size, alignment);
	} catch (const std::bad_alloc &) {
		/* The handler gave up. */
	}
	if (ptr == nullptr) {
		errno = ENOMEM;
	}
	return ptr;
}

static ALWAYS_INLINE void *
new_impl(size_t size)
{
	void *ptr = je_malloc(size);
	return likely(ptr != nullptr) ? ptr : new_slow(size, 0);
}

static ALWAYS_INLINE void *
new_aligned_impl(size_t size, std::align_val_t alignment)
{
	size_t a = static_cast<size_t>(alignment);
	void *ptr = je_aligned_alloc(a, size);
	return likely(ptr != nullptr) ? ptr : new_slow(size, a == 0 ? 3 : a);
}

static ALWAYS_INLINE void *
new_nothrow_impl(size_t size) noexcept
{
	void *ptr = je_malloc(size);
	return likely(ptr != nullptr) ? ptr : new_slow_nothrow(size, 0);
}

static ALWAYS_INLINE void *
new_aligned_nothrow_impl(size_t size, std::align_val_t alignment) noexcept
{
	size_t a = static_cast<size_t>(alignment);
	void *ptr = je_aligned_alloc(a, size);
	return likely(ptr != nullptr) ? ptr
				      : new_slow_nothrow(size, a == 0 ? 3 : a);
}

EXPORT void *
operator new(size_t size)
{
	return new_impl(size);
}

EXPORT void *
operator new[](size_t size)
{
	return new_impl(size);
}

EXPORT void *
operator new(size_t size, const std::nothrow_t &) noexcept
{
	return new_nothrow_impl(size);
}

EXPORT void *
operator new[](size_t size, const std::nothrow_t &) noexcept
{
	return new_nothrow_impl(size);
}

EXPORT void *
operator new(size_t size, std::align_val_t alignment)
{
	return new_aligned_impl(size, alignment);
}

EXPORT void *
operator new[](size_t size, std::align_val_t alignment)
{
	return new_aligned_impl(size, alignment);
}

EXPORT void *
operator new(size_t size, std::align_val_t alignment,
    const std::nothrow_t &) noexcept
{
	return new_aligned_nothrow_impl(size, alignment);
}

EXPORT void *
operator new[](size_t size, std::align_val_t alignment,
    const std::nothrow_t &) noexcept
{
	return new_aligned_nothrow_impl(size, alignment);
}

EXPORT void
operator delete(void *ptr) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete[](void *ptr) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete(void *ptr, const std::nothrow_t &) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete[](void *ptr, const std::nothrow_t &) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete(void *ptr, size_t size) noexcept
{
	cxx_free_sized(ptr, size);
}

EXPORT void
operator delete[](void *ptr, size_t size) noexcept
{
	cxx_free_sized(ptr, size);
}

EXPORT void
operator delete(void *ptr, std::align_val_t) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete[](void *ptr, std::align_val_t) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete(void *ptr, std::align_val_t, const std::nothrow_t &) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete[](void *ptr, std::align_val_t, const std::nothrow_t &) noexcept
{
	je_free(ptr);
}

EXPORT void
operator delete(void *ptr, size_t size, std::align_val_t alignment) noexcept
{
	cxx_free_aligned_sized(ptr, static_cast<size_t>(alignment), size);
}

EXPORT void
operator delete[](void *ptr, size_t size, std::align_val_t alignment) noexcept
{
	cxx_free_aligned_sized(ptr, static_cast<size_t>(alignment), size);
}
