#include "arena/bin.h"

#include "slab_support.h"
#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"

#define NSLABS 12
#define NREGS_MAX (NSLABS * SLAB_REGS_MAX)

static bin_t bin;
static unsigned szind;
static const bin_info_t *info;
static edata_t slabs[NSLABS];
static void *regs[NREGS_MAX];

/* Slabs exist as descriptors only: their memory is never touched. */
static void
setup(size_t size, bool tracks_full)
{
	size_class_boot();
	slab_boot();
	szind = szind_of(size);
	info = &bin_infos[szind];
	memset(&bin, 0, sizeof(bin));
	memset(slabs, 0, sizeof(slabs));
	bin_init(&bin, tracks_full);
	for (unsigned i = 0; i < NSLABS; i++) {
		slabs[i].addr = (void *)((uintptr_t)0x10000000 * (i + 1));
		slabs[i].size = info->slab_size;
		slabs[i].cind = (uint8_t)cind_of_small(szind);
		slabs[i].slab = true;
		slabs[i].serial = i;
		edata_set_owner(&slabs[i], 0, EXTENT_ACTIVE);
	}
}

static void
add_slab(unsigned i)
{
	mutex_lock(&bin.lock);
	bin_add_slab_locked(&bin, szind, &slabs[i]);
	mutex_unlock(&bin.lock);
	assert_true(bin_verify(&bin, szind));
}

/* A bin gets a slab only when it has no room left. */
static unsigned take(unsigned n);

static void
add_full_slab(unsigned i)
{
	add_slab(i);
	assert_int_equal(take(info->nregs), info->nregs);
	for (unsigned j = 0; j < info->nregs; j++) {
		assert_ptr_equal(regs[j],
		    (char *)slabs[i].addr + (size_t)j * info->reg_size);
	}
}

static unsigned
take(unsigned n)
{
	mutex_lock(&bin.lock);
	unsigned got = bin_take_locked(&bin, szind, regs, n);
	mutex_unlock(&bin.lock);
	assert_true(bin_verify(&bin, szind));
	return got;
}

static void *
region(unsigned slab, unsigned i)
{
	return (char *)slabs[slab].addr + (size_t)i * info->reg_size;
}

/* NULL: no slab became empty. */
static edata_t *
give_back(unsigned slab, unsigned i)
{
	edata_t *empty = NULL;
	mutex_lock(&bin.lock);
	bin_returns_t to = bin_returns_begin_locked(&bin, &slabs[slab],
	    info->nregs);
	bin_return_t result = bin_return_locked(&bin, &to, info->nregs, i,
	    &empty);
	bin.stats.ndalloc++;
	mutex_unlock(&bin.lock);
	assert_true(
	    result == BIN_SLAB_EMPTY ? empty != NULL : result == BIN_RETURNED);
	assert_true(bin_verify(&bin, szind));
	return result == BIN_SLAB_EMPTY ? empty : NULL;
}

static void
give_back_all(unsigned slab, unsigned from)
{
	for (unsigned i = from; i < info->nregs; i++) {
		assert_null(give_back(slab, i));
	}
}

TEST(lowest_address_first)
{
	setup(64, false);
	assert_int_equal(take(10), 0);
	add_slab(0);
	for (unsigned i = 0; i < info->nregs;) {
		unsigned n = i % 7 + 1;
		unsigned got = take(n);
		assert_int_equal(got,
		    n < info->nregs - i ? n : info->nregs - i);
		for (unsigned j = 0; j < got; j++) {
			assert_ptr_equal(regs[j], region(0, i++));
		}
	}
	assert_int_equal(take(1), 0);
	static const unsigned freed[] = {100, 3, 77, 4, 200};
	static const unsigned sorted[] = {3, 4, 77, 100, 200};
	for (unsigned i = 0; i < 5; i++) {
		assert_null(give_back(0, freed[i]));
	}
	assert_int_equal(take(10), 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_ptr_equal(regs[i], region(0, sorted[i]));
	}
}

/* The oldest slab with room is used up first. */
TEST(oldest_slab_first)
{
	setup(256, false);
	for (unsigned i = 0; i < 5; i++) {
		add_full_slab(4 - i);
	}
	assert_null(give_back(3, 0));
	assert_null(give_back(1, 9));
	assert_null(give_back(4, 5));
	assert_null(give_back(1, 8));
	assert_int_equal(take(10), 4);
	assert_ptr_equal(regs[0], region(1, 8));
	assert_ptr_equal(regs[1], region(1, 9));
	assert_ptr_equal(regs[2], region(3, 0));
	assert_ptr_equal(regs[3], region(4, 5));
}

