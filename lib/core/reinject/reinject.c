/* SPDX-License-Identifier: MIT */
#include "reinject.h"
#include "core/base/part.h"
#include "core/conn/query.h"
#include "core/sched/sched.h"
#include "core/send/run.h"
#include "core/subflow/arrived.h"
#include "core/subflow/room.h"
#include "core/trace/emit.h"
#include "sooner.h"

#define RUNS_PER_PUSH 16
#define RUNS_PER_LOOK 64

/*
 * Figures at constants are medians in the simulator, with and without what the constant belongs to:
 * tests/bench/ablate.py, rows in tests/sim/measure_links.c.
 */

/*
 * The application has paused so long: what is under way is a tail, worth a repetition. 99 of 100
 * blocks of 64 KiB arrive within (far) 119 ms, without 305; (buffer) 212 ms, without 294; (lossy)
 * 51 ms, without 72; but (unlike) 114 ms, without 72. What blocks the window is repeated in the
 * same way: 99 of 100 blocks of 1 MiB (small-buffer) within 439 ms, without 476.
 */
#define TAIL_WAIT (5 * MPS_MSEC)

/* While so many bytes wait a path that is passed over is measured anew: sooner.h. */
#define EXPLORE_WAITING 65536u

_Static_assert(MPS_SOONER_SLOTS == MPS_MAX_SUBFLOWS, "every subflow has a place");

/* What is known of the active subflows; `ret_sf`: in the same order. */
static void look_at(const struct mps_conn *c, struct mps_sooner_paths *ret,
                    struct mps_subflow *ret_sf[MPS_SOONER_SLOTS], mps_time_t now)
{
    struct mps_subflow *sf;

    ret->n = 0;
    ret->now = now;
    mps_for_each_subflow(sf, c) {
        if (sf->state != MPS_SF_ACTIVE)
            continue;
        ret_sf[ret->n] = sf;
        ret->path[ret->n++] = (struct mps_sooner_path){
            .slot = sf->slot,
            .in_turn = mps_sf_in_turn(sf),
            .losing = sf->m.losing,
            .empty = sf->m.in_flight == 0 && sf->tx.n == 0,
            .rate = mps_metrics_rate(&sf->m),
            .backlog = sf->tx.queued + sf->tx.taken + sf->m.notsent,
            .room = mps_sf_room(sf),
            .in_flight = sf->m.in_flight,
            .srtt_us = sf->m.srtt_us,
            .min_rtt_us = sf->m.min_rtt_us,
            .rttvar_us = sf->m.rttvar_us,
            .passed_at = sf->given_at > c->tx.waits_since ? sf->given_at : c->tx.waits_since,
        };
    }
}

/* The subflow that alone carries the run, of `n`; the trace names it. */
static const struct mps_subflow *carrier(const struct mps_run *run, struct mps_subflow *const *sf,
                                         unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (run->carriers == mps_sf_bit(sf[i]))
            return sf[i];
    }
    return NULL;
}

/* A carrier has brought it; only its DATA_ACK is still to come. */
static bool has_arrived(const struct mps_run *run, struct mps_subflow *const *sf, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (run->last_slot == sf[i]->slot)
            return mps_sf_has_arrived(sf[i], run->last_end);
    }
    return false;
}

static struct mps_sooner_run described(const struct mps_run *run)
{
    return (struct mps_sooner_run){run->carriers, run->len, run->last_sent,
                                   run->expected_us * MPS_USEC};
}

static bool affordable(const struct mps_conn *c, uint32_t len)
{
    return mps_sooner_affords(mps_rtxq_tail(&c->tx.rtxq), c->tx.opportunism, len);
}

void mps_reinject_opportunism(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    bool tail = mps_conn_unsent(c) == 0;
    enum mps_cause cause = tail ? MPS_CAUSE_TAIL : MPS_CAUSE_OPPORTUNISM;
    struct mps_subflow *sf[MPS_SOONER_SLOTS];
    struct mps_sooner_paths paths;
    struct mps_sooner_run r;

    if (tail ? !mps_part(TAIL) : !mps_part(CREDIT))
        return;
    if (!run || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) < 2 || c->cfg.sched->stand_by)
        return;
    if (!tail && mps_conn_credit_left(c) > 0)
        return;
    look_at(c, &paths, sf, now);
    r = described(run);
    /* The time alone decides in the end: look again even if no news comes. */
    if (c->tx.sched_at > now + TAIL_WAIT && mps_sooner_idle(&paths, &r) != MPS_SOONER_NONE &&
        affordable(c, run->len))
        c->tx.sched_at = now + TAIL_WAIT;
    if (tail && !c->tx.fin && now - c->tx.written_at < TAIL_WAIT)
        return;
    for (unsigned i = 0; run && i < RUNS_PER_PUSH; i++, run = mps_rtxq_next(&c->tx.rtxq, run)) {
        int idle;

        if (run->times_sent == 0 || has_arrived(run, sf, paths.n))
            continue; /* what was set aside is not late */
        r = described(run);
        idle = mps_sooner_idle(&paths, &r);
        if (idle == MPS_SOONER_NONE || !affordable(c, run->len))
            return;
        if (!mps_sooner_arrives(&paths, (unsigned)idle, &r))
            continue;
        if (!mps_run_send(c, sf[idle], run, MPS_DSS_ACK_NOW, cause, now))
            return;
        c->tx.opportunism += run->len;
        look_at(c, &paths, sf, now);
    }
}

