/* SPDX-License-Identifier: MIT */
#include "acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/show/log.h"
#include "engine/agent/reserve.h"
#include "rewatch.h"

#define BATCH   32
#define PAUSE_S 0.1

static void on_pause(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_acceptor *a = timer->data;

    mps_reserve_fill();
    mps_rewatch(loop, &a->io);
}

static void pause_accepting(struct mps_acceptor *a)
{
    ev_io_stop(a->loop, &a->io);
    ev_timer_set(&a->pause, PAUSE_S, 0.);
    ev_timer_start(a->loop, &a->pause);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_acceptor *a = io->data;

    /* The loop could not watch it, for lack of memory. */
    if (revents & EV_ERROR)
        pause_accepting(a);
    for (unsigned i = 0; i < BATCH && a->fd >= 0; i++) {
        int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            mps_reserve_fill();
            a->refusing = false;
            a->accepted(a->user, fd);
        } else if ((errno == EMFILE || errno == ENFILE) && mps_reserve_refuse(a->fd)) {
            if (!a->refusing)
                mps_log("acceptor: no descriptor is left, newcomers are turned away");
            a->refusing = true;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            mps_log("acceptor: %s", strerror(errno));
            pause_accepting(a);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

void mps_acceptor_start(struct mps_acceptor *a, struct ev_loop *loop, int fd,
                        void (*accepted)(void *user, int fd), void *user)
{
    a->loop = loop;
    a->fd = fd;
    a->accepted = accepted;
    a->refusing = false;
    a->user = user;
    ev_timer_init(&a->pause, on_pause, PAUSE_S, 0.);
    a->pause.data = a;
    ev_io_init(&a->io, on_readable, fd, EV_READ);
    a->io.data = a;
    ev_io_start(loop, &a->io);
    mps_reserve_fill();
}

void mps_acceptor_stop(struct mps_acceptor *a)
{
    if (a->fd < 0)
        return;
    ev_io_stop(a->loop, &a->io);
    ev_timer_stop(a->loop, &a->pause);
    close(a->fd);
    a->fd = -1;
}
