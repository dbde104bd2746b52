/* SPDX-License-Identifier: MIT */
/* Life of a subflow. */
#include <string.h>
#include "core/conn/query.h"
#include "core/conn/state.h"
#include "core/fair/fairness.h"
#include "core/send/control.h"
#include "room.h"
#include "tx.h"

struct mps_subflow *mps_sf_new(struct mps_conn *conn, uint32_t id, const struct mps_addr *local,
                               const struct mps_addr *remote)
{
    struct mps_subflow *sf;
    uint8_t slot = 0;

    while (slot < MPS_MAX_SUBFLOWS && (conn->slots & (UINT32_C(1) << slot)))
        slot++;
    if (slot == MPS_MAX_SUBFLOWS)
        return NULL;
    sf = mps_alloc(conn->env.mem, sizeof(*sf));
    if (!sf)
        return NULL;
    sf->conn = conn;
    sf->id = id;
    sf->slot = slot;
    sf->weight = MPS_WEIGHT_DEFAULT;
    sf->state = MPS_SF_OPENING;
    sf->local = *local;
    sf->remote = *remote;
    sf->join.deadline = MPS_NEVER;
    sf->rx.mode = MPS_RX_OPENING;
    mps_sf_tx_init(sf);
    mps_stale_init(&sf->stale);
    mps_list_push_back(&conn->subflows, &sf->node);
    conn->slots |= UINT32_C(1) << slot;
    return sf;
}

void mps_sf_free(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;

    mps_sf_tx_deinit(sf);
    mps_sf_rx_clear(sf);
    c->slots &= ~(mps_sf_bit(sf));
    mps_list_remove(&sf->node);
    mps_free(c->env.mem, sf->split);
    mps_free(c->env.mem, sf);
}

/* Runs that only stale subflows carry wait for reinjection. */
static void requeue_stale(struct mps_conn *c)
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

void mps_sf_activate(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    sf->state = MPS_SF_ACTIVE;
    sf->active_since = now;
    sf->given_at = now;
    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&c->peer, now);
    sf->peer_knows = true;
    sf->join.deadline = MPS_NEVER;
    sf->rx.mode = MPS_RX_HEAD;
    sf->rx.have = 0;
    sf->rx.need = MPS_FRAME_PREFIX_LEN;
    sf->ev.up = true;
    mps_paths_settle_subflow(sf);
    mps_checks_up(sf);
    c->no_subflow_at = MPS_NEVER;
    c->client_gone = false;
    mps_paths_works(c);
    /* What the peer missed on subflows that ended is said again; to a server that knows nothing of
     * us yet but HELLO, a first frame says that we have its reply. Early data did both. */
    if (sf->id != 0 || !c->tx.early_taken)
        mps_ack_now(&c->rx.ack, now);
    requeue_stale(c);
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
        .bytes_reinjected = sf->bytes_reinjected,
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

void mps_sf_kill(struct mps_subflow *sf, bool reset, enum mps_reason reason, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool was_active = sf->state == MPS_SF_ACTIVE;

    if (sf->state == MPS_SF_DEAD)
        return;
    sf->state = MPS_SF_DEAD;
    remember(sf);
    sf->reason = reason;
    sf->close_reset = reset;
    mps_fairness_forget(c, sf->slot);
    sf->ev.close = true;
    sf->ev.up = sf->ev.priority = sf->ev.own_priority = false;
    mps_sf_tx_deinit(sf);
    mps_sf_rx_clear(sf);
    mps_rtxq_slot_lost(&c->tx.rtxq, sf->slot);
    requeue_stale(c);
    mps_ctrlq_tx_slot_lost(&c->tx.ctrlq, sf->slot);
    c->paths.due = true;
    if (was_active && c->phase == MPS_PH_OPEN && !mps_sf_hush(sf))
        mps_ack_now(&c->rx.ack, now);
}

void mps_sf_tell_closed(struct mps_subflow *sf, enum mps_reason reason, bool transient)
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

void mps_sf_abandon(struct mps_subflow *sf, enum mps_reason reason, bool transient,
                    mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    if (sf->state == MPS_SF_DEAD)
        return;
    mps_sf_tell_closed(sf, reason, transient);
    mps_sf_kill(sf, true, reason, now);
    mps_paths_failed(c, sf, transient, now);
    mps_conn_lost_subflow(c, sf, false, now);
}

/* ---- the transport's verbs ---- */

void mps_subflow_set_user(struct mps_subflow *sf, void *user)
{
    sf->user = user;
}

