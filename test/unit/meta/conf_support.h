/*
 * conf_support: what the tests of options share.
 *
 * Boots options from given texts and keeps the messages.  Options start each
 * time from the defaults, but with abort_conf off, which a debug build has on.
 */
#ifndef TEST_UNIT_META_CONF_SUPPORT_H
#define TEST_UNIT_META_CONF_SUPPORT_H

#include "meta/options.h"

/* Everything that the library said since the last boot. */
extern char conf_messages[64 * 1024];

/* Catch messages, forget earlier ones and put all options back. */
void conf_reset(void);

/* conf_reset(), then boot with one text in place of the environment. */
void conf_boot(const char *text);

/* The same for one pair. */
void conf_boot_pair(const char *key, const char *value);

/* conf_reset(), then boot with these sources. */
void conf_boot_sources(const options_sources_t *sources);

/* Boot and fail the test unless exactly `messages` was said. */
void assert_conf_says(const char *text, const char *messages);

/* A text made as by printf; it stays until the eighth call after this. */
const char *conf_text(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The value in force of an option, as text. */
const char *conf_value(const char *key);

#endif
