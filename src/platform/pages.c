#include "platform/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/assert.h"
#include "platform/fatal.h"
#include "platform/io.h"
#include "platform/os_calls.h"

#if HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif

/* Headers may be older than the kernel; the kernel answers EINVAL if not. */
#ifdef __linux__
#ifndef MADV_FREE
#define MADV_FREE 8
#endif
#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE 14
#define MADV_NOHUGEPAGE 15
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#endif

#ifdef MAP_FIXED_NOREPLACE
#define MAP_EXACT MAP_FIXED_NOREPLACE
#else
#define MAP_EXACT 0
#endif

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

#define PROT_USABLE (PROT_READ | PROT_WRITE)

/* Below this much mapped memory the overcommit policy is not looked up. */
#define OVERCOMMIT_LOOKUP_BYTES ((size_t)64 << 20)

size_t os_page_size = PAGE;
bool pages_trust_madvise;

/* How a fact about the system is kept: unknown until someone needs it. */
typedef enum { FACT_UNKNOWN = 0, FACT_NO, FACT_YES } fact_t;

static _Atomic(int) fact_overcommits;
static _Atomic(int) fact_dontneed_zeroes;
static _Atomic(int) fact_no_lazy_purge;
static _Atomic(int) fact_no_populate;
static _Atomic(int) fact_no_move;
static _Atomic(int) fact_no_batch;
static _Atomic(int) thp_mode_plus_one;

static _Atomic(size_t) nbytes_mapped;
static _Atomic(size_t) nbytes_abandoned;

static fact_t
fact_get(_Atomic(int) *fact)
{
	return (fact_t)atomic_load_explicit(fact, memory_order_relaxed);
}

static void
fact_set(_Atomic(int) *fact, bool yes)
{
	atomic_store_explicit(fact, yes ? FACT_YES : FACT_NO,
	    memory_order_relaxed);
}

static uintptr_t
round_down(uintptr_t x, size_t unit)
{
	return x & ~(uintptr_t)(unit - 1);
}

static uintptr_t
round_up(uintptr_t x, size_t unit)
{
	return (x + unit - 1) & ~(uintptr_t)(unit - 1);
}

/* The whole kernel pages inside a range; `size` 0 when there is none. */
typedef struct {
	void *addr;
	size_t size;
} span_t;

static span_t
span_inside(void *addr, size_t size)
{
	uintptr_t start = round_up((uintptr_t)addr, os_page_size);
	uintptr_t end = round_down((uintptr_t)addr + size, os_page_size);
	span_t span = {(void *)start, 0};
	if (start < end) {
		span.size = end - start;
	}
	return span;
}

BOOT void
pages_boot(void)
{
#if HAVE_GETAUXVAL
	size_t size = getauxval(AT_PAGESZ);
#else
	long answer = sysconf(_SC_PAGESIZE);
	size_t size = answer > 0 ? (size_t)answer : 0;
#endif
	if (size > PAGE) {
		os_page_size = size;
	}
	assert((os_page_size & (os_page_size - 1)) == 0);
}

/* Policy of the system: what is known now, without looking. */

/* Mode 2 of the file means: never promise more than there is. */
static bool
overcommit_lookup(void)
{
	char mode[4];
	ssize_t len = io_read_file("/proc/sys/vm/overcommit_memory", mode,
	    sizeof(mode));
	return len < 1 || mode[0] != '2';
}

/*
 * Until much is mapped we act as if the system overcommits: short processes
 * then need not open a file, and little is at stake.
 */
static bool
os_overcommits(void)
{
	fact_t known = fact_get(&fact_overcommits);
	if (known != FACT_UNKNOWN) {
		return known == FACT_YES;
	}
	if (atomic_load_explicit(&nbytes_mapped, memory_order_relaxed) <=
	    OVERCOMMIT_LOOKUP_BYTES) {
		return true;
	}
	bool overcommits = overcommit_lookup();
	fact_set(&fact_overcommits, overcommits);
	return overcommits;
}

void
pages_assume_overcommit(bool overcommits)
{
	fact_set(&fact_overcommits, overcommits);
}

static thp_mode_t
thp_mode_lookup(void)
{
	char modes[64];
	ssize_t len =
	    io_read_file("/sys/kernel/mm/transparent_hugepage/enabled", modes,
		sizeof(modes));
	if (len < 1) {
		return THP_MODE_UNSUPPORTED;
	}
	if (strstr(modes, "[always]") != NULL) {
		return THP_MODE_ALWAYS;
	}
	if (strstr(modes, "[madvise]") != NULL) {
		return THP_MODE_MADVISE;
	}
	if (strstr(modes, "[never]") != NULL) {
		return THP_MODE_NEVER;
	}
	return THP_MODE_UNSUPPORTED;
}