/* An older slab that has room again takes over from the current one. */
TEST(older_slab_takes_over)
{
	setup(256, false);
	add_full_slab(0);
	add_slab(1);
	assert_int_equal(take(3), 3);
	assert_null(give_back(0, 2));
	assert_int_equal(take(2), 2);
	assert_ptr_equal(regs[0], region(0, 2));
	assert_ptr_equal(regs[1], region(1, 3));
}

TEST(double_free)
{
	setup(128, false);
	add_slab(0);
	assert_int_equal(take(3), 3);
	edata_t *empty;
	uint64_t nmalloc = bin.stats.nmalloc;
	mutex_lock(&bin.lock);
	/* Never taken, and returned already. */
	bin_returns_t to = bin_returns_begin_locked(&bin, &slabs[0],
	    info->nregs);
	assert_int_equal(bin_return_locked(&bin, &to, info->nregs, 3, &empty),
	    BIN_DOUBLE_FREE);
	assert_int_equal(bin_return_locked(&bin, &to, info->nregs, 1, &empty),
	    BIN_RETURNED);
	assert_int_equal(bin_return_locked(&bin, &to, info->nregs, 1, &empty),
	    BIN_DOUBLE_FREE);
	mutex_unlock(&bin.lock);
	assert_int_equal(slabs[0].nfree, info->nregs - 2);
	assert_int_equal(bin.stats.nmalloc, nmalloc);
	assert_true(bin_verify(&bin, szind));
}

/* An empty slab leaves, unless it is the last one with room. */
TEST(empty_slab_leaves)
{
	setup(1024, false);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	give_back_all(2, 0);
	assert_int_equal(bin.stats.curslabs, 3);
	assert_ptr_equal(give_back(1, 0), &slabs[2]);
	assert_int_equal(bin.stats.curslabs, 2);
	assert_null(give_back(0, 0));
	for (unsigned i = 1; i < info->nregs; i++) {
		assert_ptr_equal(give_back(1, i),
		    i == info->nregs - 1 ? &slabs[1] : NULL);
	}
	assert_int_equal(bin.stats.curslabs, 1);
	give_back_all(0, 1);
	assert_int_equal(bin.stats.curslabs, 1);
	mutex_lock(&bin.lock);
	assert_ptr_equal(bin_remove_empty_locked(&bin), &slabs[0]);
	assert_null(bin_remove_empty_locked(&bin));
	mutex_unlock(&bin.lock);
	assert_int_equal(bin.stats.curslabs, 0);
	assert_int_equal(bin.stats.nmalloc, bin.stats.ndalloc);
	assert_int_equal(take(1), 0);
}

static void
keep(unsigned n)
{
	mutex_lock(&bin.lock);
	bin_keep_more_locked(&bin, n);
	mutex_unlock(&bin.lock);
}

/* As a bin that is about to fetch a slab does. */
static unsigned
should_keep(void)
{
	mutex_lock(&bin.lock);
	unsigned n = bin_should_keep_locked(&bin, szind);
	bin_keep_more_locked(&bin, n);
	mutex_unlock(&bin.lock);
	return n;
}

static bool
wants_aging(void)
{
	mutex_lock(&bin.lock);
	bool wants = bin_wants_aging_locked(&bin);
	mutex_unlock(&bin.lock);
	return wants;
}

/* Slabs leave that were not needed; what they are told by is in `less`. */
static unsigned
age(unsigned *less)
{
	edata_t *empty[BIN_EMPTY_MAX];
	mutex_lock(&bin.lock);
	unsigned n = bin_age_locked(&bin, empty, less);
	mutex_unlock(&bin.lock);
	assert_true(bin_verify(&bin, szind));
	return n;
}

/* Three slabs are emptied, of which those behind the first `nkept` leave. */
static void
empty_three(unsigned nkept)
{
	give_back_all(2, 0);
	for (unsigned slab = 0; slab < 2; slab++) {
		for (unsigned i = 0; i + 1 < info->nregs; i++) {
			edata_t *left = give_back(slab, i);
			/* The last one was current, and is so no more. */
			assert_ptr_equal(left,
			    slab == 0 && i == 0 && nkept == 0 ? &slabs[2]
							      : NULL);
		}
		assert_ptr_equal(give_back(slab, info->nregs - 1),
		    slab == 1 && nkept < 2 ? &slabs[1] : NULL);
	}
}

