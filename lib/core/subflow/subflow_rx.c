/* SPDX-License-Identifier: MIT */
/*
 * The receiving half of a subflow: opening messages, heads of frames, payloads. A payload lands
 * where reassembly keeps it; what was read beyond it lands in a small scratch area and is copied.
 */
#include <string.h>
#include "core/base/crc32c.h"
#include "core/conn/news.h"
#include "core/conn/opening.h"
#include "core/conn/state.h"
#include "core/receive/checks.h"
#include "core/receive/frames.h"
#include "core/receive/read.h"
#include "core/send/control.h"
#include "rx.h"

_Static_assert(MPS_REASM_RESERVE >= MPS_DSS_MAX_PAYLOAD, "it takes any payload");

void mps_sf_rx_clear(struct mps_subflow *sf)
{
    struct mps_rxmem *mem = sf->conn->rxmem;

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

/* How much may be read to the scratch area: what would be left over there has to have a place. */
static size_t scratch_room(const struct mps_subflow *sf)
{
    const struct mps_sf_rx *rx = &sf->rx;

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
        if (sf->conn->rxmem->holder)
            return n;
    }
    spans[n++] = (struct mps_span){sf->conn->rxmem->scratch, scratch_room(sf)};
    return n;
}

static void await_head(struct mps_sf_rx *rx)
{
    rx->mode = MPS_RX_HEAD;
    rx->have = 0;
    rx->need = MPS_FRAME_PREFIX_LEN;
}

static int payload_end(struct mps_subflow *sf, mps_time_t now)
{
    int r = mps_frames_payload(sf, now);

    if (r < 0)
        return r;
    await_head(&sf->rx);
    return 0;
}

/* n more bytes of the payload have arrived in their place. */
static int payload_moved(struct mps_subflow *sf, uint32_t n, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;

    rx->left -= n;
    sf->bytes_received += n;
    mps_meter_add(&sf->receiving, n, now);
    if (rx->left > 0)
        return 0;
    if (!rx->dss.checked)
        return payload_end(sf, now);
    rx->mode = MPS_RX_CRC;
    rx->have = 0;
    rx->need = MPS_PAYLOAD_CRC_LEN;
    return 0;
}

static int crc_end(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    uint32_t want = 0, crc = rx->crc;

    for (unsigned i = 0; i < MPS_PAYLOAD_CRC_LEN; i++)
        want = want << 8 | rx->buf[i];
    if (rx->chunk)
        crc = mps_crc32c(0, rx->chunk->data, rx->dss.payload_len);
    if (crc != want)
        return MPS_ECSUM;
    return payload_end(sf, now);
}

/* A whole head was collected. */
static int head_end(struct mps_subflow *sf, const struct mps_frame *f, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    int r;

    await_head(rx);
    sf->conn->rx.framed = true;
    if (f->skip) {
        rx->left = f->tail_len;
        if (rx->left > 0)
            rx->mode = MPS_RX_SKIP;
        return 0;
    }
    /* Padding says nothing: it follows HELLO before our answer is there. */
    sf->conn->rx.confirmed = true;
    if (f->type != MPS_FRAME_DSS)
        return mps_frames_ctrl(sf, &f->ctrl, now);
    rx->dss = f->dss;
    rx->crc = 0;
    r = mps_frames_head(sf, f, now);
    if (r < 0 || sf->state == MPS_SF_DEAD)
        return r;
    if (f->dss.payload_len == 0)
        return 0;
    rx->left = f->dss.payload_len;
    rx->mode = MPS_RX_PAYLOAD;
    return 0;
}

/* No memory for what the head announces: it stays where it is, and is taken again later. */
static void starve(struct mps_subflow *sf, size_t head_len, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;

    if (!rx->starved)
        rx->starved_at = now;
    rx->starved = true;
    rx->mode = MPS_RX_HEAD;
    rx->have = rx->need = (uint32_t)head_len;
    sf->conn->lack_at = now + MPS_LACK_RETRY;
}

