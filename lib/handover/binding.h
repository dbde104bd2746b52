/* SPDX-License-Identifier: MIT */
/*
 * Socket options that have a meaning for one TCP connection only: it is signed, watched or led by
 * them, and other subflows would not be, or its bytes would become something else. Pure.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

#define MPS_BINDING_STAYS   1u /* set before the connection is one of ours, it stays native */
#define MPS_BINDING_REFUSED 2u /* set later, it fails, as on a kernel that has it not */

/* Which of these hold for the option; 0 for most. */
unsigned mps_binding_of(int level, int option);

/* Is this value one that switches the option on? */
bool mps_binding_is_on(const void *value, socklen_t len);
