/*
 * cxx_ops: scenarios that need exceptions, handlers and containers.
 */
#include "cxx_ops.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#define STRING_OF(x) #x
#define LINE_OF(x) STRING_OF(x)
#define WANT(c)                                                                \
	do {                                                                   \
		if (!(c)) {                                                    \
			return "line " LINE_OF(__LINE__) ": " #c;              \
		}                                                              \
	} while (0)

namespace
{

/* The eight forms of call_new: plain, array, aligned, aligned array; then
 * the same without exceptions. */
volatile std::size_t too_large = SIZE_MAX / 2;
const std::align_val_t align_64{64};
const std::align_val_t align_page{4096};
const std::align_val_t align_bad{24};

/* Calls one of the eight forms; sets *thrown when it throws bad_alloc. */
void *
call_new(int form, std::size_t size, std::align_val_t align, bool *thrown)
{
	*thrown = false;
	try {
		switch (form) {
		case 0:
			return ::operator new(size);
		case 1:
			return ::operator new[](size);
		case 2:
			return ::operator new(size, align);
		case 3:
			return ::operator new[](size, align);
		case 4:
			return ::operator new(size, std::nothrow);
		case 5:
			return ::operator new[](size, std::nothrow);
		case 6:
			return ::operator new(size, align, std::nothrow);
		default:
			return ::operator new[](size, align, std::nothrow);
		}
	} catch (const std::bad_alloc &) {
		*thrown = true;
		return nullptr;
	}
}

int rounds;

void
handler_last()
{
	rounds += 100;
	std::set_new_handler(nullptr);
}

void
handler_first()
{
	if (++rounds == 3) {
		std::set_new_handler(handler_last);
	}
}

void
handler_bad_alloc()
{
	rounds++;
	throw std::bad_alloc();
}

void
handler_runtime_error()
{
	rounds++;
	throw std::runtime_error("from the handler");
}

void
handler_makes_room()
{
	rounds++;
	struct rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_AS, &limit);
}

/* Lets 64 MiB more be mapped and no more than that. */
void
take_room_away()
{
	unsigned long pages = 0;
	FILE *f = std::fopen("/proc/self/statm", "re");
	if (f == nullptr || std::fscanf(f, "%lu", &pages) != 1) {
		std::abort();
	}
	std::fclose(f);
	struct rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = pages * static_cast<unsigned long>(getpagesize()) +
	    (64ul << 20);
	setrlimit(RLIMIT_AS, &limit);
}

} // namespace

const char *
cxx_throws_bad_alloc()
{
	std::set_new_handler(nullptr);
	for (int form = 0; form < 4; form++) {
		bool thrown = false;
		errno = 0;
		WANT(call_new(form, too_large, align_64, &thrown) == nullptr);
		WANT(thrown);
		WANT(errno == ENOMEM);
		WANT(call_new(form, SIZE_MAX, align_64, &thrown) == nullptr);
		WANT(thrown);
	}
	for (int form = 2; form < 4; form++) {
		bool thrown = false;
		WANT(call_new(form, 100, align_bad, &thrown) == nullptr);
		WANT(thrown);
	}
	return nullptr;
}

const char *
cxx_nothrow_returns_null()
{
	std::set_new_handler(nullptr);
	for (int form = 4; form < 8; form++) {
		bool thrown = false;
		errno = 0;
		WANT(call_new(form, too_large, align_64, &thrown) == nullptr);
		WANT(!thrown);
		WANT(errno == ENOMEM);
	}
	for (int form = 6; form < 8; form++) {
		bool thrown = false;
		WANT(call_new(form, 100, align_bad, &thrown) == nullptr);
		WANT(!thrown);
	}
	return nullptr;
}

const char *
cxx_handler_is_fetched_every_round()
{
	for (int form = 0; form < 8; form++) {
		bool thrown = false;
		rounds = 0;
		std::set_new_handler(handler_first);
		WANT(call_new(form, too_large, align_64, &thrown) == nullptr);
		WANT(thrown == (form < 4));
		WANT(rounds == 103);
		WANT(std::get_new_handler() == nullptr);
	}
	return nullptr;
}

const char *
cxx_handler_throws_bad_alloc()
{
	std::set_new_handler(handler_bad_alloc);
	for (int form = 0; form < 8; form++) {
		bool thrown = false;
		rounds = 0;
		WANT(call_new(form, too_large, align_64, &thrown) == nullptr);
		WANT(thrown == (form < 4));
		WANT(rounds == 1);
	}
	std::set_new_handler(nullptr);
	return nullptr;
}

