/* SPDX-License-Identifier: MIT */
/*
 * backup: one path at a time, of those that may be used the heaviest, of equals the one that the
 * connection began with, else the first in the list (the oldest subflow); the others only stand by.
 * When it is full the data waits.
 */
#include "sched_path.h"

/* The path that the connection began with is the one that the program would have without us. */
static bool is_better(const struct mps_sched_path *a, const struct mps_sched_path *b)
{
    unsigned of_a = mps_sched_weight(a), of_b = mps_sched_weight(b);

    return of_a != of_b ? of_a > of_b : a->first && !b->first;
}

static int pick(void *state, const struct mps_sched_input *in)
{
    bool normal = mps_sched_has_normal(in);
    int best = MPS_SCHED_NONE;

    for (unsigned i = 0; i < in->n_paths; i++) {
        if (!mps_sched_eligible(&in->paths[i], normal))
            continue;
        if (best == MPS_SCHED_NONE || is_better(&in->paths[i], &in->paths[best]))
            best = (int)i;
    }
    return best != MPS_SCHED_NONE && in->paths[best].room > 0 ? best : MPS_SCHED_NONE;
}

const struct mps_sched_ops mps_sched_backup = {
    .name = "backup",
    .pick = pick,
    .stand_by = true,
};
