/* SPDX-License-Identifier: MIT */
/* Addresses of both sides, their ids, and the path manager's decisions put into effect. */
#include <string.h>
#include "addresses.h"
#include "core/conn/alive.h"
#include "core/conn/news.h"
#include "core/conn/state.h"
#include "core/send/control.h"
#include "core/wire/auth.h"
#include "priority.h"

void mps_paths_deinit(struct mps_conn *c)
{
    mps_free(c->env.mem, c->paths.locals);
}

/* ---- our addresses ---- */

/* Id 0 is the address of the first subflow, at the port of that subflow. */
static bool is_first(const struct mps_conn *c, const struct mps_addr *a)
{
    return c->had_first && !c->paths.first_gone &&
           mps_addr_same_ip(a, &c->paths.first_local) &&
           (a->port == 0 || a->port == c->paths.first_local.port);
}

struct mps_local *mps_paths_find_local(struct mps_conn *c, const struct mps_addr *addr)
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

int mps_paths_first(struct mps_conn *c, const struct mps_addr *local,
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
    p->remotes[0] = (struct mps_remote){.addr = *remote, .way = 1};
    p->n_remotes = 1;
    return 0;
}

const struct mps_local *mps_paths_local(const struct mps_conn *c, const struct mps_addr *local)
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
    if (mps_auth_add_addr(c->env.crypto, c->keys.own, c->keys.peer, l->id, &l->addr,
                          ctrl.add_addr.hmac) == 0 &&
        mps_control_queue(c, &ctrl) == 0)
        l->announced = true;
}

void mps_paths_announce(struct mps_conn *c)
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

/* The back-off of an address of ours (key not 0) or of the peer's is over. */
static void forget_retries(struct mps_conn *c, uint32_t key, mps_addr_id_t remote)
{
    struct mps_paths *p = &c->paths;

    for (unsigned i = 0; i < p->n_retries;) {
        struct mps_retry *r = &p->retries[i];

        if (key != 0 ? r->local_key == key : r->remote_id == remote)
            *r = p->retries[--p->n_retries];
        else
            i++;
    }
}

static void forget_retry(struct mps_paths *p, uint32_t key, mps_addr_id_t remote)
{
    for (unsigned i = 0; i < p->n_retries; i++) {
        if (p->retries[i].local_key == key && p->retries[i].remote_id == remote) {
            p->retries[i] = p->retries[--p->n_retries];
            return;
        }
    }
}

int mps_paths_local_add(struct mps_conn *c, const struct mps_addr *addr, uint32_t ifindex,
                        bool backup, bool announce_it)
{
    struct mps_local *l = mps_paths_find_local(c, addr);
    int r;

    if (!l) {
        r = new_local(c, addr, is_first(c, addr), &l);
        if (r < 0)
            return r;
    }
    /* The peer knew this one without being told, until it was withdrawn. */
    announce_it |= c->role == MPS_ROLE_SERVER && c->paths.first_gone &&
                   mps_addr_equal(addr, &c->paths.first_local);
    if (l->known && l->ifindex == ifindex && l->backup == backup && l->announce == announce_it)
        return 0;
    if (!l->known || l->backup != backup)
        mps_priority_changed(c, addr, backup);
    /* On another interface, earlier failures say nothing. */
    if (l->ifindex != ifindex)
        forget_retries(c, l->key, 0);
    l->ifindex = ifindex;
    l->backup = backup;
    l->announce = announce_it;
    l->known = true;
    c->paths.due = true;
    return 1;
}

int mps_paths_local_remove(struct mps_conn *c, const struct mps_addr *addr, mps_time_t now)
{
    struct mps_local *l = mps_paths_find_local(c, addr);
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
    forget_retries(c, key, 0);
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

void mps_paths_route_changed(struct mps_conn *c, const struct mps_route *route, mps_time_t now)
{
    struct mps_paths *p = &c->paths;
    struct mps_subflow *sf;

    for (unsigned l = 0; l < p->n_locals; l++) {
        if (route->ifindex != 0 && p->locals[l].ifindex != 0 &&
            p->locals[l].ifindex != route->ifindex)
            continue;
        for (unsigned r = 0; r < p->n_remotes; r++) {
            if (p->remotes[r].gone || !leads_to(route, &p->remotes[r].addr))
                continue;
            if (!route->gone)
                forget_retry(p, p->locals[l].key, p->remotes[r].id);
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

/* ---- the peer's addresses ---- */

static struct mps_remote *find_remote(struct mps_conn *c, mps_addr_id_t id)
{
    for (unsigned i = 0; i < c->paths.n_remotes; i++) {
        if (c->paths.remotes[i].id == id)
            return &c->paths.remotes[i];
    }
    return NULL;
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
    return &p->remotes[p->n_remotes++];
}

void mps_paths_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl)
{
    struct mps_addr addr = ctrl->add_addr.addr;
    struct mps_remote *r = find_remote(c, ctrl->add_addr.id);

    if (addr.port == 0)
        addr.port = c->paths.remotes[0].addr.port;
    if (!mps_addr_is_sane_from(&addr, &c->paths.remotes[0].addr))
        return;
    if (r) {
        /* An id keeps its address until it is withdrawn; the port may change (RFC 8684 3.4.1). */
        if (!(r->gone && r->id != 0) && !mps_addr_same_ip(&r->addr, &addr))
            return;
    } else {
        r = remote_place(c);
        if (!r)
            return;
    }
    *r = (struct mps_remote){
        .addr = addr,
        .id = ctrl->add_addr.id,
        .way = ctrl->add_addr.way,
        .ev_added = true,
    };
    forget_retries(c, 0, r->id);
    c->paths.due = true;
}

void mps_paths_remote_removed(struct mps_conn *c, mps_addr_id_t id,
                              const struct mps_subflow *carrier, mps_time_t now)
{
    struct mps_remote *r = find_remote(c, id);
    struct mps_subflow *sf;

    if (r && !r->gone) {
        r->gone = true;
        r->ev_added = false;
        r->ev_removed = true;
    }
    mps_for_each_subflow(sf, c) {
        /* The one that brought the news evidently works; it ends when the peer ends it. */
        if (sf->remote_id != id || sf == carrier || sf->state == MPS_SF_DEAD)
            continue;
        mps_news_ended(sf, &(struct mps_end){MPS_END_TAKEN_AWAY, MPS_REASON_ADDRESS_GONE, true}, now);
    }
}

/* ---- ids of the peer's joins: each once; a sliding window as against replay ---- */

bool mps_paths_peer_id_free(const struct mps_conn *c, uint32_t id)
{
    const struct mps_paths *p = &c->paths;
    uint32_t k = id / 2;

    if (id == 0)
        return false;
    if (k > p->peer_base)
        return true;
    return p->peer_base - k < 64 && !(p->peer_ids >> (p->peer_base - k) & 1);
}

void mps_paths_peer_id_used(struct mps_conn *c, uint32_t id)
{
    struct mps_paths *p = &c->paths;
    uint32_t k = id / 2;

    if (k > p->peer_base) {
        uint32_t shift = k - p->peer_base;

        p->peer_ids = shift < 64 ? p->peer_ids << shift : 0;
        p->peer_base = k;
    }
    if (p->peer_base - k < 64)
        p->peer_ids |= UINT64_C(1) << (p->peer_base - k);
}
