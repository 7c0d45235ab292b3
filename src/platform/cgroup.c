#include "platform/cgroup.h"

#include <string.h>

#include "platform/compiler.h"
#include "platform/io.h"

#define ROOT "/sys/fs/cgroup"

/* Longer files are cut, behind what is of interest. */
#define TEXT_MAX 2048

/* Version 1 says "no limit" by a very large number. */
#define LIMIT_NONE ((uintmax_t)1 << 62)

ssize_t (
    *cgroup_read_file)(const char *path, char *buf, size_t size) = io_read_file;

/* Is `word` an element of the list that ends at `end`? */
static bool
list_has(const char *list, const char *end, const char *word)
{
	size_t length = strlen(word);
	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *stop = comma != NULL ? comma : end;
		if ((size_t)(stop - list) == length &&
		    memcmp(list, word, length) == 0) {
			return true;
		}
		list = stop + 1;
	}
	return false;
}

/* The directory of a group whose path is from `path` to `end`. */
static void
set_dir(cgroup_t *group, const char *controller, const char *path,
    const char *end)
{
	size_t length = (size_t)(end - path);
	group->root_length = group->is_v2
	    ? io_snprintf(group->dir, sizeof(group->dir), "%s", ROOT)
	    : io_snprintf(group->dir, sizeof(group->dir), ROOT "/%s",
		  controller);
	/* A path that starts above our view of the tree leads nowhere. */
	bool outside = length >= 3 && memcmp(path, "/..", 3) == 0;
	if (!outside && length > 1 &&
	    group->root_length + length < sizeof(group->dir)) {
		memcpy(group->dir + group->root_length, path, length);
		group->dir[group->root_length + length] = '\0';
	}
}

/*
 * Where the process is: lines like 4:cpu,cpuacct:/path (version 1) and 0::/path
 * (version 2, for controllers that no line of version 1 names).
 */
static NOINLINE bool
find(cgroup_t *group, const char *controller)
{
	char text[TEXT_MAX];
	if (cgroup_read_file("/proc/self/cgroup", text, sizeof(text)) <= 0) {
		return false;
	}
	bool found = false;
	for (const char *line = text; *line != '\0';) {
		const char *end = strchr(line, '\n');
		end = end != NULL ? end : line + strlen(line);
		const char *list = memchr(line, ':', (size_t)(end - line));
		const char *path = list == NULL
		    ? NULL
		    : memchr(list + 1, ':', (size_t)(end - list - 1));
		bool is_v2 = path != NULL && path == list + 1;
		if (path != NULL &&
		    ((is_v2 && !found) ||
			list_has(list + 1, path, controller))) {
			group->is_v2 = is_v2;
			set_dir(group, controller, path + 1, end);
			found = true;
		}
		line = *end == '\0' ? end : end + 1;
	}
	return found;
}

static bool
read_in(const cgroup_t *group, size_t length, const char *file, char *text)
{
	char path[CGROUP_DIR_MAX + 32];
	(void)io_snprintf(path, sizeof(path), "%.*s/%s", (int)length,
	    group->dir, file);
	return cgroup_read_file(path, text, TEXT_MAX) > 0;
}

/* The length of the parent's path; 0: there is none. */
static size_t
parent(const cgroup_t *group, size_t length)
{
	if (length <= group->root_length) {
		return 0;
	}
	do {
		length--;
	} while (length > group->root_length && group->dir[length] != '/');
	return length;
}

/* A number at the start of a text; UINTMAX_MAX: "max", "-1" or none. */
static uintmax_t
number(const char *text)
{
	uintmax_t value;
	const char *end;
	if (*text == '-' || !io_parse_umax(text, &end, 10, &value)) {
		return UINTMAX_MAX;
	}
	return value;
}

/* The processors that one group may use. */
static NOINLINE unsigned
ncpus_of(const cgroup_t *group, size_t length)
{
	char text[TEXT_MAX];
	uintmax_t quota, period = 100000;
	if (group->is_v2) {
		if (!read_in(group, length, "cpu.max", text)) {
			return UINT_MAX;
		}
		quota = number(text);
		const char *blank = strchr(text, ' ');
		period = blank != NULL ? number(blank + 1) : period;
	} else {
		if (!read_in(group, length, "cpu.cfs_quota_us", text)) {
			return UINT_MAX;
		}
		quota = number(text);
		if (read_in(group, length, "cpu.cfs_period_us", text)) {
			period = number(text);
		}
	}
	if (quota == UINTMAX_MAX || period == 0 || period == UINTMAX_MAX) {
		return UINT_MAX;
	}
	uintmax_t n = quota / period + (quota % period != 0);
	return n == 0 ? 1 : n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

unsigned
cgroup_ncpus(void)
{
	cgroup_t group;
	unsigned least = UINT_MAX;
	if (!find(&group, "cpu")) {
		return least;
	}
	for (size_t length = strlen(group.dir); length != 0;
	     length = parent(&group, length)) {
		unsigned n = ncpus_of(&group, length);
		least = n < least ? n : least;
	}
	return least;
}

static size_t
limit_in(const cgroup_t *group, size_t length, const char *file)
{
	char text[TEXT_MAX];
	if (!read_in(group, length, file, text)) {
		return SIZE_MAX;
	}
	uintmax_t value = number(text);
	return value >= LIMIT_NONE ? SIZE_MAX : (size_t)value;
}

/* Above memory.high, processes are slowed down: that is a limit too. */
static size_t
limit_at(const cgroup_t *group, size_t length)
{
	if (!group->is_v2) {
		return limit_in(group, length, "memory.limit_in_bytes");
	}
	size_t high = limit_in(group, length, "memory.high");
	size_t max = limit_in(group, length, "memory.max");
	return high < max ? high : max;
}

bool
cgroup_memory_find(cgroup_t *group)
{
	size_t least = SIZE_MAX, where = 0;
	if (!find(group, "memory")) {
		return false;
	}
	for (size_t length = strlen(group->dir); length != 0;
	     length = parent(group, length)) {
		size_t limit = limit_at(group, length);
		if (limit < least) {
			least = limit;
			where = length;
		}
	}
	group->dir[where] = '\0';
	return where != 0;
}

size_t
cgroup_memory_limit(const cgroup_t *group)
{
	return limit_at(group, strlen(group->dir));
}

/* The number behind `key` at the start of a line; 0: there is none. */
static size_t
value_of(const char *text, const char *key)
{
	size_t length = strlen(key);
	while (text != NULL) {
		if (strncmp(text, key, length) == 0 && text[length] == ' ') {
			uintmax_t value = number(text + length + 1);
			return value == UINTMAX_MAX ? 0 : (size_t)value;
		}
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return 0;
}

/* The cache of files is dropped before anyone is killed: it does not count. */
size_t
cgroup_memory_usage(const cgroup_t *group)
{
	char text[TEXT_MAX];
	size_t length = strlen(group->dir);
	size_t usage = limit_in(group, length,
	    group->is_v2 ? "memory.current" : "memory.usage_in_bytes");
	if (usage == SIZE_MAX) {
		return 0;
	}
	size_t cache = 0;
	if (read_in(group, length, "memory.stat", text)) {
		cache = group->is_v2 ? value_of(text, "inactive_file") +
			value_of(text, "active_file")
				     : value_of(text, "total_inactive_file") +
			value_of(text, "total_active_file");
	}
	return usage > cache ? usage - cache : 0;
}
