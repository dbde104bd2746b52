/* SPDX-License-Identifier: MIT */
#include "manager.h"
#include "addresses.h"
#include "backoff.h"
#include "claims.h"
#include "core/conn/news.h"
#include "core/conn/query.h"
#include "core/subflow/life.h"

/* The server's addresses come right behind its answer, in the next segment: so long, at most. */
#define JOIN_ANNOUNCED (20 * MPS_MSEC)

struct candidates {
    const struct mps_conn *c;
    mps_time_t now;
    struct mps_pm_local locals[MPS_LOCALS_MAX + 1];
    const struct mps_local *local_of[MPS_LOCALS_MAX + 1];
    struct mps_pm_remote remotes[MPS_ADDRS_MAX];
    const struct mps_remote *remote_of[MPS_ADDRS_MAX];
    unsigned n_locals, n_remotes, n_subflows;
};

/*
 * Does the subflow count as one over its pair? A pair may be tried anew beside a subflow that has
 * hung for long, or whose address the peer has withdrawn.
 */
static bool counts(const struct mps_subflow *sf, mps_time_t now)
{
    return sf->state != MPS_SF_DEAD && sf->withdrawn_until == 0 &&
           !mps_stale_silent(&sf->stale, now);
}

/*
 * Without any working subflow, a join that has no answer yet does not keep others from being
 * tried beside it (as RFC 8305 does for connections).
 */
static bool counts_for_manager(const struct mps_subflow *sf, bool in_need, mps_time_t now)
{
    if (in_need && sf->state < MPS_SF_ACTIVE && now - sf->join.since >= MPS_JOIN_PATIENCE)
        return false;
    return counts(sf, now);
}

static bool may_try(const void *user, unsigned l, unsigned r)
{
    const struct candidates *v = user;
    const struct mps_subflow *sf;
    uint32_t local = v->local_of[l]->key;
    mps_addr_id_t remote = v->remote_of[r]->id;

    if (!v->local_of[l]->known || (remote == 0 && v->c->cfg.announced_only))
        return false;
    mps_for_each_subflow(sf, v->c) {
        if (counts(sf, v->now) && sf->local_key == local && sf->remote_id == remote)
            return false;
    }
    if (!v->remote_of[r]->proved && mps_claims_next(v->c, &v->remote_of[r]->addr) > v->now)
        return false;
    return mps_backoff_over(v->c, local, remote, v->now);
}

static unsigned in_vain(const void *user, unsigned l, unsigned r)
{
    const struct candidates *v = user;

    return mps_backoff_in_vain(&v->c->paths, v->local_of[l]->key, v->remote_of[r]->id);
}

static void candidates_fill(struct candidates *v, const struct mps_conn *c, mps_time_t now)
{
    const struct mps_paths *p = &c->paths;
    const struct mps_subflow *sf;
    bool need = mps_conn_n_active(c) == 0;

    v->c = c;
    v->now = now;
    v->n_locals = v->n_remotes = v->n_subflows = 0;
    for (unsigned i = 0; i < p->n_locals && v->n_locals <= MPS_LOCALS_MAX; i++) {
        const struct mps_local *l = &p->locals[i];
        unsigned n = 0;

        mps_for_each_subflow(sf, c)
            n += counts_for_manager(sf, need, now) && sf->local_key == l->key;
        if (!l->known && n == 0)
            continue;
        v->local_of[v->n_locals] = l;
        v->locals[v->n_locals++] = (struct mps_pm_local){
            .addr = l->addr,
            .ifindex = l->ifindex,
            .backup = l->backup,
            .subflows = n,
            .fails = mps_backoff_fails_from(p, l->key),
        };
    }
    for (unsigned i = 0; i < p->n_remotes; i++) {
        const struct mps_remote *r = &p->remotes[i];
        unsigned n = 0;

        if (r->gone)
            continue;
        mps_for_each_subflow(sf, c)
            n += counts_for_manager(sf, need, now) && sf->remote_id == r->id;
        v->remote_of[v->n_remotes] = r;
        v->remotes[v->n_remotes++] = (struct mps_pm_remote){r->addr, r->way, n};
    }
    mps_for_each_subflow(sf, c)
        v->n_subflows += counts_for_manager(sf, need, now);
}

