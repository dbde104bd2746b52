/* SPDX-License-Identifier: MIT */
/* Kinds of values: how a text becomes one, and how what is allowed is told. */
#pragma once
#include "keys.h"

struct mps_kind {
    bool list;
    const char *(*set)(const struct mps_key *key, void *structure, char *value); /* mps_key_set */
    void (*allowed)(const struct mps_key *key, char *ret, size_t size);
    /* As mps_key_choice, NULL: any value. */
    const char *(*choice)(const struct mps_key *key, unsigned i);
};

extern const struct mps_kind mps_kind_number;    /* unsigned, uint64_t or mps_time_t */
extern const struct mps_kind mps_kind_flag;      /* bool: yes or no */
extern const struct mps_kind mps_kind_rule_flag; /* struct mps_rule_flag: the same, or not said */
extern const struct mps_kind mps_kind_choice;    /* an enum or bool: one of `words` */
extern const struct mps_kind mps_kind_scheduler; /* pointer to its ops */
extern const struct mps_kind mps_kind_pm;        /* the same */
extern const struct mps_kind mps_kind_file;      /* char[size]: an absolute name */
extern const struct mps_kind mps_kind_user;      /* char[size]: a name or number */
extern const struct mps_kind mps_kind_ports;     /* struct mps_ports */
extern const struct mps_kind mps_kind_addresses; /* lists: of struct mps_addr, */
extern const struct mps_kind mps_kind_prefixes;  /* of struct mps_prefix, */
extern const struct mps_kind mps_kind_names;     /* of char[MPS_POLICY_NAME_LEN + 1], */
extern const struct mps_kind mps_kind_port_list; /* of uint16_t in struct mps_port_list */
