/* SPDX-License-Identifier: MIT */
#include "addresses.h"
#include <string.h>
#include "claims.h"
#include "core/send/control.h"
#include "core/wire/auth.h"

void mps_addresses_init(struct mps_conn *c)
{
    c->paths.remotes = c->paths.few_remotes;
    c->paths.retries = c->paths.few_retries;
}

void mps_addresses_deinit(struct mps_conn *c)
{
    mps_claims_deinit(c);
    if (c->paths.remotes != c->paths.few_remotes)
        mps_free(c->env.mem, c->paths.remotes);
    if (c->paths.retries != c->paths.few_retries)
        mps_free(c->env.mem, c->paths.retries);
    mps_free(c->env.mem, c->paths.locals);
}

/* ---- our addresses ---- */

/* Id 0 is the address of the first subflow, at the port of that subflow. */
static bool is_first(const struct mps_conn *c, const struct mps_addr *a)
{
    return c->had_first && !c->paths.first_gone && mps_addr_same_ip(a, &c->paths.first_local) &&
           (a->port == 0 || a->port == c->paths.first_local.port);
}

struct mps_local *mps_addresses_find(struct mps_conn *c, const struct mps_addr *addr)
{
    bool first = is_first(c, addr);

    for (unsigned i = 0; i < c->paths.n_locals; i++) {
        struct mps_local *l = &c->paths.locals[i];

        if (first ? l->id == 0 : mps_addr_equal(&l->addr, addr))
            return l;
    }
    return NULL;
}

/*
 * An id is never used again (RFC 8684 section 3.4.1 leaves that to the host): what is said about
 * the old address may overtake, or be overtaken by, what is said about the new one.
 */
static mps_addr_id_t next_id(struct mps_paths *p)
{
    if (p->last_id < MPS_ADDR_ID_SPARE)
        p->last_id++;
    return (mps_addr_id_t)p->last_id;
}

static int new_local(struct mps_conn *c, const struct mps_addr *addr, bool first,
                     struct mps_local **ret)
{
    struct mps_paths *p = &c->paths;

    if (p->n_locals > MPS_LOCALS_MAX)
        return MPS_ELIMIT;
    if (p->n_locals == p->max_locals) {
        unsigned max = p->max_locals ? 2 * p->max_locals : 4;
        struct mps_local *more = mps_alloc(c->env.mem, max * sizeof(*more));

        if (!more)
            return MPS_ENOMEM;
        if (p->n_locals > 0)
            memcpy(more, p->locals, p->n_locals * sizeof(*more));
        mps_free(c->env.mem, p->locals);
        p->locals = more;
        p->max_locals = max;
    }
    *ret = &p->locals[p->n_locals++];
    **ret = (struct mps_local){
        .addr = *addr,
        .key = ++p->last_key,
        .id = first ? 0 : next_id(p),
        .weight = MPS_WEIGHT_DEFAULT,
    };
    return 0;
}

int mps_addresses_new(struct mps_conn *c, const struct mps_addr *addr, struct mps_local **ret)
{
    return new_local(c, addr, is_first(c, addr), ret);
}

int mps_addresses_first(struct mps_conn *c, const struct mps_addr *local,
                        const struct mps_addr *remote)
{
    struct mps_paths *p = &c->paths;
    struct mps_local *l = NULL;
    int r;

    /* The address may have been added before: then with port 0 or the port of this subflow. */
    for (unsigned i = 0; i < p->n_locals && !l; i++) {
        struct mps_local *it = &p->locals[i];

        if (mps_addr_same_ip(&it->addr, local) &&
            (it->addr.port == 0 || it->addr.port == local->port))
            l = it;
    }
    if (!l) {
        r = new_local(c, local, true, &l);
        if (r < 0)
            return r;
    }
    l->id = 0;
    p->first_local = *local;
    p->remotes[0] = (struct mps_remote){.addr = *remote, .way = 1, .proved = true};
    p->n_remotes = 1;
    return 0;
}

const struct mps_local *mps_addresses_of(const struct mps_conn *c, const struct mps_addr *local)
{
    const struct mps_paths *p = &c->paths;

    for (unsigned i = 0; i < p->n_locals; i++) {
        if (mps_addr_equal(&p->locals[i].addr, local))
            return &p->locals[i];
    }
    for (unsigned i = 0; i < p->n_locals; i++) {
        if (mps_addr_same_ip(&p->locals[i].addr, local))
            return &p->locals[i];
    }
    return NULL;
}

