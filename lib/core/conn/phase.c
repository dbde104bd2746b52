/* SPDX-License-Identifier: MIT */
#include "phase.h"
#include "core/subflow/tx.h"
#include "core/subflow/txframes.h"
#include "handshake.h"
#include "drop.h"
#include "query.h"

/*
 * How long a connection lives after its application has closed. What the application wrote may take
 * as long as it needs.
 */
static mps_time_t close_wait(const struct mps_conn *c)
{
    return c->leaving && mps_conn_own_stream_acked(c) ? MPS_LEAVE_WAIT : c->cfg.close_timeout;
}

/* ---- the ends that are no orderly ones ---- */

void mps_phase_die(struct mps_conn *c, enum mps_reason reason, bool tell, mps_time_t now)
{
    struct mps_subflow *sf;

    if (c->phase == MPS_PH_OVER || c->phase == MPS_PH_PLAIN)
        return;
    if (tell && c->phase < MPS_PH_ABORTING && !c->rx.closed) {
        c->ev.reset = true;
        c->ev.reason = reason;
    }
    c->phase = MPS_PH_OVER;
    c->hello_at = c->no_subflow_at = c->close_at = MPS_NEVER;
    mps_answer_end(&c->answer);
    mps_for_each_subflow(sf, c)
        mps_drop_subflow(sf, true, reason, now);
}

void mps_phase_plain(struct mps_conn *c, enum mps_reason reason, mps_time_t now)
{
    struct mps_subflow *sf;

    c->phase = MPS_PH_PLAIN;
    c->ev.plain = true;
    c->ev.reason = reason;
    c->hello_at = MPS_NEVER;
    mps_answer_end(&c->answer);
    mps_for_each_subflow(sf, c)
        mps_drop_subflow(sf, true, MPS_REASON_UNSPECIFIED, now);
}

bool mps_phase_app_close(struct mps_conn *c, mps_time_t now)
{
    c->tx.fin = true;
    if (!c->rx.closed) {
        c->rx.closed = true;
        c->close_acked = c->tx.acked;
        if (c->phase == MPS_PH_OPEN)
            c->close_at = now + close_wait(c);
        if (c->rx.reasm.stored > 0) {
            mps_phase_abort(c, now);
            return false;
        }
    }
    mps_phase_busy(c, now);
    return true;
}

void mps_phase_leave(struct mps_conn *c, mps_time_t now)
{
    c->leaving = true;
    if (c->phase == MPS_PH_OPEN && c->rx.closed && mps_conn_own_stream_acked(c) &&
        c->close_at > now + MPS_LEAVE_WAIT)
        c->close_at = now + MPS_LEAVE_WAIT;
}

/* FASTCLOSE as the next thing on a subflow; what was not begun is dropped. */
static bool say_fastclose(struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    mps_sf_frames_clear(sf);
    sf->tx.ack_due = false;
    return mps_sf_tx_ctrl(sf, bytes, len);
}

/*
 * FASTCLOSE goes out on all subflows; the resets follow when the peer has reset them itself, or
 * after a while: a reset sent at once would destroy the frame before it.
 */
static void abort_with(struct mps_conn *c, enum mps_reason reason, mps_time_t now)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_FASTCLOSE};
    uint8_t buf[MPS_CTRL_MAX_LEN];
    struct mps_subflow *sf;
    size_t len;

    if (c->phase > MPS_PH_CLOSING)
        return;
    ctrl.csn = mps_ctrlq_tx_next_csn(&c->tx.ctrlq);
    ctrl.fastclose.reason = (uint8_t)reason;
    if (c->phase == MPS_PH_OPENING) {
        mps_phase_die(c, MPS_REASON_UNSPECIFIED, false, now);
        return;
    }
    len = mps_ctrl_encode(&ctrl, buf);
    c->phase = MPS_PH_ABORTING;
    c->no_subflow_at = MPS_NEVER;
    c->close_at = now + MPS_FASTCLOSE_WAIT;
    c->abort_end = now + MPS_FASTCLOSE_MAX;
    mps_for_each_subflow(sf, c) {
        if ((sf->state == MPS_SF_ACTIVE || sf->state == MPS_SF_CLOSING) &&
            say_fastclose(sf, buf, len))
            sf->state = MPS_SF_CLOSING;
        else
            mps_drop_subflow(sf, true, MPS_REASON_UNSPECIFIED, now);
    }
}

void mps_phase_abort(struct mps_conn *c, mps_time_t now)
{
    abort_with(c, MPS_REASON_UNSPECIFIED, now);
}

void mps_phase_break(struct mps_conn *c, enum mps_reason reason, mps_time_t now)
{
    if (!c->rx.closed && c->phase <= MPS_PH_CLOSING) {
        c->ev.reset = true;
        c->ev.reason = reason;
    }
    /* Only forgery is news to the peer. */
    abort_with(c, reason == MPS_REASON_BAD_MAC ? reason : MPS_REASON_UNSPECIFIED, now);
}