/*
 * A payload that finds no place for long is let go, and comes again by the connection's own
 * repetition (repeat.h): acknowledgments may be behind it that let memory go here (I2).
 */
static void let_go(struct mps_subflow *sf, const struct mps_frame *f)
{
    sf->rx.left = f->dss.payload_len;
    sf->rx.mode = MPS_RX_PAYLOAD;
}

static bool waited_long(const struct mps_subflow *sf, mps_time_t now)
{
    return sf->rx.starved && now - sf->rx.starved_at >= MPS_LACK_WAIT;
}

/* As many bytes as were needed are there. */
static int head_there(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    size_t head_len, need;
    struct mps_frame f;
    int r = mps_frame_parse_head(rx->buf, rx->have, &f, &head_len, &need);

    if (r == MPS_FRAME_MORE) {
        if (need <= rx->have || need > sizeof(rx->buf))
            return MPS_EPROTO;
        rx->need = (uint32_t)need;
        return 0;
    }
    if (r == 0)
        r = head_end(sf, &f, now);
    if (r == MPS_ENOMEM && !waited_long(sf, now)) {
        starve(sf, head_len, now);
        return 0;
    }
    rx->starved = false;
    if (r != MPS_ENOMEM || f.type != MPS_FRAME_DSS)
        return r; /* a control frame is not repeated: the subflow ends if there is no memory for it */
    let_go(sf, &f);
    return 0;
}

static int feed_head(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_used,
                     mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    size_t n = rx->need - rx->have;

    if (n > len)
        n = len;
    memcpy(rx->buf + rx->have, p, n);
    rx->have += (uint32_t)n;
    *ret_used = n;
    return rx->have < rx->need ? 0 : head_there(sf, now);
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
            await_head(rx);
        return 0;
    }
    if (rx->chunk)
        memcpy(rx->chunk->data + (rx->chunk->len - rx->left), p, n);
    else if (rx->dss.checked)
        rx->crc = mps_crc32c(rx->crc, p, n);
    return payload_moved(sf, n, now);
}

static int feed_crc(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_used,
                    mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    size_t n = rx->need - rx->have;

    if (n > len)
        n = len;
    memcpy(rx->buf + rx->have, p, n);
    rx->have += (uint32_t)n;
    *ret_used = n;
    return rx->have < rx->need ? 0 : crc_end(sf, now);
}

/* All of it, or up to where memory is missing: *ret_left bytes are left then. */
static int feed(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_left,
                mps_time_t now)
{
    int r = 0;

    while (len > 0 && r == 0 && sf->state != MPS_SF_DEAD && !sf->rx.starved) {
        size_t used = 0;

        switch (sf->rx.mode) {
        case MPS_RX_OPENING:
            r = mps_open_rx(sf, p, len, &used, now);
            break;
        case MPS_RX_HEAD:
            r = feed_head(sf, p, len, &used, now);
            break;
        case MPS_RX_PAYLOAD:
        case MPS_RX_SKIP:
            r = feed_body(sf, p, len, &used, now);
            break;
        case MPS_RX_CRC:
            r = feed_crc(sf, p, len, &used, now);
            break;
        case MPS_RX_DEAF:
            used = len;
            break;
        }
        p += used;
        len -= used;
    }
    *ret_left = r == 0 && sf->state != MPS_SF_DEAD ? len : 0;
    return r;
}

/* What has just been read to the scratch area. */
static int feed_scratch(struct mps_subflow *sf, size_t len, mps_time_t now)
{
    struct mps_rxmem *mem = sf->conn->rxmem;
    size_t left;
    int r = feed(sf, mem->scratch, len, &left, now);

    if (left == 0)
        return r;
    if (mem->holder)
        return MPS_ENOMEM; /* the transport read more than it was to */
    mem->holder = sf;
    mem->held_at = 0;
    mem->held_len = (uint32_t)left;
    memcpy(mem->held, mem->scratch + (len - left), left);
    return 0;
}

