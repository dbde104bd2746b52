/* SPDX-License-Identifier: MIT */
#include "life.h"
#include <string.h>
#include "core/conn/state.h"
#include "room.h"
#include "rx.h"
#include "tx.h"

struct mps_subflow *mps_sf_new(struct mps_conn *conn, uint32_t id, const struct mps_addr *local,
                               const struct mps_addr *remote)
{
    struct mps_subflow *sf;
    uint8_t slot = 0;

    while (slot < MPS_MAX_SUBFLOWS && (conn->slots & mps_slot_bit(slot)))
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
    if (mps_sf_rx_init(sf) < 0) {
        mps_free(conn->env.mem, sf);
        return NULL;
    }
    mps_sf_tx_init(sf);
    mps_stale_init(&sf->stale);
    mps_list_push_back(&conn->subflows, &sf->node);
    conn->slots |= mps_slot_bit(slot);
    return sf;
}

void mps_sf_free(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;

    mps_sf_tx_deinit(sf);
    mps_sf_rx_clear(sf);
    mps_seal_deinit(&sf->rx.seal, c->env.crypto);
    c->slots &= ~mps_sf_bit(sf);
    mps_list_remove(&sf->node);
    mps_free(c->env.mem, sf->split);
    mps_free(c->env.mem, sf);
}

void mps_sf_begin(struct mps_subflow *sf, mps_time_t now)
{
    sf->state = MPS_SF_ACTIVE;
    sf->active_since = now;
    sf->given_at = now;
    mps_stale_heard(&sf->stale, now);
    sf->peer_knows = true;
    sf->join.deadline = MPS_NEVER;
    mps_sf_rx_begin(sf);
    sf->ev.up = true;
}

void mps_sf_end(struct mps_subflow *sf, bool reset, enum mps_reason reason)
{
    sf->state = MPS_SF_DEAD;
    sf->reason = reason;
    sf->close_reset = reset;
    sf->ev.close = true;
    sf->ev.up = sf->ev.priority = sf->ev.own_priority = false;
    mps_sf_tx_deinit(sf);
    mps_sf_rx_clear(sf);
    mps_seal_deinit(&sf->rx.seal, sf->conn->env.crypto);
}

bool mps_sf_update(struct mps_subflow *sf, const struct mps_metrics *m, mps_time_t now)
{
    sf->m = *m;
    if (sf->split && sf->state != MPS_SF_CLOSING)
        mps_split_metrics(sf->split, sf->bytes_sent, &sf->m);
    mps_sf_room_update(sf, now);
    mps_sf_tx_probe(sf, now);
    sf->measured = true;
    sf->tx.taken = 0;
    return mps_stale_update(&sf->stale, m, now);
}

void mps_sf_reap(struct mps_conn *c)
{
    struct mps_subflow *sf, *tmp;

    mps_list_for_each_safe(sf, tmp, &c->subflows, struct mps_subflow, node) {
        if (sf->state == MPS_SF_DEAD && sf->ev.open && !sf->ev.open_told)
            mps_sf_free(sf);
    }
}

/* ---- what the transport asks and sets ---- */

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

void mps_subflow_set_split(struct mps_subflow *sf, mps_time_t now)
{
    if (!sf->split)
        sf->split = mps_alloc(sf->conn->env.mem, sizeof(*sf->split));
    /* Without memory for it TCP's word is taken. */
    if (sf->split)
        mps_split_init(sf->split, now);
}

const struct mps_metrics *mps_subflow_metrics(const struct mps_subflow *sf)
{
    return &sf->m;
}
