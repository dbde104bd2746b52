/* SPDX-License-Identifier: MIT */
#include "change.h"
#include "addresses.h"
#include "backoff.h"
#include "claims.h"
#include "core/conn/alive.h"
#include "core/conn/news.h"
#include "core/send/control.h"
#include "priority.h"

int mps_change_local_add(struct mps_conn *c, const struct mps_addr *addr, uint32_t ifindex,
                         bool backup, bool announce)
{
    struct mps_local *l = mps_addresses_find(c, addr);
    int r;

    if (!l) {
        r = mps_addresses_new(c, addr, &l);
        if (r < 0)
            return r;
    }
    /* The peer knew this one without being told, until it was withdrawn. */
    announce |= c->role == MPS_ROLE_SERVER && c->paths.first_gone &&
                mps_addr_equal(addr, &c->paths.first_local);
    if (l->known && l->ifindex == ifindex && l->backup == backup && l->announce == announce)
        return 0;
    if (!l->known || l->backup != backup)
        mps_priority_changed(c, addr, backup);
    /* On another interface, earlier failures say nothing. */
    if (l->ifindex != ifindex)
        mps_backoff_forget(&c->paths, l->key, 0);
    if (!l->known || l->ifindex != ifindex)
        mps_claims_renew(&c->paths);
    l->ifindex = ifindex;
    l->backup = backup;
    l->announce = announce;
    l->known = true;
    c->paths.due = true;
    return 1;
}

int mps_change_local_remove(struct mps_conn *c, const struct mps_addr *addr, mps_time_t now)
{
    struct mps_local *l = mps_addresses_find(c, addr);
    struct mps_ctrl ctrl = {.type = MPS_FRAME_REMOVE_ADDR};
    struct mps_end end = {.reason = MPS_REASON_ADDRESS_GONE, .transient = true};
    struct mps_subflow *sf;
    uint32_t key;
    bool tell, spare;

    if (!l)
        return MPS_EADDR;
    ctrl.remove_addr.id = l->id;
    key = l->key;
    tell = l->announced;
    spare = l->id == MPS_ADDR_ID_SPARE;
    c->paths.first_gone |= c->had_first && l->id == 0;
    mps_backoff_forget(&c->paths, key, 0);
    *l = c->paths.locals[--c->paths.n_locals];
    mps_for_each_subflow(sf, c) {
        /* While opening there is no other subflow to go to, and the address may only be one that is
         * not to be used any more; mps_conn_first_address_gone is for one that is lost. */
        if (sf->local_key != key || sf->state == MPS_SF_DEAD || c->phase == MPS_PH_OPENING)
            continue;
        tell |= sf->peer_knows;
        end.cause = spare ? MPS_END_REPLACED : MPS_END_TAKEN_AWAY;
        mps_news_ended(sf, &end, now);
    }
    if (tell && !spare && c->phase == MPS_PH_OPEN)
        (void)mps_control_queue(c, &ctrl); /* without memory the peer notices by itself */
    return 0;
}

static bool leads_to(const struct mps_route *route, const struct mps_addr *addr)
{
    return route->dst.family == addr->family &&
           mps_addr_common_prefix(&route->dst, addr) >= route->prefix_len;
}

static uint32_t interface_of(const struct mps_conn *c, const struct mps_subflow *sf)
{
    for (unsigned i = 0; i < c->paths.n_locals; i++) {
        if (c->paths.locals[i].key == sf->local_key)
            return c->paths.locals[i].ifindex;
    }
    return sf->ifindex;
}

void mps_change_route(struct mps_conn *c, const struct mps_route *route, mps_time_t now)
{
    struct mps_paths *p = &c->paths;
    struct mps_subflow *sf;

    if (!route->gone)
        mps_claims_renew(p);
    for (unsigned l = 0; l < p->n_locals; l++) {
        if (route->ifindex != 0 && p->locals[l].ifindex != 0 &&
            p->locals[l].ifindex != route->ifindex)
            continue;
        for (unsigned r = 0; r < p->n_remotes; r++) {
            if (p->remotes[r].gone || !leads_to(route, &p->remotes[r].addr))
                continue;
            if (!route->gone)
                mps_backoff_forget_pair(p, p->locals[l].key, p->remotes[r].id);
        }
    }
    mps_for_each_subflow(sf, c) {
        uint32_t ifindex = interface_of(c, sf);

        if (route->gone && (route->ifindex == 0 || ifindex == route->ifindex) &&
            leads_to(route, &sf->remote))
            mps_alive_doubt(sf, now);
    }
    p->due = true;
}

void mps_change_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl)
{
    if (mps_addresses_remote_added(c, ctrl))
        mps_backoff_forget(&c->paths, 0, ctrl->add_addr.id);
}

void mps_change_remote_removed(struct mps_conn *c, mps_addr_id_t id,
                               const struct mps_subflow *carrier, mps_time_t now)
{
    struct mps_subflow *sf;

    mps_addresses_remote_removed(c, id);
    mps_for_each_subflow(sf, c) {
        /* The subflow that brought the news evidently works; it ends when the peer ends it. */
        if (sf->remote_id != id || sf == carrier || sf->state == MPS_SF_DEAD ||
            sf->withdrawn_until != 0)
            continue;
        if (sf->state == MPS_SF_ACTIVE) {
            mps_alive_withdrawn(sf, now);
            mps_news_stale(sf, now);
            continue;
        }
        mps_news_ended(sf, &(struct mps_end){MPS_END_TAKEN_AWAY, MPS_REASON_ADDRESS_GONE, true},
                       now);
    }
}
