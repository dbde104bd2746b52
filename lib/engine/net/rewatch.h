/* SPDX-License-Identifier: MIT */
/*
 * Where epoll has no memory for one more descriptor, or the user watches too many, libev stops the
 * watcher and calls it with EV_ERROR. It counts the descriptor as watched all the same, so that
 * starting the watcher again is not enough: it has to be told that the descriptor is a new one.
 */
#pragma once
#include <ev.h>
#include <time.h>

static inline void mps_rewatch(struct ev_loop *loop, ev_io *io)
{
    int events = io->events & (EV_READ | EV_WRITE);

    ev_io_stop(loop, io);
    ev_io_set(io, io->fd, events);
    ev_io_start(loop, io);
}

/* The same for a watcher without a timer to try it again by. The lack may last: do not spin. */
static inline void mps_rewatch_soon(struct ev_loop *loop, ev_io *io)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    nanosleep(&pause, NULL);
    mps_rewatch(loop, io);
}