/* Addresses of one interface have one number, that of the first subflow has 1. */
static uint8_t way_of(const struct mps_conn *c, struct mps_local *l)
{
    if (l->ifindex == 0)
        return 0;
    for (unsigned i = 0; i < c->paths.n_locals && l->way == 0; i++) {
        const struct mps_local *other = &c->paths.locals[i];

        if (other->ifindex == l->ifindex)
            l->way = other->id == 0 ? 1 : other->way;
    }
    if (l->way == 0)
        l->way = (uint8_t)(l->id + 1);
    return l->way;
}

static void announce(struct mps_conn *c, struct mps_local *l)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_ADD_ADDR};

    ctrl.add_addr.id = l->id;
    ctrl.add_addr.way = way_of(c, l);
    ctrl.add_addr.addr = l->addr;
    if (mps_control_queue(c, &ctrl) == 0)
        l->announced = true;
}

void mps_addresses_announce(struct mps_conn *c)
{
    if (c->phase != MPS_PH_OPEN)
        return;
    for (unsigned i = 0; i < c->paths.n_locals; i++) {
        struct mps_local *l = &c->paths.locals[i];

        if (l->announce && !l->announced && l->id != MPS_ADDR_ID_SPARE &&
            (l->id != 0 || l->addr.port == 0))
            announce(c, l);
    }
}

/* ---- the peer's addresses ---- */

static struct mps_remote *find_remote(struct mps_conn *c, mps_addr_id_t id)
{
    for (unsigned i = 0; i < c->paths.n_remotes; i++) {
        if (c->paths.remotes[i].id == id)
            return &c->paths.remotes[i];
    }
    return NULL;
}

/* Are there places for MPS_ADDRS_MAX? */
static bool has_many(struct mps_conn *c)
{
    struct mps_paths *p = &c->paths;
    struct mps_remote *many;

    if (p->remotes != p->few_remotes)
        return true;
    many = mps_alloc(c->env.mem, MPS_ADDRS_MAX * sizeof(*many));
    if (!many)
        return false;
    memcpy(many, p->few_remotes, sizeof(p->few_remotes));
    p->remotes = many;
    return true;
}

/* A place for a new address: of one withdrawn, or a new one within the limit. */
static struct mps_remote *remote_place(struct mps_conn *c)
{
    struct mps_paths *p = &c->paths;

    for (unsigned i = 1; i < p->n_remotes; i++) {
        if (p->remotes[i].gone && !p->remotes[i].ev_removed)
            return &p->remotes[i];
    }
    if (p->n_remotes >= MPS_ADDRS_MAX || p->n_remotes > c->cfg.max_addrs)
        return NULL;
    if (p->n_remotes >= MPS_PATHS_FEW && !has_many(c))
        return NULL;
    return &p->remotes[p->n_remotes++];
}

static bool is_withdrawn(const struct mps_paths *p, mps_addr_id_t id)
{
    return p->withdrawn[id / 64] >> id % 64 & 1;
}

bool mps_addresses_is_first(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;

    /* Behind a NAT the client's addresses look alike: their ids tell which is which. */
    if (c->role == MPS_ROLE_SERVER && sf->remote_id != 0 && !is_withdrawn(&c->paths, 0))
        return false;
    return mps_addr_same_ip(&sf->local, &c->paths.first_local) &&
           mps_addr_same_ip(&sf->remote, &c->paths.remotes[0].addr);
}

void mps_addresses_remote_removed(struct mps_conn *c, mps_addr_id_t id)
{
    struct mps_remote *r = find_remote(c, id);

    c->paths.withdrawn[id / 64] |= UINT64_C(1) << id % 64;

    if (r && !r->gone) {
        r->gone = true;
        r->ev_added = false;
        r->ev_removed = true;
    }
}

bool mps_addresses_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl)
{
    struct mps_addr addr = ctrl->add_addr.addr;
    struct mps_remote *r = find_remote(c, ctrl->add_addr.id);
    bool proved;

    /* Each id is used once, so that a peer has as many lies as there are ids. */
    if (is_withdrawn(&c->paths, ctrl->add_addr.id))
        return false;
    if (addr.port == 0)
        addr.port = c->paths.remotes[0].addr.port;
    if (!mps_addr_is_sane_from(&addr, &c->paths.remotes[0].addr))
        return false;
    if (r) {
        /* An id keeps its address until it is withdrawn; the port may change (RFC 8684 3.4.1). */
        if (!mps_addr_same_ip(&r->addr, &addr))
            return false;
    } else {
        r = remote_place(c);
        if (!r)
            return false;
    }
    proved = r->proved && mps_addr_equal(&r->addr, &addr);
    *r = (struct mps_remote){
        .addr = addr,
        .id = ctrl->add_addr.id,
        .way = ctrl->add_addr.way,
        .ev_added = true,
        .proved = proved,
    };
    c->paths.due = true;
    return true;
}
