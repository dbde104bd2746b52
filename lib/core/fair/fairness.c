/* SPDX-License-Identifier: MIT */
#include "fairness.h"
#include "core/trace/watch.h"

/* Who has written less has no share that others would miss, nor a need to know of its paths. */
#define BULK (128u << 10)

_Static_assert(MPS_FAIR_SLOTS == MPS_MAX_SUBFLOWS, "every subflow has a place");

static void apply(struct mps_conn *c, uint32_t resting)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c)
        sf->rests = resting & mps_sf_bit(sf);
}

void mps_fairness_run(struct mps_conn *c, mps_time_t now)
{
    struct mps_couple_path paths[MPS_MAX_SUBFLOWS];
    struct mps_subflow *sf;
    unsigned n = 0;

    if (c->cfg.fairness == MPS_FAIR_OFF || c->phase != MPS_PH_OPEN)
        return;
    /* Who sends everything on every path wants it so. */
    if (c->cfg.sched->duplicate) {
        apply(c, 0);
        return;
    }
    mps_for_each_subflow(sf, c) {
        if (!mps_sf_regular(sf))
            continue;
        paths[n++] = (struct mps_couple_path){
            .slot = sf->slot,
            .delivered = sf->m.delivered,
            .rate = mps_metrics_rate(&sf->m),
            .srtt_us = sf->m.srtt_us,
            .min_rtt_us = sf->m.min_rtt_us,
        };
    }
    if (!c->tx.couple) {
        if (n < 2 || mps_sendq_tail(&c->tx.sendq) < BULK)
            return;
        /* Without memory for it the subflows are not coupled yet. */
        c->tx.couple = mps_alloc(c->env.mem, sizeof(*c->tx.couple));
        if (!c->tx.couple)
            return;
        mps_couple_init(c->tx.couple, c->cfg.fairness);
    }
    mps_couple_run(c->tx.couple, paths, n, !c->tx.starved, now);
    if (c->env.trace)
        mps_watch_fairness(c);
    c->tx.starved = false;
    apply(c, mps_couple_resting(c->tx.couple));
}

void mps_fairness_forget(struct mps_conn *c, unsigned slot)
{
    if (c->tx.couple)
        mps_couple_forget(c->tx.couple, slot);
}

mps_time_t mps_fairness_deadline(const struct mps_conn *c)
{
    /* The scheduler may have changed since: see mps_fairness_run. */
    return c->tx.couple && !c->cfg.sched->duplicate ? mps_couple_deadline(c->tx.couple) : MPS_NEVER;
}
