/* SPDX-License-Identifier: MIT */
#include "host.h"
#include <assert.h>
#include <string.h>
#include "core/base/constants.h"
#include "core/conn/state.h"
#include "digest.h"
#include "world.h"

#define MAX_ROUNDS 100000 /* of one service: more is a loop that gets nowhere */
#define MAX_SPANS  16

static mps_time_t now_of(const struct host *host)
{
    return host->world->net.q.now;
}

/* ---- sockets ---- */

static void on_event(struct simsock *sock)
{
    struct hsock *hs = sock->user;

    host_service(hs->host);
}

static void on_connected(struct simsock *sock)
{
    struct hsock *hs = sock->user;
    struct host *host = hs->host;
    struct mps_addr local, remote;

    simnet_names(&host->world->net, sock, &local, &remote);
    if (hs->sf == NULL) {
        int r = mps_conn_first_subflow(host->conn, &local, &remote, now_of(host), &hs->sf);

        if (r < 0)
            world_fail(host->world, "first subflow: %s", mps_strerror(r));
        mps_subflow_set_user(hs->sf, hs);
        host->connected = true;
    } else {
        int r = mps_subflow_connected(hs->sf, &local, &remote, now_of(host));

        if (r < 0)
            world_say(host->world, "host %u: connected: %s", host->number, mps_strerror(r));
    }
    host_service(host);
}

static void on_failed(struct simsock *sock)
{
    struct hsock *hs = sock->user;
    struct host *host = hs->host;

    if (hs->sf != NULL) {
        mps_subflow_down(hs->sf, false, MPS_REASON_UNSPECIFIED, now_of(host));
    } else {
        simsock_close(sock, true);
        hs->kind = HSOCK_FREE;
    }
    hs->down_told = true;
    host_service(host);
}

static const struct simsock_ops sock_ops = {on_connected, on_event, on_event, on_failed};

static struct hsock *new_sock(struct host *host, enum hsock_kind kind)
{
    for (unsigned i = 0; i < HOST_MAX_SOCKS; i++) {
        struct hsock *hs = &host->socks[i];

        if (hs->kind != HSOCK_FREE)
            continue;
        *hs = (struct hsock){.host = host, .kind = kind};
        if (i >= host->n_socks)
            host->n_socks = i + 1;
        return hs;
    }
    world_fail(host->world, "too many sockets");
}

static bool on_accept(void *user, struct simsock *sock)
{
    struct hsock *hs = new_sock(user, HSOCK_OPENING);

    hs->sock = sock;
    sock->ops = &sock_ops;
    sock->user = hs;
    return true;
}

void host_listen(struct host *host, unsigned link)
{
    struct mps_addr addr = simnet_addr(link, host->number, SIMNET_PORT);

    simnet_listen(&host->world->net, &addr, on_accept, host);
}

static void connect_from(struct host *host, struct mps_subflow *sf, const struct mps_addr *local,
                         const struct mps_addr *remote)
{
    struct hsock *hs = new_sock(host, HSOCK_SUBFLOW);

    hs->sf = sf;
    if (sf != NULL)
        mps_subflow_set_user(sf, hs);
    hs->sock = simnet_connect(&host->world->net, local, remote, &sock_ops, hs);
}

void host_connect_first(struct host *host, unsigned link)
{
    struct mps_addr local = simnet_addr(link, host->number, 0);
    struct mps_addr remote = simnet_addr(link, 1 - host->number, SIMNET_PORT);

    connect_from(host, NULL, &local, &remote);
}

/* ---- first messages ---- */

static void refuse(struct hsock *hs, enum mps_reason reason)
{
    struct mps_opening msg = {.kind = MPS_OPENING_REFUSE, .reason = (uint8_t)reason};
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t n = mps_opening_encode(&msg, buf);

    hs->host->n_refused_joins++;
    simsock_write(hs->sock, buf, n);
    simsock_close(hs->sock, false);
    hs->kind = HSOCK_FREE;
}

static int take_hello(struct hsock *hs, const struct mps_opening *hello,
                      const struct mps_addr *local, const struct mps_addr *remote)
{
    struct host *host = hs->host;
    int r = mps_conn_new_server(&host->conn, &host->env, &host->cfg, hello, now_of(host));

    if (r < 0)
        return r;
    for (unsigned link = 0; link < host->world->net.n_links; link++)
        host_add_addr(host, link, link > 0, false);
    host->connected = true;
    return mps_conn_first_subflow(host->conn, local, remote, now_of(host), &hs->sf);
}

