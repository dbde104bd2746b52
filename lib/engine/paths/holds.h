/* SPDX-License-Identifier: MIT */
/*
 * Which tunnels a program holds: interfaces at whose other end it sits, with a descriptor of
 * /dev/net/tun, itself or in a process that it started. The connections that carry such a tunnel
 * must not use it as a path: what went into it would come back to be sent.
 */
#pragma once
#include <sys/types.h>
#include "netaddr.h"

#define MPS_HOLDS_MAX 16

struct mps_holds {
    unsigned n; /* further ones are not known */
    char tunnel[MPS_HOLDS_MAX][MPS_NETADDR_IFNAME];
};

/* What `pid` holds, by /proc. */
void mps_holds_find(pid_t pid, struct mps_holds *ret);
