/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include "emit.h"

static const char *phase_name(enum mps_phase phase)
{
    static const char *const names[] = {
        [MPS_PH_OPENING] = "opening",   [MPS_PH_OPEN] = "open",   [MPS_PH_CLOSING] = "closing",
        [MPS_PH_ABORTING] = "aborting", [MPS_PH_PLAIN] = "plain", [MPS_PH_OVER] = "over",
    };

    return names[phase];
}

static const char *reason_name(enum mps_reason reason)
{
    const char *word = mps_reason_word(reason);

    return word ? word : "other";
}

static uint64_t us(mps_time_t t)
{
    return (uint64_t)(t / MPS_USEC);
}

/* ---- the connection ---- */

static const char *how_it_ended(const struct mps_conn *c)
{
    if (c->phase == MPS_PH_PLAIN)
        return "plain";
    return c->ev.reset ? "reset" : "closed";
}

static void watch_phase(struct mps_conn *c)
{
    struct mps_traced *t = &c->traced;

    if (!t->opened) {
        t->opened = true;
        t->phase = c->phase;
        MPS_TRACE(c, NULL, CONN_OPENED, conn_opened,
                  .role = c->role == MPS_ROLE_CLIENT ? "client" : "server",
                  .scheduler = c->cfg.sched->name);
    }
    if (c->phase == t->phase)
        return;
    MPS_TRACE(c, NULL, CONN_PHASE, conn_phase, .old = phase_name(t->phase),
              .phase = phase_name(c->phase), .peer_token = c->keys.peer_token);
    t->phase = c->phase;
    if (c->phase < MPS_PH_PLAIN)
        return;
    MPS_TRACE(c, NULL, CONN_ENDED, conn_ended, .how = how_it_ended(c),
              .reason = reason_name(c->ev.reason), .sent = mps_rtxq_tail(&c->tx.rtxq),
              .acknowledged = c->tx.acked, .received = mps_reasm_next(&c->rx.reasm),
              .repeated = c->count.bytes_reinjected);
}

/* ---- subflows ---- */

static void watch_life(struct mps_subflow *sf)
{
    struct mps_sf_traced *t = &sf->traced;
    struct mps_conn *c = sf->conn;
    bool active = sf->state == MPS_SF_ACTIVE;

    if (!t->added)
        MPS_TRACE(c, sf, SF_ADDED, sf_added, .local = sf->local, .remote = sf->remote,
                  .ours = sf->join.initiator || (sf->id == 0 && c->role == MPS_ROLE_CLIENT));
    t->added = true;
    if (active && !t->up)
        MPS_TRACE(c, sf, SF_UP, sf_up, .local = sf->local, .remote = sf->remote,
                  .backup = mps_sf_is_backup(sf));
    else if (sf->backup != t->backup || sf->peer_backup != t->peer_backup)
        MPS_TRACE(c, sf, SF_BACKUP, sf_backup, .ours = sf->backup, .peers = sf->peer_backup);
    t->up |= active;
    t->backup = sf->backup;
    t->peer_backup = sf->peer_backup;
    if (sf->state == MPS_SF_DEAD && !t->ended) {
        t->ended = true;
        MPS_TRACE(c, sf, SF_ENDED, sf_ended, .reason = reason_name(sf->reason),
                  .reset = sf->close_reset, .was_up = t->up, .sent = sf->bytes_sent,
                  .received = sf->bytes_received, .repeated = sf->count.bytes_reinjected);
    }
}

static void watch_stale(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_sf_traced *t = &sf->traced;
    bool stale = sf->state == MPS_SF_ACTIVE && sf->stale.stale;

    if (stale == t->stale)
        return;
    t->stale = stale;
    if (stale) {
        t->stale_at = now;
        MPS_TRACE(sf->conn, sf, SF_STALE, sf_stale, .in_flight = sf->m.in_flight,
                  .ack_age_us = sf->m.ack_age_us, .timeouts = sf->m.backoff);
    } else {
        MPS_TRACE(sf->conn, sf, SF_ALIVE, sf_alive, .stale_us = us(now - t->stale_at));
    }
}

/* The id of the subflow behind which this one rests; -1: an experiment lets it rest. */
static int64_t leader_of(const struct mps_subflow *sf)
{
    const struct mps_couple *cp = sf->conn->tx.couple;
    const struct mps_subflow *other;

    mps_for_each_subflow(other, sf->conn) {
        if (other->slot == cp->slot[sf->slot].leader)
            return other->id;
    }
    return -1;
}

static void watch_rest(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_sf_traced *t = &sf->traced;
    bool rests = sf->state == MPS_SF_ACTIVE && sf->rests;
    int64_t leader = rests ? leader_of(sf) : -1;

    /* An experiment that finds it out makes a rest of a pause. */
    if (rests == t->rests && (!rests || leader == t->leader))
        return;
    if (t->rests)
        MPS_TRACE(sf->conn, sf, REST_END, rest_end, .rested_us = us(now - t->rests_at));
    t->rests = rests;
    t->leader = leader;
    t->rests_at = now;
    if (rests)
        MPS_TRACE(sf->conn, sf, REST, rest,
                  .why = leader < 0                                  ? "experiment"
                         : sf->conn->cfg.fairness == MPS_FAIR_STRICT ? "decree"
                                                                     : "shared",
                  .leader = leader);
}

void mps_watch(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    if (!c->traced.opened)
        watch_phase(c);
    mps_for_each_subflow(sf, c) {
        watch_life(sf);
        watch_stale(sf, now);
        watch_rest(sf, now);
    }
    watch_phase(c);
}

/* ---- experiments ---- */

static struct mps_subflow *in_slot(const struct mps_conn *c, unsigned slot)
{
    struct mps_subflow *sf;

    mps_for_each_subflow(sf, c) {
        if (sf->slot == slot)
            return sf;
    }
    return NULL;
}

static void measured(struct mps_conn *c)
{
    struct mps_sbd sbd = c->tx.couple->sbd;

    sbd.phase = MPS_SBD_DONE; /* as it was when it was judged */
    for (unsigned slot = 0; slot < MPS_MAX_SUBFLOWS; slot++) {
        const struct mps_sbd_count *n = &sbd.count[slot];

        if (sbd.watched & UINT32_C(1) << slot)
            MPS_TRACE(c, in_slot(c, slot), MEASURED, measured, .before = n->bytes[0],
                      .during = n->bytes[1], .after = n->bytes[2], .rtt_before_us = n->rtt[0],
                      .rtt_during_us = n->rtt[1], .rtt_after_us = n->rtt[2],
                      .gain = mps_sbd_gain(&sbd, slot));
    }
}

void mps_watch_fairness(struct mps_conn *c)
{
    const struct mps_couple *cp = c->tx.couple;
    bool running = mps_sbd_running(&cp->sbd);
    const struct mps_sbd *sbd = &cp->sbd;

    if (running == c->traced.experiment)
        return;
    c->traced.experiment = running;
    if (running) {
        MPS_TRACE(c, in_slot(c, sbd->paused), EXPERIMENT, experiment,
                  .kind = sbd->probe ? "probe" : "pause", .settle_us = us(sbd->effect),
                  .window_us = us(sbd->window));
        return;
    }
    if (cp->verdict != MPS_COUPLE_CANCELLED)
        measured(c);
    MPS_TRACE(c, in_slot(c, sbd->paused), VERDICT, verdict,
              .verdict = mps_couple_verdict_name(cp->verdict), .points = cp->verdict_points,
              .before_us = us(sbd->took[0]), .during_us = us(sbd->took[1]),
              .after_us = us(sbd->took[2]));
}