thp_mode_t
pages_thp_mode(void)
{
	int known = atomic_load_explicit(&thp_mode_plus_one,
	    memory_order_relaxed);
	if (known == 0) {
		known = (int)thp_mode_lookup() + 1;
		atomic_store_explicit(&thp_mode_plus_one, known,
		    memory_order_relaxed);
	}
	return (thp_mode_t)(known - 1);
}

/* Mapping. */

static err_t
unmap_raw(void *addr, size_t size)
{
	int saved_errno = errno;
	int failed = os_munmap(addr, size);
	errno = saved_errno;
	if (failed != 0) {
		return ERR_NOMEM;
	}
	atomic_fetch_sub_explicit(&nbytes_mapped, size, memory_order_relaxed);
	return ERR_NONE;
}

/* For what no one else knows of: a failure can only be counted. */
static void
unmap_or_abandon(void *addr, size_t size)
{
	if (size > 0 && unmap_raw(addr, size) != ERR_NONE) {
		atomic_fetch_add_explicit(&nbytes_abandoned, size,
		    memory_order_relaxed);
	}
}

size_t
pages_abandoned_bytes(void)
{
	return atomic_load_explicit(&nbytes_abandoned, memory_order_relaxed);
}

size_t
pages_mapped_bytes(void)
{
	return atomic_load_explicit(&nbytes_mapped, memory_order_relaxed);
}

/* As os_mmap(), but errno is as it was, and /proc/PID/maps says whose it is. */
static void *
map_named(void *addr, size_t size, int prot, int flags)
{
	int saved_errno = errno;
	void *got = os_mmap(addr, size, prot, flags);
	if (config_pageid && got != MAP_FAILED) {
		/* The words that tools know. */
		os_name_memory(got, size,
		    os_overcommits() ? "jemalloc_pg_overcommit"
				     : "jemalloc_pg");
	}
	errno = saved_errno;
	return got;
}

/* One mapping, at exactly `addr` if not NULL.  NULL on failure. */
static void *
map_raw(void *addr, size_t size, bool commit)
{
	int prot = commit ? PROT_USABLE : PROT_NONE;
	int flags = MAP_PRIVATE | MAP_NORESERVE | (addr ? MAP_EXACT : 0);
	void *got = map_named(addr, size, prot, flags);
	if (got == MAP_FAILED) {
		return NULL;
	}
	atomic_fetch_add_explicit(&nbytes_mapped, size, memory_order_relaxed);
	if (addr != NULL && got != addr) {
		/* A kernel before 4.17 takes the address as a hint. */
		unmap_or_abandon(got, size);
		return NULL;
	}
	return got;
}

/*
 * Map too much and cut the ends off.  A cut that fails leaves its piece
 * mapped, untouched and counted; the aligned part is good all the same.
 */
static void *
map_trimmed(size_t size, size_t alignment, bool commit)
{
	/* PAGE is the least that the kernel's pages can be. */
	size_t slack = alignment - PAGE;
	if (size + slack < size) {
		return NULL;
	}
	char *got = map_raw(NULL, size + slack, commit);
	if (got == NULL) {
		return NULL;
	}
	uintptr_t aligned = round_up((uintptr_t)got, alignment);
	size_t lead = aligned - (uintptr_t)got;
	unmap_or_abandon(got, lead);
	unmap_or_abandon(got + lead + size, slack - lead);
	return got + lead;
}

/*
 * The kernel puts mappings side by side, the newest lowest.  So the first try
 * is often aligned if the last one was, and if not, there is mostly room just
 * below.  Neither needs more address space than is asked for.
 */
static void *
map_aligned(size_t size, size_t alignment, bool commit)
{
	char *got = map_raw(NULL, size, commit);
	uintptr_t below = round_down((uintptr_t)got, alignment);
	if (got == NULL || (uintptr_t)got == below) {
		return got;
	}
	unmap_or_abandon(got, size);
	got = below != 0 ? map_raw((void *)below, size, commit) : NULL;
	return got != NULL ? got : map_trimmed(size, alignment, commit);
}

