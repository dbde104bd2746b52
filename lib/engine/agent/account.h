/* SPDX-License-Identifier: MIT */
/*
 * What one connection has of its engine's memory (memory.h), and all connections of one peer
 * together. A connection is sure of MPS_SURE_BYTES for what its peer sends, from the moment it is
 * taken. What it takes beyond that it gets while there is enough for all, and not more than a
 * quarter of the limit. One peer gets half of the limit at most, so that there is something left
 * for others: an IPv4 address counts as a peer, and an IPv6 network of 64 bits.
 *
 * Whatever a connection allocates goes through `mem` and is counted by that. What it has by other
 * means (a library's context, pages in a pipe) is reported by mps_account_add.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/base/mem.h"
#include "memory.h"

struct mps_memory_peer {
    struct mps_memory_peer *next;
    struct mps_addr addr; /* without port; of IPv6 the network */
    unsigned connections;
    uint64_t used, promised;
};

struct mps_account {
    struct mps_mem mem;        /* must not move while it is open */
    struct mps_memory *memory; /* NULL: not open */
    struct mps_memory_peer *peer;
    uint64_t used, promised;
};

/*
 * For a connection with that peer. 0; MPS_ELIMIT: there is no room for another one, which counts as
 * refused; MPS_ENOMEM.
 */
int mps_account_open(struct mps_account *account, struct mps_memory *memory,
                     const struct mps_addr *peer);

/* Everything was freed before; what else was reported is taken back. Not open is fine. */
void mps_account_close(struct mps_account *account);

/* Bytes that the connection has by other means than `mem`; negative: no more. */
void mps_account_add(struct mps_account *account, int64_t bytes);

/* So many bytes may still come of what it is sure of. */
void mps_account_promise(struct mps_account *account, uint64_t bytes);

/*
 * May its buffers grow by so many bytes? `needed`: the connection cannot go on without them, and
 * has no other buffer of the kind.
 */
bool mps_account_may(const struct mps_account *account, uint64_t bytes, bool needed);

/* May it have one more subflow? */
bool mps_account_takes_join(const struct mps_account *account);

/* The first window, where `wanted` is what a connection gets that is alone. */
uint64_t mps_account_first_window(const struct mps_account *account, uint64_t wanted);

/* The most that a window, or the bytes sent and not acknowledged, may grow to. */
uint64_t mps_account_most(const struct mps_account *account, uint64_t wanted);
