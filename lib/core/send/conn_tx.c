/* SPDX-License-Identifier: MIT */
/*
 * The application's bytes on their way to subflows. Late binding: a byte is given to a subflow only
 * when that has room in its socket, so the choice is made with fresh measurements.
 */
#include "core/conn/conn_int.h"
#include "lead.h"

uint64_t mps_conn_unsent(const struct mps_conn *c)
{
    uint64_t tail = mps_sendq_tail(&c->tx.sendq), sent = mps_rtxq_tail(&c->tx.rtxq);

    return tail > sent ? tail - sent : 0;
}

uint64_t mps_conn_credit_left(const struct mps_conn *c)
{
    uint64_t sent = mps_rtxq_tail(&c->tx.rtxq);

    return c->flow.limit > sent ? c->flow.limit - sent : 0;
}

unsigned mps_conn_n_active(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    unsigned n = 0;

    mps_for_each_subflow(sf, c)
        n += sf->state == MPS_SF_ACTIVE;
    return n;
}

mps_time_t mps_conn_max_srtt(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    uint32_t max = 0;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && !sf->stale.stale && sf->m.srtt_us > max)
            max = sf->m.srtt_us;
    }
    return (mps_time_t)max * MPS_USEC;
}

/* ---- the application's side ---- */

void mps_conn_app_tx_done(struct mps_conn *c, size_t n, mps_time_t now)
{
    mps_sendq_commit(&c->tx.sendq, n);
    if (n > 0) {
        c->tx.written_at = now;
        mps_conn_busy(c, now);
    }
    mps_conn_settle(c, now);
}

void mps_conn_app_tx_urgent(struct mps_conn *c)
{
    c->tx.urgent_end = mps_sendq_tail(&c->tx.sendq);
}

unsigned mps_conn_plain_spans(struct mps_conn *c, uint64_t skip, struct mps_span *spans,
                              unsigned max)
{
    return mps_sendq_spans(&c->tx.sendq, skip, mps_sendq_tail(&c->tx.sendq), spans, max);
}

/* ---- candidates ---- */

struct candidates {
    struct mps_subflow *sf[MPS_MAX_SUBFLOWS];
    struct mps_sched_path path[MPS_MAX_SUBFLOWS];
    unsigned n;
};

/* Subflows that work; if none does, those that do not: nothing better is there. */
static void candidates_fill(const struct mps_conn *c, struct candidates *cand)
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
                .backup = sf->backup || sf->peer_backup,
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
        .more = !c->tx.fin && now < c->tx.full_at + MPS_SND_BUF_REFILL,
        .window = window < c->tx.sendq.limit ? window : c->tx.sendq.limit,
        .fin = c->tx.fin,
    };
}

/* For a run that is in the queue, or for new data: NULL. */
static int pick(struct mps_conn *c, const struct candidates *cand, const struct mps_run *run,
                mps_time_t now)
{
    struct mps_sched_input in = describe(c, cand, now);
    int i;

    in.reinject = run != NULL;
    /* What was set aside is the faster paths', if they bring it before the others could. */
    if (run && run->times_sent == 0) {
        in.unsent = run->len;
        in.more = false;
    }
    i = c->cfg.sched->pick(c->tx.sched_state, &in);
    return i < 0 || (unsigned)i >= cand->n || cand->path[i].room == 0 ? MPS_SCHED_NONE : i;
}

/* ---- runs that are in the queue: reinjection, and what was set aside ---- */

bool mps_conn_send_run(struct mps_conn *c, struct mps_subflow *sf, struct mps_run *run,
                       uint8_t flags, mps_time_t now)
{
    bool again = run->times_sent > 0;

    if (!mps_sf_tx_frame(sf, run->dsn, run->len, flags | (run->fin ? MPS_DSS_FIN : 0)))
        return false;
    mps_rtxq_sent_again(&c->tx.rtxq, run, sf->slot, now);
    sf->given_at = now;
    if (again) {
        sf->bytes_reinjected += run->len;
        c->tx.reinjected += run->len;
    }
    return true;
}

