/* SPDX-License-Identifier: MIT */
#include "query.h"

/* ---- our stream ---- */

uint64_t mps_conn_unsent(const struct mps_conn *c)
{
    uint64_t tail = mps_sendq_tail(&c->tx.sendq), sent = mps_rtxq_tail(&c->tx.rtxq);

    return tail > sent ? tail - sent : 0;
}

uint64_t mps_conn_credit_left(const struct mps_conn *c)
{
    uint64_t sent = mps_rtxq_tail(&c->tx.rtxq);

    return c->flow.limit > sent ? c->flow.limit - sent : 0;
}

bool mps_conn_own_stream_acked(const struct mps_conn *c)
{
    return c->tx.rtxq.fin && c->tx.acked == mps_rtxq_tail(&c->tx.rtxq);
}

bool mps_conn_idle(const struct mps_conn *c)
{
    return mps_rtxq_count(&c->tx.rtxq) == 0 && mps_conn_unsent(c) == 0 &&
           (!c->tx.fin || c->tx.rtxq.fin);
}

/* ---- the peer's stream ---- */

uint64_t mps_conn_rcv_nxt(const struct mps_conn *c)
{
    uint64_t next = mps_reasm_next(&c->rx.reasm);

    return c->rx.fin_known && next == c->rx.fin_dsn ? next + 1 : next;
}

bool mps_conn_is_doubtful(const struct mps_conn *c)
{
    return c->role == MPS_ROLE_SERVER && c->early.data && c->handshake;
}

bool mps_conn_is_unvouched(const struct mps_conn *c)
{
    return c->role == MPS_ROLE_CLIENT && c->tx.early_taken && !c->tx.vouched;
}

bool mps_conn_app_rx_eof(const struct mps_conn *c)
{
    return c->rx.fin_known && c->flow.consumed == c->rx.fin_dsn && !mps_conn_is_doubtful(c);
}

uint64_t mps_conn_progress(const struct mps_conn *c)
{
    return c->tx.acked + mps_reasm_next(&c->rx.reasm);
}

bool mps_conn_was_barren(const struct mps_conn *c, mps_time_t now)
{
    return c->respite.deadline != 0 && now - c->respite.at < MPS_BARREN &&
           c->respite.progress == mps_conn_progress(c);
}

bool mps_conn_peer_stream_complete(const struct mps_conn *c)
{
    return c->rx.fin_known && mps_reasm_next(&c->rx.reasm) == c->rx.fin_dsn;
}

bool mps_conn_both_ended(const struct mps_conn *c)
{
    return mps_conn_peer_stream_complete(c) && c->tx.rtxq.fin;
}

/* ---- subflows ---- */

unsigned mps_conn_n_active(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    unsigned n = 0;

    mps_for_each_subflow(sf, c)
        n += sf->state == MPS_SF_ACTIVE;
    return n;
}

unsigned mps_conn_n_living(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    unsigned n = 0;

    mps_for_each_subflow(sf, c)
        n += sf->state != MPS_SF_DEAD;
    return n;
}

mps_time_t mps_conn_max_srtt(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    uint32_t max = 0;

    mps_for_each_subflow(sf, c) {
        if (mps_sf_works(sf) && sf->m.srtt_us > max)
            max = sf->m.srtt_us;
    }
    return (mps_time_t)max * MPS_USEC;
}

bool mps_sf_usable(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;

    if (sf->state == MPS_SF_ACTIVE)
        return true;
    return sf->state == MPS_SF_OPENING && c->phase == MPS_PH_OPENING && c->cfg.zero_rtt;
}

bool mps_sf_vouches(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;

    if (sf->id != 0)
        return false;
    return sf->rx.early ? c->early.data : mps_conn_is_unvouched(c);
}

/*
 * It fell silent while the connection was idle, and nothing was heard from another one since. The
 * peer finds out by itself, or from TCP's reset; and what was acknowledged here arrived before the
 * silence, or the peer would not be idle.
 */
bool mps_sf_is_twin(const struct mps_subflow *sf, const struct mps_subflow *other)
{
    return sf != other && other->state != MPS_SF_DEAD && sf->local_key == other->local_key &&
           sf->remote_id == other->remote_id;
}

bool mps_sf_macs_wanted(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;

    return c->all_macs || (c->cfg.mac_far && sf->m.min_rtt_us > MPS_FAR_RTT_US);
}

bool mps_sf_hush(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;
    const struct mps_subflow *other;

    if (sf->stale.asked_at == 0 || mps_rtxq_count(&c->tx.rtxq) > 0 || mps_conn_unsent(c) > 0)
        return false;
    mps_for_each_subflow(other, c) {
        if (other != sf && other->state == MPS_SF_ACTIVE &&
            other->stale.heard_at >= sf->stale.asked_at)
            return false;
    }
    return true;
}