static struct mps_subflow *hangs_longest(const struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf, *worst = NULL;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && mps_stale_hopeless(&sf->stale, now) &&
            !mps_sf_vouches(sf) && (!worst || sf->stale.since < worst->stale.since))
            worst = sf;
    }
    return worst;
}

/*
 * Is there a place below the limit? The subflow that hangs longest gives its own up, but the last
 * one stays: its path may come back, as TCP trusts.
 */
static bool make_place(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *worst =
        mps_conn_n_living(c) < c->cfg.max_subflows ? NULL : hangs_longest(c, now);

    if (mps_conn_n_living(c) < c->cfg.max_subflows)
        return true;
    if (!worst || mps_conn_n_active(c) < 2)
        return false;
    mps_news_failed(worst, MPS_REASON_BAD_PERFORMANCE, now);
    return true;
}

void mps_manager_keep_limit(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *worst;

    while (mps_conn_n_active(c) > c->cfg.max_subflows && (worst = hangs_longest(c, now)))
        mps_news_failed(worst, MPS_REASON_BAD_PERFORMANCE, now);
}

/*
 * Two subflows use one pair, since one was made to look for the path while the other hung. Does
 * `sf` give way to `other`?
 */
static bool gives_way(const struct mps_subflow *sf, const struct mps_subflow *other, mps_time_t now)
{
    if (other->state != MPS_SF_ACTIVE || other->stale.stale)
        return false;
    if (sf->state != MPS_SF_ACTIVE)
        return true;
    return sf->stale.stale ? mps_stale_silent(&sf->stale, now) : sf->id > other->id;
}

static void end_twins(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf, *other;

    mps_for_each_subflow(sf, c) {
        mps_for_each_subflow(other, c) {
            if (sf->state == MPS_SF_DEAD || mps_sf_vouches(sf) || !mps_sf_is_twin(sf, other) ||
                !gives_way(sf, other, now))
                continue;
            mps_news_ended(
                sf, &(struct mps_end){MPS_END_REPLACED, MPS_REASON_BAD_PERFORMANCE, true}, now);
        }
    }
}

/* ---- new subflows ---- */

static bool open_pair(struct mps_conn *c, const struct mps_local *l, const struct mps_remote *r,
                      mps_time_t now)
{
    struct mps_addr local = l->addr;
    struct mps_subflow *sf;
    mps_time_t wait = c->cfg.join_timeout, probe;

    local.port = 0;
    sf = mps_sf_new(c, c->paths.next_id, &local, &r->addr);
    if (!sf)
        return false;
    c->paths.next_id += 2;
    sf->state = MPS_SF_CONNECTING;
    sf->ifindex = l->ifindex;
    sf->local_key = l->key;
    sf->local_id = l->id;
    sf->remote_id = r->id;
    sf->backup = l->backup;
    sf->weight = l->weight;
    sf->join.initiator = true;
    sf->join.since = now;
    /* The last place, and nothing works: others must get their turn soon. */
    if (mps_conn_n_active(c) == 0 && mps_conn_n_living(c) >= c->cfg.max_subflows &&
        wait > MPS_JOIN_IN_NEED)
        wait = MPS_JOIN_IN_NEED;
    probe = mps_backoff_probe_time(c, sf, now);
    if (probe > 0 && wait > probe)
        wait = probe;
    sf->join.deadline = now + wait;
    if (!r->proved)
        mps_claims_tried(sf, now);
    sf->ev.open = true;
    return true;
}