const char *
cxx_handler_throws_another()
{
	std::set_new_handler(handler_runtime_error);
	for (int form = 0; form < 4; form++) {
		bool caught = false;
		bool thrown = false;
		try {
			call_new(form, too_large, align_64, &thrown);
		} catch (const std::runtime_error &) {
			caught = true;
		}
		WANT(caught);
	}
	std::set_new_handler(nullptr);
	return nullptr;
}

/* The nothrow forms are noexcept: this ends in std::terminate. */
void
cxx_nothrow_handler_throws_another(void *)
{
	std::set_new_handler(handler_runtime_error);
	bool thrown = false;
	call_new(4, too_large, align_64, &thrown);
}

/* What is tried again after the handler must be the aligned request. */
const char *
cxx_handler_makes_room(int form)
{
	bool thrown = false;
	rounds = 0;
	std::set_new_handler(handler_makes_room);
	take_room_away();
	void *p = call_new(form, 256u << 20, align_page, &thrown);
	WANT(p != nullptr);
	WANT(rounds == 1);
	bool aligned = form == 2 || form == 3 || form >= 6;
	WANT(!aligned || (reinterpret_cast<std::uintptr_t>(p) & 4095) == 0);
	std::memset(p, 1, 100);
	if (aligned) {
		::operator delete(p, align_page);
	} else {
		::operator delete(p);
	}
	return nullptr;
}

namespace
{

struct alignas(128) wide {
	char bytes[200];
	wide()
	{
		std::memset(bytes, 7, sizeof(bytes));
	}
};

struct with_destructor {
	std::string text{"long enough not to be kept inside the object"};
	virtual ~with_destructor() = default;
};

struct derived : with_destructor {
	std::vector<int> more = std::vector<int>(100, 3);
};

} // namespace

const char *
cxx_containers_and_expressions()
{
	std::map<int, std::string> map;
	for (int i = 0; i < 10000; i++) {
		map[i * 7919 % 10007] = std::string(i % 300, 'x');
	}
	for (const auto &pair : map) {
		WANT(pair.second.find_first_not_of('x') == std::string::npos);
	}
	std::unique_ptr<wide> one(new wide);
	WANT((reinterpret_cast<std::uintptr_t>(one.get()) & 127) == 0);
	std::unique_ptr<wide[]> many(new wide[10]);
	WANT((reinterpret_cast<std::uintptr_t>(many.get()) & 127) == 0);
	WANT(many[9].bytes[199] == 7);
	std::unique_ptr<with_destructor> base(new derived);
	auto array = std::make_unique<with_destructor[]>(20);
	WANT(array[19].text.size() > 30);
	std::shared_ptr<derived> shared = std::make_shared<derived>();
	WANT(shared->more[99] == 3);
	std::vector<std::unique_ptr<derived>> owners;
	for (int i = 0; i < 500; i++) {
		owners.push_back(std::make_unique<derived>());
	}
	return nullptr;
}

namespace
{

struct at_thread_end {
	std::vector<char *> kept;
	~at_thread_end()
	{
		for (char *p : kept) {
			delete[] p;
		}
		for (int i = 1; i < 300; i++) {
			delete[] new char[i * 11];
		}
		std::string text(5000, 'y');
		std::string copy = text + text;
		if (copy.size() != 10000) {
			std::abort();
		}
	}
};

thread_local at_thread_end first;
thread_local at_thread_end second;

void
use_thread_locals()
{
	for (int i = 1; i < 100; i++) {
		first.kept.push_back(new char[i * 13]);
		second.kept.push_back(new char[i * 1000]);
	}
}

} // namespace

const char *
cxx_thread_local_destructors()
{
	for (int round = 0; round < 50; round++) {
		std::vector<std::thread> threads;
		for (int i = 0; i < 8; i++) {
			threads.emplace_back(use_thread_locals);
		}
		for (std::thread &thread : threads) {
			thread.join();
		}
	}
	return nullptr;
}

const char *
cxx_exceptions_under_threads()
{
	std::vector<std::thread> threads;
	static int caught[4];
	for (int i = 0; i < 4; i++) {
		threads.emplace_back([i] {
			caught[i] = 0;
			for (int round = 0; round < 200; round++) {
				bool thrown = false;
				call_new(round % 4, too_large, align_64,
				    &thrown);
				caught[i] += thrown;
			}
		});
	}
	for (std::thread &thread : threads) {
		thread.join();
	}
	for (int count : caught) {
		WANT(count == 200);
	}
	return nullptr;
}
