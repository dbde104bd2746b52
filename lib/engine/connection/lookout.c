/* SPDX-License-Identifier: MIT */
#include "lookout.h"

#define LOOK_AGAIN (10 * MPS_MSEC) /* while bytes are on their way */

bool mps_lookout_due(const struct mps_lookout *l, mps_time_t now)
{
    return l->touched || (l->busy_since > 0 && now - l->looked_at >= LOOK_AGAIN);
}

void mps_lookout_seen(struct mps_lookout *l, struct mps_metrics *m, mps_time_t now)
{
    mps_time_t age;

    l->touched = false;
    l->looked_at = now;
    if (m->in_flight == 0) {
        l->busy_since = 0;
        return;
    }
    if (l->busy_since == 0)
        l->busy_since = now;
    age = (now - l->busy_since) / MPS_USEC;
    if (m->ack_age_us > age)
        m->ack_age_us = (uint32_t)age;
}
