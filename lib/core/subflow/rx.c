/* SPDX-License-Identifier: MIT */
#include "rx.h"
#include <string.h>
#include "core/base/err.h"
#include "core/conn/handshake.h"

_Static_assert(MPS_REASM_RESERVE >= MPS_DSS_MAX_PAYLOAD, "it takes any payload");

int mps_sf_rx_init(struct mps_subflow *sf)
{
    sf->rx.mode = MPS_RX_OPENING;
    sf->rx.opening = mps_alloc_raw(sf->conn->env.mem, MPS_OPENING_MAX_LEN);
    return sf->rx.opening ? 0 : MPS_ENOMEM;
}

/* Most of their lives subflows have no opening message: thousands that are idle hold none. */
static void forget_opening(struct mps_subflow *sf)
{
    if (!sf->rx.opening)
        return;
    mps_free(sf->conn->env.mem, sf->rx.opening);
    sf->rx.opening = NULL;
    sf->rx.have = 0;
}

void mps_sf_rx_begin(struct mps_subflow *sf)
{
    forget_opening(sf);
    mps_sf_rx_await_head(&sf->rx);
}

void mps_sf_rx_clear(struct mps_subflow *sf)
{
    struct mps_rxmem *mem = sf->conn->rxmem;

    forget_opening(sf);
    mps_reasm_abandon(&sf->conn->rx.reasm, sf->rx.chunk);
    sf->rx.chunk = NULL;
    sf->rx.starved = false;
    if (mem->holder == sf)
        mem->holder = NULL;
}

bool mps_subflow_rx_waits(const struct mps_subflow *sf)
{
    return sf->rx.starved;
}

/* Payloads that come may go around the core: what is read is to end before them. */
static bool is_narrow(const struct mps_subflow *sf)
{
    return sf->conn->rx.bypass && sf->rx.bulk >= MPS_RX_BULK_AFTER;
}

/* How much may be read to the scratch area: what would be left over there has to have a place. */
static size_t scratch_room(const struct mps_subflow *sf)
{
    const struct mps_sf_rx *rx = &sf->rx;

    /* A shorter frame may be next, so that a part of another head comes, too. */
    if (rx->mode == MPS_RX_HEAD && rx->have < MPS_DSS_HEAD_LEN && !sf->conn->rxmem->holder &&
        is_narrow(sf))
        return MPS_DSS_HEAD_LEN - rx->have;
    if (!sf->conn->rxmem->holder || rx->mode == MPS_RX_DEAF)
        return MPS_SCRATCH;
    if (rx->mode == MPS_RX_OPENING)
        return 1; /* its length is not known before */
    if (rx->mode == MPS_RX_PAYLOAD || rx->mode == MPS_RX_SKIP)
        return rx->left < MPS_SCRATCH ? rx->left : MPS_SCRATCH;
    return rx->need - rx->have;
}

unsigned mps_subflow_rx_spans(struct mps_subflow *sf, struct mps_span spans[2])
{
    struct mps_sf_rx *rx = &sf->rx;
    unsigned n = 0;

    if (sf->state == MPS_SF_DEAD || rx->starved)
        return 0;
    if (rx->mode == MPS_RX_PAYLOAD && rx->chunk) {
        uint8_t *p = rx->chunk->data + (rx->chunk->len - rx->left);

        spans[n++] = (struct mps_span){p, rx->left};
        if (sf->conn->rxmem->holder || is_narrow(sf))
            return n;
    }
    spans[n++] = (struct mps_span){sf->conn->rxmem->scratch, scratch_room(sf)};
    return n;
}

/* ---- the parser ---- */

void mps_sf_rx_await_head(struct mps_sf_rx *rx)
{
    rx->mode = MPS_RX_HEAD;
    rx->have = 0;
    rx->need = MPS_FRAME_PREFIX_LEN;
}

