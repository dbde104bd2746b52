/* SPDX-License-Identifier: MIT */
/* The sending half of the peer: frames, and how their bytes reach the connection. */
#include <string.h>
#include "check.h"
#include "conn_peer.h"
#include "core/subflow/state.h"

/* Bytes that go around the core: half of those that may; returns how many. */
static size_t feed_around(struct peer *p, struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    bool held;
    size_t may = mps_subflow_rx_bypass(sf, &held);

    if (!p->bypass || may == 0 || held)
        return 0;
    len = len < may ? len : may;
    len -= len / 2;
    for (size_t k = 0; k < len && !p->tainted; k++)
        CHECK(bytes[k] == peer_pattern(p->read + k, false));
    p->read += len;
    CHECK(p->read <= p->max_end || p->tainted);
    if (mps_subflow_rx_bypassed(sf, len, p->now) < 0)
        CHECK(mps_subflow_state(sf) == MPS_SF_DEAD);
    return len;
}

void peer_feed(struct peer *p, struct pipe *pipe, const uint8_t *bytes, size_t len)
{
    while (len > 0 && pipe->sf != NULL && p->conn != NULL) {
        struct mps_span spans[2];
        size_t left = len < p->chunk ? len : p->chunk;
        size_t fed = feed_around(p, pipe->sf, bytes, left);
        unsigned n;

        if (fed > 0) {
            bytes += fed;
            len -= fed;
            continue;
        }
        mps_conn_set_bypass(p->conn, p->bypass);
        pipe->sf->rx.bulk = p->bypass ? MPS_RX_BULK_AFTER : pipe->sf->rx.bulk; /* as if it were */
        n = mps_subflow_rx_spans(pipe->sf, spans);
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

/* The client's bytes before FINISHED are hashed by both sides. */
static void feed_frame(struct peer *p, struct pipe *pipe, const uint8_t *bytes, size_t len)
{
    if (p->server && pipe->early)
        p->crypto.hashing_add(p->crypto.user, p->early, bytes, len);
    peer_feed(p, pipe, bytes, len);
}

void peer_send_dss(struct peer *p, struct pipe *pipe, const struct mps_dss *dss, int flip)
{
    static uint8_t buf[PEER_IN_MAX];
    const struct mps_span payload = {buf + MPS_DSS_HEAD_LEN, dss->payload_len};
    size_t len = MPS_DSS_HEAD_LEN + dss->payload_len;
    uint64_t end = dss->dsn + dss->payload_len, number = pipe->ours.next++;

    mps_dss_encode_head(dss, buf);
    CHECK(mps_seal_head(&p->crypto, &pipe->ours, number, buf, MPS_DSS_OPEN_LEN) == 0);
    for (uint32_t i = 0; i < dss->payload_len; i++)
        buf[MPS_DSS_HEAD_LEN + i] = peer_pattern(dss->dsn + i, false);
    if (dss->checked) {
        CHECK(mps_seal_payload(&p->crypto, &pipe->ours, number, &payload, 1, buf + len) == 0);
        len += MPS_MAC_LEN;
    }
    if (flip >= 0) {
        buf[(size_t)flip % len] ^= 0x10;
        p->tainted = true;
    }
    if (end > p->max_end)
        p->max_end = end;
    feed_frame(p, pipe, buf, len);
}

void peer_send_ctrl(struct peer *p, struct pipe *pipe, const struct mps_ctrl *ctrl, int flip)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len = mps_ctrl_encode(ctrl, buf);

    CHECK(mps_seal_head(&p->crypto, &pipe->ours, pipe->ours.next++, buf, len) == 0);
    len += MPS_MAC_LEN;
    if (flip >= 0)
        buf[(size_t)flip % len] ^= 0x10;
    feed_frame(p, pipe, buf, len);
}
