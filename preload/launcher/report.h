/* SPDX-License-Identifier: MIT */
/*
 * What a bug report says. No keys, no secrets of agents, no tokens of connections, no data: only
 * files and keys that are named in report.c are read, never a file that such a key names.
 */
#pragma once
#include <stdio.h>

/* 0, or MPS_EXIT_NO_ANSWER: an agent did not answer, which the report says, too. */
int mps_report_write(FILE *out);

/*
 * The text with each IP address but the loopback ones replaced by "address-N", the same by the
 * same. To be freed; NULL: out of memory.
 */
char *mps_report_hide(const char *text);
