/* SPDX-License-Identifier: MIT */
/* The sending half of a subflow: control bytes and DSS frames become spans for the socket. */
#include "tx.h"
#include <string.h>
#include "core/base/crc32c.h"
#include "core/conn/query.h"
#include "core/trace/emit.h"

static struct mps_tx_frame *frame_at(struct mps_sf_tx *tx, uint32_t i)
{
    return &tx->frames[(tx->first + i) & (tx->size - 1)];
}

void mps_sf_tx_init(struct mps_subflow *sf)
{
    sf->tx.frames = sf->tx.few;
    sf->tx.size = MPS_SF_FRAMES_FEW;
    sf->tx.first = sf->tx.n = 0;
}

/* The ring is empty: an idle subflow holds no more than it needs. */
static void shrink(struct mps_subflow *sf)
{
    if (sf->tx.frames != sf->tx.few)
        mps_free(sf->conn->env.mem, sf->tx.frames);
    mps_sf_tx_init(sf);
}

bool mps_sf_tx_reserve(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    uint32_t n = tx->n;
    struct mps_tx_frame *ring;

    if (n < tx->size)
        return true;
    if (n == MPS_SF_FRAMES)
        return false;
    ring = mps_alloc(sf->conn->env.mem, MPS_SF_FRAMES * sizeof(*ring));
    if (!ring)
        return false;
    for (uint32_t i = 0; i < n; i++)
        ring[i] = *frame_at(tx, i);
    tx->frames = ring;
    tx->size = MPS_SF_FRAMES;
    tx->first = 0;
    return true;
}

static uint32_t frame_len(const struct mps_tx_frame *f)
{
    return MPS_DSS_HEAD_LEN + f->len + (f->checked ? MPS_PAYLOAD_CRC_LEN : 0);
}

static void unseal(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    if (f->sealed)
        mps_sendq_unpin(&sf->conn->tx.sendq, &f->pin);
    f->sealed = false;
}

static void drop_first(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_tx_frame *f = frame_at(tx, 0);

    unseal(sf, f);
    tx->queued -= f->len;
    tx->first = (tx->first + 1) & (tx->size - 1);
    if (--tx->n == 0)
        shrink(sf);
}

/* Leaves out the bytes that were acknowledged while the frame waited. */
static void trim(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    uint64_t acked = sf->conn->tx.acked;
    uint32_t cut;

    if (f->dsn >= acked)
        return;
    cut = acked - f->dsn < f->len ? (uint32_t)(acked - f->dsn) : f->len;
    f->dsn += cut;
    f->len -= cut;
    sf->tx.queued -= cut;
}

