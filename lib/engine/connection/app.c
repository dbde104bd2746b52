/* SPDX-License-Identifier: MIT */
#include "app.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/show/log.h"
#include "engine/net/pipe.h"
#include "engine/net/sock.h"

static void on_event(struct mps_appwatch_entry *entry, uint32_t bits)
{
    struct mps_app *app = mps_container_of(entry, struct mps_app, entry);

    app->changed = true;
    if (bits & EPOLLERR)
        app->err = true;
    if (bits & (EPOLLHUP | EPOLLERR))
        app->hup = true;
    if (bits & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))
        app->eof = true;
    app->ready(app);
}

static void set_buffer(int fd, size_t size)
{
    /* Beyond the system's limit with privilege, up to it without. */
    if (!mps_sock_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)size))
        mps_sock_set_int(fd, SOL_SOCKET, SO_SNDBUF, (int)size);
}

int mps_app_open(struct mps_app *app, struct mps_appwatch *watch,
                 void (*ready)(struct mps_app *app), int fd, size_t buffer, size_t own_buffer)
{
    memset(app, 0, sizeof(*app));
    mps_list_init(&app->entry.starved_link);
    set_buffer(fd, own_buffer);
    mps_sock_set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    app->watch = watch;
    app->ready = ready;
    app->fd = fd;
    app->buffer = 2 * buffer;
    app->ahead = app->queued = 1; /* the byte that is no data */
    app->changed = true;
    if (mps_appwatch_add(watch, &app->entry, fd, on_event))
        return 0;
    app->fd = -1;
    return MPS_ESYS;
}

void mps_app_release(struct mps_app *app)
{
    mps_appwatch_remove(app->watch, &app->entry, app->fd);
    app->fd = -1;
}

bool mps_app_closed_early(const struct mps_app *app)
{
    return app->hup && !app->fin_sent;
}

static int nothing_left(struct mps_app *app)
{
    if (app->err)
        return MPS_APP_RESET;
    return app->eof ? MPS_APP_EOF : 0;
}

void mps_app_desert(struct mps_app *app)
{
    if (app->fd < 0)
        return;
    app->deserted = app->changed = true;
}

