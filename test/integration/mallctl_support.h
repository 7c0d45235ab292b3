/*
 * mallctl_support: short ways to read and write one value by name.
 */
#ifndef TEST_INTEGRATION_MALLCTL_SUPPORT_H
#define TEST_INTEGRATION_MALLCTL_SUPPORT_H

#include "support.h"

/* Read a value that must be there. */
size_t ctl_size(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
unsigned
ctl_unsigned(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t ctl_u64(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool ctl_bool(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *
ctl_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
ssize_t ctl_ssize(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The result of a call without arguments, and of one that only writes. */
int ctl_act(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_put(const void *value, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define CTL_PUT(value, ...) ctl_put(&(value), sizeof(value), __VA_ARGS__)

/* Take a new snapshot of the statistics. */
void ctl_epoch(void);

/* A new arena; hooks may be NULL. */
unsigned ctl_arena_new(extent_hooks_t *hooks);

/* The index of the arena that an address belongs to; UINT_MAX: none. */
unsigned ctl_arena_of(const void *ptr);

#endif
