/* SPDX-License-Identifier: MIT */
/* What the transport has to be told, derived from the state. */
#include "core/subflow/life.h"
#include "state.h"

static bool subflow_event(struct mps_subflow *sf, struct mps_event *ev)
{
    struct mps_sf_events *f = &sf->ev;

    if (f->open && !f->open_told && sf->state != MPS_SF_DEAD) {
        f->open_told = true;
        ev->type = MPS_EV_OPEN;
    } else if (f->up) {
        f->up = false;
        f->up_told = true;
        ev->type = MPS_EV_SUBFLOW_UP;
    } else if (f->priority) {
        f->priority = false;
        ev->type = MPS_EV_PRIORITY;
        ev->backup = sf->peer_backup;
    } else if (f->own_priority) {
        f->own_priority = false;
        ev->type = MPS_EV_PRIORITY;
        ev->own = true;
    } else if (sf->state == MPS_SF_ACTIVE && sf->stale.stale != f->stale_told) {
        f->stale_told = sf->stale.stale;
        ev->type = f->stale_told ? MPS_EV_STALE : MPS_EV_RECOVERED;
    } else if (f->close && !f->close_told) {
        f->close_told = true;
        ev->type = MPS_EV_SUBFLOW_CLOSE;
    } else {
        return false;
    }
    ev->subflow = sf;
    ev->subflow_id = sf->id;
    ev->local = sf->local;
    ev->remote = sf->remote;
    ev->ifindex = sf->ifindex;
    if (ev->type != MPS_EV_PRIORITY || ev->own)
        ev->backup = sf->backup;
    ev->was_up = f->up_told;
    ev->reset = sf->close_reset;
    ev->reason = sf->reason;
    return true;
}

static bool address_event(struct mps_conn *c, struct mps_event *ev)
{
    struct mps_paths *p = &c->paths;

    for (unsigned i = 0; i < p->n_remotes; i++) {
        struct mps_remote *r = &p->remotes[i];

        if (!r->ev_added && !r->ev_removed)
            continue;
        ev->type = r->ev_added ? MPS_EV_ADDR_ANNOUNCED : MPS_EV_ADDR_REMOVED;
        ev->remote = r->addr;
        if (r->ev_added)
            r->ev_added = false;
        else
            r->ev_removed = false;
        return true;
    }
    return false;
}

static bool rewritten_event(struct mps_conn *c, struct mps_event *ev)
{
    if (!c->damage.ev)
        return false;
    c->damage.ev = false;
    ev->type = c->damage.forged ? MPS_EV_FORGED : MPS_EV_REWRITTEN;
    ev->local = c->damage.local;
    ev->remote = c->damage.remote;
    return true;
}

static bool conn_event(struct mps_conn *c, struct mps_event *ev)
{
    ev->reason = c->ev.reason;
    if (c->ev.unanswered) {
        c->ev.unanswered = false;
        ev->type = MPS_EV_UNANSWERED;
    } else if (c->ev.plain) {
        c->ev.plain = false;
        ev->type = MPS_EV_PLAIN;
    } else if (c->ev.reset) {
        c->ev.reset = false;
        ev->type = MPS_EV_RESET;
    } else if (c->phase == MPS_PH_OVER && mps_list_empty(&c->subflows) && !c->ev.closed) {
        c->ev.closed = true;
        ev->type = MPS_EV_CLOSED;
    } else {
        return false;
    }
    return true;
}

int mps_conn_next_event(struct mps_conn *c, struct mps_event *ret)
{
    struct mps_subflow *sf;
    struct mps_event ev = {0};

    if (c->ev.established) {
        c->ev.established = false;
        ev.type = MPS_EV_ESTABLISHED;
        *ret = ev;
        return 1;
    }
    mps_sf_reap(c);
    mps_for_each_subflow(sf, c) {
        if (subflow_event(sf, &ev)) {
            *ret = ev;
            return 1;
        }
    }
    if (rewritten_event(c, &ev) || address_event(c, &ev) || conn_event(c, &ev)) {
        *ret = ev;
        return 1;
    }
    return 0;
}
