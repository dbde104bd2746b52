/* SPDX-License-Identifier: MIT */
/*
 * The configuration files that the agent is going to read, read here first: to say what is wrong.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include "config/settings.h"
#include "options.h"

/* By the environment and --config (NULL: not given). */
struct mps_chosen_files {
    char only[PATH_MAX]; /* "": the others count */
    char user[PATH_MAX]; /* "": none */
    bool user_by_xdg;    /* not where HOME says */
    struct mps_settings_files files;
};

/* False after a complaint. */
bool mps_launcher_choose(const char *config, struct mps_chosen_files *ret);

/*
 * Complain of what is wrong in them, and add to the words what the agent and the preloaded library
 * need of them; whether `program` is to be left alone is said, too. 0, or an exit code after a
 * complaint.
 */
int mps_launcher_configure(struct mps_run_options *options);
