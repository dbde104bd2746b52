/* SPDX-License-Identifier: MIT */
/* The sending half of a subflow: control bytes and DSS frames become spans for the socket. */
#include "tx.h"
#include <string.h>
#include "core/conn/early.h"
#include "core/conn/query.h"
#include "core/trace/emit.h"
#include "txctrl.h"
#include "txframes.h"

void mps_sf_tx_init(struct mps_subflow *sf)
{
    mps_sf_frames_init(&sf->tx);
    mps_sf_ctrl_init(&sf->tx);
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
    if (c->role == MPS_ROLE_SERVER && !c->handshake)
        dss->flags |= MPS_DSS_VOUCHED;
    dss->timestamp_us = (uint32_t)(c->now / MPS_USEC);
    sf->tx.told = dss->data_ack;
    mps_dss_encode_head(dss, out);
}

/* 0, or it has to be tried again, which is seen to. */
static int seal_head(struct mps_subflow *sf, uint64_t number, uint8_t *head, size_t len)
{
    struct mps_conn *c = sf->conn;
    int r = mps_seal_head(c->env.crypto, &sf->tx.seal, number, head, len);

    if (r < 0)
        c->lack_at = c->now + MPS_LACK_RETRY;
    return r;
}

/* Head and MACs for this place on the wire. The head carries the newest acknowledgment. */
static bool seal(struct mps_subflow *sf, struct mps_tx_frame *f, uint64_t number)
{
    const struct mps_crypto *crypto = sf->conn->env.crypto;
    struct mps_conn *c = sf->conn;
    struct mps_dss dss;

    if (!mps_sf_frame_cut(sf, f))
        return false;
    if (f->number == number && !sf->tx.ack_due)
        return true;
    if (f->number != number && f->checked &&
        mps_seal_payload(crypto, &sf->tx.seal, number, f->pin.spans, f->pin.n, f->mac) < 0) {
        f->number = MPS_TX_UNSEALED;
        c->lack_at = c->now + MPS_LACK_RETRY;
        return false;
    }
    f->number = MPS_TX_UNSEALED;
    dss = (struct mps_dss){
        .flags = f->flags, .checked = f->checked, .payload_len = f->len, .dsn = f->dsn};
    /* Each copy says so: whichever comes first brings the byte and the flag together. */
    if (f->len > 0 && f->dsn + f->len == c->tx.urgent_end)
        dss.flags |= MPS_DSS_URGENT;
    encode_head(sf, &dss, f->head);
    if (seal_head(sf, number, f->head, MPS_DSS_OPEN_LEN) < 0)
        return false;
    f->number = number;
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
        struct mps_tx_frame *f = mps_sf_frame_at(tx, 0);
        uint64_t end = f->dsn + f->len + (f->flags & MPS_DSS_FIN ? 1 : 0);

        if (f->off > 0 || end > c->tx.acked)
            return;
        if (mps_sf_frame_is_sealed(f))
            tx->told = 0; /* what it was to acknowledge has not been */
        mps_sf_frames_drop_first(sf);
    }
}

/* Bytes to send become spans, or go into the hash of the early bytes. */
struct span_out {
    struct mps_span *spans;
    unsigned n, max;
    struct mps_conn *hashed; /* NULL: no hash */
    size_t left;             /* bytes to be hashed */
    int error;
};

static void out_hash(struct span_out *o, const uint8_t *p, size_t n)
{
    if (n > o->left)
        n = o->left;
    o->left -= n;
    if (n > 0 && o->error == 0)
        o->error = mps_early_add(&o->hashed->early, o->hashed->env.crypto, p, n);
}

