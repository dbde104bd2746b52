/* SPDX-License-Identifier: MIT */
#include "couple.h"
#include <string.h>
#include "constants.h"

bool mps_fairness_find(const char *name, enum mps_fairness *ret)
{
    static const char *const names[] = {"auto", "off", "strict"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum mps_fairness)i;
            return true;
        }
    }
    return false;
}

static void reset(struct mps_couple_slot *s, mps_time_t now)
{
    *s = (struct mps_couple_slot){
        .leader = MPS_COUPLE_NONE,
        .suspect = MPS_COUPLE_NONE,
        .since = now,
        .at = now + MPS_COUPLE_START,
        .wait = MPS_COUPLE_WAIT_MIN,
        .doubt = MPS_COUPLE_DOUBT,
        .rest = MPS_COUPLE_REST_MIN,
    };
}

void mps_couple_init(struct mps_couple *cp, enum mps_fairness mode)
{
    memset(cp, 0, sizeof(*cp));
    cp->mode = mode;
    mps_sbd_init(&cp->sbd);
    for (unsigned i = 0; i < MPS_MAX_SUBFLOWS; i++)
        reset(&cp->slot[i], 0);
}

/* It carries again, `suspect` with so many points. */
static void wake(struct mps_couple_slot *s, unsigned suspect, int points, mps_time_t now)
{
    s->leader = MPS_COUPLE_NONE;
    s->suspect = suspect;
    s->points = points;
    s->checks = 0;
    s->since = now;
    s->at = now + MPS_COUPLE_START;
}

/* ---- what is known about a path ---- */

static void remember(struct mps_couple *cp, const struct mps_couple_slot *s)
{
    struct mps_couple_past *oldest = &cp->past[0];

    for (unsigned i = 0; i < MPS_COUPLE_PAST; i++) {
        if (cp->past[i].at != 0 && cp->past[i].path == s->path) {
            oldest = &cp->past[i];
            break;
        }
        if (cp->past[i].at < oldest->at)
            oldest = &cp->past[i];
    }
    *oldest = (struct mps_couple_past){s->path, s->at, s->wait};
}

static void forget(struct mps_couple *cp, uint32_t path)
{
    for (unsigned i = 0; i < MPS_COUPLE_PAST; i++) {
        if (cp->past[i].path == path)
            cp->past[i].at = 0;
    }
}

/* A subflow starts, or is usable again. */
static void start(struct mps_couple *cp, const struct mps_couple_path *path, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[path->slot];

    reset(s, now);
    s->path = path->path;
    s->counted = path->delivered;
    for (unsigned i = 0; i < MPS_COUPLE_PAST; i++) {
        if (cp->past[i].path == path->path && cp->past[i].at > s->at) {
            s->at = cp->past[i].at;
            s->wait = cp->past[i].wait;
        }
    }
}

/* ---- who is there ---- */

static void lost(struct mps_couple *cp, unsigned slot, mps_time_t now)
{
    cp->known &= ~(UINT32_C(1) << slot);
    reset(&cp->slot[slot], now);
    if (mps_sbd_running(&cp->sbd) && cp->sbd.watched & UINT32_C(1) << slot)
        mps_sbd_cancel(&cp->sbd);
    for (unsigned i = 0; i < MPS_MAX_SUBFLOWS; i++) {
        if (cp->slot[i].leader == slot)
            wake(&cp->slot[i], MPS_COUPLE_NONE, 0, now);
    }
}

void mps_couple_forget(struct mps_couple *cp, unsigned slot)
{
    lost(cp, slot, 0);
}

static void look_around(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                        mps_time_t now)
{
    uint32_t seen = 0, gone;

    for (unsigned i = 0; i < n; i++)
        seen |= UINT32_C(1) << paths[i].slot;
    if (seen == cp->known)
        return;
    gone = cp->known & ~seen;
    for (unsigned slot = 0; slot < MPS_MAX_SUBFLOWS; slot++) {
        if (gone & UINT32_C(1) << slot)
            lost(cp, slot, now);
    }
    for (unsigned i = 0; i < n; i++) {
        if (!(cp->known & UINT32_C(1) << paths[i].slot))
            start(cp, &paths[i], now);
    }
    /* A newcomer changes what the others deliver: nothing is measured meanwhile. */
    if (mps_sbd_running(&cp->sbd))
        mps_sbd_cancel(&cp->sbd);
    cp->known = seen;
}