/* A bin that turns slabs over keeps some: more each time that it is not enough. */
TEST(empty_slabs_are_kept)
{
	unsigned less;
	setup(1024, false);
	assert_int_equal(should_keep(), 0);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	empty_three(0);
	assert_false(wants_aging());
	assert_int_equal(bin.stats.curslabs, 1);
	assert_int_equal(take(info->nregs), info->nregs);
	assert_int_equal(should_keep(), 1);
	assert_int_equal(should_keep(), 0);
	add_full_slab(1);
	add_full_slab(2);
	empty_three(1);
	assert_true(wants_aging());
	assert_false(wants_aging());
	assert_int_equal(bin.stats.curslabs, 2);
	assert_int_equal(bin.stats.nonfull_slabs, 0);
	assert_int_equal(bin.nempty, 1);
	uint64_t nslabs = bin.stats.nslabs;
	assert_int_equal(take(2 * info->nregs), 2 * info->nregs);
	assert_ptr_equal(regs[info->nregs], region(2, 0));
	assert_int_equal(bin.stats.nslabs, nslabs);
	assert_int_equal(bin.nempty, 0);
	assert_int_equal(should_keep(), 1);
	assert_int_equal(age(&less), 0);
	assert_int_equal(less, 0);
	/* Nothing was kept since: it is not to be expected either. */
	assert_int_equal(age(&less), 0);
	assert_int_equal(less, 2);
}

/* No more than the bound, whatever is asked for. */
TEST(kept_slabs_are_bounded)
{
	setup(4096, false);
	unsigned total = 0, n;
	do {
		bin.gave_up = true;
		n = should_keep();
		assert_in_range(n, 0, total == 0 ? 1 : total);
		total += n;
	} while (n != 0);
	assert_int_equal(total, BIN_EMPTY_MAX);
	setup(16384 - 2048, false);
	bin.nempty_max = 30;
	bin.gave_up = true;
	assert_in_range(should_keep(), 0, 30);
	assert_in_range(bin.nempty_max * info->slab_size, 1, BIN_EMPTY_BYTES);
}

/* Those that were not needed between two looks leave, and are not expected. */
TEST(kept_slabs_age)
{
	unsigned less;
	setup(1024, false);
	keep(2);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	empty_three(2);
	assert_int_equal(bin.nempty, 2);
	/* Kept for less than the time between two looks. */
	assert_int_equal(age(&less), 0);
	assert_int_equal(take(info->nregs + 1), info->nregs + 1);
	assert_int_equal(bin.nempty, 1);
	assert_int_equal(age(&less), 1);
	assert_int_equal(less, 2);
	assert_int_equal(bin.nempty, 0);
	assert_int_equal(bin.nempty_max, 0);
	assert_int_equal(bin.stats.curslabs, 2);
}

/* Whoever wants all that is empty gets it, and whoever wants all. */
TEST(kept_slabs_are_given_up)
{
	unsigned n = 0;
	for (unsigned any = 0; any < 2; any++) {
		setup(1024, true);
		keep(3);
		for (unsigned i = 0; i < 3; i++) {
			add_full_slab(i);
		}
		empty_three(3);
		assert_int_equal(bin.stats.curslabs, 3);
		mutex_lock(&bin.lock);
		for (n = 0; (any ? bin_remove_any_locked(&bin)
				 : bin_remove_empty_locked(&bin)) != NULL;
		     n++) {
		}
		assert_int_equal(bin_keep_none_locked(&bin), 3);
		mutex_unlock(&bin.lock);
		assert_int_equal(n, 3);
		assert_int_equal(bin.nempty, 0);
		assert_int_equal(bin.stats.curslabs, 0);
		assert_int_equal(bin.stats.nreset, 0);
		assert_true(bin_verify(&bin, szind));
	}
}

/* Time may pass between the steps of who gives them up: no less than none. */
TEST(kept_slabs_age_while_given_up)
{
	unsigned less;
	setup(1024, false);
	keep(3);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	empty_three(3);
	assert_int_equal(age(&less), 0);
	bin.nempty_least = 1;
	mutex_lock(&bin.lock);
	assert_int_equal(bin_keep_none_locked(&bin), 3);
	mutex_unlock(&bin.lock);
	assert_int_equal(bin.nempty, 2);
	assert_int_equal(age(&less), 1);
	assert_int_equal(less, 0);
	assert_int_equal(bin.nempty_max, 0);
	/* Whoever gives them up goes on. */
	mutex_lock(&bin.lock);
	assert_int_equal(bin_keep_none_locked(&bin), 0);
	mutex_unlock(&bin.lock);
}

/* Pages that were given back, and guards, are no good to the next one. */
TEST(some_slabs_are_not_kept)
{
	setup(1024, false);
	keep(3);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	slabs[1].guarded = true;
	assert_null(give_back(0, 0));
	for (unsigned i = 0; i < info->nregs; i++) {
		assert_ptr_equal(give_back(1, i),
		    i == info->nregs - 1 ? &slabs[1] : NULL);
	}
	give_back_all(2, 0);
	assert_int_equal(bin.nempty, 1);
}