static bool any_losing(const struct mps_conn *c)
{
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && sf->m.losing)
            return true;
    }
    return false;
}

static bool requeue(struct mps_conn *c, struct mps_run *run, struct mps_subflow *const *sf,
                    unsigned n, enum mps_cause cause)
{
    if (!mps_sooner_affords_repair(mps_rtxq_tail(&c->tx.rtxq), c->tx.repaired, run->len))
        return false;
    mps_rtxq_requeue(&c->tx.rtxq, run);
    run->cause = (uint8_t)cause;
    MPS_TRACE(c, carrier(run, sf, n), REPEAT, repeat, .cause = mps_cause_name(cause), .runs = 1,
              .length = run->len);
    c->tx.repaired += run->len;
    return true;
}

void mps_reinject_late(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    struct mps_subflow *sf[MPS_SOONER_SLOTS];
    struct mps_sooner_paths paths;

    if (!mps_part(LATE) || !run || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) < 2 ||
        now - run->last_sent < 2 * run->expected_us * MPS_USEC)
        return;
    look_at(c, &paths, sf, now);
    for (unsigned i = 0; run && i < RUNS_PER_LOOK; i++, run = mps_rtxq_next(&c->tx.rtxq, run)) {
        struct mps_sooner_run r = described(run);

        if (run->queued || run->times_sent != 1 || has_arrived(run, sf, paths.n))
            continue;
        if (!mps_sooner_is_late(&paths, &r) || !requeue(c, run, sf, paths.n, MPS_CAUSE_LATE))
            return;
    }
}

void mps_reinject_repair(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    struct mps_subflow *sf[MPS_SOONER_SLOTS];
    struct mps_sooner_paths paths;

    if (!mps_part(REPAIR) || !run || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) < 2 ||
        !any_losing(c))
        return;
    look_at(c, &paths, sf, now);
    for (unsigned i = 0; run && i < RUNS_PER_LOOK; i++, run = mps_rtxq_next(&c->tx.rtxq, run)) {
        struct mps_sooner_run r = described(run);
        enum mps_sooner_repair todo;

        if (run->queued || run->times_sent > 1 || has_arrived(run, sf, paths.n))
            continue;
        todo = mps_sooner_repairs(&paths, &r);
        if (todo == MPS_SOONER_STOP ||
            (todo == MPS_SOONER_REPEAT && !requeue(c, run, sf, paths.n, MPS_CAUSE_REPAIR)))
            return;
    }
}

void mps_reinject_note_waiting(struct mps_conn *c, mps_time_t now)
{
    if (mps_conn_unsent(c) < EXPLORE_WAITING)
        c->tx.waits_since = MPS_NEVER;
    else if (c->tx.waits_since == MPS_NEVER)
        c->tx.waits_since = now;
}

struct mps_subflow *mps_reinject_unexplored(const struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf[MPS_SOONER_SLOTS];
    struct mps_sooner_paths paths;
    int i;

    if (!mps_part(EXPLORE) || c->phase != MPS_PH_OPEN || mps_conn_unsent(c) < EXPLORE_WAITING ||
        c->cfg.sched->stand_by)
        return NULL;
    look_at(c, &paths, sf, now);
    i = mps_sooner_unexplored(&paths);
    return i == MPS_SOONER_NONE ? NULL : sf[i];
}

void mps_reinject_explore(struct mps_conn *c, struct mps_subflow *sf, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_last(&c->tx.rtxq);

    if (!run || mps_run_is_on(run, sf) || mps_sf_room(sf) < run->len || !affordable(c, run->len) ||
        !mps_run_send(c, sf, run, 0, MPS_CAUSE_EXPLORE, now))
        return;
    c->tx.opportunism += run->len;
}
