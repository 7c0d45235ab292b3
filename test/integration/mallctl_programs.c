/*
 * mallctl_programs: the interface as known programs use it.
 */
#include "mallctl_support.h"

#include <pthread.h>
#include <sys/mman.h>

/*
 * A data store that measures fragmentation and moves what lies in sparse
 * slabs: it asks for the arena of nothing but small classes, and for the use
 * of each slab by the mibs that it keeps.
 */
static size_t
smallbins_fragmentation(unsigned arena)
{
	size_t wasted = 0;
	unsigned nbins = ctl_unsigned("arenas.nbins");
	size_t regs[7], slabs[7], nregs[7], size[7];
	size_t nr = 7, ns = 7, nn = 7, nz = 7;
	assert_int_equal(mallctlnametomib("stats.arenas.0.bins.0.curregs", regs,
			     &nr),
	    0);
	assert_int_equal(mallctlnametomib("stats.arenas.0.bins.0.curslabs",
			     slabs, &ns),
	    0);
	assert_int_equal(mallctlnametomib("arenas.bin.0.nregs", nregs, &nn), 0);
	assert_int_equal(mallctlnametomib("arenas.bin.0.size", size, &nz), 0);
	regs[2] = slabs[2] = arena;
	for (unsigned i = 0; i < nbins; i++) {
		size_t curregs, curslabs, bytes, length = sizeof(size_t);
		uint32_t n;
		size_t length32 = sizeof(n);
		regs[4] = slabs[4] = i;
		nregs[2] = size[2] = i;
		assert_int_equal(mallctlbymib(regs, nr, &curregs, &length, NULL,
				     0),
		    0);
		assert_int_equal(mallctlbymib(slabs, ns, &curslabs, &length,
				     NULL, 0),
		    0);
		assert_int_equal(mallctlbymib(nregs, nn, &n, &length32, NULL,
				     0),
		    0);
		assert_int_equal(mallctlbymib(size, nz, &bytes, &length, NULL,
				     0),
		    0);
		assert_true(curslabs * n >= curregs);
		wasted += (curslabs * n - curregs) * bytes;
	}
	return wasted;
}

TEST(data_store_info)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	static void *p[20000];
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = hide(malloc(100 + i % 50));
	}
	ctl_epoch();
	size_t dense = smallbins_fragmentation(0);
	for (size_t i = 0; i < COUNT(p); i++) {
		if (i % 4 != 0) {
			free(p[i]);
			p[i] = NULL;
		}
	}
	assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0),
	    0);
	ctl_epoch();
	size_t sparse = smallbins_fragmentation(0);
	assert_true(sparse > dense + COUNT(p) / 2 * 100);
	/* What INFO MEMORY prints. */
	size_t allocated = ctl_size("stats.allocated");
	size_t active = ctl_size("stats.active");
	size_t resident = ctl_size("stats.resident");
	assert_true(allocated < active && active <= resident);
	assert_true(ctl_size("stats.mapped") >= active);
	(void)ctl_size("stats.retained");
	(void)ctl_size("stats.arenas.%d.small.allocated", MALLCTL_ARENAS_ALL);
	(void)ctl_size("stats.arenas.%d.pmuzzy", MALLCTL_ARENAS_ALL);
}

typedef struct {
	void *slabcur;
	size_t nfree, nregs, size, bin_nfree, bin_nregs;
} usage_t;

static usage_t
usage_of(void *p)
{
	usage_t usage;
	size_t length = sizeof(usage);
	memset(&usage, 0xee, sizeof(usage));
	assert_int_equal(mallctl("experimental.utilization.query", &usage,
			     &length, &p, sizeof(p)),
	    0);
	return usage;
}

