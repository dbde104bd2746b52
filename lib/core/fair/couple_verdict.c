/* SPDX-License-Identifier: MIT */
/* What follows from an experiment: who rests, and when the next one is due. */
#include "couple_int.h"
#include "core/base/constants.h"

void mps_couple_wake(struct mps_couple_slot *s, unsigned suspect, int points, mps_time_t now)
{
    s->leader = MPS_COUPLE_NONE;
    s->suspect = suspect;
    s->points = points;
    s->checks = 0;
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
    if (cp->mode == MPS_FAIR_STRICT && s->rest < MPS_COUPLE_REST_STRICT)
        s->rest = MPS_COUPLE_REST_STRICT;
    s->checks = 0;
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
    for (unsigned i = 0; i < MPS_MAX_SUBFLOWS; i++) {
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
    mps_couple_past_drop(&cp->past, a->path);
    mps_couple_past_drop(&cp->past, b->path);
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
    mps_time_t cost = 2 * mps_sbd_pause(&cp->sbd) * MPS_COUPLE_COST;

    s->rest = MPS_COUPLE_REST_MIN;
    if (!clear) { /* doubts are settled soon */
        s->at = now + s->doubt;
        s->doubt = 2 * s->doubt < MPS_COUPLE_WAIT_MAX ? 2 * s->doubt : MPS_COUPLE_WAIT_MAX;
    } else {
        /* One chance outcome is not believed for long. */
        if (s->wait == MPS_COUPLE_WAIT_MIN && mps_sbd_pause(&cp->sbd) <= MPS_COUPLE_CHEAP)
            cost = 0;
        s->at = now + (s->wait > cost ? s->wait : cost);
        s->wait = 2 * s->wait < MPS_COUPLE_WAIT_MAX ? 2 * s->wait : MPS_COUPLE_WAIT_MAX;
        mps_couple_past_keep(&cp->past, s->path, s->at, s->wait);
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
        return MPS_COUPLE_UNCLEAR;
    if (alike == MPS_ALIKE_DIFFERENT || !any_full(cp, paths, n))
        return MPS_COUPLE_FLAT;
    return alike == MPS_ALIKE_SAME ? MPS_COUPLE_UNCLEAR : MPS_COUPLE_FLAT_FULL;
}

static int points_of_gain(const struct mps_couple *cp, const struct mps_couple_path *own,
                          const struct mps_couple_path *other)
{
    return mps_alike_compare(&cp->alike, own->slot, other->slot) == MPS_ALIKE_SAME
               ? MPS_COUPLE_GAINED + MPS_COUPLE_ALIKE
               : MPS_COUPLE_GAINED;
}

/* It paused; `no`: points if no other one felt that. */
static void judge(struct mps_couple *cp, const struct mps_couple_path *own,
                  const struct mps_couple_path *other, int no, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[own->slot];

    /* What others took over has cost nothing. */
    if (!other)
        cp->thrift_until = now + cp->cost * (no == MPS_COUPLE_FLAT ? MPS_COUPLE_COST
                                                                   : MPS_COUPLE_COST_DOUBT);
    /* Suspicions are followed up at once, and doubts if that can be afforded. */
    s->at = now + (other || no == MPS_COUPLE_UNCLEAR ? MPS_COUPLE_AGAIN : MPS_COUPLE_LATER);
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
    if (s->points >= MPS_COUPLE_SHARED) {
        cp->verdict = MPS_COUPLE_COUPLED;
        couple(cp, own, other, now);
    } else if (s->points <= MPS_COUPLE_ALONE) {
        cp->verdict = MPS_COUPLE_APART;
        stands_alone(cp, s, no != MPS_COUPLE_UNCLEAR, now);
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
    } else if (++s->checks >= MPS_COUPLE_CHECKS) {
        mps_couple_wake(s, s->leader, MPS_COUPLE_GAINED, now);
    } else {
        cp->verdict = MPS_COUPLE_UNFELT;
        s->at = now + MPS_COUPLE_AGAIN;
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
