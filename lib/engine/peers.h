/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of peers by address and port: that they are plain, or proven shims. One table
 * for all engines of the agent: any thread may ask and tell. Used when a connection begins, never
 * while it carries data.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include "core/addr.h"
#include "core/time.h"

enum mps_peer_kind {
    MPS_PEER_UNKNOWN = 0,
    MPS_PEER_PLAIN,  /* showed the mark and answered no HELLO */
    MPS_PEER_PROVEN, /* completed a HELLO exchange */
};

#define MPS_PEERS_MAX      256
#define MPS_PEERS_LIFETIME (600 * MPS_SEC)

struct mps_peers {
    pthread_mutex_t lock; /* of all that follows */
    struct {
        struct mps_addr addr;
        enum mps_peer_kind kind;
        mps_time_t expires;
    } entry[MPS_PEERS_MAX];
};

void mps_peers_init(struct mps_peers *peers);
void mps_peers_deinit(struct mps_peers *peers);

enum mps_peer_kind mps_peers_find(struct mps_peers *peers, const struct mps_addr *addr,
                                  mps_time_t now);
/* Replaces what was known; when the table is full the oldest entry goes. */
void mps_peers_set(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                   mps_time_t now);
