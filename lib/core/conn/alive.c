/* SPDX-License-Identifier: MIT */
#include "alive.h"
#include "core/subflow/tx.h"
#include "phase.h"
#include "query.h"

/* While nothing is carried, paths are asked less and less often, down to this part of the times. */
#define IDLE_PART 16

/*
 * Questions are asked at multiples of this, by every connection of a host: one wake-up serves all
 * idle connections that are due by then.
 */
#define TOGETHER (100 * MPS_MSEC)

/*
 * So long a subflow may be silent: as long again as nothing was carried before it was heard last,
 * so that thousands of idle connections cost nothing. The accepting host waits a little longer:
 * where both ask, one of them does.
 */
static mps_time_t interval(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;
    mps_time_t since = sf->active_since, t = c->cfg.keepalive, idle = 0;

    if (c->tx.written_at > since)
        since = c->tx.written_at;
    if (c->rx.data_at > since)
        since = c->rx.data_at;
    if (sf->stale.heard_at > since)
        idle = sf->stale.heard_at - since;
    if (idle > IDLE_PART * t)
        idle = IDLE_PART * t;
    if (idle > t)
        t = idle;
    return c->role == MPS_ROLE_SERVER ? t + t / 4 : t;
}

struct turn {
    const struct mps_subflow *spared; /* heard of last */
    unsigned n;                       /* that work */
};

static struct turn turn_of(const struct mps_conn *c)
{
    struct turn t = {NULL, 0};
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (!mps_sf_works(sf))
            continue;
        t.n++;
        if (!t.spared || sf->stale.heard_at > t.spared->stale.heard_at)
            t.spared = sf;
    }
    return t;
}

static mps_time_t together(mps_time_t t)
{
    return (t + TOGETHER - 1) / TOGETHER * TOGETHER;
}

/* When it is to be asked, MPS_NEVER if not. */
static mps_time_t due(const struct mps_subflow *sf, const struct turn *turn)
{
    const struct mps_conn *c = sf->conn;

    if (!mps_sf_works(sf) || sf->stale.asked_at != 0)
        return MPS_NEVER;
    if (sf != turn->spared)
        return together(sf->stale.heard_at + interval(sf));
    if (turn->n > 1 || c->role != MPS_ROLE_CLIENT)
        return MPS_NEVER;
    return together(sf->stale.heard_at + 2 * interval(sf));
}

mps_time_t mps_alive_deadline(const struct mps_conn *c)
{
    struct turn turn = turn_of(c);
    const struct mps_subflow *sf;
    mps_time_t t = MPS_NEVER;

    if (c->phase != MPS_PH_OPEN || c->cfg.keepalive == 0)
        return MPS_NEVER;
    mps_for_each_subflow(sf, c) {
        if (due(sf, &turn) < t)
            t = due(sf, &turn);
    }
    return t;
}

static uint32_t send_ping(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING};
    uint8_t buf[MPS_CTRL_MAX_LEN];

    ping.ping.opaque = (uint32_t)(now / MPS_USEC);
    /* Without room a good deal is under way: if nothing comes back, that says the same. */
    mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&ping, buf));
    return ping.ping.opaque;
}

static void ask(struct mps_subflow *sf, mps_time_t now)
{
    send_ping(sf, now);
    mps_stale_asked(&sf->stale, &sf->m, now);
}

void mps_alive_timer(struct mps_conn *c, mps_time_t now)
{
    struct turn turn = turn_of(c);
    struct mps_subflow *sf;
    /* Subflows that are due soon need no wake-up of their own. */
    mps_time_t early = c->cfg.keepalive / 8;

    if (mps_alive_deadline(c) > now)
        return;
    mps_for_each_subflow(sf, c) {
        if (due(sf, &turn) <= now + early)
            ask(sf, now);
    }
}

void mps_alive_doubt(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_subflow *other;
    bool safe = false;

    mps_for_each_subflow(other, sf->conn)
        safe |= other != sf && mps_sf_works(other) && other->stale.asked_at == 0;
    if (safe && mps_sf_works(sf) && sf->stale.asked_at == 0 && sf->conn->cfg.keepalive > 0)
        ask(sf, now);
}

void mps_alive_doubt_all(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (mps_sf_works(sf) && sf->stale.asked_at == 0)
            ask(sf, now);
    }
}

/* ---- an address that the peer has withdrawn ---- */

void mps_alive_withdrawn(struct mps_subflow *sf, mps_time_t now)
{
    sf->withdrawn_ping = send_ping(sf, now);
    sf->withdrawn_until = now + mps_stale_doubted(&sf->stale, &sf->m, now);
}

bool mps_alive_answered(struct mps_subflow *sf, uint32_t opaque, mps_time_t now)
{
    if (sf->withdrawn_until == 0 || opaque != sf->withdrawn_ping)
        return false;
    sf->withdrawn_until = 0;
    mps_stale_answered(&sf->stale, now);
    return true;
}

bool mps_alive_is_gone(const struct mps_subflow *sf, mps_time_t now)
{
    return sf->state == MPS_SF_ACTIVE && sf->withdrawn_until != 0 && sf->withdrawn_until <= now;
}

/* ---- what the application wants to know of the peer ---- */

mps_time_t mps_alive_peer_deadline(const struct mps_conn *c)
{
    return c->phase == MPS_PH_OPEN ? mps_deadpeer_deadline(&c->peer) : MPS_NEVER;
}

void mps_alive_peer_waiting(struct mps_conn *c, mps_time_t now)
{
    bool waiting = c->tx.acked < mps_rtxq_tail(&c->tx.rtxq) || mps_conn_unsent(c) > 0;

    /* Both only grow, so that their sum tells of either. */
    mps_deadpeer_waiting(&c->peer, waiting, c->tx.acked + c->flow.limit, now);
}

/*
 * Every path is asked, whichever of them answers. Subflows that were asked before still try: TCP
 * repeats the PING, and other paths are looked for beside one that does not work.
 */
void mps_alive_peer_timer(struct mps_conn *c, mps_time_t now)
{
    enum mps_deadpeer_verdict verdict = MPS_DEADPEER_NOTHING;
    struct mps_subflow *sf;

    if (c->phase == MPS_PH_OPEN)
        verdict = mps_deadpeer_check(&c->peer, now);
    if (verdict == MPS_DEADPEER_DEAD)
        mps_phase_die(c, MPS_REASON_TIMEOUT, true, now);
    if (verdict != MPS_DEADPEER_PROBE)
        return;
    mps_for_each_subflow(sf, c) {
        if (mps_sf_works(sf) && sf->stale.asked_at == 0)
            ask(sf, now);
    }
}
