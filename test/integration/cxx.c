/*
 * cxx: the twenty C++ operators and the rules of the new handler.
 */
#include "cxx_ops.h"
#include "support.h"

#include <dlfcn.h>

static const char tag;

static const size_t sizes[] = {1, 8, 9, 48, 100, 1000, 4096, 14336, 14337,
    100000, 1 << 20, 9 << 20};

/* Without C++ there is nothing to test. */
static void
need_cxx(void)
{
	if (_Znwm == NULL || cxx_throws_bad_alloc == NULL) {
		skip();
	}
}

TEST(operators_are_the_library_s)
{
	static const char *const names[] = {"_Znwm", "_Znam",
	    "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t",
	    "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
	    "_ZnwmSt11align_val_tRKSt9nothrow_t",
	    "_ZnamSt11align_val_tRKSt9nothrow_t", "_ZdlPv", "_ZdaPv",
	    "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t", "_ZdlPvm",
	    "_ZdaPvm", "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t",
	    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
	    "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvmSt11align_val_t",
	    "_ZdaPvmSt11align_val_t"};
	need_cxx();
	Dl_info home;
	assert_true(
	    dladdr(dlsym(RTLD_DEFAULT, HARNESS_PREFIX "mallocx"), &home) != 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		Dl_info info;
		void *symbol = dlsym(RTLD_DEFAULT, names[i]);
		assert_non_null(symbol);
		assert_true(dladdr(symbol, &info) != 0);
		assert_string_equal(info.dli_fname, home.dli_fname);
	}
}

static void
check_plain(void *ptr, size_t size)
{
	assert_non_null(ptr);
	assert_int_equal(malloc_usable_size(ptr), model_usize(size));
	memset(hide(ptr), 1, size);
}

TEST(plain_forms)
{
	need_cxx();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = sizes[i];
		void *p = _Znwm(n);
		check_plain(p, n);
		_ZdlPv(p);
		p = _Znam(n);
		check_plain(p, n);
		_ZdaPv(p);
		p = _ZnwmRKSt9nothrow_t(n, &tag);
		check_plain(p, n);
		_ZdlPvRKSt9nothrow_t(p, &tag);
		p = _ZnamRKSt9nothrow_t(n, &tag);
		check_plain(p, n);
		_ZdaPvRKSt9nothrow_t(p, &tag);
		p = _Znwm(n);
		check_plain(p, n);
		_ZdlPvm(p, n);
		p = _Znam(n);
		check_plain(p, n);
		_ZdaPvm(p, model_usize(n));
	}
}

static void
check_aligned(void *ptr, size_t size, size_t align)
{
	assert_non_null(ptr);
	assert_true(is_aligned_to(ptr, align));
	assert_int_equal(malloc_usable_size(ptr),
	    model_usize_aligned(size, align));
	memset(hide(ptr), 1, size);
}

TEST(aligned_forms)
{
	need_cxx();
	for (size_t align = 16; align <= 2 * MIB; align *= 8) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			size_t n = sizes[i];
			void *p = _ZnwmSt11align_val_t(n, align);
			check_aligned(p, n, align);
			_ZdlPvSt11align_val_t(p, align);
			p = _ZnamSt11align_val_t(n, align);
			check_aligned(p, n, align);
			_ZdaPvSt11align_val_t(p, align);
			p = _ZnwmSt11align_val_tRKSt9nothrow_t(n, align, &tag);
			check_aligned(p, n, align);
			_ZdlPvSt11align_val_tRKSt9nothrow_t(p, align, &tag);
			p = _ZnamSt11align_val_tRKSt9nothrow_t(n, align, &tag);
			check_aligned(p, n, align);
			_ZdaPvSt11align_val_tRKSt9nothrow_t(p, align, &tag);
			p = _ZnwmSt11align_val_t(n, align);
			_ZdlPvmSt11align_val_t(p, n, align);
			p = _ZnamSt11align_val_t(n, align);
			_ZdaPvmSt11align_val_t(p, n, align);
		}
	}
}

