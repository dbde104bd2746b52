/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "core/base/mem.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"
#include "json.h"
#include "monitor.h"

struct mps_watcher {
    struct mps_watcher *next, **list;
    struct ev_loop *loop;
    const struct mps_mem *mem;
    int fd;
    ev_io io;      /* its end */
    ev_io room;    /* active while events are lost that it does not know of */
    uint64_t lost; /* such events */
};

static void watcher_free(struct mps_watcher *w)
{
    struct mps_watcher **at = w->list;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    ev_io_stop(w->loop, &w->io);
    ev_io_stop(w->loop, &w->room);
    close(w->fd);
    mps_free(w->mem, w);
}

/* A watcher says nothing: it has gone. */
static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_watcher *w = io->data;
    char sink[16];
    ssize_t n = recv(w->fd, sink, sizeof(sink), MSG_DONTWAIT);

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    if (n == 0 || (n < 0 && !mps_sock_would_block(errno)))
        watcher_free(w);
}

static void note_loss(struct mps_watcher *w)
{
    if (w->lost > 0)
        ev_io_start(w->loop, &w->room);
    else
        ev_io_stop(w->loop, &w->room);
}

/* It has read: it learns that it has not read all. */
static void on_room(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_watcher *w = io->data;
    const uint64_t lost = w->lost;
    struct json_object *event = json_object_new_object();

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    mps_json_put(event, "event", json_object_new_string("lost"));
    event = mps_json_whole(event);
    mps_monitor_send_one(w->fd, event, &w->lost);
    json_object_put(event);
    if (w->lost > 0)
        w->lost = lost; /* this one is not missed */
    note_loss(w);
}

int mps_watcher_add(struct mps_watcher **list, struct ev_loop *loop, const struct mps_mem *mem,
                    int fd, struct mps_watcher **ret)
{
    struct mps_watcher *w = *list;
    unsigned n = 0;

    if (mps_sock_get_int(fd, SOL_SOCKET, SO_DOMAIN, -1) != AF_UNIX ||
        mps_sock_get_int(fd, SOL_SOCKET, SO_TYPE, -1) != SOCK_SEQPACKET)
        return MPS_EINVAL;
    for (; w; w = w->next)
        n++;
    if (n == MPS_WATCHERS_MAX)
        return MPS_ELIMIT;
    w = mps_alloc(mem, sizeof(*w));
    if (!w)
        return MPS_ENOMEM;
    w->mem = mem;
    w->loop = loop;
    w->fd = fd;
    w->list = list;
    w->next = *list;
    *list = w;
    ev_io_init(&w->io, on_readable, fd, EV_READ);
    ev_io_init(&w->room, on_room, fd, EV_WRITE);
    w->io.data = w->room.data = w;
    ev_io_start(loop, &w->io);
    *ret = w;
    return 0;
}

void mps_watcher_send(struct mps_watcher *w, struct json_object *event)
{
    mps_monitor_send_one(w->fd, event, &w->lost);
    note_loss(w);
}

void mps_watchers_send(struct mps_watcher *list, struct json_object *event)
{
    for (; list; list = list->next)
        mps_watcher_send(list, event);
}

void mps_watchers_free(struct mps_watcher **list)
{
    while (*list)
        watcher_free(*list);
}
