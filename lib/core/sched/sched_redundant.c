/* SPDX-License-Identifier: MIT */
/*
 * redundant: every run on all paths with room. New runs go where a run has the shortest way, so
 * that what the others repeat is never what the fastest path waits for. A path that is full misses
 * the copy: the slowest path does not set the pace.
 */
#include "sched_path.h"

static int pick(void *state, const struct mps_sched_input *in)
{
    return mps_sched_minrtt.pick(NULL, in);
}

static bool copies(const struct mps_sched_input *in, unsigned picked, unsigned other)
{
    return true;
}

const struct mps_sched_ops mps_sched_redundant = {
    .name = "redundant",
    .pick = pick,
    .copies = copies,
    .duplicate = true,
};
