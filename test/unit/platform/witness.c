#include "platform/witness.h"

#include "support/harness.h"

#include "platform/compiler.h"

static witness_t ctl = {"ctl", LOCK_CTL};
static witness_t bins[2] = {{"bin", LOCK_BIN}, {"bin", LOCK_BIN}};
static witness_t bases[2] = {{"base", LOCK_BASE}, {"base", LOCK_BASE}};
static witness_t unranked[2];

static void
take(const witness_t *witness)
{
	witness_check(witness);
	witness_lock(witness);
}

/* An ascending sequence, ended by NULL. */
static void
take_all(void *arg)
{
	for (const witness_t **w = arg; *w != NULL; w++) {
		take(*w);
	}
}

TEST(order_of_ranks)
{
	const witness_t *right[] = {&ctl, &bins[0], &bases[0], NULL};
	const witness_t *wrong[] = {&ctl, &bases[0], &bins[0], NULL};
	assert_survives(take_all, right);
	assert_dies(take_all, wrong, "Lock order reversal: bin (rank ");
	assert_dies(take_all, wrong, "while base (rank ");
}

/* Some ranks may be held more than once, by ascending address. */
TEST(order_within_rank)
{
	const witness_t *multi[] = {&bins[0], &bins[1], NULL};
	const witness_t *descending[] = {&bins[1], &bins[0], NULL};
	const witness_t *twice[] = {&bins[0], &bins[0], NULL};
	const witness_t *single[] = {&bases[0], &bases[1], NULL};
	assert_survives(take_all, multi);
	assert_dies(take_all, descending, "Lock order reversal");
	assert_dies(take_all, twice, "Lock order reversal");
	assert_dies(take_all, single, "Lock order reversal");
}

TEST(unranked_go_anywhere)
{
	const witness_t *any[] = {&unranked[1], &bases[0], &unranked[0], NULL};
	const witness_t *twice[] = {&unranked[0], &unranked[0], NULL};
	assert_survives(take_all, any);
	assert_dies(take_all, twice, "(unnamed)");
}

/* Locks are given back in any order. */
TEST(released_in_any_order)
{
	take(&ctl);
	take(&bins[0]);
	take(&bases[0]);
	assert_true(witness_is_held(&bins[0]));
	witness_unlock(&bins[0]);
	assert_false(witness_is_held(&bins[0]));
	witness_unlock(&ctl);
	take(&unranked[0]);
	witness_unlock(&bases[0]);
	witness_assert_lockless();
	take(&ctl);
	witness_unlock(&ctl);
	witness_unlock(&unranked[0]);
}

static void
release(void *arg)
{
	witness_unlock(arg);
}

TEST(release_of_what_is_not_held)
{
	assert_dies(release, &ctl, "Lock ctl: released by a thread that does");
}

static void
be_below(void *arg)
{
	witness_assert_below(*(lock_rank_t *)arg);
}

TEST(assert_below_rank)
{
	lock_rank_t bin = LOCK_BIN;
	lock_rank_t lowest = LOCK_UNRANKED + 1;
	take(&ctl);
	assert_survives(be_below, &bin);
	assert_dies(be_below, &lowest, "Lock ctl (rank ");
	take(&bins[0]);
	assert_dies(be_below, &bin, "Lock bin (rank ");
}

static void
take_too_many(void *arg)
{
	static witness_t many[1000];
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		take(&many[i]);
	}
}

TEST(too_many)
{
	assert_dies(take_too_many, NULL, "holds too many locks");
}

static void
prefork_all(void *arg)
{
	for (const witness_t **w = arg; *w != NULL; w++) {
		witness_prefork(*w);
	}
	witness_postfork(&ctl);
	witness_prefork(&ctl);
}

/* Fork takes any number of locks, of one rank in any order. */
TEST(order_before_fork)
{
	const witness_t *right[] = {&ctl, &bins[1], &unranked[0], &bins[0],
	    &bases[0], NULL};
	const witness_t *wrong[] = {&bases[0], &bins[0], NULL};
	assert_survives(prefork_all, right);
	assert_dies(prefork_all, wrong, "Lock order reversal before fork: bin");
}

/* Foreign code starts anew, but may not take what is held already. */
static void
take_in_foreign_code(void *arg)
{
	const witness_t **w = arg;
	take(w[0]);
	witness_foreign_enter();
	take_all(&w[1]);
}

TEST(foreign_code)
{
	const witness_t *right[] = {&bases[0], &ctl, &bins[0], &bases[1], NULL};
	const witness_t *wrong[] = {&ctl, &bases[0], &bins[0], NULL};
	const witness_t *twice[] = {&bases[0], &ctl, &bases[0], NULL};
	assert_survives(take_in_foreign_code, right);
	assert_dies(take_in_foreign_code, wrong, "Lock order reversal: bin");
	assert_dies(take_in_foreign_code, twice, "Lock order reversal: base");
	/* Afterwards the outer order holds again. */
	take(&bins[0]);
	witness_foreign_enter();
	take(&ctl);
	witness_unlock(&ctl);
	witness_foreign_leave();
	take(&bases[0]);
	witness_unlock(&bases[0]);
	witness_unlock(&bins[0]);
	witness_assert_lockless();
}
