/* SPDX-License-Identifier: MIT */
/*
 * What connections have found out about paths, each a pair of addresses, for connections that come
 * later. One table for all engines of the agent: any thread may ask and tell. Used when a subflow
 * begins or ends, never while it carries data.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include "core/base/addr.h"
#include "core/base/time.h"

enum mps_pathmem_kind {
    MPS_PATHMEM_REWRITES, /* a box changes bytes there; ports do not matter */
    MPS_PATHMEM_FORGES,   /* somebody sends frames there that the peer does not; the same */
    MPS_PATHMEM_UNMARKED, /* a join there met no agent: it was a stray connection to the program at
                             the remote port */
};

#define MPS_PATHMEM_MAX      256
#define MPS_PATHMEM_LIFETIME (600 * MPS_SEC) /* of a box, or somebody, */
#define MPS_PATHMEM_ASTRAY   (300 * MPS_SEC) /* of a join: the peer may have an agent again */

struct mps_pathmem_entry {
    struct mps_addr local, remote;
    enum mps_pathmem_kind kind;
    mps_time_t expires; /* 0: free */
};

struct mps_pathmem {
    pthread_mutex_t lock; /* of all that follows */
    struct mps_pathmem_entry entry[MPS_PATHMEM_MAX];
};

void mps_pathmem_init(struct mps_pathmem *mem);
void mps_pathmem_deinit(struct mps_pathmem *mem);

/*
 * Replaces an entry of the same kind and path; when the table is full, the entry that ends first
 * goes.
 */
void mps_pathmem_set(struct mps_pathmem *mem, enum mps_pathmem_kind kind,
                     const struct mps_addr *local, const struct mps_addr *remote, mps_time_t now);

/* Until when it holds; 0: nothing is known. */
mps_time_t mps_pathmem_find(struct mps_pathmem *mem, enum mps_pathmem_kind kind,
                            const struct mps_addr *local, const struct mps_addr *remote,
                            mps_time_t now);
