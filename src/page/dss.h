/*
 * dss: extents from the data segment (sbrk), for the default hooks.
 *
 * Owns the end of the break as far as nobody else moves it; a foreign sbrk()
 * leaves a gap that is skipped.  Memory from here is never unmapped.  Also
 * holds each arena's precedence of sbrk against mmap, because the default
 * hooks know an arena only by its index.
 *
 * Locking: the break is below an own lock; precedences are atomic bytes.
 */
#ifndef PAGE_DSS_H
#define PAGE_DSS_H

#include <stdbool.h>
#include <stddef.h>

#include "meta/options.h"

typedef enum {
	DSS_PREC_DISABLED = OPT_DSS_DISABLED,
	DSS_PREC_PRIMARY = OPT_DSS_PRIMARY,
	DSS_PREC_SECONDARY = OPT_DSS_SECONDARY,
} dss_prec_t;

/* Precedence of arenas that were not given one. */
dss_prec_t dss_prec_default(void);
void dss_prec_set_default(dss_prec_t prec);
dss_prec_t dss_prec_of(unsigned arena_ind);
void dss_prec_set(unsigned arena_ind, dss_prec_t prec);

/* NULL: the break can not be moved that far (then *exhausted* for good). */
void *dss_alloc(void *new_addr, size_t size, size_t alignment);
bool dss_contains(const void *addr);

void dss_prefork(void);
void dss_postfork_parent(void);
void dss_postfork_child(void);

#endif