static bool rests(const struct mps_couple *cp, unsigned slot)
{
    return cp->slot[slot].leader != MPS_COUPLE_NONE;
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
        if (!rests(cp, paths[i].slot) && (!ret || better(&paths[i], ret)))
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
    forget(cp, a->path);
    forget(cp, b->path);
    rest_behind(cp, other->slot, carrier->slot, now);
}

static void couple_all(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       mps_time_t now)
{
    const struct mps_couple_path *carrier = best(cp, paths, n);

    for (unsigned i = 0; i < n; i++) {
        if (&paths[i] != carrier && !rests(cp, paths[i].slot))
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
        remember(cp, s);
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

/* No change says much where queues are empty. Full ones may be others', and stay as they are. */
static int points_of_flat(const struct mps_couple *cp, const struct mps_couple_path *paths,
                          unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (paths[i].slot != cp->sbd.paused && !rests(cp, paths[i].slot) &&
            paths[i].srtt_us > paths[i].min_rtt_us + paths[i].min_rtt_us / 3)
            return MPS_COUPLE_FLAT_FULL;
    }
    return MPS_COUPLE_FLAT;
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
        s->points += MPS_COUPLE_GAINED;
    } else {
        s->points = MPS_COUPLE_GAINED;
        s->suspect = other->slot;
    }
    if (s->points >= MPS_COUPLE_SHARED)
        couple(cp, own, other, now);
    else if (s->points <= MPS_COUPLE_ALONE)
        stands_alone(cp, s, no != MPS_COUPLE_UNCLEAR, now);
}

/* It rests, and has been probed. */
static void judge_rest(struct mps_couple *cp, struct mps_couple_slot *s,
                       const struct mps_couple_path *other, bool flat, mps_time_t now)
{
    if (other) {
        s->leader = other->slot;
        rest(cp, s, now);
    } else if (flat) {
        wake(s, MPS_COUPLE_NONE, 0, now);
    } else if (++s->checks >= MPS_COUPLE_CHECKS) {
        wake(s, s->leader, MPS_COUPLE_GAINED, now);
    } else {
        s->at = now + MPS_COUPLE_AGAIN;
    }
}

static void finish(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                   mps_time_t now)
{
    const struct mps_couple_path *own = NULL, *other = partner(cp, paths, n);
    bool flat = mps_sbd_flat(&cp->sbd);
    int no = flat ? points_of_flat(cp, paths, n) : MPS_COUPLE_UNCLEAR;

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

/* ---- experiments ---- */

static unsigned sample(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       unsigned examined, struct mps_sbd_sample *ret)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!rests(cp, paths[i].slot) || paths[i].slot == examined)
            ret[k++] = (struct mps_sbd_sample){paths[i].slot, paths[i].delivered, paths[i].srtt_us};
    }
    return k;
}

/* Rates that TCP reports are at times many times too high; what came through is not. */
static void count(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                  mps_time_t now)
{
    if (now < cp->tick_at)
        return;
    cp->tick_at = now + MPS_COUPLE_TICK;
    for (unsigned i = 0; i < n; i++) {
        struct mps_couple_slot *s = &cp->slot[paths[i].slot];

        s->recent -= s->recent / 8;
        s->recent += paths[i].delivered > s->counted ? paths[i].delivered - s->counted : 0;
        s->counted = paths[i].delivered;
    }
}

/* What a pause takes of the connection's time: the paused one's part of the bytes. */
static mps_time_t cost_of(const struct mps_couple *cp, const struct mps_couple_path *paths,
                          unsigned n, unsigned slot, mps_time_t pause)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        if (paths[i].slot == slot || !rests(cp, paths[i].slot))
            sum += cp->slot[paths[i].slot].recent;
    }
    return sum > 0 ? pause / MPS_USEC * cp->slot[slot].recent / sum * MPS_USEC : pause;
}

static void experiment(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       unsigned slot, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[slot];
    struct mps_sbd_sample samples[MPS_MAX_SUBFLOWS];
    unsigned k = sample(cp, paths, n, slot, samples);
    mps_time_t pause;
    uint32_t rtt = 0;

    for (unsigned i = 0; i < k; i++) {
        if (samples[i].srtt_us > rtt)
            rtt = samples[i].srtt_us;
    }
    mps_sbd_start(&cp->sbd, slot, rests(cp, slot), (mps_time_t)rtt * MPS_USEC, samples, k, now);
    pause = mps_sbd_pause(&cp->sbd);
    cp->cost = cost_of(cp, paths, n, slot, pause);
    if (pause > MPS_COUPLE_CHEAP && !rests(cp, slot) && !s->saved) {
        s->saved = true;
        s->at = now + (pause - MPS_COUPLE_CHEAP) * MPS_COUPLE_COST;
        mps_sbd_cancel(&cp->sbd);
    }
}