/* Active defragmentation: move a block whose slab is emptier than most. */
TEST(data_store_defragments)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	static char *p[20000];
	const int direct = MALLOCX_TCACHE_NONE;
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = hide(mallocx(200, direct));
		memset(p[i], (int)i, 200);
	}
	for (size_t i = 0; i < COUNT(p); i++) {
		if (i % 5 != 0) {
			dallocx(p[i], direct);
			p[i] = NULL;
		}
	}
	ctl_epoch();
	size_t before = ctl_size("stats.arenas.0.bins.11.curslabs");
	if (ctl_size("arenas.bin.11.size") != 224 ||
	    ctl_unsigned("thread.arena") != 0) {
		skip();
	}
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(p); i++) {
			if (p[i] == NULL) {
				continue;
			}
			usage_t u = usage_of(p[i]);
			assert_true(u.nregs > 1 && u.nfree < u.nregs);
			assert_true(u.bin_nfree <= u.bin_nregs);
			bool current = (char *)u.slabcur <= p[i] &&
			    p[i] < (char *)u.slabcur + u.size;
			if (current ||
			    u.nfree * u.bin_nregs <= u.bin_nfree * u.nregs) {
				continue;
			}
			char *q = hide(mallocx(200, direct));
			memcpy(q, p[i], 200);
			dallocx(p[i], direct);
			p[i] = q;
		}
	}
	for (size_t i = 0; i < COUNT(p); i++) {
		assert_true(
		    p[i] == NULL || is_filled_with(p[i], (int)(i & 0xff), 200));
	}
	ctl_epoch();
	size_t after = ctl_size("stats.arenas.0.bins.11.curslabs");
	assert_true(after * 2 < before);
}

TEST(usage_queries)
{
	char local[16];
	usage_t u = usage_of(local), zero = {0};
	assert_memory_equal(&u, &zero, sizeof(u));
	u = usage_of((void *)(uintptr_t)-8);
	assert_memory_equal(&u, &zero, sizeof(u));
	u = usage_of(&u);
	assert_memory_equal(&u, &zero, sizeof(u));
	void *big = hide(malloc(100000));
	u = usage_of(big);
	assert_int_equal(u.nregs, 1);
	assert_int_equal(u.nfree, 0);
	assert_int_equal(u.size, 106496);
	assert_int_equal(u.bin_nregs, 0);
	assert_null(u.slabcur);
	void *small = hide(malloc(64));
	u = usage_of(small);
	assert_int_equal(u.nregs, ctl_unsigned("arenas.bin.4.nregs"));
	assert_int_equal(u.size, ctl_size("arenas.bin.4.slab_size"));
	assert_true(u.bin_nregs >= u.nregs);
	/* Many at once. */
	void *ptrs[4] = {big, small, local, NULL};
	struct {
		size_t nfree, nregs, size;
	} many[4];
	size_t length = sizeof(many);
	assert_int_equal(mallctl("experimental.utilization.batch_query", many,
			     &length, ptrs, sizeof(ptrs)),
	    0);
	assert_int_equal(many[0].size, 106496);
	assert_int_equal(many[1].nregs, u.nregs);
	assert_int_equal(many[2].size, 0);
	assert_int_equal(many[3].size, 0);
	assert_int_equal(mallctl("experimental.utilization.batch_query", many,
			     &length, ptrs, sizeof(ptrs) - 8),
	    EINVAL);
	length--;
	assert_int_equal(mallctl("experimental.utilization.batch_query", many,
			     &length, ptrs, sizeof(ptrs)),
	    EINVAL);
	length = 40;
	assert_int_equal(mallctl("experimental.utilization.query", &u, &length,
			     ptrs, 8),
	    EINVAL);
	free(small);
	free(big);
}

/*
 * An allocator of huge-page-backed or otherwise special memory on top of an
 * arena: its own alloc hook, the default ones behind it, a mib kept for flags,
 * and names of threads' counters for per-request accounting.
 */
static struct {
	extent_hooks_t *original;
	extent_hooks_t table;
	unsigned nalloc;
} special;

static void *
special_alloc(extent_hooks_t *table, void *new_addr, size_t size,
    size_t alignment, bool *zero, bool *commit, unsigned arena_ind)
{
	void *p = special.original->alloc(table, new_addr, size, alignment,
	    zero, commit, arena_ind);
	special.nalloc++;
	if (p != NULL) {
		madvise(p, size, MADV_HUGEPAGE);
	}
	return p;
}

