/* SPDX-License-Identifier: MIT */
#include "conn_peer.h"
#include <string.h>
#include "check.h"
#include "core/conn/halfopen.h"
#include "core/base/constants.h"
#include "core/base/err.h"
#include "simcrypto.h"

#define OPTION_CLIENT   0x01
#define OPTION_MACS     0x02
#define OPTION_SMALL    0x04
#define OPTION_ZERO_RTT 0x08
#define OPTION_LOCALS   0x10

uint8_t peer_pattern(uint64_t pos, bool from_conn)
{
    return (uint8_t)((pos * 31 + (pos >> 8) * 7) ^ (from_conn ? 0x5a : 0));
}

static struct mps_addr addr(uint8_t net, uint8_t host, uint16_t port)
{
    return (struct mps_addr){.family = MPS_AF_INET, .port = port, .ip = {10, net, 0, host}};
}

static struct pipe *free_pipe(struct peer *p)
{
    for (unsigned i = 0; i < PEER_MAX_PIPES; i++) {
        if (p->pipes[i].sf == NULL) {
            memset(&p->pipes[i], 0, offsetof(struct pipe, in));
            p->pipes[i].in_len = 0;
            return &p->pipes[i];
        }
    }
    abort(); /* more subflows than the configuration allows */
}

static void attach(struct pipe *pipe, struct mps_subflow *sf, bool bad_hmac)
{
    pipe->sf = sf;
    pipe->bad_hmac = bad_hmac;
    mps_subflow_set_user(sf, pipe);
}

/* ---- secrets ---- */

static enum mps_side own_side(const struct peer *p)
{
    return p->server ? MPS_SIDE_CLIENT : MPS_SIDE_SERVER;
}

static enum mps_side conn_side(const struct peer *p)
{
    return p->server ? MPS_SIDE_SERVER : MPS_SIDE_CLIENT;
}

static void key_of(struct peer *p, uint32_t id, enum mps_side side, struct mps_nonces nonces,
                   struct mps_seal *ret)
{
    uint8_t key[MPS_MAC_KEY_LEN];

    CHECK(mps_auth_frames(&p->crypto, &p->secrets, id, side, nonces, key) == 0);
    mps_seal_init(ret, key);
}

static void early_key(struct peer *p, struct mps_seal *ret)
{
    uint8_t key[MPS_MAC_KEY_LEN];

    CHECK(mps_auth_early(&p->crypto, NULL, p->hello.hello.key,
                         (struct mps_message){p->hello.bytes, p->hello.len}, key) == 0);
    mps_seal_init(ret, key);
    p->early = p->crypto.hashing_begin(p->crypto.user);
}

/* HELLO and the other side's answer, or ours, are there. */
static void agree(struct peer *p, struct mps_message reply, const struct mps_hello *theirs,
                  enum mps_hash alg)
{
    uint8_t agreed[MPS_SHARE_LEN];
    struct mps_ingredients from = {
        .alg = alg,
        .agreed = agreed,
        .key_c = p->server ? p->own_key : theirs->key,
        .key_s = p->server ? theirs->key : p->own_key,
        .hello = {p->hello.bytes, p->hello.len},
        .reply = reply,
    };

    CHECK(p->crypto.agree(p->crypto.user, &p->share, theirs->share, agreed) == 0);
    CHECK(mps_auth_secrets(&p->crypto, &from, &p->secrets) == 0);
}

/* The client's HMAC over what it has sent so far. */
static void finished_hmac(struct peer *p, uint8_t out[MPS_HMAC_LEN])
{
    uint8_t early[MPS_SHA256_LEN];

    CHECK(p->crypto.hashing_end(p->crypto.user, p->early, early) == 0);
    p->early = NULL;
    CHECK(mps_auth_finished(&p->crypto, &p->secrets, early, out) == 0);
}

/* ---- beginning and end ---- */

static struct mps_opening own_hello(struct peer *p)
{
    struct mps_opening msg = {.kind = p->server ? MPS_OPENING_HELLO : MPS_OPENING_HELLO_REPLY};

