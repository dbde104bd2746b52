/* SPDX-License-Identifier: MIT */
/*
 * Which socket options of a program the agent passes to the kernel, and with which values. The
 * agent may have more privileges than the program, and a socket option can be about much more than
 * a socket: the firewall is one, too. So what is not in the list is never executed, and what needs
 * a privilege needs the program's: a socket that has the value already shows that (permitted.c).
 */
#pragma once
#include <stddef.h>

/* Not in the list: the program may ask the kernel itself, by a socket of its own. */
#define MPS_PERMITTED_ELSEWHERE (-1)

/*
 * May the agent set the option? 0, MPS_PERMITTED_ELSEWHERE, or the errno value by which the kernel
 * refuses it to a program without privileges. `proof` is a socket that the program has passed with
 * the request, -1 if none.
 */
int mps_permitted_set(int level, int name, const void *data, size_t len, int proof);

/* The same for reading. */
int mps_permitted_get(int level, int name);
