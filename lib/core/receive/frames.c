/* SPDX-License-Identifier: MIT */
#include "frames.h"
#include "damage.h"
#include "core/conn/alive.h"
#include "core/conn/handshake.h"
#include "core/conn/news.h"
#include "core/conn/phase.h"
#include "core/paths/backoff.h"
#include "core/paths/change.h"
#include "core/send/repeat.h"
#include "core/subflow/tx.h"
#include "core/trace/emit.h"
#include "promise.h"

#define EARLY_MAX 16384u /* so much of a frame is passed on before the rest is there */

/* On subflows that wait for PONGs, too. */
static void all_arrived(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->split)
            mps_split_arrived(sf->split, sf->bytes_sent, now);
    }
}

/* DATA_ACK, credit and CTRL_ACK of any DSS frame, which were looked at; old ones do nothing. */
static void acknowledged(struct mps_subflow *sf, const struct mps_dss *dss, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    mps_ctrlq_tx_ack(&c->tx.ctrlq, dss->ctrl_ack);
    c->tx.vouched |= dss->flags & MPS_DSS_VOUCHED;
    if (dss->data_ack > c->tx.acked || dss->credit > c->flow.limit)
        MPS_TRACE(c, sf, ACKED, acked, .data_ack = dss->data_ack, .credit = dss->credit);
    if (mps_flow_limit(&c->flow, dss->credit, dss->data_ack))
        mps_repeat_arm(c, now, true);
    if (dss->data_ack > c->tx.acked) {
        c->tx.acked = dss->data_ack;
        mps_rtxq_ack(&c->tx.rtxq, dss->data_ack);
        if (mps_rtxq_count(&c->tx.rtxq) == 0)
            all_arrived(c, now);
        mps_sendq_release(&c->tx.sendq, dss->data_ack);
        mps_repeat_arm(c, now, true);
    }
}

/*
 * Most applications close when they have read the end: our own DATA_FIN acknowledges the peer's
 * then. If that has gone out before, the peer may wait for nothing else.
 */
static void acknowledge_fin(struct mps_conn *c, mps_time_t now)
{
    if (c->tx.fin)
        mps_ack_now(&c->rx.ack, now);
    else
        mps_ack_soon(&c->rx.ack, now);
}

/* The stream has one end, and nothing is beyond it. */
static bool fin_fits(const struct mps_conn *c, uint64_t fin_dsn)
{
    return (!c->rx.fin_known || c->rx.fin_dsn == fin_dsn) && fin_dsn >= c->rx.highest;
}

/* The end of the peer's stream, announced once and for all. */
static int fin_seen(struct mps_conn *c, uint64_t fin_dsn, mps_time_t now)
{
    if (!fin_fits(c, fin_dsn))
        return MPS_EPROTO;
    c->rx.fin_known = true;
    c->rx.fin_dsn = fin_dsn;
    acknowledge_fin(c, now);
    return 0;
}

/* Where the payload goes. MPS_ENOMEM: nowhere yet. */
static int place(struct mps_subflow *sf, const struct mps_dss *dss)
{
    struct mps_conn *c = sf->conn;
    struct mps_reasm *q = &c->rx.reasm;
    int r = MPS_ENOMEM;

    if (mps_promise_covers(c, dss->payload_len))
        r = mps_reasm_alloc(q, dss->dsn, dss->payload_len, &sf->rx.chunk);
    /* An application that has read everything gets what is next in any case, and gives the memory
     * back soon: whoever waits for that goes on. */
    if (r == MPS_ENOMEM && dss->dsn <= mps_reasm_next(q) && mps_reasm_in_order(q) == 0 &&
        !c->rx.closed)
        r = mps_reasm_alloc_reserve(q, dss->dsn, dss->payload_len, &sf->rx.chunk);
    return r;
}

/* Before FINISHED nothing is acknowledged, and no data comes that HELLO has ruled out. */
static bool early_fits(const struct mps_conn *c, const struct mps_dss *dss)
{
    return dss->data_ack == 0 && dss->ctrl_ack == 0 && !c->peer_held;
}

/* Everything that can be wrong with a head: a frame that is refused leaves no trace. */
static int check_head(const struct mps_subflow *sf, const struct mps_dss *dss)
{
    const struct mps_conn *c = sf->conn;
    uint64_t end = dss->dsn + dss->payload_len;

    if (end < dss->dsn || end == UINT64_MAX || (sf->rx.early && !early_fits(c, dss)))
        return MPS_EPROTO;
    if (dss->data_ack > mps_rtxq_tail(&c->tx.rtxq) || dss->ctrl_ack > c->tx.ctrlq.sent_end)
        return MPS_EPROTO;
    if (dss->payload_len > 0 && !mps_flow_accepts(&c->flow, end))
        return MPS_ECREDIT;
    if (c->rx.fin_known && dss->payload_len > 0 && end > c->rx.fin_dsn)
        return MPS_EPROTO;
    if (dss->flags & MPS_DSS_FIN && !fin_fits(c, end))
        return MPS_EPROTO;
    return 0;
}

