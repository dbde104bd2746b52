/* SPDX-License-Identifier: MIT */
/*
 * Which listening TCP sockets exist: a NETLINK_SOCK_DIAG dump, or /proc/net where that is refused.
 * Nothing else tells that the last reference to an application's listener went away, since the
 * agent must not hold one itself.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct mps_lswatch_id {
    uint32_t inode;
    uint64_t cookie; /* SO_COOKIE; inodes are reused, cookies are not */
    uint16_t port;   /* host order */
};

/* The identity of a listening socket that we hold right now. 0 or MPS_ESYS. */
int mps_lswatch_identify(int fd, struct mps_lswatch_id *ret);

#define MPS_LSWATCH_MAX 256

/*
 * ret_alive[i] tells whether ids[i] still listens. 0, or MPS_ESYS when the kernel did not answer
 * (then nothing is known and nothing is written). MPS_ELIMIT: n > MPS_LSWATCH_MAX.
 */
int mps_lswatch_check(const struct mps_lswatch_id *ids, unsigned n, bool *ret_alive);