void *
pages_map(void *addr, size_t size, size_t alignment, bool *commit)
{
	assert(size > 0);
	assert((alignment & (alignment - 1)) == 0);
	if (alignment < os_page_size) {
		alignment = os_page_size;
	}
	assert(((uintptr_t)addr & (alignment - 1)) == 0);
	size_t rounded = round_up(size, os_page_size);
	if (rounded < size) {
		return NULL;
	}
	bool usable = *commit || os_overcommits();
	void *got = addr != NULL ? map_raw(addr, rounded, usable)
				 : map_aligned(rounded, alignment, usable);
	if (got != NULL) {
		*commit = usable;
	}
	return got;
}

err_t
pages_unmap(void *addr, size_t size)
{
	assert(((uintptr_t)addr & (os_page_size - 1)) == 0);
	return unmap_raw(addr, round_up(size, os_page_size));
}

/* Protection. */

static err_t
protect(void *addr, size_t size, int prot)
{
	span_t span = span_inside(addr, size);
	if (span.size == 0) {
		return ERR_REFUSED;
	}
	int saved_errno = errno;
	int failed = os_mprotect(span.addr, span.size, prot);
	errno = saved_errno;
	return failed != 0 ? ERR_NOMEM : ERR_NONE;
}

err_t
pages_guard(void *addr, size_t size)
{
	return protect(addr, size, PROT_NONE);
}

err_t
pages_unguard(void *addr, size_t size)
{
	return protect(addr, size, PROT_USABLE);
}

/*
 * A strict system charges a mapping when it becomes writable, and is asked
 * here.  It gives the charge back only when the mapping is replaced.
 */
err_t
pages_commit(void *addr, size_t size)
{
	return protect(addr, size, PROT_USABLE);
}

err_t
pages_decommit(void *addr, size_t size)
{
	span_t span = span_inside(addr, size);
	if (os_overcommits() || span.size == 0) {
		return ERR_REFUSED;
	}
	void *got = map_named(span.addr, span.size, PROT_NONE,
	    MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED);
	return got == MAP_FAILED ? ERR_NOMEM : ERR_NONE;
}

/* Advice. */

static err_t
advice_error(int error)
{
	switch (error) {
	case EINVAL:
	case ENOSYS:
	case EPERM:
		return ERR_REFUSED;
	case EAGAIN:
	case EINTR:
		return ERR_AGAIN;
	default:
		return ERR_NOMEM;
	}
}

static err_t
advise(void *addr, size_t size, int advice)
{
	span_t span = span_inside(addr, size);
	if (span.size == 0) {
		return ERR_REFUSED;
	}
	int saved_errno = errno;
	err_t err = ERR_NONE;
	if (os_madvise(span.addr, span.size, advice) != 0) {
		err = advice_error(errno);
	}
	errno = saved_errno;
	return err;
}

/*
 * Advice that old kernels do not know.  One refusal of a range that has whole
 * pages is enough never to ask again.
 */
static err_t
advise_if_known(void *addr, size_t size, int advice, _Atomic(int) *unknown)
{
	if (fact_get(unknown) == FACT_YES) {
		return ERR_REFUSED;
	}
	err_t err = advise(addr, size, advice);
	if (err == ERR_REFUSED && span_inside(addr, size).size > 0) {
		fact_set(unknown, true);
	}
	return err;
}

err_t
pages_purge_lazy(void *addr, size_t size)
{
#ifdef MADV_FREE
	return advise_if_known(addr, size, MADV_FREE, &fact_no_lazy_purge);
#else
	(void)addr;
	(void)size;
	(void)fact_no_lazy_purge;
	return ERR_REFUSED;
#endif
}

err_t
pages_populate(void *addr, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	return advise_if_known(addr, size, MADV_POPULATE_WRITE,
	    &fact_no_populate);
#else
	(void)addr;
	(void)size;
	(void)fact_no_populate;
	return ERR_REFUSED;
#endif
}

err_t
pages_hugify(void *addr, size_t size)
{
#ifdef MADV_HUGEPAGE
	return advise(addr, size, MADV_HUGEPAGE);
#else
	(void)addr;
	(void)size;
	return ERR_REFUSED;
#endif
}

err_t
pages_nohugify(void *addr, size_t size)
{
#ifdef MADV_NOHUGEPAGE
	return advise(addr, size, MADV_NOHUGEPAGE);
#else
	(void)addr;
	(void)size;
	return ERR_REFUSED;
#endif
}

