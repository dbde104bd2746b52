/* SPDX-License-Identifier: MIT */
/*
 * backup: one path at a time, the first in the list (the oldest subflow) that may be used; the
 * others only stand by. When it is full the data waits.
 */
#include "sched_path.h"

static int pick(void *state, const struct mps_sched_input *in)
{
    bool normal = mps_sched_has_normal(in);

    for (unsigned i = 0; i < in->n_paths; i++) {
        if (mps_sched_eligible(&in->paths[i], normal))
            return in->paths[i].room > 0 ? (int)i : MPS_SCHED_NONE;
    }
    return MPS_SCHED_NONE;
}

const struct mps_sched_ops mps_sched_backup = {
    .name = "backup",
    .pick = pick,
};
