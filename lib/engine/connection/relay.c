/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "app.h"
#include "engine/agent/clock.h"
#include "engine/net/connector.h"
#include "core/base/constants.h"
#include "core/base/err.h"
#include "engine/agent/engine.h"
#include "engine/show/log.h"
#include "half.h"
#include "engine/net/peek.h"
#include "engine/net/rewatch.h"
#include "engine/net/sock.h"

#define RUN_STEPS 8

/*
 * While the first bytes are missing and TCP repairs it: up to 3 s in all, as long as a client
 * waits.
 */
#define HOLD_AGAIN_S 0.2
#define HOLD_AGAIN   15u

/* How long a part of an opening message keeps what follows from the program. A client that sent it
 * has given up by then and will not send the rest: it waits half as long for the answer. */
#define REST_WAIT (2 * MPS_DEFAULT_HELLO)

struct mps_relay {
    struct mps_engine *eng;
    struct mps_account *account;
    struct mps_app *app;
    int fd;
    ev_io io;
    ev_timer hold_timer;
    ev_timer retry;      /* active: short of memory */
    unsigned hold_again; /* so often it may be prolonged */
    ev_timer rest_timer; /* runs since a part of an opening message came */
    bool connecting, guard, hold;
    bool rest_missing;         /* and has ended */
    bool unwatched;            /* the loop could not watch the socket: rewatch.h */
    bool owned;                /* no program has the socket any more */
    bool broken;               /* TCP was reset; what came before is still for the application */
    struct mps_half up, down;  /* application to peer, peer to application */
    struct mps_opening *hello; /* NULL: none has come */
    void (*wake)(void *user);
    void *user;
};

/* Results of the steps below. */
enum step {
    STEP_IDLE,  /* nothing to do now */
    STEP_MOVED, /* bytes went */
    STEP_RESET,
    STEP_HELLO,
};

/* Nothing is watched until then, since all of it would be ready, and fail again. */
static enum step wait_for_memory(struct mps_relay *r)
{
    if (!ev_is_active(&r->retry))
        ev_timer_set(&r->retry, MPS_SOCK_RETRY_S, 0.);
    ev_timer_start(r->eng->loop, &r->retry);
    return STEP_IDLE;
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_relay *r = io->data;

    /* The run that follows asks for what it needs then; until it does, nothing is watched. */
    ev_io_stop(loop, io);
    if (revents & EV_ERROR) {
        r->unwatched = true;
        wait_for_memory(r);
        return;
    }
    r->wake(r->user);
}

static void on_hold(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_relay *r = timer->data;

    /* The bytes behind HELLO have come: TCP is repairing the loss of HELLO. */
    if (r->hold_again > 0 && mps_sock_had_hole(r->fd)) {
        r->hold_again--;
        ev_timer_set(timer, HOLD_AGAIN_S, 0.);
        ev_timer_start(loop, timer);
        return;
    }
    r->hold = false;
    r->wake(r->user);
}

/* A retry: lack of memory ends nothing. */
static void on_retry(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_relay *r = timer->data;

    r->wake(r->user);
}

static void on_rest(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_relay *r = timer->data;

    r->rest_missing = true;
    r->wake(r->user);
}

void mps_relay_own(struct mps_relay *r)
{
    r->owned = true;
    if (!r->up.fin)
        mps_sock_set_abortive(r->fd, true);
}

/* The first bytes are for the application, and all others. */
static void take_over(struct mps_relay *r)
{
    mps_sock_set_int(r->fd, SOL_SOCKET, SO_OOBINLINE, 1);
    mps_relay_own(r);
}