err_t
pages_make_huge(void *addr, size_t rest)
{
	assert(((uintptr_t)addr & (HUGEPAGE - 1)) == 0);
	if (pages_hugify(addr, HUGEPAGE) != ERR_NONE) {
		return ERR_REFUSED;
	}
	err_t err = pages_populate(addr, os_page_size);
	if (pages_nohugify(addr, HUGEPAGE + rest) != ERR_NONE ||
	    err != ERR_NONE) {
		return ERR_REFUSED;
	}
	/* One fault for all of it, or for one page. */
	unsigned char last = 0;
	err = pages_resident((char *)addr + HUGEPAGE - os_page_size,
	    os_page_size, &last);
	return err == ERR_NONE && (last & 1) != 0 ? ERR_NONE : ERR_REFUSED;
}

/* EINVAL is also the answer to a range that cannot be collapsed: no latch. */
err_t
pages_collapse(void *addr, size_t size)
{
#ifdef MADV_COLLAPSE
	return advise(addr, size, MADV_COLLAPSE);
#else
	(void)addr;
	(void)size;
	return ERR_REFUSED;
#endif
}

/* Purging. */

/* Try it on a page of our own. */
static fact_t
dontneed_test(void)
{
	bool commit = true;
	char *page = pages_map(NULL, os_page_size, os_page_size, &commit);
	if (page == NULL) {
		return FACT_UNKNOWN;
	}
	/* The advice fails where all memory is locked: that says nothing. */
	fact_t zeroes = FACT_UNKNOWN;
	memset(page, 0xa5, os_page_size);
	if (advise(page, os_page_size, MADV_DONTNEED) == ERR_NONE) {
		zeroes = *(volatile char *)page == 0 ? FACT_YES : FACT_NO;
	}
	unmap_or_abandon(page, os_page_size);
	return zeroes;
}

bool
pages_dontneed_zeroes(void)
{
	if (pages_trust_madvise) {
		return true;
	}
	fact_t known = fact_get(&fact_dontneed_zeroes);
	if (known == FACT_UNKNOWN) {
		known = dontneed_test();
		if (known == FACT_UNKNOWN) {
			return false;
		}
		fact_set(&fact_dontneed_zeroes, known == FACT_YES);
		if (known == FACT_NO) {
			warn("MADV_DONTNEED does not work (memset will be used "
			     "instead)");
			warn("(This is the expected behaviour if you are "
			     "running under QEMU)");
		}
	}
	return known == FACT_YES;
}

/* The parts of a range that share a kernel page with someone else. */
static void
zero_edges(char *addr, size_t size, span_t inside)
{
	char *end = addr + size;
	char *inside_end = (char *)inside.addr + inside.size;
	memset(addr, 0, (size_t)((char *)inside.addr - addr));
	memset(inside_end, 0, (size_t)(end - inside_end));
}

err_t
pages_purge_forced(void *addr, size_t size)
{
	span_t inside = span_inside(addr, size);
	if (inside.size == 0) {
		return ERR_REFUSED;
	}
	err_t err = advise(addr, size, MADV_DONTNEED);
	if (err != ERR_NONE) {
		return err;
	}
	if (!pages_dontneed_zeroes()) {
		memset(inside.addr, 0, inside.size);
	}
	zero_edges(addr, size, inside);
	return ERR_NONE;
}

err_t
pages_purge_forced_all(const struct iovec *ranges, size_t n)
{
	if (fact_get(&fact_no_batch) == FACT_YES) {
		return ERR_REFUSED;
	}
	size_t size = 0;
	for (size_t i = 0; i < n; i++) {
		size += ranges[i].iov_len;
	}
	int saved_errno = errno;
	if (os_page_size == PAGE && os_overcommits() &&
	    pages_dontneed_zeroes() &&
	    os_madvise_all(ranges, n, MADV_DONTNEED) == (ssize_t)size) {
		return ERR_NONE;
	}
	errno = saved_errno;
	fact_set(&fact_no_batch, true);
	return ERR_REFUSED;
}

/* Moving. */

#if HAVE_MREMAP && defined(MREMAP_DONTUNMAP)

typedef enum { MOVED, MOVE_SEVERAL, MOVE_REFUSED } move_result_t;

