/* SPDX-License-Identifier: MIT */
/* The subcommands of mptcpshim(1). */
#pragma once
#include <limits.h>
#include <stdbool.h>

/* Exit codes; the large ones as env(1) has them. */
#define MPS_EXIT_PLAIN         1   /* check, check-program, enable: plain TCP */
#define MPS_EXIT_ONE_PATH      2   /* check: multipath, over one path */
#define MPS_EXIT_NO_ANSWER     3   /* status, path, set, monitor, check: an agent does not answer */
#define MPS_EXIT_NO_CONNECTION 4   /* check: the peer cannot be reached */
#define MPS_EXIT_FAILURE       125 /* mptcpshim itself failed */
#define MPS_EXIT_CANNOT_RUN    126 /* the program was found but cannot be executed */
#define MPS_EXIT_NOT_FOUND     127 /* the program was not found */

/*
 * A subcommand. `run` gets it as argv[0] and returns an exit code; that of `run` returns only if it
 * failed. `usage` is lines. `words` are what may be behind it, for the completion of shells: FILE
 * is a file's name, what ends in '=' goes on.
 */
struct mps_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *text, *words;
};

/* The i-th one, NULL behind the last. */
const struct mps_command *mps_launcher_command(unsigned i);

int mps_launcher_run(int argc, char **argv);
int mps_launcher_status(int argc, char **argv);
int mps_launcher_top(int argc, char **argv);
int mps_launcher_monitor(int argc, char **argv);
int mps_launcher_check_config(int argc, char **argv);
int mps_launcher_check(int argc, char **argv);
int mps_launcher_check_program(int argc, char **argv);
int mps_launcher_enable(int argc, char **argv);
int mps_launcher_disable(int argc, char **argv);
int mps_launcher_bugreport(int argc, char **argv);
int mps_launcher_path(int argc, char **argv);
int mps_launcher_set(int argc, char **argv);
int mps_launcher_completions(int argc, char **argv);

/* "mptcpshim: " and the message, to stderr. */
void mps_launcher_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A file name from the root; false if there is no place for it. */
bool mps_launcher_absolute(const char *file, char ret[PATH_MAX]);

/* The help of one subcommand, or of all (""), on stdout; false if there is no such subcommand. */
bool mps_launcher_help(const char *command);

#define MPS_NO_AGENT "no agent of yours runs in this network namespace"

/*
 * The words to all agents of this user, or to one (NULL: all), as a request op of
 * handover/message.h; an exit code. `what`: the subcommand, for complaints.
 */
int mps_launcher_tell(int op, const char *agent, const char *what, int argc, char **argv);
