/* SPDX-License-Identifier: MIT */
#include "memstat.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "engine/agent/account.h"
#include "json.h"

#define PEERS_SHOWN 16u /* of each engine: those that have most */

static const char *const sums[] = {"count", "connections", "memory_used", "memory_promised",
                                   "memory_limit"};

static uint64_t taken(const struct mps_memory_peer *peer)
{
    return peer->used + peer->promised;
}

/* The peers that have most, the greatest first; returns how many. */
static unsigned greatest(const struct mps_memory *memory, const struct mps_memory_peer **top)
{
    unsigned n = 0;

    for (unsigned row = 0; row < MPS_MEMORY_PEER_ROWS; row++) {
        for (const struct mps_memory_peer *p = memory->peers[row]; p; p = p->next) {
            unsigned i = n < PEERS_SHOWN ? n++ : PEERS_SHOWN;

            for (; i > 0 && taken(top[i - 1]) < taken(p); i--) {
                if (i < PEERS_SHOWN)
                    top[i] = top[i - 1];
            }
            if (i < PEERS_SHOWN)
                top[i] = p;
        }
    }
    return n;
}

static struct json_object *peer_object(const struct mps_memory_peer *peer)
{
    struct json_object *o = json_object_new_object();
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(peer->addr.family == MPS_AF_INET ? AF_INET : AF_INET6, peer->addr.ip, text,
              sizeof(text));
    put_str(o, "address", text);
    put_u64(o, "connections", peer->connections);
    put_u64(o, "memory_used", peer->used);
    put_u64(o, "memory_promised", peer->promised);
    return o;
}

void mps_memstat_put(struct json_object *o, const struct mps_memory *memory)
{
    const struct mps_memory_peer *top[PEERS_SHOWN];
    struct json_object *peers = json_object_new_array();
    unsigned n = greatest(memory, top);

    put_u64(o, "memory_used", memory->used);
    put_u64(o, "memory_promised", memory->promised);
    put_u64(o, "memory_limit", memory->limit);
    for (unsigned i = 0; i < n; i++)
        mps_json_append(peers, peer_object(top[i]));
    mps_json_put(o, "peers", peers);
}

static struct json_object *member(struct json_object *o, const char *key)
{
    return json_object_object_get(o, key);
}

static void add(struct json_object *o, struct json_object *more, const char *key)
{
    struct json_object *ours = member(o, key), *theirs = member(more, key);

    if (ours && theirs)
        json_object_int_inc(ours, json_object_get_int64(theirs));
}

static struct json_object *find_peer(struct json_object *list, struct json_object *peer)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        const char *a = json_object_get_string(member(o, "address"));
        const char *b = json_object_get_string(member(peer, "address"));

        if (a && b && strcmp(a, b) == 0)
            return o;
    }
    return NULL;
}

void mps_memstat_join(struct json_object *o, struct json_object *more)
{
    struct json_object *ours = member(o, "peers"), *theirs = member(more, "peers");

    for (size_t k = 0; k < sizeof(sums) / sizeof(sums[0]); k++)
        add(o, more, sums[k]);
    if (!ours || !theirs) /* for lack of memory */
        return;
    for (size_t i = 0; i < json_object_array_length(theirs); i++) {
        struct json_object *peer = json_object_array_get_idx(theirs, i);
        struct json_object *known = find_peer(ours, peer);

        if (!known)
            mps_json_append(ours, json_object_get(peer));
        for (size_t k = 0; known && k < sizeof(sums) / sizeof(sums[0]); k++)
            add(known, peer, sums[k]);
    }
}
