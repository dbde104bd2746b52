/* SPDX-License-Identifier: MIT */
/* Command line of `mptcpshim run`. */
#pragma once
#include <limits.h>
#include "handover/config.h"

struct mps_run_options {
    char words[MPS_HO_OPTIONS_MAX]; /* for MPS_ENV_OPTIONS; "" if none was given */
    char **program;                 /* PROGRAM and its arguments, NULL-terminated */
};

/* 0, or an exit code after a complaint. argv[0] is the subcommand. */
int mps_run_options_parse(int argc, char **argv, struct mps_run_options *ret);
