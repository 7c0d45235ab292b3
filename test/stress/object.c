/*
 * object: the checked objects that all stress tests use, and the scale of
 * the runs.
 *
 * No locks: an object belongs to one thread at a time.
 */
#include "stress/stress.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <time.h>

bool
stress_is_full(void)
{
	const char *full = getenv("STRESS_FULL");
	return full != NULL && strcmp(full, "1") == 0;
}

uint64_t
stress_duration_ms(uint64_t normal)
{
	const char *seconds = getenv("STRESS_SECONDS");
	if (seconds != NULL) {
		return strtoull(seconds, NULL, 10) * 1000;
	}
	return stress_is_full() ? normal * 20 : normal;
}

uint64_t
stress_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t
chosen_seed(void)
{
	const char *text = getenv("STRESS_SEED");
	if (text != NULL) {
		return strtoull(text, NULL, 10);
	}
	/* The kernel leaves 16 random bytes for every process image. */
	uint32_t seed;
	memcpy(&seed, (const void *)getauxval(AT_RANDOM), sizeof(seed));
	return seed ^ (uint32_t)getpid();
}

uint64_t
stress_seed(void)
{
	/* Threads that come here at once choose the same. */
	static _Atomic uint64_t seed;
	static _Atomic bool is_chosen;
	if (!atomic_load(&is_chosen)) {
		atomic_store(&seed, chosen_seed());
		atomic_store(&is_chosen, true);
	}
	return atomic_load(&seed);
}

void
stress_failed(const char *file, int line, const char *what)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
	    "%s:%d: check failed: %s (errno %d, STRESS_SEED=%ju)\n", file, line,
	    what, errno, (uintmax_t)stress_seed());
	ssize_t done = write(STDERR_FILENO, text, (size_t)len);
	(void)done;
	abort();
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t
random_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return mix(*state);
}

uint64_t
random_below(uint64_t *state, uint64_t bound)
{
	return random_next(state) % bound;
}

size_t
random_size(uint64_t *state, size_t max)
{
	static const size_t bounds[] = {64, 128, 512, 1024, 4096, 16384, 65536,
	    1048576};
	/* How often, of 100: the smaller bounds much more so. */
	static const unsigned weights[] = {40, 25, 15, 9, 6, 3, 1, 0};
	uint64_t at = random_below(state, 1000);
	size_t bound = max;
	uint64_t sum = 0;
	for (size_t i = 0; i < COUNT(bounds); i++) {
		sum += (uint64_t)weights[i] * 10;
		if (at < sum) {
			bound = bounds[i];
			break;
		}
	}
	return (size_t)random_below(state, bound < max ? bound : max) + 1;
}

/* The content: words counted up from a number that the object determines. */
static uint64_t
first_word(const object_t *object)
{
	return mix(
	    (uintptr_t)object->ptr ^ mix(object->size) ^ mix(object->seed));
}

static void
fill(const object_t *object)
{
	unsigned char *bytes = object->ptr;
	uint64_t word = first_word(object);
	size_t i = 0;
	for (; i + 8 <= object->size; i += 8, word += 0x9e3779b97f4a7c15u) {
		memcpy(bytes + i, &word, 8);
	}
	memcpy(bytes + i, &word, object->size - i);
}

/* `size` bytes of what fill() wrote, now perhaps at another address. */
static void
check_content(const object_t *object, const void *at, size_t size)
{
	const unsigned char *bytes = at;
	uint64_t word = first_word(object);
	size_t i = 0;
	for (; i + 8 <= size; i += 8, word += 0x9e3779b97f4a7c15u) {
		uint64_t found;
		memcpy(&found, bytes + i, 8);
		CHECK(found == word);
	}
	CHECK(memcmp(bytes + i, &word, size - i) == 0);
}

void
object_check(const object_t *object)
{
	check_content(object, object->ptr, object->size);
}

static void
check_zero(const void *ptr, size_t size)
{
	const unsigned char *bytes = ptr;
	for (size_t i = 0; i < size; i++) {
		CHECK(bytes[i] == 0);
	}
}

static void *
by_posix_memalign(size_t alignment, size_t size)
{
	void *ptr = NULL;
	if (alignment < sizeof(void *)) {
		alignment = sizeof(void *);
	}
	return posix_memalign(&ptr, alignment, size) == 0 ? ptr : NULL;
}

static size_t
random_alignment(uint64_t *random)
{
	unsigned lg = (unsigned)random_below(random, 13);
	if (random_below(random, 64) == 0) {
		lg = (unsigned)random_below(random, 22);
	}
	return (size_t)1 << lg;
}

