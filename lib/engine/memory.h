/* SPDX-License-Identifier: MIT */
/*
 * The memory of an engine's connections, from malloc(3) and counted. Above the limit it is scarce:
 * send buffers and windows become small, and nothing is refused; what was granted to peers before
 * may still come. Owned by the engine's thread.
 */
#pragma once
#include <stdint.h>
#include "core/mem.h"

struct mps_memory {
    struct mps_mem mem;
    uint64_t used, limit; /* bytes */
};

/*
 * `mem` points to *memory from then on. `limit`: of the agent, 0: an eighth of the machine's memory;
 * each of its `engines` has an equal part of it.
 */
void mps_memory_init(struct mps_memory *memory, uint64_t limit, unsigned engines);
