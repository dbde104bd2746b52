/* SPDX-License-Identifier: MIT */
/* The subcommands of mptcpshim(1). */
#pragma once

/* Exit codes, as env(1) has them. */
#define MPS_EXIT_FAILURE    125 /* mptcpshim itself failed */
#define MPS_EXIT_CANNOT_RUN 126 /* the program was found but cannot be executed */
#define MPS_EXIT_NOT_FOUND  127 /* the program was not found */

/* argv[0] is the subcommand. They return an exit code; run returns only if it failed. */
int mps_launcher_run(int argc, char **argv);
int mps_launcher_status(int argc, char **argv);
int mps_launcher_monitor(int argc, char **argv);

/* "mptcpshim: " and the message, to stderr. */
void mps_launcher_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
