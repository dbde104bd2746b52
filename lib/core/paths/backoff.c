/* SPDX-License-Identifier: MIT */
#include "backoff.h"
#include <string.h>
#include "claims.h"
#include "core/conn/query.h"
#include "core/subflow/stale.h"

#define RETRY_KNOWN    (2 * MPS_SEC)   /* at most, for a pair that has worked */
#define RETRY_REWRITES (600 * MPS_SEC) /* where bytes are changed or forged, while others work */
#define RETRY_REFUSALS 2u              /* so many say that the peer's end is gone */
#define RETRY_BARREN   4u /* so many such subflows in a row, and the pair has no hurry */
#define RETRY_STABLE   (10 * MPS_SEC) /* a subflow that lived so long ends the back-off */

/* Where the pair's entry is, p->n_retries if there is none. */
static unsigned index_of(const struct mps_paths *p, uint32_t local, mps_addr_id_t remote)
{
    unsigned i = 0;

    while (i < p->n_retries &&
           (p->retries[i].local_key != local || p->retries[i].remote_id != remote))
        i++;
    return i;
}

static const struct mps_retry *find_retry(const struct mps_paths *p, uint32_t local,
                                          mps_addr_id_t remote)
{
    unsigned i = index_of(p, local, remote);

    return i < p->n_retries ? &p->retries[i] : NULL;
}

bool mps_backoff_over(const struct mps_conn *c, uint32_t local, mps_addr_id_t remote,
                      mps_time_t now)
{
    const struct mps_retry *r = find_retry(&c->paths, local, remote);

    return !r || r->until <= now;
}

unsigned mps_backoff_fails_from(const struct mps_paths *p, uint32_t key)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->n_retries; i++)
        n += p->retries[i].local_key == key ? p->retries[i].fails : 0;
    return n;
}

unsigned mps_backoff_in_vain(const struct mps_paths *p, uint32_t local, mps_addr_id_t remote)
{
    const struct mps_retry *r = find_retry(p, local, remote);

    return r && !r->worked ? r->fails : 0;
}

mps_time_t mps_backoff_next(const struct mps_paths *p, mps_time_t now)
{
    mps_time_t t = MPS_NEVER;

    for (unsigned i = 0; i < p->n_retries; i++) {
        if (p->retries[i].until > now && p->retries[i].until < t)
            t = p->retries[i].until;
    }
    return t;
}

void mps_backoff_forget(struct mps_paths *p, uint32_t key, mps_addr_id_t remote)
{
    for (unsigned i = 0; i < p->n_retries;) {
        struct mps_retry *r = &p->retries[i];

        if (key != 0 ? r->local_key == key : r->remote_id == remote)
            *r = p->retries[--p->n_retries];
        else
            i++;
    }
}

void mps_backoff_forget_pair(struct mps_paths *p, uint32_t key, mps_addr_id_t remote)
{
    unsigned i = index_of(p, key, remote);

    if (i < p->n_retries)
        p->retries[i] = p->retries[--p->n_retries];
}

/* ---- paths that went silent ---- */

mps_time_t mps_backoff_probe_time(const struct mps_conn *c, const struct mps_subflow *sf,
                                  mps_time_t now)
{
    const struct mps_retry *r = find_retry(&c->paths, sf->local_key, sf->remote_id);
    const struct mps_subflow *other;
    mps_time_t since = r ? r->silent_at : 0, t;
    mps_time_t rtt = r ? r->min_rtt_us * MPS_USEC : 0;

    mps_for_each_subflow(other, c) {
        if (since == 0 && mps_sf_is_twin(sf, other) && mps_stale_silent(&other->stale, now)) {
            since = other->stale.since;
            rtt = other->m.min_rtt_us * MPS_USEC;
        }
    }
    if (since == 0)
        return 0;
    t = (now - since) >> MPS_PROBE_SHIFT;
    if (t < 3 * rtt)
        t = 3 * rtt;
    return t > MPS_PROBE_MIN ? t : MPS_PROBE_MIN;
}

/* The end of a subflow says that its path is silent, which it was not before. */
static bool fell_silent(const struct mps_subflow *sf, mps_time_t now)
{
    mps_time_t since = sf->stale.stale ? sf->stale.since : now - MPS_STALE_HOPELESS;

    return sf->reason == MPS_REASON_BAD_PERFORMANCE && sf->active_since > 0 &&
           since >= sf->active_since + MPS_PROBE_LIVED;
}

