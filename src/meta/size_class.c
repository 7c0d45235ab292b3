#include "meta/size_class.h"

uint8_t size_class_code[(SC_LOOKUP_MAX >> 3) + 1];
uint8_t size_class_middle[SC_SMALL_MAX / SC_MIDDLE_STEP + 1];

/* Fill the tables, a class at a time. */
BOOT void
size_class_boot(void)
{
	size_t slot = 0;
	for (unsigned szind = 0; szind < SC_NBINS; szind++) {
		size_t size = szind_size(szind);
		for (; slot <= size >> 3 && slot <= SC_LOOKUP_MAX >> 3;
		     slot++) {
			size_class_code[slot] = SC_CODE(cind_of_small(szind));
		}
	}
	for (size_t i = 1; i < ARRAY_LEN(size_class_middle); i++) {
		unsigned szind = szind_compute(i * SC_MIDDLE_STEP);
		size_class_middle[i] = (uint8_t)cind_of_small(szind);
	}
}

size_t
size_class_aligned_usize(size_t size, size_t alignment)
{
	if (size <= SC_SMALL_MAX && alignment <= PAGE) {
		size_t usize = size_class_usize(align_up(size, alignment));
		if (usize < SC_LARGE_MIN) {
			return usize;
		}
	}
	if (alignment > SC_LARGE_MAX) {
		return 0;
	}
	size_t usize = size <= SC_LARGE_MIN ? SC_LARGE_MIN
					    : size_class_large_usize(size);
	size_t pad = opt.cache_oblivious ? PAGE : 0;
	size_t slack = alignment < PAGE ? 0 : alignment - PAGE;
	if (usize == 0 || usize + pad + slack < usize) {
		return 0;
	}
	return usize;
}
