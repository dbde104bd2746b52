/* SPDX-License-Identifier: MIT */
#include "damage.h"
#include "core/conn/phase.h"
#include "core/conn/query.h"
#include "core/paths/addresses.h"

void mps_damage_up(const struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;

    /* Behind a NAT an address that has come back may be another one. */
    if (!mps_addresses_is_first(sf) || (c->role == MPS_ROLE_SERVER && sf->remote_id != 0))
        c->damage.several = true;
}

/* Have bytes got through, in either direction, since the last damage? */
static bool moved_on(struct mps_conn *c)
{
    struct mps_damage *k = &c->damage;
    uint64_t next = mps_reasm_next(&c->rx.reasm);
    bool moved = k->tx_at != c->tx.acked || k->rx_at != next;

    k->tx_at = c->tx.acked;
    k->rx_at = next;
    return moved;
}

/*
 * Each repetition is damaged in the same way, and there is no other path: a box means it so (a
 * gateway that writes its own address into a command). RFC 8684 section 3.7 falls back to the
 * infinite mapping here; in the byte stream a changed length would take the program's own bytes, so
 * that the connection ends, and the transport remembers to make the next one plain.
 */
static void give_up(struct mps_conn *c, mps_time_t now)
{
    mps_phase_break(c, MPS_REASON_MIDDLEBOX, now);
}

void mps_damage_forged(struct mps_conn *c, const struct mps_addr *local,
                       const struct mps_addr *remote)
{
    if (c->phase != MPS_PH_OPEN)
        return;
    c->all_macs = true;
    c->damage.ev = c->damage.forged = true;
    c->damage.local = *local;
    c->damage.remote = *remote;
}

void mps_damage_found(struct mps_conn *c, uint32_t id, const struct mps_addr *local,
                      const struct mps_addr *remote, mps_time_t now)
{
    struct mps_damage *k = &c->damage;

    if (c->phase != MPS_PH_OPEN)
        return;
    c->all_macs = true;
    if (local && remote && (k->times == 0 || id != k->last_id)) {
        k->ev = true;
        k->forged = false;
        k->local = *local;
        k->remote = *remote;
    }
    /* FAIL and SUBFLOW_CLOSE speak of the same, late perhaps; later subflows have higher ids. */
    if (k->times > 0 && id <= k->last_id)
        return;
    k->last_id = id;
    k->times = moved_on(c) ? 1 : k->times + 1;
    if (k->several || k->times < 2)
        return;
    /* The client comes back at once, or counts further and has given up. */
    if (c->role == MPS_ROLE_SERVER && mps_conn_n_active(c) == 0 &&
        c->no_subflow_at > now + MPS_DAMAGE_PATIENCE)
        c->no_subflow_at = now + MPS_DAMAGE_PATIENCE;
    if (k->times >= MPS_DAMAGE_TRIES)
        give_up(c, now);
}