static void sum(struct mps_tx_frame *f)
{
    uint32_t crc = 0;

    for (unsigned i = 0; i < f->pin.n; i++)
        crc = mps_crc32c(crc, f->pin.spans[i].p, f->pin.spans[i].n);
    for (unsigned i = 0; i < MPS_PAYLOAD_CRC_LEN; i++)
        f->crc[i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* With the newest acknowledgment and credit, which count as sent then. */
static void encode_head(struct mps_subflow *sf, struct mps_dss *dss, uint8_t *out)
{
    struct mps_conn *c = sf->conn;
    uint64_t before = c->flow.announced;

    dss->data_ack = mps_conn_rcv_nxt(c);
    dss->credit = mps_flow_announce(&c->flow);
    if (dss->data_ack != sf->tx.told || dss->credit > before)
        MPS_TRACE(c, sf, ACK_SENT, ack_sent, .data_ack = dss->data_ack, .credit = dss->credit);
    dss->ctrl_ack = mps_ctrlq_rx_expected(&c->rx.ctrlq);
    dss->timestamp_us = (uint32_t)(c->now / MPS_USEC);
    sf->tx.told = dss->data_ack;
    mps_dss_encode_head(dss, out);
}

/* Make the bytes of a frame final. It carries the newest acknowledgment. */
static bool seal(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    struct mps_conn *c = sf->conn;
    struct mps_dss dss;

    if (f->sealed)
        return true;
    trim(sf, f);
    if (mps_sendq_pin(&c->tx.sendq, f->dsn, f->len, &f->pin) < 0)
        return false;
    f->sealed = true;
    f->checked = f->len > 0 && mps_sf_checks_wanted(sf);
    if (f->checked)
        sum(f);
    dss = (struct mps_dss){
        .flags = f->flags, .checked = f->checked, .payload_len = f->len, .dsn = f->dsn};
    /* Each copy says so: whichever comes first brings the byte and the flag together. */
    if (f->len > 0 && f->dsn + f->len == c->tx.urgent_end)
        dss.flags |= MPS_DSS_URGENT;
    encode_head(sf, &dss, f->head);
    if (!sf->stale.stale)
        mps_ack_sent(&c->rx.ack);
    sf->tx.ack_due = false;
    return true;
}

/* Frames not begun whose data the peer has by now are not sent. */
static void skip_acked(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_conn *c = sf->conn;

    while (tx->n > 0) {
        struct mps_tx_frame *f = frame_at(tx, 0);
        uint64_t end = f->dsn + f->len + (f->flags & MPS_DSS_FIN ? 1 : 0);

        if (f->off > 0 || end > c->tx.acked)
            return;
        if (f->sealed)
            tx->told = 0; /* what it was to acknowledge has not been */
        drop_first(sf);
    }
}

struct span_out {
    struct mps_span *spans;
    unsigned n, max;
};

/* Add p[0..n) without its first *skip bytes. */
static void out(struct span_out *o, uint8_t *p, size_t n, size_t *skip)
{
    if (*skip >= n) {
        *skip -= n;
        return;
    }
    if (o->n < o->max)
        o->spans[o->n++] = (struct mps_span){p + *skip, n - *skip};
    *skip = 0;
}

static void out_frame(struct span_out *o, struct mps_tx_frame *f)
{
    size_t skip = f->off;

    out(o, f->head, MPS_DSS_HEAD_LEN, &skip);
    for (unsigned i = 0; i < f->pin.n; i++)
        out(o, f->pin.spans[i].p, f->pin.spans[i].n, &skip);
    if (f->checked)
        out(o, f->crc, MPS_PAYLOAD_CRC_LEN, &skip);
}

/*
 * Turn a due acknowledgment into bytes, over an older one that the socket has not begun. A data
 * frame that goes out next carries it instead.
 */
static void place_ack(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_conn *c = sf->conn;
    struct mps_dss dss = {.flags = tx->ack_flags, .dsn = mps_rtxq_tail(&c->tx.rtxq)};

    if (!tx->ack_due)
        return;
    if (tx->n > 0 && frame_at(tx, 0)->off == 0 && !frame_at(tx, 0)->sealed && tx->ctrl_len == 0 &&
        !tx->ack_flags)
        return;
    if (tx->ack_at >= tx->ctrl_off && tx->ack_at < tx->ctrl_len)
        tx->ctrl_len = tx->ack_at;
    else if (tx->ctrl_len + MPS_DSS_HEAD_LEN > MPS_SF_CTRL)
        return;
    tx->ack_at = tx->ctrl_len;
    encode_head(sf, &dss, tx->ctrl + tx->ctrl_len);
    tx->ctrl_len += MPS_DSS_HEAD_LEN;
    tx->ack_due = false;
    tx->ack_flags = 0;
}

/* As soon as TCP tells how much suits the path. */
static void place_padding(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    if (!tx->pad_asked || !sf->measured)
        return;
    tx->pad_asked = false;
    if (tx->n == 0 && mps_conn_unsent(sf->conn) == 0)
        mps_padding_make(&tx->padding, &sf->m);
}

static void out_padding(struct span_out *o, const struct mps_sf_tx *tx)
{
    o->n += mps_padding_spans(&tx->padding, o->spans + o->n, o->max - o->n);
}

unsigned mps_subflow_tx_spans(struct mps_subflow *sf, struct mps_span *spans, unsigned max)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct span_out o = {.spans = spans, .max = max};
    bool padding_first = mps_padding_is_begun(&tx->padding);
    uint32_t i = 0;
    size_t skip;

    if (sf->state == MPS_SF_DEAD || sf->state == MPS_SF_CONNECTING)
        return 0;
    if (tx->ctrl_off < tx->alone) {
        skip = tx->ctrl_off;
        out(&o, tx->ctrl, tx->alone, &skip);
        return o.n;
    }
    skip_acked(sf);
    if (tx->n > 0 && frame_at(tx, 0)->off > 0)
        out_frame(&o, frame_at(tx, i++));
    if (padding_first)
        out_padding(&o, tx);
    place_ack(sf);
    place_padding(sf);
    skip = tx->ctrl_off;
    out(&o, tx->ctrl, tx->ctrl_len, &skip);
    if (!padding_first)
        out_padding(&o, tx);
    for (; i < tx->n && o.n < max; i++) {
        struct mps_tx_frame *f = frame_at(tx, i);

        if (!seal(sf, f))
            break;
        out_frame(&o, f);
    }
    return o.n;
}

/* The socket took up to n bytes of the first frame; returns how many. */
static size_t frame_taken(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_tx_frame *f = frame_at(&sf->tx, 0);
    size_t left = frame_len(f) - f->off;

    if (n < left) {
        f->off += (uint32_t)n;
        return n;
    }
    sf->bytes_sent += f->len;
    mps_meter_add(&sf->sending, f->len, now);
    drop_first(sf);
    return left;
}

void mps_sf_tx_taken(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_conn *c = sf->conn;
    size_t k;

    tx->taken += n;
    if (n > 0 && tx->n > 0 && frame_at(tx, 0)->off > 0)
        n -= frame_taken(sf, n, now);
    if (mps_padding_is_begun(&tx->padding))
        n -= mps_padding_taken(&tx->padding, n);
    k = tx->ctrl_len - tx->ctrl_off;
    if (k > n)
        k = n;
    tx->ctrl_off += (uint32_t)k;
    n -= k;
    if (tx->ctrl_off == tx->ctrl_len)
        tx->ctrl_off = tx->ctrl_len = tx->ack_at = tx->alone = 0;
    n -= mps_padding_taken(&tx->padding, n);
    while (n > 0 && tx->n > 0 && frame_at(tx, 0)->sealed) {
        if (c->phase == MPS_PH_OPENING)
            c->tx.early_taken = true;
        n -= frame_taken(sf, n, now);
    }
    mps_sf_tx_probe(sf, now);
}

void mps_sf_tx_probe(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING};
    uint8_t buf[MPS_CTRL_MAX_LEN];
    bool asked = sf->stale.asked_at != 0;

    if (!sf->split || sf->state != MPS_SF_ACTIVE ||
        !mps_split_due(sf->split, sf->bytes_sent, now) ||
        sf->tx.ctrl_len + MPS_CTRL_MAX_LEN + 2 * MPS_DSS_HEAD_LEN > MPS_SF_CTRL)
        return;
    ping.ping.opaque = mps_split_ask(sf->split, sf->bytes_sent, now);
    mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&ping, buf));
    /* The box answers TCP even when the path behind it is dead. */
    if (!asked)
        mps_stale_asked(&sf->stale, &sf->m, now);
}

