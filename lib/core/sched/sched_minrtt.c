/* SPDX-License-Identifier: MIT */
/*
 * minrtt: the path with the smallest smoothed RTT that has room. Paths of unknown RTT come last. An
 * RTT counts as much longer as the path is lighter than the heaviest. Of equals, the one with less
 * waiting in front, then the first.
 */
#include "sched_path.h"

static uint64_t weighed_rtt(const struct mps_sched_path *path, unsigned max)
{
    return path->m.srtt_us > 0 ? mps_sched_weigh(path->m.srtt_us, path, max) : UINT64_MAX;
}

static bool better(const struct mps_sched_path *a, const struct mps_sched_path *b, unsigned max)
{
    uint64_t rtt_a = weighed_rtt(a, max), rtt_b = weighed_rtt(b, max);

    if (rtt_a != rtt_b)
        return rtt_a < rtt_b;
    return mps_sched_backlog(a) < mps_sched_backlog(b);
}

static int pick(void *state, const struct mps_sched_input *in)
{
    bool normal = mps_sched_has_normal(in);
    unsigned max = mps_sched_max_weight(in);
    int best = MPS_SCHED_NONE;

    for (unsigned i = 0; i < in->n_paths; i++) {
        const struct mps_sched_path *path = &in->paths[i];

        if (!mps_sched_eligible(path, normal) || path->room == 0)
            continue;
        if (best == MPS_SCHED_NONE || better(path, &in->paths[best], max))
            best = (int)i;
    }
    return best;
}

const struct mps_sched_ops mps_sched_minrtt = {
    .name = "minrtt",
    .pick = pick,
};
