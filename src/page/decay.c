#include "page/decay.h"

#include <string.h>

#include "ds/prng.h"
#include "platform/assert.h"

#define LG_ONE 24

/* h(i / 200) with 24 fractional bits. */
static uint64_t
smootherstep(uint64_t i)
{
	const uint64_t n = DECAY_NEPOCHS;
	uint64_t cube = i * i * i;
	uint64_t num = cube * (6 * i * i + 10 * n * n - 15 * n * i);
	return ((num / (n * n)) << LG_ONE) / (n * n * n);
}

static void
set_deadline(decay_t *decay)
{
	decay->deadline_ns = decay->epoch_ns + decay->interval_ns;
	if (decay->interval_ns > 0) {
		decay->deadline_ns += prng_below(&decay->prng,
		    decay->interval_ns);
	}
}

void
decay_init(decay_t *decay, ssize_t ms, uint64_t now_ns, uint64_t seed)
{
	assert(decay_ms_valid(ms));
	if (decay->has_backlog) {
		memset(decay->backlog, 0, sizeof(decay->backlog));
		decay->has_backlog = false;
	}
	decay->npages_seen = 0;
	decay->npages_limit = 0;
	decay->ms = ms;
	decay->prng = seed;
	decay->epoch_ns = now_ns;
	decay->interval_ns = ms <= 0 ? 0
				     : (uint64_t)ms * 1000000 / DECAY_NEPOCHS;
	set_deadline(decay);
}

static size_t
backlog_limit(const decay_t *decay)
{
	/* Sums of pages stay far below 2^40, the weights are below 2^24. */
	uint64_t sum = 0;
	for (unsigned i = 0; i < DECAY_NEPOCHS; i++) {
		if (decay->backlog[i] != 0) {
			sum += decay->backlog[i] * smootherstep(i + 1);
		}
	}
	return (size_t)(sum >> LG_ONE);
}

static void
backlog_shift(decay_t *decay, uint64_t nepochs, size_t npages_new)
{
	if (nepochs >= DECAY_NEPOCHS) {
		memset(decay->backlog, 0, sizeof(decay->backlog));
	} else {
		size_t keep = DECAY_NEPOCHS - (size_t)nepochs;
		memmove(decay->backlog, decay->backlog + nepochs,
		    keep * sizeof(decay->backlog[0]));
		memset(decay->backlog + keep, 0,
		    (size_t)nepochs * sizeof(decay->backlog[0]));
	}
	decay->backlog[DECAY_NEPOCHS - 1] = npages_new;
	decay->has_backlog = true;
}

bool
decay_advance(decay_t *decay, uint64_t now_ns, size_t npages)
{
	if (decay->ms <= 0 || now_ns < decay->deadline_ns) {
		if (now_ns < decay->epoch_ns) {
			/* The clock went back: start the epoch anew. */
			decay->epoch_ns = now_ns;
			set_deadline(decay);
		}
		return false;
	}
	uint64_t nepochs = decay->interval_ns == 0
	    ? DECAY_NEPOCHS
	    : (now_ns - decay->epoch_ns) / decay->interval_ns;
	decay->epoch_ns += nepochs * decay->interval_ns;
	set_deadline(decay);
	size_t fresh = npages > decay->npages_seen ? npages - decay->npages_seen
						   : 0;
	backlog_shift(decay, nepochs, fresh);
	decay->npages_limit = backlog_limit(decay);
	decay->npages_seen = npages;
	return true;
}

size_t
decay_npages_kept_after(const decay_t *decay, size_t npages, uint64_t ns)
{
	if (decay->interval_ns == 0) {
		return decay->ms < 0 ? npages : 0;
	}
	uint64_t nepochs = ns / decay->interval_ns;
	if (nepochs >= DECAY_NEPOCHS) {
		return 0;
	}
	return (
	    size_t)(npages * smootherstep(DECAY_NEPOCHS - nepochs) >> LG_ONE);
}

/* As backlog_limit(), so many epochs from now, with `fresh` pages more. */
static size_t
limit_after(const decay_t *decay, unsigned nepochs, size_t fresh)
{
	uint64_t sum = 0;
	for (unsigned i = nepochs; i < DECAY_NEPOCHS; i++) {
		uint64_t npages = decay->backlog[i] +
		    (i == DECAY_NEPOCHS - 1 ? fresh : 0);
		if (npages != 0) {
			sum += npages * smootherstep(i + 1 - nepochs);
		}
	}
	return (size_t)(sum >> LG_ONE);
}

uint64_t
decay_ns_until(const decay_t *decay, size_t npages, size_t nwanted)
{
	if (decay->ms < 0 || npages == 0) {
		return UINT64_MAX;
	}
	if (nwanted > npages) {
		nwanted = npages;
	}
	size_t fresh = npages > decay->npages_seen ? npages - decay->npages_seen
						   : 0;
	unsigned low = 0, high = DECAY_NEPOCHS;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		size_t limit = limit_after(decay, middle, fresh);
		if (limit + nwanted <= npages) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	/* An epoch may end late by up to its length. */
	return (low + 1) * decay->interval_ns;
}
