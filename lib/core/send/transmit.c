/* SPDX-License-Identifier: MIT */
#include "transmit.h"
#include "core/base/part.h"
#include "core/conn/query.h"
#include "core/fair/fairness.h"
#include "core/paths/addresses.h"
#include "core/reinject/reinject.h"
#include "core/sched/sched_path.h"
#include "core/subflow/arrived.h"
#include "core/subflow/room.h"
#include "core/subflow/txframes.h"
#include "core/trace/emit.h"
#include "core/trace/pick.h"
#include "lead.h"
#include "repeat.h"
#include "run.h"
#include "sndbuf.h"

/* A program that waited for room in the send buffer has filled it again after so long. */
#define SND_BUF_REFILL (20 * MPS_MSEC)

/* The scheduler preferred to wait although there was room: it is asked again after this. */
#define SCHED_WAIT (5 * MPS_MSEC)

/* The copy that measures a path anew (reinject.h) is so small. */
#define EXPLORE_LEN 5600u

/* ---- candidates ---- */

struct candidates {
    struct mps_subflow *sf[MPS_MAX_SUBFLOWS];
    struct mps_sched_path path[MPS_MAX_SUBFLOWS];
    unsigned n;
};

static uint32_t idle_us(const struct mps_subflow *sf, mps_time_t now)
{
    mps_time_t us = (now - sf->given_at) / MPS_USEC;

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* Subflows that work; if none does, those that do not: nothing better is there. */
static void candidates_fill(const struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    bool stale = false;

    cand->n = 0;
    do {
        struct mps_subflow *sf;

        mps_for_each_subflow(sf, c) {
            struct mps_sched_path *p = &cand->path[cand->n];

            if (!mps_sf_usable(sf) || sf->stale.stale != stale || (sf->rests && !stale))
                continue;
            cand->sf[cand->n++] = sf;
            *p = (struct mps_sched_path){
                .m = sf->m,
                .queued = sf->tx.queued,
                .room = mps_sf_room(sf),
                .weight = sf->weight,
                .idle_us = idle_us(sf, now),
                .backup = mps_sf_is_backup(sf),
                .first = mps_addresses_is_first(sf),
            };
            p->m.notsent += sf->tx.taken;
        }
        stale = !stale;
    } while (cand->n == 0 && stale);
}

static bool any_room(const struct candidates *cand)
{
    for (unsigned i = 0; i < cand->n; i++) {
        if (cand->path[i].room > 0)
            return true;
    }
    return false;
}

static void used(struct candidates *cand, unsigned i)
{
    cand->path[i].queued = cand->sf[i]->tx.queued;
    cand->path[i].room = mps_sf_room(cand->sf[i]);
}

static struct mps_sched_input describe(const struct mps_conn *c, const struct candidates *cand,
                                       mps_time_t now)
{
    uint64_t unsent = mps_conn_unsent(c), outstanding = mps_rtxq_tail(&c->tx.rtxq) - c->tx.acked;
    uint64_t window = outstanding + mps_conn_credit_left(c);

    return (struct mps_sched_input){
        .paths = cand->path,
        .n_paths = cand->n,
        .unsent = unsent > 0 ? unsent : 1,
        .more = !c->tx.fin && now < c->tx.full_at + SND_BUF_REFILL,
        .window = window < c->tx.sendq.limit ? window : c->tx.sendq.limit,
        .fin = c->tx.fin,
    };
}

static void record_wait(struct mps_conn *c, const struct candidates *cand, enum mps_waits why,
                        const struct mps_run *run)
{
    if (c->env.trace)
        mps_trace_waits(c, cand->sf, cand->path, cand->n, why, run && run->times_sent > 0,
                        mps_conn_unsent(c));
}

static void record_pick(struct mps_conn *c, const struct candidates *cand, int i,
                        const struct mps_run *run)
{
    if (i == MPS_SCHED_NONE)
        record_wait(c, cand, any_room(cand) ? MPS_WAITS_BETTER : MPS_WAITS_NO_ROOM, run);
    else
        mps_trace_picked(c, cand->sf, cand->path, cand->n, (unsigned)i, run && run->times_sent > 0,
                         mps_conn_unsent(c));
}

/* For a run that is in the queue, or for new data: NULL. */
static int pick(struct mps_conn *c, const struct candidates *cand, const struct mps_run *run,
                mps_time_t now)
{
    struct mps_sched_input in = describe(c, cand, now);
    int i;

    in.reinject = run != NULL;
    /*
     * Bytes that were set aside go to the faster paths, if these bring them before the others
     * could.
     */
    if (run && run->times_sent == 0) {
        in.unsent = run->len;
        in.more = false;
    }
    i = c->cfg.sched->pick(c->tx.sched_state, &in);
    if (i < 0 || (unsigned)i >= cand->n || cand->path[i].room == 0)
        i = MPS_SCHED_NONE;
    if (c->env.trace)
        record_pick(c, cand, i, run);
    return i;
}

/* When the peer's acknowledgment of a run that is now given to this path should be here. */
static uint32_t expected_us(const struct mps_sched_path *path, uint32_t len)
{
    uint64_t t = mps_sched_known(path) ? mps_sched_arrival(path, len) + path->m.srtt_us / 2 : 0;

    return (uint32_t)mps_sched_min(t, MPS_SCHED_TIME_MAX);
}

/* ---- runs that are in the queue: reinjection, and what was set aside ---- */

static void reinject(struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    struct mps_run *run;

    while ((run = mps_rtxq_next_reinject(&c->tx.rtxq))) {
        int i;

        for (unsigned k = 0; k < cand->n; k++) {
            cand->path[k].carried = mps_run_is_on(run, cand->sf[k]);
            cand->path[k].room = cand->path[k].carried ? 0 : mps_sf_room(cand->sf[k]);
        }
        i = pick(c, cand, run, now);
        if (i == MPS_SCHED_NONE)
            break;
        if (!mps_run_send(c, cand->sf[i], run, run->times_sent > 0 ? MPS_DSS_ACK_NOW : 0,
                          (enum mps_cause)run->cause, now))
            break;
        if (run->times_sent == 1)
            run->expected_us = expected_us(&cand->path[i], run->len);
        used(cand, (unsigned)i);
    }
    for (unsigned k = 0; k < cand->n; k++) {
        cand->path[k].carried = false;
        used(cand, k);
    }
}

/* ---- new data ---- */

/*
 * The same run on other paths with room, as the scheduler wants it. `in` is from before the run was
 * given to a path: its bytes count as unsent.
 */
static void copy(struct mps_conn *c, struct candidates *cand, const struct mps_sched_input *in,
                 unsigned picked, struct mps_run *run, mps_time_t now)
{
    const struct mps_sched_ops *sched = c->cfg.sched;

    for (unsigned k = 0; k < cand->n; k++) {
        if (k == picked || cand->path[k].room == 0 || !sched->copies(in, picked, k))
            continue;
        if (sched->bounded &&
            !mps_copies_take(&c->tx.copies, mps_rtxq_tail(&c->tx.rtxq), run->len, now))
            return;
        if (mps_run_send(c, cand->sf[k], run, 0, MPS_CAUSE_REDUNDANT, now))
            used(cand, k);
    }
}

/*
 * Before a run of `len` bytes on path i, which carries nothing so far: what faster paths shall
 * bring until it arrives, of `max` bytes. Without memory less is set aside, and waited for. Returns
 * how much.
 */
static uint64_t set_aside(struct mps_conn *c, const struct candidates *cand, unsigned i,
                          uint64_t len, uint64_t max, mps_time_t now)
{
    uint32_t faster, piece = MPS_DSS_MAX_PAYLOAD;
    struct mps_sched_input in;
    uint64_t want, done = 0;

    if (!c->cfg.sched->in_time || !mps_part(LEAD) ||
        mps_rtxq_outstanding(&c->tx.rtxq, cand->sf[i]->slot) > 0 ||
        c->tx.urgent_end > mps_rtxq_tail(&c->tx.rtxq) || len >= max)
        return 0;
    in = describe(c, cand, now);
    want = mps_lead_bytes(&in, i, mps_rtxq_aside(&c->tx.rtxq), &faster);
    if (want > max - len)
        want = max - len;
    for (unsigned k = 0; k < cand->n; k++) {
        if (faster & UINT32_C(1) << k && mps_sf_frame_size(cand->sf[k]) < piece)
            piece = mps_sf_frame_size(cand->sf[k]);
    }
    while (want - done >= piece &&
           mps_rtxq_set_aside(&c->tx.rtxq, mps_rtxq_tail(&c->tx.rtxq), piece) == 0)
        done += piece;
    return done;
}

static bool send_new(struct mps_conn *c, struct candidates *cand, unsigned i, uint64_t max,
                     mps_time_t now)
{
    const bool copies = c->cfg.sched->copies != NULL;
    struct mps_sched_input before = {0}; /* only few schedulers need it, and each run comes here */
    struct mps_subflow *sf = cand->sf[i];
    uint32_t len = mps_sf_frame_size(sf);
    struct mps_run *run;
    uint64_t dsn;
    bool fin;

    if (copies)
        before = describe(c, cand, now);
    max -= set_aside(c, cand, i, len, max, now);
    dsn = mps_rtxq_tail(&c->tx.rtxq);
    if (len > cand->path[i].room)
        len = cand->path[i].room > MPS_FRAME_MIN ? (uint32_t)cand->path[i].room : MPS_FRAME_MIN;
    if (len > max)
        len = (uint32_t)max;
    if (c->tx.urgent_end > dsn && c->tx.urgent_end - dsn < len)
        len = (uint32_t)(c->tx.urgent_end - dsn);
    fin = c->tx.fin && dsn + len == mps_sendq_tail(&c->tx.sendq);
    if (!mps_sf_frames_reserve(sf) ||
        mps_rtxq_add(&c->tx.rtxq, dsn, len, fin, sf->slot, now, &run) < 0)
        return false;
    run->expected_us = expected_us(&cand->path[i], len);
    mps_sf_frames_add(sf, dsn, len, fin ? MPS_DSS_FIN : 0);
    run->last_end = mps_sf_given(sf);
    sf->given_at = now;
    MPS_TRACE(c, sf, SENT, sent, .dsn = dsn, .length = len, .fin = fin,
              .cause = mps_cause_name(MPS_CAUSE_NEW));
    if (c->tx.rtx_at == MPS_NEVER)
        mps_repeat_arm(c, now, true);
    if (copies)
        copy(c, cand, &before, i, run, now);
    used(cand, i);
    return true;
}

static void send_waiting(struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    struct mps_subflow *unexplored = mps_reinject_unexplored(c, now);

    for (;;) {
        uint64_t unsent = mps_conn_unsent(c), credit = mps_conn_credit_left(c);
        uint64_t max = unsent < credit ? unsent : credit;
        int i;

        if (max == 0) {
            if (unsent > 0)
                record_wait(c, cand, MPS_WAITS_NO_CREDIT, NULL);
            return;
        }
        i = pick(c, cand, NULL, now);
        if (i == MPS_SCHED_NONE) {
            /* Waiting is better, says the policy: it is asked again, whatever happens. */
            if (any_room(cand))
                c->tx.sched_at = now + SCHED_WAIT;
            return;
        }
        if (unexplored && cand->sf[i] != unexplored && max > EXPLORE_LEN)
            max = EXPLORE_LEN;
        if (!send_new(c, cand, (unsigned)i, max, now)) {
            /* No memory for the run: the data waits, and is tried again. */
            record_wait(c, cand, MPS_WAITS_NO_MEMORY, NULL);
            c->tx.sched_at = now + SCHED_WAIT;
            return;
        }
        if (unexplored)
            mps_reinject_explore(c, unexplored, now);
        unexplored = NULL;
    }
}

/* DATA_FIN without payload: it needs neither credit nor room, 40 bytes always go. */
static void send_fin(struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    unsigned best = 0;

    if (!c->tx.fin || c->tx.rtxq.fin || mps_conn_unsent(c) > 0 || cand->n == 0)
        return;
    for (unsigned i = 1; i < cand->n; i++) {
        if (cand->path[i].m.srtt_us < cand->path[best].m.srtt_us)
            best = i;
    }
    if (!send_new(c, cand, best, 0, now))
        c->tx.sched_at = now + SCHED_WAIT;
}

int mps_transmit_set_scheduler(struct mps_conn *c, const struct mps_sched_ops *sched,
                               mps_time_t now)
{
    void *state = NULL;

    /* The new state first: without memory for it nothing has changed. */
    if (sched->state_size > 0) {
        state = mps_alloc(c->env.mem, sched->state_size);
        if (!state)
            return MPS_ENOMEM;
    }
    mps_free(c->env.mem, c->tx.sched_state);
    c->tx.sched_state = state;
    c->cfg.sched = sched;
    /* Data may wait because the old scheduler preferred to wait: the new one is asked at once. */
    if (mps_conn_unsent(c) > 0)
        c->tx.sched_at = now;
    return 0;
}

void mps_transmit(struct mps_conn *c, mps_time_t now)
{
    struct candidates cand;

    /* An idle connection gives back the place that mps_conn_app_tx_space took. */
    if (mps_sendq_size(&c->tx.sendq) == 0)
        mps_sendq_commit(&c->tx.sendq, 0);
    if (c->phase <= MPS_PH_OPEN) {
        c->tx.sched_at = MPS_NEVER;
        mps_fairness_run(c, now);
        mps_sndbuf_size(c, now);
        candidates_fill(c, &cand, now);
        if (cand.n == 0 && mps_conn_unsent(c) > 0)
            record_wait(c, &cand, MPS_WAITS_NO_SUBFLOW, NULL);
        if (cand.n > 0) {
            mps_reinject_late(c, now);
            mps_reinject_repair(c, now);
            reinject(c, &cand, now);
            mps_reinject_note_waiting(c, now);
            send_waiting(c, &cand, now);
            mps_reinject_note_waiting(c, now);
            send_fin(c, &cand, now);
            mps_reinject_opportunism(c, now);
            c->tx.starved |= mps_conn_unsent(c) == 0 || mps_conn_credit_left(c) == 0;
        }
        if (c->tx.rtx_at == MPS_NEVER)
            mps_repeat_arm(c, now, false);
    }
}
