/* SPDX-License-Identifier: MIT */
/*
 * Fresh connections of the join listeners: each gets a short time to show a whole JOIN for a
 * connection we have. Anything else is refused or reset. The number waiting is bounded; when the
 * places are taken, the oldest of the largest crowd leaves (core/base/crowd.h).
 *
 * The greeter watches them by an epoll of its own. The loop's epoll forgets a descriptor only when
 * it is closed (libev leaves it at that), and these descriptors go on to other threads, which close
 * them.
 */
#pragma once
#include <ev.h>
#include "core/base/list.h"
#include "core/wire/opening.h"

#define MPS_GREETER_MAX       64
#define MPS_GREETER_TIMEOUT_S 3.0

struct mps_greeter {
    struct ev_loop *loop;
    ev_io io; /* of the epoll */
    int epfd;
    struct mps_list waiting;
    unsigned n_waiting;
    /* Takes the descriptor, whatever becomes of it. */
    void (*join)(struct mps_greeter *self, int fd, const struct mps_opening *join);
    void *user;
};

/* Without an epoll (no descriptor left) everybody is turned away. */
void mps_greeter_init(struct mps_greeter *self, struct ev_loop *loop,
                      void (*join)(struct mps_greeter *self, int fd,
                                   const struct mps_opening *join),
                      void *user);
void mps_greeter_deinit(struct mps_greeter *self);

/* Takes the descriptor. */
void mps_greeter_add(struct mps_greeter *self, int fd);
