/*
 * cgroup: quotas and limits of versions 1 and 2, from fake files.
 */
#include "platform/cgroup.h"

#include "support/harness.h"

#include <string.h>

#include "platform/io.h"

/* Pairs of a path and its text. */
static const char *const *files;
static unsigned nreads;

static ssize_t
read_fake(const char *path, char *buf, size_t size)
{
	nreads++;
	for (const char *const *file = files; *file != NULL; file += 2) {
		if (strcmp(file[0], path) == 0) {
			(void)io_snprintf(buf, size, "%s", file[1]);
			return (ssize_t)strlen(buf);
		}
	}
	return -1;
}

#define FILES(...)                                                             \
	static const char *const list[] = {__VA_ARGS__, NULL};                 \
	files = list;                                                          \
	cgroup_read_file = read_fake

#define V2 "/sys/fs/cgroup"

TEST(no_groups)
{
	FILES("/nothing", "");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), UINT_MAX);
	assert_false(cgroup_memory_find(&group));
}

TEST(v2_in_a_container)
{
	FILES("/proc/self/cgroup", "0::/\n", V2 "/cpu.max", "150000 100000\n",
	    V2 "/memory.max", "536870912\n", V2 "/memory.high", "max\n",
	    V2 "/memory.current", "400000000\n", V2 "/memory.stat",
	    "anon 1\nfile 2\ninactive_file 100000000\nactive_file 50000000\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), 2);
	assert_true(cgroup_memory_find(&group));
	assert_int_equal(cgroup_memory_limit(&group), 536870912);
	assert_int_equal(cgroup_memory_usage(&group), 250000000);
}

TEST(v2_without_limits)
{
	FILES("/proc/self/cgroup", "0::/user.slice/a.scope\n",
	    V2 "/user.slice/a.scope/cpu.max", "max 100000\n",
	    V2 "/user.slice/a.scope/memory.max", "max\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), UINT_MAX);
	assert_false(cgroup_memory_find(&group));
}

/* The tightest of all groups above counts. */
TEST(v2_groups_above)
{
	FILES("/proc/self/cgroup", "0::/a/b/c\n", V2 "/a/b/c/cpu.max",
	    "800000 100000\n", V2 "/a/b/cpu.max", "max 100000\n",
	    V2 "/a/cpu.max", "100000 50000\n", V2 "/a/b/c/memory.max",
	    "3000000000\n", V2 "/a/b/memory.high", "1000000\n",
	    V2 "/a/b/memory.max", "2000000\n", V2 "/a/memory.max", "5000000\n",
	    V2 "/a/b/memory.current", "900000\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), 2);
	assert_true(cgroup_memory_find(&group));
	assert_string_equal(group.dir, V2 "/a/b");
	assert_int_equal(cgroup_memory_limit(&group), 1000000);
	assert_int_equal(cgroup_memory_usage(&group), 900000);
}

TEST(v1)
{
	FILES("/proc/self/cgroup",
	    "12:cpuset:/x\n5:memory:/m/n\n4:cpu,cpuacct:/docker/abc\n"
	    "1:name=systemd:/s\n0::/other\n",
	    V2 "/cpu/docker/abc/cpu.cfs_quota_us", "50000\n",
	    V2 "/cpu/docker/abc/cpu.cfs_period_us", "100000\n",
	    V2 "/cpu/cpu.cfs_quota_us", "-1\n",
	    V2 "/memory/m/n/memory.limit_in_bytes", "9223372036854771712\n",
	    V2 "/memory/m/memory.limit_in_bytes", "1000000\n",
	    V2 "/memory/m/memory.usage_in_bytes", "700000\n",
	    V2 "/memory/m/memory.stat",
	    "cache 5\ninactive_file 7\ntotal_inactive_file 100000\n"
	    "total_active_file 1000\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), 1);
	assert_true(cgroup_memory_find(&group));
	assert_string_equal(group.dir, V2 "/memory/m");
	assert_int_equal(cgroup_memory_limit(&group), 1000000);
	assert_int_equal(cgroup_memory_usage(&group), 599000);
}

/* The path is the host's, the files are at the container's root. */
TEST(v1_root_is_the_group)
{
	FILES("/proc/self/cgroup", "4:cpu:/docker/abc\n5:memory:/docker/abc\n",
	    V2 "/cpu/cpu.cfs_quota_us", "250000\n",
	    V2 "/memory/memory.limit_in_bytes", "1000000\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), 3);
	assert_true(cgroup_memory_find(&group));
	assert_string_equal(group.dir, V2 "/memory");
}

/* Both are mounted, and version 2 has the controllers. */
TEST(mixed)
{
	FILES("/proc/self/cgroup", "1:name=systemd:/s\n0::/a\n",
	    V2 "/a/cpu.max", "300000 100000\n");
	assert_int_equal(cgroup_ncpus(), 3);
}

TEST(odd_texts)
{
	FILES("/proc/self/cgroup", "nonsense\n\n::\n0::/../outside",
	    V2 "/cpu.max", "100000 0\n", V2 "/memory.max", "x\n");
	cgroup_t group;
	assert_int_equal(cgroup_ncpus(), UINT_MAX);
	assert_false(cgroup_memory_find(&group));
}

TEST(long_path)
{
	static char text[1000];
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "0::/", 4);
	static const char *list[] = {"/proc/self/cgroup", text, V2 "/cpu.max",
	    "100000 100000\n", NULL};
	files = list;
	cgroup_read_file = read_fake;
	assert_int_equal(cgroup_ncpus(), 1);
	assert_true(nreads < 10);
}

/* Whatever this machine has. */
TEST(real_files)
{
	cgroup_t group;
	assert_true(cgroup_ncpus() >= 1);
	if (cgroup_memory_find(&group)) {
		assert_true(cgroup_memory_limit(&group) != 0);
	}
}
