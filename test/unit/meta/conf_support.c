/*
 * conf_support: what the tests of options share.
 */
#include "conf_support.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "platform/io.h"
#include "support/harness.h"

char conf_messages[64 * 1024];

static void
message_keep(void *cbopaque, const char *text)
{
	size_t used = strlen(conf_messages);
	(void)cbopaque;
	snprintf(conf_messages + used, sizeof(conf_messages) - used, "%s",
	    text);
}

void
conf_reset(void)
{
	static options_t defaults;
	static bool known = false;

	if (!known) {
		defaults = opt;
		known = true;
	}
	opt = defaults;
	opt.abort_conf = false;
	je_malloc_message = message_keep;
	conf_messages[0] = '\0';
}

void
conf_boot_sources(const options_sources_t *sources)
{
	conf_reset();
	options_boot(sources);
}

void
conf_boot(const char *text)
{
	options_sources_t sources = {.text = {[OPT_SOURCE_ENV] = text}};
	conf_boot_sources(&sources);
}

void
assert_conf_says(const char *text, const char *messages)
{
	conf_boot(text);
	assert_string_equal(conf_messages, messages);
}

const char *
conf_text(const char *fmt, ...)
{
	static char ring[8][8192];
	static unsigned next;
	char *text = ring[next++ % ARRAY_LEN(ring)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(ring[0]), fmt, ap);
	va_end(ap);
	return text;
}

void
conf_boot_pair(const char *key, const char *value)
{
	conf_boot(conf_text("%s:%s", key, value));
}

static const char *
ranges_text(const opt_ranges_t *ranges, char *buf, size_t size)
{
	size_t used = 0;
	buf[0] = '\0';
	for (unsigned i = 0; i < ranges->count; i++) {
		const opt_range_t *range = &ranges->range[i];
		used += (size_t)snprintf(buf + used, size - used,
		    "%s%" PRIu32 "-%" PRIu32 ":%" PRIu32, i > 0 ? "|" : "",
		    range->lo, range->hi, range->value);
	}
	return buf;
}

const char *
conf_value(const char *key)
{
	static char buf[4096];
	const opt_row_t *row = opt_find(key, strlen(key));
	assert_non_null(row);
	const void *field = opt_field(row);

	switch (row->type) {
	case OPT_TYPE_BOOL:
		return *(const bool *)field ? "true" : "false";
	case OPT_TYPE_UNSIGNED:
		snprintf(buf, sizeof(buf), "%u", *(const unsigned *)field);
		return buf;
	case OPT_TYPE_SIZE:
		snprintf(buf, sizeof(buf), "%zu", *(const size_t *)field);
		return buf;
	case OPT_TYPE_SSIZE:
		snprintf(buf, sizeof(buf), "%zd", *(const ssize_t *)field);
		return buf;
	case OPT_TYPE_INT64:
		snprintf(buf, sizeof(buf), "%" PRId64, *(const int64_t *)field);
		return buf;
	case OPT_TYPE_UINT64:
		snprintf(buf, sizeof(buf), "%" PRIu64,
		    *(const uint64_t *)field);
		return buf;
	case OPT_TYPE_FIXED:
		snprintf(buf, sizeof(buf), "%.4f",
		    *(const uint32_t *)field / 65536.0);
		return buf;
	case OPT_TYPE_RANGES:
		return ranges_text(field, buf, sizeof(buf));
	default:
		return opt_text(row);
	}
}