/* ---- orderly end ---- */

static void start_closing(struct mps_conn *c, mps_time_t now)
{
    bool working = false;
    struct mps_subflow *sf;

    c->phase = MPS_PH_CLOSING;
    c->no_subflow_at = MPS_NEVER;
    c->close_at = now + c->cfg.close_timeout;
    mps_for_each_subflow(sf, c)
        working |= mps_sf_works(sf);
    mps_for_each_subflow(sf, c) {
        if (sf->state != MPS_SF_ACTIVE || (working && sf->stale.stale && !mps_sf_vouches(sf))) {
            mps_drop_subflow(sf, true, MPS_REASON_UNSPECIFIED, now);
            continue;
        }
        /* Every subflow says that all has arrived: one of them getting through is enough. */
        sf->state = MPS_SF_CLOSING;
        if (sf->tx.told < mps_conn_rcv_nxt(c))
            sf->tx.ack_due = true;
    }
}

void mps_phase_step(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    if (c->phase == MPS_PH_OPEN && mps_conn_own_stream_acked(c) &&
        mps_conn_peer_stream_complete(c) && !mps_conn_is_doubtful(c) && !mps_conn_is_unvouched(c))
        start_closing(c, now);
    if (c->phase == MPS_PH_OPEN) {
        mps_for_each_subflow(sf, c) {
            if (sf->state == MPS_SF_CLOSING && mps_sf_tx_empty(sf))
                mps_drop_subflow(sf, false, sf->reason, now);
        }
    }
    if (c->phase == MPS_PH_OPEN && c->rx.closed && mps_conn_own_stream_acked(c) &&
        c->close_acked != c->tx.acked) {
        /* As FIN_WAIT_2: only the end of the peer's stream is missing from here on. */
        c->close_acked = c->tx.acked;
        c->close_at = now + close_wait(c);
    }
    if (c->phase == MPS_PH_CLOSING) {
        mps_for_each_subflow(sf, c) {
            if (sf->state == MPS_SF_CLOSING && mps_sf_tx_empty(sf))
                mps_drop_subflow(sf, false, MPS_REASON_UNSPECIFIED, now);
        }
        if (mps_conn_n_living(c) > 0)
            return;
        c->close_at = MPS_NEVER;
        /* What the application has not read yet is still there for it. */
        if (c->rx.closed || mps_conn_app_rx_eof(c))
            c->phase = MPS_PH_OVER;
    } else if (c->phase == MPS_PH_ABORTING && mps_conn_n_living(c) == 0) {
        mps_phase_die(c, MPS_REASON_UNSPECIFIED, false, now);
    }
}

/* ---- loss ---- */

/* The first subflow ended before the peer proved to be a shim. */
static void lost_in_opening(struct mps_conn *c, const struct mps_subflow *sf, mps_time_t now)
{
    bool foreign = sf->reason == MPS_REASON_PROTOCOL || sf->reason == MPS_REASON_VERSION;
    bool wrong = foreign || sf->reason == MPS_REASON_BAD_HMAC;
    enum mps_reason reason = wrong ? sf->reason : MPS_REASON_UNSPECIFIED;

    /* HELLO may have come too late for a shim that did not wait for it any longer. */
    if (foreign && mps_answer_hello_repeated(&c->answer, &sf->m))
        reason = MPS_REASON_MIDDLEBOX;

    /*
     * Early data may have reached the peer's application: sending it again on another connection
     * could make it act twice. The application gets what TCP would give it here, a reset.
     */
    if (c->tx.early_taken && !foreign)
        mps_phase_die(c, sf->reason, true, now);
    else
        mps_phase_plain(c, reason, now);
}

/*
 * How long to wait for a new subflow. A client that has sent no frame may not know of this
 * connection and have gone elsewhere: one that does know has come back within a join's time.
 */
static mps_time_t patience(const struct mps_conn *c)
{
    bool unsure = c->role == MPS_ROLE_SERVER && !c->rx.confirmed;
    mps_time_t t = c->cfg.no_subflow_timeout;

    if (unsure && t > c->cfg.join_timeout)
        t = c->cfg.join_timeout;
    if (c->client_gone && t > MPS_GONE_WAIT)
        t = MPS_GONE_WAIT;
    return t;
}

/*
 * The same when the last subflow is lost: the silence before that counts, since the program has
 * been waiting as long. A peer that was silent for long still gets the time of a join. A peer that
 * is never asked may have been silent without any trouble.
 */
static mps_time_t patience_left(const struct mps_conn *c, mps_time_t now)
{
    mps_time_t t = patience(c), silence = now - c->peer.heard_at;

    if (c->cfg.keepalive == 0 || t <= c->cfg.join_timeout)
        return t;
    return silence < t - c->cfg.join_timeout ? t - silence : c->cfg.join_timeout;
}