void mps_sf_rx_expect_payload(struct mps_sf_rx *rx)
{
    rx->left = rx->dss.payload_len;
    rx->mode = MPS_RX_PAYLOAD;
    if (rx->dss.checked || rx->left < MPS_RX_BULK_MIN)
        rx->bulk = 0;
    else if (rx->bulk < MPS_RX_BULK_AFTER)
        rx->bulk++;
}

void mps_sf_rx_starve(struct mps_sf_rx *rx, size_t head_len, mps_time_t now)
{
    if (!rx->starved)
        rx->starved_at = now;
    rx->starved = true;
    rx->mode = MPS_RX_HEAD;
    rx->have = rx->need = (uint32_t)head_len;
}

/* Bytes of a frame have come, before FINISHED perhaps. */
static int heard(struct mps_subflow *sf, const uint8_t *p, size_t n)
{
    struct mps_conn *c = sf->conn;

    return sf->rx.early ? mps_early_add(&c->early, c->env.crypto, p, n) : 0;
}

static int payload_end(struct mps_sf_rx *rx)
{
    mps_sf_rx_await_head(rx);
    return MPS_FOUND_PAYLOAD;
}

/* n more bytes of the payload have arrived in their place, and are at p, too. */
static int payload_moved(struct mps_subflow *sf, const uint8_t *p, uint32_t n, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    int r = heard(sf, p, n);

    if (r < 0)
        return r;
    rx->left -= n;
    sf->bytes_received += n;
    mps_meter_add(&sf->receiving, n, now);
    if (rx->left > 0)
        return MPS_FOUND_NOTHING;
    if (!rx->dss.checked)
        return payload_end(rx);
    rx->mode = MPS_RX_MAC;
    rx->have = 0;
    rx->need = MPS_MAC_LEN;
    return MPS_FOUND_NOTHING;
}

/* Of a payload of which no byte is kept it does not matter. */
static int mac_end(struct mps_subflow *sf)
{
    struct mps_sf_rx *rx = &sf->rx;
    int r = heard(sf, rx->buf, MPS_MAC_LEN);

    if (r == 0 && rx->chunk)
        r = mps_seal_check_payload(sf->conn->env.crypto, &rx->seal, rx->number, rx->chunk->data,
                                   rx->dss.payload_len, rx->buf);
    return r < 0 ? r : payload_end(rx);
}

/*
 * The MAC of the head that is in the buffer. FINISHED is the first frame under the key of the
 * client; all before it is vouched for by what FINISHED says.
 */
static int unseal(struct mps_subflow *sf, size_t head_len)
{
    const struct mps_crypto *crypto = sf->conn->env.crypto;
    struct mps_sf_rx *rx = &sf->rx;
    bool finished = rx->early && rx->buf[0] == MPS_FRAME_FINISHED;
    int r;

    if (finished) {
        mps_seal_deinit(&rx->seal, crypto);
        mps_seal_init(&rx->seal, sf->conn->handshake->frames_key);
    }
    r = mps_seal_check_head(crypto, &rx->seal, rx->seal.next, rx->buf, head_len - MPS_MAC_LEN);
    if (r == 0 && !finished)
        r = heard(sf, rx->buf, head_len);
    if (r < 0)
        return r;
    rx->number = rx->seal.next++;
    return 0;
}

int mps_sf_rx_head(struct mps_subflow *sf, struct mps_found *found)
{
    struct mps_sf_rx *rx = &sf->rx;
    struct mps_frame *f = &found->frame;
    size_t need;
    int r = mps_frame_head(rx->buf, rx->have, &found->head_len, &need);

    if (r == MPS_FRAME_MORE) {
        if (need <= rx->have || need > sizeof(rx->buf))
            return MPS_EPROTO;
        rx->need = (uint32_t)need;
        return MPS_FOUND_NOTHING;
    }
    /* A head that has waited for memory was looked at before. */
    if (r == 0 && (!rx->starved || rx->unchecked))
        r = unseal(sf, found->head_len);
    rx->unchecked = r == MPS_ECRYPTO;
    if (r == 0)
        r = mps_frame_parse(rx->buf, found->head_len, f);
    if (r < 0)
        return r;
    mps_sf_rx_await_head(rx);
    if (f->skip) {
        rx->left = f->tail_len;
        if (rx->left > 0)
            rx->mode = MPS_RX_SKIP;
    } else if (f->type == MPS_FRAME_DSS) {
        rx->dss = f->dss;
    }
    return MPS_FOUND_FRAME;
}

