/*
 * extent_hooks: arenas whose memory is the program's.
 */
#include "mallctl_support.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

#define ONLY(ind) ((int)MALLOCX_ARENA(ind) | MALLOCX_TCACHE_NONE)

/* The table that arenas have by default. */
static extent_hooks_t *
default_hooks(void)
{
	extent_hooks_t *hooks;
	size_t length = sizeof(hooks);
	assert_int_equal(mallctl("arena.0.extent_hooks", &hooks, &length, NULL,
			     0),
	    0);
	assert_non_null(hooks);
	return hooks;
}

/*
 * Hooks that count their calls, check their arguments, may refuse, and pass
 * the rest on to the default ones.
 */
enum {
	ALLOC,
	DALLOC,
	DESTROY,
	COMMIT,
	DECOMMIT,
	PURGE_LAZY,
	PURGE_FORCED,
	SPLIT,
	MERGE,
	NHOOKS
};

typedef struct {
	extent_hooks_t table; /* first: the hooks get its address */
	extent_hooks_t *next;
	unsigned refuse_percent[NHOOKS];
	unsigned calls[NHOOKS];
	unsigned arena_ind;
	bool allocates; /* the hooks do so themselves */
	uint64_t seed;
	size_t bytes; /* got and not given back */
	size_t first_size, first_alignment;
	bool first_zero, first_commit;
} counting_t;

static uint64_t
rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* In every hook: is it called as it must be, and does it refuse? */
static bool
enter(counting_t *c, int hook, size_t size, unsigned arena_ind)
{
	if (c->allocates) {
		free(hide(malloc(size % 3000)));
		free(hide(malloc(size % 300000)));
	}
	__atomic_fetch_add(&c->calls[hook], 1, __ATOMIC_RELAXED);
	if (size == 0 || size % TEST_PAGE != 0 ||
	    (c->arena_ind != UINT_MAX && arena_ind != c->arena_ind)) {
		abort();
	}
	return rnd(&c->seed) % 100 < c->refuse_percent[hook];
}

static void *
counting_alloc(extent_hooks_t *table, void *new_addr, size_t size,
    size_t alignment, bool *zero, bool *commit, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	if (c->calls[ALLOC] == 0) {
		c->first_size = size;
		c->first_alignment = alignment;
		c->first_zero = *zero;
		c->first_commit = *commit;
	}
	if (enter(c, ALLOC, size, ind)) {
		return NULL;
	}
	bool want_zero = *zero, want_commit = *commit;
	void *p = c->next->alloc(c->next, new_addr, size, alignment, zero,
	    commit, ind);
	if (p != NULL) {
		c->bytes += size;
		if ((uintptr_t)p % alignment != 0 || (want_zero && !*zero) ||
		    (want_commit && !*commit) ||
		    (new_addr != NULL && p != new_addr)) {
			abort();
		}
	}
	return p;
}

static bool
counting_dalloc(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned ind)
{
	counting_t *c = (counting_t *)table;
	if (enter(c, DALLOC, size, ind)) {
		return true;
	}
	if (munmap(addr, size) != 0) {
		abort();
	}
	c->bytes -= size;
	return false;
}

static void
counting_destroy(extent_hooks_t *table, void *addr, size_t size, bool committed,
    unsigned ind)
{
	counting_t *c = (counting_t *)table;
	(void)enter(c, DESTROY, size, ind);
	c->bytes -= size;
	c->next->destroy(c->next, addr, size, committed, ind);
}

static bool
counting_commit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	return enter(c, COMMIT, length, ind) ||
	    c->next->commit(c->next, addr, size, offset, length, ind);
}

static bool
counting_decommit(extent_hooks_t *table, void *addr, size_t size, size_t offset,
    size_t length, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	return enter(c, DECOMMIT, length, ind) ||
	    c->next->decommit(c->next, addr, size, offset, length, ind);
}

static bool
counting_purge_lazy(extent_hooks_t *table, void *addr, size_t size,
    size_t offset, size_t length, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	return enter(c, PURGE_LAZY, length, ind) ||
	    c->next->purge_lazy(c->next, addr, size, offset, length, ind);
}

static bool
counting_purge_forced(extent_hooks_t *table, void *addr, size_t size,
    size_t offset, size_t length, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	return enter(c, PURGE_FORCED, length, ind) ||
	    c->next->purge_forced(c->next, addr, size, offset, length, ind);
}

