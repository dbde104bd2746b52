/* SPDX-License-Identifier: MIT */
#include "greeter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "core/base/crowd.h"
#include "core/base/err.h"
#include "engine/agent/clock.h"
#include "engine/show/log.h"
#include "engine/net/peek.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"

#define BATCH 16

struct guest {
    struct mps_list link;
    struct mps_greeter *greeter;
    int fd;
    struct mps_crowd_guest who;
    ev_timer timer;
};

static void on_epoll(struct ev_loop *loop, ev_io *io, int revents);

void mps_greeter_init(struct mps_greeter *self, struct ev_loop *loop,
                      void (*join)(struct mps_greeter *self, int fd,
                                   const struct mps_opening *join),
                      void *user)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->join = join;
    self->user = user;
    mps_list_init(&self->waiting);
    self->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epfd < 0)
        return;
    ev_io_init(&self->io, on_epoll, self->epfd, EV_READ);
    self->io.data = self;
    ev_io_start(loop, &self->io);
}

/* No longer watched; the descriptor is the caller's. */
static int guest_release(struct guest *g)
{
    int fd = g->fd;

    epoll_ctl(g->greeter->epfd, EPOLL_CTL_DEL, fd, NULL);
    ev_timer_stop(g->greeter->loop, &g->timer);
    mps_list_remove(&g->link);
    g->greeter->n_waiting--;
    free(g);
    return fd;
}

static void guest_free(struct guest *g)
{
    mps_sock_reset(guest_release(g));
}

void mps_greeter_deinit(struct mps_greeter *self)
{
    struct guest *g, *tmp;

    mps_list_for_each_safe(g, tmp, &self->waiting, struct guest, link)
        guest_free(g);
    if (self->epfd < 0)
        return;
    ev_io_stop(self->loop, &self->io);
    close(self->epfd);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    guest_free(timer->data);
}

static void on_readable(struct guest *g)
{
    struct mps_greeter *self = g->greeter;
    struct mps_opening msg;
    size_t have;
    int fd, rc = mps_peek_opening(g->fd, &msg, &have);

    if (rc == MPS_OPENING_MORE)
        return;
    if (rc != 0 && rc != MPS_EVERSION) {
        mps_log("greeter: no opening message (%d)", rc);
        guest_free(g);
        return;
    }
    fd = guest_release(g);
    if (rc == MPS_EVERSION)
        mps_peek_refuse(fd, MPS_REASON_VERSION);
    else if (msg.kind != MPS_OPENING_JOIN)
        mps_peek_refuse(fd, MPS_REASON_PROHIBITED);
    else
        self->join(self, fd, &msg);
}

static void on_epoll(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_greeter *self = io->data;
    struct epoll_event events[BATCH];
    int n = epoll_wait(self->epfd, events, BATCH, 0);

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    /* Each guest is in it once, and nothing here ends another one. */
    for (int i = 0; i < n; i++)
        on_readable(events[i].data.ptr);
}

static bool watch(struct mps_greeter *self, int fd, struct guest *g)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = g};

    return epoll_ctl(self->epfd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* A flood must not lock out those who come after it, nor those who come beside it. */
static void make_place(struct mps_greeter *self, const struct mps_crowd_guest *who)
{
    struct mps_crowd_guest crowd[MPS_GREETER_MAX];
    struct guest *g, *guests[MPS_GREETER_MAX];
    unsigned n = 0, victim;

    mps_list_for_each(g, &self->waiting, struct guest, link) {
        guests[n] = g;
        crowd[n++] = g->who;
    }
    victim = mps_crowd_yields(crowd, n, &who->from, who->since);
    if (victim < n)
        guest_free(guests[victim]);
}

void mps_greeter_add(struct mps_greeter *self, int fd)
{
    struct mps_crowd_guest who = {.since = mps_clock_now()};
    struct sockaddr_storage local, peer;
    struct guest *g;

    if (mps_sock_names(fd, &local, &peer) < 0) {
        mps_sock_reset(fd);
        return;
    }
    mps_sock_to_addr(&peer, &who.from);
    if (self->n_waiting >= MPS_GREETER_MAX)
        make_place(self, &who);
    g = calloc(1, sizeof(*g));
    if (!g || !watch(self, fd, g)) {
        free(g);
        mps_sock_reset(fd);
        return;
    }
    g->greeter = self;
    g->fd = fd;
    g->who = who;
    ev_timer_init(&g->timer, on_timeout, MPS_GREETER_TIMEOUT_S, 0.);
    g->timer.data = g;
    ev_timer_start(self->loop, &g->timer);
    mps_list_push_back(&self->waiting, &g->link);
    self->n_waiting++;
}
