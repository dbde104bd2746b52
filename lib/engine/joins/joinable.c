/* SPDX-License-Identifier: MIT */
#include "joinable.h"

#include <errno.h>
#include "core/base/constants.h"
#include "engine/agent/engine.h"
#include "engine/show/log.h"
#include "engine/connection/mpconn_int.h"
#include "engine/connection/appconn.h"
#include "engine/connection/sflow.h"

bool mps_joinable_needs_mark(const struct mps_mpconn *mp, const struct mps_addr *remote)
{
    return !mp->listed || !mps_policy_capable(mp->eng->policy, remote) ||
           remote->port == mp->ac->peer.port;
}

static bool has_working(const struct mps_mpconn *mp)
{
    const struct mps_sflow *f;

    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (!f->connecting && !f->dead)
            return true;
    }
    return false;
}

static bool is_ours(const struct mps_engine *eng, const struct mps_addr *addr)
{
    const struct mps_netaddr_list *all = &eng->view->addresses;

    bool found = mps_addr_is_loopback(addr);

    for (unsigned i = 0; i < all->n && !found; i++)
        found = mps_addr_same_ip(&all->entry[i].addr, addr);
    return found;
}

/* Hosts that have the same bridges have the same addresses on them. */
static bool leads_back(const struct mps_mpconn *mp, const struct mps_addr *remote)
{
    return !mps_addr_same_ip(remote, &mp->ac->peer) && is_ours(mp->eng, remote) &&
           !is_ours(mp->eng, &mp->ac->peer);
}

/* In a network that an interface of ours is in. */
static bool is_near(const struct mps_engine *eng, const struct mps_addr *addr)
{
    const struct mps_netaddr_list *all = &eng->view->addresses;

    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *e = &all->entry[i];

        if (e->prefix_len > 0 && e->addr.family == addr->family &&
            mps_addr_common_prefix(&e->addr, addr) >= e->prefix_len)
            return true;
    }
    return false;
}

/*
 * A peer that is in none of our networks names a host in one of them: it has no business there, and
 * may want to learn or to harm by us what it cannot reach itself. A peer that is in one of our
 * networks may well be in others: so are hosts that several links join.
 */
static bool leads_inside(const struct mps_mpconn *mp, const struct mps_addr *remote)
{
    const struct mps_addr *peer = &mp->ac->peer;

    return is_near(mp->eng, remote) && !is_near(mp->eng, peer) && !is_ours(mp->eng, peer);
}

/*
 * Has a join met a program instead of an agent: there, or at the program's port of any address of
 * the peer? The agent's own port leads to no program.
 */
static mps_time_t gone_astray(struct mps_mpconn *mp, const struct mps_event *ev, mps_time_t now)
{
    struct mps_pathmem *mem = mp->eng->pathmem;
    mps_time_t until = mps_pathmem_find(mem, MPS_PATHMEM_UNMARKED, &ev->local, &ev->remote, now);

    if (until == 0 && ev->remote.port == mp->ac->peer.port)
        until = mps_pathmem_find(mem, MPS_PATHMEM_UNMARKED, &ev->local, &mp->ac->peer, now);
    return until;
}

/* Bytes were changed there, or forged; 0: not as far as is known. */
static mps_time_t bad_until(struct mps_pathmem *mem, const struct mps_event *ev, mps_time_t now)
{
    mps_time_t changed = mps_pathmem_find(mem, MPS_PATHMEM_REWRITES, &ev->local, &ev->remote, now);
    mps_time_t forged = mps_pathmem_find(mem, MPS_PATHMEM_FORGES, &ev->local, &ev->remote, now);

    return changed > forged ? changed : forged;
}

static mps_time_t avoid(struct mps_mpconn *mp, const struct mps_event *ev, mps_time_t now)
{
    mps_time_t until = bad_until(mp->eng->pathmem, ev, now);

    /* A path that changes bytes is better than none, and checked. */
    if (until != 0 && has_working(mp))
        return until;
    if (until != 0)
        mps_conn_mac_all(mp->core);
    if (leads_back(mp, &ev->remote)) {
        mps_log("mpconn %08x: an address of the peer is ours, too", mp->token);
        return now + MPS_RETRY_MAX;
    }
    if (leads_inside(mp, &ev->remote)) {
        mps_log("mpconn %08x: the peer names a host of a network of ours", mp->token);
        return now + MPS_RETRY_MAX;
    }
    /* Without any other path it is worth a stray connection to hear whether an agent is there again:
     * if it is not, the program need not wait any longer. */
    if (!mps_joinable_needs_mark(mp, &ev->remote) || !has_working(mp))
        return 0;
    return gone_astray(mp, ev, now);
}

mps_time_t mps_joinable_avoid(struct mps_mpconn *mp, const struct mps_event *ev, bool *ret_claim,
                              mps_time_t now)
{
    mps_time_t until = avoid(mp, ev, now);

    *ret_claim = false;
    if (until != 0)
        return until;
    until = mps_claimants_ask(mp->eng->claimants, &mp->ac->peer, &ev->remote, ret_claim, now);
    if (until != 0)
        mps_log("mpconn %08x: too many joins to what peers name", mp->token);
    return until;
}

void mps_joinable_works(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *ev, mps_time_t now)
{
    if (mp->ac->role == MPS_ROLE_CLIENT)
        mps_claimants_proved(mp->eng->claimants, &mp->ac->peer, &ev->remote, f->claim, now);
}

void mps_joinable_learn(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *ev, mps_time_t now)
{
    bool peer = f->met_program || mps_addr_equal(&ev->remote, &mp->ac->peer);
    /* With SYN cookies the agent answers the SYN, and the program gets the connection. */
    bool unanswered = f->needs_mark && !f->connecting && !ev->was_up &&
                      ev->reason == MPS_REASON_UNSPECIFIED &&
                      (f->peer_eof || f->error == ECONNRESET);

    /* Without any other path it is the agent itself that is gone, and another one may come. */
    if (!has_working(mp))
        return;
    /* An unmarked answer from another address may be that of a stranger, which says nothing of the
     * peer. */
    if (f->unmarked || unanswered)
        mps_pathmem_set(mp->eng->pathmem, MPS_PATHMEM_UNMARKED, &ev->local,
                        peer ? &mp->ac->peer : &ev->remote, now);
}
