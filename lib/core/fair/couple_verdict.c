/* SPDX-License-Identifier: MIT */
/* What follows from an experiment: who rests, and when the next one is due. */
#include "couple_int.h"
#include <stddef.h>
#include "core/base/part.h"

/* Points for the outcome of an experiment, and their sum that decides. */
#define ALIKE     4 /* more, where the queues are alike, too: alike.c has its worth */
#define FLAT      (-4)
#define FLAT_FULL (-2) /* while a queue was full (joined: found after 4 s, without 31 s) */
#define UNCLEAR   (-1)
#define SHARED    10
#define ALONE     (-4)

#define AGAIN       (100 * MPS_MSEC) /* before the next one */
#define DOUBT       (2 * MPS_SEC)    /* after a sum of outcomes that are not clear */
#define COST_DOUBT  50 /* in place of MPS_COUPLE_COST while the outcome is not clear */
#define WAIT_MAX    (80 * MPS_SEC)
#define REST_STRICT (15 * MPS_SEC) /* for MPS_COUPLE_REST_MIN where they share by decree */

void mps_couple_wake(struct mps_couple_slot *s, unsigned suspect, int points, mps_time_t now)
{
    s->leader = MPS_COUPLE_NONE;
    s->suspect = suspect;
    s->points = points;
    s->since = now;
    s->at = now + MPS_COUPLE_START;
}

enum mps_alike_verdict mps_couple_compare(const struct mps_couple *cp,
                                          const struct mps_couple_path *paths, unsigned n,
                                          unsigned slot)
{
    enum mps_alike_verdict ret = MPS_ALIKE_DIFFERENT;

    for (unsigned i = 0; i < n; i++) {
        enum mps_alike_verdict v = mps_alike_compare(&cp->alike, slot, paths[i].slot);

        if (paths[i].slot == slot || mps_couple_rests(cp, paths[i].slot))
            continue;
        if (v == MPS_ALIKE_SAME)
            return v;
        if (v == MPS_ALIKE_UNKNOWN)
            ret = v;
    }
    return ret;
}

/* ---- verdicts ---- */

/* RFC 6356 section 2.1: as fast as one TCP on the best path. Equal ones: the older. */
static bool better(const struct mps_couple_path *a, const struct mps_couple_path *b)
{
    if (a->rate > b->rate + b->rate / 2 || b->rate > a->rate + a->rate / 2)
        return a->rate > b->rate;
    if (a->min_rtt_us + a->min_rtt_us / 4 < b->min_rtt_us ||
        b->min_rtt_us + b->min_rtt_us / 4 < a->min_rtt_us)
        return a->min_rtt_us < b->min_rtt_us;
    return a->slot < b->slot;
}

static const struct mps_couple_path *best(const struct mps_couple *cp,
                                          const struct mps_couple_path *paths, unsigned n)
{
    const struct mps_couple_path *ret = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (!mps_couple_rests(cp, paths[i].slot) && (!ret || better(&paths[i], ret)))
            ret = &paths[i];
    }
    return ret;
}

/* For twice as long as the last time. */
static void rest(struct mps_couple *cp, struct mps_couple_slot *s, mps_time_t now)
{
    if (cp->mode == MPS_FAIR_STRICT && s->rest < REST_STRICT)
        s->rest = REST_STRICT;
    s->at = now + s->rest;
    s->rest = 2 * s->rest < MPS_COUPLE_REST_MAX ? 2 * s->rest : MPS_COUPLE_REST_MAX;
}

/* It rests, and so do those that rested behind it. */
static void rest_behind(struct mps_couple *cp, unsigned slot, unsigned leader, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[slot];

    s->leader = leader;
    s->points = 0;
    rest(cp, s, now);
    for (unsigned i = 0; i < MPS_FAIR_SLOTS; i++) {
        if (cp->slot[i].leader == slot)
            cp->slot[i].leader = leader;
    }
}

/* Two that share: the better one carries. */
static void couple(struct mps_couple *cp, const struct mps_couple_path *a,
                   const struct mps_couple_path *b, mps_time_t now)
{
    const struct mps_couple_path *carrier = better(a, b) ? a : b, *other = carrier == a ? b : a;

    cp->slot[a->slot].points = 0;
    rest_behind(cp, other->slot, carrier->slot, now);
}

void mps_couple_all(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                    mps_time_t now)
{
    const struct mps_couple_path *carrier = best(cp, paths, n);

    for (unsigned i = 0; i < n; i++) {
        if (&paths[i] != carrier && !mps_couple_rests(cp, paths[i].slot))
            rest_behind(cp, paths[i].slot, carrier->slot, now);
    }
}

static void stands_alone(struct mps_couple *cp, struct mps_couple_slot *s, bool clear,
                         mps_time_t now)
{
    mps_time_t cost = mps_part(WAITCOST) ? 2 * mps_sbd_pause(&cp->sbd) * MPS_COUPLE_COST : 0;

    s->rest = MPS_COUPLE_REST_MIN;
    if (!clear) { /* doubts are looked into soon */
        s->at = now + DOUBT;
    } else {
        /* One chance outcome is not believed for long. */
        if (s->wait == MPS_COUPLE_WAIT_MIN && mps_sbd_pause(&cp->sbd) <= MPS_COUPLE_CHEAP)
            cost = 0;
        s->at = now + (s->wait > cost ? s->wait : cost);
        s->wait = 2 * s->wait < WAIT_MAX ? 2 * s->wait : WAIT_MAX;
    }
    s->points = 0;
    s->suspect = MPS_COUPLE_NONE;
}