/* When the path manager is to be asked again although nothing happens. */
static mps_time_t next_try(const struct mps_conn *c, mps_time_t now)
{
    const struct mps_subflow *sf;
    mps_time_t t = mps_backoff_next(&c->paths, now), claim = mps_claims_wake(c, now);

    if (claim < t)
        t = claim;
    if (mps_conn_n_active(c) > 0)
        return t;
    mps_for_each_subflow(sf, c) {
        mps_time_t at = sf->join.since + MPS_JOIN_PATIENCE;

        if (sf->state < MPS_SF_ACTIVE && at > now && at < t)
            t = at;
    }
    return t;
}

static void open_wanted(struct mps_conn *c, mps_time_t now)
{
    struct candidates v;

    for (unsigned i = 0; i < MPS_MAX_SUBFLOWS; i++) {
        unsigned l, r;

        candidates_fill(&v, c, now);
        if (v.n_locals == 0 || v.n_remotes == 0 || v.n_subflows >= c->cfg.max_subflows)
            return;
        if (c->cfg.pm->next(
                &(struct mps_pm_input){
                    .locals = v.locals,
                    .n_locals = v.n_locals,
                    .remotes = v.remotes,
                    .n_remotes = v.n_remotes,
                    .may_try = may_try,
                    .in_vain = in_vain,
                    .user = &v,
                    .n_subflows = v.n_subflows,
                    .max_subflows = c->cfg.max_subflows,
                },
                &l, &r) <= 0)
            return;
        if (l >= v.n_locals || r >= v.n_remotes || !may_try(&v, l, r) || !make_place(c, now))
            return;
        if (!open_pair(c, v.local_of[l], v.remote_of[r], now)) {
            c->paths.retry_at = now + MPS_RETRY_MIN;
            return;
        }
    }
}

/*
 * Do the bytes so far make a join worth while? Bytes that are only announced, or not sent yet,
 * count.
 */
static bool carries_much(const struct mps_conn *c)
{
    return c->rx.highest >= MPS_JOIN_BYTES || mps_sendq_tail(&c->tx.sendq) >= MPS_JOIN_BYTES;
}

/*
 * When a connection may open its first join: many end after one small response, for which a second
 * TCP connection is pure cost. A connection whose only subflow does not work gets others at once.
 */
static mps_time_t first_join_at(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    mps_time_t wait = c->cfg.join_delay, at = 0;

    if (wait == 0 || c->paths.next_id > 2 || c->paths.n_locals + c->paths.n_remotes <= 2 ||
        carries_much(c))
        return 0;
    if (c->tx.fin && c->rx.fin_known && mps_conn_n_active(c) > 0)
        return MPS_NEVER;
    mps_for_each_subflow(sf, c) {
        if (!mps_sf_regular(sf))
            continue;
        if (wait < 2 * sf->m.srtt_us * MPS_USEC)
            wait = 2 * sf->m.srtt_us * MPS_USEC;
        at = sf->active_since + wait;
    }
    return at;
}

/* Which pair is best is not known before the server's addresses are there. */
static mps_time_t announced_at(const struct mps_conn *c)
{
    const struct mps_subflow *sf;

    if (c->rx.framed || c->paths.next_id > 2)
        return 0;
    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE)
            return sf->active_since + JOIN_ANNOUNCED;
    }
    return 0;
}

void mps_manager_run(struct mps_conn *c, mps_time_t now)
{
    struct mps_paths *p = &c->paths;

    if (!p->due || c->phase != MPS_PH_OPEN)
        return;
    p->due = false;
    mps_addresses_announce(c);
    if (c->role != MPS_ROLE_CLIENT)
        return;
    p->retry_at = first_join_at(c);
    if (p->retry_at < announced_at(c))
        p->retry_at = announced_at(c);
    p->due = p->retry_at > now; /* whatever happens meanwhile may end the wait */
    if (p->due)
        return;
    p->retry_at = MPS_NEVER;
    end_twins(c, now);
    open_wanted(c, now);
    if (next_try(c, now) < p->retry_at)
        p->retry_at = next_try(c, now);
}
