/* SPDX-License-Identifier: MIT */
/*
 * A listening descriptor on the loop. While the process is out of descriptors, connections that
 * come are turned away (reserve.h). If that cannot be done either, or if memory is missing, the
 * acceptor pauses for a moment: the connection that waits keeps the listener readable, and the loop
 * would spin.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>

struct mps_acceptor {
    struct ev_loop *loop;
    int fd; /* -1: closed */
    ev_io io;
    ev_timer pause;
    bool refusing;                        /* the last one was turned away */
    void (*accepted)(void *user, int fd); /* takes the descriptor: non-blocking, close-on-exec */
    void *user;
};

/* Takes the listening descriptor. */
void mps_acceptor_start(struct mps_acceptor *a, struct ev_loop *loop, int fd,
                        void (*accepted)(void *user, int fd), void *user);
/* Closes it; harmless when fd is -1. */
void mps_acceptor_stop(struct mps_acceptor *a);