    msg.hello.capabilities = p->macs ? MPS_CAP_PAYLOAD_MAC : 0;
    msg.hello.credit = p->granted;
    msg.hello.algs[0] = MPS_SHA256;
    msg.hello.n_algs = 1;
    memcpy(msg.hello.key, p->own_key, MPS_KEY_LEN);
    memcpy(msg.hello.share, p->share.value, MPS_SHARE_LEN);
    return msg;
}

void peer_init(struct peer *p, uint8_t options)
{
    struct mps_subflow *sf;
    int r;

    memset(p, 0, offsetof(struct peer, pipes));
    for (unsigned i = 0; i < PEER_MAX_PIPES; i++)
        p->pipes[i].sf = NULL;
    memset(&p->written, 0, sizeof(*p) - offsetof(struct peer, written));
    faultmem_init(&p->fm);
    prng_init(&p->rng, 1);
    simcrypto_init(&p->crypto, &p->rng);
    p->env = (struct mps_env){.mem = &p->fm.mem, .crypto = &p->crypto};
    mps_config_init(&p->cfg);
    p->now = MPS_SEC;
    p->chunk = SIZE_MAX;
    p->server = !(options & OPTION_CLIENT);
    p->macs = options & OPTION_MACS;
    p->cfg.capabilities = p->macs ? MPS_CAP_PAYLOAD_MAC : 0;
    p->cfg.zero_rtt = options & OPTION_ZERO_RTT;
    if (options & OPTION_SMALL) {
        p->cfg.snd_buf_max = 8192;
        p->cfg.rcv_buf_init = p->cfg.rcv_buf_max = 4096;
        p->cfg.max_subflows = 3;
    }
    p->granted = 65536;
    p->next_join_id = 2;
    memset(p->own_key, 0x11, MPS_KEY_LEN);
    CHECK(mps_auth_token(&p->crypto, p->own_key, &p->own_token) == 0);
    p->local = addr(0, 1, p->server ? 80 : 4000);
    p->remote = addr(0, 2, p->server ? 4000 : 80);
    memset(p->share.value, 0x33, MPS_SHARE_LEN);
    p->hello = own_hello(p);
    p->hello.len = mps_opening_encode(&p->hello, p->hello.bytes);
    r = p->server ? mps_conn_new_server(&p->conn, &p->env, &p->cfg, &p->hello, p->now)
                  : mps_conn_new_client(&p->conn, &p->env, &p->cfg, p->now);
    CHECK(r == 0);
    CHECK(mps_conn_local_add(p->conn, &p->local, 1, false, false, p->now) == 0);
    if (options & OPTION_LOCALS) {
        struct mps_addr other = addr(1, 1, p->server ? 80 : 0);

        CHECK(mps_conn_local_add(p->conn, &other, 2, false, true, p->now) == 0);
    }
    CHECK(mps_conn_first_subflow(p->conn, &p->local, &p->remote, p->now, &sf) == 0);
    attach(free_pipe(p), sf, false);
    p->conn_token = mps_conn_token(p->conn);
    p->greeted = p->server;
    p->pipes[0].active = p->pipes[0].early = p->server;
    if (p->server)
        early_key(p, &p->pipes[0].ours);
    peer_serve(p);
}

void peer_deinit(struct peer *p)
{
    p->conn = mps_conn_free(p->conn);
    CHECK(p->fm.live == 0);
    if (p->early)
        p->crypto.hashing_end(p->crypto.user, p->early, NULL);
}

/* ---- what the connection sends ---- */

static void check_dss(struct peer *p, struct pipe *pipe, const struct mps_dss *dss,
                      const uint8_t *payload)
{
    /* Not monotone even on one subflow: acknowledgments overtake data that was framed before. */
    CHECK(dss->data_ack <= p->max_end + 1 || p->tainted);
    CHECK(dss->data_ack <= dss->credit + 1);
    CHECK(dss->ctrl_ack <= p->next_csn + 32 || p->tainted);
    if (dss->credit > p->conn_credit)
        p->conn_credit = dss->credit;
    /* DATA_FIN has a number of its own, and needs no credit. */
    CHECK(dss->dsn + dss->payload_len <= p->written + (dss->payload_len == 0 && p->fin_asked));
    CHECK(dss->payload_len == 0 || dss->dsn + dss->payload_len <= p->granted || p->tainted);
    for (uint32_t i = 0; i < dss->payload_len; i++)
        CHECK(payload[i] == peer_pattern(dss->dsn + i, true));
    CHECK(dss->checked || dss->payload_len == 0 || !p->macs);
    if (dss->checked)
        CHECK(mps_seal_check_payload(&p->crypto, &pipe->theirs, pipe->theirs.next - 1, payload,
                                     dss->payload_len, payload + dss->payload_len) == 0);
    if (dss->dsn + dss->payload_len > p->sent_end)
        p->sent_end = dss->dsn + dss->payload_len;
    if (dss->flags & MPS_DSS_FIN) {
        CHECK(p->fin_asked && dss->dsn + dss->payload_len == p->written);
    }
}

