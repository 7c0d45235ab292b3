#include "arena/slab.h"

#include "slab_support.h"
#include "support/harness.h"

#include <string.h>

#include "ds/prng.h"
#include "meta/options.h"
#include "platform/pages.h"

/* A slab as descriptor only: its memory is never touched. */
static edata_t slab;
static unsigned szind;
static const bin_info_t *info;
static void *regs[SLAB_REGS_MAX];
static uint64_t prng;

static void
setup_at(size_t size, uintptr_t addr)
{
	size_class_boot();
	slab_boot();
	szind = szind_of(size);
	info = &bin_infos[szind];
	memset(&slab, 0xa5, sizeof(slab));
	slab.addr = (void *)addr;
	slab.size = info->slab_size;
	slab.cind = (uint8_t)cind_of_small(szind);
	slab.slab = true;
	edata_set_owner(&slab, 0, EXTENT_ACTIVE);
	slab_init(&slab, info);
	assert_true(slab_verify(&slab, szind));
	assert_true(slab_is_empty(&slab, info));
}

static void
setup(size_t size)
{
	setup_at(size, 0x12345000);
}

static unsigned
region_of(const void *reg)
{
	return bin_info_region(info, (uintptr_t)reg - edata_base(&slab));
}

static void
give_back(unsigned region)
{
	assert_int_equal(slab.free_map[region / 64] >> region % 64 & 1, 0);
	slab.free_map[region / 64] |= (uint64_t)1 << region % 64;
	slab.nfree++;
}

static bool
is_free(unsigned region)
{
	return (slab.free_map[region / 64] >> region % 64 & 1) != 0;
}

/* First byte of a unit in the slab; below 0 where it begins before. */
static intptr_t
unit_offset(unsigned unit)
{
	uintptr_t length = (uintptr_t)1 << info->lg_unit;
	return (intptr_t)(edata_base(&slab) / length * length + unit * length -
	    edata_base(&slab));
}

static bool
touches(unsigned region, unsigned unit)
{
	intptr_t start = unit_offset(unit);
	intptr_t end = start + ((intptr_t)1 << info->lg_unit);
	intptr_t from = (intptr_t)region * (intptr_t)info->reg_size;
	return from < end && start < from + (intptr_t)info->reg_size;
}

static bool
is_hidden(unsigned region)
{
	for (unsigned unit = 0; unit < SLAB_UNITS_MAX; unit++) {
		if ((slab.holes.purged >> unit & 1) != 0 &&
		    touches(region, unit)) {
			return is_free(region);
		}
	}
	return false;
}

/* As slab_free_units(), the long way. */
static slab_units_t
free_units(void)
{
	slab_units_t units = 0;
	for (unsigned unit = 0; unit < SLAB_UNITS_MAX; unit++) {
		intptr_t start = unit_offset(unit);
		intptr_t end = start + ((intptr_t)1 << info->lg_unit);
		bool inside = start >= 0 && end <= (intptr_t)slab.size;
		unsigned n = 0;
		for (unsigned i = 0; inside && i < info->nregs; i++) {
			n += touches(i, unit);
			inside = !touches(i, unit) || is_free(i);
		}
		if (inside && n > 0 && (slab.holes.purged >> unit & 1) == 0) {
			units |= (slab_units_t)(1u << unit);
		}
	}
	return units;
}

static void
check(void)
{
	unsigned nhidden = 0;
	assert_true(slab_verify(&slab, szind));
	for (unsigned i = 0; i < info->nregs; i++) {
		nhidden += is_hidden(i);
	}
	assert_int_equal(slab.holes.nhidden, nhidden);
	assert_int_equal(slab_free_units(&slab, info),
	    slab_is_used_up(&slab) ? 0 : free_units());
}

