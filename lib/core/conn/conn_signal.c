/* SPDX-License-Identifier: MIT */
/* Acknowledgments, credit and control frames: which subflow carries them. */
#include "conn_int.h"

void mps_conn_encode_dss(struct mps_subflow *sf, struct mps_dss *dss, uint8_t *out)
{
    struct mps_conn *c = sf->conn;

    dss->data_ack = mps_conn_rcv_nxt(c);
    dss->credit = mps_flow_announce(&c->flow);
    dss->ctrl_ack = mps_ctrlq_rx_expected(&c->rx.ctrlq);
    dss->timestamp_us = (uint32_t)(c->now / MPS_USEC);
    sf->tx.told = dss->data_ack;
    mps_dss_encode_head(dss, out);
}

int mps_conn_ctrl(struct mps_conn *c, struct mps_ctrl *ctrl)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];

    ctrl->csn = mps_ctrlq_tx_next_csn(&c->tx.ctrlq);
    return mps_ctrlq_tx_push(&c->tx.ctrlq, buf, mps_ctrl_encode(ctrl, buf));
}

/* Where signals go: a working subflow with the least delay; a stale one if there is no other. */
struct mps_subflow *mps_conn_signal_path(const struct mps_conn *c)
{
    struct mps_subflow *sf, *best = NULL;

    mps_for_each_subflow(sf, c) {
        if (sf->state != MPS_SF_ACTIVE)
            continue;
        if (!best || sf->stale.stale < best->stale.stale ||
            (sf->stale.stale == best->stale.stale && sf->m.srtt_us < best->m.srtt_us))
            best = sf;
    }
    return best;
}

/* The subflow the newest data came on, unless it is in trouble. */
static struct mps_subflow *ack_path(const struct mps_conn *c)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->id == c->rx.ack.subflow_id && sf->state == MPS_SF_ACTIVE && !sf->stale.stale)
            return sf;
    }
    return mps_conn_signal_path(c);
}

static void acknowledge(struct mps_conn *c, mps_time_t now)
{
    uint64_t next = mps_conn_rcv_nxt(c);
    struct mps_subflow *sf;

    if (!c->rx.fin_known && mps_flow_should_announce(&c->flow, next)) {
        if (mps_flow_closed(&c->flow, next)) {
            /* A stopped sender must hear of it, whichever subflow dies. */
            mps_for_each_subflow(sf, c)
                sf->tx.ack_due |= sf->state == MPS_SF_ACTIVE;
        }
        mps_ack_now(&c->rx.ack, now);
    }
    if (!mps_ack_is_due(&c->rx.ack, now))
        return;
    sf = ack_path(c);
    if (!sf)
        return;
    sf->tx.ack_due = true;
    mps_ack_sent(&c->rx.ack);
}

static void place_control(struct mps_conn *c)
{
    struct mps_ctrlq_entry *e;
    struct mps_subflow *sf = mps_conn_signal_path(c);

    while (sf && (e = mps_ctrlq_tx_next(&c->tx.ctrlq))) {
        if (!mps_sf_tx_ctrl(sf, e->bytes, e->len))
            return;
        mps_ctrlq_tx_sent(&c->tx.ctrlq, e, sf->slot);
    }
}

void mps_conn_signals(struct mps_conn *c, mps_time_t now)
{
    if (c->phase != MPS_PH_OPEN)
        return;
    acknowledge(c, now);
    place_control(c);
}
