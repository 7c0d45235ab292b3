/*
 * hooks_default: the extent hooks of arenas that were given none: mmap and
 * sbrk.  The only way from extents to the operating system.  No state, no
 * locks; callable from custom hooks.
 */
#ifndef PAGE_HOOKS_DEFAULT_H
#define PAGE_HOOKS_DEFAULT_H

#include "meta/ehooks.h"

extern const extent_hooks_t hooks_default;

void hooks_default_boot(void);

/* The arena of oversize blocks, once there is one (huge_arena_pac_thp). */
void hooks_default_note_huge_arena(unsigned arena_ind);

/* Unmap although memory is otherwise retained.  ERR_REFUSED: can't be. */
MUST_CHECK err_t hooks_default_unmap(void *addr, size_t size);

#endif
