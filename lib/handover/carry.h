/* SPDX-License-Identifier: MIT */
/* What a program has set on its TCP socket goes with it to the end that takes its place. */
#pragma once
#include <fcntl.h>
#include <stddef.h>

#define MPS_CARRY_OPTIONS 12
#define MPS_CARRY_VALUE   16 /* bytes: an int, a struct linger or a struct timeval */

/*
 * Options of SOL_SOCKET that the kernel follows at an AF_UNIX socket, who gets SIGIO and SIGURG,
 * and O_NONBLOCK and O_ASYNC.
 */
struct mps_carry {
    struct {
        int name;
        unsigned len;
        unsigned char value[MPS_CARRY_VALUE];
    } option[MPS_CARRY_OPTIONS];
    size_t n_options;
    struct f_owner_ex owner; /* pid 0: nobody */
    int signal_number;       /* 0: the usual one */
    int status_flags;        /* -1: not known */
};

/*
 * What `from` has. To be taken before the hand-over: the agent sets its own options on the socket.
 */
void mps_carry_take(struct mps_carry *ret, int from);

/* Set it on `to`. Both are async-signal-safe; errno may change. */
void mps_carry_give(const struct mps_carry *carry, int to);
