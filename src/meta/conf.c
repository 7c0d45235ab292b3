/*
 * conf: from the sources of options to the values in force.
 *
 * Owns the grammar (key:value,key:value), the order of the sources and every
 * message about them.  What a value means is conf_value.c.
 *
 * All sources are read twice.  The first pass looks for confirm_conf and
 * nothing else, so that the answer to "are settings to be printed" is known
 * before the first of them takes effect.  Errors of grammar are therefore
 * reported twice, errors in keys and values once.
 *
 * Locking: see options.h.  Nothing here allocates.
 */
#include "meta/options.h"

#include <stdlib.h>
#include <string.h>

#include "meta/conf_value.h"
#include "meta/size_class.h"
#include "platform/assert.h"
#include "platform/build.h"
#include "platform/io.h"

/* At most so much of a malformed text is repeated in the message about it. */
#define SHOWN_MAX 64

typedef struct {
	const char *text;
	size_t length;
} span_t;

typedef struct {
	span_t key;
	span_t value;
} pair_t;

/* A message under construction: few writes, no limit to its length. */
typedef struct {
	size_t used;
	char text[512];
} message_t;

typedef struct {
	opt_source_t source; /* the one being read */
	bool settles; /* second pass: settings take effect */
	bool failed; /* an error that abort_conf is about */
} conf_t;

static options_sources_t found;

const char *
options_source_text(opt_source_t source)
{
	assert(source > OPT_SOURCE_DEFAULT && source < OPT_SOURCE_COUNT);
	return found.text[source];
}

static void
message_add(message_t *message, const char *text, size_t length)
{
	while (length > 0) {
		size_t room = sizeof(message->text) - 1 - message->used;
		size_t n = length < room ? length : room;
		memcpy(message->text + message->used, text, n);
		message->used += n;
		text += n;
		length -= n;
		if (message->used == sizeof(message->text) - 1) {
			message->text[message->used] = '\0';
			io_message(message->text);
			message->used = 0;
		}
	}
}

static void
message_add_string(message_t *message, const char *text)
{
	message_add(message, text, strlen(text));
}

static void
message_end(message_t *message)
{
	message_add_string(message, "\n");
	message->text[message->used] = '\0';
	io_message(message->text);
}

static void
message_pair(const char *what, const pair_t *pair)
{
	message_t message = {.used = 0};
	message_add_string(&message, what);
	message_add(&message, pair->key.text, pair->key.length);
	message_add_string(&message, ":");
	message_add(&message, pair->value.text, pair->value.length);
	message_end(&message);
}

static void
message_header(opt_source_t source)
{
	static const char what[OPT_SOURCE_COUNT][80] = {
	    [OPT_SOURCE_COMPILED_IN] =
		"string specified via --with-malloc-conf",
	    [OPT_SOURCE_GLOBAL_VAR] =
		"string pointed to by the global variable malloc_conf",
	    [OPT_SOURCE_SYMLINK] = "\"name\" of the file referenced by the "
				   "symbolic link named /etc/malloc.conf",
	    [OPT_SOURCE_ENV] = "value of the environment variable MALLOC_CONF",
	    [OPT_SOURCE_GLOBAL_VAR_2] = "string pointed to by the global "
					"variable malloc_conf_2_conf_harder",
	};
	const char number[2] = {(char)('0' + source), '\0'};
	const char *text = found.text[source];
	message_t message = {.used = 0};

	message_add_string(&message, "<jemalloc>: malloc_conf #");
	message_add_string(&message, number);
	message_add_string(&message, " (");
	message_add_string(&message, what[source]);
	message_add_string(&message, "): \"");
	message_add_string(&message, text != NULL ? text : "");
	message_add_string(&message, "\"");
	message_end(&message);
}

static bool
starts_with(span_t span, const char *prefix)
{
	size_t length = strlen(prefix);
	return span.length >= length && memcmp(span.text, prefix, length) == 0;
}

/*
 * Errors in keys that come and go between releases are reported, but do not
 * count: a setting for another release must not stop a program.
 */
static void
pair_error(conf_t *conf, const char *what, const pair_t *pair)
{
	message_pair(what, pair);
	if (!starts_with(pair->key, "experimental_") &&
	    !starts_with(pair->key, "hpa_sec_bytes_after_flush")) {
		conf->failed = true;
	}
}

