#include "ctl/emitter.h"

#include <stdarg.h>
#include <string.h>

#include "platform/assert.h"
#include "platform/io.h"

/* Room for any value but a string. */
#define VALUE_SIZE 24

void
emitter_begin(emitter_t *emitter, emit_format_t format,
    void (*write)(void *opaque, const char *text), void *opaque, char *buffer,
    size_t size)
{
	assert(size >= 2);
	*emitter = (emitter_t){
	    .write = write,
	    .opaque = opaque,
	    .buffer = buffer,
	    .size = size,
	    .format = format,
	};
}

static void
flush(emitter_t *emitter)
{
	emitter->buffer[emitter->used] = '\0';
	emitter->used = 0;
	emitter->write(emitter->opaque, emitter->buffer);
}

void
emitter_end(emitter_t *emitter)
{
	assert(emitter->depth == 0);
	flush(emitter);
}

static void
put(emitter_t *emitter, const char *text, size_t length)
{
	while (length > 0) {
		size_t room = emitter->size - 1 - emitter->used;
		if (room == 0) {
			flush(emitter);
			continue;
		}
		size_t n = length < room ? length : room;
		memcpy(emitter->buffer + emitter->used, text, n);
		emitter->used += n;
		text += n;
		length -= n;
	}
}

static void
put_text(emitter_t *emitter, const char *text)
{
	put(emitter, text, strlen(text));
}

static void
put_spaces(emitter_t *emitter, size_t n)
{
	for (; n > 0; n--) {
		put(emitter, " ", 1);
	}
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 sequence at `s`; 0: it is none. */
static size_t
utf8_length(const char *s)
{
	unsigned char c = (unsigned char)s[0];
	unsigned char next = (unsigned char)s[1];
	if (c < 0x80) {
		return 1;
	}
	if (c < 0xc2 || c > 0xf4 || !is_continuation(s[1])) {
		return 0;
	}
	if (c < 0xe0) {
		return 2;
	}
	/* Neither overlong nor a surrogate nor beyond the last code point. */
	if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
	    (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f) ||
	    !is_continuation(s[2])) {
		return 0;
	}
	if (c < 0xf0) {
		return 3;
	}
	return is_continuation(s[3]) ? 4 : 0;
}

