/*
 * mlocked: a process that locks all its memory, present and future.
 *
 * Advice to the kernel fails for locked pages, so nothing may rely on it, and
 * whatever is mapped costs memory at once, so nothing large may be mapped
 * that nobody asked for.
 */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>

#include <jemalloc/jemalloc.h>

/* A field of /proc/self/status, in bytes. */
static size_t
status_bytes(const char *field)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, field, strlen(field)) == 0) {
			kib = strtoul(line + strlen(field), NULL, 10);
			break;
		}
	}
	fclose(f);
	return kib * KIB;
}

static void *
churn(void *arg)
{
	static const size_t sizes[] = {16, 100, 1000, 14336, 20480, 300000,
	    1 << 20, 9 << 20};
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			unsigned char *p = hide(malloc(sizes[i]));
			CHECK(p != NULL);
			memset(p, 0xdd, sizes[i]);
			free(p);
			p = hide(calloc(1, sizes[i]));
			CHECK(p != NULL && is_filled_with(p, 0, sizes[i]));
			memset(p, 0xdd, sizes[i]);
			p = hide(realloc(p, sizes[i] * 2));
			CHECK(p != NULL && is_filled_with(p, 0xdd, sizes[i]));
			free(p);
		}
	}
	return arg;
}

int
main(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
		prog_skip("mlockall is not allowed here\n");
	}
	size_t before = status_bytes("VmRSS:");
	free(hide(malloc(100)));
	/* A first heap, not a reservation. */
	CHECK(status_bytes("VmRSS:") < before + 16 * MIB);
	churn(NULL);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		pthread_attr_t attr;
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 256 * KIB);
		CHECK(pthread_create(&threads[i], &attr, churn, NULL) == 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("resident: %zu MiB before, %zu MiB after\n", before / MIB,
	    status_bytes("VmRSS:") / MIB);
	CHECK(status_bytes("VmRSS:") < before + 256 * MIB);
	/*
	 * What the kernel charges as locked counts against RLIMIT_MEMLOCK.
	 * Moving pages with MREMAP_DONTUNMAP charges them twice.
	 */
	CHECK(status_bytes("VmLck:") <= status_bytes("VmSize:"));
	return 0;
}
