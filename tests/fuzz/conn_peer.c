/* SPDX-License-Identifier: MIT */
#include "conn_peer.h"
#include <string.h>
#include "check.h"
#include "core/conn/halfopen.h"
#include "core/wire/auth.h"
#include "core/base/constants.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "simcrypto.h"

#define OPTION_CLIENT   0x01
#define OPTION_CRC      0x02
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

static void attach(struct pipe *pipe, struct mps_subflow *sf, bool bad_mac)
{
    pipe->sf = sf;
    pipe->bad_mac = bad_mac;
    mps_subflow_set_user(sf, pipe);
}

/* ---- beginning and end ---- */

static struct mps_hello own_hello(struct peer *p)
{
    struct mps_hello hello = {
        .capabilities = p->crc ? MPS_CAP_PAYLOAD_CRC : 0,
        .credit = p->granted,
    };

    memcpy(hello.key, p->own_key, MPS_KEY_LEN);
    return hello;
}

void peer_init(struct peer *p, uint8_t options)
{
    struct mps_hello hello;
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
    p->crc = options & OPTION_CRC;
    p->cfg.capabilities = p->crc ? MPS_CAP_PAYLOAD_CRC : 0;
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
    hello = own_hello(p);
    r = p->server ? mps_conn_new_server(&p->conn, &p->env, &p->cfg, &hello, p->now)
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
    p->pipes[0].active = p->server;
    peer_serve(p);
}

void peer_deinit(struct peer *p)
{
    p->conn = mps_conn_free(p->conn);
    CHECK(p->fm.live == 0);
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
    CHECK(dss->checked || dss->payload_len == 0 || !p->crc);
    if (dss->checked) {
        const uint8_t *sum = payload + dss->payload_len;

        CHECK(mps_crc32c(0, payload, dss->payload_len) ==
              ((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3]));
    }
    if (dss->dsn + dss->payload_len > p->sent_end)
        p->sent_end = dss->dsn + dss->payload_len;
    if (dss->flags & MPS_DSS_FIN) {
        CHECK(p->fin_asked && dss->dsn + dss->payload_len == p->written);
    }
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
    if (frame.type == MPS_FRAME_DSS)
        check_dss(p, pipe, &frame.dss, buf + head);
    else if (!frame.skip && frame.type != MPS_FRAME_PING && frame.type != MPS_FRAME_PONG &&
             frame.ctrl.csn >= p->conn_next_csn)
        p->conn_next_csn = frame.ctrl.csn + 1;
    return head + frame.tail_len;
}

static void answer_opening(struct peer *p, struct pipe *pipe, const struct mps_opening *msg)
{
    struct mps_opening reply;
    uint8_t buf[MPS_OPENING_MAX_LEN];

    memset(&reply, 0, sizeof(reply));
    switch (msg->kind) {
    case MPS_OPENING_HELLO:
        memcpy(p->conn_key, msg->hello.key, MPS_KEY_LEN);
        pipe->frames = true;
        reply.kind = MPS_OPENING_HELLO_REPLY;
        reply.hello = own_hello(p);
        if (msg->hello.credit > p->conn_credit)
            p->conn_credit = msg->hello.credit;
        p->greeted = pipe->active = true;
        break;
    case MPS_OPENING_HELLO_REPLY:
        memcpy(p->conn_key, msg->hello.key, MPS_KEY_LEN);
        if (msg->hello.credit > p->conn_credit)
            p->conn_credit = msg->hello.credit;
        pipe->frames = true;
        return;
    case MPS_OPENING_JOIN:
        CHECK(!p->server && msg->join.token == p->own_token);
        reply.kind = MPS_OPENING_JOIN_REPLY;
        memset(reply.join.nonce, 0x22, MPS_NONCE_LEN);
        CHECK(mps_auth_join(&p->crypto, p->own_key, p->conn_key, reply.join.nonce, msg->join.nonce,
                            reply.join.hmac) == 0);
        break;
    case MPS_OPENING_JOIN_REPLY:
        CHECK(p->server);
        reply.kind = MPS_OPENING_JOIN_CONFIRM;
        CHECK(mps_auth_join(&p->crypto, p->own_key, p->conn_key, pipe->nonce, msg->join.nonce,
                            reply.join.hmac) == 0);
        if (pipe->bad_mac)
            reply.join.hmac[0] ^= 1;
        pipe->frames = true;
        break;
    case MPS_OPENING_JOIN_CONFIRM:
        pipe->frames = pipe->active = true;
        return;
    default:
        return;
    }
    peer_feed(p, pipe, buf, mps_opening_encode(&reply, buf));
    if (msg->kind == MPS_OPENING_JOIN_REPLY)
        pipe->active = true;
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

        used = left == 0      ? 0
               : pipe->frames ? take_frame(p, pipe, at, left)
                              : take_opening(p, pipe, at, left);
        done += used;
    } while (used > 0);
    memmove(pipe->in, pipe->in + done, pipe->in_len - done);
    pipe->in_len -= done;
}