/* Slow start of some subflow, or its end in losses, may be under way: that changes what all deliver,
 * and a pause would leave the last losses to a timeout. */
static bool settling(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                     mps_time_t now)
{
    for (unsigned i = 0; i < n; i++) {
        mps_time_t rtts = paths[i].srtt_us * MPS_COUPLE_SLOW_START * MPS_USEC;
        mps_time_t age = now - cp->slot[paths[i].slot].since;

        if (!rests(cp, paths[i].slot) &&
            (age < rtts || (paths[i].losing && age < MPS_COUPLE_LOSSES)))
            return true;
    }
    return false;
}

/* Which one never pauses, since that would cost most. Rates vary: of those that delivered at least
 * half as much as any other in the last second it is the one that has delivered most in all. */
static const struct mps_couple_path *mainstay(const struct mps_couple *cp,
                                              const struct mps_couple_path *paths, unsigned n)
{
    const struct mps_couple_path *ret = NULL;
    uint64_t highest = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!rests(cp, paths[i].slot) && cp->slot[paths[i].slot].recent > highest)
            highest = cp->slot[paths[i].slot].recent;
    }
    for (unsigned i = 0; i < n; i++) {
        if (rests(cp, paths[i].slot) || cp->slot[paths[i].slot].recent < highest / 2)
            continue;
        if (!ret || paths[i].delivered > ret->delivered)
            ret = &paths[i];
    }
    return ret;
}

/* Probing one that rests costs nothing, and suspicions do not wait. */
static bool affordable(const struct mps_couple *cp, unsigned slot, mps_time_t now)
{
    return cp->thrift_until <= now || rests(cp, slot) || cp->slot[slot].points > 0;
}

/* The subflow whose turn it is: of several the slowest, whose pause costs least. */
static const struct mps_couple_path *
due(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n, mps_time_t now)
{
    const struct mps_couple_path *spared = mainstay(cp, paths, n), *ret = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (&paths[i] == spared || cp->slot[paths[i].slot].at > now ||
            !affordable(cp, paths[i].slot, now))
            continue;
        if (!ret || cp->slot[paths[i].slot].recent < cp->slot[ret->slot].recent)
            ret = &paths[i];
    }
    return ret;
}

void mps_couple_run(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                    bool busy, mps_time_t now)
{
    const struct mps_couple_path *next;

    look_around(cp, paths, n, now);
    count(cp, paths, n, now);
    if (mps_sbd_running(&cp->sbd)) {
        if (!busy) {
            cp->slot[cp->sbd.paused].at = now + MPS_COUPLE_START;
            mps_sbd_cancel(&cp->sbd);
        } else {
            struct mps_sbd_sample samples[MPS_MAX_SUBFLOWS];

            mps_sbd_step(&cp->sbd, samples, sample(cp, paths, n, cp->sbd.paused, samples), now);
            if (cp->sbd.phase == MPS_SBD_DONE)
                finish(cp, paths, n, now);
        }
        return;
    }
    /* A probe cannot show that it is the better one by now. */
    for (unsigned i = 0; i < n; i++) {
        struct mps_couple_slot *s = &cp->slot[paths[i].slot];
        bool long_ago = cp->mode == MPS_FAIR_STRICT || s->rest >= MPS_COUPLE_REST_MAX;

        if (busy && rests(cp, paths[i].slot) && s->at <= now && s->checks == 0 && long_ago)
            wake(s, s->leader, MPS_COUPLE_GAINED, now);
    }
    next = busy && !settling(cp, paths, n, now) ? due(cp, paths, n, now) : NULL;
    if (!next)
        return;
    if (cp->mode == MPS_FAIR_STRICT)
        couple_all(cp, paths, n, now);
    else
        experiment(cp, paths, n, next->slot, now);
}

uint32_t mps_couple_resting(const struct mps_couple *cp)
{
    uint32_t mask = 0;

    for (unsigned slot = 0; slot < MPS_MAX_SUBFLOWS; slot++) {
        bool examined = mps_sbd_running(&cp->sbd) && cp->sbd.paused == slot;

        if (examined ? mps_sbd_pauses(&cp->sbd, slot) : rests(cp, slot))
            mask |= UINT32_C(1) << slot;
    }
    return mask & cp->known;
}