static bool
counting_split(extent_hooks_t *table, void *addr, size_t size, size_t size_a,
    size_t size_b, bool committed, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	if (size_a + size_b != size || size_a % TEST_PAGE != 0 || size_a == 0) {
		abort();
	}
	return enter(c, SPLIT, size, ind) ||
	    c->next->split(c->next, addr, size, size_a, size_b, committed, ind);
}

static bool
counting_merge(extent_hooks_t *table, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed, unsigned ind)
{
	counting_t *c = (counting_t *)table;
	if ((char *)addr_a + size_a != addr_b) {
		abort();
	}
	return enter(c, MERGE, size_b, ind) ||
	    c->next->merge(c->next, addr_a, size_a, addr_b, size_b, committed,
		ind);
}

static counting_t *
counting_hooks(void)
{
	counting_t *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->table = (extent_hooks_t){counting_alloc, counting_dalloc,
	    counting_destroy, counting_commit, counting_decommit,
	    counting_purge_lazy, counting_purge_forced, counting_split,
	    counting_merge};
	c->next = default_hooks();
	c->arena_ind = UINT_MAX;
	c->seed = 42;
	return c;
}

/* Random blocks with known contents; true at the end of all of it. */
typedef struct {
	unsigned char *p;
	size_t size;
	unsigned seed;
} block_t;

static void
block_check(const block_t *b, size_t size)
{
	if (!pattern_holds(b->p, size, b->seed)) {
		print_error("%p of %zu bytes: contents changed\n", (void *)b->p,
		    b->size);
		abort();
	}
}

static size_t
random_size(uint64_t *seed)
{
	size_t size = rnd(seed) % 8 == 0 ? rnd(seed) % (600 * KIB)
	    : rnd(seed) % 3 == 0         ? rnd(seed) % (100 * KIB)
					 : rnd(seed) % 3000;
	return size + 1;
}

static void
churn_step(block_t *b, uint64_t *seed, int flags)
{
	if (b->p == NULL) {
		b->size = random_size(seed);
		b->seed = (unsigned)rnd(seed);
		int zero = rnd(seed) % 4 == 0 ? MALLOCX_ZERO : 0;
		b->p = hide(mallocx(b->size, flags | zero));
		if (b->p != NULL) {
			if (zero && !is_filled_with(b->p, 0, b->size)) {
				abort();
			}
			pattern_fill(b->p, b->size, b->seed);
		}
	} else if (rnd(seed) % 3 == 0) {
		size_t size = random_size(seed);
		void *p = hide(rallocx(b->p, size, flags));
		if (p != NULL) {
			b->p = p;
			block_check(b, size < b->size ? size : b->size);
			b->size = size;
			pattern_fill(b->p, b->size, b->seed);
		}
	} else {
		block_check(b, b->size);
		dallocx(b->p, MALLOCX_TCACHE_NONE);
		b->p = NULL;
	}
}

static void
churn(unsigned ind, unsigned steps, uint64_t seed)
{
	static block_t blocks[100];
	for (unsigned i = 0; i < steps; i++) {
		churn_step(&blocks[rnd(&seed) % COUNT(blocks)], &seed,
		    ONLY(ind));
		if (i % 300 == 0) {
			assert_int_equal(ctl_act("arena.%u.purge", ind), 0);
		}
	}
	for (size_t i = 0; i < COUNT(blocks); i++) {
		if (blocks[i].p != NULL) {
			block_check(&blocks[i], blocks[i].size);
			dallocx(blocks[i].p, MALLOCX_TCACHE_NONE);
			blocks[i].p = NULL;
		}
	}
}