/* Add p[0..n) without its first *skip bytes. */
static void out(struct span_out *o, uint8_t *p, size_t n, size_t *skip)
{
    if (*skip >= n) {
        *skip -= n;
        return;
    }
    if (o->hashed)
        out_hash(o, p + *skip, n - *skip);
    else if (o->n < o->max)
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
        out(o, f->mac, MPS_MAC_LEN, &skip);
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
    uint8_t head[MPS_DSS_HEAD_LEN];
    uint32_t at = tx->ctrl_len;
    uint64_t number = tx->seal.next;

    if (!tx->ack_due || !tx->seal.there)
        return;
    if (tx->n > 0 && mps_sf_frame_at(tx, 0)->off == 0 && tx->ctrl_len == 0 && !tx->ack_flags)
        return;
    if (tx->ack_at >= tx->ctrl_off && tx->ack_at < tx->ctrl_len) {
        at = tx->ack_at;
        number--;
    } else if (!mps_sf_ctrl_reserve(sf, MPS_DSS_HEAD_LEN)) {
        return;
    }
    encode_head(sf, &dss, head);
    if (seal_head(sf, number, head, MPS_DSS_OPEN_LEN) < 0)
        return; /* the older one stays */
    memcpy(tx->ctrl + at, head, sizeof(head));
    tx->ack_at = at;
    tx->ctrl_len = at + MPS_DSS_HEAD_LEN;
    tx->seal.next = number + 1;
    tx->ack_due = false;
    tx->ack_flags = 0;
}

/* Is there still nothing better to send? A join that is not confirmed may carry nothing else. */
static bool padding_pays(const struct mps_subflow *sf)
{
    if (sf->id != 0)
        return sf->state == MPS_SF_OPENING;
    return sf->tx.n == 0 && mps_conn_unsent(sf->conn) == 0;
}

/* As soon as TCP tells how much suits the path. */
static void place_padding(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    if (!tx->pad_asked || !sf->measured)
        return;
    tx->pad_asked = false;
    if (padding_pays(sf))
        mps_padding_make(&tx->padding, &sf->m);
}

static void out_padding(struct span_out *o, const struct mps_sf_tx *tx)
{
    /* A client has none while it hashes. */
    o->n += mps_padding_spans(&tx->padding, o->spans + o->n, o->max - o->n);
}

unsigned mps_subflow_tx_spans(struct mps_subflow *sf, struct mps_span *spans, unsigned max)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct span_out o = {.spans = spans, .max = max};
    bool padding_first = mps_padding_is_begun(&tx->padding);
    uint64_t number;
    uint32_t i = 0;
    size_t skip;

    if (sf->state == MPS_SF_DEAD || sf->state == MPS_SF_CONNECTING)
        return 0;
    if (tx->apart && tx->ctrl_off < tx->greeting) {
        skip = tx->ctrl_off;
        out(&o, tx->ctrl, tx->greeting, &skip);
        return o.n;
    }
    skip_acked(sf);
    if (tx->n > 0 && mps_sf_frame_at(tx, 0)->off > 0)
        out_frame(&o, mps_sf_frame_at(tx, i++));
    if (padding_first)
        out_padding(&o, tx);
    place_ack(sf);
    place_padding(sf);
    skip = tx->ctrl_off;
    out(&o, tx->ctrl, tx->ctrl_len, &skip);
    number = tx->seal.next;
    if (!padding_first && mps_padding_is_there(&tx->padding)) {
        if (mps_padding_seal(&tx->padding, sf->conn->env.crypto, &tx->seal, number++) < 0) {
            sf->conn->lack_at = sf->conn->now + MPS_LACK_RETRY;
            return o.n;
        }
        out_padding(&o, tx);
    }
    for (; i < tx->n && o.n < max; i++) {
        struct mps_tx_frame *f = mps_sf_frame_at(tx, i);

        if (!seal(sf, f, number++))
            break;
        out_frame(&o, f);
    }
    return o.n;
}

/* The first n bytes of what was offered go into the hash of the early bytes, or all that are final.
 */
static int hash_early(struct mps_subflow *sf, size_t n, bool final)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct span_out o = {.hashed = sf->conn, .left = n};
    size_t skip, hello = tx->ctrl_off < tx->greeting ? tx->greeting - tx->ctrl_off : 0;
    uint32_t i = 0;

    if (hello > 0 && (final || n <= hello))
        return 0; /* HELLO itself is not in it */
    o.left -= hello;
    if (tx->n > 0 && mps_sf_frame_at(tx, 0)->off > 0)
        out_frame(&o, mps_sf_frame_at(tx, i++));
    skip = tx->ctrl_off + hello;
    out(&o, tx->ctrl, tx->ctrl_len, &skip);
    for (; !final && i < tx->n && o.left > 0 && mps_sf_frame_is_sealed(mps_sf_frame_at(tx, i)); i++)
        out_frame(&o, mps_sf_frame_at(tx, i));
    return o.error;
}