/* Who felt most of what the paused one did. */
static const struct mps_couple_path *partner(const struct mps_couple *cp,
                                             const struct mps_couple_path *paths, unsigned n)
{
    const struct mps_couple_path *ret = NULL;
    unsigned most = 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned gain = mps_sbd_gain(&cp->sbd, paths[i].slot);

        if (gain > most) {
            most = gain;
            ret = &paths[i];
        }
    }
    return ret;
}

/*
 * Whether a queue stayed while the other subflow paused. No change says much where there is none; a
 * full one may be others', who took what was given up, and keep it as it is.
 */
static bool any_full(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (paths[i].slot != cp->sbd.paused && !mps_couple_rests(cp, paths[i].slot) &&
            mps_sbd_rtt(&cp->sbd, paths[i].slot) > paths[i].min_rtt_us + paths[i].min_rtt_us / 2)
            return true;
    }
    return false;
}

/* For an experiment that no other subflow felt; `flat`: not even a little. */
static int points_of_none(const struct mps_couple *cp, const struct mps_couple_path *paths,
                          unsigned n, bool flat)
{
    enum mps_alike_verdict alike = mps_couple_compare(cp, paths, n, cp->sbd.paused);

    if (!flat)
        return UNCLEAR;
    if (alike == MPS_ALIKE_DIFFERENT || !mps_part(FULL) || !any_full(cp, paths, n))
        return FLAT;
    return alike == MPS_ALIKE_SAME ? UNCLEAR : FLAT_FULL;
}

static int points_of_gain(const struct mps_couple *cp, const struct mps_couple_path *own,
                          const struct mps_couple_path *other)
{
    return mps_alike_compare(&cp->alike, own->slot, other->slot) == MPS_ALIKE_SAME
               ? MPS_COUPLE_GAINED + ALIKE
               : MPS_COUPLE_GAINED;
}

/* It paused; `no`: points if no other one felt that. */
static void judge(struct mps_couple *cp, const struct mps_couple_path *own,
                  const struct mps_couple_path *other, int no, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[own->slot];

    /* What others took over has cost nothing. */
    if (!other)
        cp->thrift_until = now + cp->cost * (no == FLAT ? MPS_COUPLE_COST : COST_DOUBT);
    /* Suspicions are followed up at once, and doubts if that can be afforded. */
    s->at = now + AGAIN;
    if (!other) {
        s->points += no;
    } else if (other->slot == s->suspect) {
        s->points += points_of_gain(cp, own, other);
    } else {
        s->points = points_of_gain(cp, own, other);
        s->suspect = other->slot;
    }
    cp->verdict = other ? MPS_COUPLE_FELT : MPS_COUPLE_UNFELT;
    cp->verdict_points = s->points;
    if (s->points >= SHARED) {
        cp->verdict = MPS_COUPLE_COUPLED;
        couple(cp, own, other, now);
    } else if (s->points <= ALONE) {
        cp->verdict = MPS_COUPLE_APART;
        stands_alone(cp, s, no != UNCLEAR, now);
    }
}

/* It rests, and has been probed. */
static void judge_rest(struct mps_couple *cp, struct mps_couple_slot *s,
                       const struct mps_couple_path *other, bool flat, mps_time_t now)
{
    cp->verdict = other ? MPS_COUPLE_RESTS_ON : MPS_COUPLE_WOKEN;
    if (other) {
        s->leader = other->slot;
        rest(cp, s, now);
    } else if (flat) {
        mps_couple_wake(s, MPS_COUPLE_NONE, 0, now);
    } else {
        mps_couple_wake(s, s->leader, MPS_COUPLE_GAINED, now);
    }
}

const char *mps_couple_verdict_name(enum mps_couple_verdict verdict)
{
    static const char *const names[] = {
        [MPS_COUPLE_CANCELLED] = "cancelled", [MPS_COUPLE_FELT] = "felt",
        [MPS_COUPLE_UNFELT] = "unfelt",       [MPS_COUPLE_COUPLED] = "coupled",
        [MPS_COUPLE_APART] = "apart",         [MPS_COUPLE_RESTS_ON] = "rests_on",
        [MPS_COUPLE_WOKEN] = "woken",
    };

    return names[verdict];
}

void mps_couple_finish(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       mps_time_t now)
{
    const struct mps_couple_path *own = NULL, *other = partner(cp, paths, n);
    bool flat = mps_sbd_flat(&cp->sbd);
    int no = points_of_none(cp, paths, n, flat);

    for (unsigned i = 0; i < n; i++) {
        if (paths[i].slot == cp->sbd.paused)
            own = &paths[i];
    }
    mps_sbd_cancel(&cp->sbd);
    if (cp->sbd.probe)
        judge_rest(cp, &cp->slot[own->slot], other, flat, now);
    else
        judge(cp, own, other, no, now);
}
