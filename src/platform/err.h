/*
 * err: the one way in which an operation that yields no pointer says why it
 * failed.  `bool` answers questions only.  The outside world's codes (errno,
 * mallctl's int, extent hooks) are translated where they enter or leave.
 */
#ifndef PLATFORM_ERR_H
#define PLATFORM_ERR_H

typedef enum {
	ERR_NONE, /* it is done */
	ERR_NOMEM, /* the system has no more; trying later may help */
	ERR_AGAIN, /* someone else is at it; nothing was changed */
	ERR_INVALID, /* the caller asked for something that cannot be */
	ERR_REFUSED /* not supported here, or not allowed by policy */
} err_t;

#endif
