/* SPDX-License-Identifier: MIT */
#include "run.h"
#include "core/subflow/arrived.h"
#include "core/subflow/txframes.h"
#include "core/trace/emit.h"

bool mps_run_send(struct mps_conn *c, struct mps_subflow *sf, struct mps_run *run, uint8_t flags,
                  enum mps_cause cause, mps_time_t now)
{
    bool again = run->times_sent > 0;

    if (!mps_sf_frames_add(sf, run->dsn, run->len, flags | (run->fin ? MPS_DSS_FIN : 0)))
        return false;
    mps_rtxq_sent_again(&c->tx.rtxq, run, sf->slot, now);
    run->last_end = mps_sf_given(sf);
    sf->given_at = now;
    if (again) {
        sf->count.bytes_reinjected += run->len;
        c->count.bytes_reinjected += run->len;
    }
    MPS_TRACE(c, sf, SENT, sent, .dsn = run->dsn, .length = run->len, .fin = run->fin,
              .cause = mps_cause_name(cause));
    return true;
}
