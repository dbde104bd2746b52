/* SPDX-License-Identifier: MIT */
#include "halfopen.h"
#include "core/base/crowd.h"
#include "news.h"

bool mps_halfopen_is(const struct mps_subflow *sf)
{
    return sf->state == MPS_SF_OPENING && !sf->join.initiator;
}

/*
 * A subflow that hangs for long will be closed as soon as this one works; of one whose address the
 * peer has withdrawn that is to be expected.
 */
static bool counts(const struct mps_subflow *sf, mps_time_t now)
{
    return sf->state != MPS_SF_DEAD && !mps_stale_hopeless(&sf->stale, now) &&
           sf->withdrawn_until == 0;
}

bool mps_halfopen_place(struct mps_conn *c, const struct mps_addr *remote, mps_time_t now)
{
    struct mps_crowd_guest guests[MPS_MAX_SUBFLOWS];
    struct mps_subflow *half[MPS_MAX_SUBFLOWS], *sf;
    unsigned n = 0, n_half = 0, victim;
    mps_time_t fresh = now > MPS_HALF_OPEN_FRESH ? now - MPS_HALF_OPEN_FRESH : 0;

    mps_for_each_subflow(sf, c) {
        n += counts(sf, now);
        if (!mps_halfopen_is(sf) || n_half == MPS_MAX_SUBFLOWS)
            continue;
        guests[n_half] = (struct mps_crowd_guest){sf->remote, sf->join.since};
        half[n_half++] = sf;
    }
    if (n < c->cfg.max_subflows && n_half < MPS_HALF_OPEN_MAX)
        return true;
    victim = mps_crowd_yields(guests, n_half, remote, fresh);
    if (victim == n_half)
        return false;
    mps_news_failed(half[victim], MPS_REASON_RESOURCES, now);
    return true;
}

void mps_halfopen_confirmed(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_subflow *other;

    mps_for_each_subflow(other, sf->conn) {
        if (other != sf && other->id == sf->id && mps_halfopen_is(other))
            mps_news_failed(other, MPS_REASON_PROTOCOL, now);
    }
}
