/* SPDX-License-Identifier: MIT */
/*
 * Data in time. What a path with a long way carries arrives long after what others are given next,
 * and the receiver waits for it: where such a path begins, or begins again after a pause, the
 * stream stands still for the difference. So the bytes that faster paths can bring until then are
 * set aside for them, and the slow one gets those behind (as DAPS does, Kuhn et al., ICC 2014).
 * Nothing on the wire tells; wrong estimates cost no more than waiting at either end.
 */
#pragma once
#include <stdint.h>
#include "core/sched/sched.h"

/*
 * A run is about to be given to in->paths[i]: how many bytes should be set aside before it, when
 * `aside` are already and were not sent yet. Bit k of `ret_faster`: in->paths[k] is to carry them.
 */
uint64_t mps_lead_bytes(const struct mps_sched_input *in, unsigned i, uint64_t aside,
                        uint32_t *ret_faster);