/* A retry of what found no memory repeats it all, which changes nothing that it changed before. */
int mps_frames_head(struct mps_subflow *sf, const struct mps_frame *f, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    const struct mps_dss *dss = &f->dss;
    uint64_t end = dss->dsn + dss->payload_len;
    int r = check_head(sf, dss);

    if (r < 0)
        return r;
    if (!sf->rx.early)
        acknowledged(sf, dss, now);
    else if (dss->payload_len > 0 || dss->flags & MPS_DSS_FIN)
        c->early.data = true;
    if (dss->flags & MPS_DSS_ACK_NOW && !sf->rx.starved) {
        c->rx.ack.subflow_id = sf->id;
        mps_ack_now(&c->rx.ack, now);
    }
    /* Behind a FIN without payload nothing else follows that could fail: it counts at once. */
    if (dss->payload_len == 0)
        return dss->flags & MPS_DSS_FIN ? fin_seen(c, end, now) : 0;
    /* The head has its own MAC: the peer has announced these bytes, whatever becomes of them. */
    if (end > c->rx.highest)
        c->rx.highest = end;
    if (end <= mps_reasm_next(&c->rx.reasm) || c->phase == MPS_PH_ABORTING)
        return 0;
    return place(sf, dss);
}

/* The application that reads no more: data for it makes an abort, as on TCP. */
static bool unwanted(const struct mps_conn *c)
{
    return c->rx.closed && c->rx.reasm.stored > 0;
}

int mps_frames_payload(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_reasm_chunk *chunk = sf->rx.chunk;
    const struct mps_dss *dss = &sf->rx.dss;
    bool bypassed = chunk && chunk->len == 0; /* all of it, and counted already */
    uint64_t fresh = 0, dsn = dss->dsn;
    int r;

    sf->rx.chunk = NULL;
    c->rx.data_at = now;
    if (chunk) /* its beginning may have been taken before */
        dsn = chunk->dsn;
    if (chunk)
        mps_reasm_insert(&c->rx.reasm, chunk, &fresh);
    if (!bypassed)
        MPS_TRACE(c, sf, RECEIVED, received, .dsn = dsn,
                  .length = dss->dsn + dss->payload_len - dsn, .fresh = fresh);
    if (dss->flags & MPS_DSS_URGENT && dss->dsn + dss->payload_len > c->rx.urgent_end)
        c->rx.urgent_end = dss->dsn + dss->payload_len;
    mps_ack_data(&c->rx.ack, fresh, c->flow.window, sf->id, now);
    if (fresh == 0 && !bypassed)
        mps_ack_now(&c->rx.ack, now);
    if (dss->flags & MPS_DSS_FIN) {
        r = fin_seen(c, dss->dsn + dss->payload_len, now);
        if (r < 0)
            return r;
    }
    if (c->rx.fin_known && mps_reasm_next(&c->rx.reasm) == c->rx.fin_dsn)
        acknowledge_fin(c, now);
    if (unwanted(c))
        mps_phase_abort(c, now);
    return 0;
}

/*
 * The beginning of a payload that the application waits for need not wait for the rest of its
 * frame, which takes 2 ms and more on a slow path. Where much came at once the rest is not far.
 */
void mps_frames_early(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_reasm_chunk *chunk = sf->rx.chunk, *first;
    uint32_t there = chunk ? chunk->len - sf->rx.left : 0;
    uint64_t fresh;

    if (there == 0 || there > EARLY_MAX || sf->rx.dss.checked || c->rx.closed ||
        chunk->dsn != mps_reasm_next(&c->rx.reasm) ||
        mps_reasm_cut(&c->rx.reasm, chunk, there, &first) < 0)
        return;
    MPS_TRACE(c, sf, RECEIVED, received, .dsn = first->dsn, .length = there, .fresh = there);
    mps_reasm_insert(&c->rx.reasm, first, &fresh);
    mps_ack_data(&c->rx.ack, fresh, c->flow.window, sf->id, now);
}

/* ---- control frames ---- */

static struct mps_subflow *find(struct mps_conn *c, uint32_t id)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->id == id && sf->state != MPS_SF_DEAD)
            return sf;
    }
    return NULL;
}