/* ---- failures ---- */

/* Are there places for MPS_RETRY_PAIRS? Without memory for them a few pairs have to do. */
static bool has_many(struct mps_conn *c)
{
    struct mps_paths *p = &c->paths;
    struct mps_retry *many;

    if (p->retries != p->few_retries)
        return true;
    many = mps_alloc(c->env.mem, MPS_RETRY_PAIRS * sizeof(*many));
    if (!many)
        return false;
    memcpy(many, p->few_retries, sizeof(p->few_retries));
    p->retries = many;
    return true;
}

/* A place for a pair's back-off; the oldest one gives way. */
static struct mps_retry *retry_place(struct mps_conn *c, const struct mps_subflow *sf)
{
    struct mps_paths *p = &c->paths;
    unsigned i = index_of(p, sf->local_key, sf->remote_id);
    struct mps_retry *r;

    if (i < p->n_retries)
        return &p->retries[i];
    if (p->n_retries < MPS_PATHS_FEW || (p->n_retries < MPS_RETRY_PAIRS && has_many(c))) {
        r = &p->retries[p->n_retries++];
    } else {
        r = &p->retries[0];
        for (i = 1; i < p->n_retries; i++) {
            if (p->retries[i].until < r->until)
                r = &p->retries[i];
        }
    }
    *r = (struct mps_retry){.local_key = sf->local_key, .remote_id = sf->remote_id};
    return r;
}

/*
 * Without any subflow, waiting costs the connection, and trying in vain a few packets: whatever was
 * wrong with the pairs before, all of them are tried soon.
 */
static void hurry(struct mps_conn *c, mps_time_t now)
{
    struct mps_paths *p = &c->paths;
    mps_time_t most = MPS_RETRY_HURRY_MAX;

    if (p->alone_since == 0)
        p->alone_since = now;
    if (now - p->alone_since >= c->cfg.no_subflow_timeout)
        most = MPS_RETRY_ALONE;
    for (unsigned i = 0; i < p->n_retries; i++) {
        struct mps_retry *r = &p->retries[i];
        mps_time_t delay = r->fails > 1 ? MPS_RETRY_HURRY : 0;

        mps_time_t limit = r->barren >= RETRY_BARREN ? MPS_RETRY_ALONE : most;

        for (unsigned k = 2; k < r->fails && delay < limit; k++)
            delay *= 2;
        if (delay > limit)
            delay = limit;
        if (r->until > now + delay)
            r->until = now + delay;
    }
}

void mps_backoff_works(struct mps_conn *c)
{
    struct mps_paths *p = &c->paths;

    p->due = true;
    p->alone_since = 0;
    p->refusals = p->strange_refusals = 0;
    for (unsigned i = 0; i < p->n_retries; i++)
        p->retries[i].refused = p->retries[i].avoided = false;
}

/* Can the pair still be tried? */
static bool exists(const struct mps_conn *c, const struct mps_retry *r)
{
    const struct mps_paths *p = &c->paths;

    if (r->remote_id == 0 && c->cfg.announced_only)
        return false;
    for (unsigned i = 0; i < p->n_remotes; i++) {
        if (p->remotes[i].id == r->remote_id)
            return !p->remotes[i].gone;
    }
    return false;
}

/*
 * The peer's agent is gone, or has forgotten the connection: on every path that had worked somebody
 * is there who says so. A path that is silent may lead to it yet, and a path that never worked to
 * somebody else; but where the transport avoids all that had worked, nobody but others can answer.
 */
static bool turned_away(const struct mps_conn *c)
{
    const struct mps_paths *p = &c->paths;
    unsigned asked = 0, avoided = 0;

    for (unsigned i = 0; i < p->n_retries; i++) {
        const struct mps_retry *r = &p->retries[i];

        if (!r->worked || !exists(c, r))
            continue;
        if (!r->refused && !r->avoided)
            return false;
        *(r->avoided ? &avoided : &asked) += 1;
    }
    if (asked == 0 && avoided > 0)
        return p->refusals + p->strange_refusals >= RETRY_REFUSALS;
    return p->refusals >= RETRY_REFUSALS;
}

/* The path changes bytes, or somebody on it makes up frames. */
static bool is_bad_path(const struct mps_subflow *sf)
{
    return sf->reason == MPS_REASON_MIDDLEBOX || sf->reason == MPS_REASON_BAD_MAC;
}