/* ---- what we send ---- */

void peer_feed(struct peer *p, struct pipe *pipe, const uint8_t *bytes, size_t len)
{
    while (len > 0 && pipe->sf != NULL && p->conn != NULL) {
        struct mps_span spans[2];
        unsigned n = mps_subflow_rx_spans(pipe->sf, spans);
        size_t left = len < p->chunk ? len : p->chunk, fed = 0;

        CHECK(n <= 2);
        if (mps_subflow_state(pipe->sf) == MPS_SF_DEAD) {
            CHECK(n == 0);
            return;
        }
        CHECK(n > 0 && spans[0].n > 0);
        for (unsigned i = 0; i < n && left > 0; i++) {
            size_t part = spans[i].n < left ? spans[i].n : left;

            memcpy(spans[i].p, bytes + fed, part);
            fed += part;
            left -= part;
        }
        bytes += fed;
        len -= fed;
        if (mps_subflow_rx_done(pipe->sf, fed, p->now) < 0)
            CHECK(mps_subflow_state(pipe->sf) == MPS_SF_DEAD);
    }
}

void peer_send_dss(struct peer *p, struct pipe *pipe, const struct mps_dss *dss, int flip)
{
    static uint8_t buf[PEER_IN_MAX];
    size_t len = MPS_DSS_HEAD_LEN + dss->payload_len;
    uint64_t end = dss->dsn + dss->payload_len;

    mps_dss_encode_head(dss, buf);
    for (uint32_t i = 0; i < dss->payload_len; i++)
        buf[MPS_DSS_HEAD_LEN + i] = peer_pattern(dss->dsn + i, false);
    if (dss->checked) {
        uint32_t crc = mps_crc32c(0, buf + MPS_DSS_HEAD_LEN, dss->payload_len);

        for (unsigned i = 0; i < 4; i++)
            buf[len++] = (uint8_t)(crc >> (24 - 8 * i));
    }
    if (flip >= 0) {
        buf[(size_t)flip % len] ^= 0x10;
        p->tainted = true;
    }
    if (end > p->max_end)
        p->max_end = end;
    peer_feed(p, pipe, buf, len);
}

void peer_send_ctrl(struct peer *p, struct pipe *pipe, const struct mps_ctrl *ctrl, int flip)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len = mps_ctrl_encode(ctrl, buf);

    if (flip >= 0)
        buf[(size_t)flip % len] ^= 0x10;
    peer_feed(p, pipe, buf, len);
}

void peer_join(struct peer *p, bool bad, uint8_t from)
{
    struct mps_addr remote = addr(from & 1 ? 0 : 3, from & 1 ? 2 : 3 + from, 5000 + from);
    struct mps_join join = {
        .token = p->conn_token, .addr_id = from & 1 ? 0 : 9 + from, .backup = from & 4};
    struct mps_subflow *sf;
    struct pipe *pipe;

    if (p->conn == NULL)
        return;
    join.subflow_id = p->next_join_id;
    if (mps_conn_join_accept(p->conn, &join, &p->local, &remote, p->now, &sf) < 0)
        return;
    p->next_join_id += 2;
    pipe = free_pipe(p);
    attach(pipe, sf, bad);
    memset(pipe->nonce, 0, sizeof(pipe->nonce));
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