/* One that is empty does not hide behind an older one that gets room. */
TEST(empty_slab_does_not_hide)
{
	setup(1024, false);
	add_full_slab(0);
	add_full_slab(1);
	give_back_all(1, 0);
	assert_int_equal(bin.stats.curslabs, 2);
	assert_ptr_equal(give_back(0, 0), &slabs[1]);
	assert_int_equal(bin.stats.curslabs, 1);
	assert_int_equal(take(2), 1);
	assert_ptr_equal(regs[0], region(0, 0));
}

/* Slabs of one region are full or empty, nothing else. */
TEST(slabs_of_one_region)
{
	opt.slab_sizes.count = 0;
	assert_true(
	    opt_ranges_add(&opt.slab_sizes, (opt_range_t){4096, 4096, 1}));
	setup(4096, true);
	assert_int_equal(info->nregs, 1);
	for (unsigned i = 0; i < 4; i++) {
		add_full_slab(i);
	}
	unsigned nempty = 0;
	for (unsigned i = 0; i < 4; i++) {
		nempty += give_back(i, 0) != NULL;
	}
	assert_int_equal(nempty + bin.stats.curslabs, 4);
	assert_true(bin.stats.curslabs <= 1);
}

static unsigned
count_full(void)
{
	unsigned n = 0;
	for (list_node_t *node = list_first(&bin.full); node != NULL;
	     node = list_next(&bin.full, node)) {
		edata_t *slab = container_of(node, edata_t, full);
		assert_int_equal(slab->nfree, 0);
		n++;
	}
	return n;
}

/* Where full slabs are listed, every one but the current one is there. */
TEST(full_slabs_are_listed)
{
	setup(1024, true);
	for (unsigned i = 0; i < 4; i++) {
		add_full_slab(i);
	}
	assert_int_equal(count_full(), 3);
	/* Whoever looks for more lists the last one, too. */
	assert_int_equal(take(1), 0);
	assert_int_equal(count_full(), 4);
	assert_null(give_back(2, 0));
	assert_null(give_back(0, 0));
	assert_int_equal(count_full(), 2);
	assert_int_equal(take(2), 2);
	assert_int_equal(count_full(), 3);
	assert_int_equal(take(1), 0);
	assert_int_equal(count_full(), 4);
}

/* A reset takes out everything, with the regions that are in use. */
TEST(remove_any)
{
	setup(1024, true);
	for (unsigned i = 0; i < 4; i++) {
		add_full_slab(i);
	}
	assert_null(give_back(1, 0));
	assert_null(give_back(3, 5));
	uint64_t live = bin.stats.nmalloc - bin.stats.ndalloc;
	bool seen[4] = {false};
	mutex_lock(&bin.lock);
	for (unsigned i = 0; i < 4; i++) {
		edata_t *slab = bin_remove_any_locked(&bin);
		assert_non_null(slab);
		assert_false(seen[slab - slabs]);
		seen[slab - slabs] = true;
	}
	assert_null(bin_remove_any_locked(&bin));
	mutex_unlock(&bin.lock);
	assert_int_equal(bin.stats.nreset, live);
	assert_int_equal(bin.stats.curslabs, 0);
	assert_true(bin_verify(&bin, szind));
	add_slab(0);
	assert_int_equal(take(1), 1);
}

static void *slots[BIN_HANDOFF_MAX];

TEST(handoff)
{
	void *left[BIN_HANDOFF_MAX];
	void *taken[BIN_HANDOFF_MAX];
	setup(64, false);
	for (unsigned i = 0; i < BIN_HANDOFF_MAX; i++) {
		left[i] = region(0, i);
	}
	assert_false(bin_handoff_waits(&bin));
	mutex_lock(&bin.lock);
	assert_int_equal(bin_handoff_take_locked(&bin, slots, taken), 0);
	mutex_unlock(&bin.lock);
	assert_int_equal(bin_handoff_seen(&bin), 0);
	assert_true(bin_handoff_leave(&bin, slots, left, BIN_HANDOFF_MAX));
	assert_true(bin_handoff_waits(&bin));
	assert_int_equal(bin_handoff_seen(&bin), BIN_HANDOFF_MAX);
	assert_false(bin_handoff_leave(&bin, slots, left, 1));
	mutex_lock(&bin.lock);
	assert_int_equal(bin_handoff_take_locked(&bin, slots, taken),
	    BIN_HANDOFF_MAX);
	assert_int_equal(bin_handoff_take_locked(&bin, slots, taken), 0);
	mutex_unlock(&bin.lock);
	assert_memory_equal(left, taken, sizeof(left));
	assert_false(bin_handoff_waits(&bin));
	assert_true(bin_handoff_leave(&bin, slots, left, 1));
	mutex_lock(&bin.lock);
	assert_int_equal(bin_handoff_take_locked(&bin, slots, taken), 1);
	mutex_unlock(&bin.lock);
}

