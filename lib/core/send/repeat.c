/* SPDX-License-Identifier: MIT */
#include "repeat.h"
#include "control.h"
#include "core/conn/query.h"
#include "core/subflow/tx.h"
#include "run.h"

/* Data DATA_ACKed by nobody although TCP delivered it (a proxy lost it): repeated after this. */
#define RTX_MIN (1 * MPS_SEC)
#define RTX_MAX (30 * MPS_SEC)

void mps_repeat_arm(struct mps_conn *c, mps_time_t now, bool progress)
{
    mps_time_t t = 4 * mps_conn_max_srtt(c);

    if (progress)
        c->tx.rtx_tries = 0;
    c->tx.rtx_at = MPS_NEVER;
    if (mps_rtxq_count(&c->tx.rtxq) == 0 &&
        (mps_conn_unsent(c) == 0 || mps_conn_credit_left(c) > 0))
        return;
    if (t < RTX_MIN)
        t = RTX_MIN;
    for (unsigned i = 0; i < c->tx.rtx_tries && t < RTX_MAX; i++)
        t *= 2;
    c->tx.rtx_at = now + (t < RTX_MAX ? t : RTX_MAX);
}

/* Does some carrier of the run still have TCP work to do? Then TCP takes care of it. */
static bool under_way(const struct mps_conn *c, const struct mps_run *run)
{
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && mps_run_is_on(run, sf) &&
            (sf->m.in_flight > 0 || sf->m.notsent > 0 || !mps_sf_tx_empty(sf)))
            return true;
    }
    return false;
}

/* The head is sent again, or credit is asked for by an empty frame on all subflows. */
void mps_repeat_timer(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    struct mps_subflow *sf, *path = mps_control_path(c);

    if (c->tx.rtx_at > now)
        return;
    if (c->phase == MPS_PH_OPEN && path) {
        if (run && !under_way(c, run)) {
            mps_run_send(c, path, run, MPS_DSS_ACK_NOW, MPS_CAUSE_TIMER, now);
        } else if (!run) {
            mps_for_each_subflow(sf, c) {
                sf->tx.ack_due = sf->state == MPS_SF_ACTIVE;
                sf->tx.ack_flags = MPS_DSS_ACK_NOW;
            }
        }
        c->tx.rtx_tries++;
    }
    mps_repeat_arm(c, now, false);
}
