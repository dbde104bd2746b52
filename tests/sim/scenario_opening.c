/* SPDX-License-Identifier: MIT */
/* The first messages: early data, peers that are no shims, joins by strangers. */
#include <string.h>
#include "scenario.h"

#define MB (UINT64_C(1) << 20)
#define KB (UINT64_C(1) << 10)

static void links(struct world *w)
{
    world_link(w, 20, 10, 250, 0);
    world_link(w, 20, 10, 250, 0);
}

/* ---- early data ---- */

static void zero_rtt(struct world *w)
{
    links(w);
    scenario_bulk(w, 2 * KB, 2 * KB);
    w->host[0].cfg.zero_rtt = true;
}

/* TCP handshake, then the bytes: 1.5 RTT of 20 ms, and the time to send them. */
static void came_early(struct world *w)
{
    mps_time_t took = w->host[1].last_read_at - w->start;

    if (took > 35 * MPS_MSEC)
        world_fail(w, "early data took %.3f s", (double)took / MPS_SEC);
}

/* ---- a peer that is no shim ---- */

static void legacy_ignore(struct simsock *sock)
{
    uint8_t buf[2048];

    while (simsock_read(sock, buf, sizeof(buf)) > 0)
        ;
    if (simsock_eof(sock) && !sock->closed)
        simsock_close(sock, false);
}

static void legacy_nothing(struct simsock *sock)
{
    (void)sock;
}

static const struct simsock_ops silent_ops = {legacy_nothing, legacy_ignore, legacy_nothing,
                                              legacy_nothing};

static bool accept_silent(void *user, struct simsock *sock)
{
    (void)user;
    sock->ops = &silent_ops;
    return true;
}

static bool accept_greeting(void *user, struct simsock *sock)
{
    static const uint8_t greeting[] = "220 mail.example.org ready\r\n";

    (void)user;
    sock->ops = &silent_ops;
    simsock_write(sock, greeting, sizeof(greeting) - 1);
    return true;
}

static bool accept_close(void *user, struct simsock *sock)
{
    (void)user;
    simsock_close(sock, false);
    return true;
}

static bool accept_reset(void *user, struct simsock *sock)
{
    (void)user;
    (void)sock;
    return false;
}

static void legacy_world(struct world *w, bool (*accept)(void *user, struct simsock *sock))
{
    struct mps_addr addr = simnet_addr(0, 1, SIMNET_PORT);

    links(w);
    scenario_bulk(w, 100 * KB, 0);
    simnet_listen(&w->net, &addr, accept, NULL);
    host_start(&w->host[0], 0);
    for (unsigned link = 0; link < 2; link++)
        host_add_addr(&w->host[0], link, false, false);
    host_service(&w->host[0]);
}

static void legacy_silent(struct world *w)
{
    legacy_world(w, accept_silent);
}

static void legacy_greeting(struct world *w)
{
    legacy_world(w, accept_greeting);
}

static void legacy_close(struct world *w)
{
    legacy_world(w, accept_close);
}

static void legacy_reset(struct world *w)
{
    legacy_world(w, accept_reset);
}

/* A proven peer has become something else, and has shown it. */
static void legacy_early(struct world *w)
{
    w->host[0].cfg.zero_rtt = true;
    legacy_world(w, accept_greeting);
}

/* The peer may have processed the early data: nothing may be replayed, so it is a reset. */
static void early_lost(struct world *w)
{
    w->host[0].cfg.zero_rtt = true;
    legacy_world(w, accept_close);
    world_app(w, 1, &(struct app_params){.abort_at = 1, .write_max = 1, .read_max = 1});
    w->host[1].ended = w->host[1].app.aborted = true;
    w->must_reset = true;
}

/* What is to be replayed is what the application wrote, from any position. */
static void replay_is_whole(struct world *w)
{
    const struct app *app = &w->host[0].app;
    uint64_t skip = 0;

    if (!w->host[0].plain)
        world_fail(w, "not plain");
    for (;;) {
        struct mps_span spans[3];
        unsigned n = mps_conn_plain_spans(w->host[0].conn, skip, spans, 3);

        if (n == 0)
            break;
        size_t len = (size_t)prng_range(&w->rng, 1, spans[0].n);

        for (size_t i = 0; i < len; i++) {
            if (spans[0].p[i] != app_pattern(app->out_seed, skip + i))
                world_fail(w, "wrong byte %llu to replay", (unsigned long long)(skip + i));
        }
        skip += len;
    }
    if (skip != app->written)
        world_fail(w, "%llu bytes to replay, not %llu", (unsigned long long)skip,
                   (unsigned long long)app->written);
}

