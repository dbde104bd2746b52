/* SPDX-License-Identifier: MIT */
#include "control.h"
#include "core/conn/query.h"
#include "core/subflow/tx.h"

int mps_control_queue(struct mps_conn *c, struct mps_ctrl *ctrl)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];

    ctrl->csn = mps_ctrlq_tx_next_csn(&c->tx.ctrlq);
    return mps_ctrlq_tx_push(&c->tx.ctrlq, buf, mps_ctrl_encode(ctrl, buf));
}

struct mps_subflow *mps_control_path(const struct mps_conn *c)
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
        if (sf->id == c->rx.ack.subflow_id && mps_sf_works(sf))
            return sf;
    }
    return mps_control_path(c);
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
    struct mps_subflow *sf = mps_control_path(c);

    while (sf && (e = mps_ctrlq_tx_next(&c->tx.ctrlq))) {
        if (!mps_sf_tx_ctrl(sf, e->bytes, e->len))
            return;
        mps_ctrlq_tx_sent(&c->tx.ctrlq, e, sf->slot);
    }
}

void mps_control_place(struct mps_conn *c, mps_time_t now)
{
    if (c->phase != MPS_PH_OPEN)
        return;
    acknowledge(c, now);
    place_control(c);
}
