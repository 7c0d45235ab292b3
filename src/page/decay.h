/*
 * decay: how many unused pages may be kept, as pure arithmetic on time.
 *
 * Pages that become unused are noted per epoch (a 200th of decay_ms).  After
 * x of its time has passed, the share 1 - h(x) of an epoch's pages may still
 * be kept, h being Perlin's smootherstep 6x^5 - 15x^4 + 10x^3: hardly any
 * goes at first, most around half-time, all at the end.  The deadline of an
 * epoch is jittered by up to one epoch so that arenas do not purge in step.
 *
 * No clock, no lock: the caller brings the time in ns and excludes others.
 */
#ifndef PAGE_DECAY_H
#define PAGE_DECAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DECAY_NEPOCHS 200
#define DECAY_MS_MAX ((ssize_t)18446744072000)

typedef struct {
	ssize_t ms; /* -1: never; 0: at once */
	uint64_t interval_ns; /* length of an epoch */
	uint64_t epoch_ns; /* start of the current epoch */
	uint64_t deadline_ns; /* when it ends */
	uint64_t prng;
	size_t npages_seen; /* unused pages at the last advance */
	size_t npages_limit; /* pages that may be kept now */
	bool has_backlog; /* false: it is all 0 */
	size_t backlog[DECAY_NEPOCHS]; /* newest last */
} decay_t;

static inline bool
decay_ms_valid(ssize_t ms)
{
	return ms >= -1 && ms <= DECAY_MS_MAX;
}

/*
 * Start anew at time `now`: nothing is known of earlier pages.  In zeroed memory
 * or where one was before, so that the backlog is only cleared if it was used.
 */
void decay_init(decay_t *decay, ssize_t ms, uint64_t now_ns, uint64_t seed);

/*
 * Time is `now` and npages are unused.  True: an epoch has ended and
 * npages_limit is new; false: nothing changed.
 */
bool decay_advance(decay_t *decay, uint64_t now_ns, size_t npages);

/* npages are unused now, after purging. */
static inline void
decay_note_purged(decay_t *decay, size_t npages)
{
	decay->npages_seen = npages;
}

/* Pages of `npages` newly unused ones that may still be kept after ns. */
size_t
decay_npages_kept_after(const decay_t *decay, size_t npages, uint64_t ns);

/*
 * npages are unused: after how many ns at least `nwanted` of them (or all, if
 * they are fewer) will have to go.  UINT64_MAX: never.
 */
uint64_t decay_ns_until(const decay_t *decay, size_t npages, size_t nwanted);

#endif
