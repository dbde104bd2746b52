/* SPDX-License-Identifier: MIT */
#include "stale.h"
#include "constants.h"

void mps_stale_init(struct mps_stale *s)
{
    *s = (struct mps_stale){.check_at = MPS_NEVER};
}

static mps_time_t threshold(const struct mps_metrics *m)
{
    mps_time_t var = 4 * (mps_time_t)m->rttvar_us * MPS_USEC;

    if (m->srtt_us == 0)
        return MPS_STALE_UNKNOWN;
    return (mps_time_t)m->srtt_us * MPS_USEC + (var > MPS_STALE_FLOOR ? var : MPS_STALE_FLOOR);
}

/* Until the next look at a silent path: the longer the silence, the less often. */
static mps_time_t pause(const struct mps_stale *s, mps_time_t max, mps_time_t now)
{
    mps_time_t t = s->stale ? (now - s->since) / 4 : 0;

    if (t > MPS_STALE_LOOK_MAX)
        t = MPS_STALE_LOOK_MAX;
    return t > max ? t : max;
}

bool mps_stale_update(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    bool was = s->stale;
    mps_time_t age = (mps_time_t)m->ack_age_us * MPS_USEC;
    mps_time_t max = threshold(m);

    if (m->acked > s->acked || m->in_flight == 0)
        s->progress_at = now;
    s->acked = m->acked;
    if (m->in_flight == 0) {
        s->stale = false;
        s->check_at = MPS_NEVER;
    } else {
        /*
         * Back-off counts while nothing is acknowledged: data of the peer that still arrives keeps
         * the age low, and the back-off itself may linger after a repair.
         */
        s->stale = age > max || (m->backoff > 0 && now - s->progress_at > max);
        if (s->stale && !was)
            s->since = now;
        s->check_at = now + (age < max && !s->stale ? max - age : pause(s, max, now));
    }
    return s->stale != was;
}

void mps_stale_checked(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    if (s->check_at <= now)
        s->check_at = now + pause(s, threshold(m), now) / 2;
}

bool mps_stale_hopeless(const struct mps_stale *s, mps_time_t now)
{
    return s->stale && now - s->since >= MPS_STALE_HOPELESS;
}