struct mps_relay *mps_relay_new(struct mps_engine *eng, struct mps_account *account,
                                struct mps_app *app, int fd, bool connecting, bool guard,
                                mps_time_t hold, void (*wake)(void *user), void *user)
{
    struct mps_relay *r = mps_alloc(&account->mem, sizeof(*r));

    if (!r)
        return NULL;
    r->eng = eng;
    r->account = account;
    r->app = app;
    r->fd = fd;
    r->connecting = connecting;
    r->guard = guard;
    if (!guard)
        take_over(r);
    r->hold = guard && hold > 0;
    r->hold_again = HOLD_AGAIN;
    r->wake = wake;
    r->user = user;
    ev_io_init(&r->io, on_io, fd, connecting ? EV_WRITE : EV_READ);
    r->io.data = r;
    ev_io_start(eng->loop, &r->io);
    ev_timer_init(&r->hold_timer, on_hold, (double)hold / (double)MPS_SEC, 0.);
    r->hold_timer.data = r;
    ev_timer_init(&r->retry, on_retry, MPS_SOCK_RETRY_S, 0.);
    r->retry.data = r;
    ev_timer_init(&r->rest_timer, on_rest, (double)REST_WAIT / (double)MPS_SEC, 0.);
    r->rest_timer.data = r;
    if (r->hold)
        ev_timer_start(eng->loop, &r->hold_timer);
    return r;
}

static void detach(struct mps_relay *r)
{
    ev_io_stop(r->eng->loop, &r->io);
    ev_timer_stop(r->eng->loop, &r->hold_timer);
    ev_timer_stop(r->eng->loop, &r->retry);
    ev_timer_stop(r->eng->loop, &r->rest_timer);
}

struct mps_relay *mps_relay_free(struct mps_relay *r)
{
    if (!r)
        return NULL;
    detach(r);
    if (r->fd >= 0)
        mps_sock_reset(r->fd);
    mps_half_deinit(&r->up, r->account);
    mps_half_deinit(&r->down, r->account);
    free(r->hello);
    mps_free(&r->account->mem, r);
    return NULL;
}

int mps_relay_replay(struct mps_relay *r, const uint8_t *p, size_t n)
{
    return mps_half_append(&r->up, r->account, p, n);
}

/* Both ends die as a reset does. */
static enum mps_relay_verdict reset_both(struct mps_relay *r)
{
    detach(r);
    if (r->fd >= 0)
        mps_sock_reset(r->fd);
    r->fd = -1;
    mps_app_reset(r->app);
    return MPS_RELAY_RESET;
}

static enum mps_relay_verdict close_both(struct mps_relay *r)
{
    detach(r);
    if (r->fd >= 0)
        mps_sock_close(r->fd);
    r->fd = -1;
    mps_app_close(r->app);
    return MPS_RELAY_OVER;
}

static enum step up_write(struct mps_relay *r)
{
    struct mps_half *h = &r->up;
    bool urgent;
    ssize_t n;

    if (!mps_half_is_empty(h)) {
        size_t len = mps_half_next(h, &urgent);

        n = send(r->fd, h->buf + h->at, len, MSG_DONTWAIT | MSG_NOSIGNAL | (urgent ? MSG_OOB : 0));
        if (n < 0 && mps_sock_would_block(errno))
            return STEP_IDLE;
        if (n < 0 && mps_sock_is_lack(errno))
            return wait_for_memory(r);
        if (n < 0) {
            r->broken = true;
            h->at = h->len;
            return STEP_MOVED;
        }
        mps_half_passed(h, (size_t)n, mps_clock_now());
        return STEP_MOVED;
    }
    if (h->eof && !h->fin) {
        h->fin = true;
        /* From here on the rest is the kernel's business. */
        mps_sock_set_abortive(r->fd, false);
        shutdown(r->fd, SHUT_WR);
    }
    return STEP_IDLE;
}

static enum step up(struct mps_relay *r, bool linger_abort)
{
    struct mps_half *h = &r->up;
    size_t n = 0;
    int rc;