TEST(arena_with_wrapped_default_hooks)
{
	unsigned arena;
	size_t length = sizeof(arena);
	assert_int_equal(mallctl("arenas.create", &arena, &length, NULL, 0), 0);
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.extent_hooks", arena);
	size_t mib[7], miblen = 7;
	assert_int_equal(mallctlnametomib(name, mib, &miblen), 0);
	length = sizeof(special.original);
	assert_int_equal(mallctlbymib(mib, miblen, &special.original, &length,
			     NULL, 0),
	    0);
	special.table = *special.original;
	special.table.alloc = special_alloc;
	extent_hooks_t *table = &special.table;
	assert_int_equal(mallctlbymib(mib, miblen, NULL, NULL, &table,
			     sizeof(table)),
	    0);
	int flags = (int)MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
	for (size_t size = 1; size < 5 * MIB; size *= 2) {
		char *p = hide(mallocx(size, flags));
		assert_non_null(p);
		assert_int_equal(ctl_arena_of(p), arena);
		p[size - 1] = 1;
		p = hide(rallocx(p, size + 1, flags));
		sdallocx(p, size + 1, flags);
	}
	assert_true(special.nalloc > 0);
}

/* Per-request accounting by the counters' addresses. */
TEST(request_accounting)
{
	uint64_t *a, *d;
	size_t length = sizeof(a);
	assert_int_equal(mallctl("thread.allocatedp", &a, &length, NULL, 0), 0);
	assert_int_equal(mallctl("thread.deallocatedp", &d, &length, NULL, 0),
	    0);
	uint64_t before = *a - *d;
	void *p = hide(malloc(1000));
	assert_int_equal(*a - *d - before, 1024);
	free(p);
	assert_int_equal(*a - *d, before);
}

/* A server that trims when a thread goes idle. */
static void *
worker(void *arg)
{
	void *p[1000];
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = hide(malloc(i * 7 + 1));
	}
	for (size_t i = 0; i < COUNT(p); i++) {
		free(p[i]);
	}
	int *error = arg;
	unsigned ind;
	size_t length = sizeof(ind);
	char name[64];
	*error = mallctl("thread.idle", NULL, NULL, NULL, 0);
	*error |= mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	*error |= mallctl("thread.arena", &ind, &length, NULL, 0);
	snprintf(name, sizeof(name), "arena.%u.purge", ind);
	*error |= mallctl(name, NULL, NULL, NULL, 0);
	return NULL;
}

TEST(idle_workers_trim)
{
	for (int i = 0; i < 5; i++) {
		pthread_t thread;
		int error = -1;
		pthread_create(&thread, NULL, worker, &error);
		pthread_join(thread, NULL);
		assert_int_equal(error, 0);
	}
	ctl_epoch();
	assert_int_equal(ctl_size("stats.arenas.0.pdirty"), 0);
}

/* A cache per connection in an arena per tenant, torn down at once. */
TEST(tenants)
{
	for (int round = 0; round < 20; round++) {
		unsigned arena[3], cache[3];
		size_t length = sizeof(unsigned);
		for (int t = 0; t < 3; t++) {
			assert_int_equal(mallctl("arenas.create", &arena[t],
					     &length, NULL, 0),
			    0);
			assert_int_equal(mallctl("tcache.create", &cache[t],
					     &length, NULL, 0),
			    0);
		}
		for (int i = 0; i < 3000; i++) {
			int t = i % 3;
			void *p = hide(mallocx((size_t)i % 5000 + 1,
			    (int)MALLOCX_ARENA(arena[t]) |
				MALLOCX_TCACHE(cache[t])));
			assert_non_null(p);
			if (i % 2 == 0) {
				dallocx(p, MALLOCX_TCACHE(cache[t]));
			}
		}
		for (int t = 0; t < 3; t++) {
			assert_int_equal(CTL_PUT(cache[t], "tcache.destroy"),
			    0);
			assert_int_equal(ctl_act("arena.%u.destroy", arena[t]),
			    0);
		}
	}
	assert_true(resident_bytes() < 64 * MIB);
}

