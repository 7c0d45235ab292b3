/*
 * conf_source: where the options of a process stand.
 */
#include "meta/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/build.h"
#include "platform/public_names.h"
#include "support/harness.h"

extern const char *je_malloc_conf;
extern const char *je_malloc_conf_2_conf_harder;

/* A path in a new directory. */
static const char *
link_path(void)
{
	static char path[PATH_MAX];
	char dir[] = "/tmp/conf_source.XXXXXX";
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/link", dir);
	return path;
}

static void
link_remove(const char *path)
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof(dir), "%s", path);
	(void)unlink(path);
	*strrchr(dir, '/') = '\0';
	(void)rmdir(dir);
}

/* The name that a link points to is the text; there need be no such file. */
TEST(symlink_text)
{
	char buf[64];
	const char *path = link_path();

	errno = 77;
	assert_null(options_read_symlink(path, buf, sizeof(buf)));
	assert_int_equal(errno, 77);

	assert_int_equal(symlink("narenas:3,tcache:false", path), 0);
	errno = 77;
	assert_string_equal(options_read_symlink(path, buf, sizeof(buf)),
	    "narenas:3,tcache:false");
	assert_int_equal(errno, 77);

	/* What does not fit is cut; the end is always marked. */
	assert_string_equal(options_read_symlink(path, buf, 10), "narenas:3");
	link_remove(path);
}

/* A file that is no link says nothing. */
TEST(symlink_is_a_file)
{
	char buf[64];
	const char *path = link_path();
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_null(options_read_symlink(path, buf, sizeof(buf)));
	link_remove(path);
}

TEST(environment)
{
	options_sources_t sources;

	assert_int_equal(unsetenv(CONFIG_ENV_NAME), 0);
	options_sources_system(&sources);
	assert_null(sources.text[OPT_SOURCE_ENV]);
	assert_int_equal(setenv(CONFIG_ENV_NAME, "", 1), 0);
	options_sources_system(&sources);
	if (!config_user_config) {
		assert_null(sources.text[OPT_SOURCE_ENV]);
		return;
	}
	assert_string_equal(sources.text[OPT_SOURCE_ENV], "");
	assert_int_equal(setenv(CONFIG_ENV_NAME, "narenas:9", 1), 0);
	options_sources_system(&sources);
	assert_string_equal(sources.text[OPT_SOURCE_ENV], "narenas:9");
}

TEST(variables)
{
	options_sources_t sources;

	options_sources_system(&sources);
	assert_string_equal(sources.text[OPT_SOURCE_COMPILED_IN],
	    CONFIG_MALLOC_CONF);
	assert_null(sources.text[OPT_SOURCE_GLOBAL_VAR]);
	assert_null(sources.text[OPT_SOURCE_GLOBAL_VAR_2]);
	je_malloc_conf = "narenas:1";
	je_malloc_conf_2_conf_harder = "narenas:2";
	errno = 77;
	options_sources_system(&sources);
	assert_int_equal(errno, 77);
	assert_string_equal(sources.text[OPT_SOURCE_GLOBAL_VAR], "narenas:1");
	assert_string_equal(sources.text[OPT_SOURCE_GLOBAL_VAR_2], "narenas:2");
}
