/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <json-c/json.h>
#include <string.h>
#include "core/conn/conn.h"
#include "engine/agent/engine.h"
#include "events.h"
#include "engine/connection/appconn.h"
#include "watcher.h"

static const char *reason_word(enum mps_reason reason)
{
    const char *word = mps_reason_word(reason);

    return word ? word : mps_reason_word(MPS_REASON_UNSPECIFIED);
}

const char *mps_report_end(int reason)
{
    return reason == MPS_REASON_UNSPECIFIED ? "peer_aborted" : reason_word(reason);
}

/* The values that all events of a connection have. False if nobody watches. */
static bool begin(struct mps_report r, struct mps_happening *ret)
{
    struct mps_conn_info info = {.token = 0};

    if (!mps_monitors_watching(r.ac->eng->monitors) && !r.ac->watchers)
        return false;
    if (r.core)
        mps_conn_info(r.core, &info);
    *ret = (struct mps_happening){
        .agent = r.ac->eng->agent_id,
        .process = (uint64_t)r.ac->pid,
        .id = r.ac->id,
        .role = r.ac->role == MPS_ROLE_CLIENT ? "client" : "server",
        .token = info.token,
        .peer_token = info.peer_token,
    };
    return true;
}

/* `one`: the only one who is told; NULL: everybody. */
static void tell(struct mps_report r, struct mps_watcher *one, const struct mps_event_row *row,
                 struct mps_happening *h)
{
    struct json_object *event = mps_events_object(row, h);

    if (one) {
        mps_watcher_send(one, event);
        json_object_put(event);
        return;
    }
    mps_watchers_send(r.ac->watchers, event);
    mps_monitors_send(r.ac->eng->monitors, event);
}

static const char *interface_of(struct mps_report r, uint32_t ifindex, const struct mps_addr *local)
{
    return mps_netaddr_ifname(&r.ac->eng->view->addresses, ifindex, local);
}

/* ---- the connection ---- */

static void tell_connection(struct mps_report r, struct mps_watcher *one,
                            const struct mps_event_row *row, const char *reason)
{
    struct mps_happening h;

    if (!row || !begin(r, &h))
        return;
    h.local = r.ac->local;
    h.remote = r.ac->peer;
    h.interface = interface_of(r, 0, &r.ac->local);
    h.reason = reason;
    tell(r, one, row, &h);
}

static void tell_session(struct mps_report r, struct mps_watcher *one, const char *event)
{
    enum mps_plain_reason plain = r.ac->plain;

    tell_connection(r, one, mps_events_find(event),
                    plain != MPS_PLAIN_NONE ? mps_plain_reason_word(plain) : NULL);
}

void mps_report_session(struct mps_report r, const char *event)
{
    tell_session(r, NULL, event);
}

void mps_report_closed(struct mps_report r)
{
    tell_connection(r, NULL, mps_events_find("closed"), r.ac->end ? r.ac->end : "dropped");
}

void mps_report_counted(struct mps_monitors *monitors, const char *agent_id,
                        enum mps_counts_role role, enum mps_plain_reason reason, uint32_t count)
{
    static const struct mps_event_row row = {"plain", MPS_ABOUT_NOTHING};
    struct mps_happening h = {
        .agent = agent_id,
        .role = role == MPS_COUNTS_CLIENT ? "client" : "server",
        .reason = mps_plain_reason_word(reason),
        .count = count,
    };

    mps_monitors_send(monitors, mps_events_object(&row, &h));
}

/* ---- subflows and addresses ---- */

static void set_end(struct mps_happening *h, const struct mps_event *ev, int error)
{
    h->reason =
        ev->reason == MPS_REASON_UNSPECIFIED && !ev->reset ? "finished" : reason_word(ev->reason);
    h->error = error ? strerrorname_np(error) : NULL;
}

static void set_subflow(struct mps_happening *h, struct mps_report r, const struct mps_event *ev,
                        const char *ifname, int error)
{
    h->subflow = ev->subflow_id;
    h->local = ev->local;
    h->remote = ev->remote;
    h->interface = ifname ? ifname : interface_of(r, ev->ifindex, &ev->local);
    h->backup = ev->backup;
    if (ev->type == MPS_EV_PRIORITY)
        h->by = ev->own ? "local" : "peer";
    if (ev->type == MPS_EV_SUBFLOW_CLOSE)
        set_end(h, ev, error);
}

void mps_report_event(struct mps_report r, const struct mps_event *ev, const char *ifname,
                      int error)
{
    const struct mps_event_row *row = mps_events_of(ev->type);
    struct mps_happening h;

    if (row && row->about & MPS_ABOUT_CONNECTION) {
        tell_connection(r, NULL, row, NULL);
        return;
    }
    if (!row || !begin(r, &h))
        return;
    if (ev->type == MPS_EV_SUBFLOW_CLOSE && !ev->was_up)
        row = mps_events_find("subflow_failed");
    if (ev->subflow) {
        set_subflow(&h, r, ev, ifname, error);
    } else {
        h.by = "peer";
        h.address = ev->remote;
    }
    tell(r, NULL, row, &h);
}

void mps_report_local(struct mps_report r, const char *event, const struct mps_addr *addr,
                      const char *ifname)
{
    const struct mps_event_row *row = mps_events_find(event);
    struct mps_happening h;

    if (!row || !begin(r, &h))
        return;
    h.by = "local";
    h.address = *addr;
    h.interface = ifname;
    tell(r, NULL, row, &h);
}

/* ---- what is so already ---- */

static void tell_subflow(struct mps_report r, struct mps_watcher *one, const char *event,
                         const struct mps_subflow_info *info)
{
    struct mps_happening h;

    if (!begin(r, &h))
        return;
    h.subflow = info->id;
    h.local = info->local;
    h.remote = info->remote;
    h.interface = interface_of(r, 0, &info->local);
    h.backup = info->backup;
    tell(r, one, mps_events_find(event), &h);
}

void mps_report_state(struct mps_report r, struct mps_watcher *one, bool plain)
{
    struct mps_subflow_info sub[MPS_MAX_SUBFLOWS];
    struct mps_conn_info info;
    unsigned n = 0;

    if (plain)
        tell_session(r, one, "plain");
    if (!r.core)
        return;
    mps_conn_info(r.core, &info);
    if (strcmp(info.state, "opening") == 0)
        return;
    tell_session(r, one, "established");
    n = mps_conn_subflow_info(r.core, sub, MPS_MAX_SUBFLOWS);
    for (unsigned i = 0; i < n && i < MPS_MAX_SUBFLOWS; i++) {
        if (sub[i].state == MPS_SF_ACTIVE)
            tell_subflow(r, one, "subflow_established", &sub[i]);
        if (sub[i].state == MPS_SF_ACTIVE && sub[i].stale)
            tell_subflow(r, one, "subflow_stale", &sub[i]);
    }
}
