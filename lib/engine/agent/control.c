/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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

#define BACKLOG 1024

/* A request up to its secret. */
#define HEAD_LEN (offsetof(struct mps_ho_request, secret) + MPS_HO_SECRET_LEN)

/* A client has one request at a time; while that is answered it is not read from, nor freed. */
struct client {
    struct mps_list link;
    struct mps_control *ctl;
    int fd;
    bool gives; /* it brings a connection, whose end `fd` becomes if that is taken */
    bool late;  /* it is waited for in the set of late givers */
    ev_io io;
    ev_timer silence; /* runs until there is a request */
    struct ucred cred;
    struct mps_job job;
};

/*
 * A giver whose request is not there yet. Its descriptor is going to another thread, which may
 * close it: by then the loop has to have forgotten it, and libev forgets a descriptor when it
 * likes. So late givers are in a set of their own, which is told at once.
 */
static bool wait_for_giver(struct client *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->late = c->late || epoll_ctl(c->ctl->late_fd, EPOLL_CTL_ADD, c->fd, &event) == 0;
    return c->late;
}

static void wait_no_more(struct client *c)
{
    ev_timer_stop(c->ctl->hub->loop, &c->silence);
    ev_io_stop(c->ctl->hub->loop, &c->io);
    if (c->late && epoll_ctl(c->ctl->late_fd, EPOLL_CTL_DEL, c->fd, NULL) < 0)
        mps_log("control: a descriptor is not forgotten: %s", strerror(errno));
    c->late = false;
}

static void client_free(struct client *c)
{
    wait_no_more(c);
    if (c->fd >= 0)
        close(c->fd);
    mps_list_remove(&c->link);
    c->ctl->n_clients--;
    free(c);
}

/* ---- who may say what ---- */

static bool is_owner(const struct client *c)
{
    return c->cred.uid == c->ctl->uid || c->cred.uid == 0;
}

static bool is_of_programs(uint16_t op)
{
    switch (op) {
    case MPS_HO_STATUS:
    case MPS_HO_MONITOR:
    case MPS_HO_PATHS:
    case MPS_HO_PATH:
    case MPS_HO_CONN_SET:
        return false;
    default:
        return true;
    }
}

static void send_away(struct client *c)
{
    mps_visitors_refuse(&c->ctl->visitors, c->cred.uid, ev_now(c->ctl->hub->loop));
    client_free(c);
}

enum word { UNSAID, LEFT, WRONG, RIGHT };

/* What comes with the request stays in the socket. */
static enum word look_at_secret(const struct client *c)
{
    struct mps_ho_request req;
    ssize_t n = recv(c->fd, &req, HEAD_LEN, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && mps_sock_would_block(errno))
        return UNSAID;
    if (n <= 0)
        return LEFT;
    if (n == (ssize_t)HEAD_LEN && req.magic == MPS_HO_MAGIC && req.version == MPS_HO_VERSION &&
        CRYPTO_memcmp(req.secret, c->ctl->secret, MPS_HO_SECRET_LEN) == 0)
        return RIGHT;
    return WRONG;
}

/* ---- those that say nothing ---- */

static bool is_silent(const struct client *c)
{
    return ev_is_active(&c->silence);
}

static void on_silence(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct client *c = timer->data;

    if (is_owner(c))
        client_free(c);
    else
        send_away(c);
}

enum same { PROCESS, USER, ANY };

static bool is_same(const struct client *a, const struct client *b, enum same what)
{
    return what == ANY ||
           (a->cred.uid == b->cred.uid && (what == USER || a->cred.pid == b->cred.pid));
}

/* No more than `most` of them: the first one makes room. */
static void bound(struct client *newcomer, enum same what, unsigned most)
{
    struct client *c, *first = NULL;
    unsigned n = 0;

    mps_list_for_each(c, &newcomer->ctl->clients, struct client, link) {
        if (!is_silent(c) || !is_same(c, newcomer, what))
            continue;
        if (!first && c != newcomer)
            first = c;
        n++;
    }
    if (n > most && first)
        client_free(first);
}

static void become_silent(struct client *c)
{
    if (is_silent(c))
        return;
    ev_timer_start(c->ctl->hub->loop, &c->silence);
    bound(c, PROCESS, MPS_CONTROL_SILENT_PROCESS);
    bound(c, USER, MPS_CONTROL_SILENT_USER);
    bound(c, ANY, MPS_CONTROL_SILENT);
}

/* ---- requests ---- */

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

/* The last byte of a hand-over stays unread (connection/app.h). */
static size_t request_len(const struct client *c)
{
    return sizeof(c->job.req) - (c->gives ? 1 : 0);
}

/* A whole request of the kind that comes this way. */
static bool is_sound(const struct client *c, ssize_t n)
{
    const struct mps_ho_request *req = &c->job.req;

    return n == (ssize_t)request_len(c) && req->magic == MPS_HO_MAGIC &&
           req->version == MPS_HO_VERSION && mps_ho_hands_over(req->op) == c->gives &&
           req->len <= (c->gives ? MPS_HO_WORDS_MAX : MPS_HO_DATA_MAX);
}

