/* SPDX-License-Identifier: MIT */
/*
 * What the user changes while the agent runs (`mptcpshim path`): addresses used beside the files'
 * rules or against them, backup flags and weights. A change belongs to an address, on whatever
 * interface that is, and whether it is there or not.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "core/base/addr.h"

struct mps_netaddr_list;

#define MPS_PATHCTL_MAX 64

enum mps_path_use { MPS_PATH_AS_BEFORE, MPS_PATH_ADDED, MPS_PATH_DELETED };

struct mps_path_change {
    struct mps_addr addr;
    enum mps_path_use use;
    bool exact; /* ADDED by its address, not by its interface: even if another one stands for it */
    bool has_backup, backup;
    unsigned weight; /* 0: not said */
};

struct mps_pathctl {
    struct mps_path_change item[MPS_PATHCTL_MAX];
    unsigned n;
};

/* NULL: nothing was changed. */
const struct mps_path_change *mps_pathctl_find(const struct mps_pathctl *ctl,
                                               const struct mps_addr *addr);

/*
 * What holds for an address: what a program has changed for its connection (`own`, NULL: nothing)
 * goes before what the user has changed for all of them; but what the user has deleted is deleted.
 */
struct mps_path_change mps_pathctl_merged(const struct mps_pathctl *all,
                                          const struct mps_pathctl *own,
                                          const struct mps_addr *addr);

/*
 * "add|del|set ADDRESS|INTERFACE [backup=yes|no] [weight=N]", blanks between the words; `all` are
 * the host's addresses. NULL, or what is wrong: nothing was changed then. The text is changed.
 */
const char *mps_pathctl_command(struct mps_pathctl *ctl, const struct mps_netaddr_list *all,
                                char *text);
