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

/* ---- the values of info_list.h ---- */

static uint64_t bytes_sent(const struct mps_conn *c)
{
    uint64_t tail = mps_sendq_tail(&c->tx.sendq), sent = mps_rtxq_tail(&c->tx.rtxq);

    return (sent < tail ? sent : tail) - mps_rtxq_aside(&c->tx.rtxq);
}

static uint64_t bytes_received(const struct mps_conn *c)
{
    return mps_reasm_next(&c->rx.reasm) + mps_reasm_out_of_order(&c->rx.reasm);
}

static uint64_t bytes_acked(const struct mps_conn *c)
{
    uint64_t tail = mps_sendq_tail(&c->tx.sendq);

    return c->tx.acked < tail ? c->tx.acked : tail;
}

#define CONN_COUNTER(name, value) ret->name = c->count.name;
#define CONN_U64(name, value)     ret->name = value;
#define CONN_BOOL(name, value)    ret->name = value;
#define CONN_SUM(name, value)
#define CONN(kind, name, value, library) CONN_##kind(name, (value))

#define SUBFLOW_COUNTER(name, value) ret->name = sf->count.name;
#define SUBFLOW_U64(name, value)     ret->name = value;
#define SUBFLOW_BOOL(name, value)    ret->name = value;
#define SUBFLOW_METER(name, value)   ret->name = value;
#define SUBFLOW_METRIC(name, value)
#define SUBFLOW(kind, name, value, library) SUBFLOW_##kind(name, (value))

void mps_conn_info(const struct mps_conn *c, struct mps_conn_info *ret)
{
    const struct mps_subflow *sf;

    *ret = (struct mps_conn_info){
        .role = c->role,
        .token = c->keys.token,
        .peer_token = c->keys.peer_token,
        .state = state_name(c),
        .sched = c->cfg.sched->name,
        .heard_at = c->peer.heard_at,
        .reset_at = c->no_subflow_at,
    };
    MPS_CONN_FIELDS(CONN)
    mps_for_each_subflow(sf, c)
        ret->n_subflows += sf->state != MPS_SF_DEAD;
}

const struct mps_past *mps_conn_past(const struct mps_conn *c)
{
    return c->past;
}

static void look(const struct mps_subflow *sf, struct mps_subflow_info *ret)
{
    *ret = (struct mps_subflow_info){
        .id = sf->id,
        .state = sf->state,
        .local = sf->local,
        .remote = sf->remote,
        .metrics = sf->m,
    };
    MPS_SUBFLOW_FIELDS(SUBFLOW)
}

unsigned mps_conn_subflow_info(const struct mps_conn *c, struct mps_subflow_info *ret, unsigned max)
{
    const struct mps_subflow *sf;
    unsigned n = 0;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_DEAD)
            continue;
        if (n < max)
            look(sf, &ret[n++]);
    }
    return n;
}
