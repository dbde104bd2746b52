/* SPDX-License-Identifier: MIT */
/*
 * What can be set, one row each: mptcpshim.conf(5). From the row come the parsers of files and of
 * words (options.h), the default, what an error says is allowed, the options of `mptcpshim run`
 * with their help, and the completion of shells; tests/lint/documented.sh compares the pages with
 * it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "settings.h"

#define MPS_SECTION_PATH "path"

/* Which structure a value is kept in. */
enum mps_key_place {
    MPS_KEY_OPTIONS, /* struct mps_options */
    MPS_KEY_POLICY,  /* struct mps_policy: what files say only */
    MPS_KEY_RULE,    /* struct mps_path_rule: of a section of paths */
};

struct mps_kind; /* kinds.h: what sort of value it is */

struct mps_key {
    const char *section; /* of a file; NULL: in none */
    const char *name;
    const char *word;    /* what it is called among the words, NULL: not there */
    const char *option;  /* of `run --NAME`: what its help calls the value; NULL: no such option */
    const char *help;    /* of that option, in one line */
    const char *initial; /* the default, as in a file; NULL: zero, which stands for something */
    bool live;           /* `mptcpshim set` changes it in a running connection (manage.c) */
    const struct mps_kind *kind;
    enum mps_key_place place;
    size_t at, size; /* in that structure */
    /* Numbers: of what they are, "" for plain ones, bounds, and what one of them is in memory. */
    const char *of; /* lists, too: of what kind the elements are */
    unsigned long min, max, unit;
    const char *const *words; /* choices: by their values from 0, then NULL */
    size_t count_at;          /* lists: their number of elements, and at most how many */
    unsigned limit;
};

/* NULL behind the last one. */
const struct mps_key *mps_key_at(unsigned i);
const struct mps_key *mps_key_find(const char *section, const char *name);
const struct mps_key *mps_key_of_word(const char *word);

/* Is there a section of that name? */
bool mps_key_section(const char *section);

/* What its value may be, for people; `ret` is a text afterwards, cut where it does not fit. */
#define MPS_KEY_ALLOWED 160
void mps_key_allowed(const struct mps_key *key, char ret[MPS_KEY_ALLOWED]);

/* The i-th of the words that its value may be, NULL behind the last, and where it may be others. */
const char *mps_key_choice(const struct mps_key *key, unsigned i);

/*
 * One value, of a list one element, in the structure of the key's place. NULL or why not; nothing
 * has changed then. The text may be changed.
 */
const char *mps_key_set(const struct mps_key *key, void *structure, char *value);

bool mps_key_is_list(const struct mps_key *key);
/* For a list: nothing is in it. */
void mps_key_clear(const struct mps_key *key, void *structure);

/*
 * The rule for [path NAME], made if it is new. NULL or why not.
 */
const char *mps_key_path_rule(struct mps_policy *policy, const char *name,
                              struct mps_path_rule **ret);