int mps_sf_tx_end_early(struct mps_subflow *sf)
{
    return hash_early(sf, SIZE_MAX, true);
}

/* The socket took up to n bytes of the first frame; returns how many. */
static size_t frame_taken(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_tx_frame *f = mps_sf_frame_at(&sf->tx, 0);
    size_t left = mps_sf_frame_len(f) - f->off;

    if (f->off == 0)
        sf->tx.seal.next++;
    if (n < left) {
        f->off += (uint32_t)n;
        return n;
    }
    sf->bytes_sent += f->len;
    mps_meter_add(&sf->sending, f->len, now);
    mps_sf_frames_drop_first(sf);
    return left;
}

void mps_sf_tx_taken(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_conn *c = sf->conn;
    size_t k;

    if (c->phase == MPS_PH_OPENING && sf->id == 0)
        (void)hash_early(sf, n, false); /* what failed shows at the end */
    tx->taken += n;
    if (n > 0 && tx->n > 0 && mps_sf_frame_at(tx, 0)->off > 0)
        n -= frame_taken(sf, n, now);
    if (mps_padding_is_begun(&tx->padding))
        n -= mps_padding_taken(&tx->padding, n);
    k = tx->ctrl_len - tx->ctrl_off;
    if (k > n)
        k = n;
    tx->ctrl_off += (uint32_t)k;
    n -= k;
    if (tx->ctrl_off == tx->ctrl_len)
        mps_sf_ctrl_clear(sf);
    if (n > 0 && mps_padding_is_there(&tx->padding)) {
        tx->seal.next++;
        n -= mps_padding_taken(&tx->padding, n);
    }
    while (n > 0 && tx->n > 0 && mps_sf_frame_is_sealed(mps_sf_frame_at(tx, 0))) {
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
        !mps_split_due(sf->split, sf->bytes_sent, now) || !mps_sf_ctrl_place(sf, MPS_CTRL_MAX_LEN))
        return;
    ping.ping.opaque = mps_split_ask(sf->split, sf->bytes_sent, now);
    mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&ping, buf));
    /* The box answers TCP even when the path behind it is dead. */
    if (!asked)
        mps_stale_asked(&sf->stale, &sf->m, now);
}

bool mps_sf_tx_message(struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    uint8_t *place = mps_sf_ctrl_place(sf, len);

    if (!place)
        return false;
    memcpy(place, bytes, len);
    mps_sf_ctrl_added(&sf->tx, len);
    return true;
}

bool mps_sf_tx_ctrl(struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    struct mps_sf_tx *tx = &sf->tx;
    uint8_t *place = mps_sf_ctrl_place(sf, len + MPS_MAC_LEN);

    if (!place || !tx->seal.there)
        return false;
    memcpy(place, bytes, len);
    if (seal_head(sf, tx->seal.next, place, len) < 0)
        return false;
    tx->seal.next++;
    mps_sf_ctrl_added(tx, len + MPS_MAC_LEN);
    if (sf->conn->env.trace)
        mps_trace_control(sf, place, len + MPS_MAC_LEN);
    return true;
}

void mps_sf_tx_rekey(struct mps_subflow *sf, const uint8_t key[MPS_MAC_KEY_LEN])
{
    struct mps_sf_tx *tx = &sf->tx;

    mps_seal_deinit(&tx->seal, sf->conn->env.crypto);
    mps_seal_init(&tx->seal, key);
    tx->ack_at = tx->ctrl_len; /* an acknowledgment that waits is under the old one */
    for (uint32_t i = 0; i < tx->n; i++) {
        mps_sf_frame_at(tx, i)->number = mps_sf_frame_at(tx, i)->off > 0 ? 0 : MPS_TX_UNSEALED;
    }
}

bool mps_sf_tx_empty(const struct mps_subflow *sf)
{
    return sf->tx.n == 0 && sf->tx.ctrl_off == sf->tx.ctrl_len && !sf->tx.ack_due &&
           !mps_padding_is_there(&sf->tx.padding);
}

void mps_sf_tx_deinit(struct mps_subflow *sf)
{
    mps_sf_frames_deinit(sf);
    mps_sf_ctrl_clear(sf);
    sf->tx.ack_due = false;
    mps_seal_deinit(&sf->tx.seal, sf->conn->env.crypto);
}