/* What the other users' clients may not ask for is answered, so that they know. */
static void deny(struct client *c)
{
    mps_dispatch_fail(&c->job.req, &c->job.d, EPERM);
    (void)reply(&c->job);
    client_free(c);
}

static void wait_for_request(struct client *c, int revents)
{
    if (c->gives && !wait_for_giver(c)) {
        client_free(c); /* no memory: who gives a connection keeps it */
        return;
    }
    if (!c->gives && revents & EV_ERROR)
        mps_rewatch_soon(c->ctl->hub->loop, &c->io);
    else if (!c->gives)
        ev_io_start(c->ctl->hub->loop, &c->io);
    become_silent(c);
}

static void take_request(struct client *c, ssize_t n, int fd)
{
    struct mps_ho_request *req = &c->job.req;

    if (!is_sound(c, n) || (fd >= 0 && is_withdrawn(c, req))) {
        if (n > 0)
            mps_log("control: request refused");
        if (fd >= 0)
            close(fd);
        client_free(c);
        return;
    }
    wait_no_more(c);
    c->job.d = (struct mps_dispatch){
        .fd = fd, .end = c->gives ? c->fd : -1, .reply_fd = -1, .pid = c->cred.pid};
    if (!is_owner(c) && !is_of_programs(req->op)) {
        deny(c);
        return;
    }
    look_for_program(c->ctl, &c->cred, req->op);
    mps_job_start(&c->job, c->ctl->hub);
}

static void on_request(struct ev_loop *loop, ev_io *io, int revents)
{
    struct client *c = io->data;
    enum word secret = is_owner(c) ? RIGHT : look_at_secret(c);
    int fd = -1;
    ssize_t n;

    if (secret == WRONG) {
        mps_log("control: user %u is a stranger", (unsigned)c->cred.uid);
        send_away(c);
        return;
    }
    if (secret == LEFT) {
        client_free(c);
        return;
    }
    if (secret == UNSAID) {
        wait_for_request(c, revents);
        return;
    }
    c->job = (struct mps_job){.reply = reply, .replied = replied, .done = done};
    n = mps_ho_packet_receive(c->fd, &c->job.req, request_len(c), MSG_DONTWAIT, &fd);
    if (n < 0 && mps_sock_would_block(errno)) {
        wait_for_request(c, revents);
        return;
    }
    if (!is_owner(c))
        mps_visitors_prove(&c->ctl->visitors, c->cred.uid);
    take_request(c, n, fd);
}

static void on_late(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_control *ctl = io->data;
    struct epoll_event events[16];
    int n = epoll_wait(ctl->late_fd, events, 16, 0);

    /* Each of them frees itself only. */
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;

        on_request(loop, &c->io, EV_READ);
    }
}

static void add(struct mps_control *ctl, int fd, bool gives)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct client *c = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
        !mps_visitors_is_refused(&ctl->visitors, cred.uid, ev_now(ctl->hub->loop)) &&
        ctl->n_clients < MPS_CONTROL_CLIENTS)
        c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return;
    }
    c->ctl = ctl;
    c->fd = fd;
    c->gives = gives;
    c->cred = cred;
    ev_timer_init(&c->silence, on_silence, MPS_CONTROL_SILENCE, 0.);
    c->silence.data = c;
    ev_io_init(&c->io, on_request, fd, EV_READ);
    c->io.data = c;
    mps_list_push_back(&ctl->clients, &c->link);
    ctl->n_clients++;
    ctl->n_given += gives;
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

/* By errno. */
static int no_name(struct mps_control *ctl)
{
    int rc = errno == EADDRINUSE ? MPS_CONTROL_TAKEN : MPS_ESYS;

    close(ctl->late_fd);
    ctl->late_fd = -1;
    return rc;
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
    ctl->late_fd = epoll_create1(EPOLL_CLOEXEC);
    if (ctl->late_fd < 0)
        return MPS_ESYS;
    /* Whoever can dial the first name can dial the second. */
    ends = listen_at(SOCK_STREAM, &un, len);
    if (ends < 0)
        return no_name(ctl);
    len = mps_ho_agent_name(hub->agent_id, &un);
    fd = listen_at(SOCK_SEQPACKET, &un, len);
    if (fd < 0) {
        int rc = no_name(ctl);

        close(ends);
        return rc;
    }
    ev_io_init(&ctl->late, on_late, ctl->late_fd, EV_READ);
    ctl->late.data = ctl;
    ev_io_start(hub->loop, &ctl->late);
    mps_acceptor_start(&ctl->acceptor, hub->loop, fd, add_client, ctl);
    mps_acceptor_start(&ctl->ends, hub->loop, ends, add_giver, ctl);
    return 0;
}

void mps_control_shut(struct mps_control *ctl)
{
    mps_acceptor_stop(&ctl->acceptor);
    mps_acceptor_stop(&ctl->ends);
}

void mps_control_deinit(struct mps_control *ctl)
{
    struct client *c, *tmp;

    mps_control_shut(ctl);
    if (ctl->late_fd < 0)
        return;
    mps_list_for_each_safe(c, tmp, &ctl->clients, struct client, link)
        client_free(c);
    ev_io_stop(ctl->hub->loop, &ctl->late);
    close(ctl->late_fd);
    ctl->late_fd = -1;
}