/* Purge a random part of what can be; nothing of it is to be had meanwhile. */
static void
random_purge(bool *live)
{
	slab_units_t units = slab_free_units(&slab, info);
	units &= (slab_units_t)prng_next(&prng);
	if (units == 0) {
		return;
	}
	bool purged = prng_below(&prng, 4) != 0;
	unsigned nfree = slab.nfree;
	slab_reserve(&slab, info, units);
	assert_true(slab_verify(&slab, szind));
	unsigned got = slab_take(&slab, info, regs,
	    (unsigned)prng_below(&prng, 4));
	for (unsigned i = 0; i < got; i++) {
		unsigned region = region_of(regs[i]);
		live[region] = true;
		for (unsigned unit = 0; unit < SLAB_UNITS_MAX; unit++) {
			assert_false(
			    (units >> unit & 1) != 0 && touches(region, unit));
		}
	}
	assert_null(slab_restore(&slab, info, units, purged));
	assert_int_equal(slab.nfree, nfree - got);
	assert_int_equal(slab.holes.purged & units, purged ? units : 0);
}

static void
random_take(bool *live)
{
	unsigned want = 1 + (unsigned)prng_below(&prng, info->nregs);
	unsigned room = slab.nfree - slab.holes.nhidden;
	unsigned got = slab_take(&slab, info, regs, want);
	assert_int_equal(got, want < room ? want : room);
	for (unsigned i = 0; i < got; i++) {
		unsigned region = region_of(regs[i]);
		assert_false(live[region]);
		assert_true(i == 0 || regs[i] > regs[i - 1]);
		for (unsigned unit = 0; unit < SLAB_UNITS_MAX; unit++) {
			assert_false((slab.holes.purged >> unit & 1) != 0 &&
			    touches(region, unit));
		}
		live[region] = true;
	}
}

/* Random work on one slab, checked against the long way. */
static void
random_work(unsigned nrounds)
{
	static bool live[SLAB_REGS_MAX];
	memset(live, 0, sizeof(live));
	for (unsigned round = 0; round < nrounds; round++) {
		unsigned share = 1 + (unsigned)prng_below(&prng, 8);
		switch (prng_below(&prng, 4)) {
		case 0:
			random_take(live);
			break;
		case 1:
			random_purge(live);
			break;
		case 2:
			if (slab.holes.nhidden != 0) {
				unsigned nhidden = slab.holes.nhidden;
				slab_reveal(&slab, info);
				assert_true(slab.holes.nhidden < nhidden);
				assert_false(slab_is_used_up(&slab));
			}
			break;
		default:
			for (unsigned i = 0; i < info->nregs; i++) {
				if (live[i] && prng_below(&prng, share) == 0) {
					give_back(i);
					live[i] = false;
				}
			}
		}
		check();
	}
}

TEST(random_work_in_all_classes)
{
	prng = 1;
	for (size_t i = 0; i < SC_NBINS; i++) {
		setup(szind_size((unsigned)i));
		random_work(info->nregs > 100 ? 40 : 400);
	}
}

/* Long slabs have longer units, of which the outermost may be others' too. */
TEST(random_work_in_long_slabs)
{
	prng = 2;
	assert_true(
	    opt_ranges_add(&opt.slab_sizes, (opt_range_t){1, 16384, 300}));
	for (size_t i = 0; i < SC_NBINS; i += 3) {
		setup(szind_size((unsigned)i));
		random_work(40);
	}
}

/* So have slabs where the kernel's pages are long; short ones have none. */
TEST(random_work_with_large_kernel_pages)
{
	prng = 3;
	os_page_size = (size_t)16 << 10;
	for (size_t i = 0; i < SC_NBINS; i++) {
		for (uintptr_t page = 0; page < 4; page++) {
			setup_at(szind_size((unsigned)i),
			    0x10000000 + page * PAGE);
			assert_true(info->lg_unit >= 14);
			random_work(20);
		}
	}
	os_page_size = (size_t)64 << 10;
	setup(1024);
	assert_int_equal(slab_free_units(&slab, info), 0);
}

