/*
 * misuse: what is wrong with a pointer that the program handed back.
 *
 * Only called once something is known to be wrong, so it may be slow: it finds
 * out as much as the page map and the descriptors tell, and reports a fault
 * (platform/fatal.h), which returns only when a handler is installed.
 *
 * Reads other threads' structures without locks: good enough for a message.
 */
#ifndef ARENA_MISUSE_H
#define ARENA_MISUSE_H

#include <stddef.h>

#include "platform/compiler.h"

/* `ptr` can not be freed, resized or asked about: say why. */
void misuse_report(const void *ptr) COLD;

/* A region or block was freed when it already was. */
void misuse_report_double_free(const void *ptr, size_t usize,
    unsigned arena_ind) COLD;

/* A sized free named a size of another class than the block's. */
void
misuse_report_size(const void *ptr, size_t usize, size_t claimed_usize) COLD;

#endif
