/*
 * residence: skip where the kernel does not tell which pages are in memory.
 * Some that are none of their own, for sandboxes, say that all are.
 */
#ifndef TEST_SUPPORT_RESIDENCE_H
#define TEST_SUPPORT_RESIDENCE_H

#include "support/harness.h"

#include <sys/mman.h>

static inline void
need_residence(void)
{
	unsigned char untouched = 1;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	int error = mincore(p, 4096, &untouched);
	(void)munmap(p, 4096);
	if (error != 0 || (untouched & 1) != 0) {
		print_message("mincore() does not tell what is in memory\n");
		skip();
	}
}

#endif /* TEST_SUPPORT_RESIDENCE_H */
