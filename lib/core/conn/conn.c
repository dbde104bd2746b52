/* SPDX-License-Identifier: MIT */
/*
 * The verbs of a connection and of its subflows. Each one calls the parts that it concerns and then
 * settles, once: no part settles, and none calls a verb. So what a verb has changed is seen by
 * everything that follows from it, whoever changed it.
 */
#include <assert.h>
#include "alive.h"
#include "core/fair/fairness.h"
#include "core/paths/backoff.h"
#include "core/paths/change.h"
#include "core/paths/manager.h"
#include "core/paths/priority.h"
#include "core/receive/bypass.h"
#include "core/receive/deliver.h"
#include "core/receive/promise.h"
#include "core/receive/read.h"
#include "core/send/control.h"
#include "core/send/repeat.h"
#include "core/send/sndbuf.h"
#include "core/send/transmit.h"
#include "core/subflow/life.h"
#include "core/subflow/tx.h"
#include "core/trace/watch.h"
#include "drop.h"
#include "news.h"
#include "opening.h"
#include "phase.h"
#include "query.h"
#include "state.h"

/* Where the build asks for it: nothing that a peer sends may end a process elsewhere. */
static void assert_whole(const struct mps_conn *c)
{
#ifdef MPS_INVARIANTS
    const char *broken = mps_conn_check(c);

    if (broken)
        __assert_fail(broken, __FILE__, __LINE__, __func__);
#else
    (void)c;
#endif
}

/*
 * The phase goes on as far as it can; the path manager is asked if something changed; what is due
 * is said.
 */
static void settle(struct mps_conn *c, mps_time_t now)
{
    if (now > c->now)
        c->now = now;
    mps_phase_step(c, now);
    mps_alive_peer_waiting(c, now);
    mps_manager_run(c, now);
    mps_control_place(c, now);
    if (c->env.trace)
        mps_watch(c, now);
    mps_sf_reap(c);
    mps_promise_tell(c);
    assert_whole(c);
}

/* ---- the application's bytes ---- */

void mps_conn_app_tx_done(struct mps_conn *c, size_t n, mps_time_t now)
{
    mps_sendq_commit(&c->tx.sendq, n);
    if (n > 0) {
        c->tx.written_at = now;
        mps_phase_busy(c, now);
    }
    settle(c, now);
}

void mps_conn_app_tx_urgent(struct mps_conn *c)
{
    c->tx.urgent_end = mps_sendq_tail(&c->tx.sendq);
}

void mps_conn_app_fin(struct mps_conn *c, mps_time_t now)
{
    c->tx.fin = true;
    mps_phase_busy(c, now);
    mps_transmit(c, now);
    settle(c, now);
}

void mps_conn_app_close(struct mps_conn *c, mps_time_t now)
{
    if (mps_phase_app_close(c, now))
        mps_transmit(c, now);
    settle(c, now);
}

void mps_conn_leave(struct mps_conn *c, mps_time_t now)
{
    mps_phase_leave(c, now);
}

void mps_conn_abort(struct mps_conn *c, mps_time_t now)
{
    mps_phase_abort(c, now);
    settle(c, now);
}

void mps_conn_set_bypass(struct mps_conn *c, bool there)
{
    c->rx.bypass = there;
}

void mps_conn_app_rx_done(struct mps_conn *c, size_t n, mps_time_t now)
{
    mps_deliver_done(c, n, now);
    if (c->lack_at != MPS_NEVER)
        mps_read_retry(c, now);
    settle(c, now);
}

unsigned mps_conn_plain_spans(struct mps_conn *c, uint64_t skip, struct mps_span *spans,
                              unsigned max)
{
    return mps_sendq_spans(&c->tx.sendq, skip, mps_sendq_tail(&c->tx.sendq), spans, max);
}

/* ---- what the user and the host want ---- */

void mps_conn_mac_all(struct mps_conn *c)
{
    c->all_macs = true;
}

void mps_conn_limit_send_buffer(struct mps_conn *c, uint64_t bytes, uint64_t unsent, mps_time_t now)
{
    c->tx.asked_bytes = bytes;
    c->tx.asked_unsent = unsent;
    c->tx.unsent_max = 0;
    mps_sndbuf_size(c, now);
}

