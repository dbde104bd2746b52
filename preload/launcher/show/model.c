/* SPDX-License-Identifier: MIT */
#include "model.h"
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../output.h"

/* ---- members ---- */

static void take_text(struct json_object *o, const char *key, char *ret, size_t size)
{
    const char *value = json_object_get_string(json_object_object_get(o, key));

    mps_printable(value ? value : "", ret, size);
}

#define TEXT(o, key, member) take_text(o, key, member, sizeof(member))

/* Sums of a few of them, and times eight, are still no overflow. */
#define NUMBER_MAX 1e17

static uint64_t number(struct json_object *o, const char *key)
{
    struct json_object *v = json_object_object_get(o, key);
    double value = json_object_get_double(v);

    if (!(value > 0))
        return 0;
    if (value >= NUMBER_MAX)
        return (uint64_t)NUMBER_MAX;
    return json_object_is_type(v, json_type_int) ? json_object_get_uint64(v) : (uint64_t)value;
}

static bool flag(struct json_object *o, const char *key)
{
    return json_object_get_boolean(json_object_object_get(o, key));
}

static size_t length(struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* ---- paths ---- */

/* The first word that is true instead of "active", then the others. */
static void take_flags(struct json_object *o, struct mps_seen_path *p)
{
    static const char *const words[] = {"stale", "rests", "backup"};
    bool plain = strcmp(p->state, "active") == 0;
    size_t used = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!flag(o, words[i]))
            continue;
        if (plain)
            snprintf(p->state, sizeof(p->state), "%s", words[i]);
        else
            used += (size_t)snprintf(p->flags + used, sizeof(p->flags) - used, " %s", words[i]);
        plain = false;
    }
}

static void take_path(struct json_object *o, bool ended, struct mps_seen_path *p)
{
    p->ended = ended;
    TEXT(o, "interface", p->interface);
    TEXT(o, "local", p->local);
    TEXT(o, "remote", p->remote);
    p->bytes[MPS_OUT] = number(o, "bytes_sent");
    p->bytes[MPS_IN] = number(o, "bytes_received");
    p->reinjected = number(o, "bytes_reinjected");
    if (ended) {
        snprintf(p->state, sizeof(p->state), "ended");
        p->count = number(o, "count");
        return;
    }
    TEXT(o, "state", p->state);
    take_flags(o, p);
    p->id = number(o, "id");
    p->rate[MPS_OUT] = number(o, "send_rate");
    p->rate[MPS_IN] = number(o, "receive_rate");
    p->segments = number(o, "segments_sent");
    p->repeated = number(o, "segments_repeated");
    p->rtt_us = number(o, "rtt_us");
}

static bool take_paths(struct json_object *o, struct mps_seen_conn *c)
{
    struct json_object *subflows = json_object_object_get(o, "subflows");
    struct json_object *ended = json_object_object_get(o, "ended");
    size_t n = length(subflows), all = n + length(ended);

    c->paths = calloc(all + 1, sizeof(c->paths[0]));
    if (!c->paths)
        return false;
    for (size_t i = 0; i < all; i++)
        take_path(i < n ? json_object_array_get_idx(subflows, i)
                        : json_object_array_get_idx(ended, i - n),
                  i >= n, &c->paths[i]);
    c->n_paths = all;
    return true;
}

/* ---- connections, and what has the form of one ---- */

static bool take_conn(struct json_object *o, struct mps_seen_conn *c)
{
    TEXT(o, "id", c->id);
    TEXT(o, "agent", c->agent);
    TEXT(o, "token", c->token);
    TEXT(o, "program", c->program);
    TEXT(o, "local", c->local);
    TEXT(o, "remote", c->remote);
    TEXT(o, "role", c->role);
    TEXT(o, "mode", c->mode);
    TEXT(o, "state", c->state);
    TEXT(o, "scheduler", c->scheduler);
    TEXT(o, "reason", c->reason);
    c->process = number(o, "process");
    c->age_us = number(o, "age_us");
    c->memory = number(o, "memory_used");
    c->waits = json_object_object_get_ex(o, "reset_in_us", NULL);
    c->silent_us = number(o, "silent_us");
    c->reset_in_us = number(o, "reset_in_us");
    c->bytes[MPS_OUT] = number(o, "bytes_sent");
    c->bytes[MPS_IN] = number(o, "bytes_received");
    c->rate[MPS_OUT] = number(o, "send_rate");
    c->rate[MPS_IN] = number(o, "receive_rate");
    c->reinjected = number(o, "bytes_reinjected");
    return take_paths(o, c);
}

static struct mps_seen_agent *agent_of(struct mps_seen *seen, struct json_object *o)
{
    struct mps_seen_agent *a;
    char id[sizeof(a->id)];

    TEXT(o, "agent", id);
    /* Those of one agent follow one another. */
    for (size_t i = seen->n_agents; i > 0; i--)
        if (strcmp(seen->agents[i - 1].id, id) == 0)
            return &seen->agents[i - 1];
    if (seen->n_agents == MPS_SEEN_AGENTS_MAX)
        return &seen->agents[seen->n_agents - 1];
    a = &seen->agents[seen->n_agents++];
    memcpy(a->id, id, sizeof(id));
    return a;
}