bool mps_sf_tx_ctrl(struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    struct mps_sf_tx *tx = &sf->tx;

    /* The place of two acknowledgments stays free: they never have to wait. */
    if (tx->ctrl_len + len + 2 * MPS_DSS_HEAD_LEN > MPS_SF_CTRL)
        return false;
    memcpy(tx->ctrl + tx->ctrl_len, bytes, len);
    tx->ctrl_len += (uint32_t)len;
    tx->ack_at = tx->ctrl_len;
    if (sf->conn->env.trace)
        mps_trace_control(sf, bytes, len);
    return true;
}

bool mps_sf_tx_frame(struct mps_subflow *sf, uint64_t dsn, uint32_t len, uint8_t flags)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_tx_frame *f;

    if (!mps_sf_tx_reserve(sf))
        return false;
    f = frame_at(tx, tx->n++);
    f->dsn = dsn;
    f->len = len;
    f->flags = flags;
    f->off = 0;
    f->sealed = f->checked = false;
    tx->queued += len;
    return true;
}

bool mps_sf_tx_empty(const struct mps_subflow *sf)
{
    return sf->tx.n == 0 && sf->tx.ctrl_off == sf->tx.ctrl_len && !sf->tx.ack_due &&
           !mps_padding_is_there(&sf->tx.padding);
}

void mps_sf_tx_clear(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    while (tx->n > 0 && frame_at(tx, tx->n - 1)->off == 0) {
        struct mps_tx_frame *f = frame_at(tx, tx->n - 1);

        unseal(sf, f);
        tx->queued -= f->len;
        if (--tx->n == 0)
            shrink(sf);
    }
}

void mps_sf_tx_deinit(struct mps_subflow *sf)
{
    while (sf->tx.n > 0)
        drop_first(sf);
    sf->tx.ctrl_off = sf->tx.ctrl_len = sf->tx.ack_at = sf->tx.alone = 0;
    sf->tx.ack_due = false;
}
