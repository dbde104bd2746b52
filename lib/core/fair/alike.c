/* SPDX-License-Identifier: MIT */
#include "alike.h"
#include <string.h>
#include "core/base/part.h"

#define NONE   UINT16_MAX
#define PER_MS 64u /* units of a sample */

/*
 * With and without (medians in the simulator, tests/bench/ablate.py): part of the sum over unlike
 * links 0.93 and 0.92, with outages 0.76 and 0.74; a bottleneck that is shared later is found after
 * 5.7 and 6.7 s.
 */
#define PERIOD   (100 * MPS_MSEC) /* between two samples */
#define QUEUE_MS 2                /* on average; shorter queues say nothing */
#define NEAR     12               /* percent of the longer one, up to which they are alike, */
#define FAR      30               /* and from which they differ */

void mps_alike_init(struct mps_alike *al)
{
    memset(al, 0, sizeof(*al));
    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++)
        mps_alike_forget(al, slot);
}

void mps_alike_forget(struct mps_alike *al, unsigned slot)
{
    al->delivered[slot] = 0;
    for (unsigned i = 0; i < MPS_ALIKE_SAMPLES; i++)
        al->queue[slot][i] = NONE;
}

static uint16_t queue_of(const struct mps_alike_sample *s)
{
    uint32_t us = s->srtt_us > s->min_rtt_us ? s->srtt_us - s->min_rtt_us : 0;
    uint64_t units = (uint64_t)us * PER_MS / 1000;

    return units < NONE ? (uint16_t)units : NONE - 1;
}

void mps_alike_note(struct mps_alike *al, const struct mps_alike_sample *samples, unsigned n,
                    mps_time_t now)
{
    if (now < al->at)
        return;
    al->at = now + PERIOD;
    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++)
        al->queue[slot][al->next] = NONE;
    for (unsigned i = 0; i < n; i++) {
        const struct mps_alike_sample *s = &samples[i];

        if (s->delivered > al->delivered[s->slot] && s->min_rtt_us > 0)
            al->queue[s->slot][al->next] = queue_of(s);
        al->delivered[s->slot] = s->delivered;
    }
    al->next = (al->next + 1) % MPS_ALIKE_SAMPLES;
}

enum mps_alike_verdict mps_alike_compare(const struct mps_alike *al, unsigned a, unsigned b)
{
    uint32_t apart = 0, longer = 0, n = 0;

    if (!mps_part(ALIKE))
        return MPS_ALIKE_UNKNOWN;

    for (unsigned i = 0; i < MPS_ALIKE_SAMPLES; i++) {
        uint16_t x = al->queue[a][i], y = al->queue[b][i];

        if (x == NONE || y == NONE)
            continue;
        apart += x > y ? (uint32_t)(x - y) : (uint32_t)(y - x);
        longer += x > y ? x : y;
        n++;
    }
    if (n < MPS_ALIKE_ENOUGH || longer < n * QUEUE_MS * PER_MS)
        return MPS_ALIKE_UNKNOWN;
    if (apart * 100 <= longer * NEAR)
        return MPS_ALIKE_SAME;
    return apart * 100 >= longer * FAR ? MPS_ALIKE_DIFFERENT : MPS_ALIKE_UNKNOWN;
}
