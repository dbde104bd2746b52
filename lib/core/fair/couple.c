/* SPDX-License-Identifier: MIT */
#include "couple_int.h"
#include <string.h>
#include "core/base/part.h"

#define SLOW_START 12u              /* round trips of each subflow before the first experiment */
#define TICK       (125 * MPS_MSEC) /* between two counts of what was delivered */
#define LOOK       (500 * MPS_MSEC) /* until one that was too dear is thought of again */

static void reset(struct mps_couple_slot *s, mps_time_t now)
{
    *s = (struct mps_couple_slot){
        .leader = MPS_COUPLE_NONE,
        .suspect = MPS_COUPLE_NONE,
        .since = now,
        .at = now + MPS_COUPLE_START,
        .wait = MPS_COUPLE_WAIT_MIN,
        .rest = MPS_COUPLE_REST_MIN,
    };
}

void mps_couple_init(struct mps_couple *cp, enum mps_fairness mode)
{
    memset(cp, 0, sizeof(*cp));
    cp->mode = mode;
    mps_sbd_init(&cp->sbd);
    mps_alike_init(&cp->alike);
    for (unsigned i = 0; i < MPS_FAIR_SLOTS; i++)
        reset(&cp->slot[i], 0);
}

/* ---- who is there ---- */

/* A subflow starts, or is usable again. */
static void start(struct mps_couple *cp, const struct mps_couple_path *path, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[path->slot];

    reset(s, now);
    s->counted = path->delivered;
}

static void lost(struct mps_couple *cp, unsigned slot, mps_time_t now)
{
    cp->known &= ~(UINT32_C(1) << slot);
    reset(&cp->slot[slot], now);
    mps_alike_forget(&cp->alike, slot);
    if (mps_sbd_running(&cp->sbd) && cp->sbd.watched & UINT32_C(1) << slot)
        mps_sbd_cancel(&cp->sbd);
    for (unsigned i = 0; i < MPS_FAIR_SLOTS; i++) {
        if (cp->slot[i].leader == slot)
            mps_couple_wake(&cp->slot[i], MPS_COUPLE_NONE, 0, now);
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
    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++) {
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

/* ---- experiments ---- */

static unsigned sample(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       unsigned examined, struct mps_sbd_sample *ret)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!mps_couple_rests(cp, paths[i].slot) || paths[i].slot == examined)
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
    cp->tick_at = now + TICK;
    for (unsigned i = 0; i < n; i++) {
        struct mps_couple_slot *s = &cp->slot[paths[i].slot];

        s->recent -= s->recent / 8;
        s->recent += paths[i].delivered > s->counted ? paths[i].delivered - s->counted : 0;
        s->counted = paths[i].delivered;
    }
}

static void compare_queues(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                           mps_time_t now)
{
    struct mps_alike_sample samples[MPS_FAIR_SLOTS];

    for (unsigned i = 0; i < n; i++)
        samples[i] = (struct mps_alike_sample){paths[i].slot, paths[i].delivered, paths[i].srtt_us,
                                               paths[i].min_rtt_us};
    mps_alike_note(&cp->alike, samples, n, now);
}

/* What a pause takes of the connection's time: the paused one's part of the bytes. */
static mps_time_t cost_of(const struct mps_couple *cp, const struct mps_couple_path *paths,
                          unsigned n, unsigned slot, mps_time_t pause)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        if (paths[i].slot == slot || !mps_couple_rests(cp, paths[i].slot))
            sum += cp->slot[paths[i].slot].recent;
    }
    return sum > 0 ? pause / MPS_USEC * cp->slot[slot].recent / sum * MPS_USEC : pause;
}

/* The time of the connection that must have passed before a first experiment may pay for it. */
static mps_time_t down_payment(struct mps_couple *cp, const struct mps_couple_path *paths,
                               unsigned n, unsigned slot, mps_time_t pause)
{
    mps_time_t excess =
        pause > MPS_COUPLE_CHEAP && mps_part(PAYMENT) ? pause - MPS_COUPLE_CHEAP : 0;
    enum mps_alike_verdict alike = mps_couple_compare(cp, paths, n, slot);
    struct mps_couple_slot *s = &cp->slot[slot];

    if (alike != MPS_ALIKE_UNKNOWN)
        s->differs = alike == MPS_ALIKE_DIFFERENT;
    if (mps_couple_rests(cp, slot) || s->points > 0)
        return 0;
    if (s->differs && cp->cost > excess && mps_part(DIFFERS))
        excess = cp->cost;
    return excess * MPS_COUPLE_COST;
}