/* What was being written when the process was copied is given up. */
TEST(handoff_after_fork)
{
	void *reg = &bin;
	setup(64, false);
	atomic_store(&bin.handoff.state, HANDOFF_WRITING);
	assert_false(bin_handoff_leave(&bin, slots, &reg, 1));
	bin_handoff_postfork_child(&bin);
	assert_true(bin_handoff_leave(&bin, slots, &reg, 1));
	bin_handoff_postfork_child(&bin);
	assert_true(bin_handoff_waits(&bin));
}

TEST(verify_sees_damage)
{
	setup(64, false);
	add_slab(0);
	assert_int_equal(take(1), 1);
	slabs[0].nfree++;
	assert_false(bin_verify(&bin, szind));
	slabs[0].nfree--;
	slabs[0].free_map[0] ^= 2;
	assert_false(bin_verify(&bin, szind));
	slabs[0].free_map[0] ^= 2;
	slabs[0].slab = false;
	assert_false(bin_verify(&bin, szind));
	slabs[0].slab = true;
	assert_true(bin_verify(&bin, szind));
	assert_false(bin_verify(&bin, szind + 1));
}

/* Random operations, against one flag per region. */

typedef struct {
	bool live[NSLABS][SLAB_REGS_MAX];
	unsigned nlive[NSLABS];
	bool in_bin[NSLABS];
	uint64_t prng;
} model_t;

static unsigned
slab_of(const void *reg)
{
	return (unsigned)((uintptr_t)reg / 0x10000000) - 1;
}

static unsigned
room_of(const model_t *model)
{
	unsigned room = 0;
	for (unsigned i = 0; i < NSLABS; i++) {
		room += model->in_bin[i] ? info->nregs - model->nlive[i] : 0;
	}
	return room;
}

static void
random_take(model_t *model)
{
	unsigned want = 1 + (unsigned)prng_below(&model->prng, 50);
	unsigned room = room_of(model);
	unsigned got = take(want);
	assert_int_equal(got, want < room ? want : room);
	for (unsigned i = 0; i < got; i++) {
		unsigned slab = slab_of(regs[i]);
		unsigned reg = bin_info_region(info,
		    (uintptr_t)regs[i] - edata_base(&slabs[slab]));
		assert_true(model->in_bin[slab]);
		assert_false(model->live[slab][reg]);
		/* The lowest free one of its slab. */
		for (unsigned j = 0; j < reg; j++) {
			assert_true(model->live[slab][j]);
		}
		model->live[slab][reg] = true;
		model->nlive[slab]++;
	}
}

static void
random_return(model_t *model)
{
	unsigned slab = (unsigned)prng_below(&model->prng, NSLABS);
	unsigned n = (unsigned)prng_below(&model->prng, info->nregs + 1);
	for (unsigned i = 0; i < n; i++) {
		unsigned reg = (unsigned)prng_below(&model->prng, info->nregs);
		if (!model->live[slab][reg]) {
			continue;
		}
		model->live[slab][reg] = false;
		model->nlive[slab]--;
		edata_t *empty = give_back(slab, reg);
		if (empty != NULL) {
			unsigned gone = (unsigned)(empty - slabs);
			assert_true(model->in_bin[gone]);
			assert_int_equal(model->nlive[gone], 0);
			model->in_bin[gone] = false;
		}
	}
}

static void
random_add(model_t *model)
{
	unsigned slab = (unsigned)prng_below(&model->prng, NSLABS);
	if (!model->in_bin[slab] && room_of(model) == 0) {
		add_slab(slab);
		model->in_bin[slab] = true;
	}
}

static void
random_walk(size_t size, bool tracks_full, uint64_t seed)
{
	static model_t model;
	memset(&model, 0, sizeof(model));
	model.prng = seed;
	setup(size, tracks_full);
	for (unsigned step = 0; step < 5000; step++) {
		switch (prng_below(&model.prng, 6)) {
		case 0:
			random_add(&model);
			break;
		case 1:
		case 2:
		case 3:
			random_take(&model);
			break;
		default:
			random_return(&model);
		}
		unsigned nslabs = 0;
		unsigned nlive = 0;
		for (unsigned i = 0; i < NSLABS; i++) {
			nslabs += model.in_bin[i];
			nlive += model.nlive[i];
		}
		assert_int_equal(bin.stats.curslabs, nslabs);
		assert_int_equal(bin.stats.nmalloc - bin.stats.ndalloc, nlive);
		(void)count_full();
	}
}

