/*
 * json: is a text JSON, to the letter, and what is in it?
 *
 * A strict parser after RFC 8259: one value, nothing before or behind it but
 * blanks, strings in UTF-8 without raw control characters.  Each value is shown
 * to a visitor with its path, in which members are joined by slashes and
 * elements counted in brackets: a/b[3]/c.
 *
 * In a header, so that unit and integration tests share it; no allocation.
 */
#ifndef TEST_SUPPORT_JSON_H
#define TEST_SUPPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef enum {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING, /* text is what is between the quotes, escapes included */
	JSON_ARRAY, /* length is the number of elements; shown behind them */
	JSON_OBJECT /* length is the number of members; shown behind them */
} json_kind_t;

typedef void json_visit_t(void *arg, const char *path, json_kind_t kind,
    const char *text, size_t length);

#define JSON_DEPTH_MAX 16
#define JSON_PATH_SIZE 256

typedef struct {
	const char *at;
	json_visit_t *visit;
	void *arg;
	unsigned depth;
	char path[JSON_PATH_SIZE];
} json_t;

static bool json_value(json_t *json);

static inline void
json_blanks(json_t *json)
{
	json->at += strspn(json->at, " \t\r\n");
}

static inline bool
json_take(json_t *json, const char *text)
{
	size_t n = strlen(text);
	bool is_there = strncmp(json->at, text, n) == 0;
	json->at += is_there ? n : 0;
	return is_there;
}

/* Digits, at least one; how many? */
static inline size_t
json_digits(json_t *json)
{
	size_t n = strspn(json->at, "0123456789");
	json->at += n;
	return n;
}

static inline bool
json_number(json_t *json)
{
	(void)json_take(json, "-");
	bool zero = *json->at == '0';
	size_t n = json_digits(json);
	if (n == 0 || (zero && n > 1)) {
		return false;
	}
	if (json_take(json, ".") && json_digits(json) == 0) {
		return false;
	}
	if (json_take(json, "e") || json_take(json, "E")) {
		(void)(json_take(json, "+") || json_take(json, "-"));
		return json_digits(json) != 0;
	}
	return true;
}

/* A byte sequence that starts with a byte above 0x7f. */
static inline bool
json_utf8(json_t *json)
{
	const unsigned char *s = (const unsigned char *)json->at;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned code = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return false;
		}
		code = code << 6 | (s[i] & 0x3f);
	}
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	json->at += n;
	return s[0] >= 0xc2 && code >= least[n] && code <= 0x10ffff &&
	    (code < 0xd800 || code > 0xdfff);
}

static inline bool
json_escape(json_t *json)
{
	char c = *json->at;
	if (c == 'u') {
		json->at++;
		size_t n = strspn(json->at, "0123456789abcdefABCDEF");
		json->at += n < 4 ? 0 : 4;
		return n >= 4;
	}
	bool known = c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
	json->at += known;
	return known;
}

static inline bool
json_string(json_t *json)
{
	if (!json_take(json, "\"")) {
		return false;
	}
	while (*json->at != '"') {
		unsigned char c = (unsigned char)*json->at;
		if (c < 0x20) {
			return false;
		}
		if (c == '\\') {
			json->at++;
			if (!json_escape(json)) {
				return false;
			}
		} else if (c < 0x80) {
			json->at++;
		} else if (!json_utf8(json)) {
			return false;
		}
	}
	json->at++;
	return true;
}

static inline bool
json_array(json_t *json, size_t *n)
{
	size_t end = strlen(json->path);
	json_blanks(json);
	if (json_take(json, "]")) {
		return true;
	}
	do {
		snprintf(json->path + end, JSON_PATH_SIZE - end, "[%zu]", *n);
		if (!json_value(json)) {
			return false;
		}
		json->path[end] = '\0';
		++*n;
	} while (json_take(json, ","));
	return json_take(json, "]");
}

static inline bool
json_object(json_t *json, size_t *n)
{
	size_t end = strlen(json->path);
	json_blanks(json);
	if (json_take(json, "}")) {
		return true;
	}
	do {
		json_blanks(json);
		const char *key = json->at;
		if (!json_string(json)) {
			return false;
		}
		snprintf(json->path + end, JSON_PATH_SIZE - end, "%s%.*s",
		    end == 0 ? "" : "/", (int)(json->at - key - 2), key + 1);
		json_blanks(json);
		if (!json_take(json, ":") || !json_value(json)) {
			return false;
		}
		json->path[end] = '\0';
		++*n;
	} while (json_take(json, ","));
	return json_take(json, "}");
}

static bool
json_value(json_t *json)
{
	json_blanks(json);
	const char *start = json->at;
	json_kind_t kind;
	bool ok = ++json->depth <= JSON_DEPTH_MAX;
	size_t n = 0;
	if (json_take(json, "{")) {
		kind = JSON_OBJECT;
		ok = ok && json_object(json, &n);
	} else if (json_take(json, "[")) {
		kind = JSON_ARRAY;
		ok = ok && json_array(json, &n);
	} else if (*json->at == '"') {
		kind = JSON_STRING;
		ok = ok && json_string(json);
		start++;
		n = (size_t)(json->at - start) - 1;
	} else if (json_take(json, "true") || json_take(json, "false")) {
		kind = JSON_BOOL;
	} else if (json_take(json, "null")) {
		kind = JSON_NULL;
	} else {
		kind = JSON_NUMBER;
		ok = ok && json_number(json);
	}
	if (kind == JSON_NUMBER || kind == JSON_BOOL || kind == JSON_NULL) {
		n = (size_t)(json->at - start);
	}
	if (ok && json->visit != NULL) {
		json->visit(json->arg, json->path, kind, start, n);
	}
	json->depth--;
	json_blanks(json);
	return ok;
}

/*
 * Is it JSON?  If not, *end is where it stops to be.  visit may be NULL.
 */
static inline bool
json_parse(const char *text, json_visit_t *visit, void *arg, const char **end)
{
	json_t json = {.at = text, .visit = visit, .arg = arg};
	bool ok = json_value(&json);
	*end = json.at;
	return ok && *json.at == '\0';
}

#endif /* TEST_SUPPORT_JSON_H */