/* A byte that is no UTF-8, as the code point of the same number. */
static void
put_byte(emitter_t *emitter, unsigned char c)
{
	char utf8[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
	put(emitter, utf8, 2);
}

void
emitter_label(emitter_t *emitter, const char *s)
{
	if (emitter_is_json(emitter)) {
		return;
	}
	put(emitter, "\"", 1);
	while (*s != '\0') {
		size_t n = utf8_length(s);
		if (n == 0) {
			put_byte(emitter, (unsigned char)*s++);
			continue;
		}
		if (*s == '\n') {
			put(emitter, "\\n", 2);
		} else {
			if (*s == '"' || *s == '\\') {
				put(emitter, "\\", 1);
			}
			put(emitter, s, n);
		}
		s += n;
	}
	put(emitter, "\"", 1);
}

static void
put_json_string(emitter_t *emitter, const char *s)
{
	put(emitter, "\"", 1);
	while (*s != '\0') {
		size_t n = utf8_length(s);
		unsigned char c = (unsigned char)*s;
		if (n == 0 || c < 0x20 || c == 0x7f) {
			char escape[8];
			(void)io_snprintf(escape, sizeof(escape), "\\u%04x",
			    (unsigned)c);
			put_text(emitter, escape);
			s++;
			continue;
		}
		if (c == '"' || c == '\\') {
			put(emitter, "\\", 1);
		}
		put(emitter, s, n);
		s += n;
	}
	put(emitter, "\"", 1);
}

/* A value that is no quoted string, as text; may be that of `value`. */
static const char *
value_text(emit_type_t type, const void *value, char text[VALUE_SIZE])
{
	switch (type) {
	case EMIT_BOOL:
		return *(const bool *)value ? "true" : "false";
	case EMIT_U32:
		(void)io_snprintf(text, VALUE_SIZE, "%u",
		    *(const uint32_t *)value);
		return text;
	case EMIT_U64:
		(void)io_snprintf(text, VALUE_SIZE, "%ju",
		    (uintmax_t) * (const uint64_t *)value);
		return text;
	case EMIT_I64:
		(void)io_snprintf(text, VALUE_SIZE, "%jd",
		    (intmax_t) * (const int64_t *)value);
		return text;
	case EMIT_SIZE:
		(void)io_snprintf(text, VALUE_SIZE, "%zu",
		    *(const size_t *)value);
		return text;
	case EMIT_SSIZE:
		(void)io_snprintf(text, VALUE_SIZE, "%zd",
		    *(const ssize_t *)value);
		return text;
	case EMIT_STRING:
		return *(const char *const *)value;
	case EMIT_CHARS:
		return value;
	}
	unreachable();
}

static void
put_value(emitter_t *emitter, emit_type_t type, const void *value)
{
	char buffer[VALUE_SIZE];
	const char *text = value_text(type, value, buffer);
	bool quoted = type == EMIT_STRING || type == EMIT_CHARS;
	if (emitter_is_json(emitter) && quoted) {
		put_json_string(emitter, text);
		return;
	}
	if (type == EMIT_STRING) {
		put(emitter, "\"", 1);
	}
	put_text(emitter, text);
	if (type == EMIT_STRING) {
		put(emitter, "\"", 1);
	}
}

/* JSON: what stands before a value. */
static void
put_key(emitter_t *emitter, const char *key)
{
	if (emitter->comma) {
		put(emitter, ",", 1);
	}
	if (key != NULL) {
		put_json_string(emitter, key);
		put(emitter, ":", 1);
	}
	emitter->comma = true;
}

static void
open_json(emitter_t *emitter, const char *key, const char *bracket)
{
	if (emitter_is_json(emitter)) {
		put_key(emitter, key);
		put(emitter, bracket, 1);
		emitter->comma = false;
	}
}

static void
close_json(emitter_t *emitter, const char *bracket)
{
	if (emitter_is_json(emitter)) {
		put(emitter, bracket, 1);
		emitter->comma = true;
	}
}

void
emitter_object_begin(emitter_t *emitter, const char *key)
{
	open_json(emitter, key, "{");
}

void
emitter_object_end(emitter_t *emitter)
{
	close_json(emitter, "}");
}

void
emitter_array_begin(emitter_t *emitter, const char *key)
{
	open_json(emitter, key, "[");
}

void
emitter_array_end(emitter_t *emitter)
{
	close_json(emitter, "]");
}

void
emitter_member(emitter_t *emitter, const char *key, emit_type_t type,
    const void *value)
{
	if (emitter_is_json(emitter)) {
		put_key(emitter, key);
		put_value(emitter, type, value);
	}
}

void
emitter_dict_begin(emitter_t *emitter, const char *key, const char *heading)
{
	emitter_object_begin(emitter, key);
	if (!emitter_is_json(emitter)) {
		put_spaces(emitter, 2 * emitter->depth);
		put_text(emitter, heading);
		put(emitter, "\n", 1);
	}
	emitter->depth++;
}

void
emitter_dict_end(emitter_t *emitter)
{
	assert(emitter->depth > 0);
	emitter->depth--;
	emitter_object_end(emitter);
}

void
emitter_kv_note(emitter_t *emitter, const char *key, const char *label,
    emit_type_t type, const void *value, const char *note_label,
    const void *note_value)
{
	emitter_member(emitter, key, type, value);
	if (emitter_is_json(emitter)) {
		return;
	}
	put_spaces(emitter, 2 * emitter->depth);
	put_text(emitter, label);
	put(emitter, ": ", 2);
	put_value(emitter, type, value);
	if (note_label != NULL) {
		put(emitter, " (", 2);
		put_text(emitter, note_label);
		put(emitter, ": ", 2);
		put_value(emitter, type, note_value);
		put(emitter, ")", 1);
	}
	put(emitter, "\n", 1);
}

void
emitter_kv(emitter_t *emitter, const char *key, const char *label,
    emit_type_t type, const void *value)
{
	emitter_kv_note(emitter, key, label, type, value, NULL, NULL);
}

void
emitter_printf(emitter_t *emitter, const char *fmt, ...)
{
	if (emitter_is_json(emitter)) {
		return;
	}
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	(void)io_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put_text(emitter, line);
}

void
emitter_cell(emitter_t *emitter, int width, emit_type_t type, const void *value)
{
	if (emitter_is_json(emitter)) {
		return;
	}
	char buffer[VALUE_SIZE];
	const char *text = value_text(type, value, buffer);
	size_t length = strlen(text);
	size_t wanted = (size_t)(width < 0 ? -width : width);
	size_t pad = wanted > length ? wanted - length : 0;
	put_spaces(emitter, width < 0 ? 0 : pad);
	put_text(emitter, text);
	put_spaces(emitter, width < 0 ? pad : 0);
}
