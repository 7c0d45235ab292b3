/*
 * ctl_support: boot up to this layer, and mallctl in short words.
 */
#ifndef TEST_UNIT_CTL_CTL_SUPPORT_H
#define TEST_UNIT_CTL_CTL_SUPPORT_H

#include "ctl/ctl.h"
#include "ctl/ctl_table.h"

#define NAME_MAX_LENGTH 128

/* Boot with three automatic arenas and a state for this thread. */
void ctl_setup(void);
/* The same; builds without statistics skip the test. */
void setup_with_stats(void);

/* Read a value of the type's size; the test fails if that fails. */
bool get_bool(const char *name);
unsigned get_unsigned(const char *name);
size_t get_size(const char *name);
ssize_t get_ssize(const char *name);
uint64_t get_u64(const char *name);
const char *get_text(const char *name);

/* An error (or 0) of a call that writes, reads nothing, or does either. */
int try_write(const char *name, const void *value, size_t size);
int try_read(const char *name, size_t size);
int try_act(const char *name);

/* Take a new snapshot. */
void new_epoch(void);

/* The name of a row with numbers for <i> and <j>. */
const char *name_of(const char *path, size_t i, size_t j);

/*
 * What was printed, collected by a message function that is to be called with
 * &printed_length.  `printed_pieces` counts its calls.
 */
extern char printed[4 << 20];
extern size_t printed_length, printed_pieces;
void printed_clear(void);
void printed_collect(void *opaque, const char *piece);
/* Collect what stats_print() says. */
void print(const char *opts);
void assert_has(const char *part);
void assert_lacks(const char *part);

/* Visit the name of everything that can be read: rows, fields, options. */
typedef struct {
	const ctl_row_t *row; /* NULL: an option */
	const ctl_field_t *field;
	const opt_row_t *option;
} ctl_leaf_t;
void for_each_leaf(void (*visit)(const char *name, const ctl_leaf_t *leaf));

#endif /* TEST_UNIT_CTL_CTL_SUPPORT_H */