TEST(hooks_are_called)
{
	if (!ctl_bool("opt.retain")) {
		skip();
	}
	counting_t *c = counting_hooks();
	unsigned a = ctl_arena_new(&c->table);
	c->arena_ind = a;
	/* Metadata first. */
	assert_int_equal(c->calls[ALLOC], 1);
	assert_int_equal(c->first_size, 2 * MIB);
	assert_int_equal(c->first_alignment, 2 * MIB);
	assert_true(c->first_zero);
	assert_true(c->first_commit);
	void *p = hide(mallocx(42, ONLY(a)));
	assert_int_equal(c->calls[ALLOC], 2);
	assert_int_equal(c->calls[SPLIT], 1);
	void *q = hide(mallocx(4 * MIB, ONLY(a)));
	assert_int_equal(c->calls[ALLOC], 3);
	dallocx(p, MALLOCX_TCACHE_NONE);
	dallocx(q, MALLOCX_TCACHE_NONE);
	assert_int_equal(ctl_act("arena.%u.purge", a), 0);
	assert_true(c->calls[DALLOC] > 0);
	churn(a, 3000, 7);
	assert_true(c->calls[MERGE] > 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	assert_int_equal(c->bytes, 0);
}

/* Everything that leaves goes by dalloc, decommit, purge_forced, purge_lazy. */
TEST(purging_asks_in_order)
{
	counting_t *c = counting_hooks();
	c->refuse_percent[DALLOC] = 100;
	c->refuse_percent[DECOMMIT] = 100;
	c->refuse_percent[PURGE_FORCED] = 100;
	c->refuse_percent[PURGE_LAZY] = 100;
	unsigned a = ctl_arena_new(&c->table);
	ssize_t never = -1;
	assert_int_equal(CTL_PUT(never, "arena.%u.dirty_decay_ms", a), 0);
	dallocx(hide(mallocx(100000, ONLY(a))), MALLOCX_TCACHE_NONE);
	assert_int_equal(c->calls[DALLOC], 0);
	assert_int_equal(ctl_act("arena.%u.purge", a), 0);
	assert_true(c->calls[DALLOC] > 0);
	assert_int_equal(c->calls[DECOMMIT], c->calls[DALLOC]);
	assert_int_equal(c->calls[PURGE_FORCED], c->calls[DALLOC]);
	assert_int_equal(c->calls[PURGE_LAZY], c->calls[DALLOC]);
	/* It stays, and is used again. */
	unsigned calls = c->calls[ALLOC];
	void *p = hide(mallocx(100000, ONLY(a) | MALLOCX_ZERO));
	assert_true(is_filled_with(p, 0, 100000));
	assert_int_equal(c->calls[ALLOC], calls);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	assert_true(c->calls[DESTROY] > 0);
}

/* Each hook alone always refuses; then all sometimes do. */
TEST(hooks_may_refuse)
{
	for (int hook = DALLOC; hook < NHOOKS; hook++) {
		counting_t *c = counting_hooks();
		c->refuse_percent[hook] = 100;
		unsigned a = ctl_arena_new(&c->table);
		churn(a, 1000, (uint64_t)hook);
		assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	}
	for (int round = 0; round < 10; round++) {
		counting_t *c = counting_hooks();
		unsigned a = ctl_arena_new(&c->table);
		for (int hook = 0; hook < NHOOKS; hook++) {
			c->refuse_percent[hook] = 30;
		}
		c->seed = (uint64_t)round;
		churn(a, 700, (uint64_t)round);
		assert_int_equal(ctl_act("arena.%u.reset", a), 0);
		churn(a, 500, (uint64_t)round);
		assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	}
}

TEST_CONF(hooks_may_refuse_without_retain, "retain:false")
{
	for (int round = 0; round < 10; round++) {
		counting_t *c = counting_hooks();
		unsigned a = ctl_arena_new(&c->table);
		for (int hook = 0; hook < NHOOKS; hook++) {
			c->refuse_percent[hook] = 30;
		}
		c->seed = (uint64_t)round;
		churn(a, 700, (uint64_t)round);
		assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	}
}

/* Only alloc has to be there. */
TEST(hooks_may_be_absent)
{
	counting_t *c = counting_hooks();
	c->table = (extent_hooks_t){.alloc = counting_alloc};
	unsigned a = ctl_arena_new(&c->table);
	churn(a, 1000, 3);
	assert_int_equal(ctl_act("arena.%u.reset", a), 0);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
	unsigned ind;
	size_t length = sizeof(ind);
	extent_hooks_t none = {NULL}, *table = &none;
	assert_int_equal(mallctl("arenas.create", &ind, &length, &table, 8),
	    EINVAL);
	table = NULL;
	assert_int_equal(mallctl("arenas.create", &ind, &length, &table, 8),
	    EINVAL);
}

TEST(no_memory_for_an_arena)
{
	counting_t *c = counting_hooks();
	extent_hooks_t *table = &c->table;
	unsigned ind, n = ctl_unsigned("arenas.narenas");
	size_t length = sizeof(ind);
	c->refuse_percent[ALLOC] = 100;
	assert_int_equal(mallctl("arenas.create", &ind, &length, &table, 8),
	    EAGAIN);
	c->refuse_percent[ALLOC] = 0;
	assert_int_equal(ctl_arena_new(table), n);
	c->refuse_percent[ALLOC] = 100;
	assert_null(hide(mallocx(100, ONLY(n))));
	assert_null(hide(mallocx(10 * MIB, ONLY(n))));
	c->refuse_percent[ALLOC] = 0;
	assert_non_null(hide(mallocx(100, ONLY(n))));
}

TEST(hooks_may_allocate)
{
	counting_t *c = counting_hooks();
	c->allocates = true;
	unsigned a = ctl_arena_new(&c->table);
	churn(a, 3000, 11);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}

/* Hooks exchanged later see what follows, and give back what was before. */
TEST(hooks_are_exchanged)
{
	unsigned a = ctl_arena_new(NULL);
	void *p = hide(mallocx(300000, ONLY(a)));
	memset(p, 1, 300000);
	counting_t *c = counting_hooks();
	c->arena_ind = a;
	extent_hooks_t *table = &c->table, *old = NULL;
	size_t length = sizeof(old);
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.extent_hooks", a);
	assert_int_equal(mallctl(name, &old, &length, &table, 8), 0);
	assert_ptr_equal(old, default_hooks());
	assert_int_equal(mallctl(name, &old, &length, NULL, 0), 0);
	assert_ptr_equal(old, table);
	dallocx(p, MALLOCX_TCACHE_NONE);
	churn(a, 2000, 5);
	assert_true(c->calls[DALLOC] > 0);
	/* And back. */
	table = default_hooks();
	assert_int_equal(mallctl(name, &old, &length, &table, 8), 0);
	memset(c->calls, 0, sizeof(c->calls));
	churn(a, 500, 5);
	for (int hook = 0; hook < NHOOKS; hook++) {
		assert_int_equal(c->calls[hook], 0);
	}
	/* A failed read comes after the change. */
	table = &c->table;
	length = 4;
	assert_int_equal(mallctl(name, &old, &length, &table, 8), EINVAL);
	length = 8;
	assert_int_equal(mallctl(name, &old, &length, NULL, 0), 0);
	assert_ptr_equal(old, &c->table);
	table = NULL;
	assert_int_equal(mallctl(name, NULL, NULL, &table, 8), EINVAL);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}

/* An automatic arena that was not used yet is created with the hooks. */
TEST(automatic_arena_with_hooks)
{
	unsigned last = ctl_unsigned("opt.narenas") - 1;
	counting_t *c = counting_hooks();
	c->arena_ind = last;
	extent_hooks_t *table = &c->table, *old = NULL;
	size_t length = sizeof(old);
	char name[64];
	snprintf(name, sizeof(name), "arena.%u.extent_hooks", last);
	if (last == 0) {
		skip();
	}
	assert_int_equal(mallctl(name, &old, &length, NULL, 0), 0);
	assert_ptr_equal(old, default_hooks());
	assert_int_equal(mallctl(name, &old, &length, &table, 8), 0);
	assert_ptr_equal(old, default_hooks());
	assert_int_equal(c->calls[ALLOC], 1);
	assert_int_equal(CTL_PUT(last, "thread.arena"), 0);
	churn(last, 500, 1);
	assert_int_equal(ctl_act("thread.tcache.flush"), 0);
	/* Not the index that is kept for oversize blocks. */
	snprintf(name, sizeof(name), "arena.%u.extent_hooks", last + 1);
	assert_int_equal(mallctl(name, &old, &length, NULL, 0), EFAULT);
	assert_int_equal(mallctl(name, NULL, NULL, &table, 8), EFAULT);
	assert_int_equal(CTL_PUT(table, "arena.%d.extent_hooks",
			     MALLCTL_ARENAS_ALL),
	    EFAULT);
}

TEST(metadata_from_the_system)
{
	struct {
		extent_hooks_t *hooks;
		bool metadata_use_hooks;
	} config;
	counting_t *c = counting_hooks();
	unsigned ind;
	size_t length = sizeof(ind);
	memset(&config, 0, sizeof(config));
	config.hooks = &c->table;
	assert_int_equal(mallctl("experimental.arenas_create_ext", &ind,
			     &length, &config, sizeof(config)),
	    0);
	assert_int_equal(c->calls[ALLOC], 0);
	churn(ind, 1000, 1);
	assert_true(c->calls[ALLOC] > 0);
	assert_int_equal(ctl_act("arena.%u.destroy", ind), 0);
	assert_int_equal(c->bytes, 0);
	config.metadata_use_hooks = true;
	assert_int_equal(mallctl("experimental.arenas_create_ext", &ind,
			     &length, &config, sizeof(config)),
	    0);
	assert_int_equal(ctl_act("arena.%u.destroy", ind), 0);
	assert_int_equal(c->bytes, 0);
}

/* A fixed piece of memory, handed out once from front to back. */
typedef struct {
	extent_hooks_t table;
	char *start, *next, *end;
} pool_t;

static void *
pool_alloc(extent_hooks_t *table, void *new_addr, size_t size, size_t alignment,
    bool *zero, bool *commit, unsigned ind)
{
	pool_t *pool = (pool_t *)table;
	uintptr_t at = ((uintptr_t)pool->next + alignment - 1) &
	    ~(alignment - 1);
	if (new_addr != NULL || at + size > (uintptr_t)pool->end) {
		return NULL;
	}
	pool->next = (char *)at + size;
	*zero = true;
	*commit = true;
	return (void *)at;
}

static bool
pool_split(extent_hooks_t *table, void *addr, size_t size, size_t size_a,
    size_t size_b, bool committed, unsigned ind)
{
	return false;
}

static bool
pool_merge(extent_hooks_t *table, void *addr_a, size_t size_a, void *addr_b,
    size_t size_b, bool committed, unsigned ind)
{
	return false;
}

static void
pool_try(char *memory, size_t size)
{
	static pool_t pool;
	pool = (pool_t){{.alloc = pool_alloc,
			    .split = pool_split,
			    .merge = pool_merge},
	    memory, memory, memory + size};
	unsigned a = ctl_arena_new(&pool.table);
	size_t limit = 2 * MIB;
	if (ctl_bool("opt.retain")) {
		assert_int_equal(CTL_PUT(limit, "arena.%u.retain_grow_limit",
				     a),
		    0);
	}
	static char *p[4000];
	for (int round = 0; round < 3; round++) {
		size_t n = 0;
		while (n < COUNT(p)) {
			p[n] = hide(mallocx(10000, ONLY(a)));
			if (p[n] == NULL) {
				break;
			}
			assert_true(
			    p[n] >= memory && p[n] + 10000 <= memory + size);
			memset(p[n], (int)n, 10000);
			n++;
		}
		/* Most of the pool is of use. */
		assert_true(n > 0 && n < COUNT(p));
		assert_true(n * 10240 > size / 2);
		while (n-- > 0) {
			assert_true(
			    is_filled_with(p[n], (int)(n & 0xff), 10000));
			dallocx(p[n], MALLOCX_TCACHE_NONE);
		}
		assert_int_equal(ctl_act("arena.%u.purge", a), 0);
	}
	churn(a, 2000, 9);
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}

TEST(fixed_pool)
{
	size_t size = 24 * MIB;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pool_try(memory, size);
	munmap(memory, size);
}

TEST(memory_of_a_file)
{
	char path[] = "/tmp/extent_hooks_XXXXXX";
	size_t size = 24 * MIB;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	pool_try(memory, size);
	/* It did go to the file. */
	char buf[4096], zero[4096] = {0};
	size_t used = 0;
	for (size_t at = 0; at < size; at += sizeof(buf)) {
		assert_int_equal(pread(fd, buf, sizeof(buf), (off_t)at),
		    sizeof(buf));
		used += memcmp(buf, zero, sizeof(buf)) != 0;
	}
	assert_true(used * 4096 > size / 2);
	munmap(memory, size);
	close(fd);
}

static void *
churn_thread(void *ind)
{
	uint64_t seed = (uintptr_t)&seed;
	block_t blocks[50] = {{NULL, 0, 0}};
	for (int i = 0; i < 3000; i++) {
		churn_step(&blocks[rnd(&seed) % COUNT(blocks)], &seed,
		    ONLY(*(unsigned *)ind));
	}
	for (size_t i = 0; i < COUNT(blocks); i++) {
		if (blocks[i].p != NULL) {
			block_check(&blocks[i], blocks[i].size);
			dallocx(blocks[i].p, MALLOCX_TCACHE_NONE);
		}
	}
	return NULL;
}

TEST(hooks_with_many_threads)
{
	counting_t *c = counting_hooks();
	for (int hook = DALLOC; hook < NHOOKS; hook++) {
		c->refuse_percent[hook] = 10;
	}
	unsigned a = ctl_arena_new(&c->table);
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, churn_thread,
				     &a),
		    0);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(ctl_act("arena.%u.destroy", a), 0);
}
