/* SPDX-License-Identifier: MIT */
/*
 * Which listening TCP sockets exist: a NETLINK_SOCK_DIAG dump. Nothing else tells that the last
 * reference to an application's listener went away, since the agent must not hold one itself.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct mps_lswatch_id {
    uint32_t inode;
    uint64_t cookie; /* SO_COOKIE; inodes are reused, cookies are not */
    uint16_t port;   /* host order */
};

/*
 * Notifications of destroyed TCP sockets of this network namespace (SKNLGRP_INET_TCP_DESTROY), as
 * a non-blocking descriptor; -1: the kernel gives none. They make the watch quick, not complete.
 */
int mps_lswatch_open(void);

/*
 * The next destroyed socket's cookie. 0; MPS_LSWATCH_NONE when there is no more now;
 * MPS_LSWATCH_LOST: some were lost.
 */
#define MPS_LSWATCH_NONE 1
#define MPS_LSWATCH_LOST 2
int mps_lswatch_next(int fd, uint64_t *ret_cookie);

/* Of a listening socket we hold right now. 0 or MPS_ESYS. */
int mps_lswatch_identify(int fd, struct mps_lswatch_id *ret);

#define MPS_LSWATCH_MAX 256

/*
 * ret_alive[i] tells whether ids[i] still listens. 0, or MPS_ESYS when the kernel did not answer
 * (then nothing is known and nothing is written). MPS_ELIMIT: n > MPS_LSWATCH_MAX.
 */
int mps_lswatch_check(const struct mps_lswatch_id *ids, unsigned n, bool *ret_alive);
