/* SPDX-License-Identifier: MIT */
#include "pick.h"
#include "core/sched/sched_path.h"
#include "core/subflow/room.h"
#include "emit.h"

static void candidates(struct mps_conn *c, struct mps_subflow *const sf[],
                       const struct mps_sched_path path[], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct mps_sched_path *p = &path[i];
        uint64_t frame = mps_sf_frame_size(sf[i]);

        MPS_TRACE(c, sf[i], CANDIDATE, candidate, .rtt_us = p->m.srtt_us, .window = p->m.cwnd,
                  .in_flight = p->m.in_flight, .unsent = p->m.notsent, .queued = p->queued,
                  .room = p->room, .rate = mps_metrics_rate(&p->m),
                  .estimate_us = mps_sched_known(p) ? mps_sched_arrival(p, frame) : 0,
                  .backup = p->backup, .carried = p->carried);
    }
}

void mps_trace_picked(struct mps_conn *c, struct mps_subflow *const sf[],
                      const struct mps_sched_path path[], unsigned n, unsigned i, bool repeat,
                      uint64_t waiting)
{
    c->traced.waits = MPS_WAITS_NOT;
    candidates(c, sf, path, n);
    MPS_TRACE(c, sf[i], PICKED, picked, .repeat = repeat, .waiting = waiting);
}

void mps_trace_waits(struct mps_conn *c, struct mps_subflow *const sf[],
                     const struct mps_sched_path path[], unsigned n, enum mps_waits why,
                     bool repeat, uint64_t waiting)
{
    static const char *const names[] = {
        [MPS_WAITS_NO_SUBFLOW] = "no_subflow", [MPS_WAITS_NO_CREDIT] = "no_credit",
        [MPS_WAITS_NO_ROOM] = "no_room",       [MPS_WAITS_BETTER] = "better_later",
        [MPS_WAITS_NO_MEMORY] = "no_memory",
    };

    if (c->traced.waits == why)
        return;
    c->traced.waits = why;
    if (why == MPS_WAITS_BETTER) /* of the others the name says it all */
        candidates(c, sf, path, n);
    MPS_TRACE(c, NULL, WAITS, waits, .why = names[why], .repeat = repeat, .waiting = waiting);
}