static bool take_memory(struct json_object *o, struct mps_seen_agent *a)
{
    struct json_object *list = json_object_object_get(o, "peers");
    size_t n = length(list);

    a->has_memory = true;
    a->connections = number(o, "connections");
    a->used = number(o, "memory_used");
    a->promised = number(o, "memory_promised");
    a->limit = number(o, "memory_limit");
    a->refused = number(o, "count");
    free(a->peers);
    a->n_peers = 0;
    a->peers = calloc(n + 1, sizeof(a->peers[0]));
    for (size_t i = 0; a->peers && i < n; i++) {
        struct mps_seen_peer *p = &a->peers[a->n_peers++];
        struct json_object *peer = json_object_array_get_idx(list, i);

        TEXT(peer, "address", p->address);
        p->connections = number(peer, "connections");
        p->used = number(peer, "memory_used");
        p->promised = number(peer, "memory_promised");
    }
    return a->peers != NULL;
}

static bool take(struct mps_seen *seen, struct json_object *o)
{
    const char *state = json_object_get_string(json_object_object_get(o, "state"));
    struct mps_seen_agent *a = agent_of(seen, o);
    struct mps_seen_count *count;

    if (!state)
        state = "";
    if (strcmp(state, "counted") == 0) {
        count = &seen->counts[seen->n_counts++];
        TEXT(o, "agent", count->agent);
        TEXT(o, "role", count->role);
        TEXT(o, "reason", count->reason);
        count->n = number(o, "count");
    } else if (strcmp(state, "left-out") == 0) {
        a->left_out = number(o, "count");
    } else if (strcmp(state, "memory") == 0) {
        return take_memory(o, a);
    } else {
        return take_conn(o, &seen->conns[seen->n_conns++]);
    }
    return true;
}

struct mps_seen *mps_seen_read(struct json_object *all)
{
    struct mps_seen *seen = calloc(1, sizeof(*seen));
    size_t n = length(all);
    bool whole = seen != NULL;

    if (seen) {
        seen->beyond = n > MPS_SEEN_MAX ? n - MPS_SEEN_MAX : 0;
        n -= seen->beyond;
        seen->conns = calloc(n + 1, sizeof(seen->conns[0]));
        seen->counts = calloc(n + 1, sizeof(seen->counts[0]));
        seen->agents = calloc(MPS_SEEN_AGENTS_MAX, sizeof(seen->agents[0]));
        whole = seen->conns && seen->counts && seen->agents;
    }
    for (size_t i = 0; whole && i < n; i++)
        whole = take(seen, json_object_array_get_idx(all, i));
    if (whole)
        return seen;
    mps_seen_free(seen);
    return NULL;
}

void mps_seen_free(struct mps_seen *seen)
{
    if (!seen)
        return;
    for (size_t i = 0; seen->conns && i < seen->n_conns; i++)
        free(seen->conns[i].paths);
    for (size_t i = 0; seen->agents && i < seen->n_agents; i++)
        free(seen->agents[i].peers);
    free(seen->conns);
    free(seen->counts);
    free(seen->agents);
    free(seen);
}

uint64_t mps_seen_carried(const struct mps_seen_conn *c, int way)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < c->n_paths; i++)
        sum += c->paths[i].bytes[way];
    return sum;
}

bool mps_seen_active(const struct mps_seen_path *p)
{
    return !p->ended && strcmp(p->state, "connecting") != 0 && strcmp(p->state, "opening") != 0 &&
           strcmp(p->state, "closing") != 0 && strcmp(p->state, "dead") != 0;
}

/* Without a port, and the brackets that it asks for. */
static void strip_port(char *address)
{
    char *colon = strchr(address, ':');
    size_t len;

    if (address[0] == '[') {
        len = strcspn(address, "]");
        memmove(address, address + 1, len);
        address[len > 0 ? len - 1 : 0] = '\0';
    } else if (colon && colon == strrchr(address, ':')) {
        *colon = '\0';
    }
}

size_t mps_seen_pairs(const struct mps_seen_conn *c, struct mps_seen_path *ret)
{
    size_t n = 0, k;

    for (size_t i = 0; i < c->n_paths; i++) {
        struct mps_seen_path p = c->paths[i];

        strip_port(p.local);
        strip_port(p.remote);
        p.count = !p.ended;
        for (k = 0; k < n; k++)
            if (strcmp(ret[k].local, p.local) == 0 && strcmp(ret[k].remote, p.remote) == 0)
                break;
        if (k == n) {
            ret[n++] = p;
            continue;
        }
        ret[k].count += p.count;
        ret[k].reinjected += p.reinjected;
        for (int way = 0; way < MPS_WAYS; way++) {
            ret[k].bytes[way] += p.bytes[way];
            ret[k].rate[way] += p.rate[way];
        }
        if (p.rtt_us > 0)
            ret[k].rtt_us = p.rtt_us;
    }
    return n;
}

const char *mps_seen_program(const struct mps_seen_conn *c, char ret[MPS_SEEN_PROGRAM])
{
    snprintf(ret, MPS_SEEN_PROGRAM, "%s[%llu]", c->program, (unsigned long long)c->process);
    return ret;
}
