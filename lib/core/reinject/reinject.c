/* SPDX-License-Identifier: MIT */
#include "reinject.h"
#include "core/conn/query.h"
#include "core/send/run.h"
#include "core/subflow/room.h"
#include "core/trace/emit.h"

#define RUNS_PER_PUSH 16
#define RUNS_PER_LOOK 64

static mps_time_t send_time(const struct mps_subflow *sf, uint64_t bytes)
{
    uint64_t rate = mps_metrics_rate(&sf->m);

    return rate ? (bytes * 1000000u / rate) * MPS_USEC : 0;
}

/* Bytes that wait on it. */
static uint64_t backlog(const struct mps_subflow *sf)
{
    return sf->tx.queued + sf->tx.taken + sf->m.notsent;
}

/* Expected time until `len` bytes more would be delivered on it. */
static mps_time_t delivery(const struct mps_subflow *sf, uint64_t len)
{
    return send_time(sf, backlog(sf) + len) + (mps_time_t)sf->m.srtt_us * MPS_USEC / 2;
}

/*
 * Expected time until a run sent `age` ago arrives: the rest of its way; nothing while its DATA_ACK
 * may be on the way back; after that it was lost, and a repair takes another round trip.
 */
static mps_time_t remaining(const struct mps_subflow *sf, const struct mps_run *run, mps_time_t now)
{
    mps_time_t srtt = (mps_time_t)sf->m.srtt_us * MPS_USEC;
    mps_time_t age = now - run->last_sent;
    mps_time_t way = delivery(sf, 0);

    if (age < way)
        return way - age;
    return age < way + srtt / 2 + MPS_ACK_DELAY ? 0 : srtt;
}

/* The soonest of the run's carriers; MPS_NEVER without any. */
static mps_time_t remaining_best(const struct mps_conn *c, const struct mps_run *run,
                                 mps_time_t now)
{
    const struct mps_subflow *sf;
    mps_time_t best = MPS_NEVER;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && mps_run_is_on(run, sf)) {
            mps_time_t t = remaining(sf, run, now);

            if (t < best)
                best = t;
        }
    }
    return best;
}

/* Nothing waits on it, or the run has room besides. Runs may be larger than all the room of a slow
 * path. */
static bool has_place(const struct mps_subflow *sf, const struct mps_run *run)
{
    uint64_t room = mps_sf_room(sf);

    return room >= run->len || (room > 0 && backlog(sf) == 0);
}

/* The idle subflow that would deliver the run first. */
static struct mps_subflow *idle_path(const struct mps_conn *c, const struct mps_run *run)
{
    struct mps_subflow *sf, *best = NULL;

    mps_for_each_subflow(sf, c) {
        if (!mps_sf_in_turn(sf) || mps_run_is_on(run, sf) || !has_place(sf, run) ||
            sf->m.srtt_us == 0)
            continue;
        if (!best || delivery(sf, run->len) < delivery(best, run->len))
            best = sf;
    }
    return best;
}

static bool budget_left(const struct mps_conn *c, uint32_t len)
{
    uint64_t budget = (mps_rtxq_tail(&c->tx.rtxq) >> MPS_DUP_SHIFT) + MPS_DUP_BURST;

    return c->tx.opportunism + len <= budget;
}

void mps_reinject_opportunism(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    bool tail = mps_conn_unsent(c) == 0;
    enum mps_cause cause = tail ? MPS_CAUSE_TAIL : MPS_CAUSE_OPPORTUNISM;

    if (!run || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) < 2)
        return;
    if (!tail && mps_conn_credit_left(c) > 0)
        return;
    /* The time alone decides in the end: look again even if no news comes. */
    if (c->tx.sched_at > now + MPS_TAIL_WAIT && idle_path(c, run) && budget_left(c, run->len))
        c->tx.sched_at = now + MPS_TAIL_WAIT;
    if (tail && !c->tx.fin && now - c->tx.written_at < MPS_TAIL_WAIT)
        return;
    for (unsigned i = 0; run && i < RUNS_PER_PUSH; i++, run = mps_rtxq_next(&c->tx.rtxq, run)) {
        struct mps_subflow *sf;
        mps_time_t holder;

        if (run->times_sent == 0)
            continue; /* what was set aside is not late */
        sf = idle_path(c, run);
        if (!sf || !budget_left(c, run->len))
            return;
        holder = remaining_best(c, run, now);
        if (delivery(sf, run->len) + MPS_MSEC < holder - holder / 4) {
            if (!mps_run_send(c, sf, run, MPS_DSS_ACK_NOW, cause, now))
                return;
            c->tx.opportunism += run->len;
        }
    }
}

/* The subflow with losses that alone carries the run; NULL: there is none such. */
static struct mps_subflow *losing_carrier(const struct mps_conn *c, const struct mps_run *run)
{
    struct mps_subflow *sf;

    if (run->queued || run->times_sent > 1)
        return NULL;
    mps_for_each_subflow(sf, c) {
        if (run->carriers == mps_sf_bit(sf))
            return sf->state == MPS_SF_ACTIVE && sf->m.losing ? sf : NULL;
    }
    return NULL;
}

/*
 * A path that brings `len` bytes in less than half of the other one's round trip. Without queues:
 * where only these make it long the repetitions would come to more than what they gain.
 */
static bool much_faster_path(const struct mps_conn *c, const struct mps_subflow *than, uint32_t len)
{
    mps_time_t rtt = (mps_time_t)than->m.min_rtt_us * MPS_USEC;
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf != than && mps_sf_in_turn(sf) && sf->m.srtt_us > 0 && delivery(sf, len) < rtt / 2)
            return true;
    }
    return false;
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

void mps_reinject_repair(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);

    if (!run || c->phase != MPS_PH_OPEN || mps_conn_n_active(c) < 2 || !any_losing(c))
        return;
    for (unsigned i = 0; run && i < RUNS_PER_LOOK; i++) {
        struct mps_subflow *sf = losing_carrier(c, run);

        if (sf) {
            /* Those behind it are younger. */
            if (now - run->last_sent < (mps_time_t)sf->m.srtt_us * MPS_USEC + MPS_ACK_DELAY ||
                !much_faster_path(c, sf, run->len) || !budget_left(c, run->len))
                return;
            mps_rtxq_requeue(&c->tx.rtxq, run);
            MPS_TRACE(c, sf, REPEAT, repeat, .cause = mps_cause_name(MPS_CAUSE_REPAIR), .runs = 1,
                      .length = run->len);
            c->tx.opportunism += run->len;
        }
        run = mps_rtxq_next(&c->tx.rtxq, run);
    }
}

struct mps_subflow *mps_reinject_unexplored(const struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    if (c->phase != MPS_PH_OPEN || mps_conn_unsent(c) < MPS_EXPLORE_WAITING)
        return NULL;
    mps_for_each_subflow(sf, c) {
        if (mps_sf_in_turn(sf) && sf->m.in_flight == 0 && sf->tx.n == 0 &&
            now >= sf->given_at + MPS_EXPLORE)
            return sf;
    }
    return NULL;
}

void mps_reinject_explore(struct mps_conn *c, struct mps_subflow *sf, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_last(&c->tx.rtxq);

    if (!run || mps_run_is_on(run, sf) || mps_sf_room(sf) < run->len ||
        !budget_left(c, run->len) || !mps_run_send(c, sf, run, 0, MPS_CAUSE_EXPLORE, now))
        return;
    c->tx.opportunism += run->len;
}
