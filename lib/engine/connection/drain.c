/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include "core/subflow/subflow.h"

#define PART    16 /* one part in so many less than the path delivers */
#define LONGEST (1 * MPS_SEC)
#define PAUSE   (10 * MPS_SEC) /* as in BBR between two looks at an empty path */
#define QUEUE   10000          /* us: less is not worth it */

uint64_t mps_drain_step(struct mps_drain *self, const struct mps_metrics *m, uint64_t used,
                        mps_time_t now)
{
    uint32_t queue = m->srtt_us > m->min_rtt_us ? m->srtt_us - m->min_rtt_us : 0;

    if (self->rate > 0) {
        if (queue <= m->min_rtt_us / 2) {
            self->rate = 0;
        } else if (now - self->since >= LONGEST) {
            self->rate = 0;
            self->not_before = now + PAUSE;
        }
        return self->rate;
    }
    if (m->min_rtt_us == 0 || queue <= m->min_rtt_us || queue < QUEUE || used < PART ||
        now < self->not_before)
        return 0;
    /* TCP still looks for the rate, and would take this for its end. */
    if (m->pacing > used + used / 2)
        return 0;
    self->rate = used - used / PART;
    self->since = now;
    return self->rate;
}
