/* SPDX-License-Identifier: MIT */
/*
 * The memory of an engine: a limit, and what is counted against it. Counted are bytes that are
 * allocated (`used`; kernel buffers are not), and bytes for which a connection has to have room
 * although they are not there yet (`promised`): a peer that was granted credit may send them at any
 * moment. Who uses and was promised how much is known of each connection and each peer (account.h).
 *
 * As more of it is taken, in this order:
 *   half      scarce: send buffers and windows become small, first windows as small as they may be
 *   3/4       no connection gets more than it is sure of (account.h)
 *   7/8       full: no connection and no join is taken any more; the others go on
 *   limit     nothing is allocated for payloads
 * So those that are there keep what they were promised, whatever newcomers do. Memory is scarce,
 * too, while the control group is nearly full, in which the program and the sockets of both are
 * counted as well.
 *
 * Owned by the engine's thread.
 */
#pragma once
#include <stdint.h>
#include "core/base/mem.h"
#include "core/base/time.h"

#define MPS_MEMORY_PEER_ROWS 256

struct mps_memory_peer; /* account.h */

struct mps_memory {
    struct mps_mem mem;             /* for what is no connection's */
    uint64_t used, promised, limit; /* bytes */
    uint64_t refused;               /* connections that were not taken since the beginning */
    uint64_t configured;            /* of the agent, 0: none */
    uint64_t own;                   /* what the agent is without connections */
    unsigned engines;
    bool tight; /* the control group is nearly full */
    mps_time_t looked_at;
    const char *root; /* of the files about control groups: "" but in tests */
    struct mps_memory_peer *peers[MPS_MEMORY_PEER_ROWS]; /* with connections; lists by hash */
};

/*
 * `mem` points to *memory from then on. `limit`: of the agent, 0: an eighth of the machine's
 * memory, or of its control group's where that is less; each of its `engines` has an equal part of
 * what it leaves beside `own`.
 */
void mps_memory_init(struct mps_memory *memory, uint64_t limit, uint64_t own, unsigned engines);

/* Look at the control group again. It is done by itself while connections have something to do. */
void mps_memory_look(struct mps_memory *memory, mps_time_t now);

/* What this process is now. */
uint64_t mps_memory_of_process(void);

/* Is more taken than `part` eighths of the limit, or would be with `more` bytes? */
bool mps_memory_is_above(const struct mps_memory *memory, unsigned part, uint64_t more);

/* ---- for account.c ---- */

/* The size of an allocation, NULL: 0. */
uint64_t mps_memory_size(void *p);
bool mps_memory_is_scarce(struct mps_memory *memory);
