/*
 * no_atfork: the C library refuses to register handlers for fork, of which the
 * allocator warns.  Without the option abort, it goes on.
 */
#include <errno.h>
#include <stdlib.h>

#include <jemalloc/jemalloc.h>

__attribute__((visibility("default"))) int
__register_atfork(void (*prepare)(void), void (*parent)(void),
    void (*child)(void), void *dso);

int
__register_atfork(void (*prepare)(void), void (*parent)(void),
    void (*child)(void), void *dso)
{
	(void)prepare, (void)parent, (void)child, (void)dso;
	return ENOMEM;
}

int
main(void)
{
	void *ptr = malloc(100);
	free(ptr);
	return ptr == NULL;
}
