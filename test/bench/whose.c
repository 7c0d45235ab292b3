/*
 * whose: print the file of the object that serves malloc in this process.
 *
 * The runner asks this before it believes that a preload took effect.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

int
main(void)
{
	Dl_info info;
	void *address = dlsym(RTLD_DEFAULT, "malloc");

	if (address == NULL || dladdr(address, &info) == 0) {
		return 1;
	}
	return write(1, info.dli_fname, strlen(info.dli_fname)) < 0;
}