static void
value_error(conf_t *conf, conf_result_t result, const pair_t *pair)
{
	switch (result) {
	case CONF_ACCEPTED:
		unreachable();
	case CONF_OUT_OF_RANGE:
		pair_error(conf, "<jemalloc>: Out-of-range conf value: ", pair);
		return;
	case CONF_BAD_SETTINGS: {
		char what[64];
		io_snprintf(what, sizeof(what),
		    "<jemalloc>: Invalid settings for %.*s: ",
		    (int)pair->key.length, pair->key.text);
		pair_error(conf, what, pair);
		return;
	}
	case CONF_NO_GETCPU:
		pair_error(conf, "<jemalloc>: No getcpu support: ", pair);
		return;
	case CONF_NO_THP:
		pair_error(conf, "<jemalloc>: No THP support: ", pair);
		return;
	case CONF_NO_DSS:
		pair_error(conf, "<jemalloc>: Error setting dss: ", pair);
		FALLTHROUGH;
	case CONF_BAD_VALUE:
		pair_error(conf, "<jemalloc>: Invalid conf value: ", pair);
		return;
	}
}

static void
grammar_error(conf_t *conf, const char *what, const char *text, size_t length)
{
	message_t message = {.used = 0};
	message_add_string(&message, "<jemalloc>: ");
	message_add_string(&message, what);
	message_add_string(&message, " -- ");
	message_add(&message, text, length < SHOWN_MAX ? length : SHOWN_MAX);
	message_end(&message);
	conf->failed = true;
}

static bool
is_key_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/*
 * Take the next pair off the front of *text, which is not empty.  False when
 * what is there is no pair, which has been reported.
 */
static bool
pair_take(conf_t *conf, const char **text, pair_t *pair)
{
	const char *start = *text, *p = start;

	while (is_key_character(*p)) {
		p++;
	}
	if (*p == '\0') {
		grammar_error(conf, "Conf string ends with key", start,
		    (size_t)(p - start));
		return false;
	}
	if (*p != ':') {
		grammar_error(conf, "Malformed conf string", start,
		    (size_t)(p + 1 - start));
		return false;
	}
	pair->key = (span_t){start, (size_t)(p - start)};
	p++;
	pair->value = (span_t){p, strcspn(p, ",")};
	p += pair->value.length;
	if (*p == ',' && *++p == '\0') {
		grammar_error(conf, "Conf string ends with comma", start,
		    (size_t)(p - start));
	}
	*text = p;
	return true;
}

/*
 * Insertions, deletions, replacements and swaps of neighbours between two
 * words (Damerau 1964), or `most` + 1 if it takes more.
 */
static unsigned
distance(span_t a, const char *b, unsigned most)
{
	unsigned char row[3][OPT_NAME_SIZE];
	size_t length = strlen(b);
	size_t apart = a.length > length ? a.length - length
					 : length - a.length;
	if (apart > most) {
		return most + 1;
	}
	for (size_t j = 0; j <= length; j++) {
		row[0][j] = (unsigned char)j;
	}
	unsigned char *older = row[2], *old = row[0], *now = row[1];
	for (size_t i = 1; i <= a.length; i++) {
		now[0] = (unsigned char)i;
		for (size_t j = 1; j <= length; j++) {
			bool same = a.text[i - 1] == b[j - 1];
			unsigned best = old[j - 1] + !same;
			best = old[j] + 1u < best ? old[j] + 1u : best;
			best = now[j - 1] + 1u < best ? now[j - 1] + 1u : best;
			if (i > 1 && j > 1 && a.text[i - 1] == b[j - 2] &&
			    a.text[i - 2] == b[j - 1] &&
			    older[j - 2] + 1u < best) {
				best = older[j - 2] + 1u;
			}
			now[j] = (unsigned char)best;
		}
		unsigned char *spare = older;
		older = old;
		old = now;
		now = spare;
	}
	return old[length] <= most ? old[length] : most + 1;
}

/* The known key that is most like an unknown one; NULL: none is. */
static const char *
similar_key(span_t key)
{
	/* A third of the letters at most, so that it is no wild guess. */
	unsigned best = key.length >= 9 ? 3 : (unsigned)key.length / 3;
	const char *found_key = NULL;
	if (key.length >= OPT_NAME_SIZE) {
		return NULL;
	}
	for (const opt_row_t *row = opt_rows; row < opt_rows + OPT_COUNT;
	     row++) {
		unsigned d = row->available ? distance(key, row->name, best)
					    : best + 1;
		if (d <= best && d > 0) {
			found_key = row->name;
			best = d - 1;
		}
	}
	return found_key;
}

