/* SPDX-License-Identifier: MIT */
/*
 * What top knows between two looks at the agents: the latest one (model.h), the rates of earlier
 * ones, which connections are listed in which order, and which one is chosen.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "model.h"

#define MPS_LIVE_LOOKS 120

/* Rates of earlier looks, the latest at `n - 1` modulo MPS_LIVE_LOOKS. */
struct mps_live_past {
    uint64_t n;
    uint64_t rate[MPS_WAYS][MPS_LIVE_LOOKS];
};

struct mps_live_path {
    uint64_t id;                         /* of the subflow */
    uint64_t segments, repeated;         /* as of the latest look, */
    uint64_t new_segments, new_repeated; /* and since the one before */
    struct mps_live_past past;
};

struct mps_live_conn {
    char agent[24], id[24];
    const struct mps_seen_conn *seen; /* in the latest look */
    struct mps_live_past past;
    size_t n_paths;
    struct mps_live_path *paths; /* of its subflows, in the order of seen->paths */
};

enum mps_live_order {
    MPS_BY_RATE,
    MPS_BY_BYTES,
    MPS_BY_PROGRAM,
    MPS_BY_AGE,
    MPS_BY_ORDERS, /* how many there are */
};

struct mps_live {
    struct mps_seen *seen;
    size_t n_conns;
    struct mps_live_conn *conns; /* by agent and id */
    size_t n_listed;
    struct mps_live_conn **listed; /* those that the filter lets through, in order */
    enum mps_live_order order;
    bool backwards;
    char filter[32];                   /* part of the program's name, in any case; "": all */
    char chosen_agent[24], chosen[24]; /* id; "": the first one */
};

void mps_live_init(struct mps_live *self);
void mps_live_deinit(struct mps_live *self);

/* Take another look, which is freed by this; false: out of memory, and the earlier one stays. */
bool mps_live_look(struct mps_live *self, struct mps_seen *seen);

/* After a change of order, direction or filter. */
void mps_live_list(struct mps_live *self);

/*
 * Position of the chosen one in the list, 0 if it is not there; and choose the one at a position.
 */
size_t mps_live_chosen(const struct mps_live *self);
bool mps_live_has_chosen(const struct mps_live *self);
void mps_live_choose(struct mps_live *self, size_t position);

/* A rate, `back` looks before the latest; 0 where there was none. */
uint64_t mps_live_rate(const struct mps_live_past *past, int way, uint64_t back);
