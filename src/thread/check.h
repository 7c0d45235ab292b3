/*
 * check: what the option check:true knows about every live block.
 *
 * A table outside of the program's memory has the request of each block: its
 * address, the bytes asked for and those that the program may know of (the
 * usable size).  Blocks get some bytes more than they need; what is behind the
 * request holds a canary, whose damage shows an overflow, and by how much.  A
 * pointer that is not in the table can not be freed, and one that is noted as
 * freed was freed before: both are said at once.  Freed blocks go into
 * quarantine (thread/quarantine.h).
 *
 * Who asks for the usable size may use it: from then on the canary is behind.
 *
 * Locking: shards by address, each below a leaf lock, under which nothing is
 * reported.
 */
#ifndef THREAD_CHECK_H
#define THREAD_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "meta/options.h"
#include "platform/compiler.h"

/* Bytes behind a block's usable size at least. */
#define CHECK_TAIL 16

/* What new blocks are filled with. */
#define CHECK_JUNK 0xa5

/*
 * One of so many small blocks of a thread ends at an inaccessible page, up to
 * a number that leaves the process most of the mappings that it may have.
 */
#define CHECK_SAMPLE 64
#define CHECK_SAMPLES_MAX 4096

/* One block. */
typedef struct {
	void *ptr; /* NULL: an empty place of the table */
	size_t size; /* bytes that are the program's */
	size_t usize; /* what it is told that there are */
	size_t room; /* what there really is, canary included */
	bool freed;
	bool guarded;
	bool zero; /* all of the usable size was to read zero */
} check_block_t;

static inline bool
check_on(void)
{
	return unlikely(opt.check);
}

/* Note a new block and write its canary; false: no memory for the note. */
MUST_CHECK bool check_note(const check_block_t *block);

/* The live block that starts at ptr, whole; false: reported, it is none. */
MUST_CHECK bool check_find(void *ptr, check_block_t *block);

/*
 * The block is freed: from now on it is a second time.  The canary is looked
 * at.  False: reported, it is no live block.
 */
MUST_CHECK bool check_free(void *ptr, check_block_t *block);

/* The program learns the usable size of a live block; 0: it is none. */
size_t check_grant(void *ptr);

/* The block is gone for good. */
void check_forget(void *ptr);
/* All blocks of an arena are. */
void check_forget_arena(unsigned arena_ind);

/* Look at the canaries of all live blocks, and at what is in quarantine. */
void check_all(void);

void check_prefork(void);
void check_postfork_parent(void);
void check_postfork_child(void);

#endif