/* The client under test has vouched for what it sent so far. */
static void take_finished(struct peer *p, struct pipe *pipe, const struct mps_ctrl *ctrl)
{
    uint8_t want[MPS_HMAC_LEN];

    CHECK(pipe->early);
    finished_hmac(p, want);
    CHECK(memcmp(want, ctrl->finished.hmac, MPS_HMAC_LEN) == 0);
    pipe->early = false;
}

/* One frame, if a whole one is there; its length. */
static size_t take_frame(struct peer *p, struct pipe *pipe, const uint8_t *buf, size_t len)
{
    struct mps_frame frame;
    size_t head, need;
    int r = mps_frame_parse_head(buf, len, &frame, &head, &need);

    CHECK(r == 0 || r == MPS_FRAME_MORE);
    if (r == MPS_FRAME_MORE || len < head + frame.tail_len)
        return 0;
    if (!p->server && pipe->early && frame.type == MPS_FRAME_FINISHED)
        key_of(p, 0, MPS_SIDE_CLIENT, (struct mps_nonces){0}, &pipe->theirs);
    CHECK(mps_seal_check_head(&p->crypto, &pipe->theirs, pipe->theirs.next++, buf,
                              head - MPS_MAC_LEN) == 0);
    if (frame.type == MPS_FRAME_FINISHED)
        take_finished(p, pipe, &frame.ctrl);
    else if (!p->server && pipe->early)
        p->crypto.hashing_add(p->crypto.user, p->early, buf, head + frame.tail_len);
    if (frame.type == MPS_FRAME_DSS)
        check_dss(p, pipe, &frame.dss, buf + head);
    else if (!frame.skip && frame.type != MPS_FRAME_PING && frame.type != MPS_FRAME_PONG &&
             frame.type != MPS_FRAME_FINISHED && frame.ctrl.csn >= p->conn_next_csn)
        p->conn_next_csn = frame.ctrl.csn + 1;
    return head + frame.tail_len;
}

static struct mps_message bytes_of(const struct mps_opening *msg)
{
    return (struct mps_message){msg->bytes, msg->len};
}

/* HELLO of the client under test. */
static void answer_hello(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    struct mps_opening reply;
    uint8_t buf[MPS_OPENING_MAX_LEN];

    p->hello = *msg;
    reply = own_hello(p);
    agree(p, (struct mps_message){buf, mps_opening_encode(&reply, buf)}, &msg->hello, MPS_SHA256);
    CHECK(mps_auth_reply(&p->crypto, &p->secrets, reply.hello.hmac) == 0);
    early_key(p, &pipe->theirs);
    key_of(p, 0, MPS_SIDE_SERVER, (struct mps_nonces){0}, &pipe->ours);
    pipe->frames = pipe->early = true;
    peer_feed(p, pipe, buf, mps_opening_encode(&reply, buf));
    p->greeted = pipe->active = true;
}

/* The server under test has answered: FINISHED follows. */
static void take_reply(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    struct mps_ctrl finished = {.type = MPS_FRAME_FINISHED};

    agree(p, bytes_of(msg), &msg->hello, msg->hello.algs[0]);
    key_of(p, 0, MPS_SIDE_SERVER, (struct mps_nonces){0}, &pipe->theirs);
    pipe->frames = true;
    pipe->early = false;
    finished_hmac(p, finished.finished.hmac);
    key_of(p, 0, MPS_SIDE_CLIENT, (struct mps_nonces){0}, &pipe->ours);
    peer_send_ctrl(p, pipe, &finished, -1);
}