static void experiment(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       unsigned slot, mps_time_t now)
{
    struct mps_couple_slot *s = &cp->slot[slot];
    struct mps_sbd_sample samples[MPS_FAIR_SLOTS];
    unsigned k = sample(cp, paths, n, slot, samples);
    mps_time_t pause;
    uint32_t rtt = 0;

    for (unsigned i = 0; i < k; i++) {
        if (samples[i].srtt_us > rtt)
            rtt = samples[i].srtt_us;
    }
    cp->verdict = MPS_COUPLE_CANCELLED;
    cp->verdict_points = s->points;
    mps_sbd_start(&cp->sbd, slot, mps_couple_rests(cp, slot), (mps_time_t)rtt * MPS_USEC, samples,
                  k, now);
    pause = mps_sbd_pause(&cp->sbd);
    cp->cost = cost_of(cp, paths, n, slot, pause);
    if (now < s->since + down_payment(cp, paths, n, slot, pause)) {
        s->at = now + LOOK;
        mps_sbd_cancel(&cp->sbd);
    }
}

/* Slow start of some subflow may be under way: that changes what all deliver. */
static bool settling(const struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                     mps_time_t now)
{
    for (unsigned i = 0; i < n; i++) {
        mps_time_t rtts = paths[i].srtt_us * SLOW_START * MPS_USEC;

        if (!mps_couple_rests(cp, paths[i].slot) && now - cp->slot[paths[i].slot].since < rtts)
            return true;
    }
    return false;
}

/* Which one never pauses, since that would cost most: the one that delivered most lately. */
static const struct mps_couple_path *mainstay(const struct mps_couple *cp,
                                              const struct mps_couple_path *paths, unsigned n)
{
    const struct mps_couple_path *ret = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (mps_couple_rests(cp, paths[i].slot))
            continue;
        if (!ret || cp->slot[paths[i].slot].recent > cp->slot[ret->slot].recent)
            ret = &paths[i];
    }
    return ret;
}

/* Probing one that rests costs nothing, and suspicions do not wait. */
static bool affordable(const struct mps_couple *cp, unsigned slot, mps_time_t now)
{
    return cp->thrift_until <= now || mps_couple_rests(cp, slot) || cp->slot[slot].points > 0 ||
           !mps_part(THRIFT);
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
    compare_queues(cp, paths, n, now);
    if (mps_sbd_running(&cp->sbd)) {
        if (!busy) {
            cp->slot[cp->sbd.paused].at = now + MPS_COUPLE_START;
            mps_sbd_cancel(&cp->sbd);
        } else {
            struct mps_sbd_sample samples[MPS_FAIR_SLOTS];

            mps_sbd_step(&cp->sbd, samples, sample(cp, paths, n, cp->sbd.paused, samples), now);
            if (cp->sbd.phase == MPS_SBD_DONE)
                mps_couple_finish(cp, paths, n, now);
        }
        return;
    }
    /* A probe cannot show that it is the better one by now. */
    for (unsigned i = 0; i < n; i++) {
        struct mps_couple_slot *s = &cp->slot[paths[i].slot];
        bool long_ago = cp->mode == MPS_FAIR_STRICT || s->rest >= MPS_COUPLE_REST_MAX;

        if (busy && mps_couple_rests(cp, paths[i].slot) && s->at <= now && long_ago &&
            (mps_part(LONGAGO) || cp->mode == MPS_FAIR_STRICT))
            mps_couple_wake(s, s->leader, MPS_COUPLE_GAINED, now);
    }
    next = busy && !settling(cp, paths, n, now) ? due(cp, paths, n, now) : NULL;
    if (!next)
        return;
    if (cp->mode == MPS_FAIR_STRICT)
        mps_couple_all(cp, paths, n, now);
    else
        experiment(cp, paths, n, next->slot, now);
}

uint32_t mps_couple_resting(const struct mps_couple *cp)
{
    uint32_t mask = 0;

    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++) {
        bool examined = mps_sbd_running(&cp->sbd) && cp->sbd.paused == slot;

        if (examined ? mps_sbd_pauses(&cp->sbd, slot) : mps_couple_rests(cp, slot))
            mask |= UINT32_C(1) << slot;
    }
    return mask & cp->known;
}
