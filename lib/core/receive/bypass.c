/* SPDX-License-Identifier: MIT */
#include "bypass.h"
#include "core/subflow/rx.h"
#include "core/trace/emit.h"
#include "deliver.h"
#include "read.h"

size_t mps_bypass_offer(const struct mps_subflow *sf, bool *ret_held)
{
    const struct mps_sf_rx *rx = &sf->rx;
    const struct mps_conn *c = sf->conn;

    *ret_held = false;
    if (sf->state == MPS_SF_DEAD || c->phase != MPS_PH_OPEN || c->rx.closed || rx->starved)
        return 0;
    if (rx->mode != MPS_RX_PAYLOAD || !rx->chunk || rx->left != rx->chunk->len || rx->dss.checked ||
        rx->early || rx->dss.flags & MPS_DSS_URGENT)
        return 0;
    /* An urgent byte in what was announced before is told by the core alone. */
    if (c->rx.urgent_end > c->rx.reasm.read || rx->chunk->dsn != mps_reasm_next(&c->rx.reasm))
        return 0;
    *ret_held = mps_reasm_in_order(&c->rx.reasm) > 0;
    return mps_reasm_hole(&c->rx.reasm, rx->left);
}

int mps_bypass_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool held;
    size_t most = mps_bypass_offer(sf, &held);

    if (n > most)
        n = most;
    if (n == 0 || held)
        return 0;
    MPS_TRACE(c, sf, RECEIVED, received, .dsn = sf->rx.chunk->dsn, .length = n, .fresh = n);
    mps_reasm_bypass(&c->rx.reasm, sf->rx.chunk, (uint32_t)n);
    mps_deliver_passed(c, n, now);
    c->rx.data_at = now;
    mps_ack_data(&c->rx.ack, n, c->flow.window, sf->id, now);
    return mps_read_bypassed(sf, (uint32_t)n, now);
}