static void join_keys(struct peer *p, struct pipe *pipe, uint32_t id, struct mps_nonces nonces)
{
    key_of(p, id, own_side(p), nonces, &pipe->ours);
    key_of(p, id, conn_side(p), nonces, &pipe->theirs);
}

/* JOIN of the client under test. */
static void answer_join(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    struct mps_opening reply = {.kind = MPS_OPENING_JOIN_REPLY};
    uint8_t buf[MPS_OPENING_MAX_LEN], hmac[2][MPS_HMAC_LEN];

    CHECK(!p->server && msg->join.token == p->own_token);
    memset(reply.join.nonce, 0x22, MPS_NONCE_LEN);
    CHECK(mps_auth_join(&p->crypto, &p->secrets, bytes_of(msg),
                        (struct mps_message){buf, mps_opening_encode(&reply, buf)}, hmac) == 0);
    memcpy(reply.join.hmac, hmac[own_side(p)], MPS_HMAC_LEN);
    join_keys(p, pipe, msg->join.subflow_id,
              (struct mps_nonces){msg->join.nonce, reply.join.nonce});
    peer_feed(p, pipe, buf, mps_opening_encode(&reply, buf));
}

/* The server under test has answered a JOIN of ours. */
static void confirm_join(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    struct mps_opening confirm = {.kind = MPS_OPENING_JOIN_CONFIRM}, join;
    uint8_t buf[MPS_OPENING_MAX_LEN], hmac[2][MPS_HMAC_LEN];
    size_t len;

    CHECK(p->server);
    pipe->unread = p->secrets.alg == 0; /* HELLO_REPLY was not looked at */
    if (pipe->unread)
        return;
    CHECK(mps_opening_parse(pipe->join, MPS_JOIN_LEN, &join, &len) == 0);
    CHECK(mps_auth_join(&p->crypto, &p->secrets, (struct mps_message){pipe->join, MPS_JOIN_LEN},
                        bytes_of(msg), hmac) == 0);
    CHECK(memcmp(hmac[conn_side(p)], msg->join.hmac, MPS_HMAC_LEN) == 0);
    memcpy(confirm.join.hmac, hmac[own_side(p)], MPS_HMAC_LEN);
    if (pipe->bad_hmac)
        confirm.join.hmac[0] ^= 1;
    join_keys(p, pipe, join.join.subflow_id, (struct mps_nonces){join.join.nonce, msg->join.nonce});
    pipe->frames = true;
    peer_feed(p, pipe, buf, mps_opening_encode(&confirm, buf));
    pipe->active = true;
}

static void answer_opening(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    if (msg->kind <= MPS_OPENING_HELLO_REPLY && msg->hello.credit > p->conn_credit)
        p->conn_credit = msg->hello.credit;
    switch (msg->kind) {
    case MPS_OPENING_HELLO:
        answer_hello(p, pipe, msg);
        break;
    case MPS_OPENING_HELLO_REPLY:
        take_reply(p, pipe, msg);
        break;
    case MPS_OPENING_JOIN:
        answer_join(p, pipe, msg);
        break;
    case MPS_OPENING_JOIN_REPLY:
        confirm_join(p, pipe, msg);
        break;
    case MPS_OPENING_JOIN_CONFIRM:
        pipe->frames = pipe->active = true;
        break;
    default:
        break;
    }
}

static size_t take_opening(struct peer *p, struct pipe *pipe, const uint8_t *buf, size_t len)
{
    struct mps_opening msg;
    size_t used;
    int r = mps_opening_parse(buf, len, &msg, &used);

    CHECK(r == 0 || r == MPS_OPENING_MORE);
    if (r != 0)
        return 0;
    answer_opening(p, pipe, &msg);
    return used;
}

