/* SPDX-License-Identifier: MIT */
#include "sbd.h"
#include <string.h>
#include "constants.h"

void mps_sbd_init(struct mps_sbd *sbd)
{
    memset(sbd, 0, sizeof(*sbd));
    sbd->at = MPS_NEVER;
}

void mps_sbd_cancel(struct mps_sbd *sbd)
{
    sbd->phase = MPS_SBD_IDLE;
    sbd->at = MPS_NEVER;
}

static void enter(struct mps_sbd *sbd, enum mps_sbd_phase phase, mps_time_t now)
{
    bool settles = phase == MPS_SBD_FADING || phase == MPS_SBD_RESUMED;

    sbd->phase = phase;
    sbd->began_at = now;
    sbd->at = phase == MPS_SBD_DONE ? MPS_NEVER : now + (settles ? sbd->settle : sbd->window);
}

static void mark(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sbd->count[samples[i].slot].mark = samples[i].delivered;
}

void mps_sbd_start(struct mps_sbd *sbd, unsigned pause, mps_time_t rtt,
                   const struct mps_sbd_sample *samples, unsigned n, mps_time_t now)
{
    mps_sbd_init(sbd);
    sbd->paused = pause;
    sbd->settle = rtt + MPS_SBD_SETTLE;
    sbd->window = 2 * rtt;
    if (sbd->window < MPS_SBD_WINDOW_MIN)
        sbd->window = MPS_SBD_WINDOW_MIN;
    for (unsigned i = 0; i < n; i++)
        sbd->watched |= UINT32_C(1) << samples[i].slot;
    mark(sbd, samples, n);
    enter(sbd, MPS_SBD_BEFORE, now);
}

/* Where the current window's bytes are counted, NULL if it is none. */
static uint64_t *window_of(struct mps_sbd *sbd, struct mps_sbd_count *count, mps_time_t **ret_took)
{
    switch (sbd->phase) {
    case MPS_SBD_BEFORE:
        *ret_took = &sbd->took[0];
        return &count->before;
    case MPS_SBD_PAUSED:
        *ret_took = &sbd->took[1];
        return &count->paused;
    case MPS_SBD_AFTER:
        *ret_took = &sbd->took[2];
        return &count->after;
    default:
        return NULL;
    }
}

void mps_sbd_step(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n,
                  mps_time_t now)
{
    if (!mps_sbd_running(sbd) || now < sbd->at)
        return;
    for (unsigned i = 0; i < n; i++) {
        struct mps_sbd_count *count = &sbd->count[samples[i].slot];
        mps_time_t *took;
        uint64_t *bytes = window_of(sbd, count, &took);

        if (!bytes)
            break;
        *bytes = samples[i].delivered - count->mark;
        *took = now - sbd->began_at;
    }
    mark(sbd, samples, n);
    enter(sbd, sbd->phase + 1, now);
}

static uint64_t rate(uint64_t bytes, mps_time_t took)
{
    return took > 0 ? bytes * 1000 / ((uint64_t)(took / MPS_MSEC) + 1) : 0;
}

struct rates {
    uint64_t most, usual, paused; /* before or after; both on average; meanwhile */
};

/* False if there is nothing to compare. */
static bool compare(const struct mps_sbd *sbd, unsigned slot, struct rates *ret)
{
    const struct mps_sbd_count *own = &sbd->count[slot];
    uint64_t before = rate(own->before, sbd->took[0]), after = rate(own->after, sbd->took[2]);

    ret->most = before > after ? before : after;
    ret->usual = (before + after) / 2;
    ret->paused = rate(own->paused, sbd->took[1]);
    return sbd->phase == MPS_SBD_DONE && slot != sbd->paused && ret->usual > 0 &&
           sbd->watched & UINT32_C(1) << slot;
}

unsigned mps_sbd_gain(const struct mps_sbd *sbd, unsigned slot)
{
    const struct mps_sbd_count *other = &sbd->count[sbd->paused];
    uint64_t given = (rate(other->before, sbd->took[0]) + rate(other->after, sbd->took[2])) / 2;
    struct rates r;

    if (!compare(sbd, slot, &r) || given == 0)
        return 0;
    /* More than in either of the other windows: a dent in one of them (a loss, BBR's look for the
     * shortest round trip) is no rise in between. */
    if (r.paused * 100 < r.most * (100 + MPS_SBD_ABOVE) ||
        r.paused * 100 < r.usual * (100 + MPS_SBD_RISE))
        return 0;
    return (unsigned)((r.paused - r.usual) * 100 / given);
}

bool mps_sbd_flat(const struct mps_sbd *sbd)
{
    struct rates r;

    for (unsigned slot = 0; slot < MPS_MAX_SUBFLOWS; slot++) {
        if (compare(sbd, slot, &r) && r.paused * 100 > r.usual * (100 + MPS_SBD_FLAT))
            return false;
    }
    return sbd->phase == MPS_SBD_DONE;
}
