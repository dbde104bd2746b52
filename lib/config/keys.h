/* SPDX-License-Identifier: MIT */
/* The keys of a configuration file. */
#pragma once
#include <stdbool.h>
#include "settings.h"

#define MPS_SECTION_PATH "path"

struct mps_key {
    const char *section, *name;
    const char *allowed; /* what its value may be, for people */
    /*
     * One value, of a list one element; NULL or why not. `rule` is that of a path section. The text
     * may be changed.
     */
    const char *(*set)(struct mps_settings *settings, const struct mps_key *key,
                       struct mps_path_rule *rule, char *value);
    const char *option; /* its name among the options, or NULL */
    /* Lists: where in the settings, their number of elements there, and at most how many. */
    size_t at, count_at;
    unsigned max;
};

/* NULL behind the last one. */
const struct mps_key *mps_key_at(unsigned i);
const struct mps_key *mps_key_find(const char *section, const char *name);

/* For a list: nothing is in it. */
void mps_key_clear(struct mps_settings *settings, const struct mps_key *key);

/* Is there a section of that name? */
bool mps_key_section(const char *section);

/* What the value of the option of that name may be (options.h); "" if there is no such option. */
const char *mps_key_option_allowed(const char *option);

/*
 * The rule for [path NAME], made if it is new. NULL or why not.
 */
const char *mps_key_path_rule(struct mps_policy *policy, const char *name,
                              struct mps_path_rule **ret);
