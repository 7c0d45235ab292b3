/*
 * cgroup: what the control group of the process allows it.
 *
 * Versions 2 and 1, mounted where they usually are (/sys/fs/cgroup).  A limit
 * of any group above counts as well.  Where the path of the group does not
 * exist here, because the container sees its own group as the root, that root
 * is taken.  Every call reads files anew, so call seldom; nothing is allocated
 * and errno is preserved.
 */
#ifndef PLATFORM_CGROUP_H
#define PLATFORM_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_DIR_MAX 384

/* A group, for one controller. */
typedef struct {
	bool is_v2;
	size_t root_length; /* of the mount point in dir */
	char dir[CGROUP_DIR_MAX];
} cgroup_t;

/* How files are read; tests have their own.  As io_read_file(). */
extern ssize_t (*cgroup_read_file)(const char *path, char *buf, size_t size);

/* Processors that the quota allows, rounded up; UINT_MAX: no quota. */
unsigned cgroup_ncpus(void);

/* The group with the lowest limit of memory.  False: there is no limit. */
bool cgroup_memory_find(cgroup_t *group);
/* That limit now, in bytes; SIZE_MAX: none. */
size_t cgroup_memory_limit(const cgroup_t *group);
/* Bytes in use there that the kernel can not take back by itself. */
size_t cgroup_memory_usage(const cgroup_t *group);

#endif