/* Nobody knows this key: was another one meant? */
static void
unknown_key(conf_t *conf, const pair_t *pair)
{
	pair_error(conf, "<jemalloc>: Invalid conf pair: ", pair);
	const char *key = similar_key(pair->key);
	if (key != NULL) {
		message_t message = {.used = 0};
		message_add_string(&message, "<jemalloc>: Did you mean ");
		message_add_string(&message, key);
		message_add_string(&message, "?\n");
		message.text[message.used] = '\0';
		io_message(message.text);
	}
}

static void
pair_settle(conf_t *conf, const pair_t *pair)
{
	const opt_row_t *row = opt_find(pair->key.text, pair->key.length);
	if (row == NULL) {
		unknown_key(conf, pair);
		return;
	}
	conf_result_t result = conf_value_set(row, pair->value.text,
	    pair->value.length);
	if (result != CONF_ACCEPTED) {
		value_error(conf, result, pair);
		return;
	}
	opt_set_by[row - opt_rows] = (uint8_t)conf->source;
	if (opt.confirm_conf) {
		message_pair("<jemalloc>: -- Set conf value: ", pair);
	}
}

/* The first pass: confirm_conf alone; other pairs, good or bad, later. */
static void
pair_preview(const pair_t *pair)
{
	const opt_row_t *row = &opt_rows[OPT_ID_confirm_conf];
	if (opt_find(pair->key.text, pair->key.length) == row &&
	    conf_value_set(row, pair->value.text, pair->value.length) !=
		CONF_ACCEPTED) {
		return;
	}
}

static void
source_read(conf_t *conf)
{
	const char *text = found.text[conf->source];
	pair_t pair;

	if (text == NULL) {
		return;
	}
	while (*text != '\0' && pair_take(conf, &text, &pair)) {
		if (conf->settles) {
			pair_settle(conf, &pair);
		} else {
			pair_preview(&pair);
		}
	}
}

static void
abort_if_failed(const conf_t *conf)
{
	if (conf->failed && opt.abort_conf) {
		io_message("<jemalloc>: Abort (abort_conf:true) on invalid "
			   "conf value (see above).\n");
		abort();
	}
}

static void
sources_read(conf_t *conf)
{
	for (int s = OPT_SOURCE_DEFAULT + 1; s < OPT_SOURCE_COUNT; s++) {
		conf->source = (opt_source_t)s;
		source_read(conf);
	}
	bool headers = opt.confirm_conf;
	conf->settles = true;
	for (int s = OPT_SOURCE_DEFAULT + 1; s < OPT_SOURCE_COUNT; s++) {
		conf->source = (opt_source_t)s;
		if (headers) {
			message_header(conf->source);
		}
		source_read(conf);
		abort_if_failed(conf);
	}
}

/* What settings imply for each other. */
static void
dependencies_settle(conf_t *conf)
{
	if (opt.prof_leak_error) {
		opt.prof_leak = true;
		if (!opt.prof_final) {
			io_message("<jemalloc>: prof_leak_error is set w/o "
				   "prof_final.\n");
			conf->failed = true;
			abort_if_failed(conf);
		}
	}
	if (opt.prof_leak && !opt.prof) {
		opt.prof = true;
		opt.prof_gdump = false;
	}
	if (opt.oversize_threshold < SC_LARGE_MIN) {
		opt.oversize_threshold = 0;
	}
}

BOOT bool
options_are_given(const options_sources_t *sources)
{
	for (int s = OPT_SOURCE_DEFAULT + 1; s < OPT_SOURCE_COUNT; s++) {
		if (sources->text[s] != NULL && *sources->text[s] != '\0') {
			return true;
		}
	}
	return false;
}

BOOT void
options_boot(const options_sources_t *sources)
{
	found = *sources;
	if (!options_are_given(sources)) {
		return;
	}
	memset(opt_set_by, OPT_SOURCE_DEFAULT, sizeof(opt_set_by));
	conf_t conf = {.source = OPT_SOURCE_DEFAULT};
	sources_read(&conf);
	dependencies_settle(&conf);
}