TEST(batches)
{
	struct {
		void **ptrs;
		size_t num;
		size_t size;
		int flags;
	} batch;
	void *p[1000];
	size_t filled, length = sizeof(filled);
	static const size_t sizes[] = {8, 100, 4096, 50000, 500000};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		memset(&batch, 0, sizeof(batch));
		batch.ptrs = p;
		batch.num = COUNT(p);
		batch.size = sizes[i];
		batch.flags = i % 2 == 0 ? MALLOCX_ZERO : 0;
		assert_int_equal(mallctl("experimental.batch_alloc", &filled,
				     &length, &batch, sizeof(batch)),
		    0);
		assert_int_equal(filled, COUNT(p));
		for (size_t j = 0; j < COUNT(p); j++) {
			assert_int_equal(sallocx(p[j], 0),
			    nallocx(sizes[i], 0));
			assert_true(
			    i % 2 != 0 || is_filled_with(p[j], 0, sizes[i]));
			dallocx(p[j], 0);
		}
	}
	batch.size = SIZE_MAX;
	assert_int_equal(mallctl("experimental.batch_alloc", &filled, &length,
			     &batch, sizeof(batch)),
	    0);
	assert_int_equal(filled, 0);
}

TEST(active_pages_by_address)
{
	if (!ctl_bool("config.stats")) {
		skip();
	}
	size_t *pactive, length = sizeof(pactive);
	assert_int_equal(mallctl("experimental.arenas.0.pactivep", &pactive,
			     &length, NULL, 0),
	    0);
	size_t before = *pactive,
	       approximate = ctl_size("approximate_stats.active");
	void *p = hide(malloc(MIB));
	assert_true(*pactive >= before + 256);
	assert_true(ctl_size("approximate_stats.active") >= approximate + MIB);
	free(p);
	length = 4;
	assert_int_equal(mallctl("experimental.arenas.0.pactivep", &pactive,
			     &length, NULL, 0),
	    EINVAL);
	length = 8;
	assert_int_equal(mallctl("experimental.arenas.4096.pactivep", &pactive,
			     &length, NULL, 0),
	    EFAULT);
}

static unsigned nmessages;

static void
note_message(const char *message)
{
	nmessages += strstr(message, "double free") != NULL ||
	    strstr(message, "invalid pointer") != NULL;
}

TEST(faults_go_to_a_function)
{
	void (*hook)(const char *) = note_message;
	assert_int_equal(CTL_PUT(hook, "experimental.hooks.safety_check_abort"),
	    0);
	void *p = hide(malloc(100000));
	free(p);
	char local[64];
	free(hide(local));
	free(hide(p));
	assert_true(nmessages >= 1);
	hook = NULL;
	assert_int_equal(CTL_PUT(hook, "experimental.hooks.safety_check_abort"),
	    0);
}

static uint64_t event_calls, event_allocated, event_frees;

static void
note_event(bool is_alloc, uint64_t allocated, uint64_t deallocated)
{
	free(hide(malloc(100)));
	event_calls += is_alloc;
	event_frees += !is_alloc;
	event_allocated = allocated;
}

static void
never(bool is_alloc, uint64_t allocated, uint64_t deallocated)
{
	abort();
}

TEST(thread_events)
{
	struct {
		void (*cb)(bool, uint64_t, uint64_t);
		uint64_t interval;
		bool is_alloc_only;
	} event = {note_event, 100000, true};
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"), 0);
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"), 0);
	for (int i = 0; i < 10000; i++) {
		free(hide(malloc(1000)));
	}
	assert_in_range(event_calls, 95, 110);
	assert_true(event_allocated > 10000000);
	assert_int_equal(event_frees, 0);
	event.is_alloc_only = false;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"), 0);
	for (int i = 0; i < 10000; i++) {
		free(hide(malloc(1000)));
	}
	assert_in_range(event_frees, 95, 110);
	event.cb = never;
	event.interval = UINT64_MAX / 2;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"), 0);
	event.interval--;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"), 0);
	event.interval--;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"),
	    EINVAL);
	event.interval = 0;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"),
	    EINVAL);
	event.interval = 1000;
	event.cb = NULL;
	assert_int_equal(CTL_PUT(event, "experimental.hooks.thread_event"),
	    EINVAL);
	assert_int_equal(mallctl("experimental.hooks.thread_event", NULL, NULL,
			     NULL, 0),
	    EINVAL);
}
