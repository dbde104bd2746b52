/* SPDX-License-Identifier: MIT */
/*
 * Path managers: which pairs of addresses should have a subflow. A manager sees the addresses and
 * the pairs in use as plain values and names the next pair to open.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/base/time.h"
#include "pm_list.h"

struct mps_pm_local {
    struct mps_addr addr;
    uint32_t ifindex;
    bool backup;
    unsigned subflows; /* in use from it, opening ones included */
    unsigned fails;    /* of attempts from it, since one of them worked for a while */
};

struct mps_pm_remote {
    struct mps_addr addr; /* with port */
    uint8_t way;          /* the same for those of one interface of the peer, 0: unknown */
    unsigned subflows;
};

struct mps_pm_input {
    const struct mps_pm_local *locals;
    unsigned n_locals;
    const struct mps_pm_remote *remotes; /* [0] is the peer's address of the first subflow */
    unsigned n_remotes;
    /* May pair (l, r) be tried now? False: a subflow exists, or its retry back-off runs. */
    bool (*may_try)(const void *user, unsigned l, unsigned r);
    /* How many attempts over pair (l, r) failed, if it never worked; otherwise 0. */
    unsigned (*in_vain)(const void *user, unsigned l, unsigned r);
    const void *user;
    unsigned n_subflows, max_subflows;
};

struct mps_pm_ops {
    const char *name;
    /* Positive: *ret_l, *ret_r name the pair to open. 0: nothing to do. */
    int (*next)(const struct mps_pm_input *in, unsigned *ret_l, unsigned *ret_r);
};

/* By name; NULL if unknown. "pairs" is the default: every local and every remote address used. */
const struct mps_pm_ops *mps_pm_find(const char *name);
const struct mps_pm_ops *mps_pm_at(unsigned i);

#define MPS_PATH_MANAGER_OPS(name) extern const struct mps_pm_ops mps_pm_##name;
MPS_PATH_MANAGERS(MPS_PATH_MANAGER_OPS)