/* When the pair of a subflow that failed may be tried again, as long as others work. */
static void back_off(struct mps_conn *c, struct mps_retry *r, const struct mps_subflow *sf,
                     bool transient, mps_time_t now)
{
    mps_time_t delay = MPS_RETRY_MIN;
    bool silent, alone = is_bad_path(sf) && mps_conn_n_active(c) == 0;

    if (fell_silent(sf, now)) {
        *r = (struct mps_retry){
            .local_key = r->local_key,
            .remote_id = r->remote_id,
            .last_id = sf->id,
            .worked = true,
            .silent_at = now,
            .min_rtt_us = sf->m.min_rtt_us,
        };
        return;
    }
    if (sf->reason == MPS_REASON_TIMEOUT && mps_backoff_probe_time(c, sf, now) > 0) {
        r->until = 0;
        return;
    }
    r->silent_at = 0;
    if (sf->active_since > 0 && now - sf->active_since >= RETRY_STABLE)
        r->fails = 0;
    /* The last subflow of a healthy connection is replaced at once. */
    if (r->fails == 0 && sf->active_since > 0 && mps_conn_n_active(c) == 0)
        delay = 0;
    for (unsigned i = 0; i < r->fails && delay < MPS_RETRY_MAX; i++)
        delay *= 2;
    if ((!transient && !alone) || delay > MPS_RETRY_MAX)
        delay = MPS_RETRY_MAX;
    if (is_bad_path(sf) && !alone)
        delay = RETRY_REWRITES;
    /* A path that has gone silent may come back at any time; a refusal stays one for a while. */
    silent = sf->active_since > 0 || now - sf->join.since >= RETRY_KNOWN;
    if (transient && silent && r->worked && r->barren < RETRY_BARREN && delay > RETRY_KNOWN)
        delay = RETRY_KNOWN;
    r->fails++;
    r->until = now + delay;
}

/* It ended as soon as it worked, and if it was the only one then nothing has got through. */
static bool was_barren(const struct mps_conn *c, const struct mps_subflow *sf, mps_time_t now)
{
    return now - sf->active_since < MPS_BARREN &&
           (mps_conn_n_active(c) > 0 || c->respite.deadline == 0 || mps_conn_was_barren(c, now));
}

bool mps_backoff_failed(struct mps_conn *c, const struct mps_subflow *sf, bool transient,
                        mps_time_t now)
{
    struct mps_retry *r;

    if (c->role != MPS_ROLE_CLIENT || c->phase != MPS_PH_OPEN)
        return false;
    mps_claims_failed(sf, now);
    r = retry_place(c, sf);
    r->worked |= sf->active_since > 0;
    r->last_id = sf->id;
    r->avoided = false;
    if (sf->active_since > 0)
        r->barren = was_barren(c, sf, now) ? r->barren + 1 : 0;
    c->paths.due = true;
    back_off(c, r, sf, transient, now);
    if (mps_conn_n_active(c) > 0)
        return false;
    hurry(c, now);
    r->refused |= sf->join.refused;
    if (sf->join.refused)
        *(r->worked ? &c->paths.refusals : &c->paths.strange_refusals) += 1;
    return turned_away(c);
}

void mps_backoff_avoid(struct mps_subflow *sf, mps_time_t until)
{
    struct mps_retry *r = retry_place(sf->conn, sf);

    mps_claims_unsent(sf);
    r->last_id = sf->id;
    r->avoided = true;
    r->until = until;
}

void mps_backoff_blame(struct mps_conn *c, uint32_t id, const struct mps_addr **ret_local,
                       const struct mps_addr **ret_remote, mps_time_t now)
{
    struct mps_retry *r = NULL;

    *ret_local = *ret_remote = NULL;
    for (unsigned i = 0; i < c->paths.n_retries && !r; i++) {
        /* Where nobody ever proved to be the peer it can say nothing of the path. */
        if (c->paths.retries[i].last_id == id && c->paths.retries[i].worked)
            r = &c->paths.retries[i];
    }
    for (unsigned i = 0; r && i < c->paths.n_locals; i++) {
        if (c->paths.locals[i].key == r->local_key)
            *ret_local = &c->paths.locals[i].addr;
    }
    for (unsigned i = 0; r && i < c->paths.n_remotes; i++) {
        if (c->paths.remotes[i].id == r->remote_id)
            *ret_remote = &c->paths.remotes[i].addr;
    }
    if (r && mps_conn_n_active(c) > 0 && c->damage.several)
        r->until = now + RETRY_REWRITES;
}
