/* SPDX-License-Identifier: MIT */
#include "appwatch.h"

#include <sys/epoll.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"

#define BATCH 64

static void try_again(struct mps_appwatch *watch)
{
    if (ev_is_active(&watch->retry))
        return;
    ev_timer_set(&watch->retry, MPS_SOCK_RETRY_S, 0.);
    ev_timer_start(watch->loop, &watch->retry);
}

static void on_epoll(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_appwatch *watch = io->data;
    struct epoll_event events[BATCH];
    int n = epoll_wait(watch->epfd, events, BATCH, 0);

    if (revents & EV_ERROR) {
        watch->unwatched = true;
        try_again(watch);
    }
    for (int i = 0; i < n; i++) {
        struct mps_appwatch_entry *entry = events[i].data.ptr;

        entry->event(entry, events[i].events);
    }
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_appwatch *watch = timer->data;

    if (watch->unwatched) {
        watch->unwatched = false;
        mps_rewatch(loop, &watch->io);
    }
    while (!mps_list_empty(&watch->starved)) {
        struct mps_appwatch_entry *entry =
            mps_list_entry(watch->starved.next, struct mps_appwatch_entry, starved_link);

        mps_list_remove(&entry->starved_link);
        entry->event(entry, 0);
    }
}

int mps_appwatch_init(struct mps_appwatch *watch, struct ev_loop *loop)
{
    watch->loop = loop;
    watch->unwatched = false;
    mps_list_init(&watch->starved);
    ev_timer_init(&watch->retry, on_retry, MPS_SOCK_RETRY_S, 0.);
    watch->retry.data = watch;
    watch->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epfd < 0)
        return MPS_ESYS;
    ev_io_init(&watch->io, on_epoll, watch->epfd, EV_READ);
    watch->io.data = watch;
    ev_io_start(loop, &watch->io);
    return 0;
}

void mps_appwatch_deinit(struct mps_appwatch *watch)
{
    if (watch->epfd < 0)
        return;
    ev_io_stop(watch->loop, &watch->io);
    ev_timer_stop(watch->loop, &watch->retry);
    close(watch->epfd);
    watch->epfd = -1;
}

static bool set(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd, int op,
                uint32_t extra)
{
    struct epoll_event ev = {
        .events = EPOLLIN | EPOLLRDHUP | EPOLLET | extra,
        .data.ptr = entry,
    };

    return epoll_ctl(watch->epfd, op, fd, &ev) == 0;
}

bool mps_appwatch_add(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd,
                      void (*event)(struct mps_appwatch_entry *entry, uint32_t bits))
{
    entry->event = event;
    return set(watch, entry, fd, EPOLL_CTL_ADD, 0);
}

bool mps_appwatch_room(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd,
                       bool wanted)
{
    return set(watch, entry, fd, EPOLL_CTL_MOD, wanted ? EPOLLOUT : 0);
}

void mps_appwatch_starve(struct mps_appwatch *watch, struct mps_appwatch_entry *entry)
{
    if (mps_list_empty(&entry->starved_link))
        mps_list_push_back(&watch->starved, &entry->starved_link);
    try_again(watch);
}

void mps_appwatch_remove(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd)
{
    (void)epoll_ctl(watch->epfd, EPOLL_CTL_DEL, fd, NULL);
    mps_appwatch_forget(entry);
}

void mps_appwatch_forget(struct mps_appwatch_entry *entry)
{
    mps_list_remove(&entry->starved_link);
}
