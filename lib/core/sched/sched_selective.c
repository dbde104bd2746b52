/* SPDX-License-Identifier: MIT */
/*
 * selective: the choice of ecf, and a copy on a second path while it is in doubt which one is
 * sooner. The idea is RAVEN's (Lee et al., MobiCom 2018): what repetition buys is the tail of the
 * delay, and it buys it only where the delay cannot be predicted.
 *
 * Copies are for what somebody waits for: bytes that are few, with nothing behind them. In doubt is
 *
 *     arrival + doubt of the picked path  >  arrival on the other one
 *
 * where doubt is what the path may take longer than it did lately:
 *   - two deviations of its round trip;
 *   - while it answers late: as long as it has been silent; another round trip while it repairs a
 *     loss, or was not used for a second: nobody knows then what it does.
 * Two steady paths whose delays differ give no copies at all.
 */
#include "sched_path.h"

/* More than this is bulk, whose delay is its rate. */
#define FEW 16384u

/* What was measured before that tells nothing any more. */
#define OLD_US 1000000u

static int pick(void *state, const struct mps_sched_input *in)
{
    return mps_sched_ecf.pick(state, in);
}

static uint64_t doubt(const struct mps_sched_path *path)
{
    const struct mps_metrics *m = &path->m;
    uint64_t expected = (uint64_t)m->srtt_us + 2 * (uint64_t)m->rttvar_us;
    uint64_t us = 2 * (uint64_t)m->rttvar_us;

    if (m->in_flight > 0 && m->ack_age_us > expected)
        us += m->ack_age_us;
    if (m->losing || m->backoff > 0 || path->idle_us > OLD_US)
        us += m->srtt_us;
    return us;
}

static bool copies(const struct mps_sched_input *in, unsigned picked, unsigned other)
{
    const struct mps_sched_path *path = &in->paths[picked], *second = &in->paths[other];

    if (in->unsent > FEW || in->more || !mps_sched_eligible(second, mps_sched_has_normal(in)))
        return false;
    if (!mps_sched_known(path) || !mps_sched_known(second))
        return true;
    /* That the queue of an unused path has drained is a hope, and no ground for a copy. */
    return mps_sched_arrival(path, in->unsent) + doubt(path) >
           mps_sched_arrival(second, in->unsent) + (second->m.srtt_us - mps_sched_rtt(second));
}

const struct mps_sched_ops mps_sched_selective = {
    .name = "selective",
    .state_size = sizeof(struct mps_ecf_state),
    .pick = pick,
    .copies = copies,
    .bounded = true,
    .in_time = true,
};
