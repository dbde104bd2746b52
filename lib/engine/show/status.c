/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "engine/agent/clock.h"
#include "core/conn/conn.h"
#include "engine/agent/engine.h"
#include "json.h"
#include "memstat.h"
#include "engine/connection/mpconn.h"
#include "engine/connection/relay.h"
#include "engine/connection/session.h"
#include "engine/net/sock.h"

/* Of all subflows of a connection: the rows of info_list.h that are sums. */
#define SUM_COUNTER(name)
#define SUM_U64(name)
#define SUM_SUM(name)                   uint64_t name;
#define SUM(kind, name, value, library) SUM_##kind(name)

struct sums {
    MPS_CONN_FIELDS(SUM)
};

static const char *state_name(enum mps_subflow_state state)
{
    switch (state) {
    case MPS_SF_CONNECTING:
        return "connecting";
    case MPS_SF_OPENING:
        return "opening";
    case MPS_SF_ACTIVE:
        return "active";
    case MPS_SF_CLOSING:
        return "closing";
    default:
        return "dead";
    }
}

#define SUBFLOW_COUNTER(name, value) put_u64(o, #name, info->name);
#define SUBFLOW_U64(name, value)     put_u64(o, #name, info->name);
#define SUBFLOW_BOOL(name, value)    put_bool(o, #name, info->name);
#define SUBFLOW_METRIC(name, value)  put_u64(o, #name, info->metrics.value);
#define SUBFLOW_METER(name, value)                                                                 \
    put_u64(o, #name, mps_meter_rate(&info->name, now));                                           \
    sum->name += mps_meter_rate(&info->name, now);
#define SUBFLOW(kind, name, value, library) SUBFLOW_##kind(name, value)

static struct json_object *subflow_object(const struct mps_subflow_info *info, struct sums *sum)
{
    struct json_object *o = json_object_new_object();
    mps_time_t now = mps_clock_now();

    put_u64(o, "id", info->id);
    put_addr(o, "local", &info->local);
    put_addr(o, "remote", &info->remote);
    put_str(o, "state", state_name(info->state));
    MPS_SUBFLOW_FIELDS(SUBFLOW)
    return o;
}

/* Without a port; "" for what stands for several. */
static void put_ip(struct json_object *o, const char *key, const struct mps_addr *addr)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (addr->family != 0)
        inet_ntop(addr->family == MPS_AF_INET ? AF_INET : AF_INET6, addr->ip, text, sizeof(text));
    put_str(o, key, text);
}

static struct json_object *past_list(const struct mps_past *past)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; past && i < past->n; i++) {
        const struct mps_past_path *p = &past->path[i];
        struct json_object *o = json_object_new_object();

        put_ip(o, "local", &p->local);
        put_ip(o, "remote", &p->remote);
        put_u64(o, "count", p->subflows);
        put_u64(o, "bytes_sent", p->bytes_sent);
        put_u64(o, "bytes_received", p->bytes_received);
        put_u64(o, "bytes_reinjected", p->bytes_reinjected);
        mps_json_append(list, o);
    }
    return list;
}

#define CONN_COUNTER(name)               put_u64(o, #name, info.name);
#define CONN_U64(name)                   put_u64(o, #name, info.name);
#define CONN_BOOL(name)                  put_bool(o, #name, info.name);
#define CONN_SUM(name)                   put_u64(o, #name, sum.name);
#define CONN(kind, name, value, library) CONN_##kind(name)

/*
 * While there is no subflow that works: since when nothing was heard, and how long it still waits.
 */
static void put_waiting(struct json_object *o, const struct mps_conn_info *info)
{
    mps_time_t now = mps_clock_now();

    if (info->reset_at == MPS_NEVER)
        return;
    put_u64(o, "silent_us", now > info->heard_at ? (now - info->heard_at) / MPS_USEC : 0);
    put_u64(o, "reset_in_us", info->reset_at > now ? (info->reset_at - now) / MPS_USEC : 0);
}

static void put_multipath(struct json_object *o, const struct mps_session *s)
{
    struct mps_subflow_info sub[MPS_MAX_SUBFLOWS];
    struct json_object *list = json_object_new_array();
    struct mps_conn *core = mps_mpconn_core(s->mp);
    struct mps_conn_info info;
    struct sums sum = {.send_rate = 0};
    unsigned n;

    mps_conn_info(core, &info);
    n = mps_conn_subflow_info(core, sub, MPS_MAX_SUBFLOWS);
    if (n > MPS_MAX_SUBFLOWS)
        n = MPS_MAX_SUBFLOWS;
    put_token(o, "token", info.token);
    put_token(o, "peer_token", info.peer_token);
    put_str(o, "state", info.state);
    put_str(o, "mode", strcmp(info.state, "opening") == 0 ? "opening" : "multipath");
    put_str(o, "scheduler", info.sched);
    for (unsigned i = 0; i < n; i++)
        mps_json_append(list, subflow_object(&sub[i], &sum));
    MPS_CONN_FIELDS(CONN)
    put_waiting(o, &info);
    mps_json_put(o, "subflows", list);
    mps_json_put(o, "ended", past_list(mps_conn_past(core)));
}