static void reinject(struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    struct mps_run *run;

    while ((run = mps_rtxq_next_reinject(&c->tx.rtxq))) {
        int i;

        for (unsigned k = 0; k < cand->n; k++) {
            cand->path[k].carried = run->carriers & UINT32_C(1) << cand->sf[k]->slot;
            cand->path[k].room = cand->path[k].carried ? 0 : mps_sf_room(cand->sf[k]);
        }
        i = pick(c, cand, run, now);
        if (i == MPS_SCHED_NONE)
            break;
        if (!mps_conn_send_run(c, cand->sf[i], run, run->times_sent > 0 ? MPS_DSS_ACK_NOW : 0, now))
            break;
        used(cand, (unsigned)i);
    }
    for (unsigned k = 0; k < cand->n; k++) {
        cand->path[k].carried = false;
        used(cand, k);
    }
}

/* ---- new data ---- */

/* The same run on every other path with room (redundant scheduling). */
static void duplicate(struct mps_conn *c, struct candidates *cand, unsigned picked,
                      struct mps_run *run, mps_time_t now)
{
    for (unsigned k = 0; k < cand->n; k++) {
        if (k != picked && cand->path[k].room > 0 &&
            mps_conn_send_run(c, cand->sf[k], run, 0, now))
            used(cand, k);
    }
}

/*
 * Before a run of `len` bytes on path i, which carries nothing so far: what faster paths shall bring
 * until it arrives, of `max` bytes. Without memory less is set aside, and waited for. Returns how
 * much.
 */
