/* SPDX-License-Identifier: MIT */
/*
 * What all connections of an agent do together on the mere word of peers: joins to addresses that a
 * peer named and at which nobody has proved to be that peer (the core bounds those of one
 * connection, core/paths/claims.h). Joins are counted for each peer and for all of them; one that
 * meets the peer gives its token back, and that address counts no more for a while. One table for
 * all engines of the agent: any thread may ask and tell. Used when a join begins or works.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include "core/base/addr.h"
#include "core/base/bucket.h"

/* Joins at once, and time to the next: of one peer; */
#define MPS_CLAIMANTS_BURST    64u
#define MPS_CLAIMANTS_INTERVAL (250 * MPS_MSEC)
/* of all. */
#define MPS_CLAIMANTS_BURST_ALL    256u
#define MPS_CLAIMANTS_INTERVAL_ALL (30 * MPS_MSEC)

#define MPS_CLAIMANTS_MAX      64  /* peers; of those that are not known the bucket is full */
#define MPS_CLAIMANTS_PROVED   256 /* addresses with their peers */
#define MPS_CLAIMANTS_LIFETIME (600 * MPS_SEC)

struct mps_claimants_peer {
    struct mps_addr addr;
    struct mps_bucket bucket;
    mps_time_t used_at;
};

struct mps_claimants_proof {
    struct mps_addr peer, addr;
    mps_time_t expires;
};

struct mps_claimants {
    pthread_mutex_t lock; /* of all that follows */
    struct mps_bucket all;
    struct mps_claimants_peer peer[MPS_CLAIMANTS_MAX];
    struct mps_claimants_proof proof[MPS_CLAIMANTS_PROVED];
};

void mps_claimants_init(struct mps_claimants *book);
void mps_claimants_deinit(struct mps_claimants *book);

/*
 * A connection to `peer` wants to make a join to `addr`. 0: it may; *ret_claim tells whether that
 * took a token. Otherwise it has to wait until then.
 */
mps_time_t mps_claimants_ask(struct mps_claimants *book, const struct mps_addr *peer,
                             const struct mps_addr *addr, bool *ret_claim, mps_time_t now);

/* A join to `addr` has met `peer`; `claim` is what mps_claimants_ask said. */
void mps_claimants_proved(struct mps_claimants *book, const struct mps_addr *peer,
                          const struct mps_addr *addr, bool claim, mps_time_t now);