/* With an alignment. */
static void *
take_aligned(object_t *object, uint64_t *random)
{
	size_t align = random_alignment(random);
	object->alignment = align;
	switch (random_below(random, 4)) {
	case 0:
		return by_posix_memalign(align, object->size);
	case 1:
		return aligned_alloc(align, object->size);
	case 2:
		return memalign(align, object->size);
	default:
		return mallocx(object->size, MALLOCX_ALIGN(align));
	}
}

/* Zeroed. */
static void *
take_zeroed(object_t *object, uint64_t *random)
{
	void *ptr;
	switch (random_below(random, 3)) {
	case 0:
		ptr = calloc(1, object->size);
		break;
	case 1:
		ptr = mallocx(object->size, MALLOCX_ZERO);
		break;
	default:
		ptr = mallocx(object->size, MALLOCX_ZERO | MALLOCX_TCACHE_NONE);
		break;
	}
	CHECK(ptr != NULL);
	check_zero(ptr, sallocx(ptr, 0));
	return ptr;
}

static void *
take_plain(object_t *object, uint64_t *random)
{
	switch (random_below(random, 8)) {
	case 0:
		return realloc(NULL, object->size);
	case 1:
		return mallocx(object->size, 0);
	case 2:
		return mallocx(object->size, MALLOCX_TCACHE_NONE);
	default:
		return malloc(object->size);
	}
}

object_t
object_new(uint64_t *random, size_t size_max)
{
	object_t object = {NULL, random_size(random, size_max), 0,
	    random_next(random)};
	switch (random_below(random, 8)) {
	case 0:
		object.ptr = take_aligned(&object, random);
		break;
	case 1:
		object.ptr = take_zeroed(&object, random);
		break;
	default:
		object.ptr = take_plain(&object, random);
		break;
	}
	CHECK(object.ptr != NULL);
	if (object.alignment != 0) {
		CHECK(((uintptr_t)object.ptr & (object.alignment - 1)) == 0);
	}
	CHECK(malloc_usable_size(object.ptr) >= object.size);
	fill(&object);
	return object;
}

static void
resize_in_place(object_t *object, size_t size)
{
	size_t got = xallocx(object->ptr, size, 0, 0);
	CHECK(got == sallocx(object->ptr, 0));
	check_content(object, object->ptr,
	    got < object->size ? got : object->size);
	/* A sized release must now name a size of this class. */
	object->size = got;
}

void
object_resize(object_t *object, uint64_t *random, size_t size_max)
{
	size_t size = random_size(random, size_max);
	size_t kept = size < object->size ? size : object->size;
	object_check(object);
	switch (random_below(random, 8)) {
	case 0:
		resize_in_place(object, size);
		fill(object);
		return;
	case 1: {
		size_t old = sallocx(object->ptr, 0);
		void *ptr = rallocx(object->ptr, size, MALLOCX_ZERO);
		CHECK(ptr != NULL);
		check_content(object, ptr, kept);
		size_t now = sallocx(ptr, 0);
		if (now > old) {
			check_zero((char *)ptr + old, now - old);
		}
		object->ptr = ptr;
		break;
	}
	default: {
		void *ptr = realloc(object->ptr, size);
		CHECK(ptr != NULL);
		check_content(object, ptr, kept);
		object->ptr = ptr;
		break;
	}
	}
	object->size = size;
	object->alignment = 0;
	fill(object);
}

void
object_delete(object_t *object, uint64_t *random)
{
	object_check(object);
	void *ptr = object->ptr;
	size_t align = object->alignment;
	switch (random_below(random, 8)) {
	case 0:
		dallocx(ptr, 0);
		break;
	case 1:
		dallocx(ptr, MALLOCX_TCACHE_NONE);
		break;
	case 2:
		sdallocx(ptr, object->size,
		    align > 1 ? MALLOCX_ALIGN(align) : 0);
		break;
	case 3:
		if (align == 0) {
			free_sized(ptr, object->size);
		} else {
			free_aligned_sized(ptr, align, object->size);
		}
		break;
	case 4:
		CHECK(realloc(ptr, 0) == NULL);
		break;
	default:
		free(ptr);
		break;
	}
	object->ptr = NULL;
}

size_t
stress_resident_bytes(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	close(fd);
	CHECK(len > 0);
	text[len] = '\0';
	unsigned long total = 0;
	unsigned long resident = 0;
	CHECK(sscanf(text, "%lu %lu", &total, &resident) == 2);
	return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}