static uint64_t set_aside(struct mps_conn *c, const struct candidates *cand, unsigned i,
                          uint64_t len, uint64_t max, mps_time_t now)
{
    uint32_t faster, piece = MPS_DSS_MAX_PAYLOAD;
    struct mps_sched_input in;
    uint64_t want, done = 0;

    if (!c->cfg.sched->in_time || mps_rtxq_outstanding(&c->tx.rtxq, cand->sf[i]->slot) > 0 ||
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
    while (want - done >= piece && mps_rtxq_set_aside(&c->tx.rtxq, mps_rtxq_tail(&c->tx.rtxq),
                                                      piece, now) == 0)
        done += piece;
    return done;
}

static bool send_new(struct mps_conn *c, struct candidates *cand, unsigned i, uint64_t max,
                     mps_time_t now)
{
    struct mps_subflow *sf = cand->sf[i];
    uint32_t len = mps_sf_frame_size(sf);
    struct mps_run *run;
    uint64_t dsn;
    bool fin;

    max -= set_aside(c, cand, i, len, max, now);
    dsn = mps_rtxq_tail(&c->tx.rtxq);
    if (len > cand->path[i].room)
        len = cand->path[i].room > MPS_FRAME_MIN ? (uint32_t)cand->path[i].room : MPS_FRAME_MIN;
    if (len > max)
        len = (uint32_t)max;
    if (c->tx.urgent_end > dsn && c->tx.urgent_end - dsn < len)
        len = (uint32_t)(c->tx.urgent_end - dsn);
    fin = c->tx.fin && dsn + len == mps_sendq_tail(&c->tx.sendq);
    if (!mps_sf_tx_reserve(sf) ||
        mps_rtxq_add(&c->tx.rtxq, dsn, len, fin, sf->slot, now, &run) < 0)
        return false;
    mps_sf_tx_frame(sf, dsn, len, fin ? MPS_DSS_FIN : 0);
    sf->given_at = now;
    if (c->tx.rtx_at == MPS_NEVER)
        mps_conn_arm_rtx(c, now, true);
    used(cand, i);
    if (c->cfg.sched->duplicate)
        duplicate(c, cand, i, run, now);
    return true;
}

static void send_waiting(struct mps_conn *c, struct candidates *cand, mps_time_t now)
{
    struct mps_subflow *unexplored = mps_conn_unexplored(c, now);

    for (;;) {
        uint64_t unsent = mps_conn_unsent(c), credit = mps_conn_credit_left(c);
        uint64_t max = unsent < credit ? unsent : credit;
        int i;

        if (max == 0)
            return;
        i = pick(c, cand, NULL, now);
        if (i == MPS_SCHED_NONE) {
            /* Waiting is better, says the policy: it is asked again, whatever happens. */
            if (any_room(cand))
                c->tx.sched_at = now + MPS_SCHED_WAIT;
            return;
        }
        if (unexplored && cand->sf[i] != unexplored && max > MPS_EXPLORE_LEN)
            max = MPS_EXPLORE_LEN;
        if (!send_new(c, cand, (unsigned)i, max, now)) {
            /* No memory for the run: the data waits, and is tried again. */
            c->tx.sched_at = now + MPS_SCHED_WAIT;
            return;
        }
        if (unexplored)
            mps_conn_explore(c, unexplored, now);
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
        c->tx.sched_at = now + MPS_SCHED_WAIT;
}

void mps_conn_push(struct mps_conn *c, mps_time_t now)
{
    struct candidates cand;

    /* An idle connection gives back the place that mps_conn_app_tx_space took. */
    if (mps_sendq_size(&c->tx.sendq) == 0)
        mps_sendq_commit(&c->tx.sendq, 0);
    if (c->phase <= MPS_PH_OPEN) {
        c->tx.sched_at = MPS_NEVER;
        mps_conn_fair(c, now);
        mps_conn_size_send_buffer(c, now);
        candidates_fill(c, &cand);
        if (cand.n > 0) {
            mps_conn_repair(c, now);
            reinject(c, &cand, now);
            send_waiting(c, &cand, now);
            send_fin(c, &cand, now);
            mps_conn_opportunism(c, now);
            c->tx.starved |= mps_conn_unsent(c) == 0 || mps_conn_credit_left(c) == 0;
        }
        if (c->tx.rtx_at == MPS_NEVER)
            mps_conn_arm_rtx(c, now, false);
    }
    mps_conn_settle(c, now);
}

/* ---- the connection's own repetition ---- */

void mps_conn_arm_rtx(struct mps_conn *c, mps_time_t now, bool progress)
{
    mps_time_t t = 4 * mps_conn_max_srtt(c);

    if (progress)
        c->tx.rtx_tries = 0;
    c->tx.rtx_at = MPS_NEVER;
    if (mps_rtxq_count(&c->tx.rtxq) == 0 &&
        (mps_conn_unsent(c) == 0 || mps_conn_credit_left(c) > 0))
        return;
    if (t < MPS_RTX_MIN)
        t = MPS_RTX_MIN;
    for (unsigned i = 0; i < c->tx.rtx_tries && t < MPS_RTX_MAX; i++)
        t *= 2;
    c->tx.rtx_at = now + (t < MPS_RTX_MAX ? t : MPS_RTX_MAX);
}

/* Does some carrier of the run still have TCP work to do? Then TCP takes care of it. */
static bool under_way(const struct mps_conn *c, const struct mps_run *run)
{
    const struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE && run->carriers & UINT32_C(1) << sf->slot &&
            (sf->m.in_flight > 0 || sf->m.notsent > 0 || !mps_sf_tx_empty(sf)))
            return true;
    }
    return false;
}

/*
 * Nothing was DATA_ACKed for long. TCP delivered what was sent, but to whom? A proxy may have
 * lost it: the head is sent again. Without anything outstanding the peer's credit is missing: an
 * empty frame asks for it on all subflows (TCP's zero window probe).
 */
void mps_conn_tx_timer(struct mps_conn *c, mps_time_t now)
{
    struct mps_run *run = mps_rtxq_first(&c->tx.rtxq);
    struct mps_subflow *sf, *path = mps_conn_signal_path(c);

    if (c->tx.rtx_at > now)
        return;
    if (c->phase == MPS_PH_OPEN && path) {
        if (run && !under_way(c, run)) {
            mps_conn_send_run(c, path, run, MPS_DSS_ACK_NOW, now);
        } else if (!run) {
            mps_for_each_subflow(sf, c) {
                sf->tx.ack_due = sf->state == MPS_SF_ACTIVE;
                sf->tx.ack_flags = MPS_DSS_ACK_NOW;
            }
        }
        c->tx.rtx_tries++;
    }
    mps_conn_arm_rtx(c, now, false);
}