TEST(size_zero)
{
	need_cxx();
	check_plain(_Znwm(hide_size(0)), 8);
	void *p = _Znam(hide_size(0));
	check_plain(p, 8);
	_ZdaPvm(p, 0);
	p = _ZnwmRKSt9nothrow_t(hide_size(0), &tag);
	check_plain(p, 8);
	_ZdlPv(p);
	p = _ZnwmSt11align_val_t(hide_size(0), 64);
	assert_true(is_aligned_to(p, 64));
	assert_int_equal(malloc_usable_size(p), 64);
	_ZdlPvSt11align_val_t(p, 64);
	p = _ZnwmSt11align_val_t(hide_size(0), 64);
	_ZdlPvmSt11align_val_t(p, 0, 64);
}

TEST(delete_of_null_does_nothing)
{
	need_cxx();
	void *null = hide(NULL);
	errno = 77;
	_ZdlPv(null);
	_ZdaPv(null);
	_ZdlPvRKSt9nothrow_t(null, &tag);
	_ZdaPvRKSt9nothrow_t(null, &tag);
	_ZdlPvm(null, 100);
	_ZdaPvm(null, 100);
	_ZdlPvSt11align_val_t(null, 64);
	_ZdaPvSt11align_val_t(null, 64);
	_ZdlPvSt11align_val_tRKSt9nothrow_t(null, 64, &tag);
	_ZdaPvSt11align_val_tRKSt9nothrow_t(null, 64, &tag);
	_ZdlPvmSt11align_val_t(null, 100, 64);
	_ZdaPvmSt11align_val_t(null, 100, 64);
	assert_int_equal(errno, 77);
	void *p = hide(malloc(100));
	assert_non_null(p);
	free(p);
}

static void
check_scenario(const char *wrong)
{
	if (wrong != NULL) {
		fail_msg("cxx_ops.cc: %s", wrong);
	}
}

TEST(failure_throws_bad_alloc)
{
	need_cxx();
	check_scenario(cxx_throws_bad_alloc());
}

TEST(nothrow_failure_returns_null)
{
	need_cxx();
	check_scenario(cxx_nothrow_returns_null());
}

TEST(handler_is_fetched_every_round)
{
	need_cxx();
	check_scenario(cxx_handler_is_fetched_every_round());
}

TEST(handler_may_throw_bad_alloc)
{
	need_cxx();
	check_scenario(cxx_handler_throws_bad_alloc());
}

TEST(handler_may_throw_anything_from_the_throwing_forms)
{
	need_cxx();
	check_scenario(cxx_handler_throws_another());
}

TEST(handler_that_throws_through_nothrow_terminates)
{
	need_cxx();
	assert_dies(cxx_nothrow_handler_throws_another, NULL, "terminate");
}

static void
makes_room(void *arg)
{
	const char *wrong = cxx_handler_makes_room(*(const int *)arg);
	if (wrong != NULL) {
		check_failed("cxx_ops.cc", 0, wrong);
	}
}

TEST(handler_makes_room_and_the_same_request_is_tried_again)
{
	need_cxx();
	for (int form = 0; form < 8; form++) {
		assert_survives(makes_room, &form);
	}
}

static void
infallible(void *arg)
{
	(void)arg;
	_Znwm(hide_size(SIZE_MAX / 2));
}

TEST_CONF(infallible_new_aborts, "experimental_infallible_new:true")
{
	need_cxx();
	assert_dies(infallible, NULL,
	    "opt.experimental_infallible_new is true. Aborting.");
}

TEST(containers_and_expressions)
{
	need_cxx();
	check_scenario(cxx_containers_and_expressions());
}

TEST(thread_local_destructors_allocate_and_free)
{
	need_cxx();
	check_scenario(cxx_thread_local_destructors());
}

TEST(exceptions_in_many_threads)
{
	need_cxx();
	check_scenario(cxx_exceptions_under_threads());
}
