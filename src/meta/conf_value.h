/*
 * conf_value: the text of one value -> the field of an option.
 */
#ifndef META_CONF_VALUE_H
#define META_CONF_VALUE_H

#include <stddef.h>

#include "meta/options.h"
#include "platform/compiler.h"

typedef enum {
	CONF_ACCEPTED,
	CONF_BAD_VALUE,
	CONF_OUT_OF_RANGE,
	CONF_BAD_SETTINGS, /* of a list; those before the bad one hold */
	CONF_NO_GETCPU, /* the option was set all the same */
	CONF_NO_THP, /* likewise */
	CONF_NO_DSS
} conf_result_t;

/*
 * Set the row's field from `length` bytes of text, which a comma or NUL
 * follows.  Unless said otherwise above, the field is unchanged where the
 * result is not CONF_ACCEPTED.
 */
MUST_CHECK conf_result_t conf_value_set(const opt_row_t *row, const char *text,
    size_t length);

#endif
