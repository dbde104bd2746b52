/* SPDX-License-Identifier: MIT */
/*
 * What systemd.unit(5) reads of a service: its file and the drop-ins, in the order of systemd; of
 * these the section [Service]. No manager need run. What is in a file is the administrator's.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct mps_unit_place {
    const char *root; /* "": this system */
    bool user;        /* services of a user's manager */
};

struct mps_unit {
    char name[256];      /* with ".service" */
    char file[PATH_MAX]; /* "": there is none */
    size_t n;
    struct mps_unit_entry {
        char *key, *value;
    } * entry;
    bool failed; /* out of memory */
};

/* Where `mptcpshim enable` writes: a drop-in that administrators may read, and no package has. */
#define MPS_UNIT_DROP_IN "50-mptcpshim.conf"

/* The name with ".service"; false if no service can have it. */
bool mps_unit_name(const char *word, char ret[256]);

/* The directory of the drop-in; false if it is too long, or nobody's home is known. */
bool mps_unit_drop_in_dir(const struct mps_unit_place *place, const char *name, char ret[PATH_MAX]);

/* All but MPS_UNIT_DROP_IN. False if there is no such unit; free it in any case. */
bool mps_unit_read(const struct mps_unit_place *place, const char *name, struct mps_unit *ret);
void mps_unit_free(struct mps_unit *unit);

/* The value that counts, of a key that has one; NULL if it is not set. */
const char *mps_unit_value(const struct mps_unit *unit, const char *key);

/*
 * The i-th of a key that is a list: an empty value makes it empty. NULL behind the last.
 */
const char *mps_unit_item(const struct mps_unit *unit, const char *key, size_t i);

/* A word of a list whose values are words, in any of the items? */
bool mps_unit_lists(const struct mps_unit *unit, const char *key, const char *word);

/* As systemd reads a boolean; false if it is not set. */
bool mps_unit_says_yes(const struct mps_unit *unit, const char *key);
