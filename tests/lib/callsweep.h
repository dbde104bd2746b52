/* SPDX-License-Identifier: MIT */
/*
 * Linked into a test: system calls and allocations of what the test calls between callsweep_on()
 * and callsweep_off() are numbered, and one of them fails, with one of the errors that such a call
 * may have, or does less than it was asked for. Run a scenario with (1, 0), (1, 1), ... (2, 0) ...
 * until callsweep_over().
 *
 * Nobody waits for the clock: where a loop would sleep, the clocks of the process jump to the time
 * at which it would have been woken. What the kernel times by itself keeps its own time.
 */
#pragma once
#include <stdbool.h>

/* The n-th call from here, from 1, fails with the k-th error of its kind; n 0: none fails. */
void callsweep_arm(unsigned long n, unsigned k);
/* With it all later calls of the same kind, for so many nanoseconds. After callsweep_arm. */
void callsweep_persist(unsigned long long ns);

#define CALLSWEEP_MAX 4096
/* By the n-th call a loop watches one more descriptor, or waits. */
bool callsweep_is_of_loop(unsigned long n);

/* Only calls in between count, and fail. */
void callsweep_on(void);
void callsweep_off(void);

/* There was no n-th call. */
bool callsweep_over(void);
/* It has fewer errors than k + 1: go on with the next call. */
bool callsweep_exhausted(void);
/* "recv: ENOMEM", or "" if nothing has failed. */
const char *callsweep_what(void);
/* A lack while bytes are moved, which a connection has to live through. */
bool callsweep_is_lack(void);
/* Where the call was made: file and offset, for addr2line. */
const char *callsweep_where(void);

/* Allocations that are not freed, of the process so far. */
long callsweep_live(void);