static int take_join(struct hsock *hs, const struct mps_opening *join, const struct mps_addr *local,
                     const struct mps_addr *remote)
{
    struct mps_conn *conn = hs->host->conn;

    if (conn == NULL || join->join.token != mps_conn_token(conn))
        return MPS_ETOKEN;
    return mps_conn_join_accept(conn, join, local, remote, now_of(hs->host), &hs->sf);
}

static void read_opening(struct hsock *hs)
{
    struct host *host = hs->host;
    uint8_t buf[MPS_OPENING_MAX_LEN];
    struct mps_addr local, remote;
    struct mps_opening msg;
    size_t have = simsock_peek(hs->sock, buf, sizeof(buf)), len;
    int r = mps_opening_parse(buf, have, &msg, &len);

    if (r == MPS_OPENING_MORE && !simsock_eof(hs->sock))
        return;
    simnet_names(&host->world->net, hs->sock, &local, &remote);
    if (r == 0) {
        simsock_read(hs->sock, buf, len);
        r = MPS_ESTATE;
        if (msg.kind == MPS_OPENING_HELLO && !host->established && host->conn == NULL)
            r = take_hello(hs, &msg, &local, &remote);
        else if (msg.kind == MPS_OPENING_JOIN)
            r = take_join(hs, &msg, &local, &remote);
    }
    if (r != 0) {
        world_say(host->world, "host %u refuses: %s", host->number, mps_strerror(r));
        refuse(hs, r == MPS_ETOKEN ? MPS_REASON_UNKNOWN_TOKEN : MPS_REASON_PROHIBITED);
        return;
    }
    hs->kind = HSOCK_SUBFLOW;
    mps_subflow_set_user(hs->sf, hs);
}

/* ---- bytes ---- */

/*
 * Payload to the application around the core, some of it or all, and the rest of what was read from
 * the socket to where it is then awaited; returns how many bytes were read.
 */
static size_t receive_around(struct hsock *hs)
{
    struct host *host = hs->host;
    static uint8_t buf[MPS_DSS_MAX_PAYLOAD];
    bool held;
    size_t n = mps_subflow_rx_bypass(hs->sf, &held), gone;
    struct mps_span spans[2];
    app_verdict verdict;

    if (n == 0 || held || host->app.closed || host->app.aborted || prng_chance(&host->around, 200))
        return 0;
    n = simsock_read(hs->sock, buf, n);
    if (n == 0)
        return 0;
    digest_bytes(host, 'r', hs, buf, n);
    gone = prng_chance(&host->around, 300) ? (size_t)prng_below(&host->around, n) : n;
    verdict = app_take(&host->app, buf, gone, &host->world->host[1 - host->number].app);
    if (verdict != NULL)
        world_fail(host->world, "host %u: %s, around the core", host->number, verdict);
    if (mps_subflow_rx_bypassed(hs->sf, gone, now_of(host)) < 0 || gone == n)
        return n;
    if (mps_subflow_rx_spans(hs->sf, spans) == 0 || spans[0].n < n - gone)
        world_fail(host->world, "host %u: no place for the rest of a payload", host->number);
    memcpy(spans[0].p, buf + gone, n - gone);
    (void)mps_subflow_rx_done(hs->sf, n - gone, now_of(host));
    return n;
}

/* Heads are read alone, as if each subflow brought bulk from its first payload on. */
static void ask_for_bypass(struct hsock *hs)
{
    mps_conn_set_bypass(hs->host->conn, prng_chance(&hs->host->around, 900));
    if (hs->sf->bytes_received > 0)
        hs->sf->rx.bulk = MPS_RX_BULK_AFTER;
}

static bool receive(struct hsock *hs)
{
    struct host *host = hs->host;
    bool moved = false;

    if (hs->sf == NULL || hs->down_told || !hs->sock->up)
        return false;
    for (;;) {
        struct mps_span spans[2];
        size_t left = host->rx_max, got = 0;
        unsigned n;

        if (host->bypass && receive_around(hs) > 0) {
            moved = true;
            if (mps_subflow_state(hs->sf) == MPS_SF_DEAD)
                return true;
            continue;
        }
        if (host->bypass)
            ask_for_bypass(hs);
        n = mps_subflow_rx_spans(hs->sf, spans);
        if (n == 0 && mps_subflow_state(hs->sf) != MPS_SF_DEAD && !mps_subflow_rx_waits(hs->sf))
            world_fail(host->world, "host %u: a live subflow cannot be read (I2)", host->number);
        for (unsigned i = 0; i < n && left > 0; i++) {
            size_t want = spans[i].n < left ? spans[i].n : left;
            size_t r = simsock_read(hs->sock, spans[i].p, want);

            digest_bytes(host, 'r', hs, spans[i].p, r);
            got += r;
            left -= r;
            if (r < want)
                break;
        }
        if (got == 0)
            break;
        moved = true;
        if (mps_subflow_rx_done(hs->sf, got, now_of(host)) < 0)
            return true;
    }
    if (simsock_eof(hs->sock) && mps_subflow_state(hs->sf) != MPS_SF_DEAD) {
        hs->down_told = moved = true;
        mps_subflow_down(hs->sf, true, MPS_REASON_UNSPECIFIED, now_of(host));
    }
    return moved;
}

