/* SPDX-License-Identifier: MIT */
#include "bottleneck.h"
#include <string.h>
#include "core/base/part.h"

/* A change has taken effect after a round trip and this; bytes are counted over two round trips, at
 * least so long. */
#define EFFECT     (50 * MPS_MSEC)
#define WINDOW_MIN (100 * MPS_MSEC)

/*
 * Percent, of the rate. Beside three rivals a shared bottleneck is found after 2.3 s, without
 * looking at the rate after 34 s (medians in the simulator, tests/bench/ablate.py, row shared-3).
 */
#define RISE  6  /* more than before and after on average: less is chance */
#define ABOVE 2  /* more than in either of them */
#define GAIN  20 /* of what was given up: with four competitors a fifth */
#define FLAT  2  /* up to this it is no change at all */
/*
 * Of the round trip. No row tells this from noise so far: two subflows alone at a bottleneck, with
 * BBR (the bed, four runs), are found to share after 3.5 s (2.7 to 5.8), without it after 4.3 (3.3
 * to 5.0).
 */
#define DIP       10   /* so much longer in either of the other windows, */
#define DENT      10   /* unless the rate was so much less */
#define DIP_FLAT  3    /* no change at all */
#define CHANCE_US 1000 /* microseconds that are chance */

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
    bool takes_effect = phase == MPS_SBD_FADING || phase == MPS_SBD_RESUMED;

    sbd->phase = phase;
    sbd->began_at = now;
    sbd->at = phase == MPS_SBD_DONE ? MPS_NEVER : now + (takes_effect ? sbd->effect : sbd->window);
}

static void count_anew(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sbd->count[samples[i].slot].base = samples[i].delivered;
}

void mps_sbd_start(struct mps_sbd *sbd, unsigned pause, bool probe, mps_time_t rtt,
                   const struct mps_sbd_sample *samples, unsigned n, mps_time_t now)
{
    mps_sbd_init(sbd);
    sbd->paused = pause;
    sbd->probe = probe;
    sbd->effect = rtt + EFFECT;
    sbd->window = 2 * rtt;
    if (sbd->window < WINDOW_MIN)
        sbd->window = WINDOW_MIN;
    for (unsigned i = 0; i < n; i++)
        sbd->watched |= UINT32_C(1) << samples[i].slot;
    count_anew(sbd, samples, n);
    enter(sbd, MPS_SBD_BEFORE, now);
}

/* Which window is measured now, -1: none. */
static int window_of(const struct mps_sbd *sbd)
{
    switch (sbd->phase) {
    case MPS_SBD_BEFORE:
        return 0;
    case MPS_SBD_PAUSED:
        return 1;
    case MPS_SBD_AFTER:
        return 2;
    default:
        return -1;
    }
}

void mps_sbd_step(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n,
                  mps_time_t now)
{
    int w = window_of(sbd);

    if (!mps_sbd_running(sbd))
        return;
    for (unsigned i = 0; w >= 0 && i < n; i++) {
        struct mps_sbd_count *count = &sbd->count[samples[i].slot];

        count->bytes[w] = samples[i].delivered - count->base;
        if (count->rtt[w] == 0 || samples[i].srtt_us < count->rtt[w])
            count->rtt[w] = samples[i].srtt_us;
        sbd->took[w] = now - sbd->began_at;
    }
    if (now < sbd->at)
        return;
    count_anew(sbd, samples, n);
    enter(sbd, sbd->phase + 1, now);
}

/* ---- the outcome ---- */

struct range {
    uint64_t least, most, mean;
};

/* What a subflow had while the other one was silent, and while it sent. */
struct felt {
    struct range silent_rate, busy_rate; /* bytes per second */
    struct range silent_rtt, busy_rtt;   /* microseconds */
};

static struct range range_of(const uint64_t window[3], bool middle)
{
    uint64_t a = window[0], b = window[2];

    if (middle)
        return (struct range){window[1], window[1], window[1]};
    return (struct range){a < b ? a : b, a < b ? b : a, (a + b) / 2};
}

static struct felt felt_by(const struct mps_sbd *sbd, unsigned slot)
{
    const struct mps_sbd_count *count = &sbd->count[slot];
    uint64_t rate[3], rtt[3];

    for (unsigned w = 0; w < 3; w++) {
        uint64_t us = (uint64_t)(sbd->took[w] / MPS_USEC) + 1;

        rate[w] = count->bytes[w] * 1000 / (us / 1000 + 1);
        rtt[w] = count->rtt[w];
    }
    return (struct felt){
        .silent_rate = range_of(rate, !sbd->probe),
        .busy_rate = range_of(rate, sbd->probe),
        .silent_rtt = range_of(rtt, !sbd->probe),
        .busy_rtt = range_of(rtt, sbd->probe),
    };
}

/* Whether there is something to compare. */
static bool compares(const struct mps_sbd *sbd, unsigned slot)
{
    return sbd->phase == MPS_SBD_DONE && slot != sbd->paused && sbd->watched & UINT32_C(1) << slot;
}

/* a is at least b plus so many percent of it. */
static bool exceeds(uint64_t a, uint64_t b, unsigned percent)
{
    return a > 0 && a * 100 >= b * (100 + percent);
}

/*
 * More in the middle than in either of the other windows: a dent in one of them (a loss, BBR's look
 * for the shortest round trip) is no rise in between.
 */
static unsigned gain_of_rate(const struct felt *f, uint64_t given)
{
    uint64_t gain;

    if (!mps_part(BYRATE) || given == 0 || f->busy_rate.mean == 0 ||
        !exceeds(f->silent_rate.least, f->busy_rate.most, ABOVE) ||
        !exceeds(f->silent_rate.mean, f->busy_rate.mean, RISE))
        return 0;
    gain = (f->silent_rate.mean - f->busy_rate.mean) * 100 / given;
    return gain >= GAIN ? (unsigned)gain : 0;
}

/* The round trip was so many percent shorter in the middle, and by more than chance. */
static bool dips(const struct felt *f, unsigned percent)
{
    return f->busy_rtt.least > f->silent_rtt.most + CHANCE_US &&
           exceeds(f->busy_rtt.least, f->silent_rtt.most, percent);
}

/* A round trip that is short because the subflow itself sent less (the same look) does not count.
 */
static unsigned gain_of_rtt(const struct felt *f)
{
    if (!mps_part(BYRTT) ||
        !exceeds(f->silent_rate.least, f->busy_rate.least * (100 - DENT) / 100, 0) || !dips(f, DIP))
        return 0;
    return (unsigned)((f->busy_rtt.least - f->silent_rtt.most) * 100 / f->busy_rtt.least);
}

unsigned mps_sbd_gain(const struct mps_sbd *sbd, unsigned slot)
{
    struct felt f = felt_by(sbd, slot), other = felt_by(sbd, sbd->paused);
    unsigned by_rate, by_rtt;

    if (!compares(sbd, slot))
        return 0;
    by_rate = gain_of_rate(&f, other.busy_rate.mean);
    by_rtt = gain_of_rtt(&f);
    return by_rate > by_rtt ? by_rate : by_rtt;
}

bool mps_sbd_flat(const struct mps_sbd *sbd)
{
    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++) {
        struct felt f = felt_by(sbd, slot);

        if (!compares(sbd, slot))
            continue;
        if (exceeds(f.silent_rate.mean, f.busy_rate.mean, FLAT + 1) || dips(&f, DIP_FLAT + 1))
            return false;
    }
    return sbd->phase == MPS_SBD_DONE;
}
