/* SPDX-License-Identifier: MIT */
/*
 * minrtt: the path with the smallest smoothed RTT that has room. Paths of unknown RTT come last.
 * Of equals, the one with less waiting in front, then the first.
 */
#include "sched_path.h"

static bool better(const struct mps_sched_path *a, const struct mps_sched_path *b)
{
    /* 0 means unknown; minus one makes it the largest. */
    uint32_t rtt_a = a->m.srtt_us - 1;
    uint32_t rtt_b = b->m.srtt_us - 1;

    if (rtt_a != rtt_b)
        return rtt_a < rtt_b;
    return mps_sched_backlog(a) < mps_sched_backlog(b);
}

static int pick(void *state, const struct mps_sched_input *in)
{
    bool normal = mps_sched_has_normal(in);
    int best = MPS_SCHED_NONE;

    for (unsigned i = 0; i < in->n_paths; i++) {
        const struct mps_sched_path *path = &in->paths[i];

        if (!mps_sched_eligible(path, normal) || path->room == 0)
            continue;
        if (best == MPS_SCHED_NONE || better(path, &in->paths[best]))
            best = (int)i;
    }
    return best;
}

const struct mps_sched_ops mps_sched_minrtt = {
    .name = "minrtt",
    .pick = pick,
};