/* *got: where the pages are then. */
static move_result_t
remap(void *from, size_t size, size_t to_size, int flags, void *to, void **got)
{
	int saved_errno = errno;
	*got = os_mremap(from, size, to_size, flags, to);
	int error = errno;
	errno = saved_errno;
	if (*got != MAP_FAILED) {
		return MOVED;
	}
	if (error == EINVAL || error == ENOSYS) {
		/* A kernel before 5.7. */
		fact_set(&fact_no_move, true);
	}
	return error == EFAULT ? MOVE_SEVERAL : MOVE_REFUSED;
}

/*
 * The target is mapped anew in its whole length: a block of many mappings
 * takes many calls to be moved another time.
 *
 * In two steps, since a kernel may unmap the target before it finds out that
 * it cannot do the move.  The first step has no target that could get lost;
 * its result is a single mapping, which the second step can always move.
 * Should that fail even so, the contents are at hand to be copied.
 */
static move_result_t
move_mapping(void *from, void *to, size_t size, size_t to_size)
{
	void *mid, *got;
	move_result_t result = remap(from, size, size,
	    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL, &mid);
	if (result != MOVED) {
		return result;
	}
	if (remap(mid, size, to_size, MREMAP_MAYMOVE | MREMAP_FIXED, to,
		&got) != MOVED) {
		memcpy(to, mid, size);
		atomic_fetch_add_explicit(&nbytes_mapped, size,
		    memory_order_relaxed);
		unmap_or_abandon(mid, size);
	}
	return MOVED;
}

/* The slow way, once some of a block has been moved. */
static void
move_by_copy(void *from, void *to, size_t size)
{
	memcpy(to, from, size);
	if (pages_purge_forced(from, size) != ERR_NONE) {
		memset(from, 0, size);
	}
}

/*
 * A block that was moved and then grew into its neighbourhood is two mappings
 * or more, and where they meet is not known: halves are tried.
 */
err_t
pages_move(void *from, void *to, size_t size, size_t to_size)
{
	assert(((uintptr_t)from & (os_page_size - 1)) == 0);
	assert(((uintptr_t)to & (os_page_size - 1)) == 0);
	assert((size & (os_page_size - 1)) == 0 && size > 0);
	if (fact_get(&fact_no_move) == FACT_YES) {
		return ERR_REFUSED;
	}
	/*
	 * Locked pages that are moved stay charged where they were.  The target
	 * tells, whose pages are given up anyway: locked ones can't be.
	 */
	if (advise(to, os_page_size, MADV_DONTNEED) != ERR_NONE) {
		return ERR_REFUSED;
	}
	size_t done = 0, piece = size;
	while (done < size) {
		bool last = done + piece == size;
		char *target = (char *)to + done;
		move_result_t result = move_mapping((char *)from + done, target,
		    piece, last ? to_size - done : piece);
		if (result == MOVED) {
			done += piece;
			piece = size - done;
		} else if (result == MOVE_SEVERAL && piece > os_page_size) {
			piece = (piece / 2 + os_page_size - 1) &
			    ~(os_page_size - 1);
		} else if (done == 0) {
			return ERR_REFUSED;
		} else {
			move_by_copy((char *)from + done, target, size - done);
			break;
		}
	}
	return ERR_NONE;
}

#else

err_t
pages_move(void *from, void *to, size_t size, size_t to_size)
{
	(void)from;
	(void)to_size;
	(void)to;
	(void)size;
	(void)fact_no_move;
	return ERR_REFUSED;
}

#endif

size_t
pages_space_limit(void)
{
	int saved_errno = errno;
	struct rlimit limit;
	size_t bytes = SIZE_MAX;
	if (getrlimit(RLIMIT_AS, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY) {
		bytes = (size_t)limit.rlim_cur;
	}
	errno = saved_errno;
	return bytes;
}

bool
pages_new_are_locked(void)
{
	int saved_errno = errno;
	bool commit = true;
	bool locked = false;
	char *page = pages_map(NULL, os_page_size, os_page_size, &commit);
	if (page != NULL) {
		locked = os_madvise(page, os_page_size, MADV_DONTNEED) != 0 &&
		    errno == EINVAL;
		unmap_or_abandon(page, os_page_size);
	}
	errno = saved_errno;
	return locked;
}

err_t
pages_resident(void *addr, size_t size, unsigned char *resident)
{
	assert((((uintptr_t)addr | size) & (os_page_size - 1)) == 0);
	int saved_errno = errno;
	err_t err = ERR_NONE;
	if (os_mincore(addr, size, resident) != 0) {
		err = advice_error(errno);
	}
	errno = saved_errno;
	return err;
}
