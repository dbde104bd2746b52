/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>
#include <time.h>
#include "core/conn/conn.h"
#include "engine/agent/engine.h"
#include "json.h"
#include "engine/connection/appconn.h"

static const char *reason_word(enum mps_reason reason)
{
    switch (reason) {
    case MPS_REASON_PROTOCOL:
        return "protocol";
    case MPS_REASON_RESOURCES:
        return "resources";
    case MPS_REASON_PROHIBITED:
        return "prohibited";
    case MPS_REASON_TOO_MUCH_DATA:
        return "too_much_data";
    case MPS_REASON_BAD_PERFORMANCE:
        return "bad_performance";
    case MPS_REASON_MIDDLEBOX:
        return "middlebox";
    case MPS_REASON_UNKNOWN_TOKEN:
        return "unknown_token";
    case MPS_REASON_BAD_HMAC:
        return "bad_hmac";
    case MPS_REASON_VERSION:
        return "version";
    case MPS_REASON_TIMEOUT:
        return "timeout";
    case MPS_REASON_ADDRESS_GONE:
        return "address_gone";
    default:
        return "unspecified";
    }
}

const char *mps_report_end(int reason)
{
    return reason == MPS_REASON_UNSPECIFIED ? "peer_aborted" : reason_word(reason);
}

static void put_time(struct json_object *o)
{
    struct timespec t;
    char text[40];

    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(text, sizeof(text), "%lld.%06ld", (long long)t.tv_sec, t.tv_nsec / 1000);
    json_object_object_add(
        o, "time", json_object_new_double_s((double)t.tv_sec + 1e-9 * (double)t.tv_nsec, text));
}

/* NULL if nobody watches. */
static struct json_object *begin(struct mps_report r, const char *event)
{
    struct json_object *o;
    struct mps_conn_info info;

    if (!mps_monitors_watching(r.ac->eng->monitors))
        return NULL;
    o = json_object_new_object();
    put_time(o);
    put_str(o, "event", event);
    put_str(o, "agent", r.ac->eng->agent_id);
    put_u64(o, "process", (uint64_t)r.ac->pid);
    put_id(o, "id", r.ac->id);
    put_str(o, "role", r.ac->role == MPS_ROLE_CLIENT ? "client" : "server");
    if (r.core) {
        mps_conn_info(r.core, &info);
        put_token(o, "token", info.token);
        if (info.peer_token)
            put_token(o, "peer_token", info.peer_token);
    }
    return o;
}

static void end(struct mps_report r, struct json_object *o)
{
    mps_monitors_send(r.ac->eng->monitors, o);
}

static void put_interface(struct json_object *o, const char *name)
{
    if (name[0] != '\0')
        put_str(o, "interface", name);
}

/* ---- the connection ---- */

static void put_names(struct json_object *o, struct mps_report r)
{
    put_addr(o, "local", &r.ac->local);
    put_addr(o, "remote", &r.ac->peer);
    put_interface(o, mps_netaddr_ifname(&r.ac->eng->view->addresses, 0, &r.ac->local));
}

void mps_report_session(struct mps_report r, const char *event)
{
    struct json_object *o = begin(r, event);

    if (!o)
        return;
    put_names(o, r);
    if (r.ac->plain != MPS_PLAIN_NONE)
        put_str(o, "reason", mps_plain_reason_word(r.ac->plain));
    end(r, o);
}

void mps_report_counted(struct mps_monitors *monitors, const char *agent_id,
                        enum mps_counts_role role, enum mps_plain_reason reason, uint32_t count)
{
    struct json_object *o = json_object_new_object();

    put_time(o);
    put_str(o, "event", "plain");
    put_str(o, "agent", agent_id);
    put_str(o, "role", role == MPS_COUNTS_CLIENT ? "client" : "server");
    put_str(o, "reason", mps_plain_reason_word(reason));
    put_u64(o, "count", count);
    mps_monitors_send(monitors, o);
}

void mps_report_closed(struct mps_report r)
{
    struct json_object *o = begin(r, "closed");

    if (!o)
        return;
    put_names(o, r);
    put_str(o, "reason", r.ac->end ? r.ac->end : "dropped");
    end(r, o);
}

/* ---- subflows ---- */

static const char *event_name(const struct mps_event *ev)
{
    switch (ev->type) {
    case MPS_EV_SUBFLOW_UP:
        return "subflow_established";
    case MPS_EV_SUBFLOW_CLOSE:
        return ev->was_up ? "subflow_closed" : "subflow_failed";
    case MPS_EV_PRIORITY:
        return "subflow_priority";
    case MPS_EV_STALE:
        return "subflow_stale";
    case MPS_EV_RECOVERED:
        return "subflow_recovered";
    case MPS_EV_ADDR_ANNOUNCED:
        return "address_announced";
    case MPS_EV_ADDR_REMOVED:
        return "address_removed";
    default:
        return NULL;
    }
}

static void put_end(struct json_object *o, const struct mps_event *ev, int error)
{
    const char *name = error ? strerrorname_np(error) : NULL;

    put_str(o, "reason",
            ev->reason == MPS_REASON_UNSPECIFIED && !ev->reset ? "finished"
                                                               : reason_word(ev->reason));
    if (name)
        put_str(o, "error", name);
}

static void put_subflow(struct json_object *o, struct mps_report r, const struct mps_event *ev,
                        const char *ifname, int error)
{
    if (!ifname)
        ifname = mps_netaddr_ifname(&r.ac->eng->view->addresses, ev->ifindex, &ev->local);
    put_u64(o, "subflow", ev->subflow_id);
    put_addr(o, "local", &ev->local);
    put_addr(o, "remote", &ev->remote);
    put_interface(o, ifname);
    put_bool(o, "backup", ev->backup);
    if (ev->type == MPS_EV_PRIORITY)
        put_str(o, "by", ev->own ? "local" : "peer");
    if (ev->type == MPS_EV_SUBFLOW_CLOSE)
        put_end(o, ev, error);
}

void mps_report_event(struct mps_report r, const struct mps_event *ev, const char *ifname,
                      int error)
{
    const char *name = event_name(ev);
    struct json_object *o = name ? begin(r, name) : NULL;

    if (!o)
        return;
    if (ev->subflow) {
        put_subflow(o, r, ev, ifname, error);
    } else {
        put_str(o, "by", "peer");
        put_addr(o, "address", &ev->remote);
    }
    end(r, o);
}

void mps_report_local(struct mps_report r, const char *event, const struct mps_addr *addr,
                      const char *ifname)
{
    struct json_object *o = begin(r, event);

    if (!o)
        return;
    put_str(o, "by", "local");
    put_addr(o, "address", addr);
    put_interface(o, ifname);
    end(r, o);
}