TEST(random_operations)
{
	random_walk(1024, false, 1);
	random_walk(64, false, 2);
	random_walk(14336, false, 3);
}

TEST(random_operations_with_full_slabs_listed)
{
	random_walk(1024, true, 4);
	random_walk(14336, true, 5);
}

/* Sweeps */

static bin_hole_t holes[BIN_HOLES_MAX];

/* One step; returns how many slabs are to be purged. */
static unsigned
sweep_step(bool all, unsigned nsteps)
{
	mutex_lock(&bin.lock);
	unsigned n = bin_sweep_locked(&bin, all, &nsteps, holes);
	mutex_unlock(&bin.lock);
	return n;
}

/* NULL: the slab stayed in the bin. */
static edata_t *
restore(bin_hole_t *hole, bool purged)
{
	hole->purged = purged;
	mutex_lock(&bin.lock);
	bool left = bin_sweep_restore_locked(&bin, hole);
	mutex_unlock(&bin.lock);
	assert_null(hole->twice);
	assert_true(bin_verify(&bin, szind));
	return left ? hole->slab : NULL;
}

static bool
sweep_begin(bool all)
{
	mutex_lock(&bin.lock);
	bool begun = bin_sweep_begin_locked(&bin, all);
	mutex_unlock(&bin.lock);
	return begun;
}

static bool
sweep_end(void)
{
	mutex_lock(&bin.lock);
	bool found = bin_sweep_end_locked(&bin, szind);
	mutex_unlock(&bin.lock);
	return found;
}

/* A whole sweep; returns how many pages were purged. */
static size_t NO_THREAD_SAFETY
sweep(bool all)
{
	size_t before = bin.stats.npages_purged;
	bin.sweep_at = UINT64_MAX;
	assert_true(sweep_begin(all));
	do {
		unsigned n = sweep_step(all, 3);
		for (unsigned i = 0; i < n; i++) {
			assert_int_not_equal(holes[i].units, 0);
			assert_null(restore(&holes[i], true));
		}
	} while (!bin_sweep_is_over_locked(&bin));
	(void)sweep_end();
	assert_true(bin_verify(&bin, szind));
	return bin.stats.npages_purged - before;
}

static void
give_back_some(unsigned slab, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		assert_null(give_back(slab, i));
	}
}

/* What one sweep finds the next one purges, unless something is taken. */
TEST(sweeps_purge_what_stays_free)
{
	setup(1024, false);
	for (unsigned i = 0; i < 4; i++) {
		add_full_slab(i);
	}
	for (unsigned i = 0; i < 3; i++) {
		give_back_some(i, 2, 9);
	}
	assert_int_equal(sweep(false), 0);
	/* Slab 0 is used again; in slab 1 another page becomes free. */
	assert_int_equal(take(1), 1);
	assert_ptr_equal(regs[0], region(0, 2));
	give_back_some(1, 9, 12);
	assert_int_equal(sweep(false), 2);
	assert_int_equal(slabs[0].holes.purged, 0);
	assert_int_equal(slabs[1].holes.purged, 2);
	assert_int_equal(slabs[2].holes.purged, 2);
	assert_int_equal(sweep(false), 2);
	assert_int_equal(slabs[1].holes.purged, 6);
	assert_int_equal(sweep(false), 0);
	assert_int_equal(sweep(true), 0);
}

/* Purged memory comes last, but before fresh slabs. */
TEST(purged_pages_are_taken_last)
{
	setup(1024, false);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	assert_int_equal(take(1), 0);
	give_back_some(0, 4, 8);
	give_back_some(1, 4, 9);
	assert_int_equal(sweep(true), 2);
	give_back_some(2, 0, 2);
	assert_int_equal(take(10), 3);
	assert_ptr_equal(regs[0], region(1, 8));
	assert_ptr_equal(regs[2], region(2, 1));
	assert_int_equal(bin.stats.npages_purged, 2);
	/* A page at a time. */
	assert_int_equal(take(3), 3);
	assert_ptr_equal(regs[0], region(0, 4));
	assert_int_equal(bin.stats.npages_purged, 1);
	assert_int_equal(take(10), 1);
	assert_int_equal(take(10), 4);
	assert_ptr_equal(regs[0], region(1, 4));
	assert_int_equal(bin.stats.npages_purged, 0);
	assert_int_equal(take(10), 0);
}