/* The pages of a slab of 1 KiB: four regions each. */
TEST(units_are_pages)
{
	setup(1024);
	assert_int_equal(info->lg_unit, LG_PAGE);
	assert_int_equal(slab_take(&slab, info, regs, 16), 16);
	assert_int_equal(slab_free_units(&slab, info), 0);
	for (unsigned i = 4; i < 8; i++) {
		assert_int_equal(slab_free_units(&slab, info), 0);
		give_back(i);
	}
	assert_int_equal(slab_free_units(&slab, info), 2);
	give_back(0);
	slab_reserve(&slab, info, 2);
	assert_int_equal(slab.nfree, 1);
	assert_null(slab_restore(&slab, info, 2, true));
	assert_int_equal(slab.nfree, 5);
	assert_int_equal(slab.holes.nhidden, 4);
	assert_false(slab_is_used_up(&slab));
	assert_int_equal(slab_take(&slab, info, regs, 16), 1);
	assert_int_equal(region_of(regs[0]), 0);
	assert_true(slab_is_used_up(&slab));
	slab_reveal(&slab, info);
	assert_int_equal(slab.holes.purged, 0);
	assert_int_equal(slab_take(&slab, info, regs, 16), 4);
	assert_int_equal(region_of(regs[3]), 7);
}

/* A region over several pages: all of them come back with it. */
TEST(region_over_several_pages)
{
	setup(14336);
	assert_int_equal(slab_take(&slab, info, regs, 1), 1);
	assert_int_equal(slab_free_units(&slab, info), 0x70);
	slab_reserve(&slab, info, 0x30);
	assert_null(slab_restore(&slab, info, 0x30, true));
	assert_true(slab_is_used_up(&slab));
	/* The rest later. */
	assert_int_equal(slab_free_units(&slab, info), 0);
	slab_reveal(&slab, info);
	assert_int_equal(slab.holes.purged, 0);
}

/*
 * Any number, from any region on, with one in between in use or none: those
 * that are free, in order, and no others, however they lie in words.
 */
TEST(taking_in_words)
{
	setup(64);
	for (unsigned from = 0; from < 140; from++) {
		for (unsigned n = 1; n < 140; n += 1 + n / 9) {
			unsigned hole = from * 7 % 150, next = from;
			slab_init(&slab, info);
			assert_int_equal(slab_take(&slab, info, regs, from),
			    from);
			if (hole > from) {
				slab.free_map[hole / 64] ^= (uint64_t)1
				    << hole % 64;
				slab.nfree--;
			}
			assert_int_equal(slab_take(&slab, info, regs, n), n);
			for (unsigned i = 0; i < n; i++, next++) {
				next += next == hole && hole > from;
				assert_int_equal(region_of(regs[i]), next);
				assert_false(is_free(next));
			}
			assert_true(slab_verify(&slab, szind));
			assert_int_equal(slab.nfree,
			    info->nregs - from - n - (hole > from));
		}
	}
}

TEST(taking_makes_a_slab_unseen)
{
	setup(1024);
	slab.holes.seen = 0xc;
	assert_int_equal(slab_take(&slab, info, regs, 1), 1);
	assert_int_equal(slab.holes.seen, 0);
}

/* What is freed while it is being purged was freed twice. */
TEST(restore_sees_what_was_freed_twice)
{
	setup(1024);
	assert_int_equal(slab_take(&slab, info, regs, 2), 2);
	slab_reserve(&slab, info, 0x6);
	give_back(5);
	assert_ptr_equal(slab_restore(&slab, info, 0x6, true),
	    (char *)slab.addr + 5 * 1024);
	assert_int_equal(slab.nfree, 14);
	assert_true(slab_verify(&slab, szind));
}

TEST(next_run)
{
	size_t length;
	setup(1024);
	slab_units_t units = 0xb;
	assert_int_equal(slab_next_run(&slab, info, &units, &length), 0);
	assert_int_equal(length, 2 * PAGE);
	assert_int_equal(slab_next_run(&slab, info, &units, &length), 3 * PAGE);
	assert_int_equal(length, PAGE);
	assert_int_equal(units, 0);
	units = 0xffff;
	assert_int_equal(slab_next_run(&slab, info, &units, &length), 0);
	assert_int_equal(length, 16 * PAGE);
	assert_int_equal(units, 0);
}

TEST(verify_sees_damage)
{
	setup(1024);
	slab.holes.nhidden = 1;
	assert_false(slab_verify(&slab, szind));
	slab.holes.nhidden = 0;
	slab.holes.purged = 1;
	assert_false(slab_verify(&slab, szind));
	slab.holes.nhidden = 4;
	assert_true(slab_verify(&slab, szind));
	slab.holes.seen = 1;
	assert_false(slab_verify(&slab, szind));
}
