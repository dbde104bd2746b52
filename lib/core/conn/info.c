/* SPDX-License-Identifier: MIT */
/* Looking in. */
#include "query.h"
#include "state.h"

static const char *state_name(const struct mps_conn *c)
{
    switch (c->phase) {
    case MPS_PH_OPENING:
        return "opening";
    case MPS_PH_OPEN:
        return c->tx.fin || c->rx.fin_known ? "closing" : "established";
    case MPS_PH_CLOSING:
    case MPS_PH_ABORTING:
        return "closing";
    case MPS_PH_PLAIN:
        return "plain";
    case MPS_PH_OVER:
        break;
    }
    return "closed";
}

void mps_conn_info(const struct mps_conn *c, struct mps_conn_info *ret)
{
    const struct mps_subflow *sf;
    uint64_t tail = mps_sendq_tail(&c->tx.sendq);
    uint64_t sent = mps_rtxq_tail(&c->tx.rtxq), aside = mps_rtxq_aside(&c->tx.rtxq);

    *ret = (struct mps_conn_info){
        .role = c->role,
        .token = c->keys.token,
        .peer_token = c->keys.peer_token,
        .state = state_name(c),
        .sched = c->cfg.sched->name,
        .bytes_sent = (sent < tail ? sent : tail) - aside,
        .bytes_received = mps_reasm_next(&c->rx.reasm) + mps_reasm_out_of_order(&c->rx.reasm),
        .bytes_acked = c->tx.acked < tail ? c->tx.acked : tail,
        .snd_queued = mps_conn_unsent(c) + aside,
        .credit_left = mps_conn_credit_left(c),
        .rcv_queued = mps_reasm_in_order(&c->rx.reasm),
        .rcv_out_of_order = mps_reasm_out_of_order(&c->rx.reasm),
        .bytes_reinjected = c->tx.reinjected,
    };
    mps_for_each_subflow(sf, c)
        ret->n_subflows += sf->state != MPS_SF_DEAD;
}

const struct mps_past *mps_conn_past(const struct mps_conn *c)
{
    return c->past;
}

unsigned mps_conn_subflow_info(const struct mps_conn *c, struct mps_subflow_info *ret, unsigned max)
{
    const struct mps_subflow *sf;
    unsigned n = 0;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_DEAD)
            continue;
        if (n < max) {
            ret[n] = (struct mps_subflow_info){
                .id = sf->id,
                .state = sf->state,
                .backup = mps_sf_is_backup(sf),
                .stale = sf->stale.stale,
                .rests = sf->rests,
                .local = sf->local,
                .remote = sf->remote,
                .bytes_sent = sf->bytes_sent,
                .bytes_received = sf->bytes_received,
                .bytes_reinjected = sf->bytes_reinjected,
                .sending = sf->sending,
                .receiving = sf->receiving,
                .metrics = sf->m,
            };
            n++;
        }
    }
    return n;
}
