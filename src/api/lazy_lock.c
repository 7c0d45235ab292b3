/*
 * lazy_lock: with --enable-lazy-lock, notice that the process gets a second
 * thread, from when on locks are locks (platform/mutex.h).
 *
 * Owns the name pthread_create in such builds: every call goes on to the
 * function behind it.  Threads that come to be in another way are noticed
 * where the C library knows of them (os_is_threaded()).
 *
 * Not for: the library's own threads, which say it themselves.
 */
#include "platform/os_thread.h"

#if CONFIG_LAZY_LOCK
#include <dlfcn.h>
#include <pthread.h>

#include "platform/fatal.h"

typedef int
create_fn_t(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static create_fn_t *
behind_us(void)
{
	static _Atomic(create_fn_t *) known;
	create_fn_t *next = atomic_load_explicit(&known, memory_order_relaxed);
	if (next == NULL) {
		next = (create_fn_t *)dlsym(RTLD_NEXT, "pthread_create");
		if (next == NULL) {
			fatal("Error in dlsym(RTLD_NEXT, \"pthread_create\")");
		}
		atomic_store_explicit(&known, next, memory_order_relaxed);
	}
	return next;
}

EXPORT int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *arg)
{
	create_fn_t *next = behind_us();
	os_note_threaded();
	return next(thread, attr, start, arg);
}
#endif
