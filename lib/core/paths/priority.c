/* SPDX-License-Identifier: MIT */
#include "priority.h"
#include "addresses.h"
#include "core/send/control.h"

/* ---- backup ---- */

int mps_priority_set(struct mps_conn *c, struct mps_subflow *sf, bool backup)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_PRIO};
    int r;

    if (sf->state != MPS_SF_ACTIVE || c->phase != MPS_PH_OPEN)
        return MPS_ESTATE;
    ctrl.prio.subflow_id = sf->id;
    ctrl.prio.flags = backup ? MPS_PRIO_BACKUP : 0;
    r = mps_control_queue(c, &ctrl);
    if (r < 0)
        return r;
    sf->ev.own_priority |= sf->backup != backup;
    sf->backup = backup;
    return 0;
}

void mps_priority_changed(struct mps_conn *c, const struct mps_addr *addr, bool backup)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (mps_addr_same_ip(&sf->local, addr) && sf->state == MPS_SF_ACTIVE &&
            sf->backup != backup)
            (void)mps_priority_set(c, sf, backup); /* without memory it stays as it was */
    }
}

static const struct mps_local *known_local(const struct mps_conn *c, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < c->paths.n_locals; i++) {
        const struct mps_local *l = &c->paths.locals[i];

        if (l->known && mps_addr_same_ip(&l->addr, addr))
            return l;
    }
    return NULL;
}

void mps_priority_apply(struct mps_subflow *sf)
{
    const struct mps_local *l = known_local(sf->conn, &sf->local);

    if (!l)
        return;
    sf->weight = l->weight;
    if (l->backup != sf->backup)
        (void)mps_priority_set(sf->conn, sf, l->backup); /* without memory it stays as it was */
}

/* ---- weights ---- */

int mps_priority_set_weight(struct mps_conn *c, const struct mps_addr *addr, unsigned weight)
{
    struct mps_local *l = mps_addresses_find(c, addr);
    struct mps_subflow *sf;

    if (weight < 1 || weight > MPS_WEIGHT_MAX)
        return MPS_EINVAL;
    if (!l)
        return MPS_EADDR;
    if (l->weight == weight)
        return 0;
    l->weight = weight;
    mps_for_each_subflow(sf, c) {
        if (mps_addr_same_ip(&sf->local, addr))
            sf->weight = weight;
    }
    return 1;
}