/* The peer has given a subflow up, or a payload on it was damaged: it ends here too. */
static void peer_closed(struct mps_conn *c, uint32_t id, enum mps_reason reason, bool transient,
                        mps_time_t now)
{
    struct mps_subflow *sf = find(c, id);

    if (sf)
        mps_news_ended(sf, &(struct mps_end){MPS_END_BY_PEER, reason, transient}, now);
    if (reason == MPS_REASON_MIDDLEBOX || reason == MPS_REASON_PROTOCOL ||
        reason == MPS_REASON_BAD_MAC) {
        const struct mps_addr *local, *remote;

        mps_backoff_blame(c, id, &local, &remote, now);
        if (reason != MPS_REASON_BAD_MAC)
            mps_damage_found(c, id, local, remote, now);
        else if (local && remote)
            mps_damage_forged(c, local, remote);
    }
}

static void apply(struct mps_conn *c, struct mps_subflow *carrier, const struct mps_ctrl *ctrl,
                  mps_time_t now)
{
    struct mps_subflow *sf;

    switch (ctrl->type) {
    case MPS_FRAME_ADD_ADDR:
        mps_change_remote_added(c, ctrl);
        break;
    case MPS_FRAME_REMOVE_ADDR:
        mps_change_remote_removed(c, ctrl->remove_addr.id, carrier, now);
        break;
    case MPS_FRAME_PRIO:
        sf = find(c, ctrl->prio.subflow_id);
        if (sf) {
            sf->peer_backup = ctrl->prio.flags & MPS_PRIO_BACKUP;
            sf->ev.priority = true;
        }
        break;
    case MPS_FRAME_FAIL:
        peer_closed(c, ctrl->fail.subflow_id, MPS_REASON_MIDDLEBOX, false, now);
        break;
    case MPS_FRAME_SUBFLOW_CLOSE:
        peer_closed(c, ctrl->subflow_close.subflow_id, (enum mps_reason)ctrl->subflow_close.reason,
                    ctrl->subflow_close.flags & MPS_CLOSE_TRANSIENT, now);
        break;
    default:
        break;
    }
}

/* Before FINISHED nothing else is taken. */
static bool may_be_early(enum mps_frame_type type)
{
    return type == MPS_FRAME_PING || type == MPS_FRAME_PONG || type == MPS_FRAME_FINISHED;
}

/* The early bytes were not the client's: nobody may go on as if they were. */
static int finished(struct mps_subflow *sf, const struct mps_ctrl *ctrl, mps_time_t now)
{
    int r = mps_handshake_finished(sf, ctrl->finished.hmac);

    /* The client waits for the word that its early bytes are known to be its own. */
    if (r == 0 && sf->conn->early.data)
        mps_ack_now(&sf->conn->rx.ack, now);
    if (r != MPS_EAUTH)
        return r;
    mps_phase_break(sf->conn, MPS_REASON_BAD_MAC, now);
    return 0;
}

int mps_frames_ctrl(struct mps_subflow *sf, const struct mps_ctrl *ctrl, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_ctrl pong = {.type = MPS_FRAME_PONG}, next;
    uint8_t buf[MPS_CTRL_MAX_LEN];
    int r;

    MPS_TRACE(c, sf, CTRL_RECEIVED, ctrl_received, .frame = mps_trace_frame_name(ctrl->type),
              .csn = ctrl->csn);
    if (sf->rx.early && !may_be_early(ctrl->type))
        return MPS_EPROTO;
    switch (ctrl->type) {
    case MPS_FRAME_PING:
        pong.pong.opaque = ctrl->ping.opaque;
        /* Without room it is not answered: nobody can make us queue replies without end. */
        mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&pong, buf));
        return 0;
    case MPS_FRAME_PONG: /* that it came is all it says, or that what was before it did */
        if (sf->split) {
            mps_split_answer(sf->split, ctrl->pong.opaque, now);
            mps_split_metrics(sf->split, sf->bytes_sent, &sf->m);
            mps_sf_tx_probe(sf, now);
        }
        if (mps_alive_answered(sf, ctrl->pong.opaque, now))
            mps_news_stale(sf, now);
        return 0;
    case MPS_FRAME_FASTCLOSE: /* ends everything: needs no order */
        mps_phase_die(c, (enum mps_reason)ctrl->fastclose.reason, true, now);
        return 0;
    case MPS_FRAME_FINISHED:
        return finished(sf, ctrl, now);
    default:
        break;
    }
    r = mps_ctrlq_rx_accept(&c->rx.ctrlq, ctrl);
    if (r < 0)
        return r;
    mps_ack_data(&c->rx.ack, 0, c->flow.window, sf->id, now);
    while (mps_ctrlq_rx_next_ready(&c->rx.ctrlq, &next))
        apply(c, sf, &next, now);
    return 0;
}