void peer_drain(struct peer *p, struct pipe *pipe, size_t max)
{
    struct mps_span spans[4];
    size_t taken = 0, done = 0, used;
    unsigned n;

    if (pipe->sf == NULL || p->conn == NULL)
        return;
    n = mps_subflow_tx_spans(pipe->sf, spans, 4);
    CHECK(n <= 4);
    for (unsigned i = 0; i < n; i++) {
        size_t part = spans[i].n;

        CHECK(part > 0);
        if (part > max - taken)
            part = max - taken;
        if (part > PEER_IN_MAX - pipe->in_len)
            part = PEER_IN_MAX - pipe->in_len;
        memcpy(pipe->in + pipe->in_len, spans[i].p, part);
        pipe->in_len += part;
        taken += part;
    }
    if (taken > 0)
        mps_subflow_tx_done(pipe->sf, taken, p->now);
    do {
        const uint8_t *at = pipe->in + done;
        size_t left = pipe->in_len - done;

        used = pipe->unread   ? left
               : left == 0    ? 0
               : pipe->frames ? take_frame(p, pipe, at, left)
                              : take_opening(p, pipe, at, left);
        done += used;
    } while (used > 0);
    memmove(pipe->in, pipe->in + done, pipe->in_len - done);
    pipe->in_len -= done;
}

/* ---- joins ---- */

void peer_join(struct peer *p, bool bad, uint8_t from)
{
    struct mps_addr remote = addr(from & 1 ? 0 : 3, from & 1 ? 2 : 3 + from, 5000 + from);
    struct mps_opening join = {
        .kind = MPS_OPENING_JOIN,
        .join = {.token = p->conn_token, .addr_id = from & 1 ? 0 : 9 + from, .backup = from & 4}};
    struct mps_subflow *sf;
    struct pipe *pipe;

    if (p->conn == NULL)
        return;
    join.join.subflow_id = p->next_join_id;
    join.len = mps_opening_encode(&join, join.bytes);
    if (mps_conn_join_accept(p->conn, &join, &p->local, &remote, p->now, &sf) < 0)
        return;
    p->next_join_id += 2;
    pipe = free_pipe(p);
    attach(pipe, sf, bad);
    memcpy(pipe->join, join.bytes, MPS_JOIN_LEN);
}

/* ---- transport ---- */

static void take_event(struct peer *p, const struct mps_event *event)
{
    struct pipe *pipe;

    CHECK(!p->ended);
    switch (event->type) {
    case MPS_EV_OPEN:
        CHECK(!p->server);
        attach(free_pipe(p), event->subflow, false);
        mps_subflow_connected(event->subflow, &event->local, &event->remote, p->now);
        break;
    case MPS_EV_SUBFLOW_CLOSE:
        pipe = mps_subflow_user(event->subflow);
        CHECK(pipe != NULL && pipe->sf == event->subflow);
        pipe->sf = NULL;
        mps_subflow_release(event->subflow);
        break;
    case MPS_EV_CLOSED:
        p->ended = true;
        for (unsigned i = 0; i < PEER_MAX_PIPES; i++)
            CHECK(p->pipes[i].sf == NULL);
        p->conn = mps_conn_free(p->conn);
        CHECK(p->fm.live == 0);
        break;
    default:
        break;
    }
}

static void check_state(struct peer *p)
{
    uint64_t window = p->cfg.rcv_buf_max;
    const char *broken = mps_conn_check(p->conn);
    struct mps_conn_info info;

    if (broken)
        fprintf(stderr, "%s\n", broken);
    CHECK(!broken);
    if (window < MPS_INITIAL_CREDIT_MIN)
        window = MPS_INITIAL_CREDIT_MIN;
    mps_conn_info(p->conn, &info);
    CHECK(info.rcv_queued + info.rcv_out_of_order <= window);
    CHECK(info.bytes_acked <= info.bytes_sent && info.bytes_sent <= p->written);
    /* Joins of ours that are not confirmed yet come on top. */
    CHECK(info.n_subflows <= p->cfg.max_subflows + MPS_HALF_OPEN_MAX);
    CHECK(p->conn_credit <= p->read + window);
}

void peer_serve(struct peer *p)
{
    struct mps_event event;

    for (unsigned i = 0; p->conn != NULL && mps_conn_deadline(p->conn) <= p->now; i++) {
        CHECK(i < 100);
        mps_conn_expire(p->conn, p->now);
        while (p->conn != NULL && mps_conn_next_event(p->conn, &event) > 0)
            take_event(p, &event);
    }
    if (p->conn == NULL)
        return;
    mps_conn_push(p->conn, p->now);
    while (p->conn != NULL && mps_conn_next_event(p->conn, &event) > 0)
        take_event(p, &event);
    if (p->conn != NULL)
        check_state(p);
}
