/* SPDX-License-Identifier: MIT */
/* All that a file can say, and the files: mptcpshim.conf(5). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "options.h"
#include "policy.h"

struct mps_settings {
    struct mps_options options;
    struct mps_policy policy;
};

void mps_settings_init(struct mps_settings *settings);

/* One thing that is wrong. The strings live as long as the call of `bad`; "" where nothing fits. */
struct mps_settings_error {
    const char *file;
    unsigned line; /* from 1; 0: the file as a whole */
    const char *section, *key, *value;
    const char *why;
    const char *allowed;
};

/* "FILE:LINE: KEY = VALUE: why; allowed: ..." */
void mps_settings_error_text(const struct mps_settings_error *error, char *ret, size_t size);

struct mps_settings_report {
    void (*bad)(void *user, const struct mps_settings_error *error); /* NULL: nobody is told */
    void *user;
    unsigned n_bad; /* counted here */
};

#define MPS_SETTINGS_FILE_MAX 65536 /* bytes; no more is read */

/*
 * Take the text of a file called `name`. Lines that are wrong are reported and left out; the others
 * count.
 */
void mps_settings_read_text(struct mps_settings *settings, const char *name, const char *text,
                            size_t len, struct mps_settings_report *report);

/*
 * The same with a file. False if it cannot be read, which is reported; unless it does not exist and
 * `optional`.
 */
bool mps_settings_read_file(struct mps_settings *settings, const char *name, bool optional,
                            struct mps_settings_report *report);

/* Which files count. A name of NULL is none. */
struct mps_settings_files {
    const char *only; /* instead of the others */
    const char *system, *user;
};

void mps_settings_read(struct mps_settings *settings, const struct mps_settings_files *files,
                       struct mps_settings_report *report);

/*
 * The user's file by the environment's values (NULL: not set), XDG_CONFIG_HOME before HOME. False
 * if there is none, or no place for its name.
 */
bool mps_settings_user_file(const char *xdg, const char *home, char *ret, size_t size);