    if (r->hold || r->broken)
        return STEP_IDLE;
    if (mps_half_is_empty(h) && !h->eof) {
        if (!mps_half_reserve(h, r->account))
            return wait_for_memory(r);
        rc = mps_app_read(r->app, h->buf, h->cap, &n);
        if (rc == MPS_APP_RESET ||
            (rc == MPS_APP_EOF && linger_abort && mps_app_closed_early(r->app)))
            return STEP_RESET;
        h->eof = rc == MPS_APP_EOF;
        h->len = n;
        h->urgent = n > 0 && r->app->urgent;
    }
    return up_write(r);
}

static enum step become_plain(struct mps_relay *r)
{
    mps_log("relay: the peer does not speak first as a shim: plain");
    ev_timer_stop(r->eng->loop, &r->rest_timer);
    r->guard = r->hold = false;
    take_over(r);
    return STEP_MOVED;
}

/* A part of a message, or nothing yet. Behind a whole magic nothing is a program's. */
static enum step await_rest(struct mps_relay *r, size_t have)
{
    if (ev_is_active(&r->rest_timer))
        return STEP_IDLE;
    if (have > 0 && !r->rest_missing)
        ev_timer_start(r->eng->loop, &r->rest_timer);
    if (!r->rest_missing)
        return STEP_IDLE;
    mps_peek_give_up(r->fd);
    return have < MPS_OPENING_MAGIC_LEN ? become_plain(r) : STEP_RESET;
}

/* The first bytes of an accepted connection. */
static enum step look(struct mps_relay *r)
{
    struct mps_opening msg;
    size_t have;
    int rc = mps_peek_opening(r->fd, &msg, &have);

    if (rc == MPS_OPENING_MORE)
        return await_rest(r, have);
    if (rc == MPS_PEEK_LACK)
        return wait_for_memory(r);
    if (rc == MPS_OPENING_FOREIGN || rc == MPS_PEEK_EOF)
        return become_plain(r);
    /* A shim that got raw bytes, or sent something broken, must come back plain. */
    if (rc != 0 || msg.kind != MPS_OPENING_HELLO || r->up.bytes > 0 || r->up.fin)
        return STEP_RESET;
    r->hello = malloc(sizeof(msg));
    if (!r->hello)
        return STEP_RESET;
    *r->hello = msg;
    return STEP_HELLO;
}

static enum step down_write(struct mps_relay *r)
{
    struct mps_half *h = &r->down;
    struct mps_span span;
    bool urgent;
    size_t n;

    if (mps_half_is_empty(h)) {
        if (h->eof && r->broken)
            return STEP_RESET;
        if (h->eof && !h->fin) {
            h->fin = true;
            mps_app_fin(r->app);
        }
        return STEP_IDLE;
    }
    /* There is a buffer only while there are bytes. */
    span = (struct mps_span){.p = h->buf + h->at, .n = mps_half_next(h, &urgent)};
    n = urgent ? mps_app_write_urgent(r->app, span.p) : mps_app_write(r->app, &span, 1);
    mps_half_passed(h, n, mps_clock_now());
    if (r->app->failed)
        return STEP_RESET;
    return n > 0 ? STEP_MOVED : STEP_IDLE;
}

static enum step down(struct mps_relay *r)
{
    struct mps_half *h = &r->down;
    bool urgent;
    ssize_t n;

    if (r->guard)
        return look(r);
    if (mps_half_is_empty(h) && !h->eof) {
        if (!mps_half_reserve(h, r->account))
            return wait_for_memory(r);
        urgent = mps_sock_at_urgent(r->fd);
        n = recv(r->fd, h->buf, urgent ? 1 : h->cap, MSG_DONTWAIT);
        if (n < 0 && mps_sock_is_lack(errno))
            return wait_for_memory(r);
        /* Behind a failed send there is an end, or what was read cannot be trusted to go on. */
        if (n < 0 && (r->broken || !mps_sock_would_block(errno)))
            return STEP_RESET;
        h->eof = n == 0;
        h->len = n > 0 ? (size_t)n : 0;
        h->urgent = n > 0 && urgent;
    }
    return down_write(r);
}

