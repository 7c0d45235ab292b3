/*
 * tls: how a thread-local variable is declared.
 *
 *	static TLS_MODEL _Thread_local foo_t *foo;
 *
 * TLS_MODEL comes from compiler.h and follows configure's choice of TLS
 * model.  Static TLS is scarce (a late dlopen must find room): all of the
 * library together stays within 64 bytes, so declare pointers, not objects.
 */
#ifndef PLATFORM_TLS_H
#define PLATFORM_TLS_H

#include "platform/compiler.h"

#endif
