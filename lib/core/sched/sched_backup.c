/* SPDX-License-Identifier: MIT */
/*
 * backup: one path at a time, of those that may be used the heaviest, of equals the first in the
 * list (the oldest subflow); the others only stand by. When it is full the data waits.
 */
#include "sched_path.h"

static int pick(void *state, const struct mps_sched_input *in)
{
    bool normal = mps_sched_has_normal(in);
    int best = MPS_SCHED_NONE;

    for (unsigned i = 0; i < in->n_paths; i++) {
        if (!mps_sched_eligible(&in->paths[i], normal))
            continue;
        if (best == MPS_SCHED_NONE ||
            mps_sched_weight(&in->paths[i]) > mps_sched_weight(&in->paths[best]))
            best = (int)i;
    }
    return best != MPS_SCHED_NONE && in->paths[best].room > 0 ? best : MPS_SCHED_NONE;
}

const struct mps_sched_ops mps_sched_backup = {
    .name = "backup",
    .pick = pick,
    .stand_by = true,
};
