/* SPDX-License-Identifier: MIT */
/*
 * Data in time. Bytes on a slow path arrive long after the bytes that other paths are given next,
 * and the receiver waits for them: when a slow path begins, or begins again after a pause, the
 * stream would stand still for the difference. So the bytes that faster paths can bring in that
 * time are set aside for them, and the slow path gets the bytes behind (as DAPS does, Kuhn et al.,
 * ICC 2014). Nothing on the wire tells of it; wrong estimates cost no more than waiting at either
 * end.
 */
#pragma once
#include <stdint.h>
#include "core/sched/sched.h"

/*
 * A run is about to be given to in->paths[i]: how many bytes should be set aside before it, where
 * `aside` bytes are set aside already and were not sent yet? Bit k of `ret_faster`: in->paths[k] is
 * to carry them.
 */
uint64_t mps_lead_bytes(const struct mps_sched_input *in, unsigned i, uint64_t aside,
                        uint32_t *ret_faster);
