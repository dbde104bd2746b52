/* SPDX-License-Identifier: MIT */
/*
 * roundrobin: run by run around the paths that have room, each as often as its weight says and
 * evenly spread: a path gains its weight at each run and pays the sum of all for one of its own.
 */
#include "core/conn/conn.h"
#include "sched_path.h"

struct state {
    /* By position in the list; a path that comes or goes moves others, for one round. */
    int32_t gained[MPS_MAX_SUBFLOWS];
};

static int pick(void *state, const struct mps_sched_input *in)
{
    struct state *rr = state;
    bool normal = mps_sched_has_normal(in);
    int best = MPS_SCHED_NONE;
    int32_t sum = 0;

    for (unsigned i = 0; i < in->n_paths && i < MPS_MAX_SUBFLOWS; i++) {
        const struct mps_sched_path *path = &in->paths[i];

        if (!mps_sched_eligible(path, normal) || path->room == 0)
            continue;
        rr->gained[i] += (int32_t)mps_sched_weight(path);
        sum += (int32_t)mps_sched_weight(path);
        if (best == MPS_SCHED_NONE || rr->gained[i] > rr->gained[best])
            best = (int)i;
    }
    if (best != MPS_SCHED_NONE)
        rr->gained[best] -= sum;
    return best;
}

const struct mps_sched_ops mps_sched_roundrobin = {
    .name = "roundrobin",
    .state_size = sizeof(struct state),
    .pick = pick,
};