/* A slab that has nothing but purged pages gets a region back. */
TEST(hollow_slab_is_used_again)
{
	setup(1024, true);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	assert_int_equal(take(1), 0);
	give_back_some(1, 0, 8);
	assert_int_equal(sweep(true), 2);
	assert_int_equal(count_full(), 2);
	assert_null(give_back(1, 12));
	assert_int_equal(take(10), 1);
	assert_ptr_equal(regs[0], region(1, 12));
	/* All of them: it leaves, and what was purged is the bin's no more. */
	assert_null(give_back(0, 0));
	give_back_some(1, 8, 15);
	assert_ptr_equal(give_back(1, 15), &slabs[1]);
	assert_int_equal(bin.stats.npages_purged, 0);
	assert_null(slabs[1].user);
	assert_int_equal(bin.stats.curslabs, 2);
}

/* While pages are purged, their slab can not leave, nor they be taken. */
TEST(reserved_while_purging)
{
	setup(1024, true);
	add_full_slab(0);
	assert_int_equal(take(1), 0);
	give_back_some(0, 4, 8);
	assert_true(sweep_begin(true));
	assert_int_equal(sweep_step(true, 10), 1);
	assert_int_equal(holes[0].units, 2);
	assert_int_equal(take(10), 0);
	assert_int_equal(count_full(), 1);
	give_back_some(0, 0, 4);
	give_back_some(0, 8, 16);
	assert_int_equal(bin.stats.curslabs, 1);
	assert_int_equal(take(1), 1);
	assert_null(give_back(0, 0));
	/* Empty now: it leaves, whether it is current or not. */
	assert_ptr_equal(restore(&holes[0], true), &slabs[0]);
	assert_int_equal(bin.stats.curslabs, 0);
	assert_int_equal(bin.stats.npages_purged, 0);
	assert_int_equal(take(1), 0);
	assert_false(sweep_end());
}

/* An empty slab that a bin keeps is given up when it is idle. */
TEST(sweep_gives_up_empty_slab)
{
	setup(1024, false);
	add_slab(0);
	assert_int_equal(take(16), 16);
	give_back_some(0, 0, 16);
	assert_int_equal(bin.stats.curslabs, 1);
	assert_int_equal(sweep(false), 0);
	assert_int_equal(bin.stats.curslabs, 1);
	bin.sweep_at = UINT64_MAX;
	assert_true(sweep_begin(false));
	assert_int_equal(sweep_step(false, 1), 1);
	assert_int_equal(holes[0].units, 0);
	assert_ptr_equal(holes[0].slab, &slabs[0]);
	assert_int_equal(bin.stats.curslabs, 0);
	assert_int_equal(take(1), 0);
}

/* A sweep is wanted when 256 KiB were freed, and while there is a find. */
TEST(wants_sweep)
{
	setup(1024, false);
	mutex_lock(&bin.lock);
	assert_false(bin_wants_sweep_locked(&bin, szind));
	assert_false(bin_sweep_begin_locked(&bin, false));
	bin.stats.ndalloc = 255;
	assert_false(bin_wants_sweep_locked(&bin, szind));
	bin.stats.ndalloc = 256;
	assert_true(bin_wants_sweep_locked(&bin, szind));
	bin.stats.ndalloc = 1000;
	assert_false(bin_wants_sweep_locked(&bin, szind));
	assert_true(bin_sweep_begin_locked(&bin, false));
	assert_true(bin_sweep_is_over_locked(&bin));
	assert_false(bin_sweep_end_locked(&bin, szind));
	assert_false(bin_sweep_begin_locked(&bin, false));
	bin.stats.ndalloc = 1255;
	assert_false(bin_wants_sweep_locked(&bin, szind));
	bin.sweep_found = true;
	assert_true(bin_sweep_end_locked(&bin, szind));
	assert_true(bin_sweep_begin_locked(&bin, false));
	bin.stats.ndalloc = 0;
	mutex_unlock(&bin.lock);
}

/* A reset takes out hollow slabs too. */
TEST(remove_any_with_holes)
{
	setup(1024, true);
	for (unsigned i = 0; i < 3; i++) {
		add_full_slab(i);
	}
	assert_int_equal(take(1), 0);
	give_back_some(0, 0, 4);
	give_back_some(1, 0, 5);
	assert_int_equal(sweep(true), 2);
	mutex_lock(&bin.lock);
	for (unsigned i = 0; i < 3; i++) {
		edata_t *slab = bin_remove_any_locked(&bin);
		assert_non_null(slab);
		assert_null(slab->user);
	}
	assert_null(bin_remove_any_locked(&bin));
	mutex_unlock(&bin.lock);
	assert_int_equal(bin.stats.npages_purged, 0);
	assert_int_equal(bin.stats.nreset, 3 * 16 - 9);
	assert_int_equal(bin.stats.curslabs, 0);
}

/*
 * Random operations between the steps of sweeps: what is being purged is never
 * in use, and nothing is lost.
 */
