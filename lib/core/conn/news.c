/* SPDX-License-Identifier: MIT */
#include "news.h"
#include "core/base/part.h"
#include "core/paths/backoff.h"
#include "core/paths/claims.h"
#include "core/paths/priority.h"
#include "core/receive/damage.h"
#include "core/send/control.h"
#include "core/subflow/life.h"
#include "core/subflow/rx.h"
#include "core/subflow/txframes.h"
#include "core/trace/emit.h"
#include "drop.h"
#include "phase.h"
#include "query.h"

#define DAMAGE_FAREWELL (2 * MPS_SEC) /* for the last words of a subflow */

void mps_news_up(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    mps_sf_begin(sf, now);
    mps_deadpeer_heard(&c->peer, now);
    mps_priority_apply(sf);
    mps_damage_up(sf);
    mps_phase_up(c, now);
    c->client_gone = false;
    mps_claims_proved(sf);
    mps_backoff_works(c);
    /* What the peer missed on subflows that ended is said again. On the first one nothing was. */
    if (sf->id != 0)
        mps_ack_now(&c->rx.ack, now);
    mps_drop_requeue(c);
}

void mps_news_stale(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    if (sf->state != MPS_SF_ACTIVE)
        return;
    c->paths.due = true;
    if (sf->stale.stale) {
        /* Longest gap where a path falls silent every three seconds: 155 ms, without 202
         * (tests/bench/ablate.py, outages). */
        if (mps_part(STALE))
            mps_drop_requeue(c);
        if (c->env.trace)
            mps_trace_queued(sf, MPS_CAUSE_STALE);
        mps_ctrlq_tx_slot_lost(&c->tx.ctrlq, sf->slot);
        if (!mps_sf_hush(sf))
            mps_ack_now(&c->rx.ack, now);
    } else {
        mps_rtxq_slots_recovered(&c->tx.rtxq, mps_sf_bit(sf));
    }
}

/* ---- ends ---- */

static const struct {
    bool reset;    /* the socket is closed with RST */
    bool tell;     /* the peer may not see the end for long: it hears of it on another subflow */
    bool back_off; /* the pair of addresses has to wait before it is tried again */
} what_follows[] = {
    [MPS_END_EOF] = {.back_off = true},
    [MPS_END_FAILED] = {.reset = true, .tell = true, .back_off = true},
    [MPS_END_BY_PEER] = {.reset = true, .back_off = true},
    [MPS_END_TAKEN_AWAY] = {.reset = true},
    [MPS_END_REPLACED] = {.reset = true, .tell = true},
};

static void tell_peer(const struct mps_subflow *sf, enum mps_reason reason, bool transient)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_SUBFLOW_CLOSE};

    if (!sf->peer_knows || sf->conn->phase != MPS_PH_OPEN || mps_sf_hush(sf))
        return;
    ctrl.subflow_close.subflow_id = sf->id;
    ctrl.subflow_close.flags = transient ? MPS_CLOSE_TRANSIENT : 0;
    ctrl.subflow_close.reason = (uint8_t)reason;
    /* Without memory for it the peer learns of the end from the reset alone. */
    (void)mps_control_queue(sf->conn, &ctrl);
}

/* What its end means to its pair of addresses and to the connection. */
static void lost(struct mps_subflow *sf, const struct mps_end *end, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    if (what_follows[end->cause].back_off && mps_backoff_failed(c, sf, end->transient, now))
        mps_phase_forgotten(c, now);
    mps_phase_lost_subflow(c, sf, end->cause == MPS_END_EOF, now);
}

void mps_news_ended(struct mps_subflow *sf, const struct mps_end *end, mps_time_t now)
{
    if (sf->state == MPS_SF_DEAD)
        return;
    if (what_follows[end->cause].tell)
        tell_peer(sf, end->reason, end->transient);
    mps_drop_subflow(sf, what_follows[end->cause].reset, end->reason, now);
    lost(sf, end, now);
}

void mps_news_failed(struct mps_subflow *sf, enum mps_reason reason, mps_time_t now)
{
    mps_news_ended(sf, &(struct mps_end){MPS_END_FAILED, reason, true}, now);
}

/*
 * Was a join turned away for good? The connect was refused, or answered by somebody who is no
 * agent; behind a box that splits TCP the answer is an end without a word. An agent that ends a
 * join so is busy.
 */
static bool is_refusal(const struct mps_subflow *sf, enum mps_reason reason)
{
    if (!sf->join.initiator || sf->id == 0)
        return false;
    if (sf->state == MPS_SF_CONNECTING)
        return reason == MPS_REASON_PROHIBITED || reason == MPS_REASON_MIDDLEBOX;
    return sf->state == MPS_SF_OPENING && sf->split && reason == MPS_REASON_UNSPECIFIED;
}

void mps_news_pipe_ended(struct mps_subflow *sf, bool orderly, enum mps_reason reason,
                         mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_end end = {MPS_END_EOF, reason, true};
    bool damaged;

    sf->join.refused = is_refusal(sf, reason);
    sf->eof = orderly;
    /* An end of file in the middle of a frame is no orderly end. */
    if (!orderly || sf->rx.mode != MPS_RX_HEAD || sf->rx.have != 0)
        end.cause = MPS_END_FAILED;
    if (sf->withdrawn_until != 0)
        end = (struct mps_end){MPS_END_TAKEN_AWAY, MPS_REASON_ADDRESS_GONE, true};
    /* What a box has changed may be the very message that would let the peer say so. */
    damaged = c->damage.times > 0 && sf->state == MPS_SF_ACTIVE && end.cause == MPS_END_FAILED &&
              reason == MPS_REASON_UNSPECIFIED && mps_conn_n_active(c) == 1;
    mps_news_ended(sf, &end, now);
    if (damaged)
        mps_damage_found(c, sf->id, NULL, NULL, now);
}

bool mps_news_last_words(struct mps_subflow *sf, enum mps_reason reason, mps_time_t now)
{
    const struct mps_end end = {MPS_END_FAILED, reason, false};
    struct mps_conn *c = sf->conn;

    if (sf->state != MPS_SF_ACTIVE || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) > 1)
        return false;
    mps_sf_frames_clear(sf);
    tell_peer(sf, reason, false);
    mps_control_place(c, now);
    sf->state = MPS_SF_CLOSING;
    sf->reason = reason;
    sf->join.deadline = now + DAMAGE_FAREWELL;
    sf->rx.mode = MPS_RX_DEAF;
    mps_sf_rx_clear(sf);
    mps_rtxq_slot_lost(&c->tx.rtxq, sf->slot);
    lost(sf, &end, now);
    return true;
}