/* What was kept when memory was missing. */
static int feed_held(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_rxmem *mem = sf->conn->rxmem;
    size_t left;
    int r;

    if (sf->rx.starved || mem->holder != sf)
        return 0;
    r = feed(sf, mem->held + mem->held_at, mem->held_len - mem->held_at, &left, now);
    mem->held_at = mem->held_len - (uint32_t)left;
    if (left == 0 && mem->holder == sf)
        mem->holder = NULL;
    return r;
}

static enum mps_reason reason_of(int error)
{
    switch (error) {
    case MPS_ENOMEM:
    case MPS_ELIMIT:
    case MPS_ECRYPTO:
        return MPS_REASON_RESOURCES;
    case MPS_ECREDIT:
        return MPS_REASON_TOO_MUCH_DATA;
    case MPS_ECHECK:
    case MPS_ECSUM:
        return MPS_REASON_MIDDLEBOX;
    case MPS_EAUTH:
        return MPS_REASON_BAD_HMAC;
    case MPS_EVERSION:
        return MPS_REASON_VERSION;
    default:
        return MPS_REASON_PROTOCOL;
    }
}

/* This subflow cannot go on; the others and the connection can. */
static void rx_failed(struct mps_subflow *sf, int error, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_end end = {MPS_END_FAILED, reason_of(error), error == MPS_ENOMEM};
    struct mps_ctrl fail = {.type = MPS_FRAME_FAIL};
    bool damaged;

    if (sf->state == MPS_SF_DEAD)
        return;
    if (error == MPS_ECSUM && c->phase == MPS_PH_OPEN) {
        fail.fail.subflow_id = sf->id;
        fail.fail.dsn = sf->rx.dss.dsn;
        /* SUBFLOW_CLOSE says the same with less detail; without memory for both, the reset. */
        (void)mps_control_queue(c, &fail);
    }
    /* Where the length has changed, anything may seem to be the next head. */
    damaged = sf->state == MPS_SF_ACTIVE &&
              (error == MPS_ECSUM || error == MPS_ECHECK || error == MPS_EPROTO);
    if (!damaged || !mps_news_last_words(sf, end.reason, now))
        mps_news_ended(sf, &end, now);
    if (damaged)
        mps_checks_damaged(c, sf->id, &sf->local, &sf->remote, now);
}

/* What follows from bytes that were fed. */
static int rx_end(struct mps_subflow *sf, int r, mps_time_t now)
{
    if (r == 0 && sf->state != MPS_SF_DEAD)
        mps_frames_early(sf, now);
    if (r < 0) {
        rx_failed(sf, r, now);
        if (sf->state != MPS_SF_DEAD)
            r = 0; /* it has some words left */
    } else if (sf->state == MPS_SF_DEAD) {
        r = MPS_ESTATE;
    }
    return r;
}

static void retry(struct mps_subflow *sf, mps_time_t now)
{
    int r;

    /* That nothing more is read of it is not the peer's silence. */
    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&sf->conn->peer, now);
    r = head_there(sf, now);
    if (r == 0)
        r = feed_held(sf, now);
    rx_end(sf, r, now);
}

void mps_read_retry(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    c->lack_at = MPS_NEVER;
    mps_for_each_subflow(sf, c) {
        if (sf->rx.starved)
            retry(sf, now);
    }
}

int mps_read_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_sf_rx *rx = &sf->rx;
    struct mps_conn *c = sf->conn;
    int r = 0;

    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&c->peer, now);
    if (rx->mode == MPS_RX_PAYLOAD && rx->chunk) {
        uint32_t k = n < rx->left ? (uint32_t)n : rx->left;

        n -= k;
        if (k > 0)
            r = payload_moved(sf, k, now);
    }
    if (n > MPS_SCRATCH)
        r = MPS_EINVAL;
    if (r == 0)
        r = feed_scratch(sf, n, now);
    return rx_end(sf, r, now);
}