/* Empty buffers are given back, and the relay is sure of what it gets next. */
static void settle_memory(struct mps_relay *r)
{
    size_t held;

    mps_half_rest(&r->up, r->account);
    mps_half_rest(&r->down, r->account);
    held = r->up.cap + r->down.cap;
    mps_account_promise(r->account, held < MPS_SURE_BYTES ? MPS_SURE_BYTES - held : 0);
}

/* Watch exactly what would move something. */
static void arm(struct mps_relay *r)
{
    int events = 0;

    if (r->guard || (mps_half_is_empty(&r->down) && !r->down.eof))
        events |= EV_READ;
    if (!r->hold && !mps_half_is_empty(&r->up))
        events |= EV_WRITE;
    if (events == 0 || ev_is_active(&r->retry)) {
        ev_io_stop(r->eng->loop, &r->io);
        return;
    }
    if (ev_is_active(&r->io) && (r->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(r->eng->loop, &r->io);
    ev_io_modify(&r->io, events);
    if (r->unwatched)
        mps_rewatch(r->eng->loop, &r->io);
    else
        ev_io_start(r->eng->loop, &r->io);
    r->unwatched = false;
}

static enum step finish_connect(struct mps_relay *r)
{
    int rc = mps_connector_result(r->fd);

    if (rc == MPS_CONNECTOR_WAIT) {
        mps_rewatch(r->eng->loop, &r->io);
        return STEP_IDLE;
    }
    r->connecting = false;
    return rc < 0 ? STEP_RESET : STEP_MOVED;
}

enum mps_relay_verdict mps_relay_run(struct mps_relay *r, bool linger_abort, bool *ret_more)
{
    enum step a = STEP_IDLE, b = STEP_IDLE;

    *ret_more = false;
    if (r->connecting) {
        a = finish_connect(r);
        if (a == STEP_RESET)
            return reset_both(r);
        if (a == STEP_IDLE)
            return MPS_RELAY_GOES_ON;
    }
    for (unsigned i = 0; i < RUN_STEPS; i++) {
        b = down(r);
        if (b == STEP_HELLO)
            return MPS_RELAY_HELLO;
        a = up(r, linger_abort);
        if (a == STEP_RESET || b == STEP_RESET)
            return reset_both(r);
        if (r->up.fin && (r->down.fin || r->app->hup)) {
            /* Bytes the application did not stay for: TCP answers them with a reset. */
            if (!mps_half_is_empty(&r->down))
                return reset_both(r);
            return close_both(r);
        }
        if (a == STEP_IDLE && b == STEP_IDLE)
            break;
    }
    *ret_more = a == STEP_MOVED || b == STEP_MOVED;
    settle_memory(r);
    arm(r);
    return MPS_RELAY_GOES_ON;
}

int mps_relay_take_fd(struct mps_relay *r)
{
    int fd = r->fd;

    detach(r);
    if (r->owned)
        mps_sock_set_abortive(fd, false);
    r->fd = -1;
    return fd;
}

const struct mps_opening *mps_relay_hello(const struct mps_relay *r)
{
    return r->hello;
}

int mps_relay_fd(const struct mps_relay *r)
{
    return r->fd;
}

bool mps_relay_waiting(const struct mps_relay *r)
{
    return r->guard || r->connecting;
}

uint64_t mps_relay_queued(const struct mps_relay *r)
{
    return r->up.len - r->up.at;
}

void mps_relay_meters(const struct mps_relay *r, struct mps_meter *ret_sending,
                      struct mps_meter *ret_receiving)
{
    *ret_sending = r->up.meter;
    *ret_receiving = r->down.meter;
}

void mps_relay_bytes(const struct mps_relay *r, uint64_t *ret_sent, uint64_t *ret_received)
{
    *ret_sent = r->up.bytes;
    *ret_received = r->down.bytes;
}