void mps_conn_set_timeouts(struct mps_conn *c, const struct mps_timeouts *timeouts, mps_time_t now)
{
    mps_deadpeer_set(&c->peer, timeouts);
    settle(c, now);
}

int mps_conn_set_scheduler(struct mps_conn *c, const struct mps_sched_ops *sched, mps_time_t now)
{
    int r = mps_transmit_set_scheduler(c, sched, now);

    if (r == 0)
        settle(c, now);
    return r;
}

int mps_conn_set_backup(struct mps_conn *c, struct mps_subflow *sf, bool backup, mps_time_t now)
{
    int r = mps_priority_set(c, sf, backup);

    if (r == 0)
        settle(c, now);
    return r;
}

int mps_conn_local_set_weight(struct mps_conn *c, const struct mps_addr *addr, unsigned weight,
                              mps_time_t now)
{
    int r = mps_priority_set_weight(c, addr, weight);

    if (r > 0)
        settle(c, now);
    return r < 0 ? r : 0;
}

int mps_conn_local_add(struct mps_conn *c, const struct mps_addr *addr, uint32_t ifindex,
                       bool backup, bool announce, mps_time_t now)
{
    int r = mps_change_local_add(c, addr, ifindex, backup, announce);

    if (r > 0)
        settle(c, now);
    return r < 0 ? r : 0;
}

int mps_conn_local_remove(struct mps_conn *c, const struct mps_addr *addr, mps_time_t now)
{
    int r = mps_change_local_remove(c, addr, now);

    if (r == 0)
        settle(c, now);
    return r;
}

void mps_conn_first_address_gone(struct mps_conn *c, mps_time_t now)
{
    if (mps_open_address_gone(c, now))
        settle(c, now);
}

void mps_conn_route_changed(struct mps_conn *c, const struct mps_route *route, mps_time_t now)
{
    mps_change_route(c, route, now);
    settle(c, now);
}

/* ---- subflows ---- */

int mps_conn_first_subflow(struct mps_conn *c, const struct mps_addr *local,
                           const struct mps_addr *remote, mps_time_t now, struct mps_subflow **ret)
{
    int r = mps_open_first(c, local, remote, now, ret);

    if (r == 0)
        settle(c, now);
    return r;
}

int mps_conn_join_accept(struct mps_conn *c, const struct mps_opening *join,
                         const struct mps_addr *local, const struct mps_addr *remote,
                         mps_time_t now, struct mps_subflow **ret)
{
    int r = mps_open_accept(c, join, local, remote, now, ret);

    if (r == 0 || r == MPS_ELIMIT)
        settle(c, now);
    return r;
}

int mps_subflow_connected(struct mps_subflow *sf, const struct mps_addr *local,
                          const struct mps_addr *remote, mps_time_t now)
{
    int r;

    if (sf->state != MPS_SF_CONNECTING)
        return MPS_ESTATE;
    r = mps_open_connected(sf, local, remote, now);
    settle(sf->conn, now);
    return r;
}

void mps_subflow_avoid(struct mps_subflow *sf, mps_time_t until, mps_time_t now)
{
    if (sf->state == MPS_SF_DEAD)
        return;
    mps_news_ended(sf, &(struct mps_end){MPS_END_TAKEN_AWAY, MPS_REASON_PROHIBITED, true}, now);
    mps_backoff_avoid(sf, until);
    settle(sf->conn, now);
}

void mps_subflow_down(struct mps_subflow *sf, bool orderly, enum mps_reason reason, mps_time_t now)
{
    if (sf->state == MPS_SF_DEAD)
        return;
    mps_news_pipe_ended(sf, orderly, reason, now);
    settle(sf->conn, now);
}

void mps_subflow_update(struct mps_subflow *sf, const struct mps_metrics *m, mps_time_t now)
{
    bool changed = mps_sf_update(sf, m, now);

    mps_open_metrics(sf, now);
    if (changed)
        mps_news_stale(sf, now);
}

int mps_subflow_rx_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    int r;

    if (sf->state == MPS_SF_DEAD)
        return MPS_ESTATE;
    r = mps_read_done(sf, n, now);
    settle(sf->conn, now);
    return r;
}

size_t mps_subflow_rx_bypass(const struct mps_subflow *sf, bool *ret_held)
{
    return mps_bypass_offer(sf, ret_held);
}

