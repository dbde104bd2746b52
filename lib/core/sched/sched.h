/* SPDX-License-Identifier: MIT */
/*
 * Schedulers: which subflow carries the next run of data. A scheduler sees candidates as plain
 * values and answers with an index; it has no access to the connection.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/subflow/subflow.h"
#include "sched_list.h"

/*
 * What a path of weight 2 gets against one of weight 1:
 *   ecf         counts as if it delivered in half the time
 *   minrtt      counts as if its RTT were half as long (redundant: the same for new data)
 *   roundrobin  two runs in a row instead of one
 *   backup      comes first, whatever its age
 */
#define MPS_WEIGHT_DEFAULT 1u
#define MPS_WEIGHT_MAX     100u

struct mps_sched_path {
    struct mps_metrics m;
    uint64_t queued;  /* bytes already framed for it and not yet taken by its socket */
    uint64_t room;    /* bytes it takes now; 0: full */
    unsigned weight;  /* 1..MPS_WEIGHT_MAX as the user wants it, 0: the default */
    uint32_t idle_us; /* since it was last given a run */
    bool backup;
    bool first;   /* between the addresses of the first subflow */
    bool carried; /* this run was already sent on it */
};

struct mps_sched_input {
    const struct mps_sched_path *paths;
    unsigned n_paths; /* usable ones only: active and not stale */
    uint64_t unsent;  /* bytes waiting in all */
    bool more;        /* the send buffer was full just now: the program has more than these */
    uint64_t window;  /* bytes that may wait for their DATA_ACK at a time: the peer's window, or
                        * the send buffer where that is smaller */
    bool reinject;    /* the run was sent before */
    bool fin;         /* nothing comes after the waiting bytes */
};

#define MPS_SCHED_NONE (-1) /* wait: no path, or waiting is better */

#define MPS_SCHED_NAME_MAX 15 /* the library's struct mptcpshim_stats has no place for more */

struct mps_sched_ops {
    const char *name;
    size_t state_size; /* zeroed per-connection state handed to pick; 0: none */
    int (*pick)(void *state, const struct mps_sched_input *in);
    /*
     * A new run goes to paths[picked]: does a copy go to paths[other], which has room? NULL: never.
     */
    bool (*copies)(const struct mps_sched_input *in, unsigned picked, unsigned other);
    /* Paths are to carry the same, so that none rests because it shares a bottleneck. */
    bool duplicate;
    /* Copies are few: their bytes are bounded (copies.h). */
    bool bounded;
    /* One path carries, the others stand by: nothing goes over them only to come sooner. */
    bool stand_by;
    /* What a slower path gets is taken from further behind, to come in time (lead.h). */
    bool in_time;
};

/* By name ("ecf" is the default); NULL if unknown. */
const struct mps_sched_ops *mps_sched_find(const char *name);

/* The i-th scheduler, NULL behind the last; the default first. */
const struct mps_sched_ops *mps_sched_at(unsigned i);

#define MPS_SCHEDULER_OPS(name) extern const struct mps_sched_ops mps_sched_##name;
MPS_SCHEDULERS(MPS_SCHEDULER_OPS)
