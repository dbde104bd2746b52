/* SPDX-License-Identifier: MIT */
#include "lead.h"
#include "core/sched/sched_path.h"

/*
 * A path brings data in time for one whose data arrive so much later: less is chance. What setting
 * aside is worth, in the simulator: the stream stands still for 0.6 ms when a path with a long way
 * begins again, without 36 ms (tests/sim, rate-resume); on a recorded pair of Wi-Fi and cellular
 * links the longest gap is 204 ms, without 724. It is no gain everywhere: blocks of 1 MiB over very
 * unlike links (very-far) take 194 ms, without 142 (tests/bench/ablate.py).
 */
#define LEAD_MIN (5 * MPS_MSEC)

uint64_t mps_lead_bytes(const struct mps_sched_input *in, unsigned i, uint64_t aside,
                        uint32_t *ret_faster)
{
    const struct mps_sched_path *slow = &in->paths[i];
    bool normal = mps_sched_has_normal(in);
    uint64_t bytes = 0, t_slow;

    *ret_faster = 0;
    if (!mps_sched_known(slow))
        return 0;
    t_slow = mps_sched_arrival(slow, 0);
    for (unsigned k = 0; k < in->n_paths; k++) {
        const struct mps_sched_path *path = &in->paths[k];
        uint64_t t;

        if (k == i || !mps_sched_eligible(path, normal) || !mps_sched_known(path))
            continue;
        t = mps_sched_arrival(path, 0);
        if (t + LEAD_MIN / MPS_USEC > t_slow)
            continue;
        *ret_faster |= UINT32_C(1) << k;
        bytes += mps_sched_bytes_in(t_slow - t, mps_sched_rate(path));
    }
    /* Behind an estimate that is far too long the slow path must still find work. */
    bytes = mps_sched_min(bytes, in->window / 2);
    return bytes > aside ? bytes - aside : 0;
}
