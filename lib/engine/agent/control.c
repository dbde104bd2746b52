/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/base/err.h"
#include "hub.h"
#include "job.h"
#include "handover/names.h"
#include "handover/packet.h"
#include "engine/show/log.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"

#define BACKLOG 128

/* A client has one request at a time; while that is answered it is not read from, nor freed. */
struct client {
    struct mps_list link;
    struct mps_control *ctl;
    int fd;
    bool gives; /* it brings a connection, whose end `fd` becomes if that is taken */
    ev_io io;
    struct ucred cred;
    struct mps_job job;
};

static void client_free(struct client *c)
{
    ev_io_stop(c->ctl->hub->loop, &c->io);
    if (c->fd >= 0)
        close(c->fd);
    mps_list_remove(&c->link);
    c->ctl->n_clients--;
    free(c);
}

static bool authorised(const struct client *c, const struct mps_ho_request *req)
{
    return c->cred.uid == c->ctl->uid || c->cred.uid == 0 ||
           CRYPTO_memcmp(req->secret, c->ctl->secret, MPS_HO_SECRET_LEN) == 0;
}

/* To be looked at is not to be used: handover/spawn.h. */
static void look_for_program(struct mps_control *ctl, const struct ucred *cred, uint16_t op)
{
    uid_t (*first)(void *user, const struct ucred *cred) = ctl->first;

    if (!first || (op != MPS_HO_CONNECTED && op != MPS_HO_ACCEPTED && op != MPS_HO_LISTEN))
        return;
    ctl->first = NULL;
    ctl->uid = first(ctl->first_user, cred);
}

void mps_control_await_program(struct mps_control *ctl,
                               uid_t (*first)(void *user, const struct ucred *cred), void *user)
{
    ctl->first = first;
    ctl->first_user = user;
}

/* In the thread that made the reply. */
static bool reply(struct mps_job *job)
{
    struct client *c = mps_container_of(job, struct client, job);
    size_t len = c->gives ? MPS_HO_HEAD_LEN : sizeof(job->d.reply);

    return mps_ho_packet_send(c->fd, &job->d.reply, len, MSG_DONTWAIT, job->d.reply_fd) ==
           (ssize_t)len;
}

static void replied(struct mps_job *job)
{
    struct client *c = mps_container_of(job, struct client, job);

    if (!c->gives)
        (void)shutdown(c->fd, SHUT_RDWR); /* ENOTCONN: the client has gone */
}

/* One request each: the client has what it wanted, or has gone. */
static void done(struct mps_job *job, bool ok)
{
    struct client *c = mps_container_of(job, struct client, job);

    if (c->gives && job->d.end < 0)
        c->fd = -1; /* the session's, which may have closed it */
    client_free(c);
}

/*
 * The client has withdrawn its request, or is gone: nobody would get what comes of a descriptor. A
 * monitor may be gone from here, since it watches its own end of the descriptor rather than for the
 * reply. Who gives a connection that is not taken back otherwise does not get the reply.
 */
static bool is_withdrawn(const struct client *c, const struct mps_ho_request *req)
{
    char byte;

    return !c->gives && req->op != MPS_HO_MONITOR &&
           recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A whole request of the kind that comes this way. */
static bool is_sound(const struct client *c, const struct mps_ho_request *req, ssize_t n)
{
    const size_t len = sizeof(*req) - (c->gives ? 1 : 0);

    return n == (ssize_t)len && req->magic == MPS_HO_MAGIC && req->version == MPS_HO_VERSION &&
           mps_ho_hands_over(req->op) == c->gives &&
           req->len <= (c->gives ? MPS_HO_WORDS_MAX : MPS_HO_DATA_MAX);
}

static void on_request(struct ev_loop *loop, ev_io *io, int revents)
{
    struct client *c = io->data;
    struct mps_ho_request *req = &c->job.req;
    ssize_t n;
    int fd;

    c->job = (struct mps_job){.reply = reply, .replied = replied, .done = done};
    n = mps_ho_packet_receive(c->fd, req, sizeof(*req) - (c->gives ? 1 : 0), MSG_DONTWAIT, &fd);
    if (n < 0 && mps_sock_would_block(errno)) {
        if (revents & EV_ERROR)
            mps_rewatch_soon(loop, io);
        else
            ev_io_start(loop, io);
        return;
    }
    if (!is_sound(c, req, n) || !authorised(c, req) || (fd >= 0 && is_withdrawn(c, req))) {
        if (n > 0)
            mps_log("control: request refused");
        if (fd >= 0)
            close(fd);
        client_free(c);
        return;
    }
    look_for_program(c->ctl, &c->cred, req->op);
    c->job.d = (struct mps_dispatch){
        .fd = fd, .end = c->gives ? c->fd : -1, .reply_fd = -1, .pid = c->cred.pid};
    ev_io_stop(loop, io);
    mps_job_start(&c->job, c->ctl->hub);
}

static void add(struct mps_control *ctl, int fd, bool gives)
{
    struct client *c = ctl->n_clients < MPS_CONTROL_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
    socklen_t len = sizeof(struct ucred);

    if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->cred, &len) < 0) {
        free(c);
        close(fd);
        return;
    }
    c->ctl = ctl;
    c->fd = fd;
    c->gives = gives;
    ev_io_init(&c->io, on_request, fd, EV_READ);
    c->io.data = c;
    mps_list_push_back(&ctl->clients, &c->link);
    ctl->n_clients++;
    /* The request has mostly come by now. */
    on_request(ctl->hub->loop, &c->io, EV_READ);
}

static void add_client(void *user, int fd)
{
    add(user, fd, false);
}

static void add_giver(void *user, int fd)
{
    add(user, fd, true);
}

/* A socket that listens, or -1 with errno. */
static int listen_at(int type, const struct sockaddr_un *un, socklen_t len)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)un, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

int mps_control_init(struct mps_control *ctl, struct mps_hub *hub,
                     const uint8_t secret[MPS_HO_SECRET_LEN])
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_end_name(hub->agent_id, &un);
    int fd, ends;

    memset(ctl, 0, sizeof(*ctl));
    ctl->hub = hub;
    ctl->uid = geteuid();
    memcpy(ctl->secret, secret, MPS_HO_SECRET_LEN);
    mps_list_init(&ctl->clients);
    ctl->acceptor.fd = ctl->ends.fd = -1;
    /* Whoever can dial the first name can dial the second. */
    ends = listen_at(SOCK_STREAM, &un, len);
    if (ends < 0)
        return errno == EADDRINUSE ? MPS_CONTROL_TAKEN : MPS_ESYS;
    len = mps_ho_agent_name(hub->agent_id, &un);
    fd = listen_at(SOCK_SEQPACKET, &un, len);
    if (fd < 0) {
        int err = errno;

        close(ends);
        return err == EADDRINUSE ? MPS_CONTROL_TAKEN : MPS_ESYS;
    }
    mps_acceptor_start(&ctl->acceptor, hub->loop, fd, add_client, ctl);
    mps_acceptor_start(&ctl->ends, hub->loop, ends, add_giver, ctl);
    return 0;
}

void mps_control_deinit(struct mps_control *ctl)
{
    struct client *c, *tmp;

    if (ctl->acceptor.fd < 0)
        return;
    mps_list_for_each_safe(c, tmp, &ctl->clients, struct client, link)
        client_free(c);
    mps_acceptor_stop(&ctl->acceptor);
    mps_acceptor_stop(&ctl->ends);
}
