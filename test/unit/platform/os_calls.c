#include "platform/os_calls.h"

#include "support/harness.h"

#include <errno.h>
#include <sys/mman.h>

/* Each function does what the system call of its name does. */
TEST(life_of_a_mapping)
{
	char *p = os_mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	assert_ptr_not_equal(p, MAP_FAILED);
	p[0] = 1;
	p[PAGE] = 2;
	assert_int_equal(os_mprotect(p, PAGE, PROT_READ), 0);
	assert_int_equal(os_madvise(p, PAGE, MADV_DONTNEED), 0);
	assert_int_equal(p[0], 0);
	char *q = os_mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE, NULL);
	assert_ptr_not_equal(q, MAP_FAILED);
	assert_int_equal(q[0], 2);
	assert_int_equal(os_munmap(p, PAGE), 0);
	assert_int_equal(os_munmap(q, PAGE), 0);
	char *end = os_sbrk(0);
	assert_ptr_not_equal(end, (void *)-1);
	assert_ptr_equal(os_sbrk((intptr_t)PAGE), end);
	assert_ptr_equal(os_sbrk(0), end + PAGE);
}

TEST(errors_of_the_system)
{
	errno = 0;
	assert_ptr_equal(os_mmap(NULL, 0, PROT_NONE, MAP_PRIVATE), MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(os_munmap((void *)1, PAGE), -1);
	assert_int_equal(os_madvise((void *)1, PAGE, MADV_DONTNEED), -1);
	assert_int_equal(os_mprotect((void *)1, PAGE, PROT_READ), -1);
	assert_ptr_equal(os_mremap((void *)1, PAGE, PAGE, 0, NULL), MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	assert_ptr_equal(os_sbrk(INTPTR_MAX), (void *)-1);
	assert_int_equal(errno, ENOMEM);
}
