/* SPDX-License-Identifier: MIT */
/*
 * What the agents say, as structures: read once from their JSON, then shown as text, metrics and
 * live screen. Texts are cut to their places and printable: control bytes and what a terminal would
 * obey are escaped (output.h), so whoever shows them need not think of it. Whatever the JSON holds,
 * reading it does not fail but for lack of memory; what is missing is empty or zero.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* More than any agents have; somebody else's answer may say more. */
#define MPS_SEEN_MAX        (1 << 17)
#define MPS_SEEN_AGENTS_MAX 1024

enum { MPS_OUT, MPS_IN, MPS_WAYS };

/* A subflow, or the pair of addresses of subflows that have ended. */
struct mps_seen_path {
    bool ended;
    char interface[24], local[64], remote[64]; /* interface "": not known */
    char state[16]; /* what is to be said first: the subflow's state, "stale", "rests", "backup" */
    char flags[32]; /* the others of these words, each with a blank before it */
    uint64_t id;    /* of a subflow */
    uint64_t count; /* of ended ones */
    uint64_t bytes[MPS_WAYS], rate[MPS_WAYS]; /* rate: bytes per second */
    uint64_t reinjected;
    uint64_t segments, repeated; /* TCP's; repeated: what is seen of losses */
    uint64_t rtt_us;             /* 0: not known */
};

struct mps_seen_conn {
    char id[24], agent[24], token[16];
    char program[64]; /* "": not known */
    uint64_t process;
    char local[64], remote[64], role[16], mode[16], state[16], scheduler[24];
    char reason[32]; /* of plain ones, "" if there is none */
    uint64_t age_us, memory;
    bool waits; /* no subflow works: */
    uint64_t silent_us, reset_in_us;
    uint64_t bytes[MPS_WAYS], rate[MPS_WAYS];
    uint64_t reinjected;
    size_t n_paths; /* those that have ended come last */
    struct mps_seen_path *paths;
};

/* Connections that never came to an agent. */
struct mps_seen_count {
    char agent[24], role[16], reason[32];
    uint64_t n;
};

/* What the connections with a peer use of an agent's memory. */
struct mps_seen_peer {
    char address[64];
    uint64_t connections, used, promised;
};

/* What is said of an agent as a whole. */
struct mps_seen_agent {
    char id[24];
    bool has_memory;
    uint64_t connections, used, promised, limit, refused;
    uint64_t left_out; /* addresses */
    size_t n_peers;
    struct mps_seen_peer *peers; /* those that use most */
};

struct mps_seen {
    size_t n_conns, n_counts, n_agents;
    size_t beyond; /* objects that are not here: more than MPS_SEEN_MAX */
    struct mps_seen_conn *conns;
    struct mps_seen_count *counts; /* of one agent and role they follow one another */
    struct mps_seen_agent *agents;
};

/* `all`: mps_agents_json. NULL: out of memory. The caller frees it. */
struct mps_seen *mps_seen_read(struct json_object *all);
void mps_seen_free(struct mps_seen *seen);

/* Sums over the paths, those that have ended included: repetitions count. */
uint64_t mps_seen_carried(const struct mps_seen_conn *c, int way);

/* Established, and not about to end. */
bool mps_seen_active(const struct mps_seen_path *p);

/*
 * The paths by pairs of addresses, without ports: sums of subflows and of those that have ended;
 * count is the number of subflows now. `ret` has c->n_paths places. Returns how many there are.
 */
size_t mps_seen_pairs(const struct mps_seen_conn *c, struct mps_seen_path *ret);

/* "curl[4711]"; "[4711]" if the name is not known. */
#define MPS_SEEN_PROGRAM 96
const char *mps_seen_program(const struct mps_seen_conn *c, char ret[MPS_SEEN_PROGRAM]);
