/*
 * spin: waiting politely for something that another thread is about to do.
 *
 * spin_wait() pauses for a time that doubles with each call, and gives the
 * processor away once that has not helped.  Not for: locks (mutex.h).
 */
#ifndef PLATFORM_SPIN_H
#define PLATFORM_SPIN_H

#include "platform/os_thread.h"

#define SPIN_LG_PAUSES_MAX 5

typedef struct {
	unsigned lg_pauses; /* zero to begin with */
} spin_t;

/* Tell the processor that this is a waiting loop. */
static inline void
cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	/* `yield` is a no-op on most cores; `isb` takes about as long as pause. */
	__asm__ volatile("isb" ::: "memory");
#elif defined(__arm__)
	__asm__ volatile("yield" ::: "memory");
#elif defined(__powerpc__)
	__asm__ volatile("or 27,27,27" ::: "memory");
#elif defined(__riscv)
	/* The encoding of `pause`, a hint that older cores ignore. */
	__asm__ volatile(".4byte 0x0100000f" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static inline void
spin_wait(spin_t *spin)
{
	if (spin->lg_pauses > SPIN_LG_PAUSES_MAX) {
		os_yield();
		return;
	}
	for (unsigned i = 0; i < (1U << spin->lg_pauses); i++) {
		cpu_relax();
	}
	spin->lg_pauses++;
}

#endif
