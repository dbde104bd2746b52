/* SPDX-License-Identifier: MIT */
/* Command line of `mptcpshim run`. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include "handover/config.h"

struct mps_run_options {
    char words[MPS_HO_OPTIONS_MAX]; /* for MPS_ENV_OPTIONS; "" if none was given */
    const char *config;             /* --config, NULL if not given */
    char **program;                 /* PROGRAM and its arguments, NULL-terminated */
};

/* 0, or an exit code after a complaint. argv[0] is the subcommand. */
int mps_run_options_parse(int argc, char **argv, struct mps_run_options *ret);

/* Is the word, without a '=' and what is behind it, an option of `run`? Each has a value. */
bool mps_run_options_know(const char *word);

/* Append "key=value"; false if it does not fit or has blanks, which separate the words. */
bool mps_run_options_add(struct mps_run_options *options, const char *key, const char *value);