/*
 * Server: the client's TCP has ended a subflow in order, without a word of the client, as the
 * kernel does when an agent dies. A client that lives makes a new subflow at once. A reset says
 * less: a box on the way sends it when it has forgotten a path, and the client may not even know. A
 * kernel does so for a socket with unread data, but not for all, most times.
 */
static void note_end(struct mps_conn *c, const struct mps_subflow *sf, mps_time_t now)
{
    if (c->role == MPS_ROLE_SERVER && sf->active_since > 0 && sf->eof &&
        sf->reason == MPS_REASON_UNSPECIFIED)
        c->fin_at = now;
}

void mps_phase_forgotten(struct mps_conn *c, mps_time_t now)
{
    if (mps_conn_both_ended(c) && !mps_conn_is_doubtful(c))
        start_closing(c, now);
    else
        mps_phase_die(c, MPS_REASON_UNKNOWN_TOKEN, true, now);
}

void mps_phase_up(struct mps_conn *c, mps_time_t now)
{
    if (c->no_subflow_at == MPS_NEVER)
        return;
    c->respite = (struct mps_respite){c->no_subflow_at, now, mps_conn_progress(c)};
    c->no_subflow_at = MPS_NEVER;
}

void mps_phase_lost_subflow(struct mps_conn *c, struct mps_subflow *sf, bool orderly,
                            mps_time_t now)
{
    if (c->phase == MPS_PH_OPENING) {
        if (sf->id == 0)
            lost_in_opening(c, sf, now);
        return;
    }
    if (sf->rx.early) {
        bool data = c->early.data;

        sf->rx.early = false;
        mps_handshake_end(c);
        /* Bytes that nobody vouches for must not stay. */
        if (data) {
            mps_phase_break(c, MPS_REASON_BAD_MAC, now);
            return;
        }
    }
    note_end(c, sf, now);
    if (c->phase != MPS_PH_OPEN || mps_conn_n_active(c) > 0)
        return;
    if (orderly && mps_conn_both_ended(c)) {
        /* The peer closes its last subflow in order only when it has everything. */
        start_closing(c, now);
    } else if (c->no_subflow_at == MPS_NEVER && sf->active_since > 0 &&
               !(sf->reason == MPS_REASON_TIMEOUT && mps_conn_idle(c))) {
        c->client_gone = c->fin_at != 0 && now - c->fin_at <= MPS_GONE_TOGETHER;
        c->no_subflow_at = now + patience_left(c, now);
        if (mps_conn_was_barren(c, now) && c->no_subflow_at > c->respite.deadline)
            c->no_subflow_at = c->respite.deadline;
    }
}

void mps_phase_busy(struct mps_conn *c, mps_time_t now)
{
    if (c->phase == MPS_PH_OPEN && c->no_subflow_at == MPS_NEVER && mps_conn_n_active(c) == 0)
        c->no_subflow_at = now + patience(c);
}

/* ---- time ---- */

static void hello_late(struct mps_conn *c, mps_time_t now)
{
    const struct mps_subflow *sf;
    bool arrived = false;

    mps_for_each_subflow(sf, c)
        arrived |= mps_answer_hello_arrived(&c->answer, &sf->m);
    if (!c->tx.early_taken) {
        mps_phase_plain(c, arrived ? MPS_REASON_TIMEOUT : MPS_REASON_MIDDLEBOX, now);
    } else if (c->no_subflow_at == MPS_NEVER) {
        /* A proven peer that may have the data already: patience, as TCP has. */
        c->hello_at = MPS_NEVER;
        c->ev.unanswered = true;
        c->no_subflow_at = now + c->cfg.no_subflow_timeout;
    }
}

/* TCP is still repeating it: the path may come back. */
static bool fastclose_under_way(const struct mps_conn *c)
{
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_CLOSING && (!mps_sf_tx_empty(sf) || sf->m.in_flight > 0))
            return true;
    }
    return false;
}

/* The application is gone and the end does not come. */
static void close_late(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    c->close_at = MPS_NEVER;
    if (c->phase == MPS_PH_ABORTING && now < c->abort_end && fastclose_under_way(c)) {
        c->close_at = now + MPS_FASTCLOSE_WAIT;
    } else if (c->phase == MPS_PH_CLOSING || c->phase == MPS_PH_ABORTING) {
        mps_for_each_subflow(sf, c)
            mps_drop_subflow(sf, true, MPS_REASON_TIMEOUT, now);
    } else if (c->tx.acked > c->close_acked) {
        c->close_acked = c->tx.acked;
        c->close_at = now + c->cfg.close_timeout;
    } else {
        mps_phase_abort(c, now);
    }
}

void mps_phase_timer(struct mps_conn *c, mps_time_t now)
{
    if (c->hello_at <= now)
        hello_late(c, now);
    if (c->no_subflow_at <= now)
        mps_phase_die(c, MPS_REASON_TIMEOUT, true, now);
    if (c->close_at <= now)
        close_late(c, now);
}
