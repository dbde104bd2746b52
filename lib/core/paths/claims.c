/* SPDX-License-Identifier: MIT */
#include "claims.h"
#include "backoff.h"
#include "core/conn/query.h"

static const struct mps_bucket_rate rate = {MPS_CLAIMS_BURST, MPS_CLAIMS_INTERVAL};

void mps_claims_deinit(struct mps_conn *c)
{
    mps_free(c->env.mem, c->paths.claims);
}

static struct mps_claim *find(const struct mps_paths *p, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < p->n_claims; i++) {
        if (mps_addr_same_ip(&p->claims[i].addr, addr))
            return &p->claims[i];
    }
    return NULL;
}

/* Local addresses that take turns. */
static unsigned n_turns(const struct mps_conn *c, const struct mps_addr *addr)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->paths.n_locals; i++)
        n += c->paths.locals[i].known && c->paths.locals[i].addr.family == addr->family;
    return n > 0 ? n : 1;
}

static mps_time_t address_next(const struct mps_conn *c, const struct mps_addr *addr)
{
    const struct mps_claim *claim = find(&c->paths, addr);
    mps_time_t delay = MPS_RETRY_MIN, most = MPS_RETRY_MAX;
    unsigned rounds = claim ? claim->fails / n_turns(c, addr) : 0;

    if (rounds == 0)
        return 0;
    /* Without any subflow, waiting costs the connection. */
    if (mps_conn_n_active(c) == 0)
        most = MPS_RETRY_HURRY_MAX;
    for (unsigned i = 1; i < rounds && delay < most; i++)
        delay *= 2;
    return claim->failed_at + (delay < most ? delay : most);
}

mps_time_t mps_claims_next(const struct mps_conn *c, const struct mps_addr *addr)
{
    mps_time_t token = mps_bucket_next(&c->paths.claims_bucket, rate);
    mps_time_t address = address_next(c, addr);

    return token > address ? token : address;
}

mps_time_t mps_claims_wake(const struct mps_conn *c, mps_time_t now)
{
    mps_time_t t = MPS_NEVER;

    for (unsigned i = 0; i < c->paths.n_remotes; i++) {
        const struct mps_remote *r = &c->paths.remotes[i];
        mps_time_t next = r->gone || r->proved ? 0 : mps_claims_next(c, &r->addr);

        if (next > now && next < t)
            t = next;
    }
    return t;
}

void mps_claims_tried(struct mps_subflow *sf, mps_time_t now)
{
    sf->join.claim = true;
    mps_bucket_take(&sf->conn->paths.claims_bucket, rate, now);
}

void mps_claims_unsent(struct mps_subflow *sf)
{
    if (!sf->join.claim)
        return;
    sf->join.claim = false;
    mps_bucket_return(&sf->conn->paths.claims_bucket, rate);
}

void mps_claims_proved(struct mps_subflow *sf)
{
    struct mps_paths *p = &sf->conn->paths;
    struct mps_claim *claim = find(p, &sf->remote);

    if (!sf->join.claim)
        return;
    mps_claims_unsent(sf);
    if (claim)
        *claim = p->claims[--p->n_claims];
    for (unsigned i = 0; i < p->n_remotes; i++) {
        if (p->remotes[i].id == sf->remote_id && mps_addr_equal(&p->remotes[i].addr, &sf->remote))
            p->remotes[i].proved = true;
    }
}

/* A place for another address; that which failed longest ago gives way. NULL: no memory. */
static struct mps_claim *place(struct mps_conn *c)
{
    struct mps_paths *p = &c->paths;
    struct mps_claim *oldest;

    if (!p->claims)
        p->claims = mps_alloc(c->env.mem, MPS_CLAIMS_MAX * sizeof(*p->claims));
    if (!p->claims)
        return NULL;
    if (p->n_claims < MPS_CLAIMS_MAX)
        return &p->claims[p->n_claims++];
    oldest = &p->claims[0];
    for (unsigned i = 1; i < p->n_claims; i++) {
        if (p->claims[i].failed_at < oldest->failed_at)
            oldest = &p->claims[i];
    }
    return oldest;
}

void mps_claims_failed(const struct mps_subflow *sf, mps_time_t now)
{
    struct mps_claim *claim = find(&sf->conn->paths, &sf->remote);

    if (!sf->join.claim)
        return;
    if (!claim) {
        claim = place(sf->conn);
        if (!claim)
            return; /* the bucket is left */
        *claim = (struct mps_claim){.addr = sf->remote};
    }
    claim->fails++;
    claim->failed_at = now;
}

void mps_claims_renew(struct mps_paths *p)
{
    p->n_claims = 0;
}