/* The one TCP connection of a relay, shown as subflow 0. */
static void put_plain(struct json_object *o, const struct mps_session *s)
{
    struct json_object *list = json_object_new_array();
    bool waiting = mps_relay_waiting(s->relay);
    struct sums sum = {.send_rate = 0};
    struct mps_subflow_info sub = {
        .state = waiting ? MPS_SF_OPENING : MPS_SF_ACTIVE,
        .local = s->ac.local,
        .remote = s->ac.peer,
    };

    mps_relay_bytes(s->relay, &sub.bytes_sent, &sub.bytes_received);
    mps_relay_meters(s->relay, &sub.send_rate, &sub.receive_rate);
    mps_sock_metrics(mps_relay_fd(s->relay), &sub.metrics);
    put_token(o, "token", 0);
    put_str(o, "state", waiting ? "opening" : "established");
    put_str(o, "mode", waiting ? "opening" : "plain");
    if (!waiting)
        put_str(o, "reason", mps_plain_reason_word(s->ac.plain));
    put_str(o, "scheduler", "");
    put_u64(o, "bytes_sent", sub.bytes_sent);
    put_u64(o, "bytes_received", sub.bytes_received);
    mps_json_append(list, subflow_object(&sub, &sum));
    put_u64(o, "send_rate", sum.send_rate);
    put_u64(o, "receive_rate", sum.receive_rate);
    mps_json_put(o, "subflows", list);
    mps_json_put(o, "ended", json_object_new_array());
}

struct json_object *mps_status_one(const struct mps_session *s)
{
    struct json_object *o = json_object_new_object();

    put_id(o, "id", s->ac.id);
    put_str(o, "agent", s->ac.eng->agent_id);
    put_addr(o, "local", &s->ac.local);
    put_addr(o, "remote", &s->ac.peer);
    put_str(o, "role", s->ac.role == MPS_ROLE_CLIENT ? "client" : "server");
    mps_json_put(o, "process", json_object_new_int(s->ac.pid));
    put_u64(o, "age_us", (mps_clock_with_sleep() - s->ac.since) / MPS_USEC);
    put_u64(o, "thread", s->ac.eng->index);
    put_u64(o, "memory_used", s->ac.account.used);
    put_u64(o, "memory_promised", s->ac.account.promised);
    if (s->mp)
        put_multipath(o, s);
    else
        put_plain(o, s);
    return o;
}

/* In the form of a connection, so that whoever reads the list finds the members that all have. */
static struct json_object *count_object(const char *agent_id, const char *role, const char *state,
                                        const char *mode, uint32_t count)
{
    struct json_object *o = json_object_new_object();

    put_str(o, "id", agent_id);
    put_str(o, "agent", agent_id);
    put_str(o, "local", "");
    put_str(o, "remote", "");
    put_str(o, "role", role);
    put_u64(o, "process", 0);
    put_token(o, "token", 0);
    put_str(o, "state", state);
    put_str(o, "mode", mode);
    put_u64(o, "count", count);
    put_str(o, "scheduler", "");
    put_u64(o, "bytes_sent", 0);
    put_u64(o, "bytes_received", 0);
    put_u64(o, "send_rate", 0);
    put_u64(o, "receive_rate", 0);
    mps_json_put(o, "subflows", json_object_new_array());
    mps_json_put(o, "ended", json_object_new_array());
    return o;
}

static struct json_object *counted_object(const char *agent_id, enum mps_counts_role role,
                                          enum mps_plain_reason reason, uint32_t count)
{
    struct json_object *o = count_object(agent_id, role == MPS_COUNTS_CLIENT ? "client" : "server",
                                         "counted", "plain", count);

    put_str(o, "reason", mps_plain_reason_word(reason));
    return o;
}

/* Of an engine that has connections, or has refused some. */
static void add_memory(struct json_object *list, const struct mps_engine *eng)
{
    struct json_object *o;

    if (eng->n_sessions == 0 && eng->memory.refused == 0)
        return;
    o = count_object(eng->agent_id, "", "memory", "none", (uint32_t)eng->memory.refused);
    put_u64(o, "connections", eng->n_sessions);
    mps_memstat_put(o, &eng->memory);
    mps_json_append(list, o);
}

struct json_object *mps_status_list(const struct mps_engine *eng)
{
    struct json_object *list = json_object_new_array();
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link)
        mps_json_append(list, mps_status_one(s));
    add_memory(list, eng);
    return list;
}

void mps_status_left_out(struct json_object *list, unsigned n, const char *agent_id)
{
    if (n > 0)
        mps_json_append(list, count_object(agent_id, "", "left-out", "none", n));
}

void mps_status_counted(struct json_object *list, const struct mps_counts *counts,
                        const char *agent_id)
{
    for (int role = 0; counts && role < MPS_COUNTS_ROLES; role++) {
        for (int reason = 1; reason < MPS_PLAIN_REASONS; reason++) {
            uint32_t n = atomic_load_explicit(&counts->n[role][reason], memory_order_relaxed);

            if (n > 0)
                mps_json_append(list, counted_object(agent_id, (enum mps_counts_role)role,
                                                     (enum mps_plain_reason)reason, n));
        }
    }
}

static bool is_memory(struct json_object *o)
{
    const char *state = json_object_get_string(json_object_object_get(o, "state"));

    return state && strcmp(state, "memory") == 0;
}

/* The object of the agent's memory, out of the list; NULL: there is none. */
static struct json_object *take_memory(struct json_object *list)
{
    size_t n = json_object_array_length(list);
    struct json_object *last = n > 0 ? json_object_array_get_idx(list, n - 1) : NULL;

    if (!last || !is_memory(last))
        return NULL;
    json_object_get(last);
    json_object_array_del_idx(list, n - 1, 1);
    return last;
}

void mps_status_join(struct json_object *list, struct json_object *more)
{
    struct json_object *memory = take_memory(list);

    for (size_t i = 0; i < json_object_array_length(more); i++) {
        struct json_object *o = json_object_array_get_idx(more, i);

        if (memory && is_memory(o))
            mps_memstat_join(memory, o);
        else
            mps_json_append(list, json_object_get(o));
    }
    if (memory)
        mps_json_append(list, memory);
}
