#include "platform/spin.h"

#include "support/harness.h"

#include <errno.h>

/* The pauses grow to a limit, after which the processor is given away. */
TEST(pauses_are_bounded)
{
	spin_t spin = {0};
	errno = ERANGE;
	for (int i = 0; i < 1000; i++) {
		spin_wait(&spin);
	}
	assert_int_equal(spin.lg_pauses, SPIN_LG_PAUSES_MAX + 1);
	assert_int_equal(errno, ERANGE);
	cpu_relax();
}
