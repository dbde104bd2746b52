/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "rewatch.h"
#include "sock.h"

#define READ_BATCH 16

struct lingerer {
    struct mps_list link;
    struct mps_linger *linger;
    int fd;
    ev_io io;
    ev_timer timer;
};

void mps_linger_init(struct mps_linger *self, struct ev_loop *loop)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    mps_list_init(&self->waiting);
}

static void lingerer_free(struct lingerer *l)
{
    ev_io_stop(l->linger->loop, &l->io);
    ev_timer_stop(l->linger->loop, &l->timer);
    mps_sock_close(l->fd);
    mps_list_remove(&l->link);
    l->linger->n_waiting--;
    free(l);
}

void mps_linger_deinit(struct mps_linger *self)
{
    struct lingerer *l, *tmp;

    mps_list_for_each_safe(l, tmp, &self->waiting, struct lingerer, link)
        lingerer_free(l);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    lingerer_free(timer->data);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct lingerer *l = io->data;
    uint8_t sink[16384];

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    for (unsigned i = 0; i < READ_BATCH; i++) {
        ssize_t n = recv(l->fd, sink, sizeof(sink), MSG_DONTWAIT);

        if (n < 0 && mps_sock_would_block(errno))
            return;
        if (n <= 0) {
            lingerer_free(l);
            return;
        }
    }
}

void mps_linger_add(struct mps_linger *self, int fd)
{
    struct lingerer *l;

    if (shutdown(fd, SHUT_WR) < 0 || self->n_waiting >= MPS_LINGER_MAX ||
        !(l = calloc(1, sizeof(*l)))) {
        mps_sock_close(fd);
        return;
    }
    l->linger = self;
    l->fd = fd;
    ev_io_init(&l->io, on_readable, fd, EV_READ);
    l->io.data = l;
    ev_io_start(self->loop, &l->io);
    ev_timer_init(&l->timer, on_timeout, MPS_LINGER_TIMEOUT_S, 0.);
    l->timer.data = l;
    ev_timer_start(self->loop, &l->timer);
    mps_list_push_back(&self->waiting, &l->link);
    self->n_waiting++;
}
