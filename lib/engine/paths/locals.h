/* SPDX-License-Identifier: MIT */
/*
 * Which local addresses a connection uses, and how: the host's (netaddr.h), as the files
 * (config/policy.h) and `mptcpshim path` (pathctl.h) want it, within what the program has bound.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "netaddr.h"

struct mps_appconn;
struct mps_engine;
struct mps_options;
struct mps_pathctl;

struct mps_locals_want {
    const struct mps_options *options;
    const struct mps_addr *own, *peer; /* of the first subflow */
    bool only_own;                     /* no other address */
    uint32_t ifindex;                  /* no other interface, 0: any */
    const struct mps_pathctl *paths;   /* what the program changed for it; NULL: nothing */
};

/* Select addresses, with their backup flags and weights. */
void mps_locals_select(const struct mps_engine *eng, const struct mps_locals_want *want,
                       struct mps_netaddr_list *ret);

/* The local addresses that a connection of the application uses. */
void mps_locals_of(const struct mps_appconn *ac, struct mps_netaddr_list *ret);

/*
 * The local addresses that connections to any peer use, loopback included: what `mptcpshim path
 * list` shows.
 */
void mps_locals_all(const struct mps_engine *eng, struct mps_netaddr_list *ret);