static void
check_not_live(const model_t *model, const bin_hole_t *hole)
{
	unsigned slab = (unsigned)(hole->slab - slabs);
	slab_units_t units = hole->units;
	while (units != 0) {
		size_t length;
		size_t start = slab_next_run(hole->slab, info, &units, &length);
		for (unsigned i = 0; i < info->nregs; i++) {
			size_t at = (size_t)i * info->reg_size;
			assert_false(model->live[slab][i] &&
			    at < start + length && start < at + info->reg_size);
		}
	}
}

static void
random_take_any(model_t *model)
{
	unsigned got = take(1 + (unsigned)prng_below(&model->prng, 50));
	for (unsigned i = 0; i < got; i++) {
		unsigned slab = slab_of(regs[i]);
		unsigned reg = bin_info_region(info,
		    (uintptr_t)regs[i] - edata_base(&slabs[slab]));
		assert_true(model->in_bin[slab]);
		assert_false(model->live[slab][reg]);
		model->live[slab][reg] = true;
		model->nlive[slab]++;
	}
	if (got == 0) {
		for (unsigned i = 0; i < NSLABS; i++) {
			if (!model->in_bin[i]) {
				add_slab(i);
				model->in_bin[i] = true;
				return;
			}
		}
	}
}

static void
note_left(model_t *model, const edata_t *slab)
{
	unsigned gone = (unsigned)(slab - slabs);
	assert_true(model->in_bin[gone]);
	assert_int_equal(model->nlive[gone], 0);
	model->in_bin[gone] = false;
}

static void
random_work(model_t *model, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (prng_below(&model->prng, 2) == 0) {
			random_take_any(model);
		} else {
			random_return(model);
		}
	}
}

static void NO_THREAD_SAFETY
random_sweep(model_t *model)
{
	bool all = prng_below(&model->prng, 2) == 0;
	bin.sweep_at = UINT64_MAX;
	assert_true(sweep_begin(all));
	do {
		unsigned n = sweep_step(all,
		    1 + (unsigned)prng_below(&model->prng, 6));
		for (unsigned i = 0; i < n; i++) {
			if (holes[i].units == 0) {
				note_left(model, holes[i].slab);
			}
		}
		random_work(model, (unsigned)prng_below(&model->prng, 3));
		for (unsigned i = 0; i < n; i++) {
			if (holes[i].units == 0) {
				continue;
			}
			check_not_live(model, &holes[i]);
			bool purged = prng_below(&model->prng, 5) != 0;
			edata_t *left = restore(&holes[i], purged);
			if (left != NULL) {
				note_left(model, left);
			}
		}
	} while (!bin_sweep_is_over_locked(&bin));
	(void)sweep_end();
}

/* Every slab counts, wherever it is: full ones have no purged pages. */
static void
check_purged(const model_t *model)
{
	size_t npages = 0;
	for (unsigned i = 0; i < NSLABS; i++) {
		npages += model->in_bin[i]
		    ? bits_popcount64(slabs[i].holes.purged)
		    : 0;
	}
	assert_int_equal(bin.stats.npages_purged, npages);
}

static void
random_sweeps(size_t size, bool tracks_full, uint64_t seed)
{
	static model_t model;
	size_t nlive = 0, most = 0;
	memset(&model, 0, sizeof(model));
	model.prng = seed;
	setup(size, tracks_full);
	for (unsigned step = 0; step < 1500; step++) {
		random_work(&model, (unsigned)prng_below(&model.prng, 4));
		random_sweep(&model);
		check_purged(&model);
		nlive = 0;
		for (unsigned i = 0; i < NSLABS; i++) {
			nlive += model.nlive[i];
		}
		assert_int_equal(bin.stats.nmalloc - bin.stats.ndalloc, nlive);
		if (bin.stats.npages_purged > most) {
			most = bin.stats.npages_purged;
		}
	}
	assert_true(most > 3);
}

TEST(random_sweeps_and_operations)
{
	random_sweeps(1024, false, 6);
	random_sweeps(640, true, 7);
	random_sweeps(14336, false, 8);
	random_sweeps(5120, true, 9);
	random_sweeps(96, false, 10);
}

/* What a sweep notes in a slab is never the address of a block. */
TEST(sweeps_have_the_bit)
{
	setup(64, false);
	mutex_lock(&bin.lock);
	uint16_t before = bin.sweep_round;
	for (unsigned i = 0; i < 70000; i++) {
		assert_true(bin_sweep_begin_locked(&bin, true));
		assert_true((bin.sweep_round & HOLES_ROUND_BIT) != 0);
		assert_int_not_equal(bin.sweep_round, before);
		before = bin.sweep_round;
	}
	mutex_unlock(&bin.lock);
}
