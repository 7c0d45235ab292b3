/*
 * pages: address space and memory from the system, in whole pages.
 *
 * Owns the difference between PAGE, the allocator's unit (4 KiB everywhere),
 * and the kernel's page, a run-time number that may be larger: mappings are
 * rounded up to it; purging, guarding and advice act on the whole kernel
 * pages inside the range, and answer ERR_REFUSED when there is none.
 *
 * Every call to the system may fail at any time.  A function that reports an
 * error has changed nothing, unless it says otherwise.  errno is as the
 * caller had it, on success and on failure.
 *
 * Locking: none.  Facts about the system are found out when first needed and
 * kept in atomics; racing threads find out the same.
 *
 * Not for: deciding what to map, keep or return (page/).
 */
#ifndef PLATFORM_PAGES_H
#define PLATFORM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "platform/compiler.h"
#include "platform/err.h"

typedef enum {
	THP_MODE_UNSUPPORTED, /* no such file */
	THP_MODE_NEVER,
	THP_MODE_MADVISE,
	THP_MODE_ALWAYS
} thp_mode_t;

/* The kernel's page size: a power of two, at least PAGE.  Set by pages_boot. */
extern size_t os_page_size;

/* Option: believe that MADV_DONTNEED zeroes, without the test. */
extern bool pages_trust_madvise;

/* No system calls. */
void pages_boot(void);

/*
 * Does the system give out memory before it has it?  Asked of the system once
 * 64 MiB are mapped, unless it has been told here.
 */
void pages_assume_overcommit(bool overcommits);

/*
 * `size` bytes, rounded up to the kernel's page, aligned to `alignment` (a
 * power of two); at exactly `addr` when that is not NULL.  `*commit` in: the
 * memory must be usable at once.  Out: it is.  NULL on failure.
 *
 * A new mapping reads as zeros.
 */
void *pages_map(void *addr, size_t size, size_t alignment, bool *commit);

/*
 * Give a range back, rounded up to the kernel's page.  Can fail: a hole in a
 * mapping costs the kernel a descriptor.  The range is then still mapped.
 */
MUST_CHECK err_t pages_unmap(void *addr, size_t size);

/*
 * Make a range usable that is not committed, and the reverse.  Decommitting
 * is refused where the system gives out memory before it has it, since
 * purging does the same at less cost.
 */
MUST_CHECK err_t pages_commit(void *addr, size_t size);
MUST_CHECK err_t pages_decommit(void *addr, size_t size);

/*
 * Let the system take the memory when it needs to; contents are zero or
 * unchanged, page by page, until written.
 */
MUST_CHECK err_t pages_purge_lazy(void *addr, size_t size);

/* Return the memory now.  After ERR_NONE the whole range reads as zeros. */
MUST_CHECK err_t pages_purge_forced(void *addr, size_t size);

/*
 * The same for n ranges in one call; sizes are multiples of PAGE.
 * ERR_REFUSED: this system can't, some may be as they were; never ask again.
 */
MUST_CHECK err_t pages_purge_forced_all(const struct iovec *ranges, size_t n);

/* Does MADV_DONTNEED zero?  It does not under some emulators. */
bool pages_dontneed_zeroes(void);

/* Make any access fault, and undo that. */
MUST_CHECK err_t pages_guard(void *addr, size_t size);
MUST_CHECK err_t pages_unguard(void *addr, size_t size);

/* Ask for huge pages, ask for none, make them now. */
MUST_CHECK err_t pages_hugify(void *addr, size_t size);
MUST_CHECK err_t pages_nohugify(void *addr, size_t size);
MUST_CHECK err_t pages_collapse(void *addr, size_t size);

/*
 * Make the HUGEPAGE bytes at addr, of which the first page has not been touched
 * since it was mapped or purged, one huge page, whatever else happens there.
 * What is purged of it later comes back in small pages.  The `rest` bytes behind
 * it come in small pages until they are made huge too, so that all stays one
 * mapping: there is a limit to those.  ERR_REFUSED: it has not become one; its
 * pages may be resident or not.
 */
MUST_CHECK err_t pages_make_huge(void *addr, size_t rest);

/* Touch a range for writing without changing it, in one call. */
MUST_CHECK err_t pages_populate(void *addr, size_t size);

/*
 * Move the `size` bytes at `from` to `to` without copying; to_size >= size
 * bytes are mapped there.  Both are committed, aligned to the kernel's page and
 * disjoint; the sizes are multiples of it.  Afterwards `to` begins with the
 * contents and `from` reads as zeros.  Each mapping of `from` takes a call or
 * two, and some to find where it ends.  What `to` held is lost in any case.
 */
MUST_CHECK err_t pages_move(void *from, void *to, size_t size, size_t to_size);

/*
 * Which kernel pages of a range, aligned to them, are in memory: bit 0 of a
 * byte each.  A page that was only read may be one of zeros that all share.
 * ERR_REFUSED, ERR_NOMEM: not all of the range is mapped, or no one knows.
 */
MUST_CHECK err_t pages_resident(void *addr, size_t size,
    unsigned char *resident);

/* The system's policy on huge pages; reads a file the first time. */
thp_mode_t pages_thp_mode(void);

/* Most bytes that the process may map (RLIMIT_AS); SIZE_MAX: no limit. */
size_t pages_space_limit(void);

/* Whether new mappings are locked in memory (mlockall); asks with a page. */
bool pages_new_are_locked(void);

/*
 * Bytes of address space that could not be unmapped when a mapping was
 * trimmed to its alignment: untouched, but still mapped.
 */
size_t pages_abandoned_bytes(void);

/* Bytes of address space that are mapped, in use or not. */
size_t pages_mapped_bytes(void);

#endif
