/*
 * faults: what the library says of misuse is noted instead of ending the test:
 * fatal_hook = note_fault.
 */
#ifndef TEST_SUPPORT_FAULTS_H
#define TEST_SUPPORT_FAULTS_H

#include <string.h>

#include "platform/fatal.h"

static unsigned nfaults;
static char last_fault[512];

static void
note_fault(const char *text)
{
	nfaults++;
	strncpy(last_fault, text, sizeof(last_fault) - 1);
}

#endif /* TEST_SUPPORT_FAULTS_H */