/* Into `buf`, which is to hold `need` bytes; returns how many were taken. */
static size_t collect(struct mps_sf_rx *rx, uint8_t *buf, size_t need, const uint8_t *p, size_t len)
{
    size_t n = need - rx->have;

    if (n > len)
        n = len;
    memcpy(buf + rx->have, p, n);
    rx->have += (uint32_t)n;
    return n;
}

static int feed_opening(struct mps_sf_rx *rx, const uint8_t *p, size_t len, size_t *ret_used,
                        struct mps_found *found)
{
    size_t msg_len, before = rx->have;
    int r;

    *ret_used = collect(rx, rx->opening, MPS_OPENING_MAX_LEN, p, len);
    r = mps_opening_parse(rx->opening, rx->have, &found->message, &msg_len);
    if (r == MPS_OPENING_MORE)
        return rx->have < MPS_OPENING_MAX_LEN ? MPS_FOUND_NOTHING : MPS_EPROTO;
    if (r != 0)
        return r > 0 ? MPS_EPROTO : r;
    *ret_used = msg_len - before; /* what follows is the frame layer's */
    return MPS_FOUND_MESSAGE;
}

/* Payload or skipped bytes that were read into the scratch area. */
static int feed_body(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_used,
                     mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    uint32_t n = len < rx->left ? (uint32_t)len : rx->left;

    *ret_used = n;
    if (rx->mode == MPS_RX_SKIP) {
        rx->left -= n;
        if (rx->left == 0)
            mps_sf_rx_await_head(rx);
        return heard(sf, p, n) < 0 ? MPS_ECRYPTO : MPS_FOUND_NOTHING;
    }
    if (rx->chunk)
        memcpy(rx->chunk->data + (rx->chunk->len - rx->left), p, n);
    return payload_moved(sf, p, n, now);
}

int mps_sf_rx_feed(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_used,
                   struct mps_found *found, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;

    switch (rx->mode) {
    case MPS_RX_OPENING:
        return feed_opening(rx, p, len, ret_used, found);
    case MPS_RX_HEAD:
        *ret_used = collect(rx, rx->buf, rx->need, p, len);
        return rx->have < rx->need ? MPS_FOUND_NOTHING : mps_sf_rx_head(sf, found);
    case MPS_RX_PAYLOAD:
    case MPS_RX_SKIP:
        return feed_body(sf, p, len, ret_used, now);
    case MPS_RX_MAC:
        *ret_used = collect(rx, rx->buf, rx->need, p, len);
        return rx->have < rx->need ? MPS_FOUND_NOTHING : mac_end(sf);
    case MPS_RX_DEAF:
        break;
    }
    *ret_used = len;
    return MPS_FOUND_NOTHING;
}

int mps_sf_rx_landed(struct mps_subflow *sf, size_t n, size_t *ret_used, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    uint32_t k = n < rx->left ? (uint32_t)n : rx->left;

    *ret_used = 0;
    if (rx->mode != MPS_RX_PAYLOAD || !rx->chunk || k == 0)
        return MPS_FOUND_NOTHING;
    *ret_used = k;
    return payload_moved(sf, rx->chunk->data + (rx->chunk->len - rx->left), k, now);
}

int mps_sf_rx_bypassed(struct mps_subflow *sf, uint32_t n, mps_time_t now)
{
    return payload_moved(sf, NULL, n, now); /* nothing of it is hashed: it is not early */
}