static bool transmit(struct hsock *hs)
{
    struct host *host = hs->host;
    struct mps_span spans[MAX_SPANS];
    bool moved = false;
    unsigned n;

    if (hs->sf == NULL || !hs->sock->up || hs->down_told)
        return false;
    while ((n = mps_subflow_tx_spans(hs->sf, spans, MAX_SPANS)) > 0) {
        size_t taken = 0;

        for (unsigned i = 0; i < n; i++) {
            size_t r = simsock_write(hs->sock, spans[i].p, spans[i].n);

            digest_bytes(host, 'w', hs, spans[i].p, r);
            taken += r;
            if (r < spans[i].n)
                break;
        }
        if (taken == 0)
            break;
        moved = true;
        mps_subflow_tx_done(hs->sf, taken, now_of(host));
    }
    hs->sock->lowat = mps_subflow_notsent_limit(hs->sf);
    hs->sock->want_write = n > 0 || mps_subflow_wants_room(hs->sf);
    return moved;
}

static void update_metrics(struct host *host)
{
    for (unsigned i = 0; i < host->n_socks; i++) {
        struct hsock *hs = &host->socks[i];
        struct mps_metrics m;

        if (hs->kind != HSOCK_SUBFLOW || hs->sf == NULL || !hs->sock->up)
            continue;
        simsock_metrics(hs->sock, &m);
        mps_subflow_update(hs->sf, &m, now_of(host));
    }
}

/* ---- events ---- */

static void close_subflow(struct host *host, const struct mps_event *event)
{
    struct hsock *hs = mps_subflow_user(event->subflow);

    if (hs == NULL || hs->sf != event->subflow)
        world_fail(host->world, "host %u: close of an unknown subflow", host->number);
    simsock_close(hs->sock, event->reset);
    mps_subflow_release(event->subflow);
    *hs = (struct hsock){.kind = HSOCK_FREE};
}

static void take_event(struct host *host, const struct mps_event *event)
{
    static const char *const names[] = {
        "established", "plain",    "unanswered", "open",   "up",    "close",     "announced",
        "removed",     "priority", "reset",      "closed", "stale", "recovered", "rewritten"};

    world_say(host->world, "host %u: %s", host->number, names[event->type]);
    digest_event(host, event);
    if (host->ended)
        world_fail(host->world, "host %u: an event after CLOSED", host->number);
    switch (event->type) {
    case MPS_EV_ESTABLISHED:
        host->established = true;
        break;
    case MPS_EV_PLAIN:
        host->plain = true;
        break;
    case MPS_EV_OPEN:
        host->n_opened++;
        world_say(host->world, "  from link %u to %u", event->local.ip[1], event->remote.ip[1]);
        connect_from(host, event->subflow, &event->local, &event->remote);
        break;
    case MPS_EV_SUBFLOW_UP:
        host->n_up++;
        break;
    case MPS_EV_SUBFLOW_CLOSE:
        close_subflow(host, event);
        break;
    case MPS_EV_STALE:
        if (host->stale_at == 0)
            host->stale_at = now_of(host);
        break;
    case MPS_EV_ADDR_ANNOUNCED:
        host->n_announced++;
        break;
    case MPS_EV_RESET:
        if (host->reset)
            world_fail(host->world, "host %u: reset twice", host->number);
        host->reset = true;
        host->reset_reason = event->reason;
        break;
    case MPS_EV_CLOSED:
        host->ended = true;
        break;
    default:
        break;
    }
}

static void check_bounds(struct host *host)
{
    struct mps_conn_info info;
    uint64_t rcv, credit = host->cfg.rcv_buf_max;

    if (credit < MPS_INITIAL_CREDIT_MIN)
        credit = MPS_INITIAL_CREDIT_MIN;
    mps_conn_info(host->conn, &info);
    rcv = info.rcv_queued + info.rcv_out_of_order;
    host->reinjected = info.bytes_reinjected;
    if (rcv > host->max_rcv)
        host->max_rcv = rcv;
    if (rcv > credit)
        world_fail(host->world, "host %u: %llu bytes received beyond the credit (I3)", host->number,
                   (unsigned long long)rcv);
    if (info.bytes_acked > info.bytes_sent)
        world_fail(host->world, "host %u: more acknowledged than sent", host->number);
}

