/* SPDX-License-Identifier: MIT */
/*
 * The memory of an engine's connections, from malloc(3) and counted. Above the limit memory is
 * scarce: send buffers and windows become small, and nothing is refused; what was granted to peers
 * before may still come. Memory is scarce, too, while the control group is nearly full, in which
 * the program and the sockets of both are counted as well. Owned by the engine's thread.
 */
#pragma once
#include <stdint.h>
#include "core/base/mem.h"
#include "core/base/time.h"

struct mps_memory {
    struct mps_mem mem;
    uint64_t used, limit; /* bytes */
    uint64_t configured;  /* of the agent, 0: none */
    unsigned engines;
    bool tight; /* the control group is nearly full */
    mps_time_t looked_at;
    const char *root; /* of the files about control groups: "" but in tests */
};

/*
 * `mem` points to *memory from then on. `limit`: of the agent, 0: an eighth of the machine's
 * memory, or of its control group's where that is less; each of its `engines` has an equal part of
 * it.
 */
void mps_memory_init(struct mps_memory *memory, uint64_t limit, unsigned engines);

/* Look at the control group again. It is done by itself while connections have something to do. */
void mps_memory_look(struct mps_memory *memory, mps_time_t now);
