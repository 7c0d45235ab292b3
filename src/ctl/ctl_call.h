/*
 * ctl_call: one mallctl call, as its handler sees it, and the protocol by
 * which values go in and out.
 *
 * Results are 0 or an errno value.  The order of reading, writing and acting
 * is the handler's business, because a failed read does not undo what was done
 * before it.
 */
#ifndef CTL_CTL_CALL_H
#define CTL_CTL_CALL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "platform/build.h"
#include "platform/compiler.h"

/* The longest name has so many components. */
#define CTL_DEPTH_MAX 7

typedef struct {
	void *oldp;
	size_t *oldlenp;
	const void *newp;
	size_t newlen;
	size_t index[2]; /* what stands for <i> and <j> */
} ctl_call_t;

static inline bool
ctl_wants_old(const ctl_call_t *call)
{
	return call->oldp != NULL && call->oldlenp != NULL;
}

/*
 * Hand a value out, if it is wanted.  A buffer of another size gets as much as
 * fits, and EINVAL.
 */
static inline int
ctl_read(const ctl_call_t *call, const void *value, size_t size)
{
	if (!ctl_wants_old(call)) {
		return 0;
	}
	if (*call->oldlenp != size) {
		if (*call->oldlenp > size) {
			*call->oldlenp = size;
		}
		memcpy(call->oldp, value, *call->oldlenp);
		return EINVAL;
	}
	memcpy(call->oldp, value, size);
	return 0;
}

/* Take the new value in.  Only when newp is set. */
static inline int
ctl_write(const ctl_call_t *call, void *value, size_t size)
{
	if (call->newlen != size) {
		return EINVAL;
	}
	memcpy(value, call->newp, size);
	return 0;
}

#define CTL_READ(call, value)                                                  \
	ctl_read(call, &(value), sizeof(__typeof__(value)))
#define CTL_WRITE(call, value)                                                 \
	ctl_write(call, &(value), sizeof(__typeof__(value)))

/* What kinds of names refuse; EPERM or 0. */
static inline int
ctl_refuse_new(const ctl_call_t *call)
{
	return call->newp != NULL || call->newlen != 0 ? EPERM : 0;
}

static inline int
ctl_refuse_old(const ctl_call_t *call)
{
	return call->oldp != NULL || call->oldlenp != NULL ? EPERM : 0;
}

/*
 * For names that create something: the old value must be wanted, in the right
 * size; otherwise its length is set to 0.
 */
static inline int
ctl_demand_old(const ctl_call_t *call, size_t size)
{
	if (ctl_wants_old(call) && *call->oldlenp == size) {
		return 0;
	}
	if (call->oldlenp != NULL) {
		*call->oldlenp = 0;
	}
	return EINVAL;
}

#endif