static void check_invariants(struct host *host)
{
    const char *broken = mps_conn_check(host->conn);

    if (broken)
        world_fail(host->world, "host %u: %s", host->number, broken);
}

/*
 * The connection is over: every socket must have been reported closed. Its end may have become
 * known with its last frame, after the application looked.
 */
static void finish(struct host *host)
{
    const struct app *peer = &host->world->host[1 - host->number].app;
    app_verdict verdict = NULL;
    bool moved;

    if (host->connected && !host->reset && !host->app.closed && !host->app.aborted)
        verdict = app_look_for_end(&host->app, host->conn, peer, &moved);
    if (verdict != NULL)
        world_fail(host->world, "host %u: %s when it was over", host->number, verdict);
    for (unsigned i = 0; i < host->n_socks; i++) {
        if (host->socks[i].kind == HSOCK_SUBFLOW)
            world_fail(host->world, "host %u: CLOSED with a subflow open", host->number);
    }
    host->ended_at = now_of(host);
    host->conn = mps_conn_free(host->conn);
}

static bool drain_events(struct host *host)
{
    struct mps_event event;
    bool any = false;

    while (host->conn != NULL && mps_conn_next_event(host->conn, &event) > 0) {
        any = true;
        take_event(host, &event);
        if (event.type == MPS_EV_CLOSED) {
            if (mps_conn_next_event(host->conn, &event) > 0)
                world_fail(host->world, "host %u: an event after CLOSED", host->number);
            finish(host);
        }
    }
    return any;
}

static void on_timer(void *obj, const struct evq_args *args)
{
    struct host *host = obj;

    if (host->timer_at != args->a)
        return;
    host->timer_at = MPS_NEVER;
    host_service(host);
}

static void arm_timer(struct host *host)
{
    mps_time_t at = mps_conn_deadline(host->conn);
    mps_time_t app_at = app_deadline(&host->app, now_of(host));

    if (app_at < at)
        at = app_at;
    if (at < host->timer_at) {
        host->timer_at = at;
        evq_post(&host->world->net.q, at, on_timer, host, (struct evq_args){at, 0, 0});
    }
}

static bool run_app(struct host *host)
{
    const struct app *peer = &host->world->host[1 - host->number].app;
    uint64_t before = host->app.read;
    mps_time_t now = now_of(host);
    bool moved = false;
    app_verdict verdict;

    if (!host->connected || host->reset || host->plain)
        return false;
    verdict = app_run(&host->app, host->conn, now, peer, &moved);
    if (verdict != NULL)
        world_fail(host->world, "host %u: %s at byte %llu", host->number, verdict,
                   (unsigned long long)host->app.read);
    if (host->app.read != before) {
        if (host->last_read_at > 0 && now - host->last_read_at > host->longest_stall)
            host->longest_stall = now - host->last_read_at;
        host->last_read_at = now;
    }
    return moved;
}

/* One round: everything once. True: something happened, so more may. */
static bool service_round(struct host *host)
{
    bool moved = false;

    for (unsigned i = 0; i < host->n_socks; i++) {
        if (host->socks[i].kind == HSOCK_OPENING)
            read_opening(&host->socks[i]);
        else if (host->socks[i].kind == HSOCK_SUBFLOW)
            moved |= receive(&host->socks[i]);
    }
    if (host->conn == NULL)
        return false;
    moved |= drain_events(host);
    if (host->conn == NULL)
        return false;
    moved |= run_app(host);
    if (mps_conn_deadline(host->conn) <= now_of(host)) {
        mps_conn_expire(host->conn, now_of(host));
        if (mps_conn_deadline(host->conn) <= now_of(host))
            moved = true;
    }
    update_metrics(host);
    mps_conn_push(host->conn, now_of(host));
    for (unsigned i = 0; i < host->n_socks; i++) {
        if (host->socks[i].kind == HSOCK_SUBFLOW)
            moved |= transmit(&host->socks[i]);
    }
    moved |= drain_events(host);
    return moved && host->conn != NULL;
}

void host_service(struct host *host)
{
    unsigned rounds = 0;

    while (service_round(host)) {
        if (++rounds > MAX_ROUNDS)
            world_fail(host->world, "host %u: busy without progress", host->number);
    }
    if (host->conn == NULL)
        return;
    check_bounds(host);
    digest_state(host);
    check_invariants(host);
    arm_timer(host);
}
