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
    return !mp->listed || remote->port == mp->ac->peer.port;
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

mps_time_t mps_joinable_avoid(struct mps_mpconn *mp, const struct mps_event *ev, mps_time_t now)
{
    mps_time_t until =
        mps_pathmem_find(mp->eng->pathmem, MPS_PATHMEM_REWRITES, &ev->local, &ev->remote, now);

    /* A path that changes bytes is better than none, and checked. */
    if (until != 0 && has_working(mp))
        return until;
    if (until != 0)
        mps_conn_check_all(mp->core);
    if (leads_back(mp, &ev->remote)) {
        mps_log("mpconn %08x: an address of the peer is ours, too", mp->token);
        return now + MPS_RETRY_MAX;
    }
    /* Without any other path it is worth a stray connection to hear whether an agent is there again:
     * if it is not, the program need not wait any longer. */
    if (!mps_joinable_needs_mark(mp, &ev->remote) || !has_working(mp))
        return 0;
    return gone_astray(mp, ev, now);
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