int mps_subflow_rx_bypassed(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    int r;

    if (sf->state == MPS_SF_DEAD)
        return MPS_ESTATE;
    r = mps_bypass_done(sf, n, now);
    settle(sf->conn, now);
    return r;
}

void mps_subflow_tx_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    if (sf->state == MPS_SF_DEAD)
        return;
    mps_sf_tx_taken(sf, n, now);
    settle(sf->conn, now);
}

void mps_subflow_release(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;

    /* A transport that lets go without having been asked to: as if the pipe had ended. */
    if (sf->state != MPS_SF_DEAD)
        mps_news_pipe_ended(sf, false, MPS_REASON_UNSPECIFIED, c->now);
    mps_sf_free(sf);
    settle(c, c->now);
}

/* ---- time ---- */

static void earlier(mps_time_t *t, mps_time_t other)
{
    if (other < *t)
        *t = other;
}

mps_time_t mps_conn_deadline(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    mps_time_t t = MPS_NEVER;

    if (c->phase >= MPS_PH_PLAIN)
        return MPS_NEVER;
    earlier(&t, c->hello_at);
    earlier(&t, c->answer.look_at);
    earlier(&t, c->no_subflow_at);
    earlier(&t, c->close_at);
    earlier(&t, c->lack_at);
    if (c->phase > MPS_PH_OPEN)
        return t;
    earlier(&t, c->tx.rtx_at);
    earlier(&t, c->tx.sched_at);
    earlier(&t, mps_fairness_deadline(c));
    earlier(&t, c->paths.retry_at);
    earlier(&t, mps_alive_deadline(c));
    earlier(&t, mps_alive_peer_deadline(c));
    if (mps_conn_n_active(c) > 0)
        earlier(&t, c->rx.ack.due);
    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE)
            earlier(&t, sf->withdrawn_until != 0 ? sf->withdrawn_until : sf->stale.check_at);
        else if (sf->state != MPS_SF_DEAD)
            earlier(&t, sf->join.deadline);
    }
    return t;
}

/* Joins that take too long, and subflows that hang while another one works. */
static void subflow_timers(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf, *other;

    mps_for_each_subflow(sf, c) {
        bool better = false;

        if (sf->state == MPS_SF_CONNECTING || sf->state == MPS_SF_OPENING) {
            if (sf->join.deadline <= now)
                mps_news_failed(sf, MPS_REASON_TIMEOUT, now);
            continue;
        }
        if (sf->state == MPS_SF_CLOSING && sf->join.deadline <= now)
            mps_drop_subflow(sf, true, sf->reason, now);
        if (sf->state != MPS_SF_ACTIVE)
            continue;
        if (mps_alive_is_gone(sf, now))
            mps_news_ended(sf, &(struct mps_end){MPS_END_TAKEN_AWAY, MPS_REASON_ADDRESS_GONE, true},
                           now);
        if (sf->withdrawn_until != 0)
            continue;
        mps_stale_checked(&sf->stale, &sf->m, now);
        mps_for_each_subflow(other, c)
            better |= mps_sf_works(other);
        if (!mps_stale_silent(&sf->stale, now))
            continue;
        if (better && mps_stale_hopeless(&sf->stale, now) && !mps_sf_vouches(sf))
            mps_news_failed(sf, MPS_REASON_BAD_PERFORMANCE, now);
        else
            c->paths.due = true; /* its pair may be tried anew beside it */
    }
}

void mps_conn_expire(struct mps_conn *c, mps_time_t now)
{
    if (c->phase >= MPS_PH_PLAIN)
        return;
    if (c->paths.retry_at <= now) {
        c->paths.retry_at = MPS_NEVER;
        c->paths.due = true;
    }
    if (c->lack_at <= now)
        mps_read_retry(c, now);
    mps_phase_timer(c, now);
    mps_answer_looked(&c->answer, now);
    if (c->phase <= MPS_PH_OPEN) {
        subflow_timers(c, now);
        mps_alive_timer(c, now);
        mps_alive_peer_timer(c, now);
        mps_repeat_timer(c, now);
    }
    mps_transmit(c, now);
    settle(c, now);
}

void mps_conn_push(struct mps_conn *c, mps_time_t now)
{
    mps_transmit(c, now);
    settle(c, now);
}
