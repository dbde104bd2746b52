/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/base/err.h"
#include "handover/listening.h"
#include "handover/message.h"
#include "handover/names.h"
#include "log.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"

struct monitor {
    struct mps_list link;
    struct mps_monitors *all;
    int fd;
    ev_io io;
    uint64_t lost; /* events since the last that fitted */
};

void mps_monitors_init(struct mps_monitors *self, struct ev_loop *loop)
{
    self->loop = loop;
    atomic_init(&self->n, 0);
    pthread_mutex_init(&self->lock, NULL);
    mps_list_init(&self->list);
}

static void monitor_free(struct monitor *m)
{
    ev_io_stop(m->all->loop, &m->io);
    pthread_mutex_lock(&m->all->lock);
    mps_list_remove(&m->link);
    m->all->n--;
    pthread_mutex_unlock(&m->all->lock);
    close(m->fd);
    free(m);
}

void mps_monitors_deinit(struct mps_monitors *self)
{
    struct monitor *m, *tmp;

    mps_list_for_each_safe(m, tmp, &self->list, struct monitor, link)
        monitor_free(m);
    pthread_mutex_destroy(&self->lock);
}

/* A monitor says nothing: it has gone. */
static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct monitor *m = io->data;
    char sink[16];
    ssize_t n = recv(m->fd, sink, sizeof(sink), MSG_DONTWAIT);

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    if (n == 0 || (n < 0 && !mps_sock_would_block(errno)))
        monitor_free(m);
}

int mps_monitors_add(struct mps_monitors *self, int fd)
{
    struct monitor *m;

    if (mps_sock_get_int(fd, SOL_SOCKET, SO_DOMAIN, -1) != AF_UNIX ||
        mps_sock_get_int(fd, SOL_SOCKET, SO_TYPE, -1) != SOCK_SEQPACKET)
        return MPS_EINVAL;
    if (self->n == MPS_MONITORS_MAX)
        return MPS_ELIMIT;
    m = calloc(1, sizeof(*m));
    if (!m)
        return MPS_ENOMEM;
    m->all = self;
    m->fd = fd;
    ev_io_init(&m->io, on_readable, fd, EV_READ);
    m->io.data = m;
    ev_io_start(self->loop, &m->io);
    pthread_mutex_lock(&self->lock);
    mps_list_push_back(&self->list, &m->link);
    self->n++;
    pthread_mutex_unlock(&self->lock);
    return 0;
}

void mps_monitor_send_one(int fd, struct json_object *event, uint64_t *lost)
{
    const char *text;
    ssize_t n;

    if (*lost > 0 && event)
        json_object_object_add(event, "lost", json_object_new_uint64(*lost));
    text = event ? json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN) : NULL;
    n = text ? send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
    if (*lost > 0 && event)
        json_object_object_del(event, "lost");
    /* The socket of a monitor that has gone is readable, and the loop frees it. */
    if (n >= 0)
        *lost = 0;
    else
        ++*lost;
}

bool mps_monitors_watching(const struct mps_monitors *self)
{
    return atomic_load_explicit(&self->n, memory_order_relaxed) > 0;
}

void mps_monitors_send(struct mps_monitors *self, struct json_object *event)
{
    struct monitor *m;

    pthread_mutex_lock(&self->lock);
    mps_list_for_each(m, &self->list, struct monitor, link)
        mps_monitor_send_one(m->fd, event, &m->lost);
    pthread_mutex_unlock(&self->lock);
    json_object_put(event);
}

/* ---- those that were there before us ---- */

static void dial(struct mps_monitors *self, const char *name)
{
    struct sockaddr_un un;
    socklen_t name_len = mps_ho_abstract_name(MPS_HO_MONITOR_PREFIX, name, &un);
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int fd;

    if (name_len == 0)
        return;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Anybody may take such a name; only this user and root may watch. */
    if (connect(fd, (struct sockaddr *)&un, name_len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
        (cred.uid != geteuid() && cred.uid != 0) || mps_monitors_add(self, fd) < 0) {
        mps_log("monitor: %s%s: not served", MPS_HO_MONITOR_PREFIX, name);
        close(fd);
    }
}

void mps_monitors_dial(struct mps_monitors *self)
{
    FILE *table = fopen("/proc/net/unix", "re");
    char *line = NULL;
    size_t size = 0;

    if (!table)
        return;
    while (getline(&line, &size, table) > 0) {
        const char *name = mps_ho_listening(line, MPS_HO_MONITOR_PREFIX);

        if (name)
            dial(self, name);
    }
    free(line);
    fclose(table);
}