void *mps_subflow_user(const struct mps_subflow *sf)
{
    return sf->user;
}

enum mps_subflow_state mps_subflow_state(const struct mps_subflow *sf)
{
    return sf->state;
}

int mps_subflow_connected(struct mps_subflow *sf, const struct mps_addr *local,
                          const struct mps_addr *remote, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    int r;

    if (sf->state != MPS_SF_CONNECTING)
        return MPS_ESTATE;
    sf->local = *local;
    sf->remote = *remote;
    sf->state = MPS_SF_OPENING;
    /* The path answers: what follows may take its time. */
    if (sf->join.deadline < now + MPS_JOIN_IN_NEED && c->cfg.join_timeout >= MPS_JOIN_IN_NEED)
        sf->join.deadline = now + MPS_JOIN_IN_NEED;
    r = mps_open_start_join(sf, now);
    if (r < 0)
        mps_sf_abandon(sf, MPS_REASON_RESOURCES, true, now);
    mps_conn_settle(c, now);
    return r;
}

void mps_subflow_set_split(struct mps_subflow *sf, mps_time_t now)
{
    if (!sf->split)
        sf->split = mps_alloc(sf->conn->env.mem, sizeof(*sf->split));
    /* Without memory for it TCP's word is taken. */
    if (sf->split)
        mps_split_init(sf->split, now);
}

/*
 * Was a join turned away for good? The connect was refused, or answered by somebody who is no agent;
 * behind a box that splits TCP the answer is an end without a word. An agent that ends a join so is
 * busy.
 */
static bool is_refusal(const struct mps_subflow *sf, enum mps_reason reason)
{
    if (!sf->join.initiator || sf->id == 0)
        return false;
    if (sf->state == MPS_SF_CONNECTING)
        return reason == MPS_REASON_PROHIBITED || reason == MPS_REASON_MIDDLEBOX;
    return sf->state == MPS_SF_OPENING && sf->split && reason == MPS_REASON_UNSPECIFIED;
}

void mps_subflow_down(struct mps_subflow *sf, bool orderly, enum mps_reason reason,
                      mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool damaged;
    bool eof = orderly;

    if (sf->state == MPS_SF_DEAD)
        return;
    /* An end of file in the middle of a frame is no orderly end. */
    if (sf->rx.mode != MPS_RX_HEAD || sf->rx.have != 0)
        orderly = false;
    sf->join.refused = is_refusal(sf, reason);
    sf->eof = eof;
    if (!orderly)
        mps_sf_tell_closed(sf, reason, true);
    /* What a box has changed may be the very message that would let the peer say so. */
    damaged = c->checks.times > 0 && sf->state == MPS_SF_ACTIVE && !orderly &&
              reason == MPS_REASON_UNSPECIFIED && mps_conn_n_active(c) == 1;
    mps_sf_kill(sf, !orderly, reason, now);
    mps_paths_failed(c, sf, true, now);
    mps_conn_lost_subflow(c, sf, orderly, now);
    if (damaged)
        mps_checks_damaged(c, sf->id, NULL, NULL, now);
    mps_conn_settle(c, now);
}

const struct mps_metrics *mps_subflow_metrics(const struct mps_subflow *sf)
{
    return &sf->m;
}

void mps_subflow_update(struct mps_subflow *sf, const struct mps_metrics *m, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool changed;

    sf->m = *m;
    if (sf->split && sf->state != MPS_SF_CLOSING)
        mps_split_metrics(sf->split, sf->bytes_sent, &sf->m);
    mps_sf_room_update(sf, now);
    mps_sf_tx_probe(sf, now);
    mps_open_metrics(sf, now);
    sf->measured = true;
    sf->tx.taken = 0;
    changed = mps_stale_update(&sf->stale, m, now);
    if (!changed || sf->state != MPS_SF_ACTIVE)
        return;
    c->paths.due = true;
    if (sf->stale.stale) {
        requeue_stale(c);
        mps_ctrlq_tx_slot_lost(&c->tx.ctrlq, sf->slot);
        if (!mps_sf_hush(sf))
            mps_ack_now(&c->rx.ack, now);
    } else {
        mps_rtxq_slots_recovered(&c->tx.rtxq, mps_sf_bit(sf));
    }
}

void mps_subflow_release(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;

    /* A transport that lets go without having been asked to: as if the pipe had ended. */
    if (sf->state != MPS_SF_DEAD)
        mps_subflow_down(sf, false, MPS_REASON_UNSPECIFIED, c->now);
    mps_sf_free(sf);
    mps_conn_settle(c, c->now);
}
