/* SPDX-License-Identifier: MIT */
#include "drop.h"
#include <string.h>
#include "core/fair/fairness.h"
#include "core/subflow/life.h"
#include "core/trace/emit.h"
#include "query.h"

void mps_drop_requeue(struct mps_conn *c)
{
    struct mps_subflow *sf;
    uint32_t mask = 0;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && sf->stale.stale)
            mask |= mps_sf_bit(sf);
    }
    if (mask)
        mps_rtxq_slots_stale(&c->tx.rtxq, mask);
}

/* Its path's bytes outlive it. Without memory they do not. */
static void remember(const struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;
    const struct mps_past_path ended = {
        .local = sf->local,
        .remote = sf->remote,
        .bytes_sent = sf->bytes_sent,
        .bytes_received = sf->bytes_received,
        .bytes_reinjected = sf->count.bytes_reinjected,
        .subflows = 1,
    };

    if (sf->bytes_sent == 0 && sf->bytes_received == 0)
        return;
    if (!c->past) {
        c->past = mps_alloc(c->env.mem, sizeof(*c->past));
        if (!c->past)
            return;
        memset(c->past, 0, sizeof(*c->past));
    }
    mps_past_add(c->past, &ended);
}

void mps_drop_subflow(struct mps_subflow *sf, bool reset, enum mps_reason reason, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool was_active = sf->state == MPS_SF_ACTIVE;

    if (sf->state == MPS_SF_DEAD)
        return;
    remember(sf);
    mps_fairness_forget(c, sf->slot);
    mps_sf_end(sf, reset, reason);
    mps_rtxq_slot_lost(&c->tx.rtxq, sf->slot);
    if (c->env.trace)
        mps_trace_queued(sf, MPS_CAUSE_LOST);
    mps_drop_requeue(c);
    mps_ctrlq_tx_slot_lost(&c->tx.ctrlq, sf->slot);
    c->paths.due = true;
    if (was_active && c->phase == MPS_PH_OPEN && !mps_sf_hush(sf))
        mps_ack_now(&c->rx.ack, now);
}
