/*
 * emitter: one description of an output, written as text or as JSON.
 *
 * What is in both formats goes through emitter_kv() and emitter_dict_*();
 * what is in one of them only through functions that do nothing in the other,
 * so that the callers need not ask.  Output is collected in a buffer of the
 * caller's and handed on in pieces, each ended by a NUL.
 *
 * JSON is compact and always valid: strings are escaped, and bytes that are
 * not UTF-8 are written as the code points of the same number.
 *
 * Nothing here allocates or takes a lock; an emitter belongs to its caller.
 */
#ifndef CTL_EMITTER_H
#define CTL_EMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/compiler.h"

typedef enum { EMIT_TEXT, EMIT_JSON } emit_format_t;

/* What a value pointer points at. */
typedef enum {
	EMIT_BOOL, /* bool */
	EMIT_U32, /* uint32_t, unsigned */
	EMIT_U64, /* uint64_t */
	EMIT_I64, /* int64_t */
	EMIT_SIZE, /* size_t */
	EMIT_SSIZE, /* ssize_t */
	EMIT_STRING, /* const char *; quoted */
	EMIT_CHARS /* the characters themselves; as they are */
} emit_type_t;

typedef struct {
	void (*write)(void *opaque, const char *text);
	void *opaque;
	char *buffer;
	size_t size;
	size_t used;
	emit_format_t format;
	unsigned depth; /* text: dictionaries that are open */
	bool comma; /* JSON: something stands before */
} emitter_t;

/*
 * Start an output.  `buffer` has room for `size` bytes, 2 at least; `write`
 * is called at least once until emitter_end() returns.
 */
void emitter_begin(emitter_t *emitter, emit_format_t format,
    void (*write)(void *opaque, const char *text), void *opaque, char *buffer,
    size_t size);
void emitter_end(emitter_t *emitter);

static inline bool
emitter_is_json(const emitter_t *emitter)
{
	return emitter->format == EMIT_JSON;
}

/* Both: a value.  Text: a line with `label`; JSON: a member `key`. */
void emitter_kv(emitter_t *emitter, const char *key, const char *label,
    emit_type_t type, const void *value);

/* Likewise; the text has a second value of the same type in parentheses. */
void emitter_kv_note(emitter_t *emitter, const char *key, const char *label,
    emit_type_t type, const void *value, const char *note_label,
    const void *note_value);

/* Both.  Text: a heading, and what follows is indented; JSON: an object. */
void
emitter_dict_begin(emitter_t *emitter, const char *key, const char *heading);
void emitter_dict_end(emitter_t *emitter);

/* JSON only.  key: NULL in arrays. */
void emitter_object_begin(emitter_t *emitter, const char *key);
void emitter_object_end(emitter_t *emitter);
void emitter_array_begin(emitter_t *emitter, const char *key);
void emitter_array_end(emitter_t *emitter);
void emitter_member(emitter_t *emitter, const char *key, emit_type_t type,
    const void *value);

/* Text only: as printf. */
void emitter_printf(emitter_t *emitter, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Text only: a string in quotes, escaped as labels of OpenMetrics are. */
void emitter_label(emitter_t *emitter, const char *s);

/* Text only: a value in `width` columns, to the right (to the left if < 0). */
void emitter_cell(emitter_t *emitter, int width, emit_type_t type,
    const void *value);

#endif
