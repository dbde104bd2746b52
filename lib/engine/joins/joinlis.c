/* SPDX-License-Identifier: MIT */
#include "joinlis.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "handover/marks.h"
#include "handover/message.h"
#include "engine/show/log.h"
#include "engine/net/sock.h"

#define BACKLOG 128

void mps_joinlis_init(struct mps_joinlis *self, struct ev_loop *loop,
                      void (*accepted)(struct mps_joinlis *self, int fd), void *user)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->accepted = accepted;
    self->user = user;
    self->acceptor.fd = -1;
    self->fd = -1;
    pthread_mutex_init(&self->lock, NULL);
}

void mps_joinlis_leave(struct mps_joinlis *self)
{
    mps_acceptor_stop(&self->acceptor);
    pthread_mutex_lock(&self->lock);
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    self->port = 0;
    self->left = true;
    pthread_mutex_unlock(&self->lock);
}

void mps_joinlis_deinit(struct mps_joinlis *self)
{
    mps_joinlis_leave(self);
    pthread_mutex_destroy(&self->lock);
}

static void on_accepted(void *user, int fd)
{
    struct mps_joinlis *self = user;

    self->accepted(self, fd);
}

static int open_one(enum mps_family family, uint16_t port)
{
    struct mps_addr addr = {.family = (uint8_t)family, .port = port};
    struct sockaddr_storage ss;
    socklen_t len = mps_sock_from_addr(&addr, &ss);
    int fd = mps_sock_tcp(family), err;

    if (fd < 0)
        return -1;
    mps_sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == MPS_AF_INET6)
        mps_sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (mps_marks_prepare_agent(fd, MPS_MARK_AGENT) < 0 ||
        bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0) {
        err = errno;
        mps_log("joinlis: port %u: %s", port, strerror(err));
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static int open_any_of(struct mps_ports wanted)
{
    for (uint32_t port = wanted.first; port <= wanted.last; port++) {
        int fd = open_one(MPS_AF_INET6, (uint16_t)port);

        if (fd < 0 && errno != EADDRINUSE)
            fd = open_one(MPS_AF_INET, (uint16_t)port); /* no IPv6 here */
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static void open_now(struct mps_joinlis *self, struct mps_ports wanted)
{
    static const struct mps_ports any = {0, 0};
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct mps_addr addr;
    int fd;

    fd = open_any_of(wanted);
    if (fd < 0 && wanted.first != 0)
        fd = open_any_of(any); /* all taken, by other agents for one */
    if (fd < 0)
        return;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0) {
        close(fd);
        return;
    }
    mps_sock_to_addr(&ss, &addr);
    self->port = addr.port;
    self->fd = fd;
    mps_log("joinlis: port %u", self->port);
}

uint16_t mps_joinlis_open(struct mps_joinlis *self, struct mps_ports wanted)
{
    uint16_t port;

    pthread_mutex_lock(&self->lock);
    if (self->port == 0 && !self->left)
        open_now(self, wanted);
    port = self->port;
    pthread_mutex_unlock(&self->lock);
    return port;
}

void mps_joinlis_watch(struct mps_joinlis *self)
{
    int fd;

    pthread_mutex_lock(&self->lock);
    fd = self->fd;
    self->fd = -1;
    pthread_mutex_unlock(&self->lock);
    if (fd >= 0)
        mps_acceptor_start(&self->acceptor, self->loop, fd, on_accepted, self);
}

uint16_t mps_joinlis_port(struct mps_joinlis *self, struct mps_ports wanted)
{
    uint16_t port = mps_joinlis_open(self, wanted);

    mps_joinlis_watch(self);
    return port;
}
