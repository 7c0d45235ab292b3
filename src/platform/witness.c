#include "platform/witness.h"

#include <stddef.h>
#include <stdint.h>

#include "platform/assert.h"
#include "platform/fatal.h"
#include "platform/tls.h"

#define NHELD_MAX 16
#define NFOREIGN_MAX 8

/* Locks held by this thread, oldest first.  Unused but in debug builds. */
typedef struct {
	const witness_t *held[NHELD_MAX];
	unsigned nheld;
	/* How many were held when foreign code began, outermost first. */
	unsigned before[NFOREIGN_MAX];
	unsigned nforeign;
	lock_rank_t rank_prefork; /* of the last lock taken for fork */
} witness_list_t;

static TLS_MODEL _Thread_local witness_list_t list;

/* Ranks of which a thread may hold several locks, by ascending address. */
static bool
rank_is_multi(lock_rank_t rank)
{
	switch (rank) {
	case LOCK_PROF_TDATA:
	case LOCK_PROF_GCTX:
	case LOCK_SEC_SHARD:
	case LOCK_ECACHE_DIRTY:
	case LOCK_ECACHE_MUZZY:
	case LOCK_ECACHE_RETAINED:
	case LOCK_BIN:
		return true;
	default:
		return false;
	}
}

/* May `next` be taken while `held` is held? */
static bool
order_is_right(const witness_t *held, const witness_t *next)
{
	if (held->rank == LOCK_UNRANKED || next->rank == LOCK_UNRANKED) {
		return held != next;
	}
	if (held->rank == next->rank) {
		return rank_is_multi(next->rank) &&
		    (uintptr_t)held < (uintptr_t)next;
	}
	return held->rank < next->rank;
}

static const char *
name_of(const witness_t *witness)
{
	return witness->name != NULL ? witness->name : "(unnamed)";
}

void
witness_check(const witness_t *witness)
{
	if (!config_debug) {
		return;
	}
	unsigned before = list.nforeign == 0 ? 0
					     : list.before[list.nforeign - 1];
	for (unsigned i = 0; i < list.nheld; i++) {
		const witness_t *held = list.held[i];
		if (i < before ? held == witness
			       : !order_is_right(held, witness)) {
			fatal("Lock order reversal: %s (rank %d) taken while "
			      "%s (rank %d) is held",
			    name_of(witness), (int)witness->rank, name_of(held),
			    (int)held->rank);
		}
	}
}

void
witness_lock(const witness_t *witness)
{
	if (!config_debug) {
		return;
	}
	if (list.nheld == NHELD_MAX) {
		fatal("Lock %s: a thread holds too many locks",
		    name_of(witness));
	}
	list.held[list.nheld++] = witness;
}

void
witness_unlock(const witness_t *witness)
{
	if (!config_debug) {
		return;
	}
	for (unsigned i = list.nheld; i-- > 0;) {
		if (list.held[i] == witness) {
			list.nheld--;
			for (; i < list.nheld; i++) {
				list.held[i] = list.held[i + 1];
			}
			return;
		}
	}
	fatal("Lock %s: released by a thread that does not hold it",
	    name_of(witness));
}

void
witness_foreign_enter(void)
{
	if (!config_debug) {
		return;
	}
	if (list.nforeign == NFOREIGN_MAX) {
		fatal("Foreign code is nested too deeply");
	}
	list.before[list.nforeign++] = list.nheld;
}

void
witness_foreign_leave(void)
{
	if (config_debug) {
		list.nforeign--;
	}
}

void
witness_prefork(const witness_t *witness)
{
	if (!config_debug || witness->rank == LOCK_UNRANKED) {
		return;
	}
	if (witness->rank < list.rank_prefork) {
		fatal("Lock order reversal before fork: %s (rank %d) taken "
		      "after rank %d",
		    name_of(witness), (int)witness->rank,
		    (int)list.rank_prefork);
	}
	list.rank_prefork = witness->rank;
}

void
witness_postfork(const witness_t *witness)
{
	(void)witness;
	if (config_debug) {
		list.rank_prefork = LOCK_UNRANKED;
	}
}

bool
witness_is_held(const witness_t *witness)
{
	for (unsigned i = 0; config_debug && i < list.nheld; i++) {
		if (list.held[i] == witness) {
			return true;
		}
	}
	return false;
}

void
witness_assert_below(lock_rank_t rank)
{
	for (unsigned i = 0; config_debug && i < list.nheld; i++) {
		const witness_t *held = list.held[i];
		if (held->rank >= rank && held->rank != LOCK_UNRANKED) {
			fatal("Lock %s (rank %d) is held where only ranks "
			      "below %d may be",
			    name_of(held), (int)held->rank, (int)rank);
		}
	}
}

void
witness_assert_lockless(void)
{
	witness_assert_below(LOCK_UNRANKED + 1);
}