/* It has nothing more to say. Bytes that it has not read make a reset, as with TCP's close. */
static void take_as_closed(struct mps_app *app)
{
    int unread = 0;

    app->hup = app->eof = true;
    app->err |= ioctl(app->fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}

/* Consume what was forwarded before and n bytes more into p; -1 with errno. */
static ssize_t consume(struct mps_app *app, uint8_t *p, size_t n)
{
    uint8_t skipped;
    struct iovec iov[2] = {{&skipped, app->ahead}, {p, n}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    size_t ahead = app->ahead;
    ssize_t got = recvmsg(app->fd, &msg, MSG_DONTWAIT);

    if (got <= 0)
        return -1;
    app->queued -= (size_t)got;
    app->ahead = 0;
    return got - (ssize_t)ahead;
}

/* An error of a call that reads: 0 to try again later, or MPS_ESYS. */
static int failure(struct mps_app *app)
{
    /* There are bytes, so that none now is a lack, too; no event would tell of them again. */
    if (!mps_sock_would_block(errno) && !mps_sock_is_lack(errno))
        return MPS_ESYS;
    mps_appwatch_starve(app->watch, &app->entry);
    app->changed = true;
    return 0;
}

/* How many new bytes are there? 0: none, as of the last event. */
static int look(struct mps_app *app, size_t *ret_avail)
{
    int queued = 0;

    if (app->queued <= app->ahead && app->changed) {
        /* Whatever comes after this makes another event. */
        app->changed = false;
        if (ioctl(app->fd, FIONREAD, &queued) < 0) {
            /* Who only asks whether there is something to read leaves the error to who reads. */
            app->changed = true;
            *ret_avail = 0;
            return failure(app);
        }
        app->queued = (size_t)queued;
    }
    *ret_avail = app->queued > app->ahead ? app->queued - app->ahead : 0;
    return 0;
}

bool mps_app_readable(struct mps_app *app)
{
    size_t avail;

    return app->fd < 0 || app->eof || app->err || app->deserted || look(app, &avail) < 0 ||
           avail > 0;
}

/* All of the `avail` bytes: the last one is forwarded and stays. */
static int read_all(struct mps_app *app, uint8_t *p, size_t avail, size_t *ret_n)
{
    ssize_t n = 0;

    if (app->ahead + avail > 1 && (n = consume(app, p, avail - 1)) < 0)
        return failure(app) == 0 ? 0 : MPS_APP_RESET;
    *ret_n = (size_t)n;
    if (app->queued > 1)
        return 0; /* the kernel gave less; the rest comes with the next read */
    app->urgent = mps_sock_at_urgent(app->fd);
    if (recv(app->fd, p + n, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        app->urgent = false;
        return failure(app) == 0 ? 0 : MPS_APP_RESET;
    }
    app->ahead = 1;
    *ret_n = (size_t)n + 1;
    return 0;
}

/* Less than all. */
static int read_some(struct mps_app *app, uint8_t *p, size_t len, size_t *ret_n)
{
    ssize_t n = consume(app, p, len);

    if (n < 0)
        return failure(app) == 0 ? 0 : MPS_APP_RESET;
    *ret_n = (size_t)n;
    return 0;
}

/* ---- bytes that stay in the queue ---- */

/* Take n forwarded bytes out of the queue; one byte stays in any case. */
static void let_go(struct mps_app *app, size_t n)
{
    uint8_t sink[16384];

    if (n >= app->queued)
        n = app->queued - 1;
    while (n > 0) {
        ssize_t got = recv(app->fd, sink, n < sizeof(sink) ? n : sizeof(sink), MSG_DONTWAIT);

        if (got <= 0)
            return;
        n -= (size_t)got;
        app->ahead -= (size_t)got;
        app->queued -= (size_t)got;
    }
}

void mps_app_keep(struct mps_app *app, uint64_t n)
{
    size_t surplus = app->ahead > n ? app->ahead - (size_t)n : 0;

    if (app->fd < 0 || !app->keeps || app->ahead <= 1 || surplus == 0)
        return;
    /* A call for each acknowledgment would cost more than it gives. */
    if (n == 0 || surplus >= app->buffer / 128)
        let_go(app, surplus);
}

/* An urgent byte is in the queue: what is ahead of it has to go, or its mark is not seen. */
static bool has_urgent(const struct mps_app *app)
{
    struct pollfd p = {.fd = app->fd, .events = POLLPRI};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLPRI);
}

static bool set_peek_offset(int fd, int offset)
{
    return mps_sock_set_int(fd, SOL_SOCKET, SO_PEEK_OFF, offset);
}

/*
 * Bytes behind those forwarded, which stay. There were `avail` before the look for an urgent one,
 * so it is not among them.
 */
static int peek(struct mps_app *app, uint8_t *p, size_t len, size_t avail, size_t *ret_n)
{
    struct iovec iov = {p, len < avail ? len : avail};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;
    int err;

    if (!set_peek_offset(app->fd, (int)app->ahead))
        return failure(app) == 0 ? 0 : MPS_APP_RESET;
    n = recvmsg(app->fd, &msg, MSG_PEEK | MSG_DONTWAIT);
    err = errno;
    /* Another peek would give other bytes than it is meant to. */
    if (!set_peek_offset(app->fd, -1))
        return MPS_APP_RESET;
    errno = err;
    if (n < 0)
        return failure(app) == 0 ? 0 : MPS_APP_RESET;
    app->ahead += (size_t)n;
    *ret_n = (size_t)n;
    return 0;
}

int mps_app_read(struct mps_app *app, uint8_t *p, size_t len, size_t *ret_n)
{
    /* Taken before the look at the queue: bytes written before a FIN are in it by then. */
    int rc = nothing_left(app);
    size_t avail;

    *ret_n = 0;
    app->urgent = false;
    if (app->fd < 0)
        return MPS_APP_EOF;
    if (look(app, &avail) < 0)
        return MPS_APP_RESET;
    /* It could not be looked at: what was said of the end is not yet true. */
    if (avail == 0 && app->changed)
        return 0;
    if (avail == 0 && app->deserted && !app->hup) {
        take_as_closed(app);
        rc = nothing_left(app);
    }
    if (avail == 0)
        return rc;
    if (len == 0)
        return 0;
    if (app->keeps && !has_urgent(app))
        return peek(app, p, len, avail, ret_n);
    if (app->ahead > 1)
        let_go(app, app->ahead - 1);
    if (app->ahead > 1)
        return 0;
    rc = 0;
    /* Twice: if the mark is behind what is ahead, the first time gives nothing. */
    for (unsigned i = 0; i < 2 && rc == 0 && *ret_n == 0; i++) {
        app->urgent = avail > 1 && app->ahead == 0 && mps_sock_at_urgent(app->fd);
        if (app->urgent)
            len = 1;
        rc = len < avail ? read_some(app, p, len, ret_n) : read_all(app, p, avail, ret_n);
    }
    return rc;
}

static size_t total(const struct mps_span *spans, unsigned n)
{
    size_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += spans[i].n;
    return sum;
}

static void set_blocked(struct mps_app *app, bool blocked)
{
    if (app->blocked == blocked)
        return;
    app->blocked = blocked;
    if (!mps_appwatch_room(app->watch, &app->entry, app->fd, blocked)) {
        /* Nobody tells us of room then: we look again. */
        app->blocked = false;
        mps_appwatch_starve(app->watch, &app->entry);
    }
}

/* It closed, and the event that says so is still to come. */
static bool has_closed(struct mps_app *app)
{
    struct pollfd p = {.fd = app->fd};

    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLHUP))
        return false;
    app->hup = app->eof = app->changed = true;
    app->err |= (p.revents & POLLERR) != 0;
    return true;
}

