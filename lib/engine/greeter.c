/* SPDX-License-Identifier: MIT */
#include "greeter.h"

#include <stdlib.h>
#include <string.h>
#include "core/err.h"
#include "log.h"
#include "peek.h"
#include "sock.h"

struct guest {
    struct mps_list link;
    struct mps_greeter *greeter;
    int fd; /* -1: passed on */
    ev_io io;
    ev_timer timer;
};

void mps_greeter_init(struct mps_greeter *self, struct ev_loop *loop,
                      void (*join)(struct mps_greeter *self, int fd, const struct mps_join *join),
                      void *user)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->join = join;
    self->user = user;
    mps_list_init(&self->waiting);
}

static void guest_free(struct guest *g)
{
    ev_io_stop(g->greeter->loop, &g->io);
    ev_timer_stop(g->greeter->loop, &g->timer);
    if (g->fd >= 0)
        mps_sock_reset(g->fd);
    mps_list_remove(&g->link);
    g->greeter->n_waiting--;
    free(g);
}

void mps_greeter_deinit(struct mps_greeter *self)
{
    struct guest *g, *tmp;

    mps_list_for_each_safe(g, tmp, &self->waiting, struct guest, link) guest_free(g);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    guest_free(timer->data);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct guest *g = io->data;
    struct mps_greeter *self = g->greeter;
    struct mps_opening msg;
    int fd = g->fd, rc = mps_peek_opening(fd, &msg);

    if (rc == MPS_OPENING_MORE)
        return;
    if (rc != 0 && rc != MPS_EVERSION) {
        mps_log("greeter: no opening message (%d)", rc);
        guest_free(g);
        return;
    }
    g->fd = -1;
    guest_free(g);
    if (rc == MPS_EVERSION)
        mps_peek_refuse(fd, MPS_REASON_VERSION);
    else if (msg.kind != MPS_OPENING_JOIN)
        mps_peek_refuse(fd, MPS_REASON_PROHIBITED);
    else
        self->join(self, fd, &msg.join);
}

void mps_greeter_add(struct mps_greeter *self, int fd)
{
    struct guest *g;

    /* The oldest goes: a flood must not lock out those who come after it. */
    if (self->n_waiting >= MPS_GREETER_MAX)
        guest_free(mps_list_entry(self->waiting.next, struct guest, link));
    g = calloc(1, sizeof(*g));
    if (!g) {
        mps_sock_reset(fd);
        return;
    }
    g->greeter = self;
    g->fd = fd;
    ev_io_init(&g->io, on_readable, fd, EV_READ);
    g->io.data = g;
    ev_io_start(self->loop, &g->io);
    ev_timer_init(&g->timer, on_timeout, MPS_GREETER_TIMEOUT_S, 0.);
    g->timer.data = g;
    ev_timer_start(self->loop, &g->timer);
    mps_list_push_back(&self->waiting, &g->link);
    self->n_waiting++;
}
