/*
 * conf_source: the places where the options of this process stand.
 *
 * Owns the two variables that a program may define to set options, and the
 * buffer that the text of the symbolic link is read into.  Reading the sources
 * costs one system call and a search of the environment.
 *
 * Not for: what the texts say (conf.c).
 */
#include "meta/options.h"

#include <stdlib.h>
#include <unistd.h>

#if HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif

#include "platform/build.h"
#include "platform/compiler.h"
#include "platform/io.h"
#include "platform/public_names.h"

#define SYMLINK_PATH "/etc/" CONFIG_PREFIX_STR "malloc.conf"

/* A program's own definition takes the place of these. */
EXPORT __attribute__((weak)) const char *je_malloc_conf;
EXPORT __attribute__((weak)) const char *je_malloc_conf_2_conf_harder;

const char *
options_read_symlink(const char *path, char *buf, size_t size)
{
	ssize_t length = io_read_link(path, buf, size - 1);
	if (length < 0) {
		return NULL;
	}
	buf[length] = '\0';
	return buf;
}

#if HAVE_GETAUXVAL && defined(AT_SECURE)
/*
 * As getenv, for a short name: that of the C library is in a part of it that
 * nothing else has brought into memory when a process starts.
 */
BOOT static const char *
find_in_environment(void)
{
	static const char name[] = CONFIG_ENV_NAME "=";
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		size_t i = 0;
		while (name[i] != '\0' && (*entry)[i] == name[i]) {
			i++;
		}
		if (name[i] == '\0') {
			return *entry + i;
		}
	}
	return NULL;
}
#endif

/* The environment, unless the process has more rights than who set it. */
static const char *
environment_text(void)
{
	if (config_force_getenv) {
		return getenv(CONFIG_ENV_NAME);
	}
#if HAVE_GETAUXVAL && defined(AT_SECURE)
	return getauxval(AT_SECURE) != 0 ? NULL : find_in_environment();
#elif HAVE_SECURE_GETENV
	return secure_getenv(CONFIG_ENV_NAME);
#elif HAVE_ISSETUGID
	return issetugid() != 0 ? NULL : getenv(CONFIG_ENV_NAME);
#else
	return getenv(CONFIG_ENV_NAME);
#endif
}

BOOT void
options_sources_system(options_sources_t *sources)
{
	static LARGE_BSS char symlink_text[OPT_STRING_MAX + 1];

	*sources = (options_sources_t){
	    .text = {
		[OPT_SOURCE_COMPILED_IN] = CONFIG_MALLOC_CONF,
		[OPT_SOURCE_GLOBAL_VAR] = je_malloc_conf,
		[OPT_SOURCE_GLOBAL_VAR_2] = je_malloc_conf_2_conf_harder,
	    }};
	if (config_user_config) {
		sources->text[OPT_SOURCE_SYMLINK] =
		    options_read_symlink(SYMLINK_PATH, symlink_text,
			sizeof(symlink_text));
		sources->text[OPT_SOURCE_ENV] = environment_text();
	}
}