/* What mps_app_write returns then. */
static size_t write_failed(struct mps_app *app, int err, size_t want)
{
    if (err == EINTR || mps_sock_is_lack(err)) {
        mps_appwatch_starve(app->watch, &app->entry);
        return 0;
    }
    if (has_closed(app))
        return 0;
    if (err == EPIPE) {
        app->deaf = true;
        return want;
    }
    mps_log("app: write: %s", strerror(err));
    app->failed = true;
    return 0;
}

size_t mps_app_write(struct mps_app *app, const struct mps_span *spans, unsigned n)
{
    size_t want = total(spans, n);
    ssize_t sent;

    if (app->fd < 0 || app->deaf || want == 0)
        return want;
    if (n > MPS_SOCK_IOV_MAX)
        n = MPS_SOCK_IOV_MAX;
    sent = mps_sock_writev(app->fd, spans, n);
    if (sent < 0 && (errno == EINTR || !mps_sock_would_block(errno)))
        return write_failed(app, errno, want);
    if (sent < 0)
        sent = 0;
    set_blocked(app, (size_t)sent < total(spans, n));
    return (size_t)sent;
}

size_t mps_app_take(struct mps_app *app, const struct mps_pipe *pipe, size_t n)
{
    if (app->fd < 0 || app->deaf || app->hup || app->blocked)
        return 0;
    /* Nobody shares this end: the program has the other one. */
    if (!app->nonblocking)
        app->nonblocking = mps_sock_set_nonblocking(app->fd);
    return app->nonblocking ? mps_pipe_drain(pipe, app->fd, n) : 0;
}

size_t mps_app_write_urgent(struct mps_app *app, const uint8_t *byte)
{
    const struct mps_span span = {.p = (uint8_t *)byte, .n = 1};

    if (app->fd < 0 || app->deaf)
        return 1;
    if (send(app->fd, byte, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
        set_blocked(app, false);
        return 1;
    }
    if (mps_sock_would_block(errno)) {
        set_blocked(app, true);
        return 0;
    }
    /* A kernel without urgent data takes it as any other byte; other errors repeat themselves. */
    return mps_app_write(app, &span, 1);
}

void mps_app_fin(struct mps_app *app)
{
    if (app->fd < 0 || app->fin_sent)
        return;
    app->fin_sent = true;
    shutdown(app->fd, SHUT_WR);
}

void mps_app_close(struct mps_app *app)
{
    uint8_t sink[4096];
    ssize_t n;

    if (app->fd < 0)
        return;
    /* Nothing unread may stay behind, or an application that is still there would see a reset.
     * It may be even with `hup`: both sides' FINs show as that as well. */
    do {
        n = recv(app->fd, sink, sizeof(sink), MSG_DONTWAIT);
    } while (n == (ssize_t)sizeof(sink));
    mps_appwatch_forget(&app->entry);
    close(app->fd);
    app->fd = -1;
}

void mps_app_reset(struct mps_app *app)
{
    if (app->fd < 0)
        return;
    mps_appwatch_forget(&app->entry);
    close(app->fd);
    app->fd = -1;
}
