/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of peers, by address and port: that a peer is plain, or a proven shim. One
 * table for all engines of the agent: any thread may ask and tell. Used when a connection begins,
 * never while it carries data.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include "core/base/addr.h"
#include "core/base/time.h"

enum mps_peer_kind {
    MPS_PEER_UNKNOWN = 0,
    MPS_PEER_PLAIN,   /* showed the mark and answered HELLO with something else, or nothing */
    MPS_PEER_PROVEN,  /* completed a HELLO exchange */
    MPS_PEER_FAILED,  /* did not answer, or lost early data: unknown, and worth remembering */
    MPS_PEER_REFUSED, /* showed the mark and ended the connection: a shim that cannot take any, or
                         a box in between. It may do so to every marked connection */
};

#define MPS_PEERS_MAX      256
#define MPS_PEERS_LIFETIME (600 * MPS_SEC)
#define MPS_PEERS_SAME     (10 * MPS_MSEC) /* two times that differ less came from one event */

struct mps_peer {
    struct mps_addr addr;
    enum mps_peer_kind kind;
    mps_time_t expires;
};

struct mps_peers {
    /* Any thread; NULL or: what is known is worth keeping, at once with `urgent`; */
    void (*changed)(void *user, bool urgent);
    void (*refresh)(void *user); /* what others know is to be learned, if there is news. */
    void *user;
    pthread_mutex_t lock; /* of all that follows */
    struct mps_peer entry[MPS_PEERS_MAX];
};

void mps_peers_init(struct mps_peers *peers);
void mps_peers_deinit(struct mps_peers *peers);

enum mps_peer_kind mps_peers_find(struct mps_peers *peers, const struct mps_addr *addr,
                                  mps_time_t now);
/* Replaces what was known; when the table is full the oldest entry goes. */
void mps_peers_set(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                   mps_time_t now);

/*
 * Another agent has found this out, and it holds until `expires`. It is taken if it is newer than
 * what is known here: all knowledge lasts for the same time, so what ends later was found out
 * later.
 */
void mps_peers_learn(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                     mps_time_t expires, mps_time_t now);

/* To be called before a connection begins: others may know more of its peer by now. */
void mps_peers_refresh(struct mps_peers *peers);

/* Copies what is known now, at most MPS_PEERS_MAX; returns how many. */
unsigned mps_peers_list(struct mps_peers *peers, struct mps_peer *ret, mps_time_t now);