/* ---- strangers ---- */

struct stranger {
    struct world *w;
    struct simsock *sock;
    uint32_t token;
    bool sent_hmac, refused, ended;
};

static struct stranger strangers[2];

static void stranger_connected(struct simsock *sock)
{
    struct stranger *s = sock->user;
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN};
    uint8_t buf[MPS_OPENING_MAX_LEN];

    msg.join.token = s->token;
    msg.join.subflow_id = 1000;
    msg.join.addr_id = 7;
    memset(msg.join.nonce, 0x55, sizeof(msg.join.nonce));
    simsock_write(sock, buf, mps_opening_encode(&msg, buf));
}

/* After JOIN_REPLY: a MAC that cannot be right, and frames behind it. */
static void stranger_readable(struct simsock *sock)
{
    struct stranger *s = sock->user;
    uint8_t buf[MPS_OPENING_MAX_LEN];
    struct mps_opening msg;
    size_t len, have = simsock_peek(sock, buf, sizeof(buf));

    if (simsock_eof(sock)) {
        s->ended = true;
        return;
    }
    if (s->sent_hmac || mps_opening_parse(buf, have, &msg, &len) != 0)
        return;
    simsock_read(sock, buf, len);
    if (msg.kind == MPS_OPENING_REFUSE) {
        s->refused = true;
        return;
    }
    msg = (struct mps_opening){.kind = MPS_OPENING_JOIN_CONFIRM};
    memset(msg.join.hmac, 0x66, sizeof(msg.join.hmac));
    len = mps_opening_encode(&msg, buf);
    struct mps_dss dss = {.payload_len = 100, .dsn = 0};

    simsock_write(sock, buf, len);
    mps_dss_encode_head(&dss, buf);
    memset(buf + MPS_DSS_HEAD_LEN, 0x77, 100);
    simsock_write(sock, buf, MPS_DSS_HEAD_LEN + 100);
    s->sent_hmac = true;
}

static void stranger_failed(struct simsock *sock)
{
    struct stranger *s = sock->user;

    s->ended = true;
}

static const struct simsock_ops stranger_ops = {stranger_connected, stranger_readable,
                                                legacy_nothing, stranger_failed};

static void stranger_comes(struct world *w, unsigned which)
{
    struct stranger *s = &strangers[which];
    struct mps_addr local = simnet_addr(1, 0, 0), remote = simnet_addr(1, 1, SIMNET_PORT);

    *s = (struct stranger){.w = w};
    if (w->host[1].conn == NULL)
        world_fail(w, "too early for a stranger");
    s->token = mps_conn_token(w->host[1].conn) ^ (which == 0 ? 1 : 0);
    s->sock = simnet_connect(&w->net, &local, &remote, &stranger_ops, s);
}

static void with_strangers(struct world *w)
{
    links(w);
    scenario_bulk(w, 4 * MB, 4 * MB);
    world_at(w, 500 * MPS_MSEC, stranger_comes, 0);
    world_at(w, 600 * MPS_MSEC, stranger_comes, 1);
}

static void strangers_refused(struct world *w)
{
    if (!strangers[0].refused)
        world_fail(w, "a wrong token was not refused");
    if (!strangers[1].sent_hmac || !(strangers[1].ended || strangers[1].refused))
        world_fail(w, "a wrong MAC was not refused");
    if (w->host[1].n_up != 2)
        world_fail(w, "%u subflows up, not 2", w->host[1].n_up);
}

const struct scenario scenarios_opening[] = {
    {"zero-rtt", "data behind HELLO", zero_rtt, came_early, false},
    {"plain-silent", "the peer never answers", legacy_silent, replay_is_whole, true},
    {"plain-greeting", "the peer sends other bytes", legacy_greeting, replay_is_whole, true},
    {"plain-close", "the peer closes", legacy_close, replay_is_whole, true},
    {"plain-reset", "the peer resets", legacy_reset, replay_is_whole, true},
    {"plain-early", "early data, but other bytes come", legacy_early, replay_is_whole, true},
    {"early-lost", "the peer of early data closes", early_lost, NULL, true},
    {"strangers", "joins with a wrong token, a wrong MAC", with_strangers, strangers_refused,
     false},
    {NULL, NULL, NULL, NULL, false},
};
